//! The header, of which every bit counts before any key is tried: damage must not look like a wrong key.

use std::fs;

use keyfob::StoreError;
use keyfob_store::{KeySource, Vault};

use crate::common::{Home, error};
use crate::knife::filled;

/// Opening says that the header is damaged, and changes nothing.
#[track_caller]
fn assert_damaged(home: &Home, what: &str) {
    let key = fs::read(home.key()).expect("reads");
    let refused = error(Vault::open_existing(&home.vault(), KeySource::beside(&home.vault())));
    assert!(matches!(&refused, StoreError::Corrupt(why) if why.contains("its header")), "{what}: {refused:?}");
    assert!(fs::read(home.key()).expect("reads") == key, "{what}: the key was changed");
}

#[test]
fn j8_every_bit_and_length_of_the_header_counts() {
    let (home, vault, sql) = filled();
    drop(vault);
    for (column, length) in [("vault", 16), ("data_key", 77), ("checksum", 32)] {
        let good: Vec<u8> = sql.query_row(&format!("SELECT {column} FROM header"), (), |row| row.get(0)).expect("reads");
        assert_eq!(good.len(), length, "{column}");
        let mut put = sql.prepare(&format!("UPDATE header SET {column} = ?")).expect("prepares");
        let mut put = |value: &[u8]| assert_eq!(put.execute([value]).expect("edits"), 1);
        for bit in 0..length * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            put(&bad);
            assert_damaged(&home, &format!("{column}, bit {bit}"));
        }
        for short in 0..length {
            put(&good[..short]);
            assert_damaged(&home, &format!("{column}, {short} of {length} bytes"));
        }
        put(&[good.as_slice(), &[0]].concat());
        assert_damaged(&home, &format!("{column}, a byte more"));
        put(&good);
        home.open();
    }
}

#[test]
fn j8_no_other_cipher_format_or_generation_is_believed() {
    let (home, vault, sql) = filled();
    drop((vault, sql));
    let good = fs::read(home.vault()).expect("reads");
    let edits = [
        "format = 2",
        "format = 0",
        "generation = 2",
        "generation = -1",
        "cipher = 'AES-256-GCM'",
        "cipher = ''",
        "kdf = 'keyring'",
        "kdf = '$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw'",
    ];
    for change in edits {
        home.sql().execute(&format!("UPDATE header SET {change}"), ()).expect("edits");
        let bent = fs::read(home.vault()).expect("reads");
        assert_damaged(&home, change);
        assert!(fs::read(home.vault()).expect("reads") == bent, "{change}: a byte was changed");
        fs::write(home.vault(), &good).expect("restores");
    }
    home.open();
    home.sql().execute("DELETE FROM header", ()).expect("edits");
    assert_damaged(&home, "none");
}

#[test]
fn j8_another_vaults_data_key_is_refused_even_under_the_same_key() {
    let (home, vault, sql) = filled();
    drop(vault);
    let other = Home::new();
    fs::create_dir(other.folder()).expect("a folder");
    fs::copy(home.key(), other.key()).expect("copies");
    drop(other.open());
    let theirs: Vec<u8> = other.sql().query_row("SELECT data_key FROM header", (), |row| row.get(0)).expect("reads");
    sql.execute("UPDATE header SET data_key = ?", (theirs,)).expect("edits");
    assert_damaged(&home, "another's");
}
