//! Reading one account of many.

use keyfob::{Account, Store};

use super::fixture::{Fixture, account};
use crate::measure::{Numbers, beside, timed};
use crate::table::{Goal, Row, Table};

const TIMES: u32 = 40;

pub(crate) fn measure(table: &mut Table, small: &Fixture, big: &Fixture) {
    let few = one(table, small, Goal::Told);
    let many = one(table, big, Goal::Ratio(1.4));
    parsing(table);
    table.add(Row {
        work: format!("a sealed read, {} accounts", big.accounts),
        limit_is: format!("of {}", small.accounts),
        ours: many,
        limit: Some(few),
        unit: "µs",
        goal: Goal::Ratio(2.0),
    });
}

/// What a read would take without database and seal.
fn parsing(table: &mut Table) {
    let json = serde_json::to_vec(&account(0, None)).expect("it is made to be stored");
    let mut owned = String::new();
    let ours = || {
        let (time, ()) = timed(|| {
            for _ in 0..TIMES {
                let account: Account = serde_json::from_slice(&json).expect("an account");
                assert!(!account.name.is_empty());
            }
        });
        time / f64::from(TIMES)
    };
    let limit = || {
        let (time, ()) = timed(|| {
            for _ in 0..TIMES {
                owned = serde_json::from_slice::<Borrowed<'_>>(&json).expect("its name").name.to_owned();
            }
        });
        time / f64::from(TIMES)
    };
    let (ours, limit) = beside(4000, ours, limit);
    table.add(Row {
        work: "within that: the account from its JSON".to_owned(),
        limit_is: "one member of it".to_owned(),
        ours,
        limit: Some(limit),
        unit: "µs",
        goal: Goal::Told,
    });
}

#[derive(serde::Deserialize)]
struct Borrowed<'a> {
    name: &'a str,
}

fn one(table: &mut Table, fixture: &Fixture, goal: Goal) -> f64 {
    let vault = fixture.vault();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let bare = fixture.bare();
    let mut all = bare.prepare("SELECT name FROM account ORDER BY number").expect("it prepares");
    let names: Vec<Vec<u8>> = all.query_map((), |row| row.get(0)).and_then(Iterator::collect).expect("it reads");
    let mut select = bare.prepare("SELECT number, id, name, generation, due_at, record FROM account WHERE name = ?").expect("it prepares");
    let (mut for_ours, mut for_bare) = (Numbers::new(1), Numbers::new(2));
    let ours = || {
        runtime.block_on(async {
            let texts: Vec<String> = (0..TIMES).map(|_| Fixture::name(for_ours.below(fixture.accounts))).collect();
            let mut bytes = 0;
            let (time, ()) = {
                let begun = std::time::Instant::now();
                for name in &texts {
                    bytes += vault.account(name).await.expect("it reads").expect("it is there").value.name.len();
                }
                (begun.elapsed().as_secs_f64() * 1e6, ())
            };
            assert!(bytes > 0);
            time / f64::from(TIMES)
        })
    };
    let limit = || {
        let keys: Vec<&Vec<u8>> = (0..TIMES).map(|_| &names[for_bare.below(names.len())]).collect();
        let (time, bytes) = timed(|| {
            let mut bytes = 0;
            for name in keys {
                let row = select.query_row((name,), |row| {
                    let clear = (row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?);
                    Ok((clear, row.get::<_, i64>(3)?, row.get::<_, Option<i64>>(4)?, row.get::<_, Vec<u8>>(5)?))
                });
                bytes += row.expect("it reads").3.len();
            }
            bytes
        });
        assert!(bytes > 0);
        time / f64::from(TIMES)
    };
    let (ours, limit) = beside(4000, ours, limit);
    table.add(Row {
        work: format!("a sealed read of one of {} accounts", fixture.accounts),
        limit_is: "bare prepared SELECT of the same row".to_owned(),
        ours,
        limit: Some(limit),
        unit: "µs",
        goal,
    });
    ours
}
