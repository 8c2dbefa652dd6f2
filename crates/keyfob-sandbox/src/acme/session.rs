//! Session management (OpenID Connect Session Management 1.0): `session_state` in authorization responses, and the frame that tells whether it still holds.

use axum::http::Method;
use keyfob_proto::{Origin, encode};
use sha2::{Digest as _, Sha256};

use super::{Acme, once};
use crate::desk::held;
use crate::message::{Call, Reply};
use crate::page;

impl Acme {
    /// GET: the frame. POST: what it asks when a page has posted a message to it.
    pub(super) fn check_session(&self, call: &Call) -> Reply {
        if call.method == Method::GET {
            return page::check_session();
        }
        let field = |name| once(&call.form, name).ok().flatten();
        let (Some(client), Some(state), Some(origin)) = (field("client_id"), field("session_state"), field("origin")) else {
            return Reply::text(200, "error");
        };
        // §4.2: a state of another form than ours was never ours.
        let whole = state.split_once('.').is_some_and(|(hash, salt)| hash.len() == 43 && salt.len() == 16);
        let now = held(&self.person).session_id().map(|session| state_of(client, origin, session));
        Reply::text(
            200,
            if !whole {
                "error"
            } else if now.as_deref() == Some(state) {
                "unchanged"
            } else {
                "changed"
            },
        )
    }
}

/// §4.2: a hash of client, origin and the state of the browser at the server, with salt, which here comes from them as well.
pub(super) fn session_state(client: &str, redirect_uri: &str, session: &str) -> Option<String> {
    Some(state_of(client, Origin::parse(redirect_uri)?.as_str(), session))
}

fn state_of(client: &str, origin: &str, session: &str) -> String {
    let salt: String = Sha256::digest(format!("salt {client} {session}")).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{salt}", encode::base64url(&Sha256::digest(format!("{client} {origin} {session} {salt}"))))
}
