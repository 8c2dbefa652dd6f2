//! Connect links: an app asks for a page, sends its own user there, and the account that the user connects is the person's who made the app's token.
//!
//! ```text
//!  app ── POST /v1/connect-links ─► link ─► page: who asks, for what ─► provider ─► callback ─► the app's return_to
//! ```
//!
//! Whoever is at the page is nobody here. The first browser that presses the button is the link's browser from then on: an answer of the provider that
//! another one brings is refused (A3), and so is a provider's page that somebody was talked into (A13). Looking alone binds nothing: chat programs make
//! previews. One account comes of a link (L22).

mod arrive;
mod failed;
mod return_url;

use keyfob::StoreError;
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{Expected, Generation, Versioned};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use arrive::{back_to_app, connect, connecting, ended, hindrance, is_there, outcome, over, receive};
pub(crate) use failed::Failed;
pub(crate) use return_url::{
    KIND as RETURN_URL, ReturnUrl, add, is_listed, judge, list as return_urls, remove as remove_return_url,
    remove_made_with as remove_return_urls_made_with,
};

use crate::audit::{self, What, Who};
use crate::keys::is_number;
use crate::listing::{Listing, Readable};
use crate::people::Door;

pub(crate) const KIND: Kind = Kind("connect");

/// More links of one person that wait at once are a mistake.
const MOST: usize = 1000;

/// A link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: String,
    /// Whose the account will be.
    pub(crate) owner: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) record: Record,
    generation: Generation,
}

/// The same, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// SHA-256 of what is in the link beside its number.
    secret: String,
    /// Who asks, in words.
    pub(crate) asker: String,
    pub(crate) provider: String,
    /// What the person calls the account.
    pub(crate) account: String,
    /// Whether it may take the place of one that is there.
    pub(crate) reconnects: bool,
    pub(crate) scopes: Vec<String>,
    pub(crate) return_to: Option<String>,
    pub(crate) created_at: Timestamp,
    /// The number of the API token that it was made with, if it was: it is taken back with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_with: Option<String>,
    /// The browser that pressed the button.
    browser: Option<String>,
    pub(crate) state: State,
    /// Why nothing came of it when it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<Failed>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ConnectLinkState")]
pub(crate) enum State {
    /// Somebody may connect by it.
    Open,
    /// Somebody has.
    Connected,
}

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) owner: String,
    pub(crate) asker: String,
    pub(crate) provider: String,
    pub(crate) account: String,
    pub(crate) reconnects: bool,
    pub(crate) scopes: Vec<String>,
    pub(crate) return_to: Option<String>,
    pub(crate) expires_at: Timestamp,
    /// The number of the API token that asks.
    pub(crate) made_with: Option<String>,
}

/// Draws a link, which opens nothing until it is kept; with what is in it, which is not kept. The book has its number before. `None`: there are too
/// many that wait.
pub(crate) async fn draw(shelf: &dyn Shelf, asked: Asked, now: Timestamp) -> Result<Option<(Link, Secret)>, StoreError> {
    // One that was used waits for nobody, and is there until it ends only to be looked at.
    let (mut waiting, mut all) = (0, Listing::of(shelf, KIND, Some(&asked.owner)));
    while let Some(page) = all.page(now).await? {
        for found in &page {
            // By one that cannot be read nobody connects.
            waiting += usize::from(Link::read(found).is_ok_and(|link| link.record.state == State::Open));
        }
        if waiting >= MOST {
            return Ok(None);
        }
    }
    let Asked { owner, asker, provider, account, reconnects, scopes, return_to, expires_at, made_with } = asked;
    let (id, secret) = (keyfob::random_hex(), Secret::new(keyfob::random_hex()));
    let record = Record {
        secret: hash(secret.expose()),
        asker,
        provider,
        account,
        reconnects,
        scopes,
        return_to,
        created_at: now,
        made_with,
        browser: None,
        state: State::Open,
        failed: None,
    };
    let link = Link { id, owner, expires_at, record, generation: Generation(0) };
    let token = Secret::new(format!("{}{}", link.id, secret.expose()));
    Ok(Some((link, token)))
}

/// Somebody may connect by it from now on.
pub(crate) async fn keep(shelf: &dyn Shelf, link: &mut Link) -> Result<(), StoreError> {
    link.generation = shelf.put_item(KIND, &link.item(), Expected::Nothing).await?;
    Ok(())
}

/// The links of a person, by number.
pub(crate) async fn list(shelf: &dyn Shelf, owner: &str, now: Timestamp) -> Result<Readable<Link>, StoreError> {
    Listing::of(shelf, KIND, Some(owner)).read(Link::read, now).await
}

/// A link of this person.
pub(crate) async fn find(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<Link>, StoreError> {
    Ok(by_number(shelf, id, now).await?.filter(|link| link.owner == owner))
}

/// Takes a link back. A login that was begun by it comes to nothing.
pub(crate) async fn cancel(shelf: &dyn Shelf, owner: &str, id: &str, now: Timestamp) -> Result<Option<Link>, StoreError> {
    let Some(link) = find(shelf, owner, id, now).await? else { return Ok(None) };
    Ok(shelf.remove_item(KIND, id).await?.then_some(link))
}

/// Takes those links of a person back that were made with an API token. Those that were used, too: a login that fails at the very end opens them again.
pub(crate) async fn cancel_made_with(shelf: &dyn Shelf, owner: &str, token: &str, by: Who, now: Timestamp) -> Result<(), StoreError> {
    for link in list(shelf, owner, now).await?.items.into_iter().filter(|link| link.record.made_with.as_deref() == Some(token)) {
        if shelf.remove_item(KIND, &link.id).await? {
            let what = What::LinkCancelled { link: link.id, account: link.record.account };
            audit::record(shelf, Some(owner), by.clone(), what, now).await?;
        }
    }
    Ok(())
}

/// The link that somebody comes with, used or not. Looking does not spend it.
pub(crate) async fn by_token(shelf: &dyn Shelf, token: &str, now: Timestamp) -> Result<Option<Link>, StoreError> {
    let Some((id, secret)) = token.split_at_checked(32) else { return Ok(None) };
    let link = by_number(shelf, id, now).await?;
    Ok(link.filter(|link| Secret::new(link.record.secret.as_str()).same_as(&hash(secret))))
}

pub(crate) async fn by_number(shelf: &dyn Shelf, id: &str, now: Timestamp) -> Result<Option<Link>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    shelf.item(KIND, id, now).await?.as_ref().map(Link::read).transpose()
}

impl Link {
    /// Where a browser goes in the end, as long as that is on the person's list: it may be taken off after the link was made, with the token that put it there.
    pub(crate) async fn return_to(&self, shelf: &dyn Shelf, now: Timestamp) -> Result<Option<&str>, StoreError> {
        let Some(url) = self.record.return_to.as_deref() else { return Ok(None) };
        Ok(is_listed(shelf, &self.owner, url, now).await?.then_some(url))
    }

    /// Whether this browser may go on: it is the link's, or the link has none yet.
    pub(crate) fn is_for(&self, door: &Door) -> bool {
        self.record.browser.as_ref().is_none_or(|browser| Secret::new(browser.as_str()).same_as(&hash(door.binding.expose())))
    }

    /// Whether it is some browser's already.
    pub(crate) fn is_bound(&self) -> bool {
        self.record.browser.is_some()
    }

    /// The link is this browser's from now on. `false`: another one was faster.
    pub(crate) async fn bind(&mut self, shelf: &dyn Shelf, door: &Door) -> Result<bool, StoreError> {
        if !self.is_for(door) {
            return Ok(false);
        }
        self.record.browser = Some(hash(door.binding.expose()));
        self.write(shelf).await
    }

    /// It has been used. `false`: somebody else was faster, or it was taken back.
    pub(crate) async fn spend(&mut self, shelf: &dyn Shelf) -> Result<bool, StoreError> {
        if self.record.state != State::Open {
            return Ok(false);
        }
        (self.record.state, self.record.failed) = (State::Connected, None);
        self.write(shelf).await
    }

    /// Nothing came of it, and it can be used again.
    pub(crate) async fn reopen(&mut self, shelf: &dyn Shelf, failed: Failed) -> Result<bool, StoreError> {
        (self.record.state, self.record.failed) = (State::Open, Some(failed));
        self.write(shelf).await
    }

    async fn write(&mut self, shelf: &dyn Shelf) -> Result<bool, StoreError> {
        match shelf.put_item(KIND, &self.item(), Expected::Generation(self.generation)).await {
            Ok(generation) => {
                self.generation = generation;
                Ok(true)
            }
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn item(&self) -> Item {
        Item::new(&self.id, serde_json::to_vec(&self.record).expect("text and numbers")).owned_by(&self.owner).until(self.expires_at)
    }

    fn read(found: &Versioned<Item>) -> Result<Self, StoreError> {
        let broken = || StoreError::Corrupt("the record of a connect link cannot be read".to_owned());
        let Item { id, owner, expires_at, content } = &found.value;
        let record = serde_json::from_slice(content).map_err(|_| broken())?;
        let (owner, expires_at) = (owner.clone().ok_or_else(broken)?, expires_at.ok_or_else(broken)?);
        Ok(Self { id: id.clone(), owner, expires_at, record, generation: found.generation })
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
