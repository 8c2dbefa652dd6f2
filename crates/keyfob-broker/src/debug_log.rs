//! The debug log: a file that a person can read next to the running program, with no secret in it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use keyfob::proto::Scrubber;

/// A log file that others cannot read, and that masks the secrets it knows. Nothing of ours logs a secret; this is for the day when
/// something does. In an `Arc` it is a writer for `tracing-subscriber`:
///
/// ```text
/// tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Arc::new(log))
/// ```
#[derive(Debug)]
pub struct DebugLog {
    file: File,
    scrubber: Scrubber,
}

impl DebugLog {
    /// Opens the file to append to it; makes it if it is not there. It is closed to others (0600) in either case. A link in its place is refused.
    pub fn open(path: &Path, scrubber: Scrubber) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;

            let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::NONBLOCK;
            options.mode(0o600).custom_flags(flags.bits().cast_signed());
        }
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // One that was there may have been made by a shell.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Self { file, scrubber })
    }
}

impl Write for &DebugLog {
    /// Takes a whole line, as `tracing-subscriber` writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = self.scrubber.mask(&String::from_utf8_lossy(line));
        (&self.file).write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.file).flush()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use keyfob::proto::Secret;

    use super::*;

    #[test]
    fn the_file_is_ours_alone_and_masks_what_it_knows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("debug.txt");
        let scrubber = Scrubber::new().knowing(&Secret::new("sandbox-secret-not-real"));
        for _ in 0..2 {
            if path.exists() {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("opens it to others");
            }
            let log = DebugLog::open(&path, scrubber.clone()).expect("a log");
            (&log).write_all(b"token sandbox-secret-not-real\n").expect("written");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "token <secret>\n".repeat(2));
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn j2_a_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target"), folder.path().join("debug.txt"));
        symlink(&target, &link).expect("a link");
        assert!(DebugLog::open(&link, Scrubber::new()).is_err());
        assert!(!target.exists());
    }
}
