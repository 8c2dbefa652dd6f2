//! What is sealed where: the rows of every table, whatever database they lie in.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use keyfob::history::Entry;
use keyfob::proto::{App, Secret, SecretRef};
use keyfob::store::{Expected, Generation, Versioned};
use keyfob::{Account, AccountId, PendingLogin, StoreError};
use serde::{Deserialize, Serialize};

use crate::seal::{Place, Sealer, random};

/// How many logins of no crowd may be under way at once; beyond it the oldest make room.
pub(crate) const MOST_PENDING: u32 = 1000;

/// How long the ids and keyed hashes are that rows are found by.
pub(crate) use crate::seal::HASH_LEN;

/// A row of `app`.
pub(crate) struct AppRow {
    pub(crate) id: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) record: Vec<u8>,
}

/// What is sealed for an app: the provider's name is not in the row.
#[derive(Serialize, Deserialize)]
struct AppRecord {
    provider: String,
    app: App,
}

impl AppRow {
    pub(crate) fn id(sealer: &Sealer, provider: &str) -> [u8; HASH_LEN] {
        sealer.hash("app.provider", &[provider.as_bytes()])
    }

    pub(crate) fn seal(sealer: &Sealer, provider: &str, app: &App, generation: u64) -> Result<Self, StoreError> {
        let id = Self::id(sealer, provider).to_vec();
        let record = AppRecord { provider: provider.to_owned(), app: app.clone() };
        let record = sealer.seal(&app_place(&id, generation), &record)?;
        Ok(Self { id, generation, record })
    }

    /// The provider, and its app.
    pub(crate) fn open(self, sealer: &Sealer) -> Result<(String, App), StoreError> {
        let AppRecord { provider, app } = sealer.open(&app_place(&self.id, self.generation), self.record)?;
        Ok((provider, app))
    }
}

/// A row of `account`, without what is not sealed: its number, and the lease.
pub(crate) struct AccountRow {
    pub(crate) id: Vec<u8>,
    pub(crate) name: Vec<u8>,
    pub(crate) generation: u64,
    /// In clear, so that those that are due can be found among millions: in PostgreSQL by this, in SQLite by what is never after it.
    pub(crate) due_at: Option<i64>,
    pub(crate) record: Vec<u8>,
}

impl AccountRow {
    /// The 16 bytes of the id's 32 digits. An id of another shape is not ours, and hashed.
    pub(crate) fn id(sealer: &Sealer, id: &AccountId) -> [u8; HASH_LEN] {
        let text = id.as_str();
        from_digits(text).unwrap_or_else(|| sealer.hash("account.id", &[text.as_bytes()]))
    }

    pub(crate) fn name(sealer: &Sealer, name: &str) -> [u8; HASH_LEN] {
        sealer.hash("account.name", &[name.as_bytes()])
    }

    pub(crate) fn seal(sealer: &Sealer, account: &Account, generation: u64) -> Result<Self, StoreError> {
        Self::seal_at(sealer, Self::name(sealer, &account.name), account, generation)
    }

    /// The same for whoever has looked for its name already.
    pub(crate) fn seal_at(sealer: &Sealer, name: [u8; HASH_LEN], account: &Account, generation: u64) -> Result<Self, StoreError> {
        let (id, name) = (Self::id(sealer, &account.id).to_vec(), name.to_vec());
        let due_at = account.due_at().map(keyfob::proto::Timestamp::as_unix);
        let record = sealer.seal(&account_place(&id, generation, &[&name, &due(due_at)]), account)?;
        Ok(Self { id, name, generation, due_at, record })
    }

    pub(crate) fn open(self, sealer: &Sealer) -> Result<Versioned<Account>, StoreError> {
        let value: Account = sealer.open(&account_place(&self.id, self.generation, &[&self.name, &due(self.due_at)]), self.record)?;
        Ok(Versioned { value: value.without_outdated_mark(), generation: Generation(self.generation) })
    }

    /// Whether it may be written over: it is what was sealed there. Somebody who expects its generation has read it, and knows its shape; for
    /// somebody who takes whatever is there, it is read here, so that what a newer version wrote stays.
    pub(crate) fn make_way(&mut self, sealer: &Sealer, expected: Expected) -> Result<(), StoreError> {
        let record = std::mem::take(&mut self.record);
        let (name, due_at) = (&self.name, due(self.due_at));
        let rest: [&[u8]; 2] = [name, &due_at];
        let place = account_place(&self.id, self.generation, &rest);
        match expected {
            Expected::Generation(_) => sealer.is_sound(&place, record),
            Expected::Nothing | Expected::Anything => sealer.open::<Account>(&place, record).map(drop),
        }
    }

    /// Whether it is what a write expects. `Generation` means that record and no other: an account that was removed and made anew counts from
    /// one again, under a new id. (The row's id is what the account's is made of, and bound in.)
    pub(crate) fn is_as_expected(found: Option<&Self>, id: &[u8], expected: Expected) -> bool {
        match expected {
            Expected::Nothing => found.is_none(),
            Expected::Generation(Generation(generation)) => found.is_some_and(|found| found.generation == generation && found.id == id),
            Expected::Anything => true,
        }
    }
}

/// So many accounts whose due moment lies far ahead are looked at, whether a clock that was fast wrote it, when nothing else is to do. Their tokens may as
/// well have long lives, and there may be a million of them.
pub(crate) const PAGE: usize = 1000;

/// A place among them, the furthest ahead first: this due moment and, of those that have the same, this one. What tells these apart is the database's.
pub(crate) type Spot<K> = (i64, K);

/// After which spot a vault looks next; nothing, before it has looked at all.
pub(crate) struct LookedTo<K>(Mutex<Option<Spot<K>>>);

impl<K: Clone> LookedTo<K> {
    pub(crate) const fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn get(&self) -> Option<Spot<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, spot: Spot<K>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(spot);
    }
}

/// How many of so many the first page of a process passes over. It is drawn, so that none of them is less likely than others to be on it: what cron begins
/// anew each time may look at one page and end, and would never come to the second.
pub(crate) fn passed_over(all: u64) -> Result<u64, StoreError> {
    let page = PAGE as u64;
    if all <= page {
        return Ok(0);
    }
    Ok((u64::from_le_bytes(random()?) % (all + page - 1)).saturating_sub(page - 1))
}

/// After which spot the next page begins: the last of a page. After the last page, at the far end again.
pub(crate) fn next_page<K>(looked_at: usize, last: Option<Spot<K>>, far_end: Spot<K>) -> Spot<K> {
    last.filter(|_| looked_at >= PAGE).unwrap_or(far_end)
}

/// A row of `history`, without its number: the order of rows is not sealed, and the entry says when it was.
pub(crate) struct EntryRow {
    pub(crate) account: Vec<u8>,
    pub(crate) record: Vec<u8>,
}

impl EntryRow {
    pub(crate) fn seal(sealer: &Sealer, entry: &Entry) -> Result<Self, StoreError> {
        let account = AccountRow::id(sealer, &entry.id).to_vec();
        let record = sealer.seal(&entry_place(&account), entry)?;
        Ok(Self { account, record })
    }

    pub(crate) fn open(self, sealer: &Sealer) -> Result<Entry, StoreError> {
        sealer.open(&entry_place(&self.account), self.record)
    }

    /// What the account was called then, where that is what it is found by now.
    pub(crate) fn name(self, sealer: &Sealer, found_by: &[u8]) -> Option<String> {
        let name = self.open(sealer).ok()?.account;
        (AccountRow::name(sealer, &name) == found_by).then_some(name)
    }
}

/// A row of `pending`.
pub(crate) struct PendingRow {
    pub(crate) id: Vec<u8>,
    pub(crate) binding: Vec<u8>,
    pub(crate) generation: u64,
    pub(crate) expires_at: i64,
    pub(crate) record: Vec<u8>,
}

impl PendingRow {
    /// Id and binding. Key and binding together make the second: so it does not show which logins one browser began.
    pub(crate) fn ids(sealer: &Sealer, key: SecretRef<'_>, binding: &Secret) -> ([u8; HASH_LEN], [u8; HASH_LEN]) {
        let (key, binding) = (key.expose().as_bytes(), binding.expose().as_bytes());
        (sealer.hash("pending.key", &[key]), sealer.hash("pending.binding", &[key, binding]))
    }

    pub(crate) fn seal(sealer: &Sealer, login: &PendingLogin, binding: &Secret, generation: u64) -> Result<Self, StoreError> {
        let (id, binding) = Self::ids(sealer, login.key(), binding);
        let expires_at = login.pending.expires_at().as_unix();
        let record = sealer.seal(&pending_place(&id, generation, &[&binding, &expires_at.to_be_bytes()]), login)?;
        Ok(Self { id: id.to_vec(), binding: binding.to_vec(), generation, expires_at, record })
    }

    pub(crate) fn open(self, sealer: &Sealer) -> Result<PendingLogin, StoreError> {
        sealer.open(&pending_place(&self.id, self.generation, &[&self.binding, &self.expires_at.to_be_bytes()]), self.record)
    }
}

/// The generations that logins under way have: of those that are counted together they follow each other, and so do all of one purpose. Those of no crowd come
/// first, as they always did.
pub(crate) struct Places {
    pub(crate) crowd: Range<i64>,
    pub(crate) purpose: Range<i64>,
}

/// In a generation, from the left: what the login is for, whose it is counted with (a keyed hash, short as it is: two who share one share its room), and the
/// order of arrival.
const NUMBER_BITS: u32 = 32;
const CROWD_BITS: u32 = 28;

impl Places {
    pub(crate) fn of(sealer: &Sealer, login: &PendingLogin) -> Self {
        let purpose_at = |purpose: i64| purpose << (CROWD_BITS + NUMBER_BITS);
        let Some(crowd) = &login.crowd else { return Self { crowd: 0..purpose_at(1), purpose: 0..purpose_at(1) } };
        let purpose = i64::from(crowd.purpose());
        let hash = sealer.hash("pending.crowd", &[&[crowd.purpose()], crowd.of().as_bytes()]);
        let [a, b, c, d, ..] = hash;
        let hash = i64::from(u32::from_be_bytes([a, b, c, d]) >> (u32::BITS - CROWD_BITS));
        let start = purpose_at(purpose) | hash << NUMBER_BITS;
        Self { crowd: start..start + (1 << NUMBER_BITS), purpose: purpose_at(purpose)..purpose_at(purpose + 1) }
    }

    /// The place of a number that nobody else is given.
    pub(crate) fn numbered(&self, number: i64) -> i64 {
        self.crowd.start + number % (self.crowd.end - self.crowd.start)
    }
}

/// Lower case alone: with more spellings two ids would share a row.
fn from_digits(text: &str) -> Option<[u8; HASH_LEN]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let mut bytes = [0; HASH_LEN];
    if text.len() != 2 * HASH_LEN {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// Whether one record does not open, and others may.
pub(crate) fn is_of_the_record(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt(_) | StoreError::Newer(_))
}

/// The databases count in signed numbers; ours have no sign. A negative one is damage.
pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| uncountable())
}

pub(crate) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| uncountable())
}

pub(crate) fn after(generation: u64) -> Result<u64, StoreError> {
    generation.checked_add(1).ok_or_else(uncountable)
}

fn uncountable() -> StoreError {
    StoreError::Corrupt("a generation holds what was never written there".to_owned())
}

fn app_place(id: &[u8], generation: u64) -> Place<'_> {
    Place { table: "app", column: "record", id, generation, rest: &[] }
}

fn account_place<'a>(id: &'a [u8], generation: u64, rest: &'a [&'a [u8]; 2]) -> Place<'a> {
    Place { table: "account", column: "record", id, generation, rest }
}

fn entry_place(account: &[u8]) -> Place<'_> {
    Place { table: "history", column: "record", id: account, generation: 0, rest: &[] }
}

fn pending_place<'a>(id: &'a [u8], generation: u64, rest: &'a [&'a [u8]; 2]) -> Place<'a> {
    Place { table: "pending", column: "record", id, generation, rest }
}

/// "Never" is the end of time, which nobody's token reaches.
fn due(due_at: Option<i64>) -> [u8; 8] {
    due_at.unwrap_or(i64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_bytes_and_another_spelling_is_another_id() {
        let id = AccountId::random();
        let bytes = from_digits(id.as_str()).expect("32 digits");
        assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), id.as_str());
        assert_eq!(from_digits("00ff00000000000000000000000000a1").expect("digits")[..2], [0x00, 0xFF]);
        for other in
            ["", "00ff", "00FF00000000000000000000000000a1", "g0ff00000000000000000000000000a1", "00ff00000000000000000000000000a1a1"]
        {
            assert!(from_digits(other).is_none(), "{other}");
        }
        assert!(from_digits(&"é".repeat(16)).is_none());
    }
}
