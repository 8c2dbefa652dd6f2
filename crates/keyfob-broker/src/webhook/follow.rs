//! From the history to messages. Every broker does it; the shelf takes each message once.

use std::time::Duration;

use keyfob::history::{Entry, Watch};
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected};
use keyfob::{Error, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::MissedTickBehavior;

use super::event::{Name, message};
use super::{Webhook, list};
use crate::seat::whose;
use crate::site::Site;

/// Messages that wait.
pub(super) const MESSAGE: Kind = Kind("message");

/// Messages that need not be sent any more.
pub(super) const TOLD: Kind = Kind("told");

/// How far the history was read, for whoever starts next.
const POSITION: Kind = Kind("webhook-position");

/// A message lives for so long.
pub(super) const LIFE: i64 = 24 * 3600;

/// The history is looked at about this often.
const EVERY: Duration = Duration::from_secs(1);

/// How far it was read is written down about this often.
const NOTED: Duration = Duration::from_secs(30);

/// A message that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) webhook: String,
    pub(super) body: String,
    /// The number of what it tells, in the history: what happened first is told first. (Those that were queued by an older version have none.)
    #[serde(default)]
    pub(super) sequence: u64,
    pub(super) created_at: Timestamp,
    /// When it is tried next.
    pub(super) due: Timestamp,
    pub(super) tries: u32,
}

impl Message {
    pub(super) fn item(&self, id: &str, owner: &str) -> Item {
        // It goes by itself if nobody can ever send it.
        Item::new(id, serde_json::to_vec(self).expect("text and numbers")).owned_by(owner).until(self.created_at.plus(2 * LIFE))
    }
}

/// Follows the history; what fails is begun again where it was.
pub(super) async fn follow(site: &Site, shelf: &dyn Shelf) {
    loop {
        if let Err(error) = follow_on(site, shelf).await {
            tracing::warn!(%error, "events are not told for a moment");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn follow_on(site: &Site, shelf: &dyn Shelf) -> Result<(), Error> {
    // Before the past is read: what happens meanwhile is seen twice rather than never.
    let mut watch = Watch::begin(&site.keyfob, EVERY).await?;
    catch_up(site, shelf).await?;
    let mut clock = tokio::time::interval(NOTED);
    // After a store that was slow, one note is enough.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = watch.next_numbered() => {
                let (number, entry) = next?;
                queue(site, shelf, number, &entry).await?;
            }
            // What is seen and not queued yet is not read: whoever stumbles over it, and whoever starts next, begins before it.
            _ = clock.tick() => note(shelf, watch.position()).await?,
        }
    }
}

/// What happened while no broker was there.
async fn catch_up(site: &Site, shelf: &dyn Shelf) -> Result<(), Error> {
    let known = shelf.item(POSITION, "history", site.keyfob.now()).await?;
    let known = known.and_then(|found| serde_json::from_slice::<u64>(&found.value.content).ok());
    // Nobody is told of what was before there were webhooks at all.
    let Some(known) = known else { return Ok(()) };
    // What became visible late is read again with the rest.
    let mut after = known.saturating_sub(Watch::LOOK_BACK);
    loop {
        let page = site.keyfob.store().entries(Some(EntryNumber(after)), Watch::PAGE).await?;
        for (number, entry) in &page {
            after = number.0;
            queue(site, shelf, *number, entry).await?;
        }
        if page.len() < Watch::PAGE {
            return Ok(());
        }
    }
}

async fn note(shelf: &dyn Shelf, number: u64) -> Result<(), StoreError> {
    let item = Item::new("history", serde_json::to_vec(&number).expect("a number"));
    shelf.put_item(POSITION, &item, Expected::Anything).await.map(drop)
}

/// Puts a message on the shelf for each webhook that wants to know.
async fn queue(site: &Site, shelf: &dyn Shelf, number: EntryNumber, entry: &Entry) -> Result<(), StoreError> {
    let (Some(name), now) = (Name::of(entry), site.keyfob.now()) else { return Ok(()) };
    let (owner, _) = whose(&entry.account);
    if now.since(entry.at) >= LIFE {
        return Ok(());
    }
    for webhook in list(shelf, owner, now).await?.items {
        if webhook.record.events.contains(&name) && webhook.record.created_at <= entry.at {
            put(shelf, &webhook, name, number, entry, now).await?;
            site.bell.ring();
        }
    }
    Ok(())
}

async fn put(
    shelf: &dyn Shelf,
    webhook: &Webhook,
    name: Name,
    number: EntryNumber,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = id(webhook, entry);
    if shelf.item(TOLD, &id, now).await?.is_some() {
        return Ok(());
    }
    let body = message(name, number, entry).to_string();
    let message = Message { webhook: webhook.id.clone(), body, sequence: number.0, created_at: now, due: now, tries: 0 };
    match shelf.put_item(MESSAGE, &message.item(&id, &webhook.owner), Expected::Nothing).await {
        // Another broker was faster.
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The same wherever it is made.
fn id(webhook: &Webhook, entry: &Entry) -> String {
    let entry = serde_json::to_vec(entry).expect("text and numbers");
    let hash = Sha256::new().chain_update(&webhook.id).chain_update([0]).chain_update(entry).finalize();
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{digits}")
}
