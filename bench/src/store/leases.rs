//! Finding and leasing what is due.

use keyfob::Store;
use keyfob::proto::Timestamp;

use super::fixture::{Fixture, account};
use crate::measure::{median, timed};
use crate::table::{Goal, Row, Table};

const MOST: usize = 10_000;

pub(crate) fn measure(table: &mut Table, fixture: &Fixture) {
    let vault = fixture.vault();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let soon = account(0, None).due_at().expect("it can be due").plus(300);
    let bare = fixture.bare();
    let mut select = bare
        .prepare("SELECT number, record FROM due JOIN account ON number = due.account WHERE at <= ? ORDER BY at LIMIT ?")
        .expect("it prepares");
    let mut times = (Vec::new(), Vec::new());
    for round in 0..5 {
        // Each time the leases of the last have ended.
        let now = Timestamp::from_unix(soon.as_unix() + round * 61);
        let (time, leased) = timed(|| runtime.block_on(vault.lease_due(now, now.plus(60), MOST)).expect("leases"));
        times.0.push(time / 1000.0);
        let (time, found) = timed(|| {
            let rows = select.query_map((now.as_unix(), i64::try_from(MOST).unwrap_or_default()), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            });
            rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).expect("it reads").len()
        });
        assert_eq!((leased.len(), found), (MOST.min(leased.len()), leased.len()));
        times.1.push(time / 1000.0);
    }
    table.add(Row {
        work: format!("{MOST} due accounts of {} found, leased and opened", fixture.accounts),
        limit_is: "bare SELECT of their records".to_owned(),
        ours: median(&times.0),
        limit: Some(median(&times.1)),
        unit: "ms",
        goal: Goal::Told,
    });
}
