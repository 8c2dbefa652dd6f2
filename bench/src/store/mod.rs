//! The sealed vault in SQLite.

mod disk;
mod fixture;
mod leases;
pub(crate) mod opening;
mod reads;
mod sealing;
mod writes;

use fixture::Fixture;

use crate::table::Table;

/// Every row, on a vault of so many accounts.
pub(crate) fn run(accounts: usize) -> Table {
    let mut table = Table::default();
    sealing::measure(&mut table);
    let small = Fixture::prepare(10_000);
    let big = Fixture::prepare(accounts);
    disk::measure(&mut table, &big);
    opening::measure(&mut table, &small, &big);
    reads::measure(&mut table, &small, &big);
    leases::measure(&mut table, &big);
    writes::measure(&mut table, &big);
    table
}
