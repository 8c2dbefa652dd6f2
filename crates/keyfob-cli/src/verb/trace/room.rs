//! Where the page goes, made sure of before anything is sent: a login or a call that was made is not made again for want of a place to write about it.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::card::Card;
use crate::exit::Exit;

/// A file that can be written.
pub(super) struct Room {
    path: PathBuf,
    /// It is empty, and ours: where nothing comes of it, it goes again.
    is_new: bool,
}

impl Room {
    /// What is there is written over only where somebody says so. What is no file (`/dev/stderr`) has nothing to lose.
    pub(super) fn at(path: PathBuf, force: bool) -> Result<Self, Card> {
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

    /// The page.
    pub(super) fn write(mut self, page: &str) -> Result<(), Card> {
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

fn unwritable(file: &str, error: &io::Error) -> Card {
    Card::io(format!("cannot write {file}"), error, "name a file in a folder that is yours")
}
