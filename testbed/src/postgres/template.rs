//! A new cluster's files. `initdb` takes a second; they are made once and copied from then on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::programs::{self, Programs};
use super::{PASSWORD, USER};

/// Puts a new cluster's files into `folder/data`.
pub(super) fn copy(programs: &Programs, account: &Account, folder: &Path) {
    let data = folder.join("data");
    let Some(cache) = cache() else { return initialise(programs, account, folder) };
    fs::create_dir_all(&cache).expect("a folder for the template");
    // Another version, or another shape of ours, is another template.
    let name: String = programs.folder().to_string_lossy().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let template = cache.join(format!("template-1{name}"));
    let lock = File::create(cache.join("lock")).expect("a lock");
    lock.lock().expect("one at a time");
    if !template.is_dir() {
        initialise(programs, account, folder);
        let fresh = cache.join("template.new");
        drop(fs::remove_dir_all(&fresh));
        copy_tree(&data, &fresh);
        fs::rename(&fresh, &template).expect("it is in its place");
        return;
    }
    drop(lock);
    copy_tree(&template, &data);
    account.give(&data);
}

fn initialise(programs: &Programs, account: &Account, folder: &Path) {
    let password = folder.join("password");
    fs::write(&password, PASSWORD).expect("writes");
    account.give(&password);
    let mut initdb = Command::new(programs.path("initdb"));
    initdb.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(&password).current_dir(folder);
    initdb.args(["-U", USER, "-E", "UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", "-N", "--wal-segsize=1"]);
    let output = account.run(programs::clean(&mut initdb)).output().expect("initdb runs");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(password).expect("removes");
}

/// `target/testbed`, where the test lies in a target folder.
fn cache() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("testbed"))
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in from.read_dir().expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copies");
        }
    }
    fs::set_permissions(to, from.metadata().expect("it is there").permissions()).expect("its mode");
}
