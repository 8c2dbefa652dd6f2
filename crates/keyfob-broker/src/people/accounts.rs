//! Whose which account is, beside its name: what each person has, what they call it on pages, and that one account at a provider is linked to
//! one person.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use keyfob::history::Watch;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Versioned};
use keyfob::{Account, Approved, StoreError};
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::person::OWNER;
use super::{People, hex};
use crate::browser::random;
use crate::listing::{Listing, Readable};
use crate::overwrite;
use crate::seat::{Seat, whose};
use crate::site::Site;
use crate::stranded::Stranded;

/// Each account of a person, by its immutable id.
const ACCOUNT: Kind = Kind("account");

/// Each account at a provider that a person is linked to, where the provider says whose it is.
const UPSTREAM: Kind = Kind("upstream");

/// What belongs to all of us together.
const HOUSE: Kind = Kind("house");

/// A link that was begun and never finished is nobody's after so long.
const UNFINISHED: i64 = 10 * 60;

/// After so long without a look the vault is looked through anew. What happened meanwhile would take longer to read by then, where thousands of accounts are
/// refreshed.
const AFRESH: Duration = Duration::from_secs(5 * 60);

/// How often a write is tried that others get in the way of.
const TRIES: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Listed {
    /// Its name in the vault.
    name: String,
    /// What the person calls it on pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

/// Which person is linked to an account at a provider, and by which of their accounts here.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Linked {
    person: String,
    names: Vec<String>,
    at: Timestamp,
}

/// What is written down of an account, and the account itself, if the vault still has it.
struct Known {
    id: String,
    listed: Listed,
    account: Option<Account>,
}

/// What happens in the vault, followed since it was looked through as a whole.
#[derive(Debug)]
pub(super) struct Followed {
    watch: Watch,
    since: Instant,
}

/// An account that is there.
#[derive(Clone, Debug)]
pub(crate) struct Mine {
    pub(crate) seat: Seat,
    pub(crate) account: Account,
    /// What the person calls it on pages.
    pub(crate) title: Option<String>,
}

/// The accounts of a person that are there, by name.
pub(crate) struct Theirs {
    pub(crate) mine: Vec<Mine>,
    pub(crate) stranded: Vec<Stranded>,
    /// How many cannot be read.
    unreadable: usize,
}

impl Site {
    /// The accounts of a person that are there, and can be used, by name.
    pub(crate) async fn accounts_of(&self, people: &People, person: &str) -> Result<Readable<Mine>, StoreError> {
        let Theirs { mine, unreadable, .. } = self.all_accounts_of(people, person).await?;
        Ok(Readable { items: mine, unreadable })
    }

    /// The same, with those that nothing here can use.
    pub(crate) async fn all_accounts_of(&self, people: &People, person: &str) -> Result<Theirs, StoreError> {
        let now = self.keyfob.now();
        if person == OWNER {
            self.find_accounts(people, now).await?;
        }
        let (mut mine, mut stranded) = (Vec::new(), Vec::new());
        let Readable { items: known, unreadable } = self.known_of(people, person, now).await?;
        for Known { id, listed, account } in known {
            // The command may have logged it out, or in again as another one.
            let Some(account) = account else {
                people.shelf.remove_item(ACCOUNT, &id).await?;
                continue;
            };
            match self.seat_in_vault(person, &account.name) {
                Some(seat) => mine.push(Mine { seat, account, title: listed.title }),
                // The provider is not served any more.
                None => stranded.extend(Stranded::of(self, account, listed.title)),
            }
        }
        mine.sort_by(|one, other| one.seat.shown.cmp(&other.seat.shown));
        stranded.sort_by(|one, other| one.shown.cmp(&other.shown));
        Ok(Theirs { mine, stranded, unreadable })
    }

    /// All that a person has in the vault, also of providers that are not served any more. The vault itself says so: what is taken away in an emergency must
    /// leave nothing that is written down nowhere else.
    pub(super) async fn all_of(&self, people: &People, person: &str, now: Timestamp) -> Result<Vec<Account>, StoreError> {
        match self.keyfob.store().accounts().await {
            Ok(all) => Ok(all.into_iter().map(|found| found.value).filter(|account| whose(&account.name).0 == person).collect()),
            // Somebody's is damaged. Where nothing of this person's is missed, it is somebody else's, and keeps none of theirs.
            Err(error @ StoreError::Corrupt(_)) => {
                if person == OWNER {
                    self.find_accounts(people, now).await?;
                }
                let Readable { items: known, unreadable } = self.known_of(people, person, now).await?;
                if unreadable > 0 { Err(error) } else { Ok(known.into_iter().filter_map(|known| known.account).collect()) }
            }
            Err(error) => Err(error),
        }
    }

    /// What is written down of a person's accounts, with each that the vault still has. The command gives an account another name there first, and says so
    /// here a moment later, or never, where it is cut off in between: so what is not there by its name is looked for by its id. What is dropped instead would
    /// be nobody's, and nobody could take it back.
    async fn known_of(&self, people: &People, person: &str, now: Timestamp) -> Result<Readable<Known>, StoreError> {
        let listed = |item: &Versioned<Item>| Ok((item.value.id.clone(), super::read::<Listed>(&item.value)?));
        let Readable { items, mut unreadable } = Listing::of(&*people.shelf, ACCOUNT, Some(person)).read(listed, now).await?;
        let mut known = Vec::new();
        for (id, listed) in items {
            let found = match self.keyfob.store().account(&listed.name).await {
                Err(error @ StoreError::Corrupt(_)) => {
                    unreadable += 1;
                    tracing::warn!(account = listed.name, %error, "left out of a list: it cannot be read");
                    continue;
                }
                found => found?.map(|found| found.value),
            };
            known.push(Known { account: found.filter(|account| account.id.as_str() == id), id, listed });
        }
        if known.iter().all(|one| one.account.is_some()) {
            return Ok(Readable { items: known, unreadable });
        }
        // Every record of the vault is opened for this: once for all that are missed, and after the last of them was.
        let all = self.keyfob.store().accounts().await?.into_iter().map(|found| found.value);
        let theirs = all.filter(|account| whose(&account.name).0 == person);
        let mut theirs: HashMap<String, Account> = theirs.map(|account| (account.id.to_string(), account)).collect();
        for one in known.iter_mut().filter(|one| one.account.is_none()) {
            one.account = theirs.remove(&one.id);
            if let Some(account) = &one.account {
                people.renamed(&one.listed.name, account, now).await?;
            }
        }
        Ok(Readable { items: known, unreadable })
    }

    /// Writes down what the command made, which tells us nothing: what the history says since the last time, and now and then the whole vault.
    pub(super) async fn find_accounts(&self, people: &People, now: Timestamp) -> Result<(), StoreError> {
        let mut followed = people.followed.lock().await;
        // Out of its place: where something fails half way, the whole vault is next.
        let news = match followed.take().filter(|followed| followed.since.elapsed() < AFRESH) {
            Some(mut known) => known.watch.news().await.ok().map(|news| (known, news)),
            None => None,
        };
        *followed = match news {
            Some((known, news)) => {
                self.find(people, news.into_iter().map(|entry| entry.account).collect(), now).await?;
                Some(Followed { since: Instant::now(), ..known })
            }
            None => self.look_through(people, now).await?,
        };
        Ok(())
    }

    /// Writes down what the vault has of the owner's.
    async fn look_through(&self, people: &People, now: Timestamp) -> Result<Option<Followed>, StoreError> {
        // Before: what is made meanwhile is found twice rather than never.
        let watch = Watch::begin(&self.keyfob, Duration::ZERO).await;
        match self.keyfob.store().accounts().await {
            Ok(all) => {
                for account in all.into_iter().map(|found| found.value).filter(|account| whose(&account.name).0 == OWNER) {
                    people.list(OWNER, &account, now).await?;
                }
            }
            // One that is damaged stands in nobody's way: each service's usual name, then.
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::warn!(%error, "the vault cannot be looked through for accounts that the command made");
                self.find(people, self.desks().iter().map(|desk| desk.account.clone()).collect(), now).await?;
            }
            Err(error) => return Err(error),
        }
        match watch {
            Ok(watch) => Ok(Some(Followed { watch, since: Instant::now() })),
            Err(error) => {
                tracing::warn!(%error, "the history cannot be followed: the vault is looked through each time");
                Ok(None)
            }
        }
    }

    /// Writes down those of these accounts that are there, and the owner's.
    async fn find(&self, people: &People, names: BTreeSet<String>, now: Timestamp) -> Result<(), StoreError> {
        for name in names.iter().filter(|name| whose(name).0 == OWNER) {
            match self.keyfob.store().account(name).await {
                Ok(Some(found)) => people.list(OWNER, &found.value, now).await?,
                Ok(None) => {}
                // One that is damaged is in nobody's list, and stands in nobody's way.
                Err(error @ StoreError::Corrupt(_)) => tracing::warn!(account = name, %error, "an account cannot be read"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl People {
    /// Writes down that a person has this account. What they call it stays.
    pub(crate) async fn list(&self, person: &str, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        // Nearly always it is there, and reading is cheaper. One that is damaged is there, too.
        match self.shelf.item(ACCOUNT, account.id.as_str(), now).await {
            Ok(Some(_)) | Err(StoreError::Corrupt(_)) => return Ok(()),
            found => drop(found?),
        }
        let listed = Listed { name: account.name.clone(), title: None };
        self.put_new(ACCOUNT, &item(person, account, &listed), now).await?;
        if let Some(id) = self.upstream(account.person(), now).await? {
            let linked = Linked { person: person.to_owned(), names: vec![account.name.clone()], at: now };
            self.put_new(UPSTREAM, &linked.item(&id), now).await?;
        }
        Ok(())
    }

    /// Keeps an item where there is none, or one that has ended.
    async fn put_new(&self, kind: Kind, item: &Item, now: Timestamp) -> Result<(), StoreError> {
        let (found, expected) = overwrite::look(&*self.shelf, kind, &item.id, now).await?;
        if found.is_some() {
            return Ok(());
        }
        match self.shelf.put_item(kind, item, expected).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the person calls an account from now on; `None`: what it is.
    pub(crate) async fn entitle(&self, person: &str, account: &Account, title: Option<String>) -> Result<(), StoreError> {
        let listed = Listed { name: account.name.clone(), title };
        self.shelf.put_item(ACCOUNT, &item(person, account, &listed), Expected::Anything).await.map(drop)
    }

    /// An account of the vault has another name there: what is kept about it follows its id. What the person calls it stays.
    pub(super) async fn renamed(&self, was: &str, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        let person = match self.shelf.item(ACCOUNT, account.id.as_str(), now).await? {
            Some(found) => {
                let person = found.value.owner.clone().unwrap_or_default();
                self.entitle(&person, account, super::read::<Listed>(&found.value)?.title).await?;
                person
            }
            // Nobody has looked yet; or somebody looked for the old name, and took it for gone.
            None => {
                let (person, _) = whose(&account.name);
                self.list(person, account, now).await?;
                person.to_owned()
            }
        };
        let Some(id) = self.upstream(account.person(), now).await? else { return Ok(()) };
        for _ in 0..TRIES {
            let Some(found) = self.shelf.item(UPSTREAM, &id, now).await? else { return Ok(()) };
            let mut linked: Linked = super::read(&found.value)?;
            if linked.person != person {
                return Ok(());
            }
            linked.names.iter_mut().filter(|name| *name == was).for_each(|name| account.name.clone_into(name));
            match self.shelf.put_item(UPSTREAM, &linked.item(&id), Expected::Generation(found.generation)).await {
                Err(StoreError::Conflict) => {}
                written => return written.map(drop),
            }
        }
        Err(StoreError::Conflict)
    }

    /// What the person calls an account.
    pub(crate) async fn title(&self, account: &Account, now: Timestamp) -> Result<Option<String>, StoreError> {
        let found = self.shelf.item(ACCOUNT, account.id.as_str(), now).await?;
        Ok(found.map(|found| super::read::<Listed>(&found.value)).transpose()?.and_then(|listed| listed.title))
    }

    /// The account is not the person's any more: it was forgotten.
    pub(crate) async fn unlist(&self, person: &str, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        self.shelf.remove_item(ACCOUNT, account.id.as_str()).await?;
        self.unlink(person, account, now).await
    }

    /// What the tokens of this account are for is the person's no more; by another of their accounts it may be.
    pub(crate) async fn unlink(&self, person: &str, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        match self.upstream(account.person(), now).await? {
            Some(id) => self.drop_name(&id, person, &account.name, now).await,
            None => Ok(()),
        }
    }

    /// What was [linked](Self::link) was not kept: it is not linked under this name, unless what is there by now is the same account at the provider. If this
    /// fails, the link says too much until it is found to be dead.
    pub(crate) async fn disown(&self, site: &Site, seat: &Seat, approved: &Approved) {
        if let Err(error) = self.try_disown(site, seat, approved).await {
            tracing::warn!(account = seat.name, %error, "a link to an account that was not kept is left");
        }
    }

    async fn try_disown(&self, site: &Site, seat: &Seat, approved: &Approved) -> Result<(), StoreError> {
        let now = site.keyfob.now();
        let Some(id) = self.upstream(approved.person(), now).await? else { return Ok(()) };
        if let Some(there) = site.keyfob.store().account(&seat.name).await?
            && there.value.person() == approved.person()
        {
            return Ok(());
        }
        self.drop_name(&id, &seat.person, &seat.name, now).await
    }

    /// A person is linked to an account at a provider no more by this name.
    async fn drop_name(&self, id: &str, person: &str, name: &str, now: Timestamp) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let Some(found) = self.shelf.item(UPSTREAM, id, now).await? else { return Ok(()) };
            let mut linked: Linked = super::read(&found.value)?;
            if linked.person != person {
                return Ok(());
            }
            linked.names.retain(|known| known != name);
            // Without names it ends, and is swept: removed here it might be another one by now, which somebody else has just been linked by.
            let item = linked.item(id);
            let item = if linked.names.is_empty() { item.until(now) } else { item };
            match self.shelf.put_item(UPSTREAM, &item, Expected::Generation(found.generation)).await {
                Err(StoreError::Conflict) => {}
                written => return written.map(drop),
            }
        }
        Ok(())
    }

    /// Links what was approved to a person, under this name, before it is kept. `false`: it is linked to somebody else, and stays theirs (L19). Where the provider does
    /// not say whose account it is, nobody can tell, and it is linked.
    pub(crate) async fn link(&self, site: &Site, seat: &Seat, approved: &Approved) -> Result<bool, StoreError> {
        let now = site.keyfob.now();
        let Some(id) = self.upstream(approved.person(), now).await? else { return Ok(true) };
        // What the command made is linked when it is found.
        site.find_accounts(self, now).await?;
        for _ in 0..TRIES {
            let (found, expected) = overwrite::look(&*self.shelf, UPSTREAM, &id, now).await?;
            let before: Option<Linked> = found.map(|found| super::read(&found.value)).transpose()?;
            let linked = match before {
                Some(mut linked) if linked.person == seat.person => {
                    linked.names.retain(|name| *name != seat.name);
                    linked.names.push(seat.name.clone());
                    Linked { at: now, ..linked }
                }
                Some(linked) if linked.is_alive(site, self, &id, now).await? => return Ok(false),
                _ => Linked { person: seat.person.clone(), names: vec![seat.name.clone()], at: now },
            };
            match self.shelf.put_item(UPSTREAM, &linked.item(&id), expected).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// What an account at a provider is found by, where it can be known whose it is.
    async fn upstream(&self, person: Option<[&str; 3]>, now: Timestamp) -> Result<Option<String>, StoreError> {
        match person {
            Some(parts) => self.keyed(UPSTREAM, &parts, now).await.map(Some),
            None => Ok(None),
        }
    }

    /// A name for something that is no secret, which nobody who reads the database can guess at.
    pub(super) async fn keyed(&self, kind: Kind, parts: &[&str], now: Timestamp) -> Result<String, StoreError> {
        const SALT: &str = "salt";
        let salt = loop {
            if let Some(found) = self.shelf.item(HOUSE, SALT, now).await? {
                break found.value.content;
            }
            let made = Item::new(SALT, random().expose().as_bytes());
            match self.shelf.put_item(HOUSE, &made, Expected::Nothing).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        };
        let start = Sha256::new().chain_update(kind.0).chain_update([0]).chain_update(&*salt);
        // With its length in front, no part can be mistaken for two.
        let all = parts.iter().fold(start, |hash, part| hash.chain_update((part.len() as u64).to_le_bytes()).chain_update(part));
        Ok(hex(all))
    }
}

impl Linked {
    fn item(&self, id: &str) -> Item {
        Item::new(id, serde_json::to_vec(self).expect("text and numbers")).owned_by(self.person.clone())
    }

    /// Whether one of the accounts is there, or may come yet. Under its name there may be another one by now, which the command made, and which says nothing
    /// about this one; where its provider does not say whose it is, nobody can tell, and it counts.
    async fn is_alive(&self, site: &Site, people: &People, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        for name in &self.names {
            let Some(found) = site.keyfob.store().account(name).await? else { continue };
            if people.upstream(found.value.person(), now).await?.is_none_or(|of| of == id) {
                return Ok(true);
            }
        }
        Ok((0..UNFINISHED).contains(&now.since(self.at)))
    }
}

fn item(person: &str, account: &Account, listed: &Listed) -> Item {
    Item::new(account.id.as_str(), serde_json::to_vec(listed).expect("text")).owned_by(person)
}
