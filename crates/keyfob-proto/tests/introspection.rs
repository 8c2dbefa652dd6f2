//! Token introspection (RFC 7662), plain and signed (RFC 9701).

mod common;

use std::sync::Arc;

use common::*;
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oauth2::TokenKind;
use keyfob_proto::oauth2::introspection::{Introspecting, Introspection};
use keyfob_proto::{Error, Secret, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TOKEN: &str = "access-token-1";

fn asking() -> Introspecting {
    let client = oauth2_client(|_, _| {});
    client.introspect(&endpoint("https://login.example/introspect"), &Secret::new(TOKEN), Some(TokenKind::Access)).expect("a request")
}

fn receive(members: Value) -> Result<Introspection, Error> {
    asking().receive(&json_answer(200, members.to_string()), None)
}

#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    match result {
        Err(error @ Error::Misbehaved(_)) => error,
        other => panic!("expected a broken answer, but found {other:?}"),
    }
}

#[test]
fn rfc7662_2_1_the_client_says_who_it_is_and_which_token_it_means() {
    let asking = asking();
    assert_eq!((asking.request().method().as_str(), asking.request().uri().path()), ("POST", "/introspect"));
    assert!(asking.request().headers()["authorization"].to_str().expect("text").starts_with("Basic "));
    let expected = [("token", TOKEN), ("token_type_hint", "access_token")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form(asking.request()), expected);
    assert!(!format!("{asking:?}").contains(TOKEN));
    assert_eq!(asking.signed().request().headers()["accept"], "application/token-introspection+jwt");
}

#[test]
fn rfc7662_2_2_an_answer_is_typed() {
    let token = receive(json!({
        "active": true, "scope": "read write", "client_id": "l238j323ds", "username": "jdoe\u{1b}", "token_type": "Bearer", "exp": 1_795_003_600,
        "iat": 1_795_000_000, "nbf": 1_795_000_010, "sub": "Z5O3upPC88QrAjx00dis", "aud": "https://api.example", "iss": "https://login.example",
        "jti": "1", "acr": "gold", "auth_time": 1_794_999_000, "cnf": { "jkt": "0ZcOCORZNYy" }, "extension_field": "twenty-seven",
    }))
    .expect("an answer");
    assert!(token.active && !token.signed);
    assert_eq!(token.scopes, ["read", "write"]);
    assert_eq!(
        (token.client_id.as_deref(), token.username.as_deref(), token.token_type.as_deref()),
        (Some("l238j323ds"), Some("jdoe"), Some("Bearer"))
    );
    assert_eq!(
        (token.subject.as_deref(), token.issuer.as_deref(), token.id.as_deref()),
        (Some("Z5O3upPC88QrAjx00dis"), Some(ISSUER), Some("1"))
    );
    assert_eq!((token.audience.as_slice(), token.acr.as_deref()), (["https://api.example".to_owned()].as_slice(), Some("gold")));
    assert_eq!((token.issued_at, token.auth_time), (Some(NOW), Some(NOW.plus(-1000))));
    assert_eq!(token.member("extension_field"), Some(&json!("twenty-seven")));
    for (now, good) in [(NOW.plus(9), false), (NOW.plus(10), true), (NOW.plus(3599), true), (NOW.plus(3600), false)] {
        assert_eq!(token.is_good(now), good, "{now:?}");
    }
    assert_eq!(receive(json!({ "active": true, "aud": ["a", "b"] })).expect("an answer").audience, ["a", "b"]);
}

#[test]
fn of_a_token_that_is_not_active_nothing_is_kept() {
    let token = receive(json!({ "active": false, "sub": "somebody", "scope": 1, "cnf": [] })).expect("an answer");
    assert_eq!(token, receive(json!({ "active": false })).expect("an answer"));
    assert!(!token.active && token.subject.is_none() && token.member("sub").is_none() && !token.is_good(NOW));
}

#[test]
fn a_binding_that_is_not_known_is_no_bearer_token() {
    let confirmation = |cnf: Value| receive(json!({ "active": true, "cnf": cnf })).expect("an answer").confirmation.expect("a binding");
    assert!(confirmation(json!({ "jkt": "a" })).is_known() && confirmation(json!({ "x5t#S256": "b" })).is_known());
    for unknown in [json!({}), json!({ "jwk": {} }), json!({ "jkt": "a", "own": 1 })] {
        assert!(!confirmation(unknown.clone()).is_known(), "{unknown}");
    }
}

#[test]
fn hostile_answers_are_typed_errors() {
    for members in [
        json!({}),
        json!({ "active": null }),
        json!({ "active": "true" }),
        json!({ "active": 1 }),
        json!({ "active": true, "scope": ["read"] }),
        json!({ "active": true, "exp": "soon" }),
        json!({ "active": true, "exp": 1e300 }),
        json!({ "active": true, "sub": 1 }),
        json!({ "active": true, "sub": "a\nb" }),
        json!({ "active": true, "aud": [1] }),
        json!({ "active": true, "cnf": "x" }),
        json!({ "active": true, "cnf": { "jkt": 1 } }),
    ] {
        broken(receive(members));
    }
    let good = r#"{"active":true}"#;
    for (name, status, content_type, body) in [
        ("html", 200, "text/html", "<html>".to_owned()),
        ("redirect", 307, "application/json", good.to_owned()),
        ("twice", 200, "application/json", r#"{"active":false,"active":true}"#.to_owned()),
        ("huge", 200, "application/json", format!("{good}{}", " ".repeat(256 * 1024))),
        ("signed", 200, "application/token-introspection+jwt", "a.b.c".to_owned()),
        ("500", 500, "application/token-introspection+jwt", "a.b.c".to_owned()),
    ] {
        let error = broken(asking().receive(&answer(status, content_type, body), None));
        assert_eq!(error.is_transient(), status == 500, "{name}: {error}");
    }
    let echo = format!(r#"{{"error":"invalid_client","error_description":"{TOKEN} {CLIENT_SECRET}"}}"#);
    for status in [200, 401] {
        let error = asking().receive(&json_answer(status, echo.clone()), None).expect_err("refused");
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(TOKEN) && !format!("{error}").contains(CLIENT_SECRET), "{error}");
    }
}

// --- RFC 9701

const ISSUER: &str = "https://login.example";

struct Server {
    signer: Arc<dyn Sign>,
    keys: KeySet,
}

fn server() -> Server {
    let signer = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key")).expect("it signs");
    let jwk = signer.public_key().expect("a key pair").to_jwk();
    let keys = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("keys");
    Server { signer, keys }
}

impl Server {
    fn text(&self, media_type: &str, claims: Value) -> String {
        let header: Map<_, _> = [("typ".to_owned(), media_type.into())].into_iter().collect();
        sign_compact(&*self.signer, header, claims.to_string().as_bytes()).expect("it signs")
    }

    fn receive(&self, content_type: &str, body: &str) -> Result<Introspection, Error> {
        let algorithms = Algorithms::of([Algorithm::ES256]);
        asking().signed().receive(&answer(200, content_type, body), Some((&Keys::Set(&self.keys), &algorithms)))
    }
}

fn claims(more: Value) -> Value {
    let mut claims =
        json!({ "iss": ISSUER, "aud": CLIENT_ID, "iat": NOW.as_unix(), "token_introspection": { "active": true, "sub": "user-1" } });
    claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    claims
}

#[test]
fn rfc9701_5_a_signed_answer_is_by_the_issuer_for_us_and_of_its_kind() {
    const SIGNED: &str = "application/token-introspection+jwt";
    let server = server();
    let receive = |media_type: &str, more: Value| server.receive(SIGNED, &server.text(media_type, claims(more)));
    let token = receive("token-introspection+jwt", json!({})).expect("an answer");
    assert!(token.signed && token.active && token.subject.as_deref() == Some("user-1"));
    for more in [
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "aud": "another" }),
        json!({ "aud": null }),
        json!({ "iat": null }),
        json!({ "token_introspection": null }),
        json!({ "token_introspection": [] }),
        json!({ "token_introspection": {} }),
    ] {
        broken(receive("token-introspection+jwt", more));
    }
    for other in ["JWT", "at+jwt", "logout+jwt"] {
        broken(receive(other, json!({})));
    }
    let text = server.text("token-introspection+jwt", claims(json!({})));
    broken(server.receive(SIGNED, &format!("{}AAAA", &text[..text.len() - 4])));
    broken(server.receive("application/json", r#"{"active":true}"#));
    broken(server.receive(SIGNED, "\u{0}"));
    broken(asking().receive(&answer(200, SIGNED, text), None));
}

proptest! {
    #[test]
    fn answers_never_panic(status in 100_u16..1000, jwt: bool, body: Vec<u8>, text: String, seconds: f64) {
        let content_type = if jwt { "application/token-introspection+jwt" } else { "application/json" };
        let _ = asking().receive(&answer(status, content_type, body), None);
        for name in ["active", "scope", "sub", "aud", "cnf", "exp"] {
            for value in [json!(text), json!([text]), json!({ "jkt": text }), json!(seconds)] {
                let _ = receive(json!({ "active": true, name: value })).map(|token| token.is_good(Timestamp::from_unix(i64::MAX)));
            }
        }
    }
}
