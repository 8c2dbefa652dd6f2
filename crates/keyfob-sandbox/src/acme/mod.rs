//! A pretend server that follows the specifications to the letter: OAuth 1.0a (RFC 5849), OAuth 2 (RFC 6749, 6750, 7009, 7522, 7523, 7591, 7592, 7636,
//! 7662, 8252 §7.3, 8414, 8628, 8693, 8705, 8707, 9068, 9101, 9126, 9207, 9396, 9449, 9470, 9700, 9701, 9728, JARM, client id metadata documents) and
//! OpenID Connect (Core, Discovery, the three logouts, CIBA). It speaks plain http, and TLS by a second door, where clients are asked for a certificate.
//!
//! ```text
//! /.well-known/openid-configuration, …/oauth-authorization-server, …/oauth-protected-resource[/api…]    metadata.rs
//! /jwks                                       keys.rs, which signs everything
//! /authorize                                  authorize.rs; parameters: request.rs (also /par), answers: response.rs
//! /token                                      token.rs, and grant/ with /device_authorization, /device, /bc-authorize
//! /userinfo  /claims                          userinfo.rs, sources.rs (claims that somebody else answers for)
//! /end_session  /check_session                logout.rs, session.rs
//! /.well-known/webfinger                      webfinger.rs
//! /revoke  /introspect  /register             manage.rs, introspect.rs, register.rs
//! /api/me  /api/secure  /api/echo             api.rs
//! /oauth1/…                                   oauth1/: RFC 5849, with an API of its own
//!                                             client.rs judges client authentication for all (certificate.rs where it is a certificate), dpop.rs
//!                                             proofs; client_document.rs reads who a client is whose id is a URL
//! ```

mod api;
mod authorize;
mod certificate;
mod client;
mod client_document;
mod details;
mod dpop;
mod grant;
mod id_token;
mod introspect;
mod keys;
mod logout;
mod manage;
mod metadata;
mod oauth1;
mod once;
mod person;
mod rar;
mod register;
mod request;
mod resource;
mod response;
mod session;
mod sources;
mod token;
mod userinfo;
mod webfinger;

use std::sync::Mutex;

use axum::http::{Method, header};
use serde_json::{Value, json};

use self::authorize::Waiting;
use self::details::Details;
pub use self::grant::SamlAssertion;
use crate::consent::Consents;
use crate::desk::{Desk, Service, held};
use crate::fault::Zone;
use crate::message::{Call, Reply};
use crate::oauth2::Ledger;

const SCOPES: [&str; 5] = ["profile", "echo", "openid", "email", "offline_access"];
/// Client authentication.
const METHODS: [&str; 5] = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
/// An hour.
const LIFETIME: i64 = 3600;
/// Ten minutes at most (RFC 6749 §4.1.2); one is enough.
const CODE_LIFETIME: i64 = 60;

#[derive(Default)]
pub(crate) struct Acme {
    ledger: Mutex<Ledger<Details>>,
    consents: Consents<Waiting>,
    device_consents: Consents<String>,
    keys: keys::OwnKeys,
    person: Mutex<person::Person>,
    pushed: Mutex<request::Pushed>,
    logins: Mutex<grant::Logins>,
    once: Mutex<once::Once>,
    nonce: Mutex<dpop::Nonce>,
    registered: Mutex<register::Registered>,
    oauth1: oauth1::OAuth1,
    documents: Mutex<client_document::Documents>,
    saml: grant::SamlKey,
}

impl Service for Acme {
    fn credential_headers(&self) -> &'static [&'static str] {
        &["dpop"]
    }

    fn zone(&self, call: &Call) -> Zone {
        match call.path() {
            "/authorize" | "/device" | "/end_session" | "/check_session" => Zone::Page,
            "/userinfo" | "/claims" => Zone::Api,
            "/oauth1/authorize" => Zone::Page,
            path if path.starts_with("/api/") || path.starts_with("/oauth1/api/") => Zone::Api,
            _ => Zone::Token,
        }
    }

    fn answer(&self, desk: &Desk, call: &Call) -> Reply {
        const RESOURCE: &str = "/.well-known/oauth-protected-resource";
        let (get, post) = (call.method == Method::GET, call.method == Method::POST);
        match call.path() {
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" if get => self.metadata(desk, call),
            path if get && path.strip_prefix(RESOURCE).is_some_and(|rest| rest.starts_with("/api")) => {
                metadata::resource(desk, call, &path[RESOURCE.len()..])
            }
            "/.well-known/webfinger" if get => webfinger::webfinger(call),
            "/.well-known/openid-configuration/claims"
            | "/.well-known/oauth-authorization-server/claims"
            | "/claims/.well-known/openid-configuration"
                if get =>
            {
                sources::metadata(call)
            }
            "/claims" if get => self.claims_endpoint(desk, call),
            "/jwks" if get => self.jwks(desk),
            "/authorize" if get || post => self.authorize(desk, call),
            "/device" if get || post => self.device_page(desk, call),
            "/end_session" if get || post => self.end_session(desk, call),
            "/check_session" if get || post => self.check_session(call),
            "/authorize" | "/device" | "/end_session" | "/check_session" => Reply::method_not_allowed("GET, POST"),
            "/token" if post && desk.faults().mtls_aliases => {
                refuse(401, "invalid_client", "clients with a certificate go to another endpoint")
            }
            "/token" if post => self.token(desk, call),
            "/mtls/token" if post && desk.faults().mtls_aliases => self.token(desk, call),
            "/revoke" if post => self.revoke(desk, call),
            "/introspect" if post => self.introspect(desk, call),
            "/par" if post => self.push(desk, call),
            "/device_authorization" if post => self.device_authorization(desk, call),
            "/bc-authorize" if post => self.backchannel_authentication(desk, call),
            "/register" if post => self.register(desk, call),
            "/token" | "/revoke" | "/introspect" | "/par" | "/device_authorization" | "/bc-authorize" | "/register" => {
                Reply::method_not_allowed("POST")
            }
            "/userinfo" => api::spelled(desk, self.userinfo(desk, call)),
            path if path.starts_with("/oauth1/") => self.oauth1(desk, call, &path["/oauth1/".len()..]),
            path if path.starts_with("/register/") => self.manage_registration(desk, call, &path["/register/".len()..]),
            path if path.starts_with("/api/") => api::spelled(desk, self.resource(desk, call)),
            path if path == "/jwks" || path.starts_with("/.well-known/oauth-") || path == "/.well-known/openid-configuration" => {
                if get {
                    Reply::text(404, "Not found")
                } else {
                    Reply::method_not_allowed("GET")
                }
            }
            _ => Reply::text(404, "Not found"),
        }
    }

    fn expire_access_tokens(&self, desk: &Desk) {
        held(&self.ledger).expire_all(desk.now());
        self.oauth1.forget_tokens();
    }

    fn saml_assertion(&self, desk: &Desk, says: &SamlAssertion) -> Option<String> {
        Some(self.written_saml(desk, says))
    }

    fn rotate_keys(&self) -> bool {
        self.keys.rotate();
        true
    }

    fn too_many_requests(&self) -> Reply {
        refuse(429, "temporarily_unavailable", "too many requests")
    }
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
