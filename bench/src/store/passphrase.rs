//! What a passphrase costs each time the vault is opened with one: why there is an agent. Every other figure is of a vault with a key file.

use argon2::{Algorithm, Argon2, Params, Version};
use keyfob::proto::Secret;
use keyfob_store::{KeySource, Vault};

use super::fixture::Fixture;
use crate::measure::{beside, timed};
use crate::table::{Goal, Row, Table};

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

pub(crate) fn measure(table: &mut Table) {
    let folder = Fixture::folder("passphrase");
    drop(std::fs::remove_dir_all(&folder));
    let path = folder.join(Vault::FILE_NAME);
    let source = || KeySource::Passphrase(Secret::from("correct horse battery staple"));
    drop(Vault::open(&path, source()).expect("it is made"));
    let ours = || {
        let (time, vault) = timed(|| Vault::open_existing(&path, source()));
        drop(vault.expect("it opens"));
        time / 1000.0
    };
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("they are in bounds");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let limit = || {
        let mut key = [0; 32];
        let (time, made) = timed(|| argon2.hash_password_into(b"correct horse battery staple", &[7; 16], &mut key));
        made.expect("it makes a key");
        time / 1000.0
    };
    let (ours, limit) = beside(9, ours, limit);
    table.add(Row {
        work: "a vault opened with a passphrase".to_owned(),
        limit_is: format!("Argon2id alone, {} MiB, {PASSES} passes", MEMORY_KIB / 1024),
        ours,
        limit: Some(limit),
        unit: "ms",
        goal: Goal::Told,
    });
}
