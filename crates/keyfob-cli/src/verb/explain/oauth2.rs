//! OAuth 2: which token, how it travels, where to, and what happens when it has ended.

use keyfob::proto::{Attach, Origin, Signal, TokenSet};

use super::{Step, clean};
use crate::account::{expiry, now};
use crate::context::Opened;
use crate::output::Paint;

/// What has a colour wherever it stands: the token, where it may go, and what the provider wants besides.
const TOKEN: usize = 0;
const ORIGIN: usize = 1;
const OWN: usize = 2;

/// The steps.
pub(super) fn steps(opened: &Opened, sent: &str, paint: Paint) -> Vec<Step> {
    let (account, api) = (&opened.account, &opened.settings.api);
    let bound = matches!(&account.tokens, TokenSet::OAuth2(tokens) if tokens.proof_key.is_some());
    let named = paint.nth(TOKEN, "the access token");
    let mut token = vec![format!("{named} of {} ends {}", account.name, expiry(account, now()))];
    if account.renews() {
        token.push("refreshed before it is used within the last minute, or the last tenth, of its life".to_owned());
    }
    let mut steps = vec![Step::new("The token", "RFC 6749 §1.4, §6", token)];
    let origins = account.origins.iter().map(|origin| paint.nth(ORIGIN, &clean(&origin.to_string()))).collect::<Vec<_>>().join(" ");
    steps.push(Step::new("Where it may go: the origins of the login, and nowhere else", "RFC 6750 §5.3", vec![origins]));
    let (how, section) = match &api.attach {
        _ if bound => (
            "in the Authorization header as DPoP, with a proof by the key that it is bound to: of method, URL, time and token",
            "RFC 9449 §7.1",
        ),
        Attach::Query(_) => ("in the query, where logs keep it: the provider knows no other way", "RFC 6750 §2.3"),
        Attach::Body(_) => ("in the form", "RFC 6750 §2.2"),
        Attach::Headers(_) => ("in headers of the provider's own", "RFC 9110 §5.1"),
        _ => ("in the Authorization header", "RFC 6750 §2.1"),
    };
    steps.push(Step::new("How it travels", section, vec![paint.nth(TOKEN, how)]));
    if !api.headers.is_empty() {
        let headers = api.headers.iter().map(|(name, value)| paint.nth(OWN, &format!("{name}: {}", clean(value.as_str())))).collect();
        steps.push(Step::new("What the provider wants of every call", "RFC 9110 §5.1", headers));
    }
    let of_token = |name: &str| match &api.attach {
        Attach::Headers(headers) => headers.iter().any(|(own, _)| own.as_str().eq_ignore_ascii_case(name)),
        _ => matches!(name, "authorization" | "dpop"),
    };
    let line = |line: &str| match line.split_once(": ") {
        Some((name, _)) if of_token(name) => paint.nth(TOKEN, line),
        Some((name, _)) if api.headers.iter().any(|(own, _)| own.as_str().eq_ignore_ascii_case(name)) => paint.nth(OWN, line),
        _ => account
            .origins
            .iter()
            .map(Origin::to_string)
            .find(|origin| line.contains(origin.as_str()))
            .map_or_else(|| line.to_owned(), |origin| line.replacen(&origin, &paint.nth(ORIGIN, &origin), 1)),
    };
    steps.push(Step::new("What is sent", "RFC 9110", clean(sent).lines().map(line).collect()));
    let mut ends: Vec<String> = api.expired.iter().map(|signal| in_words(signal, "the token has ended")).collect();
    if ends.is_empty() {
        ends.push("nothing says that the token has ended".to_owned());
    } else if account.renews() {
        ends.push("then it is refreshed once, and the call is sent once more".to_owned());
    }
    ends.extend(api.failed.iter().map(|signal| in_words(signal, "it is an error, whatever the status says")));
    steps.push(Step::new("What the answer can say", "RFC 6750 §3.1", ends));
    steps
}

/// A condition of the provider's file.
fn in_words(signal: &Signal, means: &str) -> String {
    let statuses: Vec<String> = signal.statuses.iter().map(u16::to_string).collect();
    let place = match (&signal.pointer, signal.values.as_slice()) {
        (None, _) => String::new(),
        (Some(pointer), []) => format!(" with something at {pointer}"),
        (Some(pointer), values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!(" with {} at {pointer}", values.join(" or "))
        }
    };
    clean(&format!("HTTP {}{place}: {means}", statuses.join(", ")))
}
