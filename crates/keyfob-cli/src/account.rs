//! An account in words and in JSON.

use keyfob::proto::scrub::printable;
use keyfob::proto::{Timestamp, TokenSet};
use keyfob::{Account, Clock, Health, SystemClock};
use keyfob_providers::Action;
use serde_json::{Value, json};

use crate::context::Context;
use crate::moment;
use crate::perform::quoted;

/// Now, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// The scopes it has, and those it was refused; nothing where the provider knows none.
pub(crate) fn scopes(account: &Account) -> Option<String> {
    let TokenSet::OAuth2(tokens) = &account.tokens else { return None };
    let granted = &tokens.scopes;
    let refused: Vec<String> = missing_scopes(account).into_iter().map(printable).collect();
    if granted.is_empty() && refused.is_empty() {
        return None;
    }
    // A server may call a scope anything: none of it makes a line of its own.
    let granted =
        if granted.is_empty() { "none".to_owned() } else { granted.iter().map(|scope| printable(scope)).collect::<Vec<_>>().join(" ") };
    Some(if refused.is_empty() { granted } else { format!("{granted} (asked for and not granted: {})", refused.join(" ")) })
}

/// The scopes that were asked for and not granted.
pub(crate) fn missing_scopes(account: &Account) -> Vec<&str> {
    let TokenSet::OAuth2(tokens) = &account.tokens else { return Vec::new() };
    account.requested_scopes.iter().filter(|asked| !tokens.scopes.contains(asked)).map(String::as_str).collect()
}

/// When it ends, and what happens then.
pub(crate) fn expiry(account: &Account, now: Timestamp) -> String {
    // Whose refresh was refused renews nothing any more.
    let renews = account.renews() && account.health == Health::Ok;
    match (&account.tokens, account.tokens.expires_at()) {
        (TokenSet::OAuth2(tokens), Some(_)) if account.came_in_the_future(now) => {
            let then = if renews { "; renews itself" } else { "" };
            format!("not known: received in the future ({}), by a clock that was wrong{then}", moment::from_now(tokens.received_at, now))
        }
        (TokenSet::OAuth1(_), _) if account.health != Health::Ok => "not good any more".to_owned(),
        (TokenSet::OAuth1(_), _) => "never, until somebody revokes it".to_owned(),
        (_, None) if renews => "not said; renews itself".to_owned(),
        (_, None) => "not said; nothing renews it".to_owned(),
        (_, Some(at)) if at <= now && renews => format!("{}, renews itself at the next call", moment::from_now(at, now)),
        (_, Some(at)) if renews => format!("{}, renews itself", moment::from_now(at, now)),
        (_, Some(at)) if at <= now => moment::from_now(at, now),
        (_, Some(at)) => format!("{}, then log in again", moment::from_now(at, now)),
    }
}

/// Whether it can be used without a person.
pub(crate) fn is_usable(account: &Account, now: Timestamp) -> bool {
    let ended = account.tokens.expires_at().is_some_and(|at| at <= now) && !account.renews();
    account.health == Health::Ok && !ended
}

/// Its health, and the reason where it is bad.
pub(crate) fn health(account: &Account, now: Timestamp) -> (&'static str, Option<String>) {
    match &account.health {
        Health::NeedsLogin { reason, since } => ("needs login", Some(format!("{reason}; since {}", moment::local(*since)))),
        _ if !is_usable(account, now) => ("needs login", Some("the access token has ended, and there is no refresh token".to_owned())),
        _ => ("ok", None),
    }
}

/// What makes it good again.
pub(crate) fn login_again(account: &Account) -> String {
    login_again_with(account, "")
}

/// The same with these options, each behind a blank.
pub(crate) fn login_again_with(account: &Account, options: &str) -> String {
    login_to(&account.name, &format!("{}{options}", account.grant.login_options()))
}

/// The command that logs in to an account of this name, with these options. One of a person who signs in to the web app (`~…`) is no name that the command
/// gives; who can log in to it is that person, there.
pub(crate) fn login_to(name: &str, options: &str) -> String {
    match name.starts_with('~') {
        true => IN_WEB_APP.to_owned(),
        false => format!("keyfob login {name}{options}"),
    }
}

/// Where the person logs in whose account it is.
const IN_WEB_APP: &str = "in the web app, where the person that it belongs to presses Log in again";

/// The same for a hint of the layers below, which know of no web app.
pub(crate) fn for_its_person(hint: String) -> String {
    match hint.split_once("keyfob login ~") {
        Some((before, _)) => format!("{before}{IN_WEB_APP}"),
        None => hint,
    }
}

/// The scopes that an action needs and the account was not given, and the login that asks for them; `None` where it lacks none, or has no scopes.
pub(crate) fn login_for(action: &Action, account: &Account) -> Option<(Vec<String>, String)> {
    let TokenSet::OAuth2(tokens) = &account.tokens else { return None };
    let lacking: Vec<String> = action.lacking(&tokens.scopes).into_iter().map(str::to_owned).collect();
    let login = login_again_with(account, &with_scopes(&lacking));
    (!lacking.is_empty()).then_some((lacking, login))
}

/// What makes a login ask for these, too.
pub(crate) fn with_scopes(scopes: &[impl AsRef<str>]) -> String {
    scopes.iter().map(|scope| format!(" --add-scope {}", quoted(scope.as_ref()))).collect()
}

/// What programs get told. No secret is in it.
pub(crate) fn json(account: &Account, context: &Context) -> Value {
    let now = now();
    let (state, reason) = health(account, now);
    let granted = match &account.tokens {
        TokenSet::OAuth2(tokens) => tokens.scopes.clone(),
        _ => Vec::new(),
    };
    let expires_at = account.tokens.expires_at();
    let usable = is_usable(account, now);
    json!({
        "account": account.name,
        "provider": account.provider,
        "client_id": account.client_id,
        "kind": match &account.tokens { TokenSet::OAuth1(_) => "oauth1", _ => "oauth2" },
        "health": {"state": if state == "ok" { "ok" } else { "needs-login" }, "reason": reason},
        "scopes": {"asked": account.requested_scopes, "granted": granted, "missing": missing_scopes(account)},
        "expires_at": expires_at.map(moment::utc),
        "expires_in": expires_at.map(|at| at.since(now)),
        "renews": account.renews(),
        "grant": account.grant.asked_again_as(),
        "logged_in_at": moment::utc(account.logged_in_at),
        "tolerated": account.tolerated,
        "origins": account.origins,
        "kept": account.kept,
        "vault": context.vault().shown(),
        "sealed_with": context.key_in_words(),
        "next": (!usable).then(|| context.out.again.in_text(&login_again(account)).into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d8_tokens_of_a_clock_that_was_fast_are_not_said_to_be_good_for_a_year() {
        let now = 1_800_000_000;
        let account = |received_at: i64| -> Account {
            serde_json::from_value(json!({
                "id": "0123456789abcdef0123456789abcdef", "name": "home", "provider": "acme", "client_id": "example", "kept": {}, "origins": [],
                "tokens": {"kind": "oauth2", "access": "a", "refresh": "r", "received_at": received_at, "expires_at": received_at + 3600, "scopes": []},
                "requested_scopes": [], "tolerated": [], "health": {"state": "ok"}, "logged_in_at": now
            }))
            .expect("an account as it rests")
        };
        let told = |received_at| expiry(&account(received_at), Timestamp::from_unix(now));
        assert_eq!(told(now + 60), "in 1 h 1 min, renews itself");
        assert_eq!(told(now + 365 * 86_400), "not known: received in the future (in 365 d), by a clock that was wrong; renews itself");
    }
}
