//! A new process that opens the vault and reads one account: what the command does each time.

use std::path::{Path, PathBuf};
use std::process::Command;

use keyfob::Store;
use keyfob_store::{KeySource, Vault};
use rusqlite::{Connection, OpenFlags};

use super::fixture::Fixture;
use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};

pub(crate) fn measure(table: &mut Table, small: &Fixture, big: &Fixture) {
    for fixture in [small, big] {
        let path = fixture.path();
        let start = |how: &str, path: &Path| {
            let (time, status) = timed(|| {
                let this = std::env::current_exe().expect("this program");
                Command::new(this).args(["child", how]).arg(path).arg(Fixture::name(fixture.accounts / 2)).status()
            });
            assert!(status.expect("it starts").success());
            time / 1000.0
        };
        let (ours, limit) = beside(41, || start("vault", &path), || start("bare", &path));
        table.add(Row {
            work: format!("a new process opens the vault and reads one account of {}", fixture.accounts),
            limit_is: "opens SQLite, one SELECT".to_owned(),
            ours,
            limit: Some(limit),
            unit: "ms",
            goal: Goal::AtMost(5.0),
        });
    }
}

/// What such a process does.
pub(crate) fn child(words: &[&str]) {
    match words {
        ["vault", path, name] => {
            let path = PathBuf::from(path);
            let vault = Vault::open_existing(&path, KeySource::beside(&path)).expect("the vault opens");
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            assert!(runtime.block_on(vault.account(name)).expect("it reads").is_some());
        }
        ["bare", path, _] => {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("SQLite opens it");
            let record: Vec<u8> = connection
                .query_row("SELECT record FROM account WHERE number = (SELECT max(number) / 2 FROM account)", (), |row| row.get(0))
                .expect("it reads");
            assert!(!record.is_empty());
        }
        other => panic!("{other:?}"),
    }
}
