//! Valet keys: what a program gets in place of a token. Restricted to one account, to methods and paths, until a moment, as often as was said; taken
//! back at once. What OAuth promised at the start, for APIs that have no such scope.
//!
//! ```text
//!  text.rs   kfk_ + number + secret + checksum: what the holder has
//!  rule.rs   GET /users/locks/** ── judged on ── path.rs, the one spelling of a path
//!  rate.rs   10/min
//!  ring.rs   the keys in use, in memory as long as the shelf tells what changes
//!  shown.rs  which key a request brings
//!  orphans.rs  those whose account is gone
//!  handed_out.rs  whether there is a token that a key may see
//! ```
//!
//! On the shelf is a record for each: everything but the secret, of which there is the SHA-256.

mod handed_out;
mod orphans;
mod path;
#[cfg(test)]
mod payloads;
mod rate;
mod recent;
mod ring;
mod rule;
mod shown;
pub(crate) mod text;

use std::fmt;
use std::ops::RangeInclusive;

use keyfob::proto::{Misuse, Secret, Timestamp, scrub};
use keyfob::store::{Expected, Versioned};
use keyfob::{Account, AccountId, Error, OsEntropy, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

pub(crate) use handed_out::Kept;
pub use handed_out::may_see_token;
pub use orphans::orphans;
pub(crate) use path::Path;
pub(crate) use recent::Recent;
pub(crate) use ring::{Fob, Ring};
pub use rule::Rule;
pub(crate) use shown::{of_headers, shown};
use text::Digest;

use crate::audit::{self, What, Who};
use crate::listing::{Listing, Readable};
use crate::people::OWNER;
pub use crate::rate::Rate;
use crate::seat::whose;

/// For how long a key or an API token may be made that ends, in seconds: a minute to ten years.
pub const LIFETIME: RangeInclusive<i64> = 60..=315_576_000;

/// What keys are on the shelf.
pub(crate) const KIND: Kind = Kind("key");

/// The longest name, in characters.
pub(crate) const LONGEST_NAME: usize = 100;

/// Rules of one key. Each is looked at for each request.
pub(crate) const MOST_RULES: usize = 50;

/// So many letters of a rule are in a message about it.
const LONGEST_SHOWN: usize = 80;

/// More keys of one person are a mistake, or somebody's who will not stop.
const MOST: usize = 1000;

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

/// So many are read from the shelf at once.
const PAGE: usize = 200;

/// A valet key, without the text that opens with it.
#[derive(Clone, Debug)]
pub struct ValetKey {
    /// Its public number.
    pub id: String,
    /// The person whose account it is for.
    pub owner: String,
    /// What a person calls it.
    pub name: String,
    /// The account, as its owner calls it.
    pub account: String,
    /// The account's immutable id: a new account of the same name is another one.
    pub account_id: AccountId,
    /// What it may do; nothing else.
    pub rules: Vec<Rule>,
    /// How often; none: as often as it likes.
    pub rate: Option<Rate>,
    /// Whether it may have the account's access token itself.
    pub may_see_token: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// The number of the API token that it was made with, if it was: it is taken back with that.
    pub made_with: Option<String>,
}

impl ValetKey {
    /// What to call it: its name, or, of one whose record is damaged, its number.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { &self.id } else { &self.name }
    }

    /// What is known of one whose record is damaged: its number, and nothing else.
    fn unreadable(id: &str, owner: Option<&str>) -> Self {
        Self {
            id: id.to_owned(),
            // Whoever has the vault in hand is the owner, whose book tells it.
            owner: owner.unwrap_or(OWNER).to_owned(),
            name: String::new(),
            account: String::new(),
            account_id: AccountId::random(),
            rules: Vec::new(),
            rate: None,
            may_see_token: false,
            created_at: Timestamp::from_unix(0),
            expires_at: None,
            last_used_at: None,
            made_with: None,
        }
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The person whose account it is for.
    pub owner: String,
    /// What a person calls it; empty: after the account.
    pub name: String,
    /// The account, as its owner calls it.
    pub account: String,
    /// The account's immutable id.
    pub account_id: AccountId,
    /// What it may do.
    pub rules: Vec<Rule>,
    /// How often.
    pub rate: Option<Rate>,
    /// Whether it may have the account's access token itself: see [`may_see_token`].
    pub may_see_token: bool,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A key that was just made.
pub struct Made {
    /// What is known of it from now on.
    pub key: ValetKey,
    /// What opens with it. Nobody can show it again.
    pub text: Secret,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Makes a key, and writes that into the book.
///
/// # Errors
/// `Misuse` for one that may do nothing, or has ended already; those of the shelf.
pub async fn create(shelf: &dyn Shelf, new: NewKey, by: Who, now: Timestamp) -> Result<Made, Error> {
    let NewKey { owner, name, account, account_id, rules, rate, may_see_token, expires_at } = new;
    if rules.is_empty() && !may_see_token {
        return Err(Misuse::new("something that the key may do", "no rule").with_hint("allow something, such as GET /users/**").into());
    }
    if rules.len() > MOST_RULES {
        return Err(Misuse::new(format!("at most {MOST_RULES} rules"), rules.len().to_string()).into());
    }
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Misuse::new("an end in the future", "one in the past").into());
    }
    let name = scrub::printable(name.trim());
    if name.chars().count() > LONGEST_NAME {
        return Err(Misuse::new(format!("a name of at most {LONGEST_NAME} characters"), "a longer one").into());
    }
    if list(shelf, Some(&owner), now).await?.len() >= MOST {
        return Err(Misuse::new(format!("at most {MOST} keys of one person"), "as many").with_hint("revoke some that are not used").into());
    }
    let name = if name.is_empty() { account.clone() } else { name };
    let made_with = match &by {
        Who::Token { token, .. } => Some(token.clone()),
        _ => None,
    };
    let rate = rate.filter(|rate| !rate.is_unlimited());
    let (id, digest, text) = text::draw(&OsEntropy);
    let key = ValetKey {
        id,
        owner,
        name,
        account,
        account_id,
        rules,
        rate,
        may_see_token,
        created_at: now,
        expires_at,
        last_used_at: None,
        made_with,
    };
    // In the book first: better a line about a key that is not there than a key without a line.
    let what = What::KeyMade {
        key: key.id.clone(),
        name: key.name.clone(),
        account: key.account.clone(),
        allows: key.rules.iter().map(ToString::to_string).collect(),
        may_see_token,
    };
    audit::record(shelf, Some(&key.owner), by, what, now).await?;
    shelf.put_item(KIND, &Record::of(&key, digest).item(&key), Expected::Nothing).await?;
    Ok(Made { key, text })
}

/// The keys of a person, or all, that can be read; without those that have ended.
///
/// # Errors
/// Those of the shelf.
pub async fn list(shelf: &dyn Shelf, owner: Option<&str>, now: Timestamp) -> Result<Vec<ValetKey>, StoreError> {
    Ok(readable(shelf, owner, now).await?.items)
}

/// The same, with how many cannot be read: a key of which the record is damaged opens nothing.
///
/// # Errors
/// Those of the shelf.
pub async fn readable(shelf: &dyn Shelf, owner: Option<&str>, now: Timestamp) -> Result<Readable<ValetKey>, StoreError> {
    let mut keys = Listing::of(shelf, KIND, owner).read(|item| Ok(Record::read(item)?.0), now).await?;
    // Their numbers mean nothing to a person.
    keys.items.sort_by(|a, b| (&a.account, a.created_at, &a.name).cmp(&(&b.account, b.created_at, &b.name)));
    Ok(keys)
}

/// A person's key; `None` if there is none of this number, or it is not this person's.
pub(crate) async fn find(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<ValetKey>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    match shelf.item(KIND, id, now).await? {
        Some(item) if item.value.owner.as_deref() == Some(owner) => Ok(Some(Record::read(&item)?.0)),
        _ => Ok(None),
    }
}

/// Takes a key back, and writes that into the book; `None` if there is none of this number, or it is not this person's. Everywhere within a second.
/// One whose record is damaged goes as well; of that only the number is told, and its name and account are empty.
///
/// # Errors
/// Those of the shelf. If only the book failed, the key is gone all the same.
pub async fn revoke(shelf: &dyn Shelf, owner: Option<&str>, id: &str, by: Who, now: Timestamp) -> Result<Option<ValetKey>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    let key = match shelf.item(KIND, id, now).await {
        Ok(None) => return Ok(None),
        Ok(Some(item)) if owner.is_some() && item.value.owner.as_deref() != owner => return Ok(None),
        Ok(Some(item)) => Record::read(&item).map_or_else(|_| ValetKey::unreadable(id, item.value.owner.as_deref()), |(key, _)| key),
        // It opens nothing any more, and whoever takes it back wants to see it gone.
        Err(StoreError::Corrupt(_)) if is_one(shelf, owner, id, now).await? => ValetKey::unreadable(id, owner),
        Err(StoreError::Corrupt(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !shelf.remove_item(KIND, id).await? {
        return Ok(None);
    }
    let what = What::KeyRevoked { key: key.id.clone(), name: key.name.clone(), account: key.account.clone() };
    audit::record(shelf, Some(&key.owner), by, what, now).await?;
    Ok(Some(key))
}

/// Whether there is a key of this number, and, by what stands beside its record, of this person.
async fn is_one(shelf: &dyn Shelf, owner: Option<&str>, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let ids = shelf.ids(KIND, owner, after.as_deref(), PAGE, now).await?;
        match ids.last() {
            Some(last) if last.as_str() < id => after = Some(last.clone()),
            _ => return Ok(ids.iter().any(|known| known == id)),
        }
    }
}

/// Takes those keys of a person back that were made with an API token.
pub(crate) async fn revoke_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    for key in list(shelf, Some(owner), now).await?.into_iter().filter(|key| key.made_with.as_deref() == Some(token)) {
        revoke(shelf, Some(owner), &key.id, by.clone(), now).await?;
    }
    Ok(())
}

/// Reads several rules. What is wrong with one says which of them it is.
pub(crate) fn rules<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Rule>, Misuse> {
    let texts: Vec<&str> = texts.into_iter().collect();
    let named = |number: usize, text: &str, mut misuse: Misuse| {
        if texts.len() > 1 {
            let shown: String = scrub::printable(text.trim()).chars().take(LONGEST_SHOWN).collect();
            misuse.found = format!("{}, in rule {number} of {}, \"{shown}\"", misuse.found, texts.len());
        }
        misuse
    };
    (1..).zip(&texts).map(|(number, text)| text.parse().map_err(|misuse| named(number, text, misuse))).collect()
}

/// How many of a person's keys are for an account.
pub(crate) async fn of_account(shelf: &dyn Shelf, owner: &str, account: &Account, now: Timestamp) -> Result<usize, StoreError> {
    Ok(list(shelf, Some(owner), now).await?.iter().filter(|key| key.account_id == account.id).count())
}

/// The keys of an account say what it is called: after it got another name, the new one.
pub(crate) async fn follow(shelf: &dyn Shelf, account: &Account, now: Timestamp) -> Result<(), StoreError> {
    let (owner, shown) = whose(&account.name);
    for key in list(shelf, Some(owner), now).await?.into_iter().filter(|key| key.account_id == account.id) {
        let mut tries = 0;
        // Read again each time: what the key may do is somebody else's to change meanwhile, and it may be taken back.
        while let Some(found) = shelf.item(KIND, &key.id, now).await? {
            let (key, digest) = Record::read(&found)?;
            if key.account == shown {
                break;
            }
            let key = ValetKey { account: shown.to_owned(), ..key };
            match shelf.put_item(KIND, &Record::of(&key, digest).item(&key), Expected::Generation(found.generation)).await {
                Err(StoreError::Conflict) if tries < TRIES => tries += 1,
                written => {
                    written?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Whether it can be the number of a key: what is asked of a shelf is of its alphabet.
pub(crate) fn is_number(id: &str) -> bool {
    id.len() <= 64 && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What rests on the shelf. The number, the owner and the end are the item's own.
#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    account: String,
    account_id: AccountId,
    /// SHA-256, as hexadecimal digits.
    secret: String,
    rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    #[serde(default)]
    may_see_token: bool,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_with: Option<String>,
}

impl Record {
    fn of(key: &ValetKey, secret: Digest) -> Self {
        Self {
            name: key.name.clone(),
            account: key.account.clone(),
            account_id: key.account_id.clone(),
            secret: secret.to_hex(),
            rules: key.rules.iter().map(ToString::to_string).collect(),
            rate: key.rate.map(|rate| rate.to_string()),
            may_see_token: key.may_see_token,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            made_with: key.made_with.clone(),
        }
    }

    fn item(&self, key: &ValetKey) -> Item {
        let content = serde_json::to_vec(self).expect("text, numbers and lists are always JSON");
        Item { expires_at: key.expires_at, ..Item::new(&key.id, content).owned_by(&key.owner) }
    }

    /// What is not as we wrote it opens nothing.
    fn read(item: &Versioned<Item>) -> Result<(ValetKey, Digest), StoreError> {
        let Item { id, owner, expires_at, content } = &item.value;
        let broken = || StoreError::Corrupt(format!("the record of the key {id} cannot be read"));
        let record: Self = serde_json::from_slice(content).map_err(|_| broken())?;
        let digest = Digest::from_hex(&record.secret).ok_or_else(broken)?;
        // A box first, which has room for no more: keys in use are kept.
        let rules =
            record.rules.iter().map(|rule| Rule::kept(rule)).collect::<Result<Box<[_]>, Misuse>>().map_err(|_| broken())?.into_vec();
        let rate = record.rate.map(|rate| rate.parse()).transpose().map_err(|_: Misuse| broken())?;
        let key = ValetKey {
            id: id.clone(),
            owner: owner.clone().ok_or_else(broken)?,
            name: record.name,
            account: record.account,
            account_id: record.account_id,
            rules,
            rate,
            may_see_token: record.may_see_token,
            created_at: record.created_at,
            expires_at: *expires_at,
            last_used_at: record.last_used_at,
            made_with: record.made_with,
        };
        Ok((key, digest))
    }
}
