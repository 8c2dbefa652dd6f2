//! A test that cannot have what it needs is skipped: it says so on stdout and in the file that `KEYFOB_TEST_SKIPPED` names,
//! which `cargo xtask test` counts. With `CI=true` it fails instead.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::thread;

/// Why a test cannot run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Something is not installed: a failure in CI.
    Missing,
    /// The kernel does not allow it (mounts, name spaces): no failure anywhere.
    Kernel,
}

/// Says that this test does not run here, and why; gives `None`, for `?` and `let … else`.
///
/// # Panics
/// With `CI=true`, where something is missing: what CI does not test it must not call tested.
pub fn skip<T>(why: Why, reason: &str) -> Option<T> {
    assert!(why == Why::Kernel || env::var_os("CI").is_none_or(|ci| ci != "true"), "skipping is failing in CI: {reason}");
    let current = thread::current();
    let test = current.name().unwrap_or("a test");
    println!("skipped {test}: {reason}");
    if let Some(file) = env::var_os("KEYFOB_TEST_SKIPPED") {
        let kind = if why == Why::Kernel { "kernel" } else { "missing" };
        let mut file = OpenOptions::new().create(true).append(true).open(file).expect("the file of skipped tests");
        // One write, so that tests that run at once do not mix their lines.
        file.write_all(format!("{kind}\t{test}\t{reason}\n").as_bytes()).expect("the file of skipped tests");
    }
    None
}
