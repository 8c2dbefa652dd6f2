//! Whether the file that is open is still the one that lies there: a backup that was put in its place is another, and what is written into a file without a
//! name is gone with the last process that has it open.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use keyfob::StoreError;

use crate::place;

/// Who reads looks so often: a look is a system call, a tenth of what a read takes.
const EVERY: Duration = Duration::from_secs(1);

/// A file, as it was when it was opened.
pub(super) struct Lying {
    path: PathBuf,
    /// Its device and inode.
    file: Option<(u64, u64)>,
    /// When it was last found to be so.
    seen: Mutex<Instant>,
}

impl Lying {
    /// The file that lies there now.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.to_owned(), file: identity(path)?, seen: Mutex::new(Instant::now()) })
    }

    /// An error if somebody has deleted the file, or put another in its place (a backup, say) since it was opened.
    pub(super) fn is_still_there(&self) -> Result<(), StoreError> {
        if self.file.is_some() && identity(&self.path)? == self.file {
            return Ok(());
        }
        let what = "it was deleted or replaced while it was open; start this program again";
        Err(StoreError::Io(self.path.display().to_string(), io::Error::new(io::ErrorKind::NotFound, what)))
    }

    /// The same, found out about once a second.
    pub(super) fn was_there_lately(&self) -> Result<(), StoreError> {
        // Somebody else looks.
        let Ok(mut seen) = self.seen.try_lock() else { return Ok(()) };
        if seen.elapsed() >= EVERY {
            self.is_still_there()?;
            *seen = Instant::now();
        }
        Ok(())
    }
}

/// Device and inode of the vault's file, if there is one.
fn identity(path: &Path) -> Result<Option<(u64, u64)>, StoreError> {
    Ok(place::look(path)?.map(|found| (found.dev(), found.ino())))
}
