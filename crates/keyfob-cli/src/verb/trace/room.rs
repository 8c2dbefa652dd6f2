//! Where the page goes, made sure of before anything is sent: a login or a call that was made is not made again for want of a place to write about it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::card::Card;
use crate::exit::Exit;
use crate::output::written;

/// A file that can be written.
pub(super) struct Room {
    path: PathBuf,
    /// It is empty, and ours: where nothing comes of it, it goes again.
    is_new: bool,
}

impl Room {
    /// What is there is written over only where somebody says so. What is no file (`/dev/stderr`) has nothing to lose.
    pub(super) fn at(path: PathBuf, force: bool) -> Result<Self, Card> {
        if is_stdout(&path) {
            return Ok(Self { path, is_new: false });
        }
        let may_be_there = force || fs::metadata(&path).is_ok_and(|there| !there.is_file() && !there.is_dir());
        let opened = OpenOptions::new().write(true).create(may_be_there).create_new(!may_be_there).open(&path);
        match opened {
            Ok(_) => Ok(Self { is_new: !may_be_there, path }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let what = format!("there is a file {} already", path.display());
                Err(Card::usage(what, "a trace writes over none, and nothing was sent", "name another one; or, if it may go, add --force"))
            }
            Err(error) => Err(unwritable(&path.display().to_string(), &error).exiting(Exit::Usage)),
        }
    }

    /// Whether this is the same place, by whatever name.
    pub(super) fn is_at(&self, other: &Path) -> bool {
        match (is_stdout(&self.path), is_stdout(other)) {
            (false, false) => fs::canonicalize(&self.path).is_ok_and(|here| fs::canonicalize(other).is_ok_and(|there| here == there)),
            (true, true) => true,
            (true, false) => leads_to_stdout(other),
            (false, true) => leads_to_stdout(&self.path),
        }
    }

    /// The page.
    pub(super) fn write(mut self, page: &str) -> Result<(), Card> {
        if is_stdout(&self.path) {
            let mut stdout = io::stdout().lock();
            return written(stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush()));
        }
        fs::write(&self.path, page).map_err(|error| unwritable(&self.path.display().to_string(), &error))?;
        self.is_new = false;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether it is where stdout goes (`> FILE`, `/dev/stdout`). What is no file, and no pipe, has nothing to lose: a terminal shows both.
#[cfg(unix)]
fn leads_to_stdout(path: &Path) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let place =
        |path: &Path| fs::metadata(path).ok().filter(|there| !there.file_type().is_char_device()).map(|there| (there.dev(), there.ino()));
    place(path).is_some_and(|there| place(Path::new("/dev/stdout")) == Some(there))
}

#[cfg(not(unix))]
fn leads_to_stdout(_: &Path) -> bool {
    false
}

fn unwritable(file: &str, error: &io::Error) -> Card {
    Card::io(format!("cannot write {file}"), error, "name a file in a folder that is yours")
}
