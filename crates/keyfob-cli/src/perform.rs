//! Running an action: from arguments to a table, page by page.

use std::collections::BTreeMap;

use http::HeaderValue;
use http::StatusCode;
use keyfob::Session;
use keyfob::links::{self, Lost, Walk};
use keyfob::proto::Error as ProtoError;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Action, ActionRequest, NoList, Provider, Table};

use crate::account::{login_again, login_again_with, login_for, now, with_scopes};
use crate::again::Again;
use crate::card::{Card, Doing};
use crate::exit::Exit;
use crate::output::Output;
use crate::progress::{Progress, awaited};
use crate::refusals;

/// So many pages of an action that says itself how it goes on are read, unless somebody says otherwise: providers count calls.
const PAGES: usize = 100;

/// So many where the answer or the provider's file leads on: that may be a feed, which has no end.
const LINKED: usize = 10;

/// What came of an action.
pub(crate) struct Performed {
    /// All pages that were read.
    pub(crate) table: Table,
    /// So many were read, as no more were asked for, and there would have been more.
    pub(crate) stopped_at: Option<usize>,
}

/// What is said behind so many pages that are not all.
pub(crate) fn there_is_more(read: usize) -> String {
    format!("there is more: {} (--pages N reads more)", only(read))
}

fn only(read: usize) -> String {
    if read == 1 { "only 1 page was read".to_owned() } else { format!("only {read} pages were read") }
}

/// A first page behind which nobody can tell whether there are more: what is shown may not be all.
pub(crate) fn tell_of_no_list(why: &NoList, out: &Output) {
    out.note(&out.note_paint().warn(&format!("this may not be all: {why}; keyfob provider check FILE says where rows are not counted")));
}

/// The call of an action with these arguments.
pub(crate) fn call(session: &Session, action: &Action, arguments: &BTreeMap<String, String>) -> Result<keyfob::Call, Card> {
    Ok(made(session, request(session, action, arguments)?))
}

fn request(session: &Session, action: &Action, arguments: &BTreeMap<String, String>) -> Result<ActionRequest, Card> {
    session.look(|account| action.request(arguments, &account.kept)).doing(format!("cannot do {}", action.name))
}

fn made(session: &Session, request: ActionRequest) -> keyfob::Call {
    let mut call = session.call(request.method, request.target);
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    match request.body {
        Some((media_type, bytes)) => call.body(HeaderValue::from_static(media_type), bytes),
        None => call,
    }
}

/// Runs an action, and reads at most so many pages, or as many as is usual. A person sees how many they are.
pub(crate) async fn perform(
    session: &Session,
    provider: &Provider,
    action: &Action,
    mut arguments: BTreeMap<String, String>,
    pages: Option<usize>,
    out: &Output,
) -> Result<Performed, Card> {
    let mut progress = Progress::reading(out);
    arguments = action.at(&arguments, now());
    let name = session.account().name;
    let what = format!("cannot do {} with {name}", action.name);
    let unreadable = |error: keyfob_providers::Unreadable| {
        let next = format!("see the answer as it came: keyfob get {name} …; if the provider changed it, its file wants correcting");
        Card::new(Exit::Error, what.clone(), error.to_string(), next)
    };
    let lost = |lost: Lost| Card::new(Exit::Error, what.clone(), lost.to_string(), "read fewer: --pages N");
    let mut table = Table::default();
    let mut asked = request(session, action, &arguments)?;
    let mut walk = Walk::begin(session.settings().api.base.as_str(), &asked.target).map_err(lost)?;
    let mut is_linked = false;
    for page in 1.. {
        let sending = made(session, asked.clone()).send();
        // Behind the first page, it is shown where one is.
        let sent = if page == 1 { awaited(sending, out).await } else { sending.await };
        let mut status = None;
        let came = match sent {
            Ok(answer) => {
                status = Some(answer.status());
                refusals::tell_of_young_token(&answer, session, out);
                let linked = links::next(answer.headers());
                answer.json().await.map(|answer| (linked, answer))
            }
            Err(error) => Err(error),
        };
        let was_done = action.acts && status.is_some_and(|status| status.is_success());
        let (linked, answer) = match came {
            Ok(came) => came,
            // What misbehaved before there was an answer is the token endpoint, and nothing was sent.
            Err(keyfob::Error::Protocol(ProtoError::Misbehaved(error))) if was_done => {
                tell_that_it_was_done(&error.to_string(), out);
                break;
            }
            Err(error) => {
                let card = answered(&what, &error, &session.account());
                let card = match &error {
                    keyfob::Error::Api(api) if api.may_lack_scope => wanting(card, action, &session.account()),
                    _ => card,
                };
                // Nobody asked for more than the first.
                if is_linked && pages.is_none() {
                    out.note(&out.note_paint().warn(&format!("{}: the next page could not be read: {}", only(page - 1), card.why())));
                    return Ok(Performed { table, stopped_at: None });
                }
                return Err(card);
            }
        };
        match action.table(&arguments, &answer) {
            Ok(more) => table.append(more),
            Err(error) if was_done => {
                tell_that_it_was_done(&error.to_string(), out);
                break;
            }
            Err(error) => return Err(unreadable(error)),
        }
        let next = action.next(&arguments, &answer).map_err(unreadable)?;
        let counted = provider.pages().filter(|_| linked.is_none() && action.goes_on_by_links());
        let linked = linked.or_else(|| counted?.next(walk.here().as_str(), &answer)).filter(|_| action.goes_on_by_links());
        if next.is_none() && linked.is_none() {
            if let Some(Err(why)) = counted.filter(|_| page == 1).map(|pages| pages.check(&answer)) {
                tell_of_no_list(&why, out);
            }
            break;
        }
        if page >= pages.unwrap_or(if next.is_some() { PAGES } else { LINKED }) {
            return Ok(Performed { table, stopped_at: Some(page) });
        }
        progress.page(page + 1, table.rows.len());
        if let Some(next) = next {
            asked = request(session, action, &next)?;
            arguments = next;
        } else if let Some(target) = linked {
            asked.target = walk.step(&target).map_err(lost)?;
            is_linked = true;
        }
    }
    Ok(Performed { table, stopped_at: None })
}

/// Whoever reads that it failed does it again.
fn tell_that_it_was_done(why: &str, out: &Output) {
    out.note(&out.note_paint().warn(&format!("it was done; what the answer says cannot be read: {why}")));
}

/// An answer that is an error, or none at all. Where another login would help, that is what to do next.
pub(crate) fn answered(what: &str, error: &keyfob::Error, account: &keyfob::Account) -> Card {
    let card = Card::of(what, error);
    let keyfob::Error::Api(api) = error else { return card };
    let card = card.exiting(Exit::Http).of_status(api.status);
    let Some(asked) = &api.login_with else {
        return if api.hint.is_none() { card.advising(advice(api.status)) } else { card };
    };
    // That somebody may not do this is what a provider says by it that blames tokens with the same status.
    if api.status == StatusCode::FORBIDDEN && asked.scopes.is_empty() && asked.acr_values.is_empty() && asked.max_age.is_none() {
        let again = login_again(account);
        return card.advising(format!("this account, or the app, may not do that; if it may do nothing any more, log in again: {again}"));
    }
    let mut more = vec![with_scopes(&asked.scopes)];
    // How somebody signs in (RFC 9470 §4) is nobody's who has no part in the account.
    if account.grant == keyfob::Grant::Approval {
        more.extend(asked.acr_values.iter().map(|context| format!(" --acr-values {}", quoted(context))));
        more.extend(asked.max_age.map(|seconds| format!(" --max-age {seconds}s")));
    } else if !asked.acr_values.is_empty() || asked.max_age.is_some() {
        return card;
    }
    card.advising(login_again_with(account, &more.concat()))
}

/// An action that was refused, for want of scopes as it seems, and needs one that the account was not given: that is what to ask for, unless the provider has named it itself.
fn wanting(card: Card, action: &Action, account: &keyfob::Account) -> Card {
    match login_for(action, account).filter(|_| !card.next().contains("--add-scope")) {
        Some((lacking, login)) => {
            let (what, are) = if lacking.len() == 1 { ("scope", "which") } else { ("scopes", "all of which") };
            card.advising(format!("it needs the {what} {}, {are} this account is not known to have: {login}", lacking.join(" ")))
        }
        None => card,
    }
}

/// What to do about a status of which the provider said no more.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 | 410 => "check the path and what stands in it; --dry-run shows the whole request",
        400 | 405 | 406 | 409 | 411 | 413 | 415 | 422 => {
            "check what is sent: --dry-run shows it; keyfob trace --html FILE … draws what the server says of it"
        }
        429 => "wait a little and try again; keyfob get … --retry N does that as the server says",
        500.. => "the server has a problem of its own: wait a little and try again",
        // Some say errors with 200.
        _ => "that is the provider's own word: what it names is to be mended there; --dry-run shows what is sent",
    }
}

/// What one types for an action: places first, then names.
pub(crate) fn typed(again: Again, account: &str, action: &Action, arguments: &BTreeMap<String, String>) -> String {
    let mut words = vec![again.command(account), action.name.clone()];
    let placed: Vec<(&String, &String)> = action.positional().map_while(|parameter| arguments.get_key_value(&parameter.name)).collect();
    words.extend(placed.iter().map(|(_, value)| quoted(value)));
    for parameter in &action.parameters {
        if let Some((name, value)) = arguments.get_key_value(&parameter.name).filter(|given| !placed.contains(given)) {
            words.push(format!("--{name} {}", quoted(value)));
        }
    }
    words.join(" ")
}

/// As a shell takes it. The value may come from a server.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/@+=".contains(c);
    if !value.is_empty() && !value.starts_with('-') && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", printable(value).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use keyfob_providers::check;

    use super::*;

    #[test]
    fn what_is_typed_can_be_pasted() {
        let text = "name = \"hub\"\ntitle = \"Hub\"\nkind = \"oauth1\"\nstatus = \"live\"\nabout = \"A hub.\"\n\
            sources = [{ url = \"https://hub.example\", checked = 2026-11-21, confidence = \"assumed\", about = \"all\" }]\n\
            [endpoints]\nrequest_token = \"https://hub.example/r\"\nauthorize = \"https://hub.example/a\"\ntoken = \"https://hub.example/t\"\n\
            [client]\nfields = [{ name = \"client_id\", label = \"Key\" }]\n[oauth1]\nsignature = \"HMAC-SHA1\"\n[api]\nbase_url = \"https://hub.example\"\n\
            [actions.dim]\nabout = \"Dim\"\npath = \"/dim\"\nparameters = [{ name = \"id\", about = \"id\", positional = true }, \
            { name = \"level\", about = \"level\", positional = true, required = false }, { name = \"how\", about = \"how\", required = false }]\n\
            query = { id = \"{id}\", level = \"{level}\", how = \"{how}\" }\n";
        let provider = check(text, "hub.toml").unwrap_or_else(|problems| panic!("{problems:?}"));
        let dim = provider.action("dim").expect("an action");
        let arguments = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let typed = |pairs: &[(&str, &str)]| typed(Again::NOTHING, "hub", dim, &arguments(pairs));
        assert_eq!(typed(&[("id", "70:ee"), ("level", "5"), ("how", "fast")]), "keyfob hub dim 70:ee 5 --how fast");
        assert_eq!(typed(&[("level", "5")]), "keyfob hub dim --level 5");
        assert_eq!(typed(&[("id", "it's $HOME\u{1b}")]), r"keyfob hub dim 'it'\''s $HOME'");
    }
}
