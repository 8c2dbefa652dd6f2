//! A pretend Netatmo: an OAuth 2 server that answers scopes as an array and rotates strictly, and a weather station that
//! has measured since 2019.
//!
//! ```text
//! /oauth2/authorize  /oauth2/token     oauth.rs
//! /api/{method}                        api.rs → station.rs (what there is), measure.rs (getmeasure), home.rs
//! ```

mod api;
mod home;
mod measure;
mod oauth;
mod station;

use serde_json::json;

use self::oauth::Oauth;
use crate::desk::{Desk, Service};
use crate::fault::Zone;
use crate::message::{Call, Reply};

#[derive(Default)]
pub(crate) struct Netatmo {
    oauth: Oauth,
}

impl Service for Netatmo {
    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/oauth2/authorize" => Zone::Page,
            path if path.starts_with("/oauth2/") => Zone::Token,
            _ => Zone::Api,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        match call.path() {
            "/oauth2/authorize" => self.oauth.authorize(desk, call),
            "/oauth2/token" => self.oauth.token(desk, call),
            path => match path.strip_prefix("/api/") {
                Some(method) => api::answer(&self.oauth, desk, method, call),
                None => error(404, 31, "Not found"),
            },
        }
    }

    fn expire_access_tokens(&self, desk: &Desk) {
        self.oauth.expire(desk.now());
    }

    fn too_many_requests(&self) -> Reply {
        error(429, 26, "User usage reached")
    }

    fn retired(&self) -> Reply {
        error(410, 22, "Application not found")
    }
}

/// The shape of the API's errors: a number and a text.
fn error(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message}}))
}
