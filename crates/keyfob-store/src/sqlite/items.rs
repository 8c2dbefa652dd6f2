//! Items of the shelf, by kind and id.
//!
//! A row is opened before it is replaced or handed out: a damaged one is reported and left where it is, never written over.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation, Versioned};
use rusqlite::{Connection, Row};

use super::database::sql;
use super::reads::{all, counter, limit, one};
use super::writer::Write;
use crate::rows::signed;
use crate::seal::Sealer;
use crate::shelf::{Item, ItemRow, next_generation};

pub(super) fn item(
    connection: &Connection,
    sealer: &Sealer,
    kind: &str,
    id: &str,
    now: Timestamp,
) -> Result<Option<Versioned<Item>>, StoreError> {
    let found = ItemRow::find(connection, kind, id)?.map(|(_, row)| row.open(sealer)).transpose()?;
    Ok(found.filter(|found| !found.value.is_over(now)))
}

const ONE: &str = "SELECT number, kind, id, owner, expires_at, generation, record FROM item WHERE kind = ? AND id = ?";
const ITEMS: &str = "SELECT kind, id, owner, expires_at, generation, record FROM item
    WHERE kind = ?1 AND id > ?2 AND (expires_at IS NULL OR expires_at > ?3) ORDER BY id LIMIT ?4";
const ITEMS_OF: &str = "SELECT kind, id, owner, expires_at, generation, record FROM item
    WHERE kind = ?1 AND id > ?2 AND (expires_at IS NULL OR expires_at > ?3) AND owner = ?5 ORDER BY id LIMIT ?4";
const SWEEP: &str = "DELETE FROM item WHERE number IN (SELECT number FROM item WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)";

/// What a list is of: a kind, perhaps an owner, from the one after that id, at most so many.
pub(super) struct Wanted<'a> {
    pub(super) kind: &'a str,
    pub(super) owner: Option<&'a str>,
    pub(super) after: &'a str,
    pub(super) most: usize,
    pub(super) now: Timestamp,
}

pub(super) fn items(connection: &Connection, sealer: &Sealer, wanted: &Wanted<'_>) -> Result<Vec<Versioned<Item>>, StoreError> {
    rows(connection, wanted)?.into_iter().map(|row| row.open(sealer)).collect()
}

/// The same, unopened.
pub(super) fn rows(connection: &Connection, wanted: &Wanted<'_>) -> Result<Vec<ItemRow>, StoreError> {
    let Wanted { kind, owner, after, most, now } = *wanted;
    let (now, most) = (now.as_unix(), limit(most));
    match owner {
        None => all(connection, ITEMS, (kind, after, now, most), ItemRow::read),
        Some(owner) => all(connection, ITEMS_OF, (kind, after, now, most, owner), ItemRow::read),
    }
}

/// How many items, and how many lines of the book.
pub(super) fn size(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let size = "SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM act)";
    connection.query_row(size, (), |row| Ok((counter(row, 0)?, counter(row, 1)?))).map_err(sql)
}

impl Write<'_> {
    pub(super) fn put_item(&self, kind: &str, item: &Item, expected: Expected) -> Result<Generation, StoreError> {
        let found = ItemRow::find(self.connection, kind, &item.id)?;
        let number = found.as_ref().map(|(number, _)| *number);
        let there = found.map(|(_, row)| row.open(&self.sealer)).transpose()?;
        let generation = next_generation(there.as_ref().map(|there| there.generation), expected)?;
        let row = ItemRow::seal(&self.sealer, kind, item, generation)?;
        let generation = signed(row.generation)?;
        match number.zip(there) {
            None => {
                let anew = "INSERT INTO item (kind, id, owner, expires_at, generation, record) VALUES (?, ?, ?, ?, ?, ?)";
                self.execute(anew, (row.kind, row.id, row.owner, row.expires_at, generation, row.record))?;
            }
            // Only the columns that change: the index of one that is named is written, too.
            Some((number, there)) if there.value.owner == item.owner && there.value.expires_at == item.expires_at => {
                let again = "UPDATE item SET generation = ?2, record = ?3 WHERE number = ?1";
                self.execute(again, (number, generation, row.record))?;
            }
            Some((number, _)) => {
                let again = "UPDATE item SET generation = ?2, record = ?3, owner = ?4, expires_at = ?5 WHERE number = ?1";
                self.execute(again, (number, generation, row.record, row.owner, row.expires_at))?;
            }
        }
        Ok(Generation(row.generation))
    }

    /// Does not open the row, so that a damaged one can be got rid of by its id.
    pub(super) fn remove_item(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM item WHERE kind = ? AND id = ?", (kind, id))? > 0)
    }

    /// In one transaction, which holds the only write lock: of any number of processes, one deletes the row and has it. Also one that has
    /// expired, which nobody may have any more.
    pub(super) fn take_item(&self, kind: &str, id: &str) -> Result<Option<Item>, StoreError> {
        let Some((number, row)) = ItemRow::find(self.connection, kind, id)? else { return Ok(None) };
        let item = row.open(&self.sealer)?.value;
        self.execute("DELETE FROM item WHERE number = ?", (number,))?;
        Ok(Some(item))
    }

    pub(super) fn sweep_items(&self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.execute(SWEEP, (now.as_unix(), limit(most)))
    }
}

impl ItemRow {
    /// With its number.
    fn find(connection: &Connection, kind: &str, id: &str) -> Result<Option<(i64, Self)>, StoreError> {
        one(connection, ONE, (kind, id), |row| Ok((row.get(0)?, Self::read_after(row, 1)?)))
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::read_after(row, 0)
    }

    /// From that column on.
    pub(super) fn read_after(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            kind: row.get(at)?,
            id: row.get(at + 1)?,
            owner: row.get(at + 2)?,
            expires_at: row.get(at + 3)?,
            generation: counter(row, at + 4)?,
            record: row.get(at + 5)?,
        })
    }

    /// Into a vault that is being filled.
    pub(super) fn insert(self, write: &Connection) -> Result<(), StoreError> {
        let put = "INSERT INTO item (kind, id, owner, expires_at, generation, record) VALUES (?, ?, ?, ?, ?, ?)";
        let generation = signed(self.generation)?;
        let row = (self.kind, self.id, self.owner, self.expires_at, generation, self.record);
        write.prepare_cached(put).and_then(|mut put| put.execute(row)).map(drop).map_err(sql)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{acts, database};
    use super::*;
    use crate::{KeySource, Vault};

    /// Whatever is there beside it: no statement looks at more rows than it gives.
    #[test]
    fn a_million_items_and_lines_slow_nothing_down() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("keyfob").join("vault.db");
        drop(Vault::open(&path, KeySource::beside(&path)).expect("makes a vault"));
        let connection = database::connect(&path).expect("connects");
        for (statement, expected) in [
            (ONE, "SEARCH item USING INDEX sqlite_autoindex_item_1 (kind=? AND id=?)"),
            (ITEMS, "SEARCH item USING INDEX sqlite_autoindex_item_1 (kind=? AND id>?)"),
            (ITEMS_OF, "SEARCH item USING INDEX item_owner (kind=? AND owner=? AND id>?)"),
            (SWEEP, "SEARCH item USING COVERING INDEX item_expires (expires_at<?)"),
            (acts::ACTS, "SEARCH act USING INTEGER PRIMARY KEY (rowid<?)"),
            (acts::ACTS_OF, "SEARCH act USING INDEX act_owner (owner=? AND number<?)"),
            (acts::NEWEST, "SEARCH act"),
            (acts::SWEEP, "SEARCH act USING COVERING INDEX act_done (done_at<?)"),
        ] {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).expect("prepares");
            let count = explain.parameter_count();
            let plan = explain.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3)).expect("explains");
            let plan: Vec<String> = plan.map(|line| line.expect("reads")).collect();
            assert!(plan.iter().any(|line| line == expected), "{statement}: {plan:?}");
            let costly = |line: &String| line.starts_with("SCAN") || line.contains("TEMP B-TREE");
            assert!(!plan.iter().any(costly), "{statement}: {plan:?}");
        }
    }
}
