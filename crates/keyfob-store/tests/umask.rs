//! Modes under every umask. Alone in its binary: the umask belongs to the whole process.

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::{Home, app, wait};
use keyfob::Store;
use rustix::fs::Mode;

#[test]
fn j1_modes_do_not_depend_on_the_umask() {
    for umask in [0o000, 0o022, 0o277, 0o777] {
        let home = Home::new();
        rustix::process::umask(Mode::from_raw_mode(umask));
        let vault = home.open();
        wait(vault.put_app("example", &app())).expect("puts");
        for name in ["vault.db", "vault.db-wal", "vault.db-shm", "vault.db.lock", "vault.key"] {
            assert_eq!(mode(&home.folder().join(name)), 0o600, "{name} under {umask:03o}");
        }
        assert_eq!(mode(&home.folder()), 0o700, "folder under {umask:03o}");
        assert_eq!(std::fs::read_dir(home.folder()).expect("a folder").count(), 5, "nothing else is left under {umask:03o}");
        assert_eq!(vault.warnings(), <[String; 0]>::default());
        drop(vault);
        home.open();
        rustix::process::umask(Mode::from_raw_mode(0o022));
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").mode() & 0o7777
}
