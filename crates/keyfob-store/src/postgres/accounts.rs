//! Accounts and their history: one statement each, which is its own transaction and one round trip.

use std::sync::LazyLock;

use keyfob::history::{Entry, MOST_ENTRIES};
use keyfob::proto::Timestamp;
use keyfob::store::{CLOCK_SLACK, Damaged, EntryNumber, Expected, Generation, Inventory, Versioned};
use keyfob::{Account, AccountId, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::PostgresVault;
use super::connections::{Again, Answer};
use super::failure::{Failure, Fate};
use super::schema::get;
use super::sealing::guard;
use crate::rows::{AccountRow, EntryRow, HASH_LEN, PAGE, Spot, after, is_of_the_record, next_page, passed_over, signed, unsigned};
use crate::seal::{Sealer, random};
use crate::sealing::Now;

/// How often a write that takes whatever is there looks again because that was changed under it.
const MOST_ROUNDS: usize = 100;

/// After how many records a list lets others have their turn.
pub(super) const TURN: usize = 256;

const ALL: &str = "SELECT id, name, generation, due_at, record FROM keyfob.account";
const UP_TO: &str =
    "SELECT id, name, generation, due_at, record FROM keyfob.account WHERE $1::bigint IS NULL OR due_at IS NULL OR due_at <= $1";
const ONE: &str = "SELECT id, name, generation, due_at, record FROM keyfob.account WHERE name = $1";
const IS_OURS: &str = "SELECT 1 FROM keyfob.account WHERE name = $1 AND generation = $2 AND record = $3";
const HISTORY: &str = "SELECT account, record, number FROM keyfob.history WHERE account = $1 ORDER BY number";
const LAST_OF: &str = "SELECT account, record, number FROM keyfob.history WHERE account = $1 ORDER BY number DESC LIMIT 1";
const NEWEST_ENTRY: &str = "SELECT account, record, number FROM keyfob.history ORDER BY number DESC LIMIT 1";
const ENTRIES: &str = "SELECT account, record, number FROM keyfob.history WHERE number > $1 ORDER BY number LIMIT $2";
const PAGE_ENDS: &str = "SELECT number FROM keyfob.history WHERE number > $1 ORDER BY number OFFSET $2 LIMIT 1";
/// Not with the newest of all: as in SQLite.
const ENDED: &str = "
    SELECT account, record FROM keyfob.history AS entry WHERE number > $1 AND number <= $2
       AND NOT EXISTS (SELECT FROM keyfob.account WHERE id = entry.account)
       AND NOT EXISTS (SELECT FROM keyfob.history AS later WHERE later.account = entry.account AND later.number > entry.number)
       AND number < (SELECT max(number) FROM keyfob.history)";
const FORGET: &str = "DELETE FROM keyfob.history WHERE account = ANY ($1)";

/// What goes into histories with a write: of the account that is left, and of the one that is written.
type Entries<'a> = [Option<&'a Entry>; 2];

/// Each write of an account, with no entry, one, and two.
struct Write {
    with_entries: [String; 3],
}

static INSERT: LazyLock<Write> = LazyLock::new(|| {
    let guard = guard(6);
    let insert = format!(
        "INSERT INTO keyfob.account (id, name, generation, due_at, record)
         SELECT $1::bytea, $2::bytea, $3::bigint, $4::bigint, $5::bytea {guard} ON CONFLICT DO NOTHING"
    );
    Write::new(&insert, 6)
});

/// A lease is for one due moment: with another it ends. The name is the guard against a rekey, here and in removing: no row has it any more.
static REPLACE: LazyLock<Write> = LazyLock::new(|| {
    Write::new(
        "UPDATE keyfob.account SET id = $1, generation = $3, due_at = $4, record = $5,
                leased_until = CASE WHEN due_at IS NOT DISTINCT FROM $4 THEN leased_until ELSE 0 END
         WHERE name = $2 AND id = $6 AND generation = $7",
        7,
    )
});

/// Two that want one name: the index lets one have it.
static RENAME: LazyLock<Write> = LazyLock::new(|| {
    Write::new(
        "UPDATE keyfob.account SET name = $2, generation = $3, due_at = $4, record = $5,
                leased_until = CASE WHEN due_at IS NOT DISTINCT FROM $4 THEN leased_until ELSE 0 END
         WHERE name = $6 AND id = $1 AND generation = $7",
        7,
    )
});

static REMOVE: LazyLock<Write> =
    LazyLock::new(|| Write::new("DELETE FROM keyfob.account WHERE name = $1 AND ($2::bytea IS NULL OR id = $2)", 2));

/// That very record: what somebody logged in to meanwhile stays.
const REMOVE_DAMAGED: &str = "DELETE FROM keyfob.account WHERE name = $1 AND id = $2 AND record = $3 RETURNING 1";

/// Rows that another worker is just taking are passed over; of those that were taken since this statement began, the newest state counts.
/// A lease that lies further ahead than any that would be given now is one of a clock that was wrong.
const LEASE: &str = "
    UPDATE keyfob.account SET leased_until = $2 WHERE id = ANY (ARRAY(
        SELECT id FROM keyfob.account WHERE due_at <= $1 AND (leased_until <= $1 OR leased_until > $4)
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )) RETURNING id, name, generation, due_at, record";

/// A page of the accounts whose due moment lies far ahead, and the server's clock.
const FAR_AHEAD: &str = "
    SELECT id, name, generation, due_at, record, extract(epoch FROM clock_timestamp())::bigint FROM keyfob.account
     WHERE due_at > $1 AND due_at <= $2 AND (due_at, id) < ($2, $3) AND (leased_until <= $4 OR leased_until > $5)
     ORDER BY due_at DESC, id DESC LIMIT $6";

const SO_MANY_AHEAD: &str = "SELECT count(*) FROM keyfob.account WHERE due_at > $1";
const MOMENT_AHEAD: &str = "SELECT due_at FROM keyfob.account WHERE due_at > $1 ORDER BY due_at DESC LIMIT 1 OFFSET $2";

/// Those of them whose due moment is one of a clock that was wrong, as far as they are still nobody's.
const LEASE_MISDATED: &str = "
    UPDATE keyfob.account SET leased_until = $2 WHERE id = ANY (ARRAY(
        SELECT id FROM keyfob.account WHERE id = ANY ($5) AND due_at > $3 AND (leased_until <= $1 OR leased_until > $4)
         FOR UPDATE SKIP LOCKED
    )) RETURNING id, name, generation, due_at, record";

const GIVE_BACK: &str = "
    UPDATE keyfob.account SET leased_until = 0
      FROM unnest($1::bytea[], $2::bigint[]) AS lease (account, until) WHERE id = lease.account AND leased_until = lease.until";

pub(super) async fn all(vault: &PostgresVault) -> Result<Vec<Versioned<Account>>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let found = all_with(vault, &now.sealer).await;
        match vault.sealing.newer(&now, is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

async fn all_with(vault: &PostgresVault, sealer: &Sealer) -> Result<Vec<Versioned<Account>>, StoreError> {
    let rows = query(vault, ALL, &[]).await?;
    let mut accounts = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if number % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        accounts.push(AccountRow::from_row(row)?.open(sealer)?);
    }
    accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
    Ok(accounts)
}

pub(super) async fn inventory(vault: &PostgresVault, due_by: Option<Timestamp>) -> Result<Inventory, StoreError> {
    let due_by = due_by.map(Timestamp::as_unix);
    let mut now = vault.sealing.now();
    loop {
        let found = inventory_with(vault, &now.sealer, due_by).await?;
        match vault.sealing.newer(&now, !found.damaged.is_empty()).await? {
            Some(newer) => now = newer,
            None => return Ok(found),
        }
    }
}

async fn inventory_with(vault: &PostgresVault, sealer: &Sealer, due_by: Option<i64>) -> Result<Inventory, StoreError> {
    let rows = query(vault, UP_TO, &[&due_by]).await?;
    let mut found = Inventory::default();
    for (number, row) in rows.iter().enumerate() {
        if number % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        match AccountRow::from_row(row).and_then(|row| row.open(sealer)) {
            Ok(account) => found.accounts.push(account),
            Err(error) if is_of_the_record(&error) => found.damaged.push(Damaged { name: name_of(vault, sealer, row).await?, error }),
            Err(error) => return Err(error),
        }
    }
    found.accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
    Ok(found)
}

/// What an account whose record does not open is called: its history is sealed apart, and what is found by another name is not the one that it tells of.
async fn name_of(vault: &PostgresVault, sealer: &Sealer, account: &Row) -> Result<Option<String>, StoreError> {
    let (id, name): (Vec<u8>, Vec<u8>) = (get(account, 0)?, get(account, 1)?);
    let last = query(vault, LAST_OF, &[&id]).await?;
    Ok(last.first().and_then(|row| EntryRow::from_row(row).ok()?.name(sealer, &name)))
}

pub(super) async fn one(vault: &PostgresVault, name: &str) -> Result<Option<Versioned<Account>>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let row = find(vault, &now.sealer, name).await?;
        let found = row.map(|row| row.open(&now.sealer)).transpose();
        match vault.sealing.newer(&now, matches!(found, Ok(None)) || is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

/// Compare-and-swap, so that it can be asked for again until its answer is known: a second time it changes nothing. `before` is whose generation is
/// expected.
pub(super) async fn put(
    vault: &PostgresVault,
    before: &AccountId,
    account: &Account,
    expected: Expected,
    entries: Entries<'_>,
) -> Result<Generation, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let done = match expected {
            Expected::Nothing => insert(vault, &now, account, entries).await.map(Put::or_conflict),
            Expected::Generation(Generation(found)) => {
                let id = AccountRow::id(&now.sealer, before);
                replace(vault, &now, account, &id, found, entries).await.map(Put::or_conflict)
            }
            Expected::Anything => put_anyway(vault, &now, account, entries).await,
        };
        // What it expected may be there, under another key.
        let doubtful = matches!(done, Ok(Put::Conflict)) || is_damage(&done);
        match vault.sealing.newer(&now, doubtful).await? {
            Some(newer) => now = newer,
            None => match done? {
                Put::Done(generation) => return Ok(generation),
                Put::Conflict => return Err(conflict(vault, &now, &account.name).await),
            },
        }
    }
}

/// As [`put`]: compare-and-swap, so that it can be asked for again until its answer is known.
pub(super) async fn rename(
    vault: &PostgresVault,
    from: &str,
    account: &Account,
    expected: Generation,
    entry: Option<&Entry>,
) -> Result<Generation, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let done = rename_with(vault, &now, from, account, expected, entry).await.map(Put::or_conflict);
        let doubtful = matches!(done, Ok(Put::Conflict)) || is_damage(&done);
        match vault.sealing.newer(&now, doubtful).await? {
            Some(newer) => now = newer,
            None => match done? {
                Put::Done(generation) => return Ok(generation),
                Put::Conflict => return Err(conflict(vault, &now, from).await),
            },
        }
    }
}

async fn rename_with(
    vault: &PostgresVault,
    now: &Now,
    from: &str,
    account: &Account,
    expected: Generation,
    entry: Option<&Entry>,
) -> Result<Option<Generation>, StoreError> {
    // The index would let its own name be taken, which is nobody else's; every store says the same of it.
    if from == account.name {
        return Ok(None);
    }
    // Nothing of ours ever counts so far.
    let (Ok(found), Ok(next)) = (signed(expected.0), after(expected.0).and_then(|next| signed(next).map(|_| next))) else {
        return Ok(None);
    };
    let row = AccountRow::seal(&now.sealer, account, next)?;
    let (name, generation) = (AccountRow::name(&now.sealer, from), signed(row.generation)?);
    let name = name.as_slice();
    swap(vault, now, &RENAME, &row, &[&row.id, &row.name, &generation, &row.due_at, &row.record, &name, &found], [None, entry]).await
}

/// Does not open the row, so that a damaged one can be got rid of by name.
pub(super) async fn remove(vault: &PostgresVault, name: &str, entry: Option<&Entry>) -> Result<bool, StoreError> {
    let mut now = vault.sealing.now();
    // Asked twice because the first answer was lost: it is gone, and we may well be who removed it.
    let mut ever_repeated = false;
    loop {
        let hash = AccountRow::name(&now.sealer, name);
        let meant = entry.map(|entry| AccountRow::id(&now.sealer, &entry.id));
        let meant = meant.as_ref().map(|id| id.as_slice());
        let written = write(vault, &now, &REMOVE, &[&hash.as_slice(), &meant], [None, entry], Again::Once).await;
        let Answer { rows, repeated } = written.map_err(|failure| failure.error)?;
        ever_repeated |= repeated;
        if !rows.is_empty() {
            return Ok(true);
        }
        match vault.sealing.newer(&now, true).await? {
            Some(newer) => now = newer,
            None if !ever_repeated => return Ok(false),
            None => break,
        }
    }
    // It may also never have been the one that was meant: somebody else's has the name. What we did is in the history of the one that was.
    match entry {
        Some(entry) if find(vault, &now.sealer, name).await?.is_some() => Ok(history(vault, &entry.id).await?.contains(entry)),
        _ => Ok(true),
    }
}

/// What opens stays.
pub(super) async fn remove_damaged(vault: &PostgresVault, name: &str) -> Result<bool, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let row = find(vault, &now.sealer, name).await?;
        let there = row.as_ref().map(|row| (row.name.clone(), row.id.clone(), row.record.clone()));
        let opened = row.map(|row| row.open(&now.sealer)).transpose();
        if let Some(newer) = vault.sealing.newer(&now, there.is_none() || is_damage(&opened)).await? {
            now = newer;
            continue;
        }
        return match (opened, there) {
            (Err(StoreError::Corrupt(_)), Some((name, id, record))) => {
                query(vault, REMOVE_DAMAGED, &[&name, &id, &record]).await.map(|rows| !rows.is_empty())
            }
            (opened, _) => opened.map(|_| false),
        };
    }
}

pub(super) async fn history(vault: &PostgresVault, id: &AccountId) -> Result<Vec<Entry>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let hash = AccountRow::id(&now.sealer, id);
        let rows = query(vault, HISTORY, &[&hash.as_slice()]).await?;
        let found = rows.iter().map(|row| EntryRow::from_row(row)?.open(&now.sealer)).collect::<Result<Vec<_>, _>>();
        match vault.sealing.newer(&now, found.as_ref().is_ok_and(Vec::is_empty) || is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

pub(super) async fn entries(
    vault: &PostgresVault,
    after: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<(EntryNumber, Entry)>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let rows = match after {
            None => query(vault, NEWEST_ENTRY, &[]).await,
            // No number is so high that PostgreSQL could not count to it.
            Some(EntryNumber(after)) => query(vault, ENTRIES, &[&i64::try_from(after).unwrap_or(i64::MAX), &limit(most)]).await,
        }?;
        let open = |row| Ok((EntryNumber(unsigned(get(row, 2)?)?), EntryRow::from_row(row)?.open(&now.sealer)?));
        let found = rows.iter().map(open).collect::<Result<Vec<_>, _>>();
        match vault.sealing.newer(&now, is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

/// Whose account is gone has no entry any more that could come: an id is never used again.
pub(super) async fn sweep_histories(
    vault: &PostgresVault,
    after: EntryNumber,
    before: Timestamp,
    most: usize,
) -> Result<Option<EntryNumber>, StoreError> {
    let sealer = vault.sealing.now().sealer;
    // No number is so high that PostgreSQL could not count to it.
    let after = i64::try_from(after.0).unwrap_or(i64::MAX);
    let page_ends = query(vault, PAGE_ENDS, &[&after, &limit(most.saturating_sub(1))]).await?;
    let page_ends: Option<i64> = page_ends.first().map(|row| get(row, 0)).transpose()?;
    let mut old = Vec::new();
    for row in query(vault, ENDED, &[&after, &page_ends.unwrap_or(i64::MAX)]).await? {
        let row = EntryRow::from_row(&row)?;
        let account = row.account.clone();
        // What does not open is left where it is; where that is because it was sealed anew, until the next time.
        if row.open(&sealer).is_ok_and(|entry| entry.at < before) {
            old.push(account);
        }
    }
    if !old.is_empty() {
        query(vault, FORGET, &[&old]).await?;
    }
    page_ends.map(|number| unsigned(number).map(EntryNumber)).transpose()
}

pub(super) async fn lease_due(
    vault: &PostgresVault,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Result<Vec<Versioned<Account>>, StoreError> {
    // Once more if the answer was lost: what the first gave nobody got, and is free again when its lease ends.
    let rows = query(vault, LEASE, &[&now.as_unix(), &until.as_unix(), &limit(most), &until.plus(CLOCK_SLACK).as_unix()]).await?;
    let mut leased = opened(vault, &rows).await?;
    let room = most - leased.len().min(most);
    if room > 0 {
        leased.extend(lease_misdated(vault, now, until, room).await?);
    }
    Ok(leased)
}

pub(super) async fn give_back(vault: &PostgresVault, leases: &[(AccountId, Timestamp)]) -> Result<(), StoreError> {
    let sealer = vault.sealing.now().sealer;
    let (ids, until): (Vec<_>, Vec<_>) = leases.iter().map(|(id, until)| (AccountRow::id(&sealer, id).to_vec(), until.as_unix())).unzip();
    query(vault, GIVE_BACK, &[&ids, &until]).await.map(drop)
}

async fn lease_misdated(
    vault: &PostgresVault,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Result<Vec<Versioned<Account>>, StoreError> {
    let (ahead, voided) = (now.plus(CLOCK_SLACK).as_unix(), until.plus(CLOCK_SLACK).as_unix());
    let from = match vault.looked_to.get() {
        Some(from) => from,
        None => somewhere(vault, ahead).await?,
    };
    let rows = query(vault, FAR_AHEAD, &[&ahead, &from.0, &from.1, &now.as_unix(), &voided, &limit(PAGE)]).await?;
    let (mut misdated, mut last) = (Vec::new(), None);
    let sealed = vault.sealing.now();
    for row in &rows {
        let (at_server, row) = (Timestamp::from_unix(get(row, 5)?), AccountRow::from_row(row)?);
        let id = row.id.clone();
        last = row.due_at.map(|due_at| (due_at, id.clone()));
        // One that does not open is told by whoever asks for it by name; if the vault was just sealed anew, this page is looked at another time.
        if row.open(&sealed.sealer).is_ok_and(|record| record.value.is_misdated(now, Some(at_server))) {
            misdated.push(id);
        }
    }
    // Those for which there is no room are found again at the same place.
    vault.looked_to.set(if misdated.len() > most { from } else { next_page(rows.len(), last, far_end()) });
    misdated.truncate(most);
    if misdated.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query(vault, LEASE_MISDATED, &[&now.as_unix(), &until.as_unix(), &ahead, &voided, &misdated]).await?;
    opened(vault, &rows).await
}

/// Where a process begins. The moment is in the index, and ids are not; but they are random, so of those with one moment any may come first.
async fn somewhere(vault: &PostgresVault, ahead: i64) -> Result<Spot<Vec<u8>>, StoreError> {
    let count = query(vault, SO_MANY_AHEAD, &[&ahead]).await?;
    let all = count.first().map_or(Ok(0), |row| unsigned(get(row, 0)?))?;
    let Some(before) = passed_over(all)?.checked_sub(1) else { return Ok(far_end()) };
    let moment = query(vault, MOMENT_AHEAD, &[&ahead, &signed(before)?]).await?;
    moment.first().map_or_else(|| Ok(far_end()), |row| Ok((get(row, 0)?, random::<HASH_LEN>()?.to_vec())))
}

/// Before all accounts: longer than any id.
fn far_end() -> Spot<Vec<u8>> {
    (i64::MAX, vec![u8::MAX; HASH_LEN + 1])
}

/// Accounts that were leased, the longest due first.
async fn opened(vault: &PostgresVault, rows: &[Row]) -> Result<Vec<Versioned<Account>>, StoreError> {
    let mut sealed = vault.sealing.now();
    loop {
        let opened: Vec<_> = rows.iter().map(|row| due(row, &sealed.sealer)).collect::<Result<_, _>>()?;
        if let Some(newer) = vault.sealing.newer(&sealed, opened.iter().any(|(_, record)| is_damage(record))).await? {
            sealed = newer;
            continue;
        }
        let mut due = Vec::with_capacity(opened.len());
        for (due_at, record) in opened {
            match record {
                Ok(record) => due.push((due_at, record)),
                // It stays leased, and is told by whoever asks for it by name: it must not keep all others from being refreshed.
                Err(error) => tracing::error!(%error, "an account that is due cannot be opened"),
            }
        }
        due.sort_by_key(|(due_at, _)| *due_at);
        return Ok(due.into_iter().map(|(_, record)| record).collect());
    }
}

/// An account that was leased: since when it is due, and what is in it.
type Due = (Option<i64>, Result<Versioned<Account>, StoreError>);

fn due(row: &Row, sealer: &Sealer) -> Result<Due, StoreError> {
    let row = AccountRow::from_row(row)?;
    Ok((row.due_at, row.open(sealer)))
}

/// What became of a write.
#[derive(Clone, Copy)]
enum Put {
    Done(Generation),
    Conflict,
}

impl Put {
    fn or_conflict(done: Option<Generation>) -> Self {
        done.map_or(Self::Conflict, Self::Done)
    }
}

/// Whatever is there: it is opened first (a damaged record is not written over), and taken for what is expected.
async fn put_anyway(vault: &PostgresVault, now: &Now, account: &Account, entries: Entries<'_>) -> Result<Put, StoreError> {
    for _ in 0..MOST_ROUNDS {
        let Some(row) = find(vault, &now.sealer, &account.name).await? else {
            match insert(vault, now, account, entries).await? {
                Some(generation) => return Ok(Put::Done(generation)),
                // The id is there under another name, or the vault was sealed anew; or somebody was faster.
                None if find(vault, &now.sealer, &account.name).await?.is_none() => return Ok(Put::Conflict),
                None => continue,
            }
        };
        let (id, generation) = (row.id.clone(), row.generation);
        row.open(&now.sealer)?;
        if let Some(generation) = replace(vault, now, account, &id, generation, entries).await? {
            return Ok(Put::Done(generation));
        }
    }
    Ok(Put::Conflict)
}

async fn insert(vault: &PostgresVault, now: &Now, account: &Account, entries: Entries<'_>) -> Result<Option<Generation>, StoreError> {
    let row = AccountRow::seal(&now.sealer, account, 1)?;
    let generation = signed(row.generation)?;
    swap(vault, now, &INSERT, &row, &[&row.id, &row.name, &generation, &row.due_at, &row.record, &now.generation], entries).await
}

async fn replace(
    vault: &PostgresVault,
    now: &Now,
    account: &Account,
    id: &[u8],
    found: u64,
    entries: Entries<'_>,
) -> Result<Option<Generation>, StoreError> {
    // Nothing of ours ever counts so far.
    let (Ok(expected), Ok(next)) = (signed(found), after(found).and_then(|next| signed(next).map(|_| next))) else { return Ok(None) };
    let row = AccountRow::seal(&now.sealer, account, next)?;
    let generation = signed(row.generation)?;
    swap(vault, now, &REPLACE, &row, &[&row.id, &row.name, &generation, &row.due_at, &row.record, &id, &expected], entries).await
}

/// Writes a row if what is expected is there; `None` if something else is. If an answer was lost on the way, the row itself tells whether it
/// was written: no two sealed records are equal.
async fn swap(
    vault: &PostgresVault,
    now: &Now,
    statement: &Write,
    row: &AccountRow,
    parameters: &[&(dyn ToSql + Sync)],
    entries: Entries<'_>,
) -> Result<Option<Generation>, StoreError> {
    let done = Some(Generation(row.generation));
    match write(vault, now, statement, parameters, entries, Again::UntilKnown).await {
        Ok(Answer { rows, .. }) if !rows.is_empty() => Ok(done),
        Ok(Answer { repeated: false, .. }) => Ok(None),
        Ok(Answer { repeated: true, .. }) => {
            let ours = query(vault, IS_OURS, &[&row.name, &signed(row.generation)?, &row.record]).await?;
            if ours.is_empty() && vault.sealing.newer(now, true).await?.is_some() {
                // If it was written, it has been sealed anew since, and is not to be told from what another wrote.
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(unknown("the connection was lost, and the vault was sealed anew", lost));
            }
            Ok(done.filter(|_| !ours.is_empty()))
        }
        // The id is in use under another name.
        Err(Failure { fate: Fate::Duplicate, .. }) => Err(StoreError::Conflict),
        Err(Failure { fate: Fate::Unknown, error: StoreError::Io(what, source) }) => Err(unknown(&what, source)),
        Err(failure) => Err(failure.error),
    }
}

fn unknown(what: &str, source: std::io::Error) -> StoreError {
    StoreError::Io(format!("{what}; whether the account was written is not known"), source)
}

/// Also what a record is that was sealed with another key.
pub(super) fn is_damage<T>(found: &Result<T, StoreError>) -> bool {
    matches!(found, Err(StoreError::Corrupt(_)))
}

async fn write(
    vault: &PostgresVault,
    now: &Now,
    statement: &Write,
    parameters: &[&(dyn ToSql + Sync)],
    entries: Entries<'_>,
    again: Again,
) -> Result<Answer, Failure> {
    let sealed: Result<Vec<_>, _> = entries.into_iter().flatten().map(|entry| EntryRow::seal(&now.sealer, entry)).collect();
    let rows = sealed.map_err(|error| Failure { error, fate: Fate::Refused })?;
    let rest = limit(MOST_ENTRIES - 1);
    let mut parameters = parameters.to_vec();
    for row in &rows {
        parameters.extend([&row.account as &(dyn ToSql + Sync), &row.record, &rest]);
    }
    vault.connections.run(&statement.with_entries[rows.len()], &parameters, again).await
}

/// Why a write found something else than it expected: a damaged record is told as one.
async fn conflict(vault: &PostgresVault, now: &Now, name: &str) -> StoreError {
    let opened = match find(vault, &now.sealer, name).await {
        Ok(Some(row)) => row.open(&now.sealer),
        _ => return StoreError::Conflict,
    };
    match opened {
        Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) => error,
        _ => StoreError::Conflict,
    }
}

async fn find(vault: &PostgresVault, sealer: &Sealer, name: &str) -> Result<Option<AccountRow>, StoreError> {
    let name = AccountRow::name(sealer, name);
    query(vault, ONE, &[&name.as_slice()]).await?.first().map(AccountRow::from_row).transpose()
}

async fn query(vault: &PostgresVault, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
    let answer = vault.connections.run(statement, parameters, Again::Once).await;
    answer.map(|answer| answer.rows).map_err(|failure| failure.error)
}

impl Write {
    /// The entries go into their histories in the same statement: what is in there was done, and what was done is in there. The statement does not
    /// see its own insertions, so that one less than there may be is left of what it sees.
    fn new(write: &str, parameters: usize) -> Self {
        let with = |entries: usize| {
            if entries == 0 {
                return format!("{write} RETURNING 1");
            }
            let mut statement = format!("WITH done AS ({write} RETURNING 1)");
            for entry in 0..entries {
                let [account, record, rest] = [1, 2, 3].map(|next| parameters + 3 * entry + next);
                // An entry waits for the one before: their numbers are in that order.
                let after = if entry == 0 { "done".to_owned() } else { format!("entered{}", entry - 1) };
                statement += &format!(
                    ", entered{entry} AS (INSERT INTO keyfob.history (account, record) SELECT ${account}::bytea, ${record}::bytea FROM {after} RETURNING 1),
                       trimmed{entry} AS (DELETE FROM keyfob.history WHERE account = ${account}::bytea AND EXISTS (SELECT FROM done) AND number <= (
                           SELECT number FROM keyfob.history WHERE account = ${account}::bytea
                            ORDER BY number DESC OFFSET ${rest}::bigint LIMIT 1))"
                );
            }
            statement + " SELECT 1 FROM done"
        };
        Self { with_entries: [0, 1, 2].map(with) }
    }
}

impl AccountRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: get(row, 0)?, name: get(row, 1)?, generation: unsigned(get(row, 2)?)?, due_at: get(row, 3)?, record: get(row, 4)? })
    }
}

impl EntryRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { account: get(row, 0)?, record: get(row, 1)? })
    }
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
