//! Every rule about ID tokens (OpenID Connect Core §3.1.3.7, §3.3.2.11), each with a token that keeps to all of them but one.

use std::sync::{Arc, LazyLock};

use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, HmacKey, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oidc::{Expected, Hashes, IdToken};
use keyfob_proto::{Error, Misbehaved, Secret, Timestamp};
use serde_json::{Map, Value, json};
use sha2::Digest as _;

const ISSUER: &str = "https://login.example";
const CLIENT: &str = "us";
const NONCE: &str = "a-nonce-of-ours-0123456789";
const NOW: i64 = 1_800_000_000;

/// A server with one key of each kind.
struct Server {
    signers: Vec<Arc<dyn Sign>>,
    keys: KeySet,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let kinds =
        [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::EdDSA];
    let signers: Vec<Arc<dyn Sign>> = kinds
        .iter()
        .map(|&algorithm| {
            let key = AwsLc.generate(algorithm).expect("a key").named(algorithm.name());
            AwsLc.signer(algorithm, &key).expect("it signs")
        })
        .collect();
    Server { keys: key_set(signers.iter().map(|signer| jwk(&**signer))), signers }
});

impl Server {
    fn signer(&self, algorithm: Algorithm) -> &dyn Sign {
        &**self.signers.iter().find(|signer| signer.algorithm() == algorithm).expect("it has one")
    }
}

fn jwk(signer: &dyn Sign) -> Value {
    let mut members = signer.public_key().expect("it is asymmetric").to_jwk();
    members.insert("kid".to_owned(), signer.key_id().unwrap_or("unnamed").into());
    Value::Object(members)
}

fn key_set(keys: impl IntoIterator<Item = Value>) -> KeySet {
    let text = json!({ "keys": keys.into_iter().collect::<Vec<_>>() }).to_string();
    KeySet::read(text.as_bytes(), Arc::new(AwsLc)).expect("a key set")
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "sub": "248289761001", "exp": NOW + 300, "iat": NOW - 5, "nonce": NONCE, "name": "Jane" })
}

fn sign(algorithm: Algorithm, header: Value, claims: &Value) -> String {
    let header: Map<String, Value> = header.as_object().expect("an object").clone();
    sign_compact(SERVER.signer(algorithm), header, claims.to_string().as_bytes()).expect("it signs")
}

/// Judges a token with these claims, changed.
fn judge(change: impl FnOnce(&mut Value)) -> Result<IdToken, Misbehaved> {
    let mut claims = claims();
    change(&mut claims);
    judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| expected)
}

fn judge_with<'a>(token: &str, change: impl FnOnce(Expected<'a>) -> Expected<'a>) -> Result<IdToken, Misbehaved> {
    static ALGORITHMS: LazyLock<Algorithms> = LazyLock::new(Algorithms::asymmetric);
    static NONCE_SENT: LazyLock<Secret> = LazyLock::new(|| Secret::new(NONCE));
    let expected = Expected { nonce: Some(&NONCE_SENT), ..Expected::new(ISSUER, CLIENT, &ALGORITHMS, Timestamp::from_unix(NOW)) };
    change(expected).judge(token, &Keys::Set(&SERVER.keys))
}

fn refused(result: Result<IdToken, Misbehaved>, word: &str) {
    let error = result.expect_err(word);
    let text = error.to_string();
    assert!(text.contains(word), "{text} does not speak of {word}");
    assert!(!text.contains(NONCE), "{text}");
}

#[test]
fn a_token_that_keeps_to_every_rule_is_taken_under_every_algorithm() {
    for signer in &SERVER.signers {
        let token = sign(signer.algorithm(), json!({ "typ": "JWT" }), &claims());
        let id_token = judge_with(&token, |expected| expected).unwrap_or_else(|error| panic!("{}: {error}", signer.algorithm()));
        assert_eq!((id_token.issuer.as_str(), id_token.subject.as_str()), (ISSUER, "248289761001"));
        assert_eq!(id_token.claims.text("name"), Some("Jane"));
        assert_eq!(id_token.expires_at, Timestamp::from_unix(NOW + 300));
    }
}

#[test]
fn e3_a_signature_that_is_wrong_in_any_place_is_refused() {
    for signer in &SERVER.signers {
        let token = sign(signer.algorithm(), json!({}), &claims());
        let parts: Vec<&str> = token.split('.').collect();
        let other = sign(signer.algorithm(), json!({}), &json!({ "iss": ISSUER }));
        let theirs: Vec<&str> = other.split('.').collect();
        let swapped = format!("{}.{}.{}", parts[0], parts[1], theirs[2]);
        refused(judge_with(&swapped, |expected| expected), "signature");
        let payload = format!("{}.{}.{}", parts[0], theirs[1], parts[2]);
        refused(judge_with(&payload, |expected| expected), "signature");
        refused(judge_with(&format!("{}.{}.", parts[0], parts[1]), |expected| expected), "signature");
        let cut = format!("{}.{}.{}", parts[0], parts[1], &parts[2][..parts[2].len() - 4]);
        refused(judge_with(&cut, |expected| expected), "signature");
    }
}

#[test]
fn e1_none_and_algorithms_that_were_not_agreed_on_are_refused() {
    let encoded = |value: &Value| keyfob_proto::encode::base64url(value.to_string().as_bytes());
    for name in ["none", "None", "NONE"] {
        refused(judge_with(&format!("{}.{}.", encoded(&json!({ "alg": name })), encoded(&claims())), |expected| expected), "no signature");
    }
    let algorithms = Algorithms::of([Algorithm::RS256]);
    let token = sign(Algorithm::ES256, json!({}), &claims());
    refused(judge_with(&token, |expected| Expected { algorithms: &algorithms, ..expected }), "the algorithm ES256");
    let token = sign(Algorithm::RS256, json!({}), &claims());
    assert!(judge_with(&token, |expected| Expected { algorithms: &algorithms, ..expected }).is_ok());
}

#[test]
fn e2_a_public_key_is_no_shared_secret() {
    // What an attacker has: the server's public key, in every text that a library might take for an HMAC key.
    let public = SERVER.signer(Algorithm::RS256).public_key().expect("public").to_jwk();
    let texts = [Value::Object(public.clone()).to_string(), public["n"].as_str().expect("text").to_owned()];
    let everything = Algorithms::of(Algorithm::ALL.iter().copied());
    for text in texts {
        let key = HmacKey::new(Algorithm::HS256, &Secret::new(text)).expect("long enough");
        let mut header = Map::new();
        header.insert("kid".to_owned(), "RS256".into());
        let token = sign_compact(&key, header, claims().to_string().as_bytes()).expect("it signs");
        refused(judge_with(&token, |expected| Expected { algorithms: &everything, ..expected }), "another kind");
    }
}

#[test]
fn a_shared_secret_checks_only_what_it_signs() {
    let key = HmacKey::new(Algorithm::HS256, &Secret::new("a-client-secret-of-32-characters")).expect("long enough");
    let everything = Algorithms::of(Algorithm::ALL.iter().copied());
    let nonce = Secret::new(NONCE);
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(ISSUER, CLIENT, &everything, Timestamp::from_unix(NOW)) };
    let token = sign_compact(&key, Map::new(), claims().to_string().as_bytes()).expect("it signs");
    assert!(expected.judge(&token, &Keys::Shared(&key)).is_ok());
    let other = HmacKey::new(Algorithm::HS256, &Secret::new("another-secret-of-32-characters!")).expect("long enough");
    refused(expected.judge(&token, &Keys::Shared(&other)), "signature");
    refused(expected.judge(&sign(Algorithm::ES256, json!({}), &claims()), &Keys::Shared(&key)), "another kind");
}

#[test]
fn e4_who_from_whom_for_and_when() {
    assert!(judge(|_| {}).is_ok());
    for name in ["iss", "aud", "exp", "iat", "sub"] {
        refused(judge(|claims| drop(claims.as_object_mut().expect("an object").remove(name))), &format!("\"{name}\""));
    }
    refused(judge(|claims| claims["iss"] = "https://login.example/".into()), "issuer");
    refused(judge(|claims| claims["aud"] = "them".into()), "somebody else");
    refused(judge(|claims| claims["sub"] = "".into()), "sub");
    refused(judge(|claims| claims["sub"] = 1.into()), "sub");
    refused(judge(|claims| claims["sub"] = "x".repeat(256).into()), "255");
    assert!(judge(|claims| claims["sub"] = "x".repeat(255).into()).is_ok());
}

#[test]
fn e5_nobody_else_is_addressed() {
    assert!(judge(|claims| claims["aud"] = json!([CLIENT])).is_ok());
    refused(judge(|claims| claims["aud"] = json!([])), "one text or several");
    assert!(judge(|claims| claims["azp"] = CLIENT.into()).is_ok());
    refused(judge(|claims| claims["aud"] = json!([CLIENT, "them"])), "alone");
    refused(
        judge(|claims| {
            claims["aud"] = json!([CLIENT, "them"]);
            claims["azp"] = CLIENT.into();
        }),
        "alone",
    );
    refused(judge(|claims| claims["azp"] = "them".into()), "authorized party");
}

#[test]
fn e5_others_are_addressed_where_we_were_told_to_trust_them() {
    let trusted = ["project-1".to_owned(), "app-2".to_owned()];
    let judge = |audience: Value, party: Option<&str>| {
        let mut claims = claims();
        claims["aud"] = audience;
        if let Some(party) = party {
            claims["azp"] = party.into();
        }
        judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| Expected { trusted_audiences: &trusted, ..expected })
    };
    let id_token = judge(json!([CLIENT, "project-1", "app-2"]), Some(CLIENT)).expect("all of them are trusted");
    assert_eq!(id_token.audience, [CLIENT, "project-1", "app-2"]);
    assert!(judge(CLIENT.into(), None).is_ok());
    // What was made for one whom we trust is not ours, though it names us.
    refused(judge(json!([CLIENT, "project-1"]), Some("app-2")), "authorized party");
    refused(judge(json!([CLIENT, "project-1"]), None), "authorized party");
    refused(judge(json!(["project-1"]), Some(CLIENT)), "somebody else");
    // A stranger is named, so that it can be judged whether to trust them; not as it came, and without what came beside the token.
    refused(judge(json!([CLIENT, "project-1", "them"]), Some(CLIENT)), "\"them\"");
    refused(judge(json!([CLIENT, format!("{NONCE} \u{1b}[31m")]), Some(CLIENT)), "\"<secret> [31m\"");
    let error = Error::from(judge(json!([CLIENT, "x".repeat(2000)]), Some(CLIENT)).expect_err("a stranger"));
    assert!(error.to_string().len() < 1000 && error.hint().contains("oauth2.trusted_audiences"), "{error}");
}

#[test]
fn e6_the_nonce_is_the_one_that_was_sent() {
    refused(judge(|claims| claims["nonce"] = "another".into()), "nonce");
    refused(judge(|claims| claims["nonce"] = Value::Null), "nonce");
    let token = sign(Algorithm::ES256, json!({}), &claims());
    assert!(judge_with(&token, |expected| Expected { nonce: None, ..expected }).is_ok(), "none was sent");
}

#[test]
fn e7_hashes_tie_what_came_beside_it() {
    let (access, code, state) = (Secret::new("an-access-token"), Secret::new("a-code"), Secret::new("a-state"));
    let half = |text: &str| keyfob_proto::encode::base64url(&sha2::Sha256::digest(text.as_bytes())[..16]);
    let hashes = Hashes { access_token: Some(&access), code: Some(&code), state: Some(&state), required: true, state_required: false };
    let judged = |change: &dyn Fn(&mut Value), hashes: Hashes<'_>| {
        let mut claims = claims();
        claims["at_hash"] = half("an-access-token").into();
        claims["c_hash"] = half("a-code").into();
        claims["s_hash"] = half("a-state").into();
        change(&mut claims);
        let token = sign(Algorithm::ES256, json!({}), &claims);
        judge_with(&token, |expected| Expected { hashes, ..expected })
    };
    assert!(judged(&|_| {}, hashes).is_ok());
    for name in ["at_hash", "c_hash", "s_hash"] {
        refused(judged(&|claims| claims[name] = half("something else").into(), hashes), name);
        refused(judged(&|claims| claims[name] = 1.into(), hashes), name);
        // A whole hash, or one by another function, is not the half that was asked for.
        refused(
            judged(&|claims| claims[name] = keyfob_proto::encode::base64url(&sha2::Sha512::digest(b"a-code")[..32]).into(), hashes),
            name,
        );
    }
    for name in ["at_hash", "c_hash"] {
        refused(judged(&|claims| claims[name] = Value::Null, hashes), name);
        assert!(
            judged(&|claims| claims[name] = Value::Null, Hashes { required: false, ..hashes }).is_ok(),
            "from the token endpoint it may be absent"
        );
    }
    assert!(judged(&|claims| claims["s_hash"] = Value::Null, hashes).is_ok(), "OpenID Connect does not know it");
    refused(judged(&|claims| claims["s_hash"] = Value::Null, Hashes { state_required: true, ..hashes }), "s_hash");
}

#[test]
fn e8_a_minute_between_clocks_and_no_more() {
    assert!(judge(|claims| claims["exp"] = (NOW - 59).into()).is_ok());
    refused(judge(|claims| claims["exp"] = (NOW - 60).into()), "ended");
    refused(judge(|claims| claims["exp"] = (NOW - 300).into()), "300 seconds ago");
    assert!(judge(|claims| claims["iat"] = (NOW + 60).into()).is_ok());
    refused(judge(|claims| claims["iat"] = (NOW + 61).into()), "iat");
    assert!(judge(|claims| claims["iat"] = (NOW - 24 * 3600).into()).is_ok());
    refused(judge(|claims| claims["iat"] = (NOW - 7 * 24 * 3600).into()), "within a day");
    refused(judge(|claims| claims["nbf"] = (NOW + 61).into()), "nbf");
}

#[test]
fn e10_keys_inside_the_token_are_not_looked_at() {
    let stranger = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("ES256")).expect("it signs");
    for header in [
        json!({ "jwk": stranger.public_key().expect("public").to_jwk() }),
        json!({ "jku": "https://evil.example/keys" }),
        json!({ "x5u": "https://evil.example/cert", "x5c": ["AAAA"] }),
    ] {
        let header = header.as_object().expect("an object").clone();
        let token = sign_compact(&*stranger, header, claims().to_string().as_bytes()).expect("it signs");
        refused(judge_with(&token, |expected| expected), "signature");
    }
}

#[test]
fn e11_a_token_without_a_name_is_tried_with_keys_of_its_kind() {
    let named = SERVER.signer(Algorithm::ES256);
    let unnamed = |signer: &dyn Sign| {
        let text = json!({ "alg": signer.algorithm().name() }).to_string();
        let signed = format!(
            "{}.{}",
            keyfob_proto::encode::base64url(text.as_bytes()),
            keyfob_proto::encode::base64url(claims().to_string().as_bytes())
        );
        let signature = signer.sign(signed.as_bytes()).expect("it signs");
        format!("{signed}.{}", keyfob_proto::encode::base64url(&signature))
    };
    let nonce = Secret::new(NONCE);
    let all = Algorithms::asymmetric();
    let expected = Expected { nonce: Some(&nonce), ..Expected::new(ISSUER, CLIENT, &all, Timestamp::from_unix(NOW)) };
    let other = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("other")).expect("it signs");
    let several = key_set([jwk(&*other), jwk(SERVER.signer(Algorithm::RS256)), jwk(named)]);
    assert!(expected.judge(&unnamed(named), &Keys::Set(&several)).is_ok());
    assert!(expected.judge(&unnamed(&*other), &Keys::Set(&several)).is_ok());
    refused(expected.judge(&unnamed(named), &Keys::Set(&key_set([jwk(&*other)]))), "signature");
    let unknown =
        expected.judge(&unnamed(named), &Keys::Set(&key_set([jwk(SERVER.signer(Algorithm::RS256))]))).expect_err("no key for ES256");
    assert!(unknown.is_unknown_key(), "{unknown}");
}

#[test]
fn e12_a_name_that_is_not_there_is_told_apart_from_a_wrong_signature() {
    let stranger = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("new-key")).expect("it signs");
    let token = sign_compact(&*stranger, Map::new(), claims().to_string().as_bytes()).expect("it signs");
    let unknown = judge_with(&token, |expected| expected).expect_err("unknown");
    assert!(unknown.is_unknown_key() && unknown.hint.is_some(), "{unknown}");
    assert!(!judge(|claims| claims["iss"] = "x".into()).expect_err("wrong").is_unknown_key());
}

#[test]
fn e15_a_token_of_another_kind_is_no_id_token() {
    for kind in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "oauth-authz-req+jwt", "token-introspection+jwt"]
    {
        refused(judge_with(&sign(Algorithm::ES256, json!({ "typ": kind }), &claims()), |expected| expected), "ID token");
    }
    for kind in ["JWT", "jwt", "application/JWT"] {
        assert!(judge_with(&sign(Algorithm::ES256, json!({ "typ": kind }), &claims()), |expected| expected).is_ok(), "{kind}");
    }
}

#[test]
fn e18_how_long_ago_and_how_thoroughly_the_person_was_asked() {
    let aged = |asked: Option<i64>| {
        let mut claims = claims();
        if let Some(asked) = asked {
            claims["auth_time"] = asked.into();
        }
        judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| Expected { max_age: Some(100), ..expected })
    };
    assert!(aged(Some(NOW - 160)).is_ok(), "a minute is left for clocks");
    refused(aged(Some(NOW - 161)), "161 seconds ago");
    assert!(aged(Some(NOW + 60)).is_ok());
    refused(aged(Some(NOW + 61)), "to come");
    refused(aged(None), "auth_time");
    let wanted = ["gold".to_owned(), "silver".to_owned()];
    let thorough = |acr: Value| {
        let mut claims = claims();
        claims["acr"] = acr;
        judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| Expected { acr_values: &wanted, ..expected })
    };
    assert_eq!(thorough("silver".into()).expect("as wanted").acr.as_deref(), Some("silver"));
    refused(thorough("bronze".into()), "bronze");
    refused(thorough(Value::Null), "acr");
    for odd in [json!(1), json!(""), json!(["gold"])] {
        refused(thorough(odd), "acr");
    }
}

#[test]
fn what_nobody_asked_for_may_be_odd() {
    for (name, odd) in [("acr", json!(1)), ("acr", json!("")), ("acr", json!(["gold"])), ("auth_time", json!("2026-11-30"))] {
        let mut claims = claims();
        claims[name] = odd.clone();
        let token = judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| expected).expect("it keeps to every rule");
        assert_eq!((token.acr, token.authenticated_at, token.claims.get(name)), (None, None, Some(&odd)));
    }
    let mut claims = claims();
    claims["auth_time"] = json!("2026-11-30");
    refused(judge_with(&sign(Algorithm::ES256, json!({}), &claims), |expected| Expected { max_age: Some(100), ..expected }), "auth_time");
}

#[test]
fn e19_claims_twice_are_refused() {
    let text = claims().to_string().replacen("{", &format!("{{\"iss\":\"{ISSUER}\","), 1);
    let token = sign_compact(SERVER.signer(Algorithm::ES256), Map::new(), text.as_bytes()).expect("it signs");
    refused(judge_with(&token, |expected| expected), "twice");
}

/// OpenID Connect Core §3.3.3.6: a code that somebody swapped brings a token about somebody else.
#[test]
fn e4_the_token_of_the_exchange_is_about_the_person_of_the_one_before() {
    let first = judge(|_| {}).expect("an ID token");
    assert_eq!(judge(|claims| claims["iat"] = (NOW - 1).into()).expect("an ID token").follows(&first), Ok(()));
    let other = judge(|claims| claims["sub"] = "somebody else".into()).expect("an ID token");
    assert!(other.follows(&first).expect_err("another person").to_string().contains("sub"));
    let mut elsewhere = first.clone();
    elsewhere.issuer = "https://evil.example".to_owned();
    assert!(elsewhere.follows(&first).expect_err("another server").to_string().contains("iss"));
}
