//! When accounts are due, and who has taken them to refresh them.
//!
//! What is in the table `due` is never after an account's due moment, and may be before it: a refresh moves that on each time, and leaves the table alone. Whoever
//! looks for accounts that are due finds those, too, and moves them on, many in one transaction.

use keyfob::proto::Timestamp;
use keyfob::store::CLOCK_SLACK;
use keyfob::{AccountId, StoreError};
use rusqlite::Connection;

use super::database::sql;
use super::reads::{all, limit, one};
use super::writer::Write;
use crate::rows::{AccountRow, PAGE, Spot, next_page, passed_over, signed, unsigned};
use crate::seal::Sealer;

/// How many more than are wanted are looked at in one transaction, and moved on if they are not due: others want to write, too.
const MOST_MOVED: usize = 1000;

/// A due moment that moves on by more is moved here, too: it is rare, and what a clock that was fast wrote is found from the far end.
const MOVED_AT_ONCE: i64 = 86_400;

/// After an account was put where there was none, or in the place of one that was due at another moment.
pub(super) fn moved(connection: &Connection, account: i64, before: Option<i64>, after: Option<i64>) -> Result<(), StoreError> {
    let Some(at) = after else { return Ok(()) };
    if before.is_some_and(|before| (before..=before.saturating_add(MOVED_AT_ONCE)).contains(&at)) {
        return Ok(());
    }
    let put = "INSERT OR REPLACE INTO due (account, at) VALUES (?, ?)";
    connection.prepare_cached(put).and_then(|mut put| put.execute((account, at))).map(drop).map_err(sql)
}

/// Makes the table anew, without leases.
pub(super) fn begin_anew(connection: &Connection) -> Result<(), StoreError> {
    let anew = "DELETE FROM due; INSERT INTO due (account, at) SELECT number, due_at FROM account WHERE due_at IS NOT NULL";
    connection.execute_batch(anew).map_err(sql)
}

/// What was leased.
pub(super) struct Leased {
    /// The accounts' numbers.
    pub(super) numbers: Vec<i64>,
    /// There may be more of them: those that are due were too many others to be looked at in one transaction.
    pub(super) is_not_all: bool,
}

impl Write<'_> {
    /// A lease that lies further ahead than any that would be given now is one of a clock that was wrong.
    pub(super) fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Result<Leased, StoreError> {
        let find = "SELECT due.account, due_at FROM due LEFT JOIN account ON number = due.account
                    WHERE at <= ?1 AND (due_at IS NULL OR leased_for IS NOT due_at OR leased_until <= ?1 OR leased_until > ?2) ORDER BY at LIMIT ?3";
        let looked_at = most.saturating_add(MOST_MOVED);
        let parameters = (now.as_unix(), until.plus(CLOCK_SLACK).as_unix(), limit(looked_at));
        let mut found = all(self.connection, find, parameters, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
        // The longest due first, which need not be who was refreshed longest ago.
        found.sort_by_key(|(_, due_at)| *due_at);
        let mut leased = Leased { numbers: Vec::new(), is_not_all: found.len() == looked_at };
        for (account, due_at) in found {
            match due_at {
                Some(due_at) if due_at <= now.as_unix() => {
                    if leased.numbers.len() < most {
                        let lease = "UPDATE due SET at = ?3, leased_until = ?2, leased_for = ?3 WHERE account = ?1";
                        self.execute(lease, (account, until.as_unix(), due_at))?;
                        leased.numbers.push(account);
                    }
                }
                Some(due_at) => {
                    self.execute("UPDATE due SET at = ?2 WHERE account = ?1", (account, due_at))?;
                }
                None => {
                    self.execute("DELETE FROM due WHERE account = ?", (account,))?;
                }
            }
        }
        leased.is_not_all &= leased.numbers.len() < most;
        Ok(leased)
    }

    /// Leases accounts that were looked at a moment ago, as far as they are still nobody's and their due moments still lie far ahead.
    pub(super) fn lease_misdated(&self, numbers: &[i64], now: Timestamp, until: Timestamp) -> Result<Vec<i64>, StoreError> {
        let lease =
            "UPDATE due SET leased_until = ?3, leased_for = due_at FROM account WHERE account.number = due.account AND due.account = ?1
                     AND due_at > ?5 AND (leased_for IS NOT due_at OR leased_until <= ?2 OR leased_until > ?4)";
        let (voided, ahead) = (until.plus(CLOCK_SLACK).as_unix(), now.plus(CLOCK_SLACK).as_unix());
        let mut leased = Vec::with_capacity(numbers.len());
        for number in numbers {
            if self.execute(lease, (number, now.as_unix(), until.as_unix(), voided, ahead))? > 0 {
                leased.push(*number);
            }
        }
        Ok(leased)
    }

    pub(super) fn give_back(&self, leases: &[(AccountId, Timestamp)]) -> Result<(), StoreError> {
        let end = "UPDATE due SET leased_until = NULL, leased_for = NULL
                    WHERE account = (SELECT number FROM account WHERE id = ?) AND leased_until = ?";
        leases.iter().try_for_each(|(id, until)| self.execute(end, (AccountRow::id(&self.sealer, id), until.as_unix())).map(drop))
    }
}

/// What a look at a page found.
pub(super) struct Misdated {
    pub(super) numbers: Vec<i64>,
    /// After which spot the page begins, and after which one the next.
    pub(super) from: Spot<i64>,
    pub(super) next: Spot<i64>,
}

/// Before all accounts.
const FAR_END: Spot<i64> = (i64::MAX, i64::MAX);

/// Looks at a page of the accounts whose due moment lies far ahead: the numbers of those that are [misdated](keyfob::Account::is_misdated) and nobody's.
pub(super) fn misdated(
    connection: &Connection,
    sealer: &Sealer,
    from: Option<Spot<i64>>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Misdated, StoreError> {
    let query = "SELECT at, number, id, name, generation, due_at, record FROM due JOIN account ON number = due.account
                 WHERE at > ?1 AND (at, due.account) < (?2, ?3) AND (leased_for IS NOT due_at OR leased_until <= ?4 OR leased_until > ?5)
                 ORDER BY at DESC, due.account DESC LIMIT ?6";
    let (ahead, voided) = (now.plus(CLOCK_SLACK).as_unix(), until.plus(CLOCK_SLACK).as_unix());
    let from = from.map_or_else(|| somewhere(connection, ahead), Ok)?;
    let read = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), AccountRow::read_after(row, 2)?));
    let rows = all(connection, query, (ahead, from.0, from.1, now.as_unix(), voided, limit(PAGE)), read)?;
    let next = next_page(rows.len(), rows.last().map(|(spot, _)| *spot), FAR_END);
    // One that does not open is told by whoever asks for it by name.
    let is_misdated = |row: AccountRow| row.open(sealer).is_ok_and(|record| record.value.is_misdated(now, None));
    let numbers = rows.into_iter().filter_map(|((_, number), row)| is_misdated(row).then_some(number)).collect();
    Ok(Misdated { numbers, from, next })
}

/// Where a process begins. All of this is in the index.
fn somewhere(connection: &Connection, ahead: i64) -> Result<Spot<i64>, StoreError> {
    let count = one(connection, "SELECT count(*) FROM due WHERE at > ?", (ahead,), |row| row.get::<_, i64>(0))?;
    let Some(before) = passed_over(unsigned(count.unwrap_or(0))?)?.checked_sub(1) else { return Ok(FAR_END) };
    let query = "SELECT at, account FROM due WHERE at > ? ORDER BY at DESC, account DESC LIMIT 1 OFFSET ?";
    Ok(one(connection, query, (ahead, signed(before)?), |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or(FAR_END))
}
