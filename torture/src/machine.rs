//! What the tortures need from the machine: mounts, loop devices, strace.

use std::path::{Path, PathBuf};

use crate::Rigged;
use crate::process::{on_path, quiet};
use crate::tally::Skip;

/// A mounted file system, unmounted when it is dropped.
pub struct Mount {
    /// Where it is.
    pub place: PathBuf,
}

impl Mount {
    /// A file system in memory.
    pub fn memory(place: &Path, options: &str) -> Result<Self, Skip> {
        Self::at(&["-t", "tmpfs", "-o", options, "keyfob-torture"], place)
    }

    /// The ext4 in an image, by a loop device.
    pub fn image(image: &Path, place: &Path) -> Result<Self, Skip> {
        Self::at(&["-o", "loop", &image.to_string_lossy()], place)
    }

    fn at(arguments: &[&str], place: &Path) -> Result<Self, Skip> {
        // Only root may, and a container's root often may not.
        let mut arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(place.to_string_lossy().into_owned());
        quiet("mount", arguments).map_err(|problem| Skip::kernel(format!("no mounts here: {problem}")))?;
        Ok(Self { place: place.to_owned() })
    }

    /// Mounts it again with other options.
    pub fn remount(&self, options: &str) -> Rigged<()> {
        let options = format!("remount,{options}");
        quiet("mount", ["-o", &options, &self.place.to_string_lossy()])
    }

    /// Unmounts it.
    pub fn unmount(self) -> Rigged<()> {
        let result = quiet("umount", [&self.place]);
        std::mem::forget(self);
        result
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, for whoever still has a file open in it: a mount that stays would keep the folder from being removed.
        let _ = quiet("umount", ["--lazy".as_ref(), self.place.as_os_str()]);
    }
}

/// An empty ext4 in a file.
pub fn ext4(image: &Path, bytes: u64) -> Result<(), Skip> {
    let make = || -> Rigged<()> {
        let file = std::fs::File::create(image).map_err(|error| format!("no image: {error}"))?;
        file.set_len(bytes).map_err(|error| format!("no image: {error}"))?;
        quiet("mkfs.ext4", ["-q".as_ref(), "-F".as_ref(), image.as_os_str()])
    };
    make().map_err(Skip::missing)
}

/// Takes a file system's power: what is not on its disk yet will never be (`FS_IOC_SHUTDOWN` without flushing the log).
pub fn cut(place: &Path) -> Rigged<()> {
    if on_path("xfs_io").is_some() {
        return quiet("xfs_io", ["-x".as_ref(), "-c".as_ref(), "shutdown".as_ref(), place.as_os_str()]);
    }
    let program = "import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    quiet("python3", ["-c".as_ref(), program.as_ref(), place.as_os_str()])
}

/// Whether something here can cut power.
pub fn can_cut() -> Result<(), Skip> {
    match ["xfs_io", "python3"].into_iter().find_map(on_path) {
        Some(_) => Ok(()),
        None => Err(Skip::missing("neither xfs_io (xfsprogs) nor python3, one of which asks for the shutdown")),
    }
}

/// strace, if it is there and allowed.
pub fn strace() -> Result<PathBuf, Skip> {
    let strace = on_path("strace").ok_or_else(|| Skip::missing("no strace; on Debian: apt-get install strace"))?;
    quiet(&strace.to_string_lossy(), ["-o", "/dev/null", "true"]).map_err(|problem| Skip::kernel(format!("no ptrace here: {problem}")))?;
    Ok(strace)
}
