//! Where a connect link may send a browser in the end: URLs that the person wrote down before, compared byte for byte. What looks like one of them,
//! or leads to one by some reader's rules, is none (RFC 9700 §4.11: an open redirector is a tool for phishing).

use keyfob::proto::{Endpoint, Misuse, Timestamp};
use keyfob::store::{Expected, Versioned};
use keyfob::{Error, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use super::hash;
use crate::audit::{self, What, Who};
use crate::keys::is_number;
use crate::listing::{Listing, Readable};
use crate::overwrite;
use crate::webhook::Maker;

pub(crate) const KIND: Kind = Kind("return-url");

/// The longest URL.
const LONGEST: usize = 2000;

/// More of them are a mistake.
const MOST: usize = 100;

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

/// A URL on the list.
#[derive(Clone, Debug)]
pub(crate) struct ReturnUrl {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) created_at: Timestamp,
    /// When it ends: with the API tokens that put it there, where those end.
    pub(crate) expires_at: Option<Timestamp>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Record {
    url: String,
    created_at: Timestamp,
    /// The API tokens that it was put there with: with the last of them it goes. None: the person did, for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    made_with: Vec<Token>,
}

/// A token that put a URL on the list.
#[derive(Clone, Serialize, Deserialize)]
struct Token {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

/// Puts a URL on a person's list. What the person put there stays for good, whichever tokens do so, too.
///
/// # Errors
/// `Misuse` for what no browser should be sent to, or one URL too many; those of the shelf.
pub(crate) async fn add(shelf: &dyn Shelf, owner: &str, url: &str, by: Maker, now: Timestamp) -> Result<ReturnUrl, Error> {
    judge(url)?;
    let id = id(owner, url);
    if list(shelf, owner, now).await?.items.iter().filter(|listed| listed.id != id).count() >= MOST {
        return Err(Misuse::new(format!("at most {MOST} URLs"), "as many").into());
    }
    for _ in 0..TRIES {
        let (there, expected) = overwrite::look(shelf, KIND, &id, now).await?;
        let before = there.as_ref().map(record).transpose()?;
        let made_with = match (&by.token, &before) {
            (None, _) => Vec::new(),
            (Some(_), Some(before)) if before.made_with.is_empty() => Vec::new(),
            (Some(token), before) => {
                let others = before.iter().flat_map(|before| &before.made_with).filter(|other| other.id != *token).cloned();
                others.chain([Token { id: token.clone(), ends_at: by.ends_at }]).collect()
            }
        };
        let record = Record { url: url.to_owned(), created_at: before.map_or(now, |before| before.created_at), made_with };
        let item = record.item(&id, owner);
        match shelf.put_item(KIND, &item, expected).await {
            Ok(_) => return Ok(ReturnUrl { id, url: record.url, created_at: record.created_at, expires_at: item.expires_at }),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// A person's list, by number.
pub(crate) async fn list(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Readable<ReturnUrl>, StoreError> {
    Listing::of(shelf, KIND, Some(owner)).read(read, now).await
}

/// Takes a URL off the list.
pub(crate) async fn remove(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<ReturnUrl>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    let found = shelf.item(KIND, id, now).await?.filter(|found| found.value.owner.as_deref() == Some(owner));
    let Some(found) = found else { return Ok(None) };
    Ok(if shelf.remove_item(KIND, id).await? { Some(read(&found)?) } else { None })
}

/// Takes those URLs off a person's list that an API token put there, and nobody else did.
pub(crate) async fn remove_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    for listed in Listing::of(shelf, KIND, Some(owner)).all(now).await? {
        let mut tries = 0;
        // Read again each time: somebody else may put it there meanwhile.
        while let Some(found) = shelf.item(KIND, &listed.value.id, now).await? {
            // One that cannot be read leads nowhere.
            let Ok(mut record) = record(&found) else { break };
            let many = record.made_with.len();
            record.made_with.retain(|other| other.id != token);
            if record.made_with.len() == many {
                break;
            }
            let (id, is_over) = (&found.value.id, record.made_with.is_empty());
            let item = record.item(id, owner);
            // What has ended is not there, and is swept. It is not removed, which could be another one by now.
            let item = if is_over { item.until(Timestamp::from_unix(0)) } else { item };
            match shelf.put_item(KIND, &item, Expected::Generation(found.generation)).await {
                Err(StoreError::Conflict) if tries < TRIES => tries += 1,
                written => {
                    written?;
                    if is_over {
                        audit::record(shelf, Some(owner), by.clone(), What::ReturnUrlRemoved { to: record.url }, now).await?;
                    }
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Whether the URL is on the person's list, as it is.
pub(crate) async fn is_listed(shelf: &dyn Shelf, owner: &str, url: &str, now: Timestamp) -> Result<bool, StoreError> {
    let found = shelf.item(KIND, &id(owner, url), now).await?;
    Ok(found.is_some_and(|found| read(&found).is_ok_and(|listed| listed.url == url)))
}

/// What every reader of URLs takes alike: RFC 3986's characters, and an https URL (http on loopback).
pub(crate) fn judge(url: &str) -> Result<(), Misuse> {
    let odd = |byte: u8| !(byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte));
    if url.len() > LONGEST || url.bytes().any(odd) {
        let expected = format!("an absolute https URL of at most {LONGEST} characters, all of them such as URLs have (RFC 3986)");
        return Err(Misuse::new(expected, "another text"));
    }
    Endpoint::parse(url).map(drop)
}

fn id(owner: &str, url: &str) -> String {
    hash(&format!("{owner}\n{url}"))
}

impl Record {
    fn item(&self, id: &str, owner: &str) -> Item {
        let item = Item::new(id, serde_json::to_vec(self).expect("text and numbers")).owned_by(owner);
        // As long as the longest of them; where one has no end, neither has it.
        let ends: Option<Vec<Timestamp>> = self.made_with.iter().map(|token| token.ends_at).collect();
        Item { expires_at: ends.and_then(|ends| ends.into_iter().max()), ..item }
    }
}

fn record(found: &Versioned<Item>) -> Result<Record, StoreError> {
    serde_json::from_slice(&found.value.content).map_err(|_| StoreError::Corrupt("the record of a return URL cannot be read".to_owned()))
}

fn read(found: &Versioned<Item>) -> Result<ReturnUrl, StoreError> {
    let Record { url, created_at, .. } = record(found)?;
    Ok(ReturnUrl { id: found.value.id.clone(), url, created_at, expires_at: found.value.expires_at })
}
