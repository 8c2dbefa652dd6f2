//! Where PostgreSQL's programs are: Debian keeps those of the server off the PATH.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with `initdb`, `postgres` and `psql`.
pub(super) struct Programs(PathBuf);

impl Programs {
    pub(super) fn find() -> Option<Self> {
        let has_all = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file());
        if let Some(named) = env::var_os("KEYFOB_TEST_POSTGRES").filter(|named| !named.is_empty()) {
            return Some(PathBuf::from(named)).filter(has_all).map(Self);
        }
        let path = env::var_os("PATH").unwrap_or_default();
        debian().into_iter().chain(env::split_paths(&path)).find(has_all).map(Self)
    }

    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }
}

/// The newest first.
fn debian() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.into_iter().map(|version| version.join("bin")).collect()
}

/// Without what this machine's own settings would say to PostgreSQL's programs.
pub(super) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C")
}
