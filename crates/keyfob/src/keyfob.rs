//! What every login and session needs: a store, a transport, a clock, randomness.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use keyfob_proto::jose::{AwsLc, Crypto, Sign};
use keyfob_proto::oauth1::ClockOffset;
use keyfob_proto::oauth1::rsa::RsaSign;
use keyfob_proto::oidc::SeenLogouts;
use keyfob_proto::{App, Endpoint, Entropy, Incoming, Origin, Outgoing, Settings, Timestamp};

use crate::account::{Account, Moment};
use crate::back_channel::Nonces;
use crate::bounded::Bounded;
use crate::clock::{Clock, SystemClock, Uptime};
use crate::discovery::Issuers;
use crate::entropy::OsEntropy;
use crate::error::Error;
use crate::events::{Events, Speaker};
use crate::history::{Actor, Entry, Event};
use crate::keys::IssuerKeys;
use crate::limit::Limit;
use crate::open::Open;
use crate::own_keys::{RsaSigners, Signers};
use crate::policy::Policy;
use crate::session::{LeftPauses, Session, Setup, Shared};
use crate::store::{Expected, Generation, Hold, Store, StoreError, Versioned};
use crate::transport::{self, Transport};

/// What every login and session needs. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Keyfob {
    inner: Arc<Inner>,
}

/// What was chosen at the start.
#[derive(Clone)]
struct Chosen {
    store: Arc<dyn Store>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy + Send + Sync>,
    policy: Policy,
    crypto: Arc<dyn Crypto>,
    signers: Signers,
    rsa_signers: RsaSigners,
}

struct Inner {
    chosen: Chosen,
    /// Who this process is, in histories: looked for when something is written there first.
    actor: OnceLock<Actor>,
    limit: Limit,
    speaker: Speaker,
    keys: IssuerKeys,
    issuers: Issuers,
    open: Mutex<Open>,
    left_pauses: LeftPauses,
    /// How far the clocks of OAuth 1 servers are off, where that was learnt.
    clocks: Mutex<Bounded<Origin, ClockOffset>>,
    nonces: Nonces,
    /// Logouts that providers told, so that none is told twice.
    logouts: Mutex<SeenLogouts>,
}

/// So many servers' clocks are remembered. Whoever has more learns again.
const CLOCKS: usize = 1000;

impl Keyfob {
    /// With the system's clock and randomness.
    pub fn new(store: Arc<dyn Store>, transport: Arc<dyn Transport>) -> Self {
        Self::with(store, transport, Arc::new(SystemClock), Arc::new(OsEntropy))
    }

    /// With everything chosen.
    pub fn with(
        store: Arc<dyn Store>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy + Send + Sync>,
    ) -> Self {
        let (policy, crypto) = (Policy::default(), Arc::new(AwsLc));
        let (signers, rsa_signers) = (Signers::default(), RsaSigners::default());
        Self::made(Chosen { store, transport, clock, entropy, policy, crypto, signers, rsa_signers })
    }

    fn made(chosen: Chosen) -> Self {
        let (limit, keys) = (Limit::new(chosen.policy.at_once), IssuerKeys::new(chosen.crypto.clone()));
        Self {
            inner: Arc::new(Inner {
                chosen,
                actor: OnceLock::new(),
                limit,
                speaker: Speaker::new(),
                keys,
                issuers: Issuers::new(),
                open: Mutex::default(),
                left_pauses: LeftPauses::none(),
                clocks: Mutex::new(Bounded::new(CLOCKS)),
                nonces: Nonces::new(),
                logouts: Mutex::default(),
            }),
        }
    }

    /// The same with another policy. Shares neither sessions nor events with the one it was made from: choose at the start.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self::made(Chosen { policy, ..self.inner.chosen.clone() })
    }

    /// The same with another back-end for signatures, in place of AWS-LC. As with [`with_policy`](Self::with_policy): choose at the start.
    #[must_use]
    pub fn with_crypto(self, crypto: Arc<dyn Crypto>) -> Self {
        Self::made(Chosen { crypto, ..self.inner.chosen.clone() })
    }

    /// The same with a key for one app, wherever it lives (a KMS, an HSM): it signs assertions about the app (`private_key_jwt`) and request objects, in
    /// place of the app's own [`private_key`](App::private_key). It is asked within a request, so it should not take long. As with
    /// [`with_policy`](Self::with_policy): choose at the start.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use keyfob::{HyperTransport, Keyfob, MemoryStore};
    /// # use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, Sign};
    /// # fn hsm() -> Result<Arc<dyn Sign>, Box<dyn std::error::Error>> {
    /// #     Ok(AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256)?)?)
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let keyfob = keyfob.with_signer("example", "example-client-id", hsm()?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_signer(self, provider: &str, client_id: &str, signer: Arc<dyn Sign>) -> Self {
        let mut chosen = self.inner.chosen.clone();
        chosen.signers.insert((provider.to_owned(), client_id.to_owned()), signer);
        Self::made(chosen)
    }

    /// The same at a provider of OAuth 1, whose signature method is one of RSA (RFC 5849 §3.4.3): the key signs logins and calls, in place of the app's own
    /// [`private_key`](App::private_key). What it is asked for, and when, is as with [`with_signer`](Self::with_signer); it signs every call, so it should
    /// be quick.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use keyfob::{HyperTransport, Keyfob, MemoryStore};
    /// use keyfob::proto::oauth1::{Hash, rsa::RsaSign};
    /// use keyfob::proto::{Entropy, Misuse};
    ///
    /// /// A key that never leaves its device.
    /// struct Hsm;
    ///
    /// impl RsaSign for Hsm {
    ///     fn sign(&self, hash: Hash, message: &[u8], _entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
    ///         # let ask = |_: Hash, _: &[u8]| Some(vec![0; 256]);
    ///         ask(hash, message).ok_or_else(|| Misuse::new("a signature by the device", "none").with_hint("is it plugged in?"))
    ///     }
    /// }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let keyfob = keyfob.with_rsa_signer("example", "example-consumer-key", Arc::new(Hsm));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_rsa_signer(self, provider: &str, client_id: &str, signer: Arc<dyn RsaSign>) -> Self {
        let mut chosen = self.inner.chosen.clone();
        chosen.rsa_signers.insert((provider.to_owned(), client_id.to_owned()), signer);
        Self::made(chosen)
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.inner.chosen.store
    }

    /// An account in use. The settings and the app are the provider's as they are now: a session of this account that is open already is shared only
    /// where it has the same ones, so that an app that was changed counts. The account is bound to the origins of its login.
    ///
    /// # Errors
    ///
    /// [`NoAccount`](Error::NoAccount), [`AnotherApp`](Error::AnotherApp) for an app with another client id than the login's, and [`Store`](Error::Store). That a login is needed is told by who uses it.
    pub async fn session(&self, settings: Settings, app: App, account: &str) -> Result<Session, Error> {
        let opened = self.opened().get(account);
        if let Some(shared) = opened.filter(|shared| shared.is_of(&settings, &app)) {
            return Ok(Session::new(shared));
        }
        let record = self.store().account(account).await?.ok_or_else(|| Error::NoAccount { name: account.to_owned() })?;
        self.open(settings, app, record)
    }

    /// The same for an account that was read already.
    pub(crate) fn open(&self, settings: Settings, app: App, record: Versioned<Account>) -> Result<Session, Error> {
        let name = record.value.name.clone();
        if record.value.provider != settings.provider {
            return Err(Error::TakenName { name, provider: record.value.provider });
        }
        let shared = Arc::new(Shared::new(self.clone(), settings, app, record)?);
        let mut open = self.opened();
        // Somebody may have opened it in between: theirs counts.
        if let Some(theirs) = open.get(&name).filter(|theirs| theirs.is_like(&shared)) {
            return Ok(Session::new(theirs));
        }
        open.insert(name, &shared);
        Ok(Session::new(shared))
    }

    /// What all accounts of this app have in common.
    pub(crate) fn setup(&self, settings: Settings, app: App) -> Result<Arc<Setup>, Error> {
        if let Some(known) = self.opened().setups.get(&settings, &app) {
            return Ok(known);
        }
        // Not under the lock: keys may have to be read for it. Where two make it at once, both are good.
        let setup = Arc::new(Setup::new(self, settings, app)?);
        self.opened().setups.insert(&setup);
        Ok(setup)
    }

    /// Listens to what this process does to tokens from now on: logins, refreshes and their failures, logouts, tokens that could not be
    /// written. What other processes do on the same store is told by [`history::Watch`](crate::history::Watch).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use keyfob::{HyperTransport, Keyfob, MemoryStore};
    /// # async fn example() -> std::io::Result<()> {
    /// let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let mut events = keyfob.events();
    /// tokio::spawn(async move {
    ///     while let Some(entry) = events.next().await {
    ///         println!("{}: {:?}", entry.account, entry.event);
    ///     }
    /// });
    /// # Ok(()) }
    /// ```
    pub fn events(&self) -> Events {
        self.inner.speaker.listen()
    }

    /// For a program that is about to end: [`Session::settle`] for every account in use. The first error is told, after all were tried. How long
    /// to give it: [`Policy::SETTLING`].
    ///
    /// # Errors
    ///
    /// As said: [`Unsaved`](Error::Unsaved), most of all.
    pub async fn settle(&self, within: Duration) -> Result<(), Error> {
        let open = self.opened().all();
        // Nothing begins while something else is waited for.
        open.iter().for_each(|shared| shared.call_off());
        let begun = tokio::time::Instant::now();
        let mut outcome = Ok(());
        for shared in open {
            let settled = shared.settle(within.saturating_sub(begun.elapsed())).await;
            outcome = outcome.and(settled);
        }
        outcome
    }

    /// What ending the program now may lose, as [`settle`](Self::settle) would tell it, of one account: `Unfinished` or `Unsaved`. For a program that says
    /// what it waits for.
    pub fn unsettled(&self) -> Option<Error> {
        let open = self.opened().all();
        open.iter().find_map(|shared| shared.unsettled())
    }

    /// The sessions of this process. After a login or logout the account's is removed, and the next one reads the store afresh.
    pub(crate) fn opened(&self) -> std::sync::MutexGuard<'_, Open> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn left_pauses(&self) -> &LeftPauses {
        &self.inner.left_pauses
    }

    /// What sends requests: for whoever has something to send that is no account's. A URL that somebody else wrote is marked
    /// [`PublicOnly`](transport::PublicOnly).
    pub fn transport(&self) -> &dyn Transport {
        &*self.inner.chosen.transport
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.chosen.entropy
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.inner.chosen.clock.now()
    }

    /// Now, by the clocks that processes share: the one of whoever gave the right to refresh, and the machine's own. No later than it is.
    pub(crate) fn moment(&self, hold: &Hold) -> Moment {
        Moment { at_server: hold.server_time(), uptime: self.inner.chosen.clock.uptime() }
    }

    /// The same, and no earlier than it is: what came since a [moment](Self::moment) is no younger than it seems, or a token that has ended would be handed
    /// out for one that has just come.
    pub(crate) fn moment_at_most(&self, hold: &Hold) -> Moment {
        let uptime = self.inner.chosen.clock.uptime().map(|up| Uptime { seconds: up.seconds.saturating_add(1), ..up });
        Moment { at_server: hold.server_time_at_most(), uptime }
    }

    /// How far the clock of an OAuth 1 server is off: for the timestamps of signatures, and for nothing else.
    pub(crate) fn clock_offset(&self, origin: &Origin) -> ClockOffset {
        self.clocks().get(origin).copied().unwrap_or_default()
    }

    /// Learns from an answer to a request that was signed with this offset. Whether there is something to learn, and the request should be signed
    /// again, once.
    pub(crate) fn learn_clock<'a>(&self, origin: &Origin, used: ClockOffset, answer: impl Into<Incoming<'a>>) -> bool {
        let Some(learnt) = used.learn(answer, self.now()) else { return false };
        tracing::warn!(%origin, seconds = learnt.as_seconds(), "this machine's clock and the server's differ: signing with the server's");
        self.clocks().insert(origin.clone(), learnt);
        true
    }

    /// An entry for the history, by this process, now.
    pub fn entry(&self, account: &Account, event: Event) -> Entry {
        Entry::new(account, self.now(), self.actor().clone(), event)
    }

    /// Who this process is, in histories.
    pub(crate) fn actor(&self) -> &Actor {
        self.inner.actor.get_or_init(Actor::this)
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.inner.chosen.policy
    }

    pub(crate) fn crypto(&self) -> &dyn Crypto {
        &*self.inner.chosen.crypto
    }

    pub(crate) fn signers(&self) -> &Signers {
        &self.inner.chosen.signers
    }

    pub(crate) fn rsa_signers(&self) -> &RsaSigners {
        &self.inner.chosen.rsa_signers
    }

    pub(crate) fn seen_logouts(&self) -> std::sync::MutexGuard<'_, SeenLogouts> {
        self.inner.logouts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn nonces(&self) -> &Nonces {
        &self.inner.nonces
    }

    pub(crate) fn issuer_keys(&self) -> &IssuerKeys {
        &self.inner.keys
    }

    pub(crate) fn issuers(&self) -> &Issuers {
        &self.inner.issuers
    }

    pub(crate) fn limit(&self) -> &Limit {
        &self.inner.limit
    }

    /// Writes an account, and tells whoever listens.
    pub(crate) async fn put(&self, account: &Account, expected: Expected, entry: Option<&Entry>) -> Result<Generation, StoreError> {
        let generation = self.store().put_account(account, expected, entry).await?;
        entry.iter().for_each(|entry| self.tell(entry));
        Ok(generation)
    }

    /// The same, in the place of another account, which is left.
    pub(crate) async fn put_in_place_of(&self, before: &Versioned<Account>, account: &Account, entry: &Entry) -> Result<(), StoreError> {
        let left = self.entry(&before.value, Event::LoggedOut { revoked: false });
        self.store().replace_account(&before.value.id, before.generation, account, Some(&left), Some(entry)).await?;
        [&left, entry].into_iter().for_each(|entry| self.tell(entry));
        Ok(())
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, entry: &Entry) {
        self.inner.speaker.tell(entry);
    }

    /// Sends a request of the protocol core and reads the whole answer, within the policy's deadline and the core's cap: for the steps of the core that nothing
    /// here takes. It goes out as it is: what has to be fresh about a client (an assertion, a proof) is not added. A redirect is an answer, and is not followed. It goes where the request says, so an endpoint that
    /// somebody else wrote down is yours to judge first ([`keyfob_proto::Reach`]).
    ///
    /// # Errors
    ///
    /// [`Protocol`](Error::Protocol) with a `Transport` error inside: no connection, no answer in time, or one that is too large.
    pub async fn exchange(&self, request: &Outgoing) -> Result<http::Response<Vec<u8>>, Error> {
        Ok(transport::exchange(self.transport(), request, None, self.policy().back_channel()).await?)
    }

    /// The same to a URL that a document of `home` names. What is at the document's own host is as reachable as the document was, and this machine's
    /// servers may name each other; all else has to be on the open internet (F4).
    pub(crate) async fn exchange_from(&self, home: &Endpoint, request: &Outgoing) -> Result<http::Response<Vec<u8>>, Error> {
        self.exchange_marked(request, transport::PublicOnly::unless_near(&home.origin(), request.origin().as_ref())).await
    }

    /// The same, with the mark that its URL has earned.
    pub(crate) async fn exchange_marked(
        &self,
        request: &Outgoing,
        mark: Option<transport::PublicOnly>,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        Ok(transport::exchange(self.transport(), request, mark, self.policy().back_channel()).await?)
    }

    fn clocks(&self) -> std::sync::MutexGuard<'_, Bounded<Origin, ClockOffset>> {
        self.inner.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Keyfob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyfob")
    }
}
