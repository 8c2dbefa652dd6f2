//! What is written, each inside a transaction of the writer.
//!
//! A row is opened before it is replaced: a damaged one is reported and left where it is, never written over.

use keyfob::history::{Entry, MOST_ENTRIES};
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation};
use keyfob::{Account, AccountId, PendingLogin, StoreError};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params};

use super::database::sql;
use super::due;
use super::reads::{all, limit, one};
use super::writer::Write;
use crate::rows::{AccountRow, AppRow, EntryRow, MOST_PENDING, PendingRow, Places, after, signed, unsigned};

impl Write<'_> {
    pub(super) fn put_app(&self, provider: &str, app: &App) -> Result<(), StoreError> {
        let generation = match AppRow::find(self.connection, &AppRow::id(&self.sealer, provider))? {
            None => 1,
            Some(row) => {
                let next = after(row.generation)?;
                row.open(&self.sealer)?;
                next
            }
        };
        AppRow::seal(&self.sealer, provider, app, generation)?.insert(self.connection)
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(super) fn remove_app(&self, provider: &str) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM app WHERE id = ?", (AppRow::id(&self.sealer, provider),))? > 0)
    }

    pub(super) fn put_account(&self, account: &Account, expected: Expected, entry: Option<&Entry>) -> Result<Generation, StoreError> {
        self.put_over(&account.id, account, expected, [None, entry])
    }

    pub(super) fn replace_account(
        &self,
        before: &AccountId,
        expected: Generation,
        account: &Account,
        entries: [Option<&Entry>; 2],
    ) -> Result<Generation, StoreError> {
        self.put_over(before, account, Expected::Generation(expected), entries)
    }

    /// `before` is whose generation is expected.
    fn put_over(
        &self,
        before: &AccountId,
        account: &Account,
        expected: Expected,
        entries: [Option<&Entry>; 2],
    ) -> Result<Generation, StoreError> {
        let name = AccountRow::name(&self.sealer, &account.name);
        let mut found = AccountRow::find(self.connection, &name)?;
        if let Some((_, found)) = &mut found {
            found.make_way(&self.sealer, expected)?;
        }
        if !AccountRow::is_as_expected(found.as_ref().map(|(_, row)| row), &AccountRow::id(&self.sealer, before), expected) {
            return Err(StoreError::Conflict);
        }
        let row = AccountRow::seal_at(&self.sealer, name, account, found.as_ref().map_or(Ok(1), |(_, found)| after(found.generation))?)?;
        // Whatever can fail has to do so before the first change.
        let [left, entry] = entries.map(|entry| entry.map(|entry| EntryRow::seal(&self.sealer, entry)).transpose());
        let entries = [left?, entry?];
        let before = found.map(|(number, row)| (number, row.id, row.due_at));
        let written = Generation(row.generation);
        let generation = signed(row.generation)?;
        match before {
            None => row.insert(self.connection)?,
            Some((number, id, due_at)) => {
                // Only the columns that change: the index of one that is named is written, too.
                if id == row.id {
                    let again = "UPDATE account SET generation = ?2, due_at = ?3, record = ?4 WHERE number = ?1";
                    self.put(again, (number, generation, row.due_at, row.record))?;
                } else {
                    let again = "UPDATE account SET generation = ?2, due_at = ?3, record = ?4, id = ?5 WHERE number = ?1";
                    self.put(again, (number, generation, row.due_at, row.record, row.id))?;
                }
                due::moved(self.connection, number, due_at, row.due_at)?;
            }
        }
        entries.into_iter().flatten().try_for_each(|entry| self.enter(entry))?;
        Ok(written)
    }

    pub(super) fn rename_account(
        &self,
        from: &str,
        account: &Account,
        expected: Generation,
        entry: Option<&Entry>,
    ) -> Result<Generation, StoreError> {
        let expected = Expected::Generation(expected);
        let mut found = AccountRow::find(self.connection, &AccountRow::name(&self.sealer, from))?;
        if let Some((_, found)) = &mut found {
            found.make_way(&self.sealer, expected)?;
        }
        let id = AccountRow::id(&self.sealer, &account.id);
        let Some((number, before)) = found.filter(|(_, row)| AccountRow::is_as_expected(Some(row), &id, expected)) else {
            return Err(StoreError::Conflict);
        };
        let row = AccountRow::seal(&self.sealer, account, after(before.generation)?)?;
        // Whatever can fail has to do so before the first change.
        let entry = entry.map(|entry| EntryRow::seal(&self.sealer, entry)).transpose()?;
        if AccountRow::find(self.connection, &row.name)?.is_some() {
            return Err(StoreError::Conflict);
        }
        let again = "UPDATE account SET name = ?2, generation = ?3, due_at = ?4, record = ?5 WHERE number = ?1";
        self.put(again, (number, row.name, signed(row.generation)?, row.due_at, row.record))?;
        due::moved(self.connection, number, before.due_at, row.due_at)?;
        entry.map_or(Ok(()), |entry| self.enter(entry))?;
        Ok(Generation(row.generation))
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(super) fn remove_account(&self, name: &str, entry: Option<&Entry>) -> Result<bool, StoreError> {
        let name = AccountRow::name(&self.sealer, name);
        let meant = entry.map(|entry| AccountRow::id(&self.sealer, &entry.id));
        // Numbers are given again.
        let due = "DELETE FROM due WHERE account = (SELECT number FROM account WHERE name = ?1 AND (?2 IS NULL OR id = ?2))";
        self.execute(due, (name, meant))?;
        let removed = self.execute("DELETE FROM account WHERE name = ?1 AND (?2 IS NULL OR id = ?2)", (name, meant))? > 0;
        if removed && let Some(entry) = entry {
            self.enter(EntryRow::seal(&self.sealer, entry)?)?;
        }
        Ok(removed)
    }

    /// One write with the look: what somebody logged in to meanwhile stays.
    pub(super) fn remove_damaged(&self, name: &str) -> Result<bool, StoreError> {
        let hash = AccountRow::name(&self.sealer, name);
        let opened = match AccountRow::find(self.connection, &hash) {
            Ok(None) => return Ok(false),
            Ok(Some((_, row))) => row.open(&self.sealer).map(drop),
            Err(StoreError::Corrupt(why)) => {
                // SQLite says the same of a disk that could not be read: what can be, and is no such row, is damaged.
                let bytes = "SELECT CAST(record AS BLOB) FROM account WHERE name = ?";
                one(self.connection, bytes, (hash,), |row| row.get::<_, Vec<u8>>(0))?;
                Err(StoreError::Corrupt(why))
            }
            Err(error) => return Err(error),
        };
        match opened {
            Err(StoreError::Corrupt(_)) => self.remove_account(name, None),
            other => other.map(|()| false),
        }
    }

    pub(super) fn put_pending(&self, login: &PendingLogin, binding: &Secret) -> Result<(), StoreError> {
        let Places { crowd, purpose } = Places::of(&self.sealer, login);
        let now = login.pending.began_at().as_unix();
        if let Some(whose) = &login.crowd {
            self.execute("DELETE FROM pending WHERE expires_at <= ?", (now,))?;
            let count = "SELECT count(*) FILTER (WHERE generation >= ?1 AND generation < ?2), count(*) FROM pending
                         WHERE generation >= ?3 AND generation < ?4 AND expires_at > ?5";
            let mut count = self.connection.prepare_cached(count).map_err(sql)?;
            let within = (crowd.start, crowd.end, purpose.start, purpose.end, now);
            let (of_crowd, of_purpose): (i64, i64) = count.query_row(within, |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
            whose.admits(usize::try_from(of_crowd).unwrap_or(usize::MAX), usize::try_from(of_purpose).unwrap_or(usize::MAX))?;
        }
        let newest = "SELECT max(generation) FROM pending WHERE generation >= ? AND generation < ?";
        let newest: Option<i64> = self.connection.query_row(newest, (crowd.start, crowd.end), |row| row.get(0)).map_err(sql)?;
        let row = PendingRow::seal(&self.sealer, login, binding, after(unsigned(newest.unwrap_or(crowd.start))?)?)?;
        let put = "INSERT OR REPLACE INTO pending (id, binding, generation, expires_at, record) VALUES (?, ?, ?, ?, ?)";
        self.execute(put, (row.id, row.binding, signed(row.generation)?, row.expires_at, row.record))?;
        if login.crowd.is_none() {
            let bound = "DELETE FROM pending WHERE generation <= (
                            SELECT generation FROM pending WHERE generation < ? ORDER BY generation DESC LIMIT 1 OFFSET ?)";
            self.execute(bound, (crowd.end, MOST_PENDING))?;
        }
        Ok(())
    }

    /// In one transaction, which holds the only write lock: of any number of processes, one deletes the row and has it.
    pub(super) fn take_pending(&self, key: &Secret, binding: &Secret, now: Timestamp) -> Result<Option<PendingLogin>, StoreError> {
        let (id, binding) = PendingRow::ids(&self.sealer, key.into(), binding);
        self.execute("DELETE FROM pending WHERE expires_at <= ?", (now.as_unix(),))?;
        let take = "DELETE FROM pending WHERE id = ? AND binding = ? RETURNING id, binding, generation, expires_at, record";
        let taken = self.connection.prepare_cached(take).and_then(|mut take| take.query_row((id, binding), PendingRow::read).optional());
        // A damaged row is refused before the commit, and stays.
        taken.map_err(sql)?.map(|row| row.open(&self.sealer)).transpose()
    }

    /// Writes an entry, and lets the account's oldest go.
    fn enter(&self, row: EntryRow) -> Result<(), StoreError> {
        self.execute("INSERT INTO history (account, record) VALUES (?, ?)", (&row.account, row.record))?;
        let trim = "DELETE FROM history WHERE account = ?1
                    AND number <= (SELECT number FROM history WHERE account = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
        self.execute(trim, (&row.account, limit(MOST_ENTRIES))).map(drop)
    }

    /// Of a page of the entries, those that end the history of an account that is gone are opened: when that was is sealed. What does not open is left where it
    /// is, as everywhere.
    pub(super) fn sweep_histories(&self, after: EntryNumber, before: Timestamp, most: usize) -> Result<Option<EntryNumber>, StoreError> {
        // No number is so high that SQLite could not count to it.
        let after = i64::try_from(after.0).unwrap_or(i64::MAX);
        let page_ends = "SELECT number FROM history WHERE number > ? ORDER BY number LIMIT 1 OFFSET ?";
        let page_ends = one(self.connection, page_ends, (after, limit(most.saturating_sub(1))), |row| row.get::<_, i64>(0))?;
        // The newest of all keeps its number from being given again.
        let ended = "SELECT account, record FROM history AS entry WHERE number > ? AND number <= ?
                     AND NOT EXISTS (SELECT 1 FROM account WHERE id = entry.account)
                     AND NOT EXISTS (SELECT 1 FROM history AS later WHERE later.account = entry.account AND later.number > entry.number)
                     AND number < (SELECT max(number) FROM history)";
        for row in all(self.connection, ended, (after, page_ends.unwrap_or(i64::MAX)), EntryRow::read)? {
            let account = row.account.clone();
            if row.open(&self.sealer).is_ok_and(|entry| entry.at < before) {
                self.execute("DELETE FROM history WHERE account = ?", (account,))?;
            }
        }
        page_ends.map(|number| unsigned(number).map(EntryNumber)).transpose()
    }

    fn put(&self, statement: &str, parameters: impl Params) -> Result<(), StoreError> {
        put_row(self.connection, statement, parameters)
    }

    pub(super) fn execute(&self, statement: &str, parameters: impl Params) -> Result<usize, StoreError> {
        self.connection.prepare_cached(statement).and_then(|mut statement| statement.execute(parameters)).map_err(sql)
    }
}

impl AccountRow {
    pub(super) fn insert(self, write: &Connection) -> Result<(), StoreError> {
        let put = "INSERT INTO account (id, name, generation, due_at, record) VALUES (?, ?, ?, ?, ?)";
        put_row(write, put, (self.id, self.name, signed(self.generation)?, self.due_at, self.record))?;
        due::moved(write, write.last_insert_rowid(), None, self.due_at)
    }
}

impl AppRow {
    pub(super) fn insert(self, write: &Connection) -> Result<(), StoreError> {
        let put = "INSERT OR REPLACE INTO app (id, generation, record) VALUES (?, ?, ?)";
        let generation = signed(self.generation)?;
        write.prepare_cached(put).and_then(|mut put| put.execute((self.id, generation, self.record))).map(drop).map_err(sql)
    }
}

fn put_row(write: &Connection, statement: &str, parameters: impl Params) -> Result<(), StoreError> {
    let put = write.prepare_cached(statement).and_then(|mut put| put.execute(parameters));
    put.map(drop).map_err(|error| match error.sqlite_error_code() {
        // The id is there under another name.
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict,
        _ => sql(error),
    })
}
