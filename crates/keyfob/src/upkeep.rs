//! Refreshing in the background, before anybody waits for it.
//!
//! Accounts become [due](crate::Account::due_at) when a tenth to a fifth of their token's lifetime is left. Workers lease them from the
//! store, so that of any number of processes and machines each account goes to one; and they refresh as any session does, so that a call
//! that comes in between joins in instead of spending the refresh token twice.
//!
//! ```
//! # use std::sync::Arc;
//! # use keyfob::proto::{App, Settings};
//! # use keyfob::{Account, Error, HyperTransport, Keyfob, MemoryStore};
//! use keyfob::upkeep::{self, Outcome, Plan};
//!
//! # fn look_up(account: &Account) -> Result<(Settings, App), Error> { Err(Error::NoAccount { name: account.name.clone() }) }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
//! // Settings and app of an account's provider, from wherever the program has them.
//! let resolve = |account: &Account| look_up(account);
//! let report = upkeep::refresh_due(&keyfob, &resolve, &Plan::default()).await?;
//! for kept in &report.accounts {
//!     if let Outcome::Failed(error) = &kept.outcome {
//!         eprintln!("{}: {error}", kept.account);
//!     }
//! }
//! # Ok(()) }
//! ```

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use keyfob_proto::{App, Error as ProtoError, Settings, Timestamp, Transport, TransportKind};
use tokio::task::JoinSet;

use crate::account::{Account, AccountId};
use crate::entropy;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::session::{Known, Session, Wait, Why};
use crate::store::Versioned;
use crate::transport::DEADLINE;

/// How long settings are looked for: discovery is a few requests. A round, and with it the next one, waits no longer for an issuer that hangs.
const RESOLVING: Duration = DEADLINE.saturating_mul(4);

/// So much of a patience counts for a lease.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What [`Resolve::resolve`] returns: a boxed future, so that `dyn Resolve` works.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<(Settings, App), Error>> + Send + 'a>>;

/// Knows the settings and the app that an account is refreshed with. A closure `Fn(&Account) -> Result<(Settings, App), Error>` does.
pub trait Resolve: Send + Sync {
    /// The provider's settings, and our registration there. It may ask the network: other accounts do not wait for it. After two minutes, and where a round
    /// is to stop, it is dropped.
    fn resolve<'a>(&'a self, account: &'a Account) -> Resolving<'a>;
}

impl<F> Resolve for F
where
    F: Fn(&Account) -> Result<(Settings, App), Error> + Send + Sync,
{
    fn resolve<'a>(&'a self, account: &'a Account) -> Resolving<'a> {
        Box::pin(std::future::ready(self(account)))
    }
}

/// How much, and how often.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// At most so many accounts a round; 10 000.
    pub most: usize,
    /// So many refreshes under way at once; 32. How many of them go to one provider is the [`Policy`](crate::Policy)'s to say.
    pub at_once: usize,
    /// How long an account stays leased if its refresh fails, or its worker dies: 10 minutes. Never less than a refresh can take. In [`run`] also if it was
    /// skipped; [`refresh_due`], which has no next round, gives that one back, as whatever was not begun when it was told to stop is.
    pub lease: Duration,
    /// About so long between two rounds of [`run`]; 30 s.
    pub every: Duration,
}

/// What a round did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The accounts that were leased, in the order in which they were done.
    pub accounts: Vec<Kept>,
}

/// What became of one account.
#[derive(Debug)]
#[non_exhaustive]
pub struct Kept {
    /// The account.
    pub account: String,
    /// The provider's name in the catalogue.
    pub provider: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of one account.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It has new tokens.
    Refreshed,
    /// It has new tokens, from another process.
    RefreshedElsewhere,
    /// It has none: the ones that are there came less than a minute ago, and would be no better. It is tried again.
    LeftAlone,
    /// A person has to log in again.
    NeedsLogin(Error),
    /// It has no new tokens.
    Failed(Error),
    /// It was not tried: settings or app are not to be had.
    Skipped(Error),
}

impl Default for Plan {
    fn default() -> Self {
        Self { most: 10_000, at_once: 32, lease: Duration::from_secs(600), every: Duration::from_secs(30) }
    }
}

/// Refreshes the accounts that are due now and that nobody else has leased.
///
/// # Errors
///
/// `Store`, if nothing could be leased; everything else is told of the account.
pub async fn refresh_due(keyfob: &Keyfob, resolve: &dyn Resolve, plan: &Plan) -> Result<Report, Error> {
    let never = pin!(std::future::pending());
    Round { keyfob, resolve, plan, is_only: true }.go(&mut Until { signal: never, is_over: false }).await
}

/// Does so again and again, for servers, until `signal`; refreshes that are under way then are brought to their end. `told` hears of every round that did
/// something, or could not. Dropping the future instead leaves refreshes that have begun to themselves: they end well while the runtime lives.
pub async fn run(
    keyfob: &Keyfob,
    resolve: &dyn Resolve,
    plan: &Plan,
    signal: impl Future<Output = ()>,
    mut told: impl FnMut(Result<Report, Error>),
) {
    let mut until = Until { signal: pin!(signal), is_over: false };
    while !until.is_over {
        let round = Round { keyfob, resolve, plan, is_only: false }.go(&mut until).await;
        // Those that were left alone would be left alone again.
        let is_done = |kept: &&Kept| !matches!(kept.outcome, Outcome::LeftAlone);
        let is_full = round.as_ref().is_ok_and(|report| report.accounts.iter().filter(is_done).count() >= plan.most.max(1));
        if !matches!(&round, Ok(report) if report.accounts.is_empty()) {
            told(round);
        }
        if !is_full && !until.is_over {
            tokio::select! {
                () = tokio::time::sleep(entropy::about(plan.every)) => {}
                () = &mut until.signal => until.is_over = true,
            }
        }
    }
}

/// When to stop.
struct Until<'a, F> {
    signal: Pin<&'a mut F>,
    is_over: bool,
}

struct Round<'a> {
    keyfob: &'a Keyfob,
    resolve: &'a dyn Resolve,
    plan: &'a Plan,
    /// Nothing follows in which it would be found again and again.
    is_only: bool,
}

/// A leased account, and what it is to be refreshed with.
type Resolved = (Versioned<Account>, Result<(Settings, App), Error>);

/// Accounts whose settings are being looked for, side by side: an issuer that hangs holds up nobody but its own. They borrow what a task cannot, so they
/// are looked after here.
struct Resolves<'a>(Vec<Pin<Box<dyn Future<Output = Resolved> + Send + 'a>>>);

impl<'a> Resolves<'a> {
    fn begin(&mut self, resolve: &'a dyn Resolve, record: Versioned<Account>) {
        self.0.push(Box::pin(async move {
            let found = tokio::time::timeout(RESOLVING, resolve.resolve(&record.value)).await;
            let found =
                found.unwrap_or_else(|_| Err(ProtoError::from(Transport::new(TransportKind::Timeout, &record.value.provider)).into()));
            (record, found)
        }));
    }

    /// The next that is done; never, if there is none.
    async fn next(&mut self) -> Resolved {
        poll_fn(|cx| {
            let done = self.0.iter_mut().enumerate().find_map(|(place, one)| match one.as_mut().poll(cx) {
                Poll::Ready(done) => Some((place, done)),
                Poll::Pending => None,
            });
            done.map_or(Poll::Pending, |(place, done)| {
                drop(self.0.swap_remove(place));
                Poll::Ready(done)
            })
        })
        .await
    }
}

impl Round<'_> {
    async fn go<F: Future<Output = ()>>(&self, until: &mut Until<'_, F>) -> Result<Report, Error> {
        let (mut report, mut tasks, mut resolves) = (Report::default(), JoinSet::new(), Resolves(Vec::new()));
        let (mut leased, mut is_dry) = (0, self.plan.most == 0);
        // Until when accounts are ours: while settings are looked for, and while a refresh is under way. And those that need not be.
        let (mut looked_for, mut begun) = (HashMap::new(), HashMap::new());
        let (mut free, mut skipped) = (Vec::new(), Vec::new());
        loop {
            let under_way = tasks.len() + resolves.0.len();
            let room = self.plan.at_once.max(1).saturating_sub(under_way).min(self.plan.most - leased);
            // A few at a time: the store is asked less often, and a lease begins no earlier than its refresh.
            if !is_dry && !until.is_over && (under_way == 0 || room >= self.plan.at_once.div_ceil(4)) {
                let lease = self.until();
                let due = match self.keyfob.store().lease_due(self.keyfob.now(), lease, room).await {
                    Ok(due) => due,
                    Err(error) if leased == 0 => return Err(error.into()),
                    Err(error) => {
                        tracing::warn!(%error, "no more accounts can be leased");
                        Vec::new()
                    }
                };
                is_dry = due.len() < room;
                leased += due.len();
                is_dry |= leased >= self.plan.most;
                for record in due {
                    looked_for.insert(record.value.id.clone(), lease);
                    resolves.begin(self.resolve, record);
                }
            }
            if tasks.is_empty() && resolves.0.is_empty() {
                if is_dry || until.is_over {
                    // Where there is more than one round does, those that nothing can be done for make room for others.
                    if self.is_only && leased < self.plan.most {
                        free.append(&mut skipped);
                    }
                    self.give_back(&free).await;
                    return Ok(report);
                }
                continue;
            }
            tokio::select! {
                (record, found) = resolves.next() => match (found, looked_for.remove_entry(&record.value.id)) {
                    (Ok((settings, app)), lease) => {
                        begun.extend(lease);
                        let keyfob = self.keyfob.clone();
                        tasks.spawn(async move {
                            let outcome = refresh(&keyfob, settings, app, &record).await;
                            (record.value.id.clone(), kept(&record.value, outcome))
                        });
                    }
                    (Err(error), lease) => {
                        skipped.extend(lease);
                        report.accounts.push(kept(&record.value, Outcome::Skipped(error)));
                    }
                },
                Some(done) = tasks.join_next() => match done {
                    Ok((id, kept)) => {
                        free.extend(begun.remove_entry(&id).filter(|_| matches!(kept.outcome, Outcome::LeftAlone)));
                        report.accounts.push(kept);
                    }
                    Err(error) => tracing::error!(%error, "a refresh in the background was stopped"),
                },
                () = &mut until.signal, if !until.is_over => {
                    until.is_over = true;
                    // Nothing was spent for these: somebody else has them at once.
                    resolves.0.clear();
                    free.extend(looked_for.drain());
                }
            }
        }
    }

    /// At the end of a round, or it would find them again and again.
    async fn give_back(&self, leases: &[(AccountId, Timestamp)]) {
        if leases.is_empty() {
            return;
        }
        if let Err(error) = self.keyfob.store().give_back(leases).await {
            tracing::warn!(%error, "accounts that were not refreshed stay leased for a while");
        }
    }

    /// The lease outlasts the refresh: the settings, somebody else's turn, then two requests.
    fn until(&self) -> Timestamp {
        // However patient we are: if this process dies, nobody else takes the account before its end.
        let patience = self.keyfob.policy().patience.min(LONGEST_WAIT);
        let lease = self.plan.lease.max(RESOLVING + patience + 4 * DEADLINE);
        self.keyfob.now().plus(i64::try_from(lease.as_secs()).unwrap_or(i64::MAX))
    }
}

async fn refresh(keyfob: &Keyfob, settings: Settings, app: App, leased: &Versioned<Account>) -> Outcome {
    match renewed(keyfob, settings, app, leased).await {
        Ok(outcome) => outcome,
        Err(error @ (Error::NeedsLogin { .. } | Error::AnotherApp { .. })) => Outcome::NeedsLogin(error),
        Err(error) => Outcome::Failed(error),
    }
}

async fn renewed(keyfob: &Keyfob, settings: Settings, app: App, leased: &Versioned<Account>) -> Result<Outcome, Error> {
    let session: Session = keyfob.open(settings, app, leased.clone())?;
    let shared = session.shared();
    // A session that was open before may know less than the store, or more.
    let known = shared.learn_newer(leased)?;
    let due = Known::read(leased.clone(), None);
    if !known.is_same_issue(due.tokens()) {
        return known.usable().map(|()| by_whom(&known));
    }
    let now = shared.refresh(&known, Why::Due, Wait::ToTheEnd).await?;
    Ok(if now.is_same_issue(due.tokens()) { Outcome::LeftAlone } else { by_whom(&now) })
}

/// Whether new tokens are this process's doing.
fn by_whom(known: &Known) -> Outcome {
    if known.is_from_here() { Outcome::Refreshed } else { Outcome::RefreshedElsewhere }
}

fn kept(account: &Account, outcome: Outcome) -> Kept {
    Kept { account: account.name.clone(), provider: account.provider.clone(), outcome }
}
