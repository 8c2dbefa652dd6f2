//! Files as they must be: ours, closed to others, and no links. An attacker with an account on the same machine is who this page is about.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyfob::StoreError;
use rustix::fs::OFlags;

use crate::seal;

/// So many links are followed on one way, as the kernel does.
const MOST_LINKS: usize = 40;

/// How long to wait for another process that is opening the vault.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where that is not long enough.
const TAKES_LONG: &str = "another process has been opening the vault for five seconds, or sealing it anew: is one stopped?";

/// The path with its folder resolved. The folder must be ours or root's, and nobody else may write there, for who can write in a folder can
/// put another file in the place of any. Makes the folder, 0700, where it is missing and `make` says so.
pub(crate) fn in_safe_folder(path: &Path, make: bool) -> Result<PathBuf, StoreError> {
    let name = path.file_name().ok_or_else(|| StoreError::Unsafe(format!("{} is not the path of a file", path.display())))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = match folder.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound && make => make_folder(folder)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Missing(path.display().to_string())),
        other => other.map_err(io(folder))?,
    };
    let found = folder.metadata().map_err(io(&folder))?;
    if !is_ours_or_roots(&found) || found.mode() & 0o022 != 0 {
        return Err(StoreError::Unsafe(why_not(&folder, &found)));
    }
    Ok(folder.join(name))
}

/// Why nothing of ours is in this folder.
fn why_not(folder: &Path, found: &Metadata) -> String {
    let folder = folder.display();
    if is_ours_or_roots(found) {
        return format!("others can write in the folder {folder}");
    }
    // Both are told: the one to be changed is as likely who runs this (root, in somebody's home).
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    format!("the folder {folder} belongs to another user (uid {owner}; this runs as uid {me})")
}

/// Where somebody else could lead the path of a file elsewhere, now or later: folders on the way to it that others can write in, or own, and links that belong
/// to others. What a sentence names is to be mended by a person: it is a home or a disk as likely as an attack. A folder with the sticky bit (`/tmp`) keeps
/// others from taking away what is ours; and a group that has the user's own number is the user's alone, where every user has one.
#[must_use]
pub fn open_ways(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Some(folder) = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned())) else { return found };
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    let mut way: Vec<OsString> = folder.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    found.extend(open_way(&at));
    while let Some(part) = way.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(metadata) = std::fs::symlink_metadata(&next) else { break };
        let target = if metadata.is_symlink() { std::fs::read_link(&next).ok() } else { None };
        if let Some(target) = target.filter(|_| links < MOST_LINKS) {
            links += 1;
            if is_anothers(&metadata) {
                found.push(format!("the link {} on the way to {} belongs to another user", next.display(), path.display()));
            }
            if target.has_root() {
                at = PathBuf::from("/");
            }
            way.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
        } else {
            found.extend(open_way(&next));
            at = next;
        }
    }
    let mut told = std::collections::BTreeSet::new();
    found.retain(|sentence| told.insert(sentence.clone()));
    found
}

fn open_way(folder: &Path) -> Option<String> {
    let found = std::fs::metadata(folder).ok()?;
    if is_anothers(&found) {
        return Some(format!("the folder {} belongs to another user, who can put another in the place of what is in it", folder.display()));
    }
    let me = rustix::process::geteuid().as_raw();
    let others = if found.gid() == me && me != 0 { 0o002 } else { 0o022 };
    let is_open = found.mode() & others != 0 && found.mode() & 0o1000 == 0;
    is_open.then(|| format!("others can write in the folder {}, and put another in the place of what is in it", folder.display()))
}

fn make_folder(folder: &Path) -> Result<PathBuf, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io(folder))?;
    // mkdir's mode is what the umask leaves of it.
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(io(folder))?;
    let folder = folder.canonicalize().map_err(io(folder))?;
    // A vault in a folder whose name is not on the disk yet would be lost with the power. Folders that we may not read were there before.
    for above in folder.ancestors().skip(1) {
        drop(File::open(above).and_then(|above| above.sync_all()));
    }
    Ok(folder)
}

/// What lies at the path, if anything: it must be a file of ours, not a link. Does not open it: to close a second descriptor of a database
/// would drop this process's locks on it (POSIX advisory locks).
pub(crate) fn look(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path)(error)),
        Ok(found) => must_be_our_file(&found, path).map(|()| Some(found)),
    }
}

/// Refuses a link, wherever it leads.
pub(crate) fn no_link(path: &Path) -> Result<(), StoreError> {
    let found = std::fs::symlink_metadata(path);
    match found {
        Ok(found) if found.is_symlink() => Err(link(path)),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

/// Takes away what others may do with a file of ours, and says so.
pub(crate) fn close_to_others(path: &Path, found: &Metadata, warnings: &mut Vec<String>) -> Result<(), StoreError> {
    if found.mode() & 0o077 != 0 {
        match std::fs::set_permissions(path, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
                warnings.push(format!("others can read {}, and that cannot be changed where it is", path.display()));
                return Ok(());
            }
            other => other.map_err(io(path))?,
        }
        warnings.push(format!("others could read or write {}; its mode is 0600 now", path.display()));
    }
    Ok(())
}

/// Opens a file of ours for reading, if there is one, without following a link.
pub(crate) fn open_own(path: &Path) -> Result<Option<File>, StoreError> {
    match OpenOptions::new().read(true).custom_flags(flags()).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => own(other, path).map(Some),
    }
}

/// Opens what somebody else provides for reading, wherever a link leads. It is not waited for: of a FIFO, which nobody may ever write to, there is something
/// open all the same, for whoever asks to see that it is no file.
pub(crate) fn open_provided(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Opens the file of a lock, 0600 whatever the umask; makes it if it is not there.
pub(crate) fn open_lock(path: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags()).open(path);
    let file = own(opened, path)?;
    // Who can open it can hold it, and keep us out.
    file.set_permissions(Permissions::from_mode(0o600)).map_err(io(path))?;
    Ok(file)
}

/// Whether a file belongs to this user or to root.
pub(crate) fn is_ours_or_roots(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw()
}

/// Whether a file is known to belong to another user, who is not root.
fn is_anothers(found: &Metadata) -> bool {
    !is_ours_or_roots(found) && !is_untold(found.uid(), &proc("self/uid_map"), &proc("sys/kernel/overflowuid"))
}

/// Whether nobody can tell whose a file is: in a user namespace (a container without root, a sandbox) all users who are not in it have one number, root among
/// them, who has `/` and `/home`.
fn is_untold(uid: u32, uid_map: &str, overflow: &str) -> bool {
    let is_whole = uid_map.split_ascii_whitespace().eq(["0", "0", "4294967295"]);
    !uid_map.is_empty() && !is_whole && uid == overflow.trim().parse().unwrap_or(65_534)
}

/// What Linux says about itself; empty elsewhere.
fn proc(file: &str) -> String {
    std::fs::read_to_string(Path::new("/proc").join(file)).unwrap_or_default()
}

/// An error of the disk at a path.
pub(crate) fn io(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::Io(path.display().to_string(), error)
}

/// The path with something after its name: `vault.db-wal`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    PathBuf::from(text)
}

/// An advisory lock of the kernel, beside the vault: a dead holder frees it.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(vault: &Path) -> Result<Self, StoreError> {
        let path = with_suffix(vault, ".lock");
        let file = open_lock(&path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
                Err(TryLockError::Error(error)) => return Err(cannot_lock(&path, error)),
                Err(TryLockError::WouldBlock) => return Err(io(&path)(io::Error::new(ErrorKind::ResourceBusy, TAKES_LONG))),
            }
        }
    }
}

/// Whether the file system that the file lies on is mounted read-only. Where that cannot be asked, it is not.
pub(crate) fn is_on_read_only(path: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    path.parent().and_then(|folder| statvfs(folder).ok()).is_some_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Why a lock cannot be had at all. ENOLCK, EOPNOTSUPP: a network file system without locks, of which one hears what to do.
pub(crate) fn cannot_lock(path: &Path, error: io::Error) -> StoreError {
    use rustix::io::Errno;
    let is_lockless = [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    let why = "the file system cannot lock; keep the vault on a disk of this machine, or in PostgreSQL";
    io(path)(if is_lockless { io::Error::new(error.kind(), why) } else { error })
}

/// Tells of a file system that other machines may write to: its locks may not reach them, and a shared log would be torn.
pub(crate) fn warn_of_network(path: &Path, warnings: &mut Vec<String>) {
    if let Some(name) = network_file_system(path) {
        warnings.push(format!(
            "{} is on a network file system ({name}): use it from one machine alone; several share PostgreSQL",
            path.display()
        ));
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn network_file_system(path: &Path) -> Option<&'static str> {
    name_of_network(rustix::fs::statfs(path.parent()?).ok()?.f_type as u64)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// The numbers of statfs(2).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn name_of_network(magic: u64) -> Option<&'static str> {
    match magic & 0xFFFF_FFFF {
        0x6969 => Some("nfs"),
        0xFF53_4D42 | 0xFE53_4D42 | 0x517B => Some("smb"),
        0x0102_1997 => Some("9p"),
        0x00C3_6400 => Some("ceph"),
        0x5346_414F | 0x6B41_4653 => Some("afs"),
        0x7461_636F => Some("ocfs2"),
        0x0BD0_0BD0 => Some("lustre"),
        0x0116_1970 => Some("gfs2"),
        _ => None,
    }
}

/// The turn to change a file that several processes may want to change: whoever cannot have it at once leaves the file alone.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    /// What it is taken with.
    pub(crate) fn file_of(path: &Path) -> PathBuf {
        with_suffix(path, ".lock")
    }

    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::file_of(path);
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot_lock(&path, error)),
        }
    }
}

/// Puts one file in the place of another, durably.
pub(crate) fn replace(new: &Path, old: &Path) -> Result<(), StoreError> {
    std::fs::rename(new, old).map_err(io(old))?;
    sync_folder_of(old)
}

/// Takes a file away, durably, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(io(path)).and_then(|()| sync_folder_of(path)),
    }
}

/// Gives a file another name, durably, unless that is taken. Killed in it, the file has the one or the other; both, where the file system knows no
/// rename that replaces nothing.
pub(crate) fn rename_aside(old: &Path, new: &Path) -> Result<(), StoreError> {
    match rename_to_nothing(old, new) {
        Err(error) if knows_no_such_call(&error) => {
            name_anew(old, new).map_err(|error| cannot_name(new, error))?;
            remove(old)
        }
        renamed => renamed.map_err(io(new)).and_then(|()| sync_folder_of(new)),
    }
}

/// Gives a file another name, unless that is taken: `link` fails where `rename` replaces. The old name may be there still: on file systems without links
/// (exFAT, many behind FUSE) it is a rename that replaces nothing.
fn name_anew(old: &Path, new: &Path) -> io::Result<()> {
    name_anew_by(std::fs::hard_link(old, new), || rename_to_nothing(old, new))
}

fn name_anew_by(linked: io::Result<()>, rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match linked {
        Err(error) if knows_no_such_call(&error) => rename(),
        other => other,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn rename_to_nothing(old: &Path, new: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn rename_to_nothing(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Where there is neither: the name is claimed with an empty file, and that is replaced. Only a kill between the two leaves it there.
fn rename_to_claimed(old: &Path, new: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    std::fs::rename(old, new).inspect_err(|_| drop(std::fs::remove_file(new)))
}

/// EPERM is what link(2) says of a file system that has none.
fn knows_no_such_call(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK, Errno::INVAL]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
        || error.kind() == ErrorKind::Unsupported
}

/// Why a file cannot be given a name that is nobody's.
fn cannot_name(path: &Path, error: io::Error) -> StoreError {
    let why = "the file system has neither links nor a rename that replaces nothing; keep the vault on another disk of this machine, or in PostgreSQL";
    // A rename knows no EPERM for want of a call: an attribute of the file or of the folder forbids it.
    let is_forbidden = error.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error());
    io(path)(if knows_no_such_call(&error) && !is_forbidden { io::Error::new(error.kind(), why) } else { error })
}

/// Why a file cannot be closed to others.
fn cannot_close(path: &Path, error: io::Error) -> StoreError {
    let why = "the file system keeps no permissions, so that others could read what is in it; keep the vault on another disk of this machine, or in \
               PostgreSQL";
    io(path)(if knows_no_such_call(&error) { io::Error::new(error.kind(), why) } else { error })
}

/// Makes a file's name durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

/// A file being made beside its final place, 0600 whatever the umask; it appears there whole or not at all, and never in place of another.
pub(crate) struct Fresh {
    file: File,
    path: PathBuf,
    place: PathBuf,
    /// Whether it may lie on a file system with neither permissions nor a rename that replaces nothing.
    anywhere: bool,
}

impl Fresh {
    pub(crate) fn beside(place: &Path) -> Result<Self, StoreError> {
        let fresh = Self::new(place, false)?;
        fresh.file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| cannot_close(&fresh.path, error))?;
        Ok(fresh)
    }

    /// The same for what is sealed in itself, and may go to a stick.
    pub(crate) fn anywhere_beside(place: &Path) -> Result<Self, StoreError> {
        let fresh = Self::new(place, true)?;
        drop(fresh.file.set_permissions(Permissions::from_mode(0o600)));
        Ok(fresh)
    }

    fn new(place: &Path, anywhere: bool) -> Result<Self, StoreError> {
        let suffix: String = seal::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = with_suffix(place, &format!(".new-{suffix}"));
        // O_EXCL follows no link, not even a dangling one.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(io(place))?;
        Ok(Self { file, path, place: place.to_owned(), anywhere })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file in its place, durably. Says no, and changes nothing, if there is one already.
    pub(crate) fn publish(self) -> Result<bool, StoreError> {
        self.file.sync_all().map_err(io(&self.path))?;
        let named = match name_anew(&self.path, &self.place) {
            Err(error) if self.anywhere && knows_no_such_call(&error) => rename_to_claimed(&self.path, &self.place),
            named => named,
        };
        match named {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            other => other.map_err(|error| cannot_name(&self.place, error))?,
        }
        sync_folder_of(&self.place)?;
        Ok(true)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            drop(std::fs::remove_file(with_suffix(&self.path, suffix)));
        }
    }
}

/// `O_NONBLOCK`: opening a pipe that somebody put there must not wait for its other end.
fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn own(opened: io::Result<File>, path: &Path) -> Result<File, StoreError> {
    let file = opened
        .map_err(|error| if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) { link(path) } else { io(path)(error) })?;
    must_be_our_file(&file.metadata().map_err(io(path))?, path)?;
    Ok(file)
}

fn must_be_our_file(found: &Metadata, path: &Path) -> Result<(), StoreError> {
    if found.is_symlink() {
        return Err(link(path));
    }
    if !found.is_file() {
        return Err(StoreError::Unsafe(format!("{} is not a file", path.display())));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(StoreError::Unsafe(format!("{} belongs to another user", path.display())));
    }
    Ok(())
}

fn link(path: &Path) -> StoreError {
    StoreError::Unsafe(format!("{} is a link", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_told_by_their_numbers() {
        for (magic, name) in [(0x6969, Some("nfs")), (0xFE53_4D42, Some("smb")), (0xFFFF_FFFF_FE53_4D42, Some("smb")), (0xEF53, None)] {
            assert_eq!(name_of_network(magic), name, "{magic:x}");
        }
        let mut warnings = Vec::new();
        warn_of_network(&tempfile::tempdir().expect("a folder").path().join("vault.db"), &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn j2_of_users_outside_a_namespace_nobody_can_tell_who_they_are() {
        let whole = "         0          0 4294967295\n";
        for (uid, map, overflow, untold) in [
            (65_534, whole, "65534\n", false),
            (65_534, "", "", false),
            (65_534, "         0       1000          1\n", "65534\n", true),
            (65_534, "         0       1000          1\n         1     100000      65536\n", "65534\n", true),
            (65_534, "      1000       1000          1\n", "", true),
            (65_533, "      1000       1000          1\n", "65533\n", true),
            (1001, "      1000       1000          1\n", "65534\n", false),
        ] {
            assert_eq!(is_untold(uid, map, overflow), untold, "{uid} {map}");
        }
    }

    #[test]
    fn a_file_system_that_cannot_lock_is_told_of_with_what_to_do() {
        use rustix::io::Errno;
        let told = |errno: Errno| match cannot_lock(Path::new("vault.db.lock"), io::Error::from_raw_os_error(errno.raw_os_error())) {
            StoreError::Io(place, why) => format!("{place}: {why}"),
            other => panic!("{other:?}"),
        };
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS] {
            assert!(told(errno).contains("PostgreSQL") && told(errno).contains("vault.db.lock"), "{}", told(errno));
        }
        assert!(!told(Errno::IO).contains("PostgreSQL"), "a disk that fails can lock");
    }

    /// exFAT, many file systems behind FUSE.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn j5_a_file_appears_whole_or_not_at_all_where_there_are_no_links() {
        use rustix::io::Errno;
        let fails = |errno: Errno| Err(io::Error::from_raw_os_error(errno.raw_os_error()));
        let folder = tempfile::tempdir().expect("a folder");
        let [old, new, taken] = ["old", "new", "taken"].map(|name| folder.path().join(name));
        for file in [&old, &taken] {
            std::fs::write(file, file.display().to_string()).expect("writes");
        }
        for no_links in [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP] {
            let in_place = name_anew_by(fails(no_links), || rename_to_nothing(&old, &taken));
            assert_eq!(in_place.map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists), "nothing is replaced");
            name_anew_by(fails(no_links), || rename_to_nothing(&old, &new)).expect("renames");
            assert!(new.exists() && !old.exists());
            std::fs::rename(&new, &old).expect("renames back");
        }
        assert!(std::fs::read_to_string(&taken).expect("reads").ends_with("taken"));
        let claimed = |place: &Path| rename_to_claimed(&old, place).map_err(|error| error.kind());
        assert_eq!(claimed(&taken), Err(ErrorKind::AlreadyExists), "nothing is replaced");
        assert_eq!((claimed(&new), old.exists(), std::fs::read(&new).expect("reads").is_empty()), (Ok(()), false, false));
        // A disk that is full is no file system without links.
        let full = name_anew_by(fails(Errno::NOSPC), || panic!("nothing else is tried"));
        assert_eq!(full.map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
        let neither = name_anew_by(fails(Errno::PERM), || fails(Errno::INVAL)).expect_err("neither");
        let StoreError::Io(_, why) = cannot_name(&new, neither) else { panic!("an error of the disk") };
        assert!(why.to_string().contains("PostgreSQL"), "{why}");
        // An attribute of the folder forbids both: another disk is not what helps.
        let forbidden = cannot_name(&new, name_anew_by(fails(Errno::PERM), || fails(Errno::PERM)).expect_err("neither"));
        assert!(forbidden.hint().contains("lsattr"), "{}", forbidden.hint());
    }

    #[test]
    fn a_lock_is_held_by_one_and_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = folder.path().join("vault.db");
        let held = Lock::take(&vault).expect("it is free");
        let waiting = std::thread::spawn(move || Lock::take(&vault).map(drop));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!waiting.is_finished());
        drop(held);
        waiting.join().expect("it ends").expect("it is free again");
    }
}
