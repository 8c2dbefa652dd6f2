//! How servers are reached, and whom the system trusts.

use keyfob::HyperTransport;

use crate::card::Card;
use crate::exit::Exit;
use crate::progress::PATIENCE;

/// The transport; for tests one that refuses everything off this machine.
pub(crate) fn transport() -> Result<HyperTransport, Card> {
    kept_here(false)
}

/// The same, which may be told to stay on this machine: where pretend providers are meant, a host that none of them plays is a real one, and must not be
/// sent a pretend app's secret.
pub(crate) fn kept_here(pretend: bool) -> Result<HyperTransport, Card> {
    let loopback_only = pretend || std::env::var_os("KEYFOB_LOOPBACK_ONLY").is_some_and(|value| !value.is_empty() && value != "0");
    HyperTransport::builder().loopback_only(loopback_only).head_deadline(PATIENCE).build().map_err(|error| no_certificates(&error))
}

/// Whether there is anybody whom the system trusts.
pub(crate) fn certificates() -> Result<(), Card> {
    transport()?.read_certificates().map_err(|error| no_certificates(&error))
}

fn no_certificates(error: &std::io::Error) -> Card {
    Card::new(
        Exit::Network,
        "cannot talk to servers",
        error.to_string(),
        "install the system's certificates (package ca-certificates), or name them in SSL_CERT_FILE",
    )
}
