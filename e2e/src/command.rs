//! Walking with the command: a home of its own, the sandbox, and nothing of the environment of whoever runs the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyfob_interop::{Program, World, tools};
use keyfob_sandbox::{Consent, SERVICES};
use serde_json::Value;

/// A person's home on a machine with the pretend providers.
pub struct Home {
    /// The pretend providers, who approve everything unless told otherwise.
    pub world: World,
    folder: tempfile::TempDir,
}

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// What it wrote for programs.
    pub stdout: String,
    /// What it wrote for people.
    pub stderr: String,
}

impl Home {
    /// A new home.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new() -> Self {
        let world = World::start();
        for service in SERVICES {
            world.consent(service, Consent::Approve);
        }
        Self { world, folder: tempfile::tempdir().expect("a folder") }
    }

    /// The folder everything is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The vault: the sandbox has one of its own.
    pub fn vault(&self) -> PathBuf {
        self.folder().join("data/sandbox/vault.db")
    }

    /// Runs the command to its end.
    ///
    /// # Panics
    /// If it does not start.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(tools::keyfob());
        command.args(arguments).env_clear().envs(self.environment()).current_dir(self.folder()).stdin(Stdio::null());
        let output = command.output().expect("the command starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts the command, to be spoken to.
    pub fn start(&self, arguments: &[&str]) -> Program {
        let environment = self.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Program::start(&tools::keyfob(), arguments, &environment)
    }

    /// Runs the command, which succeeds, and reads its JSON.
    ///
    /// # Panics
    /// If it fails, or says something else.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments).succeeded();
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stdout))
    }

    fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let here = |name: &str| self.folder().join(name).display().to_string();
        [
            ("PATH", path),
            ("HOME", here("home")),
            ("LANG", "C.UTF-8".to_owned()),
            ("KEYFOB_CONFIG_DIR", here("config")),
            ("KEYFOB_DATA_DIR", here("data")),
            ("KEYFOB_SANDBOX", self.world.index().to_owned()),
            ("KEYFOB_LOOPBACK_ONLY", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Ended {
    /// The same, if it succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// The same, if it failed like this, with a card of what, why and next on standard error and nothing on standard output.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    pub fn failed(self, code: i32, why: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(self.stderr.contains(why), "expected \"{why}\" in {self:#?}");
        self
    }
}
