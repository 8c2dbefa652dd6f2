//! Files that are not as they must be: others can read them, they are links, they belong to somebody else.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use common::{Home, app, error, wait};
use keyfob::{Store, StoreError};
use keyfob_store::{KeySource, Vault};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").mode() & 0o7777
}

#[track_caller]
fn assert_unsafe(result: Result<Vault, StoreError>, says: &str) {
    match error(result) {
        StoreError::Unsafe(what) => assert!(what.contains(says), "{what}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn j1_a_vault_that_others_can_read_is_closed_with_a_warning() {
    let home = Home::new();
    drop(home.open());
    for wrong in [0o644, 0o660, 0o606, 0o666] {
        chmod(&home.vault(), wrong);
        let vault = home.open();
        assert_eq!(mode(&home.vault()), 0o600);
        assert!(matches!(vault.warnings(), [warning] if warning.contains("vault.db")), "{:?}", vault.warnings());
    }
    assert!(home.open().warnings().is_empty());
}

#[test]
fn j1_a_log_that_others_can_read_is_closed_with_a_warning() {
    let home = Home::new();
    let first = home.open();
    wait(first.put_app("example", &app())).expect("puts");
    for name in ["vault.db-wal", "vault.db-shm"] {
        let path = home.folder().join(name);
        chmod(&path, 0o644);
        let vault = home.open();
        assert_eq!(mode(&path), 0o600);
        assert!(matches!(vault.warnings(), [warning] if warning.contains(name)), "{:?}", vault.warnings());
    }
}

#[test]
fn j1_a_key_that_others_can_read_is_refused() {
    let home = Home::new();
    drop(home.open());
    for wrong in [0o644, 0o640, 0o604, 0o602] {
        chmod(&home.key(), wrong);
        assert_unsafe(home.try_open(), "vault.key");
        assert_eq!(mode(&home.key()), wrong, "left as it was, to be seen");
    }
    chmod(&home.key(), 0o400);
    home.open();
}

#[test]
fn j1_a_folder_that_others_can_write_is_refused() {
    let home = Home::new();
    drop(home.open());
    for wrong in [0o770, 0o702, 0o1777] {
        chmod(&home.folder(), wrong);
        assert_unsafe(home.try_open(), "others can write in the folder");
    }
    // Others may look: the files are closed.
    chmod(&home.folder(), 0o755);
    home.open();
}

#[test]
fn j1_a_key_in_a_folder_that_others_can_write_is_refused() {
    let home = Home::new();
    let open = home.root().join("open");
    fs::create_dir(&open).expect("a folder");
    chmod(&open, 0o777);
    assert_unsafe(Vault::open(&home.vault(), KeySource::File(open.join("vault.key"))), "folder");
    assert_eq!(fs::read_dir(&open).expect("a folder").count(), 0);
    assert!(!home.vault().exists());
}

#[test]
fn j1_what_belongs_to_another_user_is_refused() {
    let home = Home::new();
    let mine = home.root().join("mine");
    fs::write(&mine, "").expect("writes");
    if std::os::unix::fs::chown(&mine, Some(65534), None).is_err() {
        // Only root can give a file away, where there is somebody else; but root's own files are there for others.
        assert_unsafe(Vault::open(&home.vault(), KeySource::File("/etc/passwd".into())), "/etc");
        return;
    }
    drop(home.open());
    for name in ["vault.db", "vault.key", "vault.db.lock", "vault.db-wal"] {
        let path = home.folder().join(name);
        if !path.exists() {
            fs::write(&path, "").expect("writes");
        }
        std::os::unix::fs::chown(&path, Some(65534), None).expect("chown");
        assert_unsafe(home.try_open(), "another user");
        std::os::unix::fs::chown(&path, Some(0), None).expect("chown");
        home.open();
    }
    // That it is another's is the reason, and not that others could write in it.
    std::os::unix::fs::chown(home.folder(), Some(65534), None).expect("chown");
    assert_unsafe(home.try_open(), "belongs to another user (uid 65534; this runs as uid 0)");
}

#[test]
fn j2_links_are_refused_at_every_path() {
    for name in ["vault.db", "vault.key", "vault.db.lock", "vault.db-wal", "vault.db-shm", "vault.db-journal"] {
        for target in ["there", "not-there"] {
            let home = Home::new();
            drop(home.open());
            let (path, target) = (home.folder().join(name), home.root().join(target));
            if target.ends_with("there") {
                // A good file of ours: the link alone is what is wrong.
                fs::rename(&path, &target).or_else(|_| fs::write(&target, "")).expect("moves");
            } else {
                drop(fs::remove_file(&path));
            }
            symlink(&target, &path).expect("links");
            let before = fs::read(&target).ok();
            assert_unsafe(home.try_open(), "is a link");
            assert_eq!(fs::read(&target).ok(), before, "nothing was written through {name}");
        }
    }
}

/// Its folder is made when the first account is held.
#[test]
fn j2_a_link_where_the_rights_are_held_is_refused() {
    let id = keyfob::AccountId::random();
    for target in ["there", "not-there"] {
        let home = Home::new();
        let vault = home.open();
        let target = home.root().join(target);
        if target.ends_with("there") {
            fs::create_dir(&target).expect("a folder of ours");
        }
        let place = home.folder().join("vault.db.holds");
        symlink(&target, &place).expect("links");
        match wait(vault.try_hold(&id)).map(|hold| hold.is_some()) {
            Err(StoreError::Unsafe(what)) => assert!(what.contains("is a link"), "{what}"),
            other => panic!("{other:?}"),
        }
        assert!(fs::read_dir(&target).map_or(true, |mut found| found.next().is_none()), "nothing was made through it");
        fs::remove_file(&place).expect("takes it away");
        assert!(wait(vault.try_hold(&id)).expect("holds").is_some());
    }
}

#[test]
fn j2_links_are_refused_where_nothing_was_made_yet() {
    for name in ["vault.db", "vault.key", "vault.db.lock", "vault.db-wal"] {
        let home = Home::new();
        fs::create_dir(home.folder()).expect("a folder");
        let target = home.root().join("elsewhere");
        symlink(&target, home.folder().join(name)).expect("links");
        assert_unsafe(home.try_open(), "is a link");
        assert!(!target.exists(), "nothing was made through {name}");
    }
}

#[test]
fn a_folder_or_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    for name in ["vault.db", "vault.key", "vault.db.lock"] {
        let home = Home::new();
        fs::create_dir(home.folder()).expect("a folder");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            home.folder().join(name),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .expect("a pipe");
        assert_unsafe(home.try_open(), "is not a file");
        let home = Home::new();
        fs::create_dir_all(home.folder().join(name)).expect("a folder");
        assert!(home.try_open().is_err(), "{name}");
    }
}

/// A log that holds something is never left where a program could have moved it into the file: a copy of the file alone would be an old vault.
#[test]
fn who_only_reads_leaves_an_empty_log_and_who_closes_last_after_a_write_none() {
    let home = Home::new();
    let log = home.folder().join("vault.db-wal");
    let length = || fs::metadata(&log).ok().map(|found| found.len());
    let put = |vault: &Vault, name: &str| wait(vault.put_app(name, &app())).expect("puts");
    for _ in 0..2 {
        wait(home.open().apps()).expect("reads");
        assert_eq!(length(), Some(0));
    }
    let vault = home.open();
    put(&vault, "one");
    assert!(length() > Some(0));
    drop(vault);
    assert_eq!(length(), None);
    let (reader, writer) = (home.open(), home.open());
    put(&writer, "two");
    drop(writer);
    assert!(length() > Some(0), "somebody has it open");
    wait(reader.apps()).expect("reads");
    drop(reader);
    assert_eq!(length(), None);
    assert_eq!(wait(home.open().apps()).expect("reads").len(), 2);
}

#[test]
fn a_link_in_the_way_to_the_folder_is_followed() {
    let home = Home::new();
    fs::create_dir(home.root().join("disk")).expect("a folder");
    symlink(home.root().join("disk"), home.root().join("data")).expect("links");
    let path = home.root().join("data/keyfob/vault.db");
    let vault = Vault::open(&path, KeySource::beside(&path)).expect("opens");
    assert_eq!(vault.path(), home.root().join("disk/keyfob/vault.db"));
}

/// As OpenSSH has it for its keys: who can write in a folder on the way can put another vault in the place of this one.
#[test]
fn j2_a_way_to_the_folder_that_others_can_change_is_told_of() {
    let home = Home::new();
    let [shared, real] = ["shared", "real"].map(|name| home.root().join(name));
    for folder in [&shared, &real] {
        fs::create_dir(folder).expect("a folder");
    }
    symlink(&real, shared.join("link")).expect("links");
    fs::create_dir_all(shared.join("deep/er")).expect("folders");
    for path in [shared.join("link/keyfob/vault.db"), shared.join("deep/er/keyfob/vault.db")] {
        let open = || Vault::open(&path, KeySource::beside(&path)).expect("opens");
        chmod(&shared, 0o755);
        assert!(open().warnings().is_empty(), "{:?}", open().warnings());
        for wrong in [0o777, 0o757] {
            chmod(&shared, wrong);
            let vault = open();
            assert!(matches!(vault.warnings(), [warning] if warning.contains("shared,")), "{:?}", vault.warnings());
        }
        // Nobody takes away there what is somebody else's, as in /tmp.
        chmod(&shared, 0o1777);
        assert!(open().warnings().is_empty(), "{:?}", open().warnings());
    }
    // Only root can give something to somebody else. Not to the number of all users who are in no namespace: of them nobody can tell who they are.
    if std::os::unix::fs::lchown(shared.join("link"), Some(54_321), None).is_ok() {
        let path = shared.join("link/keyfob/vault.db");
        let vault = Vault::open(&path, KeySource::beside(&path)).expect("opens");
        assert!(
            matches!(vault.warnings(), [warning] if warning.contains("link") && warning.contains("another user")),
            "{:?}",
            vault.warnings()
        );
    }
}

/// Where the test may not make a file immutable, or the file system knows no such thing, it has not looked.
#[test]
fn a_vault_that_was_made_immutable_is_told_of_with_what_to_do() {
    let home = Home::new();
    wait(home.open().put_app("one", &app())).expect("puts");
    let chattr = |how: &str, path: &Path| {
        let done = std::process::Command::new("chattr").arg(how).arg(path).stderr(std::process::Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    for path in [home.vault(), home.folder().join("vault.db.lock")] {
        if !chattr("+i", &path) {
            return;
        }
        let failed = Vault::open(&home.vault(), KeySource::beside(&home.vault())).and_then(|vault| wait(vault.put_app("two", &app())));
        assert!(chattr("-i", &path), "it can be taken away");
        let error = failed.expect_err(&format!("{} is not written", path.display()));
        assert!(error.hint().contains("lsattr"), "{}: {error}: {}", path.display(), error.hint());
    }
    wait(home.open().put_app("two", &app())).expect("puts");
}

#[test]
fn a_provided_key_may_be_a_link_and_readable_and_never_writable() {
    let home = Home::new();
    let (mounted, name) = (home.root().join("..data"), home.root().join("secret"));
    fs::write(&mounted, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n").expect("writes");
    symlink(&mounted, &name).expect("links");
    chmod(&mounted, 0o444);
    let source = || KeySource::Provided(name.clone());
    let vault = Vault::open(&home.vault(), source()).expect("opens");
    assert!(matches!(vault.warnings(), [warning] if warning.contains("others can read")), "{:?}", vault.warnings());
    assert!(vault.key_made().is_none());
    chmod(&mounted, 0o440);
    assert!(Vault::open(&home.vault(), source()).expect("opens").warnings().is_empty());
    chmod(&mounted, 0o666);
    assert_unsafe(Vault::open(&home.vault(), source()), "secret");
}
