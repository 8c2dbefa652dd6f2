//! What a test needs from the machine. `cargo xtask setup` installs it, and names it in the environment; without that it is
//! looked for where `setup` puts it.
//!
//! A test that cannot have what it needs is skipped, and says so (see [`skip`]).

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use keyfob_testbed::{Why, skip};

/// Where packages put it, below a folder of libraries.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// A Python with the packages of `requirements.txt`; `None` after saying that the test is skipped.
pub fn python() -> Option<PathBuf> {
    let found = named("KEYFOB_TEST_PYTHON").or_else(|| existing(interop().join("venv/bin/python")));
    found.or_else(|| skip(Why::Missing, "no Python environment; `cargo xtask setup` makes it"))
}

/// A Node and the folder whose `node_modules` holds the packages of `package.json`.
pub fn node() -> Option<(PathBuf, PathBuf)> {
    let modules = named("KEYFOB_TEST_NODE_MODULES").or_else(|| existing(interop().join("node/node_modules")));
    let folder = modules.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let node =
        named("KEYFOB_TEST_NODE").or_else(|| existing(folder.clone()?.join("node_modules/node/bin/node"))).or_else(|| on_path("node"));
    match (node, folder) {
        (Some(node), Some(folder)) => Some((node, folder)),
        _ => skip(Why::Missing, "no Node, or no packages for it; `cargo xtask setup` makes both"),
    }
}

/// The judge of pages (axe-core), as a script to run in one; `None` after saying that the test is skipped.
pub fn axe() -> Option<String> {
    let modules = named("KEYFOB_TEST_NODE_MODULES").or_else(|| existing(interop().join("node/node_modules")));
    let script = modules.and_then(|modules| std::fs::read_to_string(modules.join("axe-core/axe.min.js")).ok());
    script.or_else(|| skip(Why::Missing, "no axe-core; `cargo xtask setup` brings it"))
}

/// Chromium and its ChromeDriver.
pub fn chromium() -> Option<(PathBuf, PathBuf)> {
    let chromium = named("KEYFOB_TEST_CHROMIUM").or_else(|| on_path("chromium")).or_else(|| on_path("chromium-browser"));
    let driver = named("KEYFOB_TEST_CHROMEDRIVER").or_else(|| on_path("chromedriver"));
    match (chromium, driver) {
        (Some(chromium), Some(driver)) => Some((chromium, driver)),
        _ => skip(Why::Missing, "no Chromium with ChromeDriver; `cargo xtask setup` installs them where it may"),
    }
}

/// curl; `None` after saying that the test is skipped.
pub fn curl() -> Option<PathBuf> {
    on_path("curl").or_else(|| skip(Why::Missing, "no curl (Debian: apt-get install curl)"))
}

/// nginx; `None` after saying that the test is skipped.
pub fn nginx() -> Option<PathBuf> {
    let found = named("KEYFOB_TEST_NGINX").or_else(|| on_path("nginx")).or_else(|| existing(PathBuf::from("/usr/sbin/nginx")));
    found.or_else(|| skip(Why::Missing, "no nginx; `cargo xtask setup` installs it where it may (Debian: apt-get install nginx-light)"))
}

/// The library of faketime that turns a program's clock (its variant for programs with threads).
pub fn faketime() -> Option<PathBuf> {
    let installed = || {
        let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
        folders.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/local/lib")]).find_map(|folder| existing(folder.join(FAKETIME)))
    };
    let found = named("KEYFOB_TEST_FAKETIME").or_else(installed);
    found.or_else(|| skip(Why::Missing, "no libfaketime; `cargo xtask setup` installs it where it may (Debian: apt-get install faketime)"))
}

/// The command: the one that `KEYFOB_TEST_COMMAND` names, or else built from the present sources.
///
/// # Panics
/// If it does not build.
pub fn keyfob() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // The whole workspace's features, so that this and `cargo test --workspace` build each crate once.
        let arguments = ["build", "--quiet", "--workspace", "--bins", "--manifest-path", manifest];
        let output = Command::new(cargo).args(arguments).output().expect("cargo runs");
        assert!(output.status.success(), "keyfob does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        profile().join("keyfob")
    };
    named("KEYFOB_TEST_COMMAND").unwrap_or_else(|| BUILT.get_or_init(build).clone())
}

/// This crate's folder: `seeds`, `peers`, `transcripts` lie in it.
pub fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where `cargo xtask setup` puts what it makes.
fn interop() -> PathBuf {
    profile().parent().expect("the target folder").join("interop")
}

/// `target/debug` or `target/release`: a test lies in its `deps`.
fn profile() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let deps = test.parent().expect("a folder");
    if deps.ends_with("deps") { deps.parent().expect("the profile's folder") } else { deps }.to_path_buf()
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from).and_then(existing)
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}
