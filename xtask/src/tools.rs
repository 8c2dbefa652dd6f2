//! What the tests need from the machine, and whether it is there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that tests need.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Debian's packages that bring it.
    pub(crate) packages: &'static [&'static str],
    /// What cannot be tested without it.
    pub(crate) skips: &'static str,
    pub(crate) find: fn() -> Option<PathBuf>,
}

pub(crate) const PYTHON: Tool = Tool {
    name: "Python ≥ 3.10 with venv",
    packages: &["python3", "python3-venv"],
    skips: "the seeds' own programs and the OAuth 1.0a peer (interop)",
    find: python,
};
pub(crate) const NODE: Tool =
    Tool { name: "Node ≥ 18 with npm", packages: &["nodejs", "npm"], skips: "the OpenID Connect peer (interop)", find: npm };
pub(crate) const CHROMIUM: Tool =
    Tool { name: "Chromium", packages: &["chromium"], skips: "pages in a real browser (interop, e2e)", find: chromium };
pub(crate) const CHROMEDRIVER: Tool =
    Tool { name: "ChromeDriver", packages: &["chromium-driver"], skips: "pages in a real browser (interop, e2e)", find: chromedriver };

pub(crate) const POSTGRES: Tool = Tool {
    name: "PostgreSQL",
    packages: &["postgresql"],
    skips: "the vault that several machines share (store, interop, bench)",
    find: postgres,
};
pub(crate) const FAKETIME: Tool =
    Tool { name: "libfaketime", packages: &["faketime"], skips: "clocks that are wrong or jump (e2e)", find: faketime };
pub(crate) const STRACE: Tool = Tool {
    name: "strace",
    packages: &["strace"],
    skips: "every system call that fails in every way (torture)",
    find: || on_path("strace").filter(|path| succeeds(path, &["-V"])),
};
pub(crate) const EXT4: Tool = Tool {
    name: "mkfs.ext4",
    packages: &["e2fsprogs"],
    skips: "power cuts and full disks on ext4 (torture)",
    find: || on_path("mkfs.ext4"),
};
pub(crate) const XFS: Tool =
    Tool { name: "mkfs.xfs", packages: &["xfsprogs"], skips: "power cuts on xfs (torture)", find: || on_path("mkfs.xfs") };
pub(crate) const IP: Tool = Tool {
    name: "ip",
    packages: &["iproute2"],
    skips: "two machines on one PostgreSQL (store)",
    find: || on_path("ip").filter(|path| succeeds(path, &["-V"])),
};

pub(crate) const SYSTEMD: Tool = Tool {
    name: "systemd-analyze",
    packages: &["systemd"],
    skips: "the units of packaging/, and sockets that are handed over (cli)",
    find: || on_path("systemd-analyze").filter(|path| succeeds(path, &["--version"])),
};
pub(crate) const KEYRING: Tool = Tool {
    name: "GNOME Keyring",
    packages: &["gnome-keyring", "dbus"],
    skips: "the vault's key in the desktop's keyring (store)",
    find: || on_path("dbus-run-session").and(on_path("dbus-send")).and(on_path("gnome-keyring-daemon")),
};
pub(crate) const NGINX: Tool = Tool {
    name: "nginx",
    packages: &["nginx-light"],
    skips: "the proxy of packaging/ (cli), the fleet behind it (interop)",
    find: || on_path("nginx").filter(|path| succeeds(path, &["-v"])),
};

/// The Node that the peer needs; an older one can still install it with its npm.
pub(crate) const NODE_WANTED: (u32, u32) = (20, 0);

pub(crate) fn python() -> Option<PathBuf> {
    // Debian ships `venv` without `ensurepip`, which is what makes an environment usable.
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"].into_iter().filter_map(on_path).find(|python| succeeds(python, &["-c", check]))
}

pub(crate) fn node(least: (u32, u32)) -> Option<PathBuf> {
    ["node", "nodejs"].into_iter().filter_map(on_path).find(|node| node_version(node).is_some_and(|version| version >= least))
}

pub(crate) fn npm() -> Option<PathBuf> {
    node((18, 0))?;
    on_path("npm").filter(|npm| succeeds(npm, &["--version"]))
}

fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().filter_map(on_path).find(|path| succeeds(path, &["--version"]))
}

fn chromedriver() -> Option<PathBuf> {
    on_path("chromedriver").filter(|path| succeeds(path, &["--version"]))
}

/// The folder with the server's programs: Debian keeps them off the PATH, one folder a version. The newest.
fn postgres() -> Option<PathBuf> {
    let number = |version: &PathBuf| version.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(number(version)));
    let on_path = on_path("initdb").and_then(|initdb| initdb.parent().map(Path::to_path_buf));
    let has_all = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file());
    versions.into_iter().map(|version| version.join("bin")).chain(on_path).find(has_all)
}

/// Debian's multi-architecture folders, and the plain one of others.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = folders.chain(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}

/// The file that a shell would run for this name. Root's programs too: an ordinary user's PATH lacks them, and may still use them.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub(crate) fn node_version(node: &Path) -> Option<(u32, u32)> {
    let output = Command::new(node).arg("--version").output().ok()?;
    version(&String::from_utf8_lossy(&output.stdout))
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

pub(crate) fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Major and minor of `v20.20.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("v9.1.0"), Some((9, 1)));
        assert!(version("v9.1.0") < version("v18.0.0"));
        assert_eq!(version("no such thing"), None);
    }
}
