//! A pretend Fitbit of two eras on one origin: OAuth 1.0a as it was in 2013 (and after 2014 with `strict`), and OAuth 2
//! until the announced end (`retired`).
//!
//! ```text
//! /oauth/request_token  /oauth/authorize  /oauth/access_token                 login1.rs
//! /oauth2/authorize  /oauth2/token  /oauth2/revoke  /1.1/oauth2/introspect    login2.rs
//! /1/user/-/…  /1.2/user/-/…                                                  resources.rs → days.rs
//! ```

mod days;
mod login1;
mod login2;
mod resources;

use std::collections::HashMap;
use std::sync::Mutex;

use axum::http::header;
use serde_json::{Value, json};

use self::login1::Login1;
use self::login2::Login2;
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};

/// The demo person.
const USER: &str = "5A9DB0";
/// Requests in one hour, for one app and person.
const HOURLY: u32 = 150;

#[derive(Default)]
pub(crate) struct Fitbit {
    oauth1: Login1,
    oauth2: Login2,
    /// The hour and how often each app asked in it.
    asked: Mutex<(i64, HashMap<String, u32>)>,
}

/// Who asks, and what they may.
struct Caller {
    client: String,
    /// `None` for OAuth 1, where a token opens everything.
    scopes: Option<Vec<String>>,
}

impl Service for Fitbit {
    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/oauth2/authorize" | "/oauth/authorize" | "/oauth/authenticate" | "/oauth/logout_and_authorize" => Zone::Page,
            path if path.starts_with("/oauth") || path == "/1.1/oauth2/introspect" => Zone::Token,
            _ => Zone::Api,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        match call.path() {
            "/oauth/request_token" => self.oauth1.request_token(desk, call),
            "/oauth/authorize" | "/oauth/authenticate" | "/oauth/logout_and_authorize" => self.oauth1.authorize(desk, call),
            "/oauth/access_token" => self.oauth1.access_token(desk, call),
            "/oauth2/authorize" => self.oauth2.authorize(desk, call),
            "/oauth2/token" => self.oauth2.token(desk, call),
            "/oauth2/revoke" => self.oauth2.revoke(desk, call),
            "/1.1/oauth2/introspect" => self.oauth2.introspect(desk, call),
            _ => self.resource(desk, call),
        }
    }

    fn expire_access_tokens(&self, desk: &Desk) {
        self.oauth1.forget_tokens();
        self.oauth2.expire(desk.now());
    }

    fn too_many_requests(&self) -> Reply {
        errors(429, "system", Some("n/a"), "Too Many Requests")
    }

    /// The real body is not known: the announcement names the status alone.
    fn retired(&self) -> Reply {
        errors(410, "gone", None, "The Fitbit Web API has ended. Use the Google Health API.")
    }
}

impl Fitbit {
    fn resource(&self, desk: &Desk, call: &Call) -> Reply {
        let caller = if login1::is_signed(call) { self.oauth1.authenticate(desk, call) } else { self.oauth2.authenticate(desk, call) };
        let caller = match caller {
            Ok(caller) => caller,
            Err(reply) => return reply,
        };
        let now = desk.wall();
        let until_next_hour = 3600 - now.rem_euclid(3600);
        let used = self.count(&caller.client, now.div_euclid(3600));
        if used > HOURLY {
            return self.too_many_requests().retry_after(u32::try_from(until_next_hour).unwrap_or(3600));
        }
        resources::answer(desk, call, &caller)
            .with_named("fitbit-rate-limit-limit", &HOURLY.to_string())
            .with_named("fitbit-rate-limit-remaining", &(HOURLY - used).to_string())
            .with_named("fitbit-rate-limit-reset", &until_next_hour.to_string())
    }

    fn count(&self, client: &str, hour: i64) -> u32 {
        let mut asked = held(&self.asked);
        if asked.0 != hour {
            *asked = (hour, HashMap::new());
        }
        let used = asked.1.entry(client.into()).or_default();
        *used = used.saturating_add(1);
        *used
    }
}

/// The shape of Fitbit's errors, everywhere.
fn errors(status: u16, kind: &str, field: Option<&str>, message: &str) -> Reply {
    let mut error = json!({"errorType": kind, "message": message});
    if let Some(field) = field {
        error["fieldName"] = json!(field);
    }
    ok(status, &json!({"errors": [error], "success": false}))
}

fn ok(status: u16, body: &Value) -> Reply {
    Reply::json(status, body).with(header::CACHE_CONTROL, "no-cache, private")
}
