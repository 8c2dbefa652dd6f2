//! `-o FILE`: under its name is the whole answer, or what was there before, wherever the file is one that can be replaced. Whoever reads it later cannot tell
//! a part from the whole.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// An answer on its way into a file.
pub(super) enum Download {
    /// Into another one beside it, which gets its name when all is there, and is taken away where that never comes to be.
    Beside(NamedTempFile, PathBuf),
    /// Into what was named: a device or a pipe, which is no place for a name; a file with several names, or somebody else's, which would become another one;
    /// or one in a folder where no other can be made.
    There(File),
}

impl Download {
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Ok(found) if !found.is_file() => return File::create(path).map(Self::There),
            Ok(found) => {
                // What may not be written is not replaced either.
                File::options().write(true).open(path)?;
                Some(found)
            }
            Err(_) if path.is_symlink() => return File::create(path).map(Self::There),
            Err(_) => None,
        };
        if found.as_ref().is_some_and(|found| !is_alone(found)) {
            return File::create(path).map(Self::There);
        }
        // A link goes on leading there.
        let place = if found.is_some() { path.canonicalize()? } else { path.to_owned() };
        match beside(&place, found.map(|found| found.permissions())) {
            Ok(part) => Ok(Self::Beside(part, place)),
            Err(_) => File::create(path).map(Self::There),
        }
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Beside(part, _) => part.write_all(piece),
            Self::There(file) => file.write_all(piece),
        }
    }

    /// All of it is there.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Beside(part, place) => match part.persist(&place) {
                Ok(_) => Ok(()),
                // A file that is mounted into a container keeps its place: what came goes into it.
                Err(refused) => fs::copy(refused.file.path(), &place).map(drop),
            },
            Self::There(_) => Ok(()),
        }
    }
}

/// Whether it has one name, and is of whoever this is.
#[cfg(unix)]
fn is_alone(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.nlink() == 1 && found.uid() == rustix::process::geteuid().as_raw() && found.gid() == rustix::process::getegid().as_raw()
}

#[cfg(not(unix))]
fn is_alone(_: &fs::Metadata) -> bool {
    true
}

/// With the rights of the file in whose place it will be; of a new one those that any new file has.
fn beside(place: &Path, rights: Option<Permissions>) -> io::Result<NamedTempFile> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let (prefix, mut builder) = (format!(".{name}."), Builder::new());
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let part = builder.tempfile_in(folder)?;
    if let Some(rights) = rights {
        part.as_file().set_permissions(rights)?;
    }
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_is_for_the_whole_and_what_was_there_stays_until_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data.json");
        let mut part = Download::begin(&path).expect("a part");
        part.write(b"[1,").expect("written");
        assert!(!path.exists());
        drop(part);
        assert!(names(folder.path()).is_empty(), "nothing of it is left");
        fs::write(&path, "before").expect("a file");
        let mut part = Download::begin(&path).expect("a part");
        part.write(b"[1,2]").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "before");
        part.finish().expect("a name");
        assert_eq!(fs::read_to_string(&path).expect("text"), "[1,2]");
        assert_eq!(names(folder.path()), ["data.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_rights_and_devices_stay_as_they_are() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "before").expect("a file");
        fs::set_permissions(&real, Permissions::from_mode(0o640)).expect("rights");
        symlink(&real, &link).expect("a link");
        let mut part = Download::begin(&link).expect("a part");
        part.write(b"after").and_then(|()| part.finish()).expect("written");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("text"), "after");
        assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
        assert!(matches!(Download::begin(Path::new("/dev/null")), Ok(Download::There(_))));
        // Its other name stays one of the same file.
        let other = folder.path().join("other");
        fs::hard_link(&real, &other).expect("another name");
        let mut part = Download::begin(&real).expect("a part");
        part.write(b"both").and_then(|()| part.finish()).expect("written");
        assert_eq!(fs::read_to_string(&other).expect("text"), "both");
    }
}
