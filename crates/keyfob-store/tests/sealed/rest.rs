//! What lies on the disk: nothing that can be read, nothing that was erased, no nonce twice.

use std::collections::HashSet;

use keyfob::Store;
use keyfob::store::{Expected, Generation};

use crate::common::{CANARIES, Home, app, oauth1_account, oauth1_pending, oauth2_account, oauth2_pending, wait};
use crate::knife::{NOW, filled, record};

#[test]
fn j9_no_nonce_twice_and_a_new_salt_at_each_opening() {
    let home = Home::new();
    let account = oauth2_account("home");
    let sql = {
        drop(home.open());
        home.sql()
    };
    let (mut salts, mut nonces) = (HashSet::new(), HashSet::new());
    for opening in 0..20 {
        let vault = home.open();
        for write in 0..20 {
            wait(vault.put_account(&account, Expected::Anything, None)).expect("puts");
            let record: Vec<u8> = sql.query_row("SELECT record FROM account", (), |row| row.get(0)).expect("reads");
            salts.insert(record[1..17].to_vec());
            assert!(nonces.insert(record[17..29].to_vec()), "opening {opening}, write {write}");
        }
    }
    assert_eq!(salts.len(), 20);
}

/// Sealed as it is, what was erased is not left in free pages for whoever finds the key later.
#[test]
fn what_is_erased_is_overwritten() {
    let (home, vault, sql) = filled();
    let gone = record(&sql);
    let login: Vec<u8> = sql.query_row("SELECT record FROM pending WHERE generation = 1", (), |row| row.get(0)).expect("reads");
    drop((vault, sql));
    let there = |bytes: &[u8]| contains(&std::fs::read(home.vault()).expect("reads"), &bytes[..64]);
    assert!(there(&gone) && there(&login));
    let vault = home.open();
    wait(vault.remove_account("one", None)).expect("removes");
    wait(vault.take_pending("state-one", "browser", NOW)).expect("takes");
    drop(vault);
    assert!(!there(&gone), "the account");
    assert!(!there(&login), "the login");
}

/// Everything that rests, in every spelling a byte has, in every file of the folder while the vault is open (the log is there then), and after.
#[test]
fn j10_nothing_that_rests_can_be_read() {
    let home = Home::new();
    let vault = home.open();
    let account = oauth2_account("canary-provider/canary-label");
    wait(async {
        vault.put_app("canary-provider", &app()).await?;
        vault.put_account(&account, Expected::Nothing, None).await?;
        vault.put_account(&account, Expected::Generation(Generation(1)), None).await?;
        vault.put_account(&oauth1_account("canary-provider/canary-label-2"), Expected::Nothing, None).await?;
        vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "canary-binding-c0ffee12").await?;
        vault.put_pending(&oauth1_pending("canary-temporary-token-6e5d"), "canary-binding-c0ffee12").await?;
        vault.take_pending("canary-temporary-token-6e5d", "canary-binding-c0ffee12", NOW).await.map(drop)
    })
    .expect("puts");
    let looked = search(&home);
    assert!(looked.iter().any(|name| name.ends_with("vault.db-wal")), "{looked:?}");
    drop(vault);
    let looked = search(&home);
    assert!(looked.iter().any(|name| name.ends_with("vault.db")), "{looked:?}");
    let vault = home.open();
    for (what, shown) in [("vault", format!("{vault:?}")), ("warnings", format!("{:?}", vault.warnings()))] {
        assert!(!CANARIES.iter().any(|canary| shown.contains(canary)), "{what}: {shown}");
    }
}

/// Looks through every file; says which.
#[track_caller]
fn search(home: &Home) -> Vec<String> {
    let key = std::fs::read(home.key()).expect("reads");
    let data_key = String::from_utf8(key).expect("base64").trim().to_owned();
    let mut looked = Vec::new();
    for entry in std::fs::read_dir(home.folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("reads");
        for canary in CANARIES {
            for (spelling, needle) in spellings(canary) {
                assert!(!contains(&bytes, &needle), "{canary} ({spelling}) is in {}", path.display());
            }
        }
        if path != home.key() {
            assert!(!contains(&bytes, data_key.as_bytes()), "the key is in {}", path.display());
        }
        looked.push(path.display().to_string());
    }
    looked
}

fn spellings(canary: &str) -> Vec<(&'static str, Vec<u8>)> {
    let base64 = |skip: usize| {
        // Inside a longer text base64 has three alignments; the characters at the ends depend on the neighbours.
        let text = keyfob::proto::encode::base64(&canary.as_bytes()[skip..]);
        text.trim_end_matches('=').as_bytes()[..text.len() - 6].to_vec()
    };
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("raw", canary.as_bytes().to_vec()),
        ("base64", base64(0)),
        ("base64, second", base64(1)),
        ("base64, third", base64(2)),
        ("hex", hex.clone().into_bytes()),
        ("HEX", hex.to_uppercase().into_bytes()),
        ("UTF-16", canary.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ]
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_search_finds_what_is_there() {
    for (spelling, needle) in spellings("canary-state-e3c0d1f2") {
        for before in 0..3 {
            let text = [b"xyz"[..before].to_vec(), b"canary-state-e3c0d1f2".to_vec(), b"tail".to_vec()].concat();
            let encoded = keyfob::proto::encode::base64(&text).into_bytes();
            let found = contains(&encoded, &needle);
            let expected = matches!((spelling, before), ("base64", 0) | ("base64, second", 2) | ("base64, third", 1));
            assert_eq!(found, expected, "{spelling} after {before}");
        }
    }
}
