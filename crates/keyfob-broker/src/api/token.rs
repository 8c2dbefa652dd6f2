//! API tokens: what a program has that acts for a person, with all that the person may do. `kft_`, and else made like a valet key; on the shelf is a
//! hash.
//!
//! One is read from the shelf for each request: what is revoked is gone at once, everywhere.

use std::fmt;
use std::sync::Arc;

use keyfob::proto::{Misuse, Secret, Timestamp, scrub};
use keyfob::store::{Expected, Versioned};
use keyfob::{Error, OsEntropy, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use crate::audit::{self, What, Who};
use crate::keys::text::{Digest, Shown, TOKEN_PREFIX, draw_as};
use crate::keys::{self, is_number};
use crate::listing::{Listing, Readable};
use crate::{links, people, webhook};

pub(crate) const KIND: Kind = Kind("token");

/// The longest name, in characters.
pub(crate) const LONGEST_NAME: usize = 100;

/// More tokens of one person are a mistake.
const MOST: usize = 200;

/// The moment of last use is written no more often.
const NOTED: i64 = 60;

/// A token, without the text that opens with it.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Its public number.
    pub id: String,
    /// The person whom its bearer acts for.
    pub owner: String,
    /// What that person calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A token that was just made.
pub struct MadeToken {
    /// What is known of it from now on.
    pub token: ApiToken,
    /// What opens with it. Nobody can show it again.
    pub text: Secret,
}

impl fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Makes a token for a person, and writes that into their book.
///
/// # Errors
/// `Misuse` for a name that is none, an end in the past, or one token too many; those of the shelf.
pub async fn create(
    shelf: &dyn Shelf,
    owner: &str,
    name: &str,
    expires_at: Option<Timestamp>,
    by: Who,
    now: Timestamp,
) -> Result<MadeToken, Error> {
    let name = scrub::printable(name.trim());
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Misuse::new(format!("a name of 1 to {LONGEST_NAME} characters"), "another").into());
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Misuse::new("an end in the future", "one in the past").into());
    }
    if list(shelf, owner, now).await?.len() >= MOST {
        return Err(Misuse::new(format!("at most {MOST} tokens of one person"), "as many").with_hint("revoke one that is not used").into());
    }
    let (id, digest, text) = draw_as(TOKEN_PREFIX, &OsEntropy);
    let token = ApiToken { id, owner: owner.to_owned(), name, created_at: now, expires_at, last_used_at: None };
    // In the book first: better a line about a token that is not there than a token without a line.
    let what = What::TokenMade { made: token.id.clone(), name: token.name.clone() };
    audit::record(shelf, Some(owner), by, what, now).await?;
    shelf.put_item(KIND, &item(&token, digest), Expected::Nothing).await?;
    Ok(MadeToken { token, text })
}

/// The tokens of a person that can be read, by number; without those that have ended.
///
/// # Errors
/// Those of the shelf.
pub async fn list(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Vec<ApiToken>, StoreError> {
    Ok(readable(shelf, owner, now).await?.items)
}

/// The same, with how many cannot be read: a token of which the record is damaged opens nothing.
///
/// # Errors
/// Those of the shelf.
pub async fn readable(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Readable<ApiToken>, StoreError> {
    Listing::of(shelf, KIND, Some(owner)).read(|item| Ok(read(item)?.0), now).await
}

/// Takes a token back, with all that was made with it for others to use, and writes that into the book; `None` if there is none of this number, or it is not
/// this person's.
///
/// # Errors
/// Those of the shelf. If only the book failed, the token is gone all the same; what was made with it goes when it is revoked once more.
pub async fn revoke(shelf: &dyn Shelf, owner: &str, id: &str, by: Who, now: Timestamp) -> Result<Option<ApiToken>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    let found = shelf.item(KIND, id, now).await?.filter(|found| found.value.owner.as_deref() == Some(owner));
    let Some(found) = found else {
        // Gone already. If that time the book failed, what was made with it is there still, and goes now.
        take_back_made_with(shelf, owner, id, by, now).await?;
        return Ok(None);
    };
    let (token, _) = read(&found)?;
    if !shelf.remove_item(KIND, id).await? {
        return Ok(None);
    }
    let what = What::TokenRevoked { made: token.id.clone(), name: token.name.clone() };
    audit::record(shelf, Some(owner), by.clone(), what, now).await?;
    take_back_made_with(shelf, owner, &token.id, by, now).await?;
    Ok(Some(token))
}

/// Whether a person has this token, as the shelf says it now.
pub(super) async fn is_there(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(shelf.item(KIND, id, now).await?.is_some_and(|found| found.value.owner.as_deref() == Some(owner)))
}

/// What was made with a token goes with it: whoever had it for an hour would have that for good.
pub(super) async fn take_back_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    keys::revoke_made_with(shelf, owner, token, by.clone(), now).await?;
    links::cancel_made_with(shelf, owner, token, by.clone(), now).await?;
    links::remove_return_urls_made_with(shelf, owner, token, by.clone(), now).await?;
    webhook::remove_made_with(shelf, owner, token, by.clone(), now).await?;
    people::take_back_made_with(shelf, owner, token, by, now).await
}

/// The token that is shown, if it is one, and has not ended.
pub(crate) async fn find(shelf: &Arc<dyn Shelf>, text: &str, now: Timestamp) -> Result<Option<ApiToken>, StoreError> {
    let Some(shown) = Shown::read_as(TOKEN_PREFIX, text) else { return Ok(None) };
    let Some(found) = shelf.item(KIND, shown.id, now).await? else { return Ok(None) };
    let (token, digest) = read(&found)?;
    if !shown.is(&digest) {
        return Ok(None);
    }
    if token.last_used_at.is_none_or(|last| now.since(last) >= NOTED) {
        note_use(shelf.clone(), ApiToken { last_used_at: Some(now), ..token.clone() }, digest, Expected::Generation(found.generation));
    }
    Ok(Some(token))
}

/// Nobody waits for it; and a token that was revoked meanwhile does not come back by it.
fn note_use(shelf: Arc<dyn Shelf>, token: ApiToken, digest: Digest, expected: Expected) {
    tokio::spawn(async move {
        match shelf.put_item(KIND, &item(&token, digest), expected).await {
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::debug!(%error, token = token.id, "the last use of a token was not noted"),
        }
    });
}

#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    /// SHA-256, as hexadecimal digits.
    secret: String,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

fn item(token: &ApiToken, digest: Digest) -> Item {
    let ApiToken { id, owner, name, created_at, expires_at, last_used_at } = token.clone();
    let record = Record { name, secret: digest.to_hex(), created_at, last_used_at };
    let content = serde_json::to_vec(&record).expect("text and numbers are always JSON");
    Item { expires_at, ..Item::new(id, content).owned_by(owner) }
}

/// What is not as we wrote it opens nothing.
fn read(found: &Versioned<Item>) -> Result<(ApiToken, Digest), StoreError> {
    let Item { id, owner, expires_at, content } = &found.value;
    let broken = || StoreError::Corrupt(format!("the record of the token {id} cannot be read"));
    let record: Record = serde_json::from_slice(content).map_err(|_| broken())?;
    let digest = Digest::from_hex(&record.secret).ok_or_else(broken)?;
    let token = ApiToken {
        id: id.clone(),
        owner: owner.clone().ok_or_else(broken)?,
        name: record.name,
        created_at: record.created_at,
        expires_at: *expires_at,
        last_used_at: record.last_used_at,
    };
    Ok((token, digest))
}
