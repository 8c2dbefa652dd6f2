//! What an account takes on the disk.

use super::fixture::Fixture;
use crate::table::{Goal, Row, Table};

pub(crate) fn measure(table: &mut Table, fixture: &Fixture) {
    // The last to close it moves the log into the file.
    drop(fixture.vault());
    let sealed: i64 = fixture.bare().query_row("SELECT sum(length(record)) FROM account", (), |row| row.get(0)).expect("it is counted");
    let length = std::fs::metadata(fixture.path()).expect("it is there").len();
    #[allow(clippy::cast_precision_loss, reason = "a file is not so long")]
    let each = |bytes: f64| bytes / fixture.accounts as f64;
    #[allow(clippy::cast_precision_loss, reason = "a file is not so long")]
    let (ours, limit) = (each(length as f64), each(sealed as f64));
    table.add(Row {
        work: format!("disk per account, of {}", fixture.accounts),
        limit_is: "its sealed bytes".to_owned(),
        ours,
        limit: Some(limit),
        unit: "bytes",
        goal: Goal::Ratio(1.5),
    });
}
