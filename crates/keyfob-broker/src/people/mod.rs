//! Who is known here, when there is a shelf to keep them on: people, their browsers, and how they come in.
//!
//! ```text
//!   first-run link ─┐
//!   invitation ─────┼─► Person ─► Visit (a browser that is signed in) ─► their accounts
//!   sign-in (OIDC) ─┘
//! ```
//!
//! What is read of the shelf is remembered for a while, and forgotten when the shelf says that it changed: a person who is removed, or a browser that
//! is signed out, is out on every machine within a second.

mod accounts;
mod door;
mod farewell;
mod invite;
mod link;
mod memory;
mod name;
mod person;
mod sign_in;
mod visits;

use std::sync::Arc;
use std::time::Duration;

use keyfob::proto::Timestamp;
use keyfob::{Account, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Change, Item, Kind};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Notify};

pub(crate) use accounts::{Mine, Theirs};
pub(crate) use door::Door;
pub(crate) use farewell::Whose;
pub(crate) use invite::{INVITE_DAYS, Invite, OpenInvite, take_back_made_with};
use memory::Memory;
pub(crate) use name::{LONGEST_NAME, is_name};
pub(crate) use person::{OWNER, Person, Role, Who};
pub use sign_in::{Allow, SignIn};
pub(crate) use sign_in::{CALLBACK, Outcome, PROVIDER as SIGN_IN, Purpose};

use crate::keys;
use crate::site::Site;

/// After a failure to listen for changes.
const PAUSE: Duration = Duration::from_secs(1);

/// The people, and their browsers.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) shelf: Arc<dyn Shelf>,
    /// Where they sign in, if there is such a place.
    pub(crate) sign_in: Option<SignIn>,
    persons: Memory<Person>,
    visits: Memory<visits::Known>,
    /// What the command does to the owner's accounts, as far as somebody looked.
    followed: Mutex<Option<accounts::Followed>>,
    /// Somebody has something to tell a provider.
    debts: Notify,
}

impl People {
    pub(crate) fn new(shelf: Arc<dyn Shelf>, sign_in: Option<SignIn>) -> Self {
        Self { shelf, sign_in, persons: Memory::default(), visits: Memory::default(), followed: Mutex::default(), debts: Notify::new() }
    }

    /// Forgets what a change is about.
    fn hear(&self, change: &Change) {
        match change {
            Change::Item { kind, id } if kind == person::KIND.0 => self.persons.forget(id),
            Change::Item { kind, id } if kind == visits::KIND.0 => self.visits.forget(id),
            Change::Item { .. } => {}
            Change::Anything => {
                self.persons.begin();
                self.visits.begin();
            }
            Change::Lost => self.deaf(),
        }
    }

    /// Nobody tells what changes: everything is read from the shelf, each time.
    fn deaf(&self) {
        self.persons.end();
        self.visits.end();
    }
}

impl Site {
    /// Hears what changes on the shelf, here and on other machines, as long as this is waited for. Until it is, nothing is remembered.
    pub(crate) async fn hear(&self) {
        let Some(people) = &self.people else { return std::future::pending().await };
        let _deaf = DeafAtTheEnd(people);
        loop {
            match people.shelf.changes().await {
                Ok(mut changes) => {
                    people.hear(&Change::Anything);
                    loop {
                        people.hear(&changes.next().await);
                    }
                }
                Err(error) => tracing::warn!(%error, "what changes in the vault is not told; everything is read each time"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// After an account of the vault got another name ([`keyfob::rename`]): its place on pages and its keys follow its id.
///
/// # Errors
/// Those of the shelf. Asked for again, it goes on where it was.
pub async fn follow(shelf: &Arc<dyn Shelf>, was: &str, account: &Account, now: Timestamp) -> Result<(), StoreError> {
    // The keys first: a page is found again by itself, a program that is refused is not.
    keys::follow(&**shelf, account, now).await?;
    People::new(Arc::clone(shelf), None).renamed(was, account, now).await
}

/// When nobody listens any more.
struct DeafAtTheEnd<'a>(&'a People);

impl Drop for DeafAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.deaf();
    }
}

/// What a secret is found by: whoever reads the database learns no cookie and no link from it.
fn id_of(kind: Kind, secret: &str) -> String {
    hex(Sha256::new().chain_update(kind.0).chain_update([0]).chain_update(secret))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an item holds.
fn read<T: serde::de::DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    // What serde says about it may quote it.
    serde_json::from_slice(&item.content).map_err(|_| StoreError::Corrupt("an item of the web app cannot be read".to_owned()))
}
