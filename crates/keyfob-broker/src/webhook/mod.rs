//! Webhooks: a program is told when an account is connected, refreshed, broken or disconnected, by whichever program or machine did it.
//!
//! ```text
//!  history ─► follow.rs: an item on the shelf for each event and webhook ─► deliver.rs: one broker has it at a time
//!                                                                              │
//!            receiver ◄── sign.rs ◄── target.rs: may we go there? ◄────────────┘
//! ```
//!
//! Every broker follows the history, and queues the same message under the same id; the shelf takes it once. What was delivered is remembered for
//! longer than a message lives, so that a broker that is late tells nothing twice. (A receiver may still get a message twice, where a broker died
//! between the answer and its note: the id is the same.)

mod deliver;
mod event;
mod follow;
mod sign;
mod target;

use keyfob::proto::{Misuse, Origin, Secret, Timestamp};
use keyfob::store::{Expected, Versioned};
use keyfob::{Error, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};

pub(crate) use deliver::Bell;
pub(crate) use event::Name;

use crate::audit::{self, What, Who};
use crate::keys::is_number;
use crate::listing::{Listing, Readable};
use crate::site::Site;

pub(crate) const KIND: Kind = Kind("webhook");

/// More webhooks of one person are a mistake.
const MOST: usize = 50;

/// After a new secret was made, messages are signed with the old one, too, for so long.
const OLD_SECRET: i64 = 24 * 3600;

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

/// Where a person's events are told.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) owner: String,
    /// When it ends: with the API token that it was made with, where that ends.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) record: Record,
}

/// The same, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) url: String,
    pub(crate) events: Vec<Name>,
    secret: Secrets,
    pub(crate) created_at: Timestamp,
    /// The number of the API token that it was made with, if it was: it is removed with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made_with: Option<String>,
    /// What went wrong of late; none: the last message arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Trouble>,
}

/// What messages are signed with.
#[derive(Clone, Serialize, Deserialize)]
struct Secrets {
    now: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<(String, Timestamp)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Messages do not arrive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) since: Timestamp,
    /// What the last try ended with.
    pub(crate) reason: String,
    /// How many messages were given up.
    pub(crate) given_up: u64,
}

impl Webhook {
    fn item(&self) -> Item {
        let item = Item::new(&self.id, serde_json::to_vec(&self.record).expect("text and numbers")).owned_by(&self.owner);
        Item { expires_at: self.expires_at, ..item }
    }

    fn read(found: &Versioned<Item>) -> Result<Self, StoreError> {
        let broken = || StoreError::Corrupt("the record of a webhook cannot be read".to_owned());
        let record = serde_json::from_slice(&found.value.content).map_err(|_| broken())?;
        let Item { id, owner, expires_at, .. } = &found.value;
        Ok(Self { id: id.clone(), owner: owner.clone().ok_or_else(broken)?, expires_at: *expires_at, record })
    }

    /// Where it leads, as the book has it: the path may hold a secret of the receiver's.
    pub(crate) fn origin(&self) -> String {
        Origin::parse(&self.record.url).map(|origin| origin.to_string()).unwrap_or_default()
    }

    /// The secrets that a message is signed with at this moment.
    fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let Secrets { now: new, before } = &self.record.secret;
        std::iter::once(new.as_str()).chain(before.iter().filter(move |(_, until)| now < *until).map(|(old, _)| old.as_str()))
    }
}

/// Whose word it is that something is made.
pub(crate) struct Maker {
    /// The number of the API token, where it is one.
    pub(crate) token: Option<String>,
    /// When that ends.
    pub(crate) ends_at: Option<Timestamp>,
}

/// Draws a webhook, which is none until it is kept; with its secret, which is shown once. The book has its number before.
///
/// # Errors
/// `Misuse` for a URL that we do not go to, or one webhook too many; those of the shelf.
pub(crate) async fn draw(
    shelf: &dyn Shelf,
    spared: &[Origin],
    owner: &str,
    url: &str,
    events: Vec<Name>,
    by: &Maker,
    now: Timestamp,
) -> Result<(Webhook, Secret), Error> {
    target::judge(url, spared)?;
    if list(shelf, owner, now).await?.items.len() >= MOST {
        return Err(Misuse::new(format!("at most {MOST} webhooks of one person"), "as many").into());
    }
    let secret = sign::new_secret();
    let secrets = Secrets { now: secret.expose().to_owned(), before: None };
    let record = Record { url: url.to_owned(), events, secret: secrets, created_at: now, made_with: by.token.clone(), trouble: None };
    Ok((Webhook { id: keyfob::random_hex(), owner: owner.to_owned(), expires_at: by.ends_at, record }, secret))
}

/// Has events told there from now on.
pub(crate) async fn keep(shelf: &dyn Shelf, webhook: &Webhook) -> Result<(), StoreError> {
    shelf.put_item(KIND, &webhook.item(), Expected::Nothing).await.map(drop)
}

/// The webhooks of a person, by number.
pub(crate) async fn list(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Readable<Webhook>, StoreError> {
    Listing::of(shelf, KIND, Some(owner)).read(Webhook::read, now).await
}

/// A webhook of this person.
pub(crate) async fn find(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<Webhook>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    let found = shelf.item(KIND, id, now).await?.filter(|found| found.value.owner.as_deref() == Some(owner));
    found.as_ref().map(Webhook::read).transpose()
}

/// Has messages signed with a new secret, and for a day with the old one, too.
pub(crate) async fn rotate(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<(Webhook, Secret)>, StoreError> {
    if find(shelf, owner, id, now).await?.is_none() {
        return Ok(None);
    }
    let secret = sign::new_secret();
    let changed = change(shelf, id, now, |webhook| {
        if webhook.owner == owner {
            let old = std::mem::replace(&mut webhook.record.secret.now, secret.expose().to_owned());
            webhook.record.secret.before = Some((old, now.plus(OLD_SECRET)));
        }
    });
    Ok(changed.await?.filter(|webhook| webhook.owner == owner).map(|webhook| (webhook, secret)))
}

/// Ends a webhook. Messages that are under way find it gone.
pub(crate) async fn remove(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<Webhook>, StoreError> {
    let Some(webhook) = find(shelf, owner, id, now).await? else { return Ok(None) };
    Ok(shelf.remove_item(KIND, id).await?.then_some(webhook))
}

/// Ends those webhooks of a person that were made with an API token.
pub(crate) async fn remove_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    for webhook in list(shelf, owner, now).await?.items.into_iter().filter(|webhook| webhook.record.made_with.as_deref() == Some(token)) {
        if shelf.remove_item(KIND, &webhook.id).await? {
            let what = What::WebhookRemoved { webhook: webhook.id.clone(), to: webhook.origin() };
            audit::record(shelf, Some(owner), by.clone(), what, now).await?;
        }
    }
    Ok(())
}

/// Changes a webhook; of several who do so at once, none undoes another's.
async fn change(shelf: &dyn Shelf, id: &str, now: Timestamp, change: impl Fn(&mut Webhook)) -> Result<Option<Webhook>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    for _ in 0..TRIES {
        let Some(found) = shelf.item(KIND, id, now).await? else { return Ok(None) };
        let mut webhook = Webhook::read(&found)?;
        change(&mut webhook);
        match shelf.put_item(KIND, &webhook.item(), Expected::Generation(found.generation)).await {
            Ok(_) => return Ok(Some(webhook)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}

impl Site {
    /// Tells events as long as this is waited for.
    pub(crate) async fn tell_webhooks(&self) {
        let Some(people) = &self.people else { return std::future::pending().await };
        tokio::join!(follow::follow(self, &*people.shelf), deliver::deliver(self, &people.shelf));
    }
}
