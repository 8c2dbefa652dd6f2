//! The copy of the source that guards are taken out of. The checkout is only read: whatever happens in between, it stays as it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rows::Guard;

/// A copy of the checkout, under `target/`, which is only written where it differs: so cargo builds again what has changed, and nothing else.
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// As the checkout is now, with what is not committed.
    pub(super) fn fresh() -> Result<Self, String> {
        let root = folder().join("tree");
        let mut wanted = BTreeSet::new();
        for name in names()? {
            // Deleted, and not committed yet.
            let Ok(bytes) = fs::read(crate::root().join(&name)) else { continue };
            let copy = root.join(&name);
            if fs::read(&copy).ok().as_ref() != Some(&bytes) {
                write(&copy, &bytes)?;
            }
            wanted.insert(copy);
        }
        remove_others(&root, &wanted)?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes guards out, until they are put back.
    pub(super) fn without(&self, guards: &[Guard]) -> Result<Without, String> {
        let mut before: Vec<(PathBuf, String)> = Vec::new();
        for guard in guards {
            let file = self.root.join(&guard.file);
            let text = fs::read_to_string(&file).map_err(|problem| format!("cannot read {}: {problem}", file.display()))?;
            if text.matches(guard.text.as_str()).count() != 1 {
                return Err(format!("the guard is not there once: {}", guard.shown()));
            }
            write(&file, text.replacen(&guard.text, &guard.without, 1).as_bytes())?;
            before.push((file, text));
        }
        Ok(Without { before })
    }
}

/// Files as they were.
#[must_use = "guards have to be put back"]
pub(super) struct Without {
    before: Vec<(PathBuf, String)>,
}

impl Without {
    pub(super) fn put_back(self) -> Result<(), String> {
        // Two guards of one file: the first text is the one without either change.
        self.before.iter().rev().try_for_each(|(file, text)| write(file, text.as_bytes()))
    }
}

/// Where the copy is, and what is built of it.
pub(super) fn folder() -> PathBuf {
    crate::target().join("guards")
}

/// Writes a file as a whole or not at all, with the folders to it.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |problem| format!("cannot write {}: {problem}", file.display());
    let folder = file.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).map_err(failed)?;
    let name = file.file_name().expect("a file has a name").to_string_lossy();
    let new = folder.join(format!(".{name}.new"));
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, file)).map_err(failed)
}

/// What belongs to the project: known to git, or not yet and not ignored.
fn names() -> Result<Vec<String>, String> {
    let mut git = Command::new("git");
    git.current_dir(crate::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().map_err(|problem| format!("cannot run git: {problem}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// What is not in the checkout any more, or was left by somebody who was interrupted.
fn remove_others(folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) && path.file_name().is_none_or(|name| name != "Cargo.lock") {
            fs::remove_file(&path).map_err(|problem| format!("cannot remove {}: {problem}", path.display()))?;
        }
    }
    Ok(())
}
