//! Uses an account through a session: refreshes it, or asks for its token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyfob::history::Entry;
use keyfob::proto::{Api, App, Deviations, Endpoint, Flow, Settings, Signal, Timestamp, TokenSet, oauth2};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Stored, Versioned};
use keyfob::{Account, AccountId, Error, HyperTransport, Keyfob, PendingLogin, Policy, Session, Store, StoreError};

use super::{limit, option, say};
use crate::grant::{ACCOUNT, CLIENT};
use crate::ground::Place;

/// At which step of a refresh a child stops, to be killed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    BeforeNote,
    AfterNote,
    Answered,
    Written,
}

/// Refreshes without end, and says each refresh token's number when it is kept. `--most=N`: so many times. `--gate`: waits for a line on
/// stdin first. `--stop=STEP`: says `at STEP` there, and goes no further. `--patience=SECONDS`: with others who refresh. `--deadline=SECONDS`: for a request.
/// `--file-size=N`: a limit it sets itself. `--settle`: before it ends for want of room, waits for a line on stdin, and writes what it could not.
pub(super) fn refresh(place: &str, origin: &str, options: &[&str]) -> Result<(), Error> {
    run(place, origin, options, async |session| {
        let most = option(options, "--most=").unwrap_or(u64::MAX);
        for _ in 0..most {
            let refreshed = session.refresh().await;
            if options.contains(&"--settle") && (refreshed.is_err() || session.unsaved().is_some()) {
                say(if session.unsaved().is_some() { "unsaved" } else { "spent nothing" });
                wait_for_line();
                session.settle(Duration::from_secs(5)).await?;
                say(&format!("acknowledged {}", number(&session.account())));
                return Ok(());
            }
            let account = refreshed?;
            if let Some(unsaved) = session.unsaved() {
                return Err(Error::Unsaved { account: unsaved.account, since: unsaved.since, error: unsaved.error });
            }
            say(&format!("acknowledged {}", number(&account)));
        }
        Ok(())
    })
}

/// Refreshes as a server does, which does not end when its vault is away: until stdin ends, and what the vault does not take now it has to
/// take later. Says what it bore.
pub(super) fn persist(place: &str, origin: &str) -> Result<(), Error> {
    run(place, origin, &[], async |session| {
        let told = Arc::new(AtomicBool::new(false));
        let ours = told.clone();
        std::thread::spawn(move || {
            while std::io::stdin().read_line(&mut String::new()).is_ok_and(|bytes| bytes > 0) {}
            ours.store(true, Ordering::SeqCst);
        });
        while !told.load(Ordering::SeqCst) {
            match session.refresh().await {
                Ok(account) if session.unsaved().is_none() => {
                    say(&format!("acknowledged {}", number(&account)));
                    continue;
                }
                Ok(_) => say("holds its token in memory"),
                Err(error @ (Error::Unsaved { .. } | Error::Store(StoreError::Io(..)))) => say(&format!("bears {error}")),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        session.settle(Duration::from_secs(30)).await?;
        say(&format!("acknowledged {}", number(&session.account())));
        Ok(())
    })
}

/// Makes a call, and says the token it was made with; or asks for one that is good for `--min-valid=SECONDS`.
pub(super) fn token(place: &str, origin: &str, options: &[&str]) -> Result<(), Error> {
    run(place, origin, options, async |session| {
        match option(options, "--min-valid=") {
            Some(seconds) => drop(session.token(i64::try_from(seconds).expect("a small number")).await?),
            None => drop(session.get("/me").send().await?),
        }
        let TokenSet::OAuth2(tokens) = session.account().tokens else { panic!("an OAuth 2 account") };
        say(&format!("token {}", tokens.access.expose()));
        Ok(())
    })
}

fn run(place: &str, origin: &str, options: &[&str], work: impl AsyncFnOnce(Session) -> Result<(), Error>) -> Result<(), Error> {
    limit(options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let vault = Place::of(place).open_existing().await?;
        let store: Arc<dyn Store> = match stop(options) {
            Some(step) => Arc::new(Stopping { vault, step }),
            None => vault.into(),
        };
        let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
        let mut policy = Policy::default();
        if let Some(seconds) = option(options, "--patience=") {
            policy.patience = Duration::from_secs(seconds);
        }
        if let Some(seconds) = option(options, "--deadline=") {
            policy.deadline = Duration::from_secs(seconds);
        }
        let keyfob = Keyfob::new(store, Arc::new(transport)).with_policy(policy);
        let session = keyfob.session(settings(origin), App::confidential(CLIENT, "secret-not-real"), ACCOUNT).await?;
        say("open");
        if options.contains(&"--gate") {
            wait_for_line();
        }
        work(session).await
    })
}

fn wait_for_line() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn number(account: &Account) -> u64 {
    crate::grant::number(account).expect("the stub's refresh token")
}

fn stop(options: &[&str]) -> Option<Step> {
    match options.iter().find_map(|option| option.strip_prefix("--stop="))? {
        "before-note" => Some(Step::BeforeNote),
        "after-note" => Some(Step::AfterNote),
        "answered" => Some(Step::Answered),
        "written" => Some(Step::Written),
        other => panic!("no step {other}"),
    }
}

/// A provider whose every endpoint is at this origin, and who rotates.
fn settings(origin: &str) -> Settings {
    let endpoint = |path: &str| Endpoint::parse(&format!("{origin}{path}")).expect("an endpoint");
    Settings {
        provider: ACCOUNT.to_owned(),
        flow: Flow::OAuth2(oauth2::Settings {
            scopes: vec!["read".to_owned()],
            ..oauth2::Settings::new(endpoint("/authorize"), endpoint("/token"))
        }),
        api: Api {
            expired: vec![Signal { statuses: vec![401], pointer: None, values: vec![], contains: vec![] }],
            ..Api::new(endpoint("/api"))
        },
        deviations: Deviations::new(),
        keep: vec![],
        retired: None,
    }
}

/// A vault at one of whose writes everything stops.
struct Stopping {
    vault: Box<dyn Store>,
    step: Step,
}

impl Stopping {
    async fn stop(&self, here: bool, step: Step, name: &str) {
        if here && self.step == step {
            say(&format!("at {name}"));
            std::future::pending::<()>().await;
        }
    }
}

impl Store for Stopping {
    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        Box::pin(async move {
            let is_note = account.spending.is_some();
            self.stop(is_note, Step::BeforeNote, "before-note").await;
            self.stop(!is_note, Step::Answered, "answered").await;
            let put = self.vault.put_account(account, expected, entry).await;
            self.stop(is_note, Step::AfterNote, "after-note").await;
            self.stop(!is_note, Step::Written, "written").await;
            put
        })
    }

    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        self.vault.apps()
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        self.vault.app(provider)
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        self.vault.put_app(provider, app)
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        self.vault.remove_app(provider)
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        self.vault.accounts()
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        self.vault.account(name)
    }

    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        self.vault.replace_account(before, expected, account, left, entry)
    }

    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        self.vault.rename_account(from, account, expected, entry)
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        self.vault.remove_account(name, entry)
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        self.vault.history(id)
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        self.vault.entries(after, most)
    }

    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        self.vault.give_back(leases)
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        self.vault.lease_due(now, until, most)
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        self.vault.try_hold(id)
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        self.vault.put_pending(login, binding)
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        self.vault.take_pending(key, binding, now)
    }
}
