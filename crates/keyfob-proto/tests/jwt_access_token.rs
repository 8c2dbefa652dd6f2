//! Access tokens that say what they are worth (RFC 9068): each rule of §4 by a token that keeps to all of them but one.

use std::sync::{Arc, LazyLock};

use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oauth2::jwt_access_token::{Expected, JwtAccessToken};
use keyfob_proto::{Misbehaved, Timestamp};
use serde_json::{Map, Value, json};
use sha2::Digest as _;

const ISSUER: &str = "https://login.example";
const RESOURCE: &str = "https://api.example";
const NOW: i64 = 1_800_000_000;

static SIGNER: LazyLock<Arc<dyn Sign>> = LazyLock::new(another_signer);
static ALGORITHMS: LazyLock<Algorithms> = LazyLock::new(Algorithms::asymmetric);

fn another_signer() -> Arc<dyn Sign> {
    AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("key-1")).expect("it signs")
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": RESOURCE, "sub": "5ba552d67", "client_id": "s6BhdRkqt3", "exp": NOW + 300, "iat": NOW - 5, "jti": "dbe39bf3",
        "scope": "read write", "auth_time": NOW - 60, "acr": "gold", "amr": ["pwd", "otp"], "groups": ["staff"],
    })
}

fn sign(header: Value, claims: &Value) -> String {
    let Value::Object(header) = header else { panic!("a header is an object") };
    sign_compact(&**SIGNER, header, claims.to_string().as_bytes()).expect("it signs")
}

fn judge_text(token: &str) -> Result<JwtAccessToken, Misbehaved> {
    let mut jwk: Map<String, Value> = SIGNER.public_key().expect("it is asymmetric").to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let keys = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
    let expected = Expected { issuer: ISSUER, resource: RESOURCE, algorithms: &ALGORITHMS, now: Timestamp::from_unix(NOW) };
    expected.judge(token, &Keys::Set(&keys))
}

/// A good token with these claims, changed.
fn judge(change: impl FnOnce(&mut Value)) -> Result<JwtAccessToken, Misbehaved> {
    let mut claims = claims();
    change(&mut claims);
    judge_text(&sign(json!({ "typ": "at+jwt" }), &claims))
}

#[test]
fn rfc9068_2_2_a_token_is_typed() {
    let token = judge(|_| {}).expect("it keeps to every rule");
    assert_eq!((token.issuer.as_str(), token.subject.as_str(), token.client_id.as_str()), (ISSUER, "5ba552d67", "s6BhdRkqt3"));
    assert_eq!((token.audience.as_slice(), token.id.as_str()), ([RESOURCE.to_owned()].as_slice(), "dbe39bf3"));
    assert_eq!((token.issued_at, token.expires_at), (Timestamp::from_unix(NOW - 5), Timestamp::from_unix(NOW + 300)));
    assert_eq!(
        (token.scopes.as_slice(), token.methods.as_slice()),
        (["read", "write"].map(String::from).as_slice(), ["pwd", "otp"].map(String::from).as_slice())
    );
    assert_eq!((token.acr.as_deref(), token.authenticated_at), (Some("gold"), Some(Timestamp::from_unix(NOW - 60))));
    assert!(token.is_bearer() && token.allows("read") && !token.allows("rea") && !token.allows("read write"));
    assert_eq!(token.claims.get("groups"), Some(&json!(["staff"])));
    // §2.2.1, §2.2.3: none of these has to be there.
    let bare = judge(|claims| {
        for name in ["scope", "auth_time", "acr", "amr", "groups"] {
            claims[name] = Value::Null;
        }
    })
    .expect("it keeps to every rule");
    assert!(bare.scopes.is_empty() && bare.methods.is_empty() && bare.acr.is_none() && !bare.allows("read") && !bare.allows(""));
    assert_eq!(judge(|claims| claims["aud"] = json!(["https://other.example", RESOURCE])).expect("for us, too").audience.len(), 2);
}

#[test]
fn e15_only_what_calls_itself_an_access_token_is_one() {
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        assert!(judge_text(&sign(json!({ "typ": typ }), &claims())).is_ok(), "{typ}");
    }
    for header in [json!({}), json!({ "typ": "JWT" }), json!({ "typ": "logout+jwt" }), json!({ "typ": "dpop+jwt" }), json!({ "typ": "" })] {
        let wrong = judge_text(&sign(header.clone(), &claims())).expect_err("another kind of text");
        assert!(wrong.section.contains("9068 §4") && wrong.expected.contains("at+jwt"), "{header}: {wrong}");
    }
}

#[test]
fn rfc9068_4_whom_it_is_from_and_for_and_when() {
    for (name, value) in [
        ("iss", json!("https://login.example/")),
        ("iss", Value::Null),
        ("aud", json!("https://api.example/")),
        ("aud", json!(["https://other.example"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!(NOW - 60)),
        ("exp", Value::Null),
        ("iat", json!(NOW + 61)),
        ("iat", Value::Null),
        ("nbf", json!(NOW + 61)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("client_id", Value::Null),
        ("client_id", json!(1)),
        ("jti", Value::Null),
        ("scope", json!(["read"])),
        ("auth_time", json!("yesterday")),
        ("acr", json!(1)),
        ("amr", json!("pwd")),
        ("cnf", json!("a thumbprint")),
    ] {
        assert!(judge(|claims| claims[name] = value.clone()).is_err(), "{name}: {value}");
    }
    assert!(judge(|claims| claims["exp"] = json!(NOW - 59)).is_ok(), "a minute between clocks");
    assert!(judge(|claims| claims["aud"] = json!("us")).expect_err("not ours").expected.contains("this resource"));
}

#[test]
fn e1_e3_the_signature_is_by_the_server_under_an_algorithm_of_its_list() {
    let header = || json!({ "typ": "at+jwt" }).as_object().expect("an object").clone();
    let forged = sign_compact(&*another_signer(), header(), claims().to_string().as_bytes()).expect("it signs");
    assert!(judge_text(&forged).is_err());
    let good = sign(json!({ "typ": "at+jwt" }), &claims());
    let unsigned = format!("{}.", &good[..good.rfind('.').expect("a dot")]);
    assert!(judge_text(&good).is_ok() && judge_text(&unsigned).is_err());
    let algorithms = Algorithms::of([Algorithm::RS256]);
    let jwk = SIGNER.public_key().expect("it is asymmetric").to_jwk();
    let keys = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
    let expected = Expected { issuer: ISSUER, resource: RESOURCE, algorithms: &algorithms, now: Timestamp::from_unix(NOW) };
    assert!(expected.judge(&good, &Keys::Set(&keys)).expect_err("not on the list").section.contains("8725"));
}

#[test]
fn g6_a_token_that_is_bound_says_to_what() {
    let der = b"a certificate";
    let thumbprint = keyfob_proto::encode::base64url(&sha2::Sha256::digest(der));
    let token = judge(|claims| claims["cnf"] = json!({ "x5t#S256": thumbprint })).expect("it keeps to every rule");
    assert!(!token.is_bearer());
    let confirmation = token.confirmation.expect("a binding");
    assert!(confirmation.is_known() && confirmation.is_of_certificate(der) && !confirmation.is_of_certificate(b"another"));
    let unknown = judge(|claims| claims["cnf"] = json!({ "kid": "1" })).expect("it keeps to every rule");
    assert!(!unknown.is_bearer() && unknown.confirmation.is_some_and(|binding| !binding.is_known() && !binding.is_of_certificate(der)));
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String, name in "[a-z_]{1,10}", value: String) {
        let _ = judge_text(&text);
        let _ = judge(|claims| claims[&name] = value.into());
    }
}
