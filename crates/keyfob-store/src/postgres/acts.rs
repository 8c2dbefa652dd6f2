//! The book of who did what: lines by number, which are written once.
//!
//! Whoever writes at the same time shares one statement, and so one wait for the disk: while one is under way, the lines of the next gather.

use std::sync::{Arc, Mutex, PoisonError};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::EntryNumber;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Row;

use super::PostgresVault;
use super::accounts::{is_damage, limit};
use super::connections::{Again, Answer, Connections};
use super::failure::{Failure, Fate};
use super::schema::get;
use super::sealing::Sealing;
use crate::rows::unsigned;
use crate::seal::Sealer;
use crate::shelf::{Act, ActRow, check_owner, is_name};

/// How many callers share a statement at most.
const MOST_AT_ONCE: usize = 256;

pub(super) const ALL: &str = "SELECT number, done_at, owner, record FROM keyfob.act WHERE number < $1 ORDER BY number DESC LIMIT $2";
pub(super) const ALL_OF: &str =
    "SELECT number, done_at, owner, record FROM keyfob.act WHERE number < $1 AND owner = $3 ORDER BY number DESC LIMIT $2";

/// How often lines get other numbers because somebody has theirs.
const MOST_ROUNDS: usize = 100;

pub(super) const NUMBERS: &str = "SELECT nextval('keyfob.act_number') FROM generate_series(1, $1::bigint)";
/// The same without waiting for the disk, which would be a second time for each statement that writes. A server that forgets in a power cut, or at a
/// fail-over, whom it gave a number gives it again; so it is looked at whose the lines are that have them.
pub(super) const NUMBERS_AT_ONCE: &str = "
    SELECT nextval('keyfob.act_number')
      FROM (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) AS quick, generate_series(1, $1::bigint)";
/// All of them, or, if the vault was sealed anew, none.
const PUT: &str = "
    WITH done AS (
        INSERT INTO keyfob.act (number, done_at, owner, record)
        SELECT line.number, line.done_at, line.owner, line.record
          FROM keyfob.header, unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[]) AS line (number, done_at, owner, record)
         WHERE header.generation = $5::bigint
        RETURNING 1)
    SELECT count(*) FROM done";
/// How many of the lines of these numbers are those, and how many there are.
const WHOSE: &str = "
    SELECT count(*) FILTER (WHERE act.record = line.record), count(*)
      FROM keyfob.act JOIN unnest($1::bigint[], $2::bytea[]) AS line (number, record) ON act.number = line.number";

/// Not the newest of all: as in SQLite.
pub(super) const SWEEP: &str = "
    WITH gone AS (DELETE FROM keyfob.act WHERE number = ANY (ARRAY(
             SELECT number FROM keyfob.act WHERE done_at < $1 AND number < (SELECT max(number) FROM keyfob.act)
              ORDER BY done_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1)
    SELECT count(*) FROM gone";

/// Writes lines into the book.
pub(super) struct Book {
    connections: Arc<Connections>,
    sealing: Arc<Sealing>,
    /// To the task that writes. It ends with the vault, or with the runtime that it was begun on.
    line: Mutex<Option<mpsc::UnboundedSender<Wish>>>,
}

/// Lines of one caller, all or none of which are to be written.
struct Wish {
    acts: Vec<Act>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Book {
    pub(super) fn new(connections: Arc<Connections>, sealing: Arc<Sealing>) -> Self {
        Self { connections, sealing, line: Mutex::default() }
    }

    /// Once polled, it is done even if nobody waits for it any more.
    pub(super) async fn record(&self, acts: Vec<Act>) -> Result<(), StoreError> {
        acts.iter().try_for_each(|act| check_owner(act.owner.as_deref()))?;
        if acts.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.give(Wish { acts, answer });
        answered.await.map_err(|_| ended())?
    }

    fn give(&self, mut wish: Wish) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = line.as_ref() {
            match open.send(wish) {
                Ok(()) => return,
                Err(mpsc::error::SendError(back)) => wish = back,
            }
        }
        let (sender, wishes) = mpsc::unbounded_channel();
        // It cannot fail: the other end is here. If the task never runs, whoever waits is told.
        drop(sender.send(wish));
        tokio::spawn(serve(Arc::clone(&self.connections), Arc::clone(&self.sealing), wishes));
        *line = Some(sender);
    }
}

/// What the task does.
async fn serve(connections: Arc<Connections>, sealing: Arc<Sealing>, mut wishes: mpsc::UnboundedReceiver<Wish>) {
    let mut batch = Vec::new();
    while wishes.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
        let (mut acts, mut answers) = (Vec::new(), Vec::new());
        for wish in batch.drain(..) {
            acts.extend(wish.acts);
            answers.push(wish.answer);
        }
        let done = put(&connections, &sealing, &acts).await;
        for answer in answers {
            // Whoever does not wait any more need not be told.
            drop(answer.send(done.as_ref().copied().map_err(StoreError::again)));
        }
    }
}

async fn put(connections: &Connections, sealing: &Sealing, acts: &[Act]) -> Result<(), StoreError> {
    for _ in 0..MOST_ROUNDS {
        // Until they are there: numbers that were drawn for nothing are missed by nobody, and what the line is about is done by now.
        let drawn = connections.run(NUMBERS_AT_ONCE, &[&limit(acts.len())], Again::UntilKnown).await.map_err(|failure| failure.error)?.rows;
        let numbers: Vec<i64> = drawn.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        if put_as(connections, sealing, &numbers, acts).await? {
            return Ok(());
        }
    }
    Err(StoreError::Conflict)
}

/// `false` if the numbers are somebody else's. If an answer was lost on the way, the lines themselves tell whether they were written: no two
/// sealed records are equal.
async fn put_as(connections: &Connections, sealing: &Sealing, numbers: &[i64], acts: &[Act]) -> Result<bool, StoreError> {
    let count = limit(acts.len());
    let mut now = sealing.now();
    loop {
        let Columns { dates, owners, records } = Columns::seal(&now.sealer, numbers, acts)?;
        let is_there = match connections.run(PUT, &[&numbers, &dates, &owners, &records, &now.generation], Again::UntilKnown).await {
            Ok(Answer { rows, .. }) if counted(&rows, 0)? == count => return Ok(true),
            Ok(Answer { repeated, .. }) => repeated,
            Err(Failure { error: StoreError::Conflict, .. }) => true,
            Err(Failure { error: StoreError::Io(what, source), fate: Fate::Unknown }) => return Err(unknown(&what, source)),
            Err(failure) => return Err(failure.error),
        };
        if !is_there {
            // Nothing else keeps them from being written.
            now = sealing.newer(&now, true).await?.ok_or(StoreError::Conflict)?;
            continue;
        }
        let whose = connections.run(WHOSE, &[&numbers, &records], Again::Once).await.map_err(|failure| failure.error)?.rows;
        if counted(&whose, 0)? == count {
            return Ok(true);
        }
        match sealing.newer(&now, true).await? {
            None => return Ok(false),
            Some(newer) if counted(&whose, 1)? == 0 => now = newer,
            // If they are ours, they have been sealed anew since, and are not to be told from what another wrote.
            Some(_) => {
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(unknown("the connection was lost, and the vault was sealed anew", lost));
            }
        }
    }
}

fn unknown(what: &str, source: std::io::Error) -> StoreError {
    StoreError::Io(format!("{what}; whether the line was written is not known"), source)
}

/// Lines, sealed: one list a column.
pub(super) struct Columns {
    pub(super) dates: Vec<i64>,
    pub(super) owners: Vec<Option<String>>,
    pub(super) records: Vec<Vec<u8>>,
}

impl Columns {
    pub(super) fn seal<'a>(sealer: &Sealer, numbers: &[i64], acts: impl IntoIterator<Item = &'a Act>) -> Result<Self, StoreError> {
        let mut columns = Self { dates: Vec::new(), owners: Vec::new(), records: Vec::new() };
        for (number, act) in numbers.iter().zip(acts) {
            let row = ActRow::seal(sealer, unsigned(*number)?, act)?;
            columns.dates.push(row.done_at);
            columns.owners.push(row.owner);
            columns.records.push(row.record);
        }
        Ok(columns)
    }
}

/// The newest, the newest first.
pub(super) async fn all(
    vault: &PostgresVault,
    owner: Option<&str>,
    before: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<(EntryNumber, Act)>, StoreError> {
    let rows = rows(vault, owner, before, most).await?;
    let mut now = vault.sealing.now();
    loop {
        let open = |row| ActRow::from_row(row).and_then(|row| Ok((EntryNumber(row.number), row.open(&now.sealer)?)));
        let found = rows.iter().map(open).collect::<Result<Vec<_>, _>>();
        match vault.sealing.newer(&now, is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

/// The numbers of those, which are not sealed.
pub(super) async fn numbers(
    vault: &PostgresVault,
    owner: Option<&str>,
    before: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<EntryNumber>, StoreError> {
    rows(vault, owner, before, most).await?.iter().map(|row| Ok(EntryNumber(unsigned(get(row, 0)?)?))).collect()
}

async fn rows(vault: &PostgresVault, owner: Option<&str>, before: Option<EntryNumber>, most: usize) -> Result<Vec<Row>, StoreError> {
    if !owner.is_none_or(is_name) {
        return Ok(Vec::new());
    }
    // No number is so high that PostgreSQL could not count to it.
    let before = before.and_then(|EntryNumber(before)| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let most = limit(most);
    let rows = match &owner {
        None => vault.connections.run(ALL, &[&before, &most], Again::Once).await,
        Some(owner) => vault.connections.run(ALL_OF, &[&before, &most, owner], Again::Once).await,
    };
    Ok(rows.map_err(|failure| failure.error)?.rows)
}

pub(super) async fn sweep(vault: &PostgresVault, before: Timestamp, most: usize) -> Result<u64, StoreError> {
    let swept = vault.connections.run(SWEEP, &[&before.as_unix(), &limit(most)], Again::Once).await.map_err(|failure| failure.error)?;
    unsigned(counted(&swept.rows, 0)?)
}

fn counted(rows: &[Row], column: usize) -> Result<i64, StoreError> {
    Ok(rows.first().map(|row| get(row, column)).transpose()?.unwrap_or_default())
}

fn ended() -> StoreError {
    unknown("the program's runtime has ended", std::io::ErrorKind::Interrupted.into())
}

impl ActRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: unsigned(get(row, 0)?)?, done_at: get(row, 1)?, owner: get(row, 2)?, record: get(row, 3)? })
    }
}
