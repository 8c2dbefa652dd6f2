//! What is written into a tortured vault, and whether it is there afterwards.
//!
//! Writes are numbered from 1, and each number says what is written. So a vault is in order if all of it, with every history, is what it
//! was after write N, where N is the last acknowledged one or the one under way: no older, no newer, and no mixture.

use std::collections::BTreeMap;

use keyfob::history::{Actor, Entry, Event, Fingerprint, MOST_ENTRIES};
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob::{Account, Store, StoreError};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::ground::Place;
use crate::tally::Verdict;

/// An open vault.
pub struct Book {
    /// The vault.
    pub store: Box<dyn Store>,
    runtime: Runtime,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Keeps the app.
    App,
    /// Keeps an account in place of its older self.
    Put(&'static str),
    /// Keeps an account that was not there.
    Come(&'static str),
    /// Forgets an account.
    Go(&'static str),
}

const PROVIDER: &str = "pretend";
const NAMES: [&str; 4] = ["slot-1", "slot-2", "slot-3", "fleeting"];
/// The deeds in their order.
const ROUND: [Deed; 6] =
    [Deed::App, Deed::Put(NAMES[0]), Deed::Put(NAMES[1]), Deed::Put(NAMES[2]), Deed::Come(NAMES[3]), Deed::Go(NAMES[3])];

impl Book {
    /// Opens the vault at a place, and makes it if there is none.
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        let runtime = match place {
            Place::File(_) => without_sockets(),
            Place::Database(_) => tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
        };
        let store = runtime.block_on(place.open())?;
        Ok(Self { store, runtime })
    }

    /// A vault that is open already, and needs no sockets.
    pub fn of(store: Box<dyn Store>) -> Self {
        Self { store, runtime: without_sockets() }
    }

    /// Does write number `number`.
    pub fn write(&self, number: u64) -> Result<(), StoreError> {
        match deed(number) {
            Deed::App => self.wait(self.store.put_app(PROVIDER, &app(number))),
            Deed::Come(name) => {
                self.wait(self.store.put_account(&account(number, name), Expected::Nothing, Some(&came(number, name)))).map(drop)
            }
            Deed::Put(name) => {
                let expected = self.generation(name)?.map_or(Expected::Nothing, Expected::Generation);
                self.wait(self.store.put_account(&account(number, name), expected, Some(&came(number, name)))).map(drop)
            }
            Deed::Go(name) => {
                let was_there = self.wait(self.store.remove_account(name, Some(&went(number, name))))?;
                if was_there { Ok(()) } else { Err(StoreError::Missing(name.to_owned())) }
            }
        }
    }

    /// After which write the vault is as it is: it must be one of `acknowledged..=newest`.
    pub fn check(&self, acknowledged: u64, newest: u64) -> Result<u64, Verdict> {
        let state = self.state().map_err(|error| Verdict::Corrupt(describe(&error)))?;
        if let Some(number) = (acknowledged..=newest).rev().find(|number| state == State::after(*number)) {
            return Ok(number);
        }
        for back in (acknowledged.saturating_sub(1000)..acknowledged).rev() {
            if state == State::after(back) {
                return Err(Verdict::Lost(format!("write {acknowledged} was acknowledged, the vault is as after write {back}")));
            }
        }
        let expected = State::after(acknowledged);
        Err(Verdict::Corrupt(format!("the vault is as after no write near {acknowledged}: {}", state.unlike(&expected))))
    }

    /// Runs a future to its end.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn generation(&self, name: &str) -> Result<Option<Generation>, StoreError> {
        Ok(self.wait(self.store.account(name))?.map(|found| found.generation))
    }

    fn state(&self) -> Result<State, StoreError> {
        let apps = self.wait(self.store.apps())?.into_iter().map(|(provider, app)| (provider, app.client_id)).collect();
        let accounts = self.wait(self.store.accounts())?;
        let accounts = accounts.into_iter().map(|account| (account.value.name.clone(), text(&account.value))).collect();
        let mut histories = BTreeMap::new();
        for name in NAMES {
            let history = self.wait(self.store.history(&id(name)))?;
            if !history.is_empty() {
                histories.insert(name.to_owned(), history);
            }
        }
        Ok(State { apps, accounts, histories })
    }
}

/// A vault on disk needs none, and there may be no file left to open for them.
fn without_sockets() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Kind and words of a store's error, with everything below it.
pub fn describe(error: &StoreError) -> String {
    let mut text = format!("{}: {error}", kind(error));
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        text.push_str(&format!(": {error}"));
        below = error.source();
    }
    text
}

/// What a store's error is called in what children print.
pub fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Missing(_) => "missing",
        StoreError::Locked(_) => "locked",
        StoreError::WrongKey(_) => "wrong-key",
        StoreError::Corrupt(_) => "corrupt",
        StoreError::Newer(_) => "newer",
        StoreError::Conflict => "conflict",
        StoreError::Io(..) => "io",
        StoreError::Unsafe(_) => "unsafe",
        _ => "other",
    }
}

/// All that a vault holds.
#[derive(Debug, PartialEq, Eq)]
struct State {
    apps: Vec<(String, String)>,
    accounts: BTreeMap<String, String>,
    histories: BTreeMap<String, Vec<Entry>>,
}

impl State {
    /// What a vault holds after this write and all before it.
    fn after(number: u64) -> Self {
        let (mut app_at, mut accounts_at, mut histories) = (None, BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        // Older writes left no trace: each account's history ends after so many rounds.
        let rounds = u64::try_from(MOST_ENTRIES + 1).unwrap_or(u64::MAX) * ROUND.len() as u64;
        for number in number.saturating_sub(rounds).max(1)..=number {
            let (name, entry) = match deed(number) {
                Deed::App => {
                    app_at = Some(number);
                    continue;
                }
                Deed::Put(name) | Deed::Come(name) => {
                    accounts_at.insert(name.to_owned(), number);
                    (name, came(number, name))
                }
                Deed::Go(name) => {
                    accounts_at.remove(name);
                    (name, went(number, name))
                }
            };
            let history = histories.entry(name.to_owned()).or_default();
            history.push(entry);
            let surplus = history.len().saturating_sub(MOST_ENTRIES);
            history.drain(..surplus);
        }
        let apps = app_at.into_iter().map(|number| (PROVIDER.to_owned(), app(number).client_id)).collect();
        let accounts = accounts_at.into_iter().map(|(name, number)| (name.clone(), text(&account(number, &name)))).collect();
        Self { apps, accounts, histories }
    }

    /// What is different, in a few words.
    fn unlike(&self, other: &Self) -> String {
        let numbers = |state: &Self| {
            let newest = |name: &&str| state.histories.get(*name).and_then(|history| history.last()).map(|entry| entry.at.as_unix());
            let accounts = NAMES.iter().map(|name| format!("{name} {:?} {:?}", state.accounts.get(*name).map(String::len), newest(name)));
            format!("{:?}, {}", state.apps.first().map(|(_, id)| id.len()), accounts.collect::<Vec<_>>().join(", "))
        };
        format!("found {}, expected {}", numbers(self), numbers(other))
    }
}

fn deed(number: u64) -> Deed {
    ROUND[usize::try_from(number % ROUND.len() as u64).expect("a small number")]
}

/// A name's id never changes.
fn id(name: &str) -> keyfob::AccountId {
    let place = NAMES.iter().position(|known| *known == name).expect("one of ours");
    format!("{:032x}", place + 1).into()
}

fn app(number: u64) -> App {
    App::confidential(format!("client-{number}-{}", padding(number)), format!("secret-{number}-not-real"))
}

/// The account as write `number` keeps it; of any length, so that records lie on one page or several.
fn account(number: u64, name: &str) -> Account {
    serde_json::from_value(json!({
        "id": id(name), "name": name, "provider": PROVIDER, "client_id": padding(number),
        "tokens": {
            "kind": "oauth2", "access": format!("access-{number}"), "refresh": refresh_token(number).expose(),
            "received_at": number, "expires_at": number + 3600, "scopes": ["read"],
        },
        "kept": { "number": number.to_string() }, "origins": ["https://api.example.org"], "requested_scopes": ["read"], "tolerated": [],
        "health": { "state": "ok" }, "logged_in_at": 1,
    }))
    .expect("an account as it rests")
}

fn refresh_token(number: u64) -> Secret {
    Secret::new(format!("refresh-{number}"))
}

fn padding(number: u64) -> String {
    "x".repeat(usize::try_from(number * 397 % 6000).expect("a small number"))
}

fn came(number: u64, name: &str) -> Entry {
    entry(number, name, Event::LoggedIn { received: Some(Fingerprint::of(&refresh_token(number))), imported: false })
}

fn went(number: u64, name: &str) -> Entry {
    entry(number, name, Event::LoggedOut { revoked: false })
}

fn entry(number: u64, name: &str, event: Event) -> Entry {
    let by = Actor { host: "torture".to_owned(), pid: 1, program: "torture".to_owned(), instance: None, kernel: None };
    let at = Timestamp::from_unix(i64::try_from(number).expect("a small number"));
    Entry { at, id: id(name), account: name.to_owned(), provider: PROVIDER.to_owned(), by, event }
}

fn text(account: &Account) -> String {
    serde_json::to_string(account).expect("it is made to be stored")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: u64) -> Book {
        let book = Book::of(Box::new(keyfob::MemoryStore::new()));
        for number in 1..=count {
            book.write(number).expect("it is only memory");
        }
        book
    }

    #[test]
    fn a_vault_is_recognised_after_every_write() {
        let book = written(0);
        for number in 1..=250 {
            book.write(number).expect("it is only memory");
            assert_eq!(book.check(number, number + 1), Ok(number));
            assert_eq!(book.check(number - 1, number), Ok(number), "written, and its acknowledgement lost");
        }
    }

    #[test]
    fn older_and_mixed_states_are_found_out() {
        assert!(matches!(written(20).check(21, 22), Err(Verdict::Lost(_))));
        assert!(matches!(written(20).check(18, 19), Err(Verdict::Corrupt(_))), "nobody wrote two more");
        let mixed = written(20);
        mixed.wait(mixed.store.put_account(&account(23, "slot-2"), Expected::Anything, None)).expect("puts");
        assert!(matches!(mixed.check(20, 21), Err(Verdict::Corrupt(_))), "an account without its history");
    }
}
