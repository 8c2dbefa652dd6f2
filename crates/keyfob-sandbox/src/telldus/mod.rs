//! A pretend Telldus Live!: OAuth 1.0a as the PHP library `oauth-php` speaks it, and an API that answers application
//! errors with 200.
//!
//! ```text
//! /oauth/requestToken  /oauth/authorize  /oauth/accessToken     oauth.rs
//! /{json|xml}/{function}    /{function}?format=json             functions.rs → devices.rs, sensors.rs
//!                                                               format.rs writes JSON and XML
//! ```

mod devices;
mod format;
mod functions;
mod methods;
mod oauth;
mod sensors;

use std::sync::Mutex;

use axum::http::Method;

use self::devices::House;
use self::format::{Answer, Format};
use self::oauth::Oauth;
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};

#[derive(Default)]
pub(crate) struct Telldus {
    oauth: Oauth,
    house: Mutex<House>,
}

impl Service for Telldus {
    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/oauth/authorize" => Zone::Page,
            path if path.starts_with("/oauth/") => Zone::Token,
            _ => Zone::Api,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        match call.path() {
            "/oauth/requestToken" => self.oauth.request_token(desk, call),
            "/oauth/authorize" => self.oauth.authorize(desk, call),
            "/oauth/accessToken" => self.oauth.access_token(desk, call),
            _ => self.call_function(desk, call),
        }
    }

    /// Access tokens of Telldus do not expire; here they are forgotten.
    fn expire_access_tokens(&self, _: &Desk) {
        self.oauth.forget_tokens();
    }

    fn too_many_requests(&self) -> Reply {
        Reply::text(429, "Too many requests")
    }
}

impl Telldus {
    fn call_function(&self, desk: &Desk, call: &Call) -> Reply {
        let Some((format, function)) = route(call) else {
            return Reply::empty(404);
        };
        if call.method != Method::GET && call.method != Method::POST {
            return Reply::method_not_allowed("GET, POST");
        }
        if let Err(problem) = self.oauth.authenticate(desk, call) {
            return format.unauthorized(&problem);
        }
        if desk.faults().missing_scope {
            return format.write(&Answer::refusal("response", 2, "Access denied"));
        }
        let mut house = held(&self.house);
        format.write(&functions::call(&mut house, desk, &function, call))
    }
}

/// `/json/devices/list`, `/xml/devices/list` or `/devices/list?format=json`.
fn route(call: &Call) -> Option<(Format, String)> {
    let segments = call.segments();
    let (format, rest) = match *segments.as_slice() {
        [format, ref rest @ ..] if Format::named(format).is_some() => (Format::named(format)?, rest),
        ref rest => (Format::named(call.param("format").unwrap_or("xml"))?, rest),
    };
    (rest.len() == 2).then(|| (format, rest.join("/")))
}
