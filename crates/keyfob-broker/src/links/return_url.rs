//! Where a connect link may send a browser in the end: URLs that the person wrote down before, compared byte for byte. What looks like one of them,
//! or leads to one by some reader's rules, is none (RFC 9700 §4.11: an open redirector is a tool for phishing).

use keyfob::proto::{Endpoint, Misuse, Timestamp};
use keyfob::store::{Expected, Versioned};
use keyfob::{Error, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

use super::hash;
use crate::keys::is_number;
use crate::listing::Listing;

pub(crate) const KIND: Kind = Kind("return-url");

/// The longest URL.
const LONGEST: usize = 2000;

/// More of them are a mistake.
const MOST: usize = 100;

/// A URL on the list.
#[derive(Clone, Debug)]
pub(crate) struct ReturnUrl {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Record {
    url: String,
    created_at: Timestamp,
}

/// Puts a URL on a person's list.
///
/// # Errors
/// `Misuse` for what no browser should be sent to, or one URL too many; those of the shelf.
pub(crate) async fn add(shelf: &dyn Shelf, owner: &str, url: &str, now: Timestamp) -> Result<ReturnUrl, Error> {
    judge(url)?;
    if list(shelf, owner, now).await?.len() >= MOST {
        return Err(Misuse::new(format!("at most {MOST} URLs"), "as many").into());
    }
    let record = Record { url: url.to_owned(), created_at: now };
    let item = Item::new(id(owner, url), serde_json::to_vec(&record).expect("text")).owned_by(owner);
    shelf.put_item(KIND, &item, Expected::Anything).await?;
    Ok(ReturnUrl { id: item.id, url: record.url, created_at: now })
}

/// A person's list, by number.
pub(crate) async fn list(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Vec<ReturnUrl>, StoreError> {
    Listing::of(shelf, KIND, Some(owner)).all(now).await?.iter().map(read).collect()
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

fn read(found: &Versioned<Item>) -> Result<ReturnUrl, StoreError> {
    let record: Record = serde_json::from_slice(&found.value.content)
        .map_err(|_| StoreError::Corrupt("the record of a return URL cannot be read".to_owned()))?;
    Ok(ReturnUrl { id: found.value.id.clone(), url: record.url, created_at: record.created_at })
}
