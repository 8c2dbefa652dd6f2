//! Running an action: from arguments to a table, page by page.

use std::collections::BTreeMap;

use http::HeaderValue;
use keyfob::Session;
use keyfob_providers::{Action, Table};

use crate::card::{Card, Doing};
use crate::exit::Exit;

/// What came of an action.
pub(crate) struct Performed {
    /// All pages that were read.
    pub(crate) table: Table,
    /// Whether there would have been more.
    pub(crate) more: bool,
}

/// The call of an action with these arguments.
pub(crate) fn call(session: &Session, action: &Action, arguments: &BTreeMap<String, String>) -> Result<keyfob::Call, Card> {
    let request = action.request(arguments).doing(format!("cannot do {}", action.name))?;
    let mut call = session.call(request.method, request.target);
    for (name, value) in request.headers {
        call = call.header(name, value);
    }
    Ok(match request.body {
        Some((media_type, bytes)) => call.body(HeaderValue::from_static(media_type), bytes),
        None => call,
    })
}

/// Runs an action, and reads at most so many pages.
pub(crate) async fn perform(
    session: &Session,
    action: &Action,
    mut arguments: BTreeMap<String, String>,
    pages: usize,
) -> Result<Performed, Card> {
    let name = session.account().name;
    let what = format!("cannot do {} with {name}", action.name);
    let unreadable = |error: keyfob_providers::Unreadable| {
        let next = format!("see the answer as it came: keyfob get {name} …; if the provider changed it, its file wants correcting");
        Card::new(Exit::Error, what.clone(), error.to_string(), next)
    };
    let mut table = Table::default();
    for page in 1.. {
        let answer = call(session, action, &arguments)?.send().await.doing(what.as_str())?.json().await.map_err(|error| {
            let card = Card::of(what.as_str(), &error);
            if matches!(error, keyfob::Error::Api(_)) { card.exiting(Exit::Http) } else { card }
        })?;
        table.append(action.table(&arguments, &answer).map_err(unreadable)?);
        match action.next(&arguments, &answer).map_err(unreadable)? {
            None => return Ok(Performed { table, more: false }),
            Some(_) if page >= pages => return Ok(Performed { table, more: true }),
            Some(next) => arguments = next,
        }
    }
    Ok(Performed { table, more: false })
}
