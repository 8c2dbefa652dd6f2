//! An account at a provider, in a store, and any number of processes that use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfob::history::{Entry, Event};
use keyfob::proto::{OAuth2Tokens, Secret, Timestamp, TokenSet};
use keyfob::store::{Expected, Versioned};
use keyfob::{Account, AccountId, Clock, Health, Keyfob, OsEntropy, Session, Store, Uptime};

use super::common;
use super::provider::Provider;
use super::watched::{Log, Watched};

pub const NOW: i64 = 1_800_000_000;

/// A clock that tests turn; and how long the machine has been running, where that is known to be more than nothing.
pub struct Turned(AtomicI64, AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Option<Uptime> {
        let seconds = Some(self.1.load(Ordering::SeqCst)).filter(|seconds| *seconds > 0)?;
        Some(Uptime { boot: "a start of the machine".to_owned(), seconds })
    }
}

impl Turned {
    pub fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    pub fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn run_for(&self, seconds: i64) {
        self.1.store(seconds, Ordering::SeqCst);
    }
}

pub struct House {
    pub store: Arc<Watched>,
    pub provider: Arc<Provider>,
    pub clock: Arc<Turned>,
    pub log: Log,
}

impl House {
    /// With the account `home`, whose token ended a minute ago.
    pub async fn new() -> Self {
        let house = Self::empty();
        house.put(account("home", "1", NOW - 3660, Some(NOW - 60))).await;
        house
    }

    /// With the account `home`, whose token is good for half an hour.
    pub async fn fresh() -> Self {
        let house = Self::empty();
        house.put(account("home", "1", NOW - 1800, Some(NOW + 1800))).await;
        house
    }

    pub fn empty() -> Self {
        let log = Log::default();
        let (store, provider) = (Arc::new(Watched::new(log.clone())), Arc::new(Provider::new(log.clone())));
        Self { store, provider, clock: Arc::new(Turned(AtomicI64::new(NOW), AtomicI64::default())), log }
    }

    pub async fn put(&self, account: Account) {
        self.store.put_account(&account, Expected::Anything, None).await.unwrap();
        self.log.lock().unwrap().clear();
    }

    /// Another process on the same store.
    pub fn keyfob(&self) -> Keyfob {
        Keyfob::with(self.store.clone(), self.provider.clone(), self.clock.clone(), Arc::new(OsEntropy))
    }

    pub async fn session(&self) -> Session {
        self.session_of(&self.keyfob(), "home").await
    }

    pub async fn session_of(&self, keyfob: &Keyfob, name: &str) -> Session {
        keyfob.session(common::provider("https://provider.example"), common::app(), name).await.unwrap()
    }

    pub async fn record(&self) -> Versioned<Account> {
        self.store.account("home").await.unwrap().unwrap()
    }

    pub async fn kept(&self) -> Account {
        self.record().await.value
    }

    /// The refresh token that the store has.
    pub async fn refresh_token(&self) -> String {
        self.kept().await.tokens.refresh_token().unwrap().expose().to_owned()
    }

    pub async fn history(&self) -> Vec<Entry> {
        self.store.history(&self.kept().await.id).await.unwrap()
    }

    /// The events' names, the oldest first.
    pub async fn events(&self) -> Vec<&'static str> {
        self.history().await.iter().map(|entry| name(&entry.event)).collect()
    }

    pub fn logged(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

pub fn name(event: &Event) -> &'static str {
    match event {
        Event::LoggedIn { .. } => "logged in",
        Event::Refreshed { .. } => "refreshed",
        Event::RefreshFailed { unanswered: true, .. } => "unanswered",
        Event::RefreshFailed { unanswered: false, .. } => "failed",
        Event::NeedsLogin { .. } => "needs login",
        Event::Abandoned { .. } => "abandoned",
        Event::LoggedOut { .. } => "logged out",
        Event::Unsaved { .. } => "unsaved",
        _ => "another",
    }
}

/// An account with the tokens `access-…` and `refresh-…` of this number.
pub fn account(name: &str, number: &str, received_at: i64, expires_at: Option<i64>) -> Account {
    let settings = common::provider("https://provider.example");
    Account {
        id: AccountId::random(),
        name: name.to_owned(),
        provider: settings.provider.clone(),
        client_id: common::app().client_id,
        tokens: tokens(number, received_at, expires_at),
        kept: std::collections::BTreeMap::new(),
        origins: settings.origins(),
        requested_scopes: vec![],
        tolerated: vec![],
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: Timestamp::from_unix(received_at),
        spending: None,
        refreshed: None,
    }
}

pub fn tokens(number: &str, received_at: i64, expires_at: Option<i64>) -> TokenSet {
    TokenSet::OAuth2(OAuth2Tokens {
        access: Secret::new(format!("access-{number}")),
        refresh: Some(Secret::new(format!("refresh-{number}"))),
        received_at: Timestamp::from_unix(received_at),
        expires_at: expires_at.map(Timestamp::from_unix),
        refresh_expires_at: None,
        scopes: vec![],
        identity: None,
        id_token: None,
        proof_key: None,
        resources: vec![],
        authorization_details: vec![],
    })
}
