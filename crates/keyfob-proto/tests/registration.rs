//! Dynamic client registration (RFC 7591, RFC 7592; rows F7, F8).

mod common;

use common::*;
use keyfob_proto::oauth2::ClientAuth;
use keyfob_proto::oauth2::registration::{ClientMetadata, Registered, Registering, Registration};
use keyfob_proto::{Code, Deviation, Error, Outgoing, Secret, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const REGISTER: &str = "https://login.example/register";
const INITIAL: &str = "initial-token-1";
const TOKEN: &str = "registration-token-1";

fn client() -> ClientMetadata {
    ClientMetadata {
        token_endpoint_auth_method: None,
        scopes: vec!["read".into(), "write".into()],
        ..ClientMetadata::native("Keyfob", [CALLBACK])
    }
}

fn registering() -> Registering {
    Registering::new(&endpoint(REGISTER), &client(), Some(&Secret::new(INITIAL))).expect("a request")
}

fn information(more: Value) -> String {
    let mut members = json!({
        "client_id": "s6BhdRkqt3", "client_secret": "client-secret-1", "client_secret_expires_at": 0,
        "registration_access_token": TOKEN, "registration_client_uri": "https://login.example/register/s6BhdRkqt3",
    });
    members.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    members.to_string()
}

fn receive(more: Value) -> Result<Registered, Error> {
    registering().receive(&json_answer(201, information(more)))
}

fn registration() -> Registration {
    receive(json!({})).expect("registered").registration
}

fn body(request: &Outgoing) -> Value {
    serde_json::from_slice(request.body()).expect("JSON")
}

fn bearer(request: &Outgoing) -> &str {
    request.headers()["authorization"].to_str().expect("text")
}

#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    match result {
        Err(error @ Error::Misbehaved(_)) => error,
        other => panic!("expected a broken answer, but found {other:?}"),
    }
}

#[test]
fn rfc7591_3_1_a_client_asks_for_what_it_is() {
    let client = ClientMetadata {
        software_statement: Some("a.b.c".into()),
        dpop_bound_access_tokens: Some(true),
        more: [("scope".to_owned(), json!("planted")), ("x-own".to_owned(), json!(1))].into_iter().collect(),
        ..client()
    };
    let registering = Registering::new(&endpoint(REGISTER), &client, Some(&Secret::new(INITIAL))).expect("a request");
    let request = registering.request();
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", REGISTER));
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(bearer(request), "Bearer initial-token-1");
    assert!(!format!("{registering:?}").contains(INITIAL));
    let expected = json!({
        "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "application_type": "native", "client_name": "Keyfob", "scope": "read write", "software_statement": "a.b.c",
        "dpop_bound_access_tokens": true, "x-own": 1,
    });
    assert_eq!(body(request), expected);
    assert!(!Registering::new(&endpoint(REGISTER), &client, None).expect("a request").request().headers().contains_key("authorization"));
}

#[test]
fn what_no_login_could_use_is_not_asked_for() {
    let refused = |change: &dyn Fn(&mut ClientMetadata)| {
        let mut client = client();
        change(&mut client);
        Registering::new(&endpoint(REGISTER), &client, None).is_err()
    };
    for uri in ["http://app.example/cb", "https://app.example/cb#x", "app.example", "javascript:alert(1)", ""] {
        assert!(refused(&|client| client.redirect_uris = vec![uri.into()]), "{uri}");
    }
    assert!(!refused(&|client| client.redirect_uris = vec!["com.example.app:/cb".into()]), "an app's own scheme");
    assert!(refused(&|client| client.redirect_uris.clear()));
    assert!(!refused(&|client| {
        client.redirect_uris.clear();
        client.grant_types = vec!["client_credentials".into()];
    }));
    assert!(refused(&|client| (client.jwks, client.jwks_uri) = (Some(json!({})), Some("https://app.example/keys".into()))));
    assert!(Registering::new(&endpoint(REGISTER), &client(), Some(&Secret::new("a\nb"))).is_err());
}

#[test]
fn the_answer_becomes_an_app() {
    let registered =
        receive(json!({ "client_id_issued_at": 1_795_000_000, "client_secret_expires_at": 1_796_000_000 })).expect("registered");
    let registration = &registered.registration;
    assert_eq!(registration.app.client_id, "s6BhdRkqt3");
    assert!(registration.app.client_secret.as_ref().is_some_and(|secret| secret.same_as("client-secret-1")));
    assert_eq!(registration.app.redirect_uri.as_deref(), Some(CALLBACK));
    assert_eq!(registration.issued_at, Some(NOW));
    let end = Timestamp::from_unix(1_796_000_000);
    assert!(registration.secret_expires_at == Some(end) && registration.is_expired(end) && !registration.is_expired(end.plus(-1)));
    assert_eq!(registration.client_auth(), Some(ClientAuth::Basic));
    assert!(registered.changed.is_empty() && registered.tolerated.is_empty() && registration.is_managed());
    let auth = |method: &str| receive(json!({ "token_endpoint_auth_method": method })).expect("registered").registration.client_auth();
    assert_eq!(auth("client_secret_post"), Some(ClientAuth::Post));
    assert_eq!(auth("none"), Some(ClientAuth::None));
    assert_eq!(auth("private_key_jwt"), None);
}

#[test]
fn f7_200_and_a_secret_without_end_are_taken() {
    assert!(registering().receive(&json_answer(200, information(json!({})))).is_ok());
    let registered = receive(json!({ "client_secret_expires_at": null })).expect("registered");
    assert_eq!(registered.tolerated, deviations(&[Deviation::MissingSecretExpiry]));
    assert_eq!(registered.registration.secret_expires_at, None);
    assert_eq!(receive(json!({})).expect("registered").registration.secret_expires_at, None, "0 is never");
    let public = receive(json!({ "client_secret": null, "client_secret_expires_at": null })).expect("registered");
    assert!(public.tolerated.is_empty() && public.registration.app.client_secret.is_none());
}

#[test]
fn f7_what_was_registered_otherwise_is_told() {
    let registered = receive(json!({
        "redirect_uris": ["https://evil.example/\u{202e}cb"], "scope": "write read", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code"],
    }));
    // Control characters are refused; direction marks are not, and are taken out of what is shown.
    let registered = registered.expect("registered");
    let changed: Vec<_> =
        registered.changed.iter().map(|changed| (changed.name, changed.asked.as_str(), changed.registered.as_str())).collect();
    assert_eq!(
        changed,
        [
            ("redirect_uris", CALLBACK, "https://evil.example/cb"),
            ("token_endpoint_auth_method", "client_secret_basic", "client_secret_post"),
            ("grant_types", "authorization_code refresh_token", "authorization_code"),
        ]
    );
    assert_eq!(registered.registration.app.redirect_uri, None, "ours was not registered, and nobody else's is taken");
}

#[test]
fn rfc7591_3_2_2_a_refusal_is_typed_and_shows_no_token() {
    let text = format!(r#"{{"error":"invalid_redirect_uri","error_description":"bad \u001b[31m {INITIAL}"}}"#);
    let Err(Error::Refused(refused)) = registering().receive(&json_answer(400, text)) else { panic!("a refusal") };
    assert_eq!(refused.code, Code::Extension("invalid_redirect_uri".into()));
    assert_eq!(refused.description.as_deref(), Some("bad [31m <secret>"));
    let mut unauthorized = answer(401, "", "");
    unauthorized.headers_mut().insert("www-authenticate", "Bearer".parse().expect("a header"));
    let error = broken(registering().receive(&unauthorized));
    assert!(error.hint().contains("token"), "{error}");
}

#[test]
fn hostile_answers_are_typed_errors() {
    let good = information(json!({}));
    for (name, status, content_type, body) in [
        ("html", 200, "text/html", "<html>".to_owned()),
        ("redirect", 302, "application/json", good.clone()),
        ("redirect", 307, "", String::new()),
        ("twice", 201, "application/json", good.replacen('{', r#"{"client_id":"planted","#, 1)),
        ("huge", 201, "application/json", format!("{good}{}", " ".repeat(256 * 1024))),
        ("list", 201, "application/json", "[]".to_owned()),
        ("nothing", 204, "", String::new()),
        ("500", 500, "text/html", "<html>".to_owned()),
    ] {
        let error = broken(registering().receive(&answer(status, content_type, body)));
        assert!(!format!("{error:?}").contains("client-secret-1"), "{name}: {error:?}");
    }
    for (name, values) in [
        ("client_id", vec![json!(null), json!(""), json!(1), json!("a b"), json!("a\r\nb"), json!("é")]),
        ("client_secret", vec![json!(""), json!(1), json!("a\nb")]),
        ("client_secret_expires_at", vec![json!("0"), json!(-1), json!(1e300)]),
        ("client_id_issued_at", vec![json!("now")]),
        ("registration_access_token", vec![json!(""), json!("a b"), json!([])]),
        (
            "registration_client_uri",
            vec![json!("http://login.example/x"), json!("https://127.0.0.1/x"), json!("https://169.254.169.254/"), json!(1)],
        ),
        ("redirect_uris", vec![json!("x"), json!([1]), json!(["a\nb"])]),
        ("scope", vec![json!(["read"])]),
        ("dpop_bound_access_tokens", vec![json!("yes")]),
    ] {
        for value in values {
            broken(receive(json!({ name: value })));
        }
    }
}

#[test]
fn f8_the_tokens_are_stored_and_shown_nowhere_else() {
    let registration = registration();
    let stored = serde_json::to_string(&registration).expect("made to be stored");
    assert!(stored.contains(TOKEN) && stored.contains("client-secret-1"));
    let read: Registration = serde_json::from_str(&stored).expect("as it rests");
    assert_eq!(serde_json::to_string(&read).expect("made to be stored"), stored);
    let shown = format!("{registration:?} {:?} {:?}", registration.read(), registration.update(&client()));
    assert!(!shown.contains(TOKEN) && !shown.contains("client-secret-1"), "{shown}");
    assert_eq!(registration.secrets().count(), 2);
}

#[test]
fn f8_rfc7592_2_1_a_rotated_token_and_secret_take_the_old_ones_place() {
    let before = registration();
    let reading = before.read().expect("a request");
    assert_eq!((reading.request().method().as_str(), bearer(reading.request())), ("GET", "Bearer registration-token-1"));
    assert_eq!(reading.request().uri(), "https://login.example/register/s6BhdRkqt3");
    let rotated = information(json!({
        "client_secret": "client-secret-2", "client_secret_expires_at": 1_796_000_000, "registration_access_token": "registration-token-2",
        "registration_client_uri": "https://login.example/clients/1",
    }));
    let after = reading.receive(&json_answer(200, rotated)).expect("read").registration;
    assert!(after.app.client_secret.as_ref().is_some_and(|secret| secret.same_as("client-secret-2")));
    assert_eq!(after.secret_expires_at, Some(Timestamp::from_unix(1_796_000_000)));
    let next = after.read().expect("a request");
    assert_eq!((next.request().uri().path(), bearer(next.request())), ("/clients/1", "Bearer registration-token-2"));
    // Where the answer is silent, what is known stays.
    let silent = next.receive(&json_answer(200, r#"{"client_id":"s6BhdRkqt3"}"#)).expect("read");
    assert!(silent.registration.app.client_secret.as_ref().is_some_and(|secret| secret.same_as("client-secret-2")));
    assert_eq!(silent.registration.secret_expires_at, Some(Timestamp::from_unix(1_796_000_000)));
    assert_eq!(bearer(silent.registration.read().expect("a request").request()), "Bearer registration-token-2");
    assert!(silent.changed.is_empty());
}

#[test]
fn rfc7592_3_the_answer_is_about_the_same_client() {
    let error =
        broken(registration().read().expect("a request").receive(&json_answer(200, information(json!({ "client_id": "another" })))));
    assert!(error.to_string().contains("RFC 7592 §3"), "{error}");
}

#[test]
fn rfc7592_2_2_an_update_says_everything_but_what_the_server_gave_out() {
    let before = registration();
    let mut client = before.metadata.clone();
    client.redirect_uris.push("https://app.example/cb".into());
    client.more.insert("registration_access_token".into(), json!("planted"));
    client.more.insert("client_id".into(), json!("planted"));
    let updating = before.update(&client).expect("a request");
    assert_eq!((updating.request().method().as_str(), bearer(updating.request())), ("PUT", "Bearer registration-token-1"));
    let sent = body(updating.request());
    assert_eq!(sent["client_id"], "s6BhdRkqt3");
    assert_eq!(sent["redirect_uris"], json!([CALLBACK, "https://app.example/cb"]));
    for name in ["client_secret", "registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"]
    {
        assert!(sent.get(name).is_none(), "{name}");
    }
    let answered = information(json!({ "redirect_uris": [CALLBACK] }));
    let registered = updating.receive(&json_answer(200, answered)).expect("updated");
    assert_eq!(registered.changed.iter().map(|changed| changed.name).collect::<Vec<_>>(), ["redirect_uris"]);
    client.redirect_uris = vec!["http://app.example/cb".into()];
    assert!(before.update(&client).is_err());
}

#[test]
fn rfc7592_2_3_a_client_is_ended() {
    let deleting = || registration().delete().expect("a request");
    assert_eq!((deleting().request().method().as_str(), bearer(deleting().request())), ("DELETE", "Bearer registration-token-1"));
    assert!(deleting().receive(&answer(204, "", "")).is_ok());
    assert!(deleting().receive(&answer(200, "text/html", "<p>done")).is_ok());
    let error = deleting().receive(&json_answer(200, r#"{"error":"invalid_token"}"#)).expect_err("C14: an error all the same");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidToken), "{error}");
    let error = deleting().receive(&json_answer(302, "")).expect_err("a redirect");
    assert!(error.to_string().contains("a redirect, which is never followed"), "{error}");
    let echo = format!(r#"{{"error":"invalid_token","error_description":"{TOKEN}"}}"#);
    let error = deleting().receive(&json_answer(401, echo)).expect_err("refused");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidToken), "{error}");
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    assert!(deleting().receive(&answer(503, "", "")).expect_err("later").is_transient());
}

#[test]
fn a_registration_without_place_or_token_is_not_managed() {
    for name in ["registration_client_uri", "registration_access_token"] {
        let registration = receive(json!({ name: null })).expect("registered").registration;
        assert!(!registration.is_managed());
        assert!(matches!(registration.read(), Err(misuse) if misuse.to_string().contains("7592")));
    }
}

proptest! {
    #[test]
    fn answers_never_panic(status in 100_u16..1000, body: Vec<u8>, text: String) {
        let _ = registering().receive(&answer(status, "application/json", body.clone()));
        let _ = registration().read().expect("a request").receive(&answer(status, "application/json", body.clone()));
        let _ = registration().delete().expect("a request").receive(&answer(status, "application/json", body));
        for name in ["client_id", "client_secret", "registration_client_uri", "redirect_uris", "scope", "client_secret_expires_at"] {
            let _ = receive(json!({ name: text }));
            let _ = receive(json!({ name: [text] }));
        }
        let _ = Registering::new(&endpoint(REGISTER), &ClientMetadata::native(text.clone(), [text]), None);
    }
}
