//! The sealed vault in SQLite.

mod disk;
mod fixture;
mod leases;
pub(crate) mod opening;
mod passphrase;
mod reads;
mod sealing;
mod writes;

use fixture::Fixture;

use crate::table::Table;

/// Every row, or those of one part, on a vault of so many accounts.
pub(crate) fn run(accounts: usize, part: Option<&str>) -> Table {
    let wants = |name: &str| part.is_none_or(|part| part == name);
    let mut table = Table::default();
    if wants("sealing") {
        sealing::measure(&mut table);
    }
    if wants("passphrase") {
        passphrase::measure(&mut table);
    }
    if part == Some("sealing") || part == Some("passphrase") {
        return table;
    }
    let small = Fixture::prepare(10_000);
    let big = Fixture::prepare(accounts);
    if wants("disk") {
        disk::measure(&mut table, &big);
    }
    if wants("opening") {
        opening::measure(&mut table, &small, &big);
    }
    if wants("reads") {
        reads::measure(&mut table, &small, &big);
    }
    if wants("leases") {
        leases::measure(&mut table, &big);
    }
    if wants("writes") {
        writes::measure(&mut table, &big);
    }
    table
}
