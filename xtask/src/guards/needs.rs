//! What a row's test needs beside the program that it is in. It does not look for that itself here: from where it lies, everything would be somewhere else.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::proof::built;
use super::tree::Tree;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// The command, of the same source: what is missing there is missing in it.
    Command,
    /// The servers that others wrote, installed.
    Peers,
}

/// Variables by which a test finds what it needs.
pub(super) type Environment = Vec<(&'static str, OsString)>;

impl Need {
    const NAMED: [(&'static str, Self); 2] = [("command", Self::Command), ("peers", Self::Peers)];

    pub(super) fn read(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, need)| *need)
    }

    fn provide(self, tree: &Tree) -> Result<Environment, String> {
        match self {
            Self::Command => {
                let keyfob = built(tree, &["build", "-p", "keyfob-cli", "--bin", "keyfob"], |_| true)?;
                Ok(vec![("KEYFOB_TEST_COMMAND", keyfob.into())])
            }
            // They are of no guard, and one copy does for all.
            Self::Peers => Ok(crate::setup::peers()),
        }
    }
}

pub(super) fn provide(needs: &BTreeSet<Need>, tree: &Tree) -> Result<Environment, String> {
    let mut environment = Environment::new();
    for need in needs {
        environment.extend(need.provide(tree)?);
    }
    Ok(environment)
}
