//! A pretend August: an OAuth 2 server without `token_type` and scopes, two credential headers of its own, and locks that
//! stay as they were left.
//!
//! ```text
//! /authorization  /access_token                         oauth.rs
//! /users/…  /locks/…  /remoteoperate/…  /houses/…       routes.rs → locks.rs, which keeps state
//! ```

mod locks;
mod oauth;
mod routes;

use std::sync::Mutex;

use serde_json::json;

use self::locks::Home;
use self::oauth::Oauth;
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};

#[derive(Default)]
pub(crate) struct August {
    oauth: Oauth,
    home: Mutex<Home>,
}

impl Service for August {
    fn credential_headers(&self) -> &'static [&'static str] {
        &["x-august-access-token", "x-august-api-key"]
    }

    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/authorization" => Zone::Page,
            "/access_token" => Zone::Token,
            _ => Zone::Api,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        match call.path() {
            "/authorization" => self.oauth.authorize(desk, call),
            "/access_token" => self.oauth.token(desk, call),
            _ => match self.oauth.authenticate(desk, call) {
                Err(reply) => reply,
                Ok(()) if desk.faults().missing_scope => error(403, "Forbidden", "this client may not use the resource"),
                Ok(()) => routes::answer(&mut held(&self.home), desk, call),
            },
        }
    }

    fn expire_access_tokens(&self, desk: &Desk) {
        self.oauth.expire(desk.now());
    }

    fn too_many_requests(&self) -> Reply {
        error(429, "TooManyRequests", "rate limit exceeded")
    }

    fn retired(&self) -> Reply {
        error(410, "Gone", "this service has ended")
    }
}

/// The shape of August's errors.
fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"code": code, "message": message}))
}
