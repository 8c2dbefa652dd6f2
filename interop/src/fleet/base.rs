//! What the test and each member need: the library on the one vault, and a clock that can be turned.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfob::proto::{Answer, App, Secret, Settings, Timestamp};
use keyfob::{Clock, HyperTransport, Keyfob, Login, OsEntropy, Redirect, Session, Store, SystemClock, Uptime};
use keyfob_providers::Catalogue;
use keyfob_store::{KeySource, PostgresVault, Vault};

use super::PROVIDER;
use crate::{Home, person};

/// Nobody listens there: the person brings the address.
const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";

/// One process's view of the accounts.
pub struct Base {
    /// The library.
    pub keyfob: Keyfob,
    clock: Arc<Turned>,
    settings: Settings,
}

/// The system's clock, some seconds ahead.
#[derive(Default)]
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.0.load(Ordering::SeqCst))
    }

    /// Nobody turns that: what the processes of a machine know of each other's minute hangs on it.
    fn uptime(&self) -> Option<Uptime> {
        SystemClock.uptime()
    }
}

impl Base {
    /// Writes the provider file of the peer at `origin` into a home; members find it there.
    pub fn prepare(home: &Home, origin: &str) {
        home.add_provider("oidc", PROVIDER, &[("ORIGIN", origin), ("AUTH", "none")]);
    }

    /// Opens the vault at `place`, with the provider file in the home `folder`.
    ///
    /// # Panics
    /// If something is missing.
    pub async fn open(folder: &Path, place: &str) -> Self {
        let catalogue = Catalogue::load(Some(&folder.join(".config/keyfob/providers")));
        let settings = catalogue.get(PROVIDER).expect("the peer's file").settings(&|_| None).expect("complete");
        let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
        let clock = Arc::new(Turned::default());
        let keyfob = Keyfob::with(store(place).await, Arc::new(transport), clock.clone(), Arc::new(OsEntropy));
        Self { keyfob, clock, settings }
    }

    /// Logs in at the peer.
    ///
    /// # Panics
    /// If that does not work.
    pub async fn log_in(&self, account: &str) {
        let redirect = Redirect::Uri(REDIRECT_URI.to_owned());
        let login = Login::begin(&self.keyfob, &self.settings, &app(), account, redirect, vec![]).await.expect("a login begins");
        let url = login.url().to_owned();
        let back = tokio::task::spawn_blocking(move || person::agree(&url)).await.expect("the person comes back");
        let verified = login.verify(Answer::Url(&back)).expect("an answer to our request");
        login.finish(verified).await.expect("an account");
    }

    /// An account in use.
    ///
    /// # Panics
    /// If nobody has logged in.
    pub async fn session(&self, account: &str) -> Session {
        self.keyfob.session(self.settings.clone(), app(), account).await.expect("an account")
    }

    /// All accounts in use.
    ///
    /// # Panics
    /// If the vault is not there.
    pub async fn sessions(&self) -> Vec<Session> {
        let mut sessions = Vec::new();
        for account in self.keyfob.store().accounts().await.expect("the vault") {
            sessions.push(self.session(&account.value.name).await);
        }
        sessions
    }

    /// The clock is so many seconds ahead of the system's from now on.
    pub fn turn(&self, seconds: i64) {
        self.clock.0.store(seconds, Ordering::SeqCst);
    }
}

fn app() -> App {
    App::public("peer-public")
}

/// A file, or a database where it is an address of one.
async fn store(place: &str) -> Arc<dyn Store> {
    let key = KeySource::Text(Secret::new("5e".repeat(32)));
    if PostgresVault::is_address(place) {
        return Arc::new(PostgresVault::open(&Secret::new(place), key).await.expect("the vault opens"));
    }
    Arc::new(Vault::open(Path::new(place), key).expect("the vault opens"))
}
