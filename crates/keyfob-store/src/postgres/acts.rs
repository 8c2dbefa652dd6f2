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

pub(super) const NUMBERS: &str = "SELECT nextval('keyfob.act_number') FROM generate_series(1, $1::bigint)";
/// All of them, or, if the vault was sealed anew, none.
const PUT: &str = "
    WITH done AS (
        INSERT INTO keyfob.act (number, done_at, owner, record)
        SELECT line.number, line.done_at, line.owner, line.record
          FROM keyfob.header, unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[]) AS line (number, done_at, owner, record)
         WHERE header.generation = $5::bigint
        RETURNING 1)
    SELECT count(*) FROM done";
const ARE_OURS: &str = "SELECT count(*) FROM keyfob.act WHERE number = ANY ($1::bigint[])";

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

/// The numbers are this process's alone: which of them are there tells what was written, if an answer was lost on the way.
async fn put(connections: &Connections, sealing: &Sealing, acts: &[Act]) -> Result<(), StoreError> {
    let count = limit(acts.len());
    let drawn = connections.run(NUMBERS, &[&count], Again::Once).await.map_err(|failure| failure.error)?.rows;
    let numbers: Vec<i64> = drawn.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let mut now = sealing.now();
    loop {
        let Columns { dates, owners, records } = Columns::seal(&now.sealer, &numbers, acts)?;
        let put = connections.run(PUT, &[&numbers, &dates, &owners, &records, &now.generation], Again::UntilKnown).await;
        let repeated = match put {
            Ok(Answer { rows, repeated }) => {
                if counted(&rows)? == count {
                    return Ok(());
                }
                repeated
            }
            // The second time they were there: from the first.
            Err(Failure { error: StoreError::Conflict, fate: Fate::Unknown }) => return Ok(()),
            Err(Failure { error: StoreError::Conflict, .. }) => {
                return Err(StoreError::Corrupt("a line of the book has a number that nobody was given".to_owned()));
            }
            Err(Failure { error: StoreError::Io(what, source), fate: Fate::Unknown }) => {
                return Err(StoreError::Io(format!("{what}; whether the line was written is not known"), source));
            }
            Err(failure) => return Err(failure.error),
        };
        // Sealed anew: before this was written, or after.
        now = sealing.newer(&now, true).await?.ok_or(StoreError::Conflict)?;
        if repeated {
            let ours = connections.run(ARE_OURS, &[&numbers], Again::Once).await.map_err(|failure| failure.error)?.rows;
            if counted(&ours)? == count {
                return Ok(());
            }
        }
    }
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
    let rows = rows.map_err(|failure| failure.error)?.rows;
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

pub(super) async fn sweep(vault: &PostgresVault, before: Timestamp, most: usize) -> Result<u64, StoreError> {
    let swept = vault.connections.run(SWEEP, &[&before.as_unix(), &limit(most)], Again::Once).await.map_err(|failure| failure.error)?;
    unsigned(counted(&swept.rows)?)
}

fn counted(rows: &[Row]) -> Result<i64, StoreError> {
    Ok(rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default())
}

fn ended() -> StoreError {
    let ended = std::io::Error::other("the runtime that it was written on has ended");
    StoreError::Io("whether the line was written is not known".to_owned(), ended)
}

impl ActRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: unsigned(get(row, 0)?)?, done_at: get(row, 1)?, owner: get(row, 2)?, record: get(row, 3)? })
    }
}
