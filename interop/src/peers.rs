//! The servers that others wrote, started on free ports.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{Program, http, tools};

/// A running server. It is killed when this is dropped.
pub struct Peer {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    _program: Program,
}

/// What became of the refresh requests that arrived at the OpenID Connect peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// How many arrived.
    pub requests: u64,
    /// How many were answered with new tokens.
    pub refreshed: u64,
    /// How many were refused: a refresh token that was spent before, mostly.
    pub refused: u64,
}

/// The OAuth 1.0a provider on oauthlib; `tokens` are `awkward` or `plain`, see there. `None` after saying that the test is skipped.
pub fn oauth1(tokens: &str) -> Option<Peer> {
    let python = tools::python()?;
    let server = tools::here().join("peers/oauth1/server.py");
    Some(Peer::listening(Program::start(&python, &[server.as_os_str(), tokens.as_ref()], &[])))
}

/// oidc-provider, whose access tokens last so many seconds. `None` after saying that the test is skipped.
///
/// # Panics
/// If there is no room for a copy of the server.
pub fn oidc(lifetime: u32) -> Option<Peer> {
    node("peers/oidc/server.mjs", &[lifetime.to_string().as_ref()])
}

/// oidc-provider with everything that it speaks; `tls`: a folder with what mutual TLS needs, see there. `None` after saying that the test is skipped.
///
/// # Panics
/// If there is no room for a copy of the server.
pub fn oidc_features(tls: Option<&Path>) -> Option<Peer> {
    let arguments: Vec<&OsStr> = tls.iter().map(|folder| folder.as_os_str()).collect();
    node("peers/oidc/features.mjs", &arguments)
}

fn node(server: &str, arguments: &[&OsStr]) -> Option<Peer> {
    let (node, folder) = tools::node()?;
    // Modules are looked for beside the file that imports them.
    let copy = tempfile::Builder::new().prefix("server-").suffix(".mjs").tempfile_in(folder).expect("a file beside node_modules");
    fs::copy(tools::here().join(server), copy.path()).expect("a copy of the server");
    let arguments: Vec<&OsStr> = [copy.path().as_os_str()].into_iter().chain(arguments.iter().copied()).collect();
    Some(Peer::listening(Program::start(&node, &arguments, &[])))
}

impl Peer {
    fn listening(mut program: Program) -> Self {
        let port = program.wait_for("listening on");
        Self { origin: format!("http://127.0.0.1:{port}"), _program: program }
    }

    /// Gives an order of the peer's control (see the file of its server); its counts afterwards.
    ///
    /// # Panics
    /// If it does not take it.
    pub fn order(&self, order: &str) -> Counts {
        let answer = self.control(order);
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {name} in {answer}"));
        Counts { requests: count("requests"), refreshed: count("refreshed"), refused: count("refused") }
    }

    /// Gives an order of the peer's control; its answer.
    ///
    /// # Panics
    /// If it does not take it.
    pub fn control(&self, order: &str) -> Value {
        let answer = http::send("POST", &format!("{}/control/{order}", self.origin), &[], b"");
        answer.unwrap_or_else(|problem| panic!("{order}: {problem}")).json()
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> Counts {
        self.order("counts")
    }
}
