//! A file system that cannot lock, as network ones can be: every `flock` says ENOLCK. Whoever keeps a vault there hears what to do, and no token
//! is spent without the right to.

use std::path::Path;
use std::process::Command;

use keyfob_testbed::{Why, skip};
use keyfob_torture::ground::Place;
use keyfob_torture::process::verb;
use keyfob_torture::stub::Stub;
use keyfob_torture::{grant, machine};

const WORDS: &str = "the file system cannot lock; keep the vault on a disk of this machine, or in PostgreSQL";

/// What a child says on such a disk, from its `from`-th lock on; `None` after saying that the test is skipped.
fn said(from: u32, of_child: &Command) -> Option<String> {
    if let Err(reason) = machine::strace() {
        return skip(if reason.kernel { Why::Kernel } else { Why::Missing }, &reason.reason);
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=flock", "-e"]);
    strace.arg(format!("inject=flock:error=ENOLCK:when={from}+"));
    let output = strace.arg(of_child.get_program()).args(of_child.get_args()).output().expect("it runs");
    assert!(!output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn child(name: &str) -> Command {
    verb(Path::new(env!("CARGO_BIN_EXE_torture")), name)
}

#[test]
fn j5_a_vault_where_nothing_can_be_locked_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("keyfob/vault.db");
    let mut writes = child("write");
    writes.arg(&vault).args(["0", "--most=1"]);
    let Some(said) = said(1, &writes) else { return };
    assert!(said.starts_with("error io: ") && said.contains("vault.db.lock (") && said.contains(WORDS), "{said}");
    assert!(!vault.exists());
}

#[test]
fn d4_where_the_right_to_refresh_cannot_be_locked_no_token_is_spent() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::File(folder.path().join("keyfob/vault.db"));
    let stub = Stub::start().expect("a stub");
    grant::log_in(&place, &stub, -3600).expect("an account");
    let mut refreshes = child("refresh");
    refreshes.arg(&place).arg(&stub.origin).arg("--most=1");
    // The first one lets it open the vault.
    let Some(said) = said(2, &refreshes) else { return };
    assert!(said.starts_with("open\nerror io: ") && said.contains(".holds/") && said.contains(WORDS), "{said}");
    assert_eq!(stub.state().requests, 0);
}
