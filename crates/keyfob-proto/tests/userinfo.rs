//! UserInfo (OpenID Connect Core §5.3): about the person of the ID token, or about nobody.

use http::Response;
use keyfob_proto::jose::{Algorithm, Algorithms, HmacKey, Keys, sign_compact};
use keyfob_proto::oidc::{Expected, IdToken, UserInfo, UserInfoRequest};
use keyfob_proto::{Endpoint, Error, Misbehaved, Secret, Timestamp};
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "us";
const NOW: i64 = 1_800_000_000;

fn key() -> HmacKey {
    HmacKey::new(Algorithm::HS256, &Secret::new("a-client-secret-of-32-characters")).expect("a key")
}

fn sign(claims: &Value) -> String {
    sign_compact(&key(), Map::new(), claims.to_string().as_bytes()).expect("it signs")
}

fn id_token() -> IdToken {
    let algorithms = Algorithms::of([Algorithm::HS256]);
    let token = sign(&json!({ "iss": ISSUER, "aud": CLIENT, "sub": "person-1", "exp": NOW + 300, "iat": NOW }));
    Expected::new(ISSUER, CLIENT, &algorithms, Timestamp::from_unix(NOW))
        .judge(&token, &Keys::Shared(&key()))
        .expect("it keeps to every rule")
}

fn request() -> UserInfoRequest {
    let endpoint = Endpoint::parse("https://login.example/userinfo").expect("an endpoint");
    UserInfoRequest::new(&endpoint, &Secret::new("access-1"), &id_token(), CLIENT).expect("a request")
}

fn receive(status: u16, media_type: &str, body: impl Into<String>, is_signed: bool) -> Result<UserInfo, Error> {
    let answer = Response::builder().status(status).header("content-type", media_type).body(body.into()).expect("an answer");
    let (key, algorithms) = (key(), Algorithms::of([Algorithm::HS256]));
    let keys = Keys::Shared(&key);
    request().receive(&answer, is_signed.then_some((&keys, &algorithms)), Timestamp::from_unix(NOW))
}

fn misbehaved(outcome: Result<UserInfo, Error>) -> Misbehaved {
    match outcome.expect_err("refused") {
        Error::Misbehaved(misbehaved) => misbehaved,
        other => panic!("{other}"),
    }
}

const JSON: &str = "application/json";
const JWT: &str = "application/jwt";

#[test]
fn core_5_3_1_it_is_asked_with_the_access_token() {
    let request = request();
    assert_eq!(
        (request.request().method().as_str(), request.request().headers()["authorization"].to_str().ok()),
        ("GET", Some("Bearer access-1"))
    );
    assert!(!format!("{request:?}").contains("access-1"));
}

#[test]
fn e16_an_answer_is_about_the_person_of_the_id_token() {
    let info = receive(200, "application/json; charset=utf-8", r#"{"sub":"person-1","name":"Jane"}"#, false).expect("good");
    assert_eq!((info.subject.as_str(), info.signed), ("person-1", false));
    for other in [r#"{"sub":"person-2"}"#, r#"{"sub":"PERSON-1"}"#, r#"{"sub":"person-1 "}"#] {
        let error = misbehaved(receive(200, JSON, other, false));
        assert_eq!(error.section, "OpenID Connect Core §5.3.4", "{other}: {error}");
        assert!(!format!("{error} {error:?}").contains("person-2"), "{error}");
    }
    for none in
        [r#"{"name":"Jane"}"#, r#"{"sub":""}"#, r#"{"sub":1}"#, r#"{"sub":null}"#, r#"{"sub":"person-1","sub":"person-1"}"#, "[]", ""]
    {
        misbehaved(receive(200, JSON, none, false));
    }
}

#[test]
fn core_5_3_2_the_answer_says_what_it_is() {
    for media_type in ["text/html", "text/plain", "application/x-www-form-urlencoded"] {
        misbehaved(receive(200, media_type, r#"{"sub":"person-1"}"#, false));
    }
    for status in [302, 401, 500] {
        misbehaved(receive(status, JSON, r#"{"sub":"person-1"}"#, false));
    }
    misbehaved(receive(200, JSON, format!(r#"{{"sub":"person-1","x":"{}"}}"#, "y".repeat(1 << 20)), false));
}

#[test]
fn core_5_3_2_a_signed_answer_is_the_issuers_and_for_us() {
    let claims = |change: Value| {
        let mut claims = json!({ "iss": ISSUER, "aud": CLIENT, "sub": "person-1" });
        for (name, value) in change.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        sign(&claims)
    };
    assert!(receive(200, JWT, claims(json!({})), true).expect("good").signed);
    for wrong in [json!({ "iss": "https://other.example" }), json!({ "aud": "them" }), json!({ "sub": "person-2" }), json!({ "iss": null })]
    {
        misbehaved(receive(200, JWT, claims(wrong), true));
    }
    // It need not say when: where it does, that holds.
    assert!(receive(200, JWT, claims(json!({ "exp": NOW + 1, "iat": NOW, "nbf": NOW })), true).is_ok());
    for untimely in [json!({ "exp": NOW - 60 }), json!({ "iat": NOW + 61 }), json!({ "nbf": NOW + 61 })] {
        assert!(misbehaved(receive(200, JWT, claims(untimely.clone()), true)).is_untimely(), "{untimely}");
    }
    misbehaved(receive(200, JWT, claims(json!({ "exp": "never" })), true));
    misbehaved(receive(200, JWT, claims(json!({})), false));
    misbehaved(receive(200, JSON, r#"{"sub":"person-1"}"#, true));
    // An access token may be for us and about this person, and is signed with the same keys.
    for (kind, good) in [("JWT", true), ("application/jwt", true), ("at+jwt", false), ("logout+jwt", false), ("", false)] {
        let header = Map::from_iter([("typ".to_owned(), kind.into())]);
        let text = json!({ "iss": ISSUER, "aud": CLIENT, "sub": "person-1" }).to_string();
        let signed = sign_compact(&key(), header, text.as_bytes()).expect("it signs");
        assert_eq!(receive(200, JWT, signed, true).is_ok(), good, "{kind}");
    }
    let mut torn = claims(json!({}));
    torn.replace_range(torn.len() - 4.., "AAAA");
    misbehaved(receive(200, JWT, torn, true));
}
