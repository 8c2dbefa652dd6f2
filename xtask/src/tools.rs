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

/// The file that a shell would run for this name.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub(crate) fn node_version(node: &Path) -> Option<(u32, u32)> {
    let output = Command::new(node).arg("--version").output().ok()?;
    version(&String::from_utf8_lossy(&output.stdout))
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &Path, arguments: &[&str]) -> bool {
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
