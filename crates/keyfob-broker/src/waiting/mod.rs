//! Logins whose answer no redirect brings: a code that is entered elsewhere (RFC 8628), or a PIN that is typed here (OAuth 1 `oob`).
//!
//! ```text
//!  POST /connect/… ─► kept on the shelf ─► page: code, link, picture ─► asked again by itself, until somebody has decided
//!                                              └── each time: is it time? ─► one question to the provider (by whoever was first)
//! ```
//!
//! The page asks, and nobody else: with the page the questions end. One of those who look at it asks at a time, on however many machines, and no sooner
//! than the provider said (RFC 8628 §3.5): both stand in the record, which is changed by compare-and-swap before a question leaves.

mod turn;

use http::StatusCode;
use keyfob::login::PendingDeviceLogin;
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{Expected, Generation, Versioned};
use keyfob::{PendingLogin, StoreError};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use turn::{Came, ask, enter};

use crate::failure::Failure;
use crate::keys::is_number;
use crate::listing::Listing;
use crate::seat::Seat;
use crate::site::Site;

pub(crate) const KIND: Kind = Kind("waiting");

/// So many of one person (or link, or stranger's address) wait at once, and so many in all: whoever begins logins without end has no more of them (A26).
const MOST: usize = 20;
const MOST_OF_ALL: usize = 1000;

/// No page waits longer, whatever the provider says.
const LONGEST: i64 = 3600;

/// Whoever has the turn has it for so long: longer than a question takes. If they died while they asked, others go on then.
const TURN: i64 = 120;

/// After an answer that nobody understands.
const AGAIN: i64 = 5;

/// A login that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) id: String,
    owner: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) record: Record,
    generation: Generation,
}

/// The same, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// SHA-256 of what the browser is bound by: no other one sees the code, or brings the PIN (A3, A13).
    browser: String,
    /// Whose the account will be.
    pub(crate) person: String,
    /// The account's name in the vault.
    pub(crate) account: String,
    /// Whether it was begun for a new account.
    #[serde(default)]
    is_new: bool,
    pub(crate) provider: String,
    /// The number of the connect link that it was begun by.
    pub(crate) link: Option<String>,
    pub(crate) login: Login,
    /// Not asked before.
    next_at: Timestamp,
    /// Somebody asks, until then at most.
    turn_until: Option<Timestamp>,
}

/// What is waited for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Login {
    /// That somebody enters the code.
    Code(Box<PendingDeviceLogin>),
    /// That somebody types the PIN, which this page of the provider shows.
    Pin {
        /// What the PIN is judged by.
        login: Box<PendingLogin>,
        #[serde(with = "keyfob::proto::secret::stored")]
        url: Secret,
    },
    /// Nothing more.
    Over(End),
}

/// What came of a login, for whoever looks again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// An account.
    Connected,
    /// Nothing: somebody said no, or it was too late.
    Refused,
    /// Nothing, although it was approved.
    Failed(Told),
}

/// What whoever was there was told about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    status: u16,
    title: String,
    text: String,
    hint: Option<String>,
}

impl From<&Failure> for Told {
    fn from(failure: &Failure) -> Self {
        let Failure { status, title, text, hint, .. } = failure;
        Self { status: status.as_u16(), title: title.clone(), text: text.clone(), hint: hint.clone() }
    }
}

impl From<Told> for Failure {
    fn from(Told { status, title, text, hint }: Told) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CONFLICT);
        Self { hint, ..Self::plain(status, title, text) }
    }
}

/// What has begun, to be kept.
pub(crate) struct Begun<'a> {
    pub(crate) seat: &'a Seat,
    /// Whether it is for a new account.
    pub(crate) is_new: bool,
    /// Whose it counts as.
    pub(crate) crowd: String,
    /// What the browser is bound by.
    pub(crate) binding: &'a Secret,
    pub(crate) link: Option<String>,
    pub(crate) login: Login,
    pub(crate) expires_at: Timestamp,
    /// Seconds until the first question.
    pub(crate) interval: i64,
}

/// An error where there is no room for one more: before any provider is asked for a code.
pub(crate) async fn has_room(site: &Site, crowd: &str) -> Result<(), Failure> {
    let (shelf, now) = (&*site.waiting, site.keyfob.now());
    // Nobody else clears a shelf that is in memory.
    if site.people.is_none() {
        shelf.sweep(now, now, MOST_OF_ALL).await?;
    }
    let count = async |owner: Option<&str>, most: usize| {
        let (mut count, mut all) = (0, Listing::of(shelf, KIND, owner));
        while let Some(page) = all.page(now).await? {
            for found in &page {
                // One that cannot be read may wait, as far as anybody here knows: a newer version's, while that is put in place.
                let waiting = Waiting::read(found).inspect_err(|error| tracing::warn!(%error, "counted as one that waits"));
                count += usize::from(!waiting.is_ok_and(|waiting| matches!(waiting.record.login, Login::Over(_))));
            }
            if count >= most {
                return Err(Failure::crowded());
            }
        }
        Ok(())
    };
    count(Some(crowd), MOST).await?;
    count(None, MOST_OF_ALL).await
}

/// Keeps a login; its number.
pub(crate) async fn keep(site: &Site, begun: Begun<'_>) -> Result<String, StoreError> {
    let Begun { seat, is_new, crowd, binding, link, login, expires_at, interval } = begun;
    let now = site.keyfob.now();
    let record = Record {
        browser: hash(binding),
        person: seat.person.clone(),
        account: seat.name.clone(),
        is_new,
        provider: seat.desk.provider.name.clone(),
        link,
        login,
        next_at: now.plus(interval),
        turn_until: None,
    };
    let expires_at = expires_at.min(now.plus(LONGEST));
    let waiting = Waiting { id: keyfob::random_hex(), owner: crowd, expires_at, record, generation: Generation(0) };
    site.waiting.put_item(KIND, &waiting.item(), Expected::Nothing).await?;
    Ok(waiting.id)
}

/// The login of this number, for the browser that began it.
pub(crate) async fn find(site: &Site, id: &str, binding: &Secret) -> Result<Option<Waiting>, StoreError> {
    if !is_number(id) {
        return Ok(None);
    }
    let found = site.waiting.item(KIND, id, site.keyfob.now()).await?;
    let found = found.as_ref().map(Waiting::read).transpose()?;
    Ok(found.filter(|waiting| Secret::new(waiting.record.browser.as_str()).same_as(&hash(binding))))
}

impl Waiting {
    /// The seat it is for, while its provider can be connected and its name is that person's.
    pub(crate) async fn seat(&self, site: &Site) -> Result<Seat, Failure> {
        site.look_for(&self.record.provider).await?;
        let seat = site.seat_in_vault(&self.record.person, &self.record.account);
        seat.filter(|seat| seat.desk.provider.name == self.record.provider).ok_or_else(Failure::over)
    }

    /// Seconds until the next question.
    pub(crate) fn again(&self, now: Timestamp) -> i64 {
        let turn = self.record.turn_until.filter(|until| *until > now).map_or(0, |_| AGAIN);
        self.record.next_at.since(now).max(turn).max(1)
    }

    /// Whether it is time to ask, and nobody else does.
    fn is_due(&self, now: Timestamp) -> bool {
        self.record.next_at <= now && self.is_free(now)
    }

    fn is_free(&self, now: Timestamp) -> bool {
        self.record.turn_until.is_none_or(|until| until <= now)
    }

    /// Takes the turn. `false`: somebody else was faster.
    async fn take_turn(&mut self, shelf: &dyn Shelf, now: Timestamp) -> Result<bool, StoreError> {
        self.record.turn_until = Some(now.plus(TURN));
        self.write(shelf).await
    }

    /// Keeps the turn for as long as the login is kept: nobody is to ask again about what has been answered, however long it takes to make an account of it.
    async fn keep_turn(&mut self, shelf: &dyn Shelf) -> Result<(), StoreError> {
        self.record.turn_until = Some(self.expires_at);
        self.write(shelf).await.map(drop)
    }

    /// Gives the turn back, with what became of the login.
    async fn give_back(&mut self, shelf: &dyn Shelf, login: Login, next_at: Timestamp) -> Result<(), StoreError> {
        (self.record.login, self.record.next_at, self.record.turn_until) = (login, next_at, None);
        // Whoever has it now had to wait until the turn was over.
        self.write(shelf).await.map(drop)
    }

    /// Gives the login up.
    pub(crate) async fn end(&self, site: &Site) -> Result<(), StoreError> {
        site.waiting.remove_item(KIND, &self.id).await.map(drop)
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
        let content = serde_json::to_vec(&self.record).expect("text and numbers");
        Item::new(&self.id, content).owned_by(&self.owner).until(self.expires_at)
    }

    fn read(found: &Versioned<Item>) -> Result<Self, StoreError> {
        let broken = || StoreError::Corrupt("the record of a login that waits cannot be read".to_owned());
        let Item { id, owner, expires_at, content } = &found.value;
        let record = serde_json::from_slice(content).map_err(|_| broken())?;
        let (owner, expires_at) = (owner.clone().ok_or_else(broken)?, expires_at.ok_or_else(broken)?);
        Ok(Self { id: id.clone(), owner, expires_at, record, generation: found.generation })
    }
}

fn hash(binding: &Secret) -> String {
    Sha256::digest(binding.expose()).iter().map(|byte| format!("{byte:02x}")).collect()
}
