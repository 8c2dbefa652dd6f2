//! Vaults to be tortured, and what the next process finds in them.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::book::{self, Book};
use crate::ground::Place;
use crate::process::{self, Victim};
use crate::tally::Verdict;
use crate::{Rig, Rigged};

/// So many writes are in a prepared vault.
pub(crate) const PREPARED: u64 = 9;

/// Opens the vault in a file, as the next process would, and says after which write, of `acknowledged..=newest`, it is as it is.
pub(crate) fn check(path: &Path, acknowledged: u64, newest: u64) -> Result<u64, Verdict> {
    check_at(&Place::File(path.to_owned()), acknowledged, newest)
}

/// The same wherever it is.
pub(crate) fn check_at(place: &Place, acknowledged: u64, newest: u64) -> Result<u64, Verdict> {
    let book = Book::open(place).map_err(|error| Verdict::Corrupt(book::describe(&error)))?;
    book.check(acknowledged, newest)
}

/// Makes a vault to begin with; one whose writer was killed has its log beside it.
pub(crate) fn prepare(rig: &Rig, folder: &Path, killed: bool) -> Rigged<PathBuf> {
    let mut writer = writer(rig, folder, 0, PREPARED);
    let mut victim = Victim::start(writer.args(killed.then_some("--linger")))?;
    let remains = if victim.wait_for("lingers") { victim.kill()? } else { victim.finish()? };
    let whole = remains.acknowledged(0) == PREPARED;
    if whole { Ok(folder.to_owned()) } else { Err(format!("the first vault cannot be made: {remains:?}")) }
}

/// The child that does so many writes in the vault of a folder.
pub(crate) fn writer(rig: &Rig, folder: &Path, after: u64, most: u64) -> Command {
    let mut command = process::verb(&rig.program, "write");
    command.arg(folder.join("vault.db")).arg(after.to_string()).arg(format!("--most={most}"));
    command
}

/// A prepared vault, to be spoiled.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
