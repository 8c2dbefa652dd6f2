//! The key in the desktop's keyring (Secret Service): there, absent, locked and hanging. `cargo xtask test --only keyring` runs it, for the feature is off.
//!
//! A bus of its own for each, with GNOME Keyring on it or nobody: this process's environment stays as it is, so a child does the work and says what it found.
#![cfg(feature = "keyring")]

mod common;

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Home, app, wait};
use keyfob::Store;
use keyfob_store::{KeySource, Vault};
use keyfob_testbed::{Why, skip};

const VAULT: &str = "KEYFOB_TEST_VAULT";

/// Two seconds is what a keyring gets; a busy machine gets more to say so. Whoever waits for it waits for ever.
const SOON: &str = "60";

/// Opens the vault, makes it if there is none, looks whether its app is there, or puts it there; says all of it.
#[test]
#[ignore = "run by the other tests, on a bus of their own"]
fn somebody_on_a_bus() {
    let Some(path) = std::env::var_os(VAULT).map(PathBuf::from) else { return };
    println!("\nlook {:?}", KeySource::look_for_keyring());
    let source = || KeySource::Keyring { otherwise: KeySource::file_beside(&path) };
    let vault = match Vault::open(&path, source()) {
        Ok(vault) => vault,
        Err(error) => return println!("refused {error}"),
    };
    println!("warns {:?}", vault.warnings());
    let found = wait(vault.app("example")).expect("reads").is_some();
    println!("found {found}");
    if found {
        println!("sealed anew {:?}", wait(vault.rekey(&source())).map(drop));
    } else {
        wait(vault.put_app("example", &app())).expect("puts");
    }
}

#[test]
fn a_keyring_keeps_the_key_and_no_file_does() {
    let Some(desk) = Desk::new() else { return };
    let said = desk.with_keyring(UNLOCKED);
    assert!(said.contains("look Ok(())") && said.contains("warns []") && said.contains("found false"), "{said}");
    assert!(desk.home.vault().exists() && !desk.home.key().exists(), "the key is in the keyring alone");
    // Another process, and the keyring was started anew; then sealed anew, by a key that is there again.
    for _ in 0..2 {
        let said = desk.with_keyring(UNLOCKED);
        assert!(said.contains("warns []") && said.contains("found true") && said.contains("sealed anew Ok(())"), "{said}");
    }
    assert!(!desk.home.key().exists());

    // Without it the vault is locked, which says why; nothing is made that could not open it.
    for said in [desk.without_keyring(), desk.with_keyring(LOCKED), desk.with_keyring(FROZEN)] {
        assert!(said.contains("refused the vault is locked: its key is in the keyring, and "), "{said}");
        assert!(!desk.home.key().exists(), "{said}");
    }
    let said = desk.with_keyring(UNLOCKED);
    assert!(said.contains("found true"), "and nothing was lost: {said}");
}

#[test]
fn a_keyring_that_hangs_is_passed_over_and_told_of() {
    let Some(desk) = Desk::new() else { return };
    assert_file_in_its_place(&desk, &desk.with_keyring(FROZEN), "did not answer within two seconds");
}

#[test]
fn a_locked_keyring_is_passed_over_and_told_of() {
    let Some(desk) = Desk::new() else { return };
    // It has a password, which nobody gives now.
    desk.with_keyring(UNLOCKED);
    std::fs::remove_dir_all(desk.home.folder()).expect("the vault that was made on the way");
    assert_file_in_its_place(&desk, &desk.with_keyring(LOCKED), "the desktop's keyring is locked");
}

#[test]
fn a_desktop_without_a_keyring_gets_a_key_file_and_is_told() {
    let Some(desk) = Desk::new() else { return };
    assert_file_in_its_place(&desk, &desk.without_keyring(), "there is no keyring on this desktop that answers");
}

/// Whoever listens there took the call, and never says a word.
#[test]
fn a_bus_that_hangs_is_passed_over_and_told_of() {
    let desk = Desk::bare();
    let socket = desk.home.root().join("bus");
    let _listens = UnixListener::bind(&socket).expect("a socket");
    let said = desk.run(&mut desk.child(&[]), &format!("unix:path={}", socket.display()));
    assert_file_in_its_place(&desk, &said, "did not answer within two seconds");
}

#[test]
fn a_machine_without_a_bus_gets_a_key_file_and_is_told() {
    let desk = Desk::bare();
    let nowhere = format!("unix:path={}", desk.home.root().join("nowhere").display());
    let said = desk.run(&mut desk.child(&[]), &nowhere);
    assert_file_in_its_place(&desk, &said, "there is no keyring on this desktop that answers");
}

/// What the shell does before the child, on the bus.
/// A new one has a place to keep something in a moment after it has begun.
const UNLOCKED: &str = "echo -n words | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; \
    until dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
    org.freedesktop.Secret.Service.ReadAlias string:default 2>/dev/null | grep -q collection; do sleep 0.1; done;";
const LOCKED: &str = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1;";
/// It has the name on the bus by then, and answers nothing.
const FROZEN: &str = "gnome-keyring-daemon --foreground --components=secrets >/dev/null 2>&1 & frozen=$!; \
    until dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets \
    2>/dev/null | grep -q true; do sleep 0.1; done; kill -STOP $frozen;";

/// A new vault has its key in a file, which is said, and why.
#[track_caller]
fn assert_file_in_its_place(desk: &Desk, said: &str, why: &str) {
    assert!(said.contains(&format!("{why}; a key file takes its place")), "{said}");
    assert!(said.contains("look Err(") && said.contains("found false"), "{said}");
    assert!(desk.home.key().exists(), "{said}");
}

/// A person's home, and a bus that is theirs.
struct Desk {
    home: Home,
}

impl Desk {
    /// Where GNOME Keyring is there to be started; `None` after saying that the test is skipped.
    fn new() -> Option<Self> {
        for program in ["gnome-keyring-daemon", "dbus-run-session", "dbus-send"] {
            if Command::new(program).arg("--version").output().is_err() {
                return skip(Why::Missing, &format!("no {program}; `cargo xtask setup` installs it where it may"));
            }
        }
        Some(Self::bare())
    }

    fn bare() -> Self {
        Self { home: Home::new() }
    }

    fn with_keyring(&self, begin: &str) -> String {
        // It ends with its bus, unless it is frozen.
        let script = format!("{begin} \"$@\"; code=$?; test -z \"$frozen\" || kill -KILL $frozen; exit $code");
        self.run(&mut self.child(&["sh", "-c", &script, "sh"]), "")
    }

    fn without_keyring(&self) -> String {
        self.run(&mut self.child(&["env"]), "")
    }

    /// The child, on a bus where nothing is started by being asked for, behind these words.
    fn child(&self, words: &[&str]) -> Command {
        let bus = self.home.root().join("bus.conf");
        let rules = "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context=\"default\">\
                     <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";
        std::fs::write(&bus, rules).expect("a file");
        let this = std::env::current_exe().expect("this test");
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", SOON]);
        if !words.is_empty() {
            command.args(["dbus-run-session", "--config-file"]).arg(&bus).arg("--").args(words);
        }
        command.arg(&this).args(["--ignored", "--exact", "--nocapture", "somebody_on_a_bus"]);
        command
    }

    /// What it said, which it has to in time.
    fn run(&self, command: &mut Command, bus: &str) -> String {
        let runtime = self.home.root().join("run");
        std::fs::create_dir_all(&runtime).expect("a folder");
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env("HOME", self.home.root()).env("XDG_RUNTIME_DIR", &runtime);
        command.env_remove("DISPLAY").env_remove("XDG_DATA_HOME").env(VAULT, self.home.vault());
        if !bus.is_empty() {
            command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
        let output = command.stdin(Stdio::null()).output().expect("it runs");
        let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
        said
    }
}
