//! A pretend server that follows the RFCs to the letter: RFC 6749, 6750, 7009, 7636, 7662, 8252 §7.3, 8414, 9207, 9700.
//!
//! ```text
//! /.well-known/oauth-authorization-server     metadata, below
//! /authorize                                  authorize.rs
//! /token                                      token.rs
//! /revoke  /introspect                        manage.rs
//! /api/me  /api/echo                          api.rs
//!                                             client.rs judges client authentication for all
//! ```

mod api;
mod authorize;
mod client;
mod manage;
mod token;

use std::sync::Mutex;

use axum::http::{Method, header};
use serde_json::{Value, json};

use self::authorize::Login;
use crate::consent::Consents;
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};
use crate::oauth2::Ledger;

const SCOPES: [&str; 2] = ["profile", "echo"];
/// An hour.
const LIFETIME: i64 = 3600;
/// Ten minutes at most (RFC 6749 §4.1.2); one is enough.
const CODE_LIFETIME: i64 = 60;

#[derive(Default)]
pub(crate) struct Acme {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

impl Service for Acme {
    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/authorize" => Zone::Page,
            path if path.starts_with("/api/") => Zone::Api,
            _ => Zone::Token,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        match (call.path(), &call.method) {
            ("/.well-known/oauth-authorization-server", &Method::GET) => metadata(call),
            ("/.well-known/oauth-authorization-server", _) => Reply::method_not_allowed("GET"),
            ("/authorize", &Method::GET) => self.authorize(desk, call),
            ("/authorize", &Method::POST) => self.decide(desk, call),
            ("/authorize", _) => Reply::method_not_allowed("GET, POST"),
            ("/token", &Method::POST) => self.token(desk, call),
            ("/revoke", &Method::POST) => self.revoke(desk, call),
            ("/introspect", &Method::POST) => self.introspect(desk, call),
            ("/token" | "/revoke" | "/introspect", _) => Reply::method_not_allowed("POST"),
            (path, _) if path.starts_with("/api/") => self.resource(desk, call),
            _ => Reply::text(404, "Not found"),
        }
    }

    fn expire_access_tokens(&self, desk: &Desk) {
        held(&self.ledger).expire_all(desk.now());
    }

    fn too_many_requests(&self) -> Reply {
        refuse(429, "temporarily_unavailable", "too many requests")
    }
}

/// RFC 8414. The issuer is the origin by which the client addresses us.
fn metadata(call: &Call) -> Reply {
    let issuer = &call.origin;
    let url = |path: &str| json!(format!("{issuer}{path}"));
    let auth = json!(["client_secret_basic", "client_secret_post", "none"]);
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"),
        "revocation_endpoint": url("/revoke"),
        "introspection_endpoint": url("/introspect"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": auth,
        "revocation_endpoint_auth_methods_supported": auth,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    Reply::json(200, &body)
}

/// An error of RFC 6749 §5.2.
fn refuse(status: u16, error: &str, description: &str) -> Reply {
    answer(status, &json!({"error": error, "error_description": description}))
}

fn answer(status: u16, body: &Value) -> Reply {
    Reply::typed(status, "application/json", body.to_string()).no_store()
}

/// RFC 6749 §3.3: scope tokens, each of which we know.
fn scopes(text: &str) -> Option<Vec<String>> {
    let scopes: Vec<String> = text.split(' ').map(str::to_owned).collect();
    scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())).then_some(scopes)
}

/// A parameter must not come twice (RFC 6749 §3.1, §3.2); an empty one counts as left out.
fn once<'a>(pairs: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let value = values.next();
    if values.next().is_some() { Err(()) } else { Ok(value.filter(|value| !value.is_empty())) }
}

/// `WWW-Authenticate` at the token endpoint (RFC 6749 §5.2).
fn unauthorized_client_header(reply: Reply) -> Reply {
    reply.with(header::WWW_AUTHENTICATE, "Basic realm=\"acme\", charset=\"UTF-8\"")
}
