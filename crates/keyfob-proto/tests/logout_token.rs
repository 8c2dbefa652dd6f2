//! Logout tokens (OpenID Connect Back-Channel Logout §2.6): for how long one is taken, and remembered.

use std::sync::{Arc, LazyLock};

use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oidc::{LogoutToken, SeenLogouts};
use keyfob_proto::{Misbehaved, Timestamp};
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "example-client-id";
const NOW: i64 = 1_800_000_000;
const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

static SIGNER: LazyLock<Arc<dyn Sign>> =
    LazyLock::new(|| AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("key-1")).expect("it signs"));

fn token(issued_at: i64, expires_at: i64) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": CLIENT, "sub": "robin", "jti": "1", "iat": issued_at, "exp": expires_at,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let Value::Object(header) = json!({ "typ": "logout+jwt" }) else { unreachable!("it is an object") };
    sign_compact(&**SIGNER, header, claims.to_string().as_bytes()).expect("it signs")
}

fn judge(token: &str, now: i64) -> Result<LogoutToken, Misbehaved> {
    let mut jwk: Map<String, Value> = SIGNER.public_key().expect("it is asymmetric").to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let keys = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
    LogoutToken::judge(token, ISSUER, CLIENT, &Keys::Set(&keys), &Algorithms::asymmetric(), Timestamp::from_unix(now))
}

#[test]
fn a_token_is_good_for_an_hour_however_late_it_ends() {
    let soon = judge(&token(NOW, NOW + 120), NOW).expect("it keeps to every rule");
    assert_eq!(soon.expires_at, Timestamp::from_unix(NOW + 120));
    let late = token(NOW, NOW + YEAR);
    assert_eq!(judge(&late, NOW).expect("it keeps to every rule").expires_at, Timestamp::from_unix(NOW + HOUR));
    assert!(judge(&late, NOW + HOUR + 59).is_ok(), "clocks may be a minute apart");
    let old = judge(&late, NOW + HOUR + 60).expect_err("an old one");
    assert!(old.to_string().contains("within an hour"), "{old}");
}

#[test]
fn what_is_forgotten_is_refused() {
    let late = token(NOW, NOW + YEAR);
    let mut seen = SeenLogouts::new();
    for now in (NOW..NOW + 2 * HOUR).step_by(20) {
        let counts = judge(&late, now).is_ok_and(|token| seen.first_time(&token, Timestamp::from_unix(now)).is_ok());
        assert_eq!(counts, now == NOW, "{} s later", now - NOW);
    }
}
