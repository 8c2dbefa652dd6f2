//! Programs of other people that the bench needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Program, and Debian's package of it. PostgreSQL is looked for by the testbed.
const TOOLS: [(&str, &str); 3] = [("wrk", "wrk"), ("nginx", "nginx-light"), ("taskset", "util-linux")];

/// Installs what is missing, as root; otherwise says what is.
pub(crate) fn install() -> Result<(), String> {
    let missing = || TOOLS.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect::<Vec<_>>();
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        for arguments in [&["update"][..], &[&["install", "--yes", "--no-install-recommends"][..], &packages].concat()] {
            let apt = Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
            apt.map_err(|error| format!("apt-get: {error}"))?;
        }
    }
    match missing().as_slice() {
        [] => Ok(()),
        packages => Err(format!("missing; on Debian: apt-get install {}", packages.join(" "))),
    }
}

/// Where a program is. Administrators' programs are not on everybody's path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).to_path_buf()));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
