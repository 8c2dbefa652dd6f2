//! `Idempotency-Key`: a program that does not know whether its request arrived sends it again, and it is done once.
//!
//! For a day the shelf remembers what was answered: for this caller, this operation, this key and this very request. A secret in the answer is not
//! remembered: only hashes of keys and tokens are kept anywhere, so whoever lost one in between revokes it and makes another.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::operation::Operation;
use crate::problem::Problem;

pub(crate) const KIND: Kind = Kind("once");

/// The name of the header.
pub(super) const HEADER: &str = "idempotency-key";

/// The longest key.
pub(super) const LONGEST: usize = 255;

/// What was answered is remembered for so long.
const DAY: i64 = 24 * 3600;

/// What was begun, and whose end nobody wrote, is given up after so long: longer than any answer takes.
const UNFINISHED: i64 = 5 * 60;

#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    /// SHA-256 of the body, and of what the path names.
    body: String,
    /// None: it is under way.
    pub(crate) answer: Option<Value>,
}

/// What is remembered where something begins.
pub(crate) enum Found {
    /// Nothing: it is this one's turn.
    Nothing,
    /// It was begun before, or done.
    Record(Record),
    /// Something that cannot be read.
    Broken,
}

/// Whether it was done already.
pub(super) enum Turn {
    /// It was; this was the answer.
    Again(Value),
    /// It was not.
    First(First),
}

/// Somebody is at it.
pub(crate) struct First {
    id: String,
    owner: String,
    body: String,
}

/// The key that a request brings.
pub(super) fn named(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(HEADER).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Problem::bad_request(
            "idempotency-key",
            format!("The key should be 1 to {LONGEST} printable characters, without spaces, and there once."),
        )),
    }
}

/// Of what has expired, so many are swept at a time, and so often, until this one is among them.
const AT_ONCE: usize = 1000;
const TRIES: usize = 20;

/// Begins, unless it was done.
pub(super) async fn begin(
    shelf: &dyn Shelf,
    key: &str,
    caller: &Caller,
    operation: &Operation,
    named: &BTreeMap<String, String>,
    body: Option<&Value>,
    now: Timestamp,
) -> Result<Turn, Problem> {
    // What the path names is part of the request.
    let body = body.map(Value::to_string).unwrap_or_default();
    let parts: Vec<&str> = std::iter::once(body.as_str()).chain(named.values().map(String::as_str)).collect();
    // What a token made goes with it: what was done with the one before is not there for the next one to have.
    let by = caller.token().unwrap_or_default();
    let first = First::new(&caller.person.id, &[&by, operation.id, key], hash(&parts));
    let under_way = || Problem::new(StatusCode::CONFLICT, "under-way", "The same request is under way.").again_in(1);
    match first.begin(shelf, now).await? {
        Found::Nothing => Ok(Turn::First(first)),
        Found::Broken => Err(Problem::unavailable("vault", "The vault cannot be used.")),
        Found::Record(record) if record.body != first.body => {
            Err(Problem::cannot("idempotency-key-reused", "This Idempotency-Key was used for another request.")
                .hint("make a new key for each thing that is to be done"))
        }
        Found::Record(record) => record.answer.map(Turn::Again).ok_or_else(under_way),
    }
}

impl First {
    /// What a person asks for under this name. `body`: what has to be the same when it comes again.
    pub(crate) fn new(person: &str, name: &[&str], body: String) -> Self {
        // Whoever reads the database learns no key from it.
        let parts: Vec<&str> = std::iter::once(person).chain(name.iter().copied()).collect();
        Self { id: hash(&parts), owner: person.to_owned(), body }
    }

    /// Begins, unless it was begun before.
    pub(crate) async fn begin(&self, shelf: &dyn Shelf, now: Timestamp) -> Result<Found, StoreError> {
        for _ in 0..TRIES {
            match shelf.put_item(KIND, &self.item(None, now.plus(UNFINISHED)), Expected::Nothing).await {
                Ok(_) => return Ok(Found::Nothing),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            if let Some(found) = shelf.item(KIND, &self.id, now).await? {
                return Ok(serde_json::from_slice(&found.value.content).map_or(Found::Broken, Found::Record));
            }
            // It has expired, and nobody has swept yet. What another request has put in its place meanwhile stays.
            shelf.sweep(now, Timestamp::from_unix(i64::MIN), AT_ONCE).await?;
        }
        Ok(Found::Record(Record { body: self.body.clone(), answer: None }))
    }

    fn item(&self, answer: Option<Value>, until: Timestamp) -> Item {
        let record = Record { body: self.body.clone(), answer };
        Item::new(&self.id, serde_json::to_vec(&record).expect("text")).owned_by(&self.owner).until(until)
    }

    /// It is done. That this cannot be written down is no reason to keep the answer back.
    pub(crate) async fn done(&self, shelf: &dyn Shelf, answer: &Value, secret: Option<&str>, now: Timestamp) {
        let mut kept = answer.clone();
        if let (Some(secret), Some(members)) = (secret, kept.as_object_mut()) {
            members.insert(secret.to_owned(), Value::Null);
        }
        if let Err(error) = shelf.put_item(KIND, &self.item(Some(kept), now.plus(DAY)), Expected::Anything).await {
            tracing::warn!(%error, "what was answered could not be remembered");
        }
    }

    /// It was not done, and may be tried again.
    pub(crate) async fn failed(&self, shelf: &dyn Shelf) {
        if let Err(error) = shelf.remove_item(KIND, &self.id).await {
            tracing::warn!(%error, "what was not done could not be forgotten");
        }
    }
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
