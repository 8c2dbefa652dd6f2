//! Whom the server runs as: PostgreSQL refuses root, so root gives it to an ordinary user.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// An ordinary user.
pub(super) struct Account(Option<(u32, u32)>);

impl Account {
    /// This one, or for root the package's own user, or else nobody.
    pub(super) fn for_servers() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self(None));
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |wanted: &str| {
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == wanted).and_then(|fields| {
                let number = |index: usize| fields.get(index)?.parse().ok();
                Some((number(2)?, number(3)?))
            })
        };
        let found = ["postgres", "nobody"].into_iter().find_map(find);
        found.map(|ids| Self(Some(ids))).ok_or_else(|| "no ordinary user to run PostgreSQL as".to_owned())
    }

    /// Makes a command run as this user.
    pub(super) fn run<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.0 {
            Some((user, group)) => command.uid(user).gid(group),
            None => command,
        }
    }

    /// Makes a file, or a folder with all that is in it, this user's.
    pub(super) fn give(&self, path: &Path) {
        let Some((user, group)) = self.0 else { return };
        chown(path, Some(user), Some(group)).expect("root gives away");
        if path.is_dir() {
            for entry in path.read_dir().expect("a folder") {
                self.give(&entry.expect("an entry").path());
            }
        }
    }
}
