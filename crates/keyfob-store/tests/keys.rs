//! Where the key comes from, and what happens when it does not.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{Home, app, assert_same, error, oauth2_account, wait};
use keyfob::proto::Secret;
use keyfob::store::Expected;
use keyfob::{Store, StoreError};
use keyfob_store::agent::Agent;
use keyfob_store::{KeySource, SealedWith, Vault};

const PASSPHRASE: &str = "canary horse battery staple";

fn passphrase(text: &str) -> KeySource {
    KeySource::Passphrase(Secret::new(text))
}

fn usual(home: &Home) -> KeySource {
    KeySource::Usual { file: home.key(), agent: Agent::in_folder(&home.folder().join("run")) }
}

fn filled(source: KeySource) -> Home {
    let home = Home::new();
    let vault = Vault::open(&home.vault(), source).expect("makes a vault");
    wait(vault.put_app("example", &app())).expect("puts");
    wait(vault.put_account(&oauth2_account("home"), Expected::Nothing, None)).expect("puts");
    home
}

#[test]
fn j9_a_passphrase_opens_its_vault_and_makes_no_key_file() {
    let home = filled(passphrase(PASSPHRASE));
    assert!(!home.key().exists());
    let vault = Vault::open_existing(&home.vault(), passphrase(&format!("{PASSPHRASE}\n"))).expect("opens");
    assert_same(&wait(vault.app("example")).expect("reads").expect("it is there"), &app());
    let seen = Vault::inspect(&home.vault()).expect("looks");
    assert_eq!((seen.sealed_with, seen.generation), (SealedWith::Passphrase, 1));
}

#[test]
fn j6_a_passphrase_that_is_wrong_or_missing_is_not_the_same() {
    let home = filled(passphrase(PASSPHRASE));
    let before = fs::read(home.vault()).expect("reads");
    let opened = |source| error(Vault::open_existing(&home.vault(), source));
    assert!(matches!(opened(passphrase("canary horse")), StoreError::WrongKey(_)));
    assert!(matches!(opened(passphrase("")), StoreError::Locked(_)));
    for source in [usual(&home), KeySource::beside(&home.vault()), KeySource::Keyring { otherwise: home.key() }] {
        let error = opened(source);
        assert!(matches!(&error, StoreError::Locked(why) if why.contains("passphrase")), "{error:?}");
    }
    let key = Secret::new("01".repeat(32));
    fs::write(home.root().join("given"), key.expose()).expect("writes");
    for source in [KeySource::Text(key), KeySource::Provided(home.root().join("given"))] {
        let error = opened(source);
        assert!(matches!(&error, StoreError::WrongKey(why) if why.contains("passphrase")), "{error:?}");
    }
    assert!(!home.key().exists(), "and no key is made");
    assert!(fs::read(home.vault()).expect("reads") == before, "a byte was changed");
    let with_key = filled(usual(&home));
    assert!(matches!(error(Vault::open_existing(&with_key.vault(), passphrase(PASSPHRASE))), StoreError::WrongKey(_)));
}

#[test]
fn the_usual_source_is_the_key_file_where_nothing_else_was_chosen() {
    let home = Home::new();
    let vault = Vault::open(&home.vault(), usual(&home)).expect("makes a vault");
    if Vault::inspect(&home.vault()).expect("looks").sealed_with == SealedWith::Keyring {
        // This desktop has one: then no key lies about, and a rekey takes another from there.
        assert!(cfg!(feature = "keyring") && vault.key_made().is_none() && vault.warnings().is_empty() && !home.key().exists());
        wait(vault.rekey(&usual(&home))).expect("seals anew");
        drop(vault);
        Vault::open_existing(&home.vault(), usual(&home)).expect("opens");
        return;
    }
    assert_eq!(vault.key_made(), Some(home.key().as_path()));
    // Where one was looked for and not found, it is told.
    assert_eq!(vault.warnings().len(), usize::from(cfg!(feature = "keyring")), "{:?}", vault.warnings());
    drop(vault);
    Vault::open_existing(&home.vault(), KeySource::File(home.key())).expect("opens");
    Vault::open_existing(&home.vault(), usual(&home)).expect("opens");
}

#[test]
fn two_vaults_of_one_folder_have_two_keys() {
    let file = |vault: &str| KeySource::file_beside(&PathBuf::from(vault)).display().to_string();
    assert_eq!(file("/data/vault.db"), "/data/vault.key");
    assert_eq!(file("/data/other.db"), "/data/other.key");
    assert_eq!(file("/data/vault"), "/data/vault-key");
    assert_eq!(file("/data/vault.db.old"), "/data/vault.db.old-key");
    assert_eq!(file("/data/vault.key"), "/data/vault.key-key");
}

#[test]
fn j9_the_header_cannot_be_bent() {
    for (kdf, is_it) in [
        // Without the seal's own check the vault would open with less work, or with none.
        ("NULL", (|error: &StoreError| matches!(error, StoreError::Corrupt(_))) as fn(&StoreError) -> bool),
        ("'$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgcICQoLDA0ODw'", |error| matches!(error, StoreError::Corrupt(_))),
        ("'keyring'", |error| matches!(error, StoreError::Corrupt(_))),
    ] {
        let home = filled(passphrase(PASSPHRASE));
        home.sql().execute(&format!("UPDATE header SET kdf = {kdf}"), ()).expect("edits");
        let error = error(Vault::open_existing(&home.vault(), passphrase(PASSPHRASE)));
        assert!(is_it(&error), "{kdf}: {error:?}");
        assert!(matches!(Vault::inspect(&home.vault()), Err(StoreError::Corrupt(_))));
    }
}

/// The same by somebody who also makes the checksum fit: it is bound into the seal, and bounds come before work.
#[test]
fn j9_nor_with_a_checksum_that_fits() {
    for (kdf, expected) in [
        (None, "WrongKey"),
        (Some("keyring"), "WrongKey"),
        (Some("$argon2id$v=19$m=65536,t=3,p=1$AAECAwQFBgcICQoLDA0ODw"), "WrongKey"),
        (Some("$argon2id$v=19$m=1073741824,t=3,p=1$AAECAwQFBgcICQoLDA0ODw"), "Unsafe"),
        (Some("$argon2id$v=19$m=1024,t=1,p=1$AAECAwQFBgcICQoLDA0ODw"), "Unsafe"),
        (Some("$scrypt$ln=15$AAECAwQFBgcICQoLDA0ODw"), "Newer"),
    ] {
        let home = filled(passphrase(PASSPHRASE));
        forge(&home, kdf);
        let error = error(Vault::open_existing(&home.vault(), passphrase(PASSPHRASE)));
        assert!(format!("{error:?}").starts_with(expected), "{kdf:?}: {error:?}");
    }
}

fn forge(home: &Home, kdf: Option<&str>) {
    let sql = home.sql();
    sql.execute("UPDATE header SET kdf = ?", (kdf,)).expect("edits");
    let fields: (i64, Vec<u8>, String, i64, Vec<u8>) = sql
        .query_row("SELECT format, vault, cipher, generation, data_key FROM header", (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .expect("reads");
    let (format, vault, cipher, generation, data_key) = fields;
    let fields: [&[u8]; 6] =
        [&format.to_be_bytes(), &vault, cipher.as_bytes(), &generation.to_be_bytes(), kdf.unwrap_or_default().as_bytes(), &data_key];
    let mut framed = Vec::new();
    for field in fields {
        framed.extend_from_slice(&(field.len() as u64).to_be_bytes());
        framed.extend_from_slice(field);
    }
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &framed);
    sql.execute("UPDATE header SET checksum = ?", (sum.as_ref(),)).expect("edits");
}

#[test]
fn j6_a_vault_is_set_aside_with_its_key_and_never_over_another() {
    let home = Home::new();
    drop(home.open());
    let content = fs::read(home.vault()).expect("reads");
    let aside = Vault::set_aside(&home.vault(), ".aside").expect("moves");
    assert_eq!(aside, home.folder().join("vault.db.aside"));
    assert!(!home.vault().exists() && !home.key().exists());
    assert!(fs::read(&aside).expect("reads") == content);
    Vault::open_existing(&aside, KeySource::beside(&aside)).expect("it opens where it is");
    assert!(matches!(Vault::set_aside(&home.vault(), ".aside"), Err(StoreError::Missing(_))));
    // A new one, broken too: the first is not written over.
    drop(home.open());
    fs::write(home.vault(), "broken").expect("writes");
    assert!(matches!(home.try_open(), Err(StoreError::Corrupt(_))));
    assert!(matches!(Vault::set_aside(&home.vault(), ".aside"), Err(StoreError::Io(..))));
    assert!(fs::read(&aside).expect("reads").len() >= content.len());
    assert_eq!(Vault::set_aside(&home.vault(), ".aside-2").expect("moves"), home.folder().join("vault.db.aside-2"));
    drop(home.open());
}

/// What a program left in the log that was killed is as much of the vault as the rest. Whatever stops the move stops it as a whole.
#[test]
fn j6_a_vault_that_cannot_be_set_aside_stays_with_its_log_and_its_key() {
    for taken in ["vault.db.aside", "vault.db.aside-wal", "vault.db.aside-key"] {
        let home = killed();
        fs::write(home.folder().join(taken), "mine").expect("writes");
        let refused = error(Vault::set_aside(&home.vault(), ".aside"));
        assert!(matches!(refused, StoreError::Io(..)), "{taken}: {refused:?}");
        assert_eq!(fs::read(home.folder().join(taken)).expect("reads"), b"mine");
        let names: Vec<_> = fs::read_dir(home.folder()).expect("lists").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names.iter().filter(|name| name.to_string_lossy().contains("aside")).count(), 1, "{names:?}");
        assert!(wait(home.open().app("last")).expect("reads").is_some(), "{taken}");
    }
}

/// Key and vault go before the log: what a kill leaves in the old place does not open, and says what to do. Done, it is all there.
#[test]
fn j6_a_vault_that_was_set_aside_by_half_is_refused_until_its_log_is_moved_along() {
    let home = killed();
    let (log, aside) = (home.folder().join("vault.db-wal"), home.folder().join("vault.db.aside"));
    fs::rename(home.key(), KeySource::file_beside(&aside)).expect("renames");
    fs::rename(home.vault(), &aside).expect("renames");
    let read_only = Vault::open_existing(&home.vault(), KeySource::beside(&home.vault()));
    for refused in [error(home.try_open()), error(read_only), error(Vault::set_aside(&home.vault(), ".again"))] {
        let StoreError::Corrupt(why) = &refused else { panic!("{refused:?}") };
        assert!(why.contains("vault.db-wal is there") && why.contains("the same name with -wal after it"), "{why}");
    }
    assert!(log.exists() && !home.key().exists() && !home.vault().exists(), "nothing was made");
    fs::rename(log, home.folder().join("vault.db.aside-wal")).expect("renames");
    let vault = Vault::open_existing(&aside, KeySource::beside(&aside)).expect("it opens where it is");
    assert!(wait(vault.app("last")).expect("reads").is_some());
}

/// A vault whose last write is in its log.
fn killed() -> Home {
    let home = Home::new();
    let vault = home.open();
    wait(vault.put_app("last", &app())).expect("puts");
    let log = home.folder().join("vault.db-wal");
    let (file, kept) = (fs::read(home.vault()).expect("reads"), fs::read(&log).expect("there is a log while it is open"));
    drop(vault);
    fs::write(home.vault(), file).expect("writes");
    fs::write(&log, kept).expect("writes");
    home
}
