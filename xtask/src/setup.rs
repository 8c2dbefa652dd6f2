//! Installs what the tests need: by name with apt where that is allowed, everything else inside the target folder.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{
    self, CHROMEDRIVER, CHROMIUM, EXT4, FAKETIME, IP, KEYRING, NGINX, NODE, NODE_WANTED, POSTGRES, PYTHON, STRACE, SYSTEMD, Tool, XFS,
};

/// What tests find in their environment, and what they will miss.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) missing: Vec<String>,
}

/// Brought by npm where the machine's own is too old for the peer.
const NODE_PACKAGE: &str = "node@24.21.0";

/// Looks, installs, and says what it did.
pub(crate) fn run() -> Setup {
    let mut setup = Setup::default();
    install_by_name(&[PYTHON, NODE, CHROMIUM, CHROMEDRIVER, POSTGRES, FAKETIME, STRACE, EXT4, XFS, IP, SYSTEMD, NGINX, KEYRING]);
    setup.add_peers();
    setup.add(&CHROMIUM, "KEYFOB_TEST_CHROMIUM", |found| Ok(found.to_path_buf()));
    for (tool, variable) in [
        (&CHROMEDRIVER, "KEYFOB_TEST_CHROMEDRIVER"),
        (&POSTGRES, "KEYFOB_TEST_POSTGRES"),
        (&FAKETIME, "KEYFOB_TEST_FAKETIME"),
        (&STRACE, "KEYFOB_TEST_STRACE"),
        (&EXT4, "KEYFOB_TEST_MKFS_EXT4"),
        (&XFS, "KEYFOB_TEST_MKFS_XFS"),
        (&IP, "KEYFOB_TEST_IP"),
        (&SYSTEMD, "KEYFOB_TEST_SYSTEMD_ANALYZE"),
        (&NGINX, "KEYFOB_TEST_NGINX"),
        (&KEYRING, "KEYFOB_TEST_KEYRING"),
    ] {
        setup.add(tool, variable, |found| Ok(found.to_path_buf()));
    }
    setup
}

/// The variables by which tests find the servers that others wrote; those that can be had.
pub(crate) fn peers() -> Vec<(&'static str, OsString)> {
    let mut setup = Setup::default();
    setup.add_peers();
    setup.environment
}

impl Setup {
    fn add_peers(&mut self) {
        self.add(&PYTHON, "KEYFOB_TEST_PYTHON", python_environment);
        if let Some(node) = self.add(&NODE, "KEYFOB_TEST_NODE", node_modules) {
            let modules = node_folder().join("node_modules");
            println!("      {} runs {}", node.display(), modules.display());
            self.environment.push(("KEYFOB_TEST_NODE_MODULES", modules.into()));
        }
    }

    /// Prepares a tool that is there; what comes out of it goes into the tests' environment.
    fn add(&mut self, tool: &Tool, variable: &'static str, prepare: impl FnOnce(&Path) -> Result<PathBuf, String>) -> Option<PathBuf> {
        let prepared = match (tool.find)() {
            None => Err(format!("not installed; on Debian: apt-get install {}", tool.packages.join(" "))),
            Some(found) => prepare(&found),
        };
        match prepared {
            Ok(path) => {
                self.environment.push((variable, path.clone().into()));
                Some(path)
            }
            Err(problem) => {
                self.missing.push(format!("{}: {problem}; skips {}", tool.name, tool.skips));
                None
            }
        }
    }
}

/// As root, with apt: what is missing, each tool on its own, so that one that cannot be had does not keep out another.
fn install_by_name(wanted: &[Tool]) {
    let missing: Vec<&Tool> = wanted.iter().filter(|tool| (tool.find)().is_none()).collect();
    let Some(apt) = tools::on_path("apt-get").filter(|_| !missing.is_empty() && tools::is_root()) else {
        return;
    };
    println!("      apt-get update");
    if let Err(problem) = quiet(Command::new(&apt).args(["update", "-q"])) {
        println!("      {problem}");
    }
    for tool in missing {
        println!("      apt-get install {}", tool.packages.join(" "));
        let mut install = Command::new(&apt);
        install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-q", "-y", "--no-install-recommends"]).args(tool.packages);
        if let Err(problem) = quiet(&mut install) {
            println!("      {problem}");
        }
    }
}

/// A virtual environment with the pinned packages; gives its Python.
fn python_environment(python: &Path) -> Result<PathBuf, String> {
    let (folder, list) = (interop_folder().join("venv"), crate::root().join("interop/requirements.txt"));
    let inside = folder.join("bin/python");
    let stamp = Stamp::new(&folder, &[&list], &python.to_string_lossy())?;
    if stamp.is_fresh() && inside.exists() {
        return Ok(inside);
    }
    println!("      {} from {}", folder.display(), list.display());
    remove(&folder)?;
    quiet(Command::new(python).arg("-m").arg("venv").arg(&folder))?;
    let mut pip = Command::new(&inside);
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input"]).arg("--cache-dir").arg(cache("pip"));
    quiet(pip.arg("-r").arg(&list))?;
    stamp.set()?;
    Ok(inside)
}

/// The pinned packages beside a copy of their manifest; gives a Node that is new enough to run them.
fn node_modules(npm: &Path) -> Result<PathBuf, String> {
    let (folder, source) = (node_folder(), crate::root().join("interop"));
    let (manifest, lock) = (source.join("package.json"), source.join("package-lock.json"));
    let brought = folder.join("node_modules/node/bin/node");
    let own = tools::node(NODE_WANTED);
    let node = own.clone().unwrap_or_else(|| brought.clone());
    let stamp = Stamp::new(&folder, &[&manifest, &lock], &node.to_string_lossy())?;
    if stamp.is_fresh() && node.exists() {
        return Ok(node);
    }
    println!("      {} from {}", folder.join("node_modules").display(), lock.display());
    remove(&folder)?;
    fs::create_dir_all(&folder).map_err(|problem| format!("cannot make {}: {problem}", folder.display()))?;
    for file in [&manifest, &lock] {
        let name = file.file_name().expect("a file");
        fs::copy(file, folder.join(name)).map_err(|problem| format!("cannot copy {}: {problem}", file.display()))?;
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(npm);
        quiet(command.current_dir(&folder).args(arguments).args(["--no-audit", "--no-fund", "--cache"]).arg(cache("npm")))
    };
    run(&["ci", "--ignore-scripts"])?;
    if own.is_none() {
        println!("      {NODE_PACKAGE}, because the machine's is older than {}", NODE_WANTED.0);
        run(&["install", "--no-save", NODE_PACKAGE])?;
        if tools::node_version(&brought).is_none_or(|version| version < NODE_WANTED) {
            return Err(format!("{NODE_PACKAGE} does not run here"));
        }
    }
    stamp.set()?;
    Ok(node)
}

/// Says that a folder was made from these files with this program.
struct Stamp {
    file: PathBuf,
    value: String,
}

impl Stamp {
    fn new(folder: &Path, files: &[&Path], program: &str) -> Result<Self, String> {
        let mut hasher = DefaultHasher::new();
        program.hash(&mut hasher);
        for file in files {
            fs::read(file).map_err(|problem| format!("cannot read {}: {problem}", file.display()))?.hash(&mut hasher);
        }
        Ok(Self { file: folder.join(".made-from"), value: format!("{:016x}\n", hasher.finish()) })
    }

    fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.value)
    }

    fn set(&self) -> Result<(), String> {
        fs::write(&self.file, &self.value).map_err(|problem| format!("cannot write {}: {problem}", self.file.display()))
    }
}

fn interop_folder() -> PathBuf {
    crate::target().join("interop")
}

fn node_folder() -> PathBuf {
    interop_folder().join("node")
}

/// What was downloaded is kept here too: nothing of ours is left in a person's home.
fn cache(of: &str) -> PathBuf {
    interop_folder().join("cache").join(of)
}

fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => Err(format!("cannot remove {}: {problem}", folder.display())),
        _ => Ok(()),
    }
}

/// Runs a command; its output is shown only if it fails.
fn quiet(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.output() {
        Err(problem) => Err(format!("cannot run {shown}: {problem}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(20)..].join("\n        ");
            Err(format!("{shown} failed:\n        {tail}\n      "))
        }
    }
}
