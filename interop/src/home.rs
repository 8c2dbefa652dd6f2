//! A person's home with nothing in it, and the command in it: a vault, provider files and an environment of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::Finished;
use crate::{Program, http, tools};

/// A home.
pub struct Home {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Home {
    /// An empty one.
    ///
    /// # Panics
    /// If there is no room for it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Whatever goes wrong, the command shall not leave this machine.
        Self { folder, environment: vec![("KEYFOB_LOOPBACK_ONLY".to_owned(), "1".to_owned())] }
    }

    /// A variable of the environment, from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// No such variable any more.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// A provider file of the person's own: a template of `providers/`, its capital words replaced.
    ///
    /// # Panics
    /// If there is no such template, or the catalogue does not take what comes of it.
    pub fn add_provider(&self, template: &str, name: &str, words: &[(&str, &str)]) {
        let file = tools::here().join("providers").join(format!("{template}.toml"));
        let mut text = fs::read_to_string(&file).unwrap_or_else(|problem| panic!("{}: {problem}", file.display()));
        for (word, value) in [("NAME", name)].iter().chain(words) {
            text = text.replace(word, value);
        }
        let folder = self.folder.path().join(".config/keyfob/providers");
        fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(format!("{name}.toml")), text)).expect("a provider file");
        let catalogue = keyfob_providers::Catalogue::load(Some(&folder));
        assert!(catalogue.problems().is_empty(), "{:?}", catalogue.problems());
        catalogue.get(name).expect("the provider");
    }

    /// Starts the command.
    pub fn start(&self, arguments: &[&str]) -> Program {
        Program::start_in(self.folder.path(), &tools::keyfob(), arguments, &self.environment())
    }

    /// A program in this home and its environment, for a test that starts it in a way of its own.
    pub fn command<A: AsRef<OsStr>>(&self, program: &Path, arguments: &[A]) -> Command {
        Program::command(self.folder.path(), program, arguments, &self.environment())
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Runs the command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish()
    }

    /// Runs the command to its end, which must be a good one.
    ///
    /// # Panics
    /// If it is not.
    pub fn good(&self, arguments: &[&str]) -> Finished {
        let end = self.run(arguments);
        assert!(end.success, "keyfob {}: {end:#?}", arguments.join(" "));
        end
    }

    /// Logs in through the callback: `person` gets the authorization URL and gives the address that the provider sent it to, and
    /// that address is visited, as the browser would.
    ///
    /// # Panics
    /// If the login does not come to a good end.
    pub fn log_in(&self, name: &str, person: impl Fn(&str) -> String) {
        let mut login = self.start(&["login", name, "--no-browser"]);
        let redirect = person(&login.wait_for_note("http://"));
        let page = http::visit(&redirect);
        assert_eq!(page.status, 200, "{page:?}");
        let end = login.finish();
        assert!(end.success, "{end:#?}");
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
