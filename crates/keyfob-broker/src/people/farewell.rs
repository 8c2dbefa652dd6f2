//! Taking away: one person's accounts, one provider's, or a person with all they have.
//!
//! Here it counts at once. What providers have to be told (RFC 7009) is written down first, with the tokens, and told as soon as they can be reached:
//! in an emergency the provider is often the one that is down (L18).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyfob::history::Event;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation, Versioned};
use keyfob::{Account, Error, Revoked, StoreError};
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use tokio::task::{AbortHandle, JoinSet};

use super::person::OWNER;
use super::{People, Person};
use crate::api::{self, token};
use crate::listing::Listing;
use crate::seat::whose;
use crate::site::{Desk, Site};
use crate::{audit, keys, links, webhook};

/// Tokens that their provider has to be told to forget.
const OWED: Kind = Kind("revocation");

/// How often is looked whether something is owed. A new debt is paid without waiting for that.
const LOOK: Duration = Duration::from_secs(5);

/// After this it is given up: every access token has ended by then.
const LONGEST: i64 = 30 * 24 * 3600;

/// Seconds from one try to the next, growing up to an hour.
const FIRST_PAUSE: i64 = 15;
const LONGEST_PAUSE: i64 = 3600;

/// So many accounts are taken away at once.
const AT_ONCE: usize = 16;

/// So many are read at once.
const ROUND: usize = 100;

/// What else of a person works without them: programs are told and answered, and links lead on.
const THEIRS: [Kind; 4] = [webhook::KIND, links::KIND, links::RETURN_URL, api::ONCE];

/// What a provider has to be told.
#[derive(Serialize, Deserialize)]
struct Owed {
    account: Account,
    since: Timestamp,
    tries: u32,
    next: Timestamp,
}

/// What is to be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// Everything of this person.
    Person(&'a str),
    /// Everybody's accounts of this service.
    Service(&'a str),
}

impl Site {
    /// The accounts in the vault that would be taken away.
    pub(crate) async fn concerned(&self, people: &People, whose: Whose<'_>) -> Result<Vec<Account>, StoreError> {
        let now = self.keyfob.now();
        match whose {
            Whose::Person(person) => self.all_of(people, person, now).await,
            Whose::Service(service) => {
                let Some(desk) = self.desk(service) else { return Ok(Vec::new()) };
                let all = self.keyfob.store().accounts().await?.into_iter().map(|found| found.value);
                Ok(all.filter(|account| account.provider == desk.provider.name).collect())
            }
        }
    }

    /// Takes accounts away: forgotten here at once, revoked at their providers as soon as those can be reached. How many they were. One that cannot be taken
    /// away keeps none of the others.
    pub(crate) async fn revoke_all(self: &Arc<Self>, people: &People, whose: Whose<'_>, by: &str) -> Result<usize, Error> {
        let accounts = self.concerned(people, whose).await?;
        let (many, mut failed) = (accounts.len(), None);
        let mut waiting = accounts.into_iter();
        let mut taking = JoinSet::new();
        loop {
            while taking.len() < AT_ONCE
                && let Some(account) = waiting.next()
            {
                let (site, by) = (self.clone(), by.to_owned());
                taking.spawn(async move {
                    match &site.people {
                        Some(people) => site.forget(people, &account.name, &by).await,
                        None => Ok(()),
                    }
                });
            }
            match taking.join_next().await {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => failed = Some(error),
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
        people.debts.notify_one();
        match failed {
            Some(error) => Err(error),
            None => {
                tracing::warn!(?whose, accounts = many, "accounts were taken away");
                Ok(many)
            }
        }
    }

    /// Removes a person: their sessions, keys, tokens, webhooks and links first, so that nothing of them works any more, then their accounts. Whoever is
    /// stopped in between goes on by doing it again. It goes into the book of who asks (`by`), as done by `who`. `false`: there is no such person, or it is
    /// the owner.
    pub(crate) async fn remove_person(self: &Arc<Self>, people: &People, id: &str, by: &str, who: audit::Who) -> Result<bool, Error> {
        let now = self.keyfob.now();
        if id == OWNER {
            return Ok(false);
        }
        let Some(person) = people.change(id, now, |person: &mut Person| person.leaving = true).await? else { return Ok(false) };
        people.close_all(id, now).await?;
        people.uninvite(id, now).await?;
        people.bar(id, now).await?;
        // Before the accounts: a webhook would be told of each that is taken away.
        people.take_back_all(id, who.clone(), now).await?;
        self.revoke_all(people, Whose::Person(id), by).await?;
        // While they can still be found: whoever is stopped before this line does it again, and writes it then.
        let what = audit::What::PersonRemoved { removed: id.to_owned(), name: person.name };
        audit::record(&*people.shelf, Some(by), who, what, now).await?;
        people.drop_person(id).await?;
        tracing::warn!(person = id, "a person was removed");
        Ok(true)
    }

    /// Forgets an account here, at once; what its provider has to be told is durable before.
    pub(crate) async fn forget(&self, people: &People, name: &str, by: &str) -> Result<(), Error> {
        let now = self.keyfob.now();
        let Some(Versioned { value: account, .. }) = self.keyfob.store().account(name).await? else { return Ok(()) };
        let (person, shown) = whose(name);
        let desk = self.desk_of(&account);
        if desk.is_some() {
            people.owe(&account, now).await?;
        }
        let forgotten = match &desk {
            // Nobody waits for a refresh that is under way, at a provider that hangs, say: what it brings is revoked by whoever gets it.
            Some(_) => match keyfob::forget_now(&self.keyfob, name).await {
                Ok(account) => Some(account),
                Err(Error::NoAccount { .. }) => None,
                Err(error) => return Err(error),
            },
            None => {
                let entry = self.keyfob.entry(&account, Event::LoggedOut { revoked: false });
                self.keyfob.store().remove_account(name, Some(&entry)).await?;
                None
            }
        };
        if let Some(newest) = forgotten.as_ref().filter(|_| desk.is_some()) {
            people.owe(newest, now).await?;
        }
        people.unlist(person, forgotten.as_ref().unwrap_or(&account), now).await?;
        let what = audit::What::Disconnected { account: shown.to_owned(), revoked: false };
        audit::record(&*people.shelf, Some(person), audit::Who::person(by), what, now).await?;
        Ok(())
    }

    /// The service that an account is of.
    fn desk_of(&self, account: &Account) -> Option<Arc<Desk>> {
        self.desks().into_iter().find(|desk| desk.provider.name == account.provider && desk.app.client_id == account.client_id)
    }

    /// Tells providers what they are owed, as long as this is waited for. Of several machines one tells each.
    pub(crate) async fn pay(self: &Arc<Self>) {
        let Some(people) = &self.people else { return std::future::pending().await };
        let mut paying = Paying::default();
        loop {
            if let Err(error) = paying.look(self, people).await {
                tracing::warn!(%error, "what providers are owed cannot be read");
            }
            tokio::select! {
                () = people.debts.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Whether the provider could be told, as far as it was this program's turn.
    async fn pay_one(&self, people: &People, found: &Versioned<Item>) -> Result<bool, StoreError> {
        let (owed, now): (Owed, _) = (super::read(&found.value)?, self.keyfob.now());
        let pause = FIRST_PAUSE.saturating_mul(1 << owed.tries.min(16)).min(LONGEST_PAUSE);
        let taken = Owed { tries: owed.tries.saturating_add(1), next: now.plus(pause), ..owed };
        // Whoever writes this is whose try it is.
        let expected = Expected::Generation(found.generation);
        let generation = match people.shelf.put_item(OWED, &taken.item(&found.value.id), expected).await {
            Ok(generation) => generation,
            Err(StoreError::Conflict) => return Ok(true),
            Err(error) => return Err(error),
        };
        let Some(desk) = self.desk_of(&taken.account) else { return Ok(true) };
        if let Revoked::Failed(error) = keyfob::revoke(&self.keyfob, &desk.settings, &desk.app, &taken.account).await {
            tracing::warn!(provider = taken.account.provider, tries = taken.tries, %error, "not revoked yet");
            return Ok(false);
        }
        tracing::info!(provider = taken.account.provider, "revoked");
        people.paid(&found.value.id, generation).await.map(|()| true)
    }
}

/// What is being paid: a task for each provider that is owed something. Nobody waits for any of them, so that one that hangs keeps no other one from being
/// told.
#[derive(Default)]
struct Paying {
    tasks: JoinSet<()>,
    of: HashMap<String, AbortHandle>,
}

impl Paying {
    /// One look at everything that is owed.
    async fn look(&mut self, site: &Arc<Site>, people: &People) -> Result<(), StoreError> {
        while self.tasks.try_join_next().is_some() {}
        self.of.retain(|_, task| !task.is_finished());
        for (provider, owed) in self.due(people, site.keyfob.now()).await? {
            let site = site.clone();
            let task = self.tasks.spawn(async move {
                let Some(people) = &site.people else { return };
                for found in &owed {
                    match site.pay_one(people, found).await {
                        Ok(true) => {}
                        // It is down, or hangs: the others of its own wait for the next look, and what is new among them is tried before this one.
                        Ok(false) => return,
                        Err(error) => tracing::warn!(%error, "a revocation waits for a moment"),
                    }
                }
            });
            self.of.insert(provider, task);
        }
        Ok(())
    }

    /// What is to be tried now, by provider, without those that have a task already.
    async fn due(&self, people: &People, now: Timestamp) -> Result<HashMap<String, Vec<Versioned<Item>>>, StoreError> {
        let mut due = HashMap::<String, Vec<_>>::new();
        let mut all = Listing::of(&*people.shelf, OWED, None);
        while let Some(page) = all.page(now).await? {
            for found in page {
                // What cannot be read stays for whoever can, and stands in nobody's way.
                let Ok(owed) = super::read::<Owed>(&found.value) else { continue };
                if owed.next <= now && !self.of.contains_key(&owed.account.provider) {
                    due.entry(owed.account.provider).or_default().push(found);
                }
            }
        }
        Ok(due)
    }
}

impl People {
    /// Takes everything back that a person has beside accounts.
    pub(crate) async fn take_back_all(&self, person: &str, by: audit::Who, now: Timestamp) -> Result<(), StoreError> {
        for key in keys::list(&*self.shelf, Some(person), now).await? {
            keys::revoke(&*self.shelf, Some(person), &key.id, by.clone(), now).await?;
        }
        // Before the tokens, which read what was made with them: these are dropped unread.
        for kind in THEIRS {
            self.drop_all(kind, person, now).await?;
        }
        for token in token::list(&*self.shelf, person, now).await? {
            token::revoke(&*self.shelf, person, &token.id, by.clone(), now).await?;
        }
        // What cannot be read opened nothing, and goes as well.
        for kind in [keys::KIND, token::KIND] {
            self.drop_all(kind, person, now).await?;
        }
        Ok(())
    }

    /// Removes everything of this kind that is a person's.
    async fn drop_all(&self, kind: Kind, person: &str, now: Timestamp) -> Result<(), StoreError> {
        loop {
            // From the beginning each time: what was removed is not there any more.
            let ids = self.shelf.ids(kind, Some(person), None, ROUND, now).await?;
            if ids.is_empty() {
                return Ok(());
            }
            for id in ids {
                self.shelf.remove_item(kind, &id).await?;
            }
        }
    }

    /// How many revocations providers have not been told yet; more than fit in a round are not counted.
    pub(crate) async fn owed(&self, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.shelf.ids(OWED, None, None, ROUND, now).await?.len())
    }

    async fn owe(&self, account: &Account, now: Timestamp) -> Result<(), StoreError> {
        let owed = Owed { account: account.clone(), since: now, tries: 0, next: now };
        self.shelf.put_item(OWED, &owed.item(account.id.as_str()), Expected::Anything).await.map(drop)
    }

    /// Crosses out the debt that was paid, and not one that was written under its id meanwhile: an account that was refreshed at the last moment has newer
    /// tokens, which would never be revoked. What has expired is not there, and is swept.
    async fn paid(&self, id: &str, generation: Generation) -> Result<(), StoreError> {
        let over = Item::new(id, *b"{}").until(Timestamp::from_unix(0));
        match self.shelf.put_item(OWED, &over, Expected::Generation(generation)).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Owed {
    fn item(&self, id: &str) -> Item {
        Item::new(id, serde_json::to_vec(self).expect("what is made to be stored")).until(self.since.plus(LONGEST))
    }
}
