//! What the tortures need from the machine: mounts, loop devices, strace.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Rigged;
use crate::process::{Victim, on_path, quiet};
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
pub struct Cutter(Victim);

/// Says that it is ready, waits for a line, cuts, and says so. (A child of our own could not: the call is `unsafe` in Rust.)
const CUT: &str = "import fcntl, os, struct, sys
disk = os.open(sys.argv[1], os.O_RDONLY)
print('ready', flush=True)
sys.stdin.readline()
fcntl.ioctl(disk, 0x8004587d, struct.pack('I', 2))
print('cut', flush=True)";

impl Cutter {
    /// What it needs.
    pub fn needs() -> Result<(), Skip> {
        on_path("python3").map(drop).ok_or_else(|| Skip::missing("no python3, which asks the kernel for the shutdown"))
    }

    /// Stands by, so that the cut comes at the moment it is wanted.
    pub fn ready(place: &Path) -> Rigged<Self> {
        let mut cutter = Victim::start(Command::new("python3").args(["-c", CUT]).arg(place))?;
        if cutter.wait_for("ready") { Ok(Self(cutter)) } else { Err("python3 is not ready to cut".to_owned()) }
    }

    /// Cuts.
    pub fn cut(mut self) -> Rigged<()> {
        let mut stdin = self.0.stdin().expect("it is piped");
        stdin.write_all(b"\n").map_err(|error| format!("python3 does not listen: {error}"))?;
        if self.0.wait_for("cut") { self.0.finish().map(drop) } else { Err(format!("no cut: {}", self.0.finish()?.errors)) }
    }
}

/// strace, if it is there and allowed.
pub fn strace() -> Result<PathBuf, Skip> {
    let strace = on_path("strace").ok_or_else(|| Skip::missing("no strace; on Debian: apt-get install strace"))?;
    quiet(&strace.to_string_lossy(), ["-o", "/dev/null", "true"]).map_err(|problem| Skip::kernel(format!("no ptrace here: {problem}")))?;
    Ok(strace)
}
