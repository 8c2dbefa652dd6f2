//! Durable writes: one after the other, and many at once.

use std::collections::HashMap;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use keyfob::store::{Expected, Generation};
use keyfob::{Account, Store};
use keyfob_store::Vault;
use tokio::runtime::Runtime;

use super::fixture::{Fixture, account};
use crate::measure::{Numbers, beside, median, quantile, timed};
use crate::table::{Goal, Row, Table};

const TIMES: usize = 100;

pub(crate) fn measure(table: &mut Table, fixture: &Fixture) {
    one_by_one(table, fixture);
    together(table, fixture);
}

/// Refreshes of any account at some three hundred a second, which is what a million tokens of one hour need. As they come, so do their next due
/// moments, from one run to the next: nobody's tokens came before those that he had.
struct Refreshes<'a> {
    numbers: Numbers,
    fixture: &'a Fixture,
    done: i64,
}

impl<'a> Refreshes<'a> {
    fn new(seed: u64, fixture: &'a Fixture) -> Self {
        let done = std::fs::read_to_string(Self::file(fixture)).map_or(3600 * 300, |done| done.trim().parse().expect("a number"));
        Self { numbers: Numbers::new(seed), fixture, done }
    }

    fn next(&mut self) -> Account {
        let number = self.numbers.below(self.fixture.accounts);
        self.of(number)
    }

    fn of(&mut self, number: usize) -> Account {
        self.done += 1;
        account(number, Some(self.done / 300))
    }

    /// Beside the vault, and as long there as that.
    fn file(fixture: &Fixture) -> PathBuf {
        fixture.folder.join("vault").join("refreshed")
    }
}

impl Drop for Refreshes<'_> {
    fn drop(&mut self) {
        std::fs::write(Self::file(self.fixture), self.done.to_string()).expect("it can be written");
    }
}

fn one_by_one(table: &mut Table, fixture: &Fixture) {
    let vault = fixture.vault();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let plain = fixture.plain();
    let (mut for_ours, mut for_plain, mut for_pages) = (Refreshes::new(3, fixture), Numbers::new(4), Numbers::new(8));
    let mut all = [const { Vec::new() }; 4];
    let [all_ours, all_plain, all_pages, all_disk] = &mut all;
    let ours = || {
        each(all_ours, |_| {
            let account = for_ours.next();
            // Whoever refreshes writes over what they have read before.
            let known = known(&runtime, &vault, &account);
            let (time, written) = timed(|| runtime.block_on(vault.put_account(&account, Expected::Generation(known), None)));
            written.expect("it is written");
            time
        })
    };
    let limit = || {
        each(all_plain, |_| {
            let (key, record) = (key(for_plain.below(fixture.accounts)), Fixture::record());
            let upsert = "INSERT INTO plain VALUES (?1, 0, ?2) ON CONFLICT (number) DO UPDATE SET record = ?2";
            let (time, written) = timed(|| plain.prepare_cached(upsert).and_then(|mut upsert| upsert.execute((key, record))));
            written.expect("it is written");
            time
        })
    };
    let (ours, limit) = beside(100, ours, limit);
    let mut due_at = 1_800_010_000;
    let pages = || {
        each(all_pages, |number| {
            due_at += i64::from(number % 64 == 0);
            let (key, record) = (key(for_pages.below(fixture.accounts)), Fixture::record());
            let upsert = "INSERT INTO plain VALUES (?1, ?2, ?3) ON CONFLICT (number) DO UPDATE SET due_at = ?2, record = ?3";
            let (time, written) = timed(|| plain.prepare_cached(upsert).and_then(|mut upsert| upsert.execute((key, due_at, record))));
            written.expect("it is written");
            time
        })
    };
    let disk = std::fs::File::create(fixture.folder.join("disk")).expect("a file");
    let write = |number: usize| {
        let at = (number % TIMES * 4096) as u64;
        let record: Vec<u8> = Fixture::record().into_iter().cycle().take(4096).collect();
        let (time, written) = timed(|| disk.write_all_at(&record, at).and_then(|()| disk.sync_all()));
        written.expect("it is written");
        time
    };
    let (pages, disk) = beside(100, pages, || each(all_disk, write));
    let work = format!("a durable sealed write, of {} accounts", fixture.accounts);
    for (limit_is, limit, goal) in [
        ("bare upsert, WAL, synchronous=FULL", limit, Goal::Ratio(1.2)),
        ("bare upsert that moves a due moment, too: as many pages", pages, Goal::Told),
        ("a page written over and synced, nothing else", disk, Goal::Told),
    ] {
        table.add(Row { work: work.clone(), limit_is: limit_is.to_owned(), ours, limit: Some(limit), unit: "µs", goal });
    }
    let [all_ours, all_plain, _, all_disk] = &all;
    for (what, part) in [("99 of 100", 0.99), ("the longest", 1.0)] {
        for (limit_is, limit, goal) in [
            ("the same of bare upserts, which make their own checkpoints", all_plain, Goal::AtMost(10.0)),
            ("the same of pages written over and synced, without any checkpoint", all_disk, Goal::Told),
        ] {
            table.add(Row {
                work: format!("{what} of {} durable writes, checkpoints included", all_ours.len()),
                limit_is: limit_is.to_owned(),
                ours: quantile(all_ours, part) / 1000.0,
                limit: Some(quantile(limit, part) / 1000.0),
                unit: "ms",
                goal: if part < 1.0 { Goal::Told } else { goal },
            });
        }
    }
}

/// A turn: so many of them, each told, and the middle.
fn each(all: &mut Vec<f64>, work: impl FnMut(usize) -> f64) -> f64 {
    let times: Vec<f64> = (0..TIMES).map(work).collect();
    all.extend_from_slice(&times);
    median(&times)
}

fn key(number: usize) -> i64 {
    i64::try_from(number).unwrap_or_default()
}

fn known(runtime: &Runtime, vault: &Vault, account: &Account) -> Generation {
    runtime.block_on(vault.account(&account.name)).expect("it reads").expect("it is there").generation
}

fn together(table: &mut Table, fixture: &Fixture) {
    const WRITES: usize = 100_000;
    const WRITERS: usize = 256;
    let vault = Arc::new(fixture.vault());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut refreshes, mut numbers) = (Refreshes::new(5, fixture), Numbers::new(6));
    let log = fixture.path().with_extension("db-wal");
    let mut longest = 0;
    let mut rates = Vec::new();
    for _ in 0..3 {
        // Each has accounts of its own, and knows what it writes over.
        let each = fixture.accounts / WRITERS;
        let mut own = |writer: usize| refreshes.of(numbers.below(each) * WRITERS + writer);
        let accounts: Vec<Vec<Account>> = (0..WRITERS).map(|writer| (0..WRITES / WRITERS).map(|_| own(writer)).collect()).collect();
        let seen = |accounts: Vec<Account>| {
            let seen = accounts.iter().map(|account| (account.name.clone(), known(&runtime, &vault, account))).collect();
            (accounts, seen)
        };
        let accounts: Vec<(Vec<Account>, HashMap<String, Generation>)> = accounts.into_iter().map(seen).collect();
        let begun = Instant::now();
        runtime.block_on(async {
            let writers: Vec<_> = accounts
                .into_iter()
                .map(|(mine, mut seen)| {
                    let vault = Arc::clone(&vault);
                    tokio::spawn(async move {
                        for account in &mine {
                            let expected = Expected::Generation(seen[&account.name]);
                            let written = vault.put_account(account, expected, None).await.expect("it is written");
                            seen.insert(account.name.clone(), written);
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.await.expect("it ends");
            }
        });
        #[allow(clippy::cast_precision_loss, reason = "not so many")]
        rates.push((WRITES / WRITERS * WRITERS) as f64 / begun.elapsed().as_secs_f64());
        longest = longest.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
    }
    let plain = fixture.plain();
    let bare: Vec<f64> = (0..3)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..WRITES / WRITERS {
                plain.execute_batch("BEGIN IMMEDIATE").expect("it begins");
                for _ in 0..WRITERS {
                    let put = "INSERT INTO plain VALUES (?1, 0, ?2) ON CONFLICT (number) DO UPDATE SET record = ?2";
                    let (key, record) = (key(numbers.below(fixture.accounts)), Fixture::record());
                    plain.prepare_cached(put).and_then(|mut put| put.execute((key, record))).expect("it is written");
                }
                plain.execute_batch("COMMIT").expect("it is written");
            }
            #[allow(clippy::cast_precision_loss, reason = "not so many")]
            let rows = (WRITES / WRITERS * WRITERS) as f64;
            rows / begun.elapsed().as_secs_f64()
        })
        .collect();
    table.add(Row {
        work: format!("durable sealed writes of {WRITERS} waiting writers, {} accounts", fixture.accounts),
        limit_is: format!("bare upserts, {WRITERS} in a transaction"),
        ours: median(&rates),
        limit: Some(median(&bare)),
        unit: "rows/s",
        goal: Goal::AtLeast(30_000.0),
    });
    #[allow(clippy::cast_precision_loss, reason = "a file is not so long")]
    let longest = longest as f64 / 1e6;
    table.add(Row {
        work: format!("the log after {WRITES} writes without a pause"),
        limit_is: String::new(),
        ours: longest,
        limit: None,
        unit: "MB",
        goal: Goal::Told,
    });
}
