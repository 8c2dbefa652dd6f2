//! The last call for which an account's credentials were refused, though nothing was known to be wrong with them: a token that somebody revoked, a signature
//! that the server does not follow. Kept in the vault for `status`, until a login, a refresh or a check says otherwise.

use http::StatusCode;
use keyfob::proto::scrub::printable;
use keyfob::proto::{Timestamp, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, Answer, Policy, Session};
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::output::Output;

/// One an account, by its id.
const KIND: Kind = Kind("refused-call");

/// What is older says nothing any more.
const KEPT: i64 = 30 * 86_400;

/// When, and what the answer was.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Refused {
    at: i64,
    why: String,
}

impl Refused {
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_unix(self.at)
    }

    pub(crate) fn why(&self) -> String {
        printable(&self.why)
    }
}

/// Keeps that a call was refused. Where that cannot be kept, the call's own error says enough.
pub(crate) async fn keep(status: StatusCode, account: &Account, context: &Context) {
    if status != StatusCode::UNAUTHORIZED {
        return;
    }
    let (now, why) = (now(), format!("HTTP {status}"));
    let content = serde_json::to_vec(&Refused { at: now.as_unix(), why }).unwrap_or_default();
    if let Ok(shelf) = context.shelf().await {
        let item = Item::new(account.id.as_str(), content).until(now.plus(KEPT));
        let _ = shelf.put_item(KIND, &item, Expected::Anything).await;
    }
}

/// A token that was refreshed just now and is refused is not refreshed again (D8), which nobody could tell from the answer.
pub(crate) fn tell_of_young_token(answer: &Answer, session: &Session, out: &Output) {
    let account = session.account();
    let TokenSet::OAuth2(tokens) = &account.tokens else { return };
    let age = now().since(tokens.received_at);
    let at_most_once_in = Policy::JUST_NOW.as_secs();
    if !answer.blames_token() || account.refreshed.is_none() || !u64::try_from(age).is_ok_and(|age| age < at_most_once_in) {
        return;
    }
    let note = format!(
        "the token is {age} s old, and was not refreshed again: that is done once in {at_most_once_in} s at most; at once by keyfob refresh"
    );
    out.note(&format!("{} {note} {}", out.note_paint().warn("note:"), printable(&account.name)));
}

/// The last one, if nothing has changed since.
pub(crate) async fn of(account: &Account, context: &Context) -> Result<Option<Refused>, Card> {
    let found = context.shelf().await?.item(KIND, account.id.as_str(), now()).await.doing("cannot read the vault")?;
    let refused = found.and_then(|found| serde_json::from_slice::<Refused>(&found.value.content).ok());
    let since = match &account.tokens {
        TokenSet::OAuth2(tokens) => tokens.received_at.max(account.logged_in_at),
        _ => account.logged_in_at,
    };
    Ok(refused.filter(|refused| refused.at() >= since))
}

/// A call was taken, or there are new tokens. Where that cannot be written, nothing is wrong with these: what is kept is older than they are, and not told.
pub(crate) async fn forget(account: &Account, context: &Context) {
    if let Ok(shelf) = context.shelf().await {
        let _ = shelf.remove_item(KIND, account.id.as_str()).await;
    }
}
