//! Every flaw is one: the core's judges take the answer without it, and refuse it with it. (They are here as a client; the server does not use them.)

use std::collections::BTreeSet;
use std::sync::Arc;

use keyfob_proto::jose::{Algorithms, AwsLc, KeySet, Keys};
use keyfob_proto::oidc::{Expected, Hashes, LogoutToken};
use keyfob_proto::{Secret, Timestamp};
use keyfob_sandbox::{Flaw, Metadata, Part, Quirk};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::{get, get_url, post_json, query, send, unix};
use crate::kit::{Acme, VERIFIER, claims, head};
use crate::logout::posted;

fn of(part: Part) -> impl Iterator<Item = Flaw> {
    Flaw::ALL.iter().copied().filter(move |flaw| flaw.part() == part)
}

fn set(acme: &Acme, flaw: Option<Flaw>) {
    acme.sandbox.faults("acme").update(|faults| faults.flaw = flaw);
}

async fn key_set(acme: &Acme) -> KeySet {
    KeySet::read(&get_url(&format!("{}/jwks", acme.origin)).await.body, Arc::new(AwsLc)).expect("public keys")
}

fn now() -> Timestamp {
    Timestamp::from_unix(i64::try_from(unix()).expect("soon enough"))
}

/// Everything about a hybrid login's two ID tokens that a client can check.
async fn hybrid(acme: &Acme, set: &KeySet) -> Result<(), String> {
    let acr = ["urn:acme:second-factor".to_owned()];
    let requested = r#"{"id_token":{"openbanking_intent_id":{"value":"intent-1"}}}"#;
    let asked = [
        ("response_type", "code id_token token"),
        ("scope", "openid"),
        ("nonce", "n-1"),
        ("max_age", "1000"),
        ("acr_values", &acr[0]),
        ("claims", requested),
    ];
    let location = get_url(&acme.authorize_url(&asked)).await.location().replace('#', "?");
    let back = query(&location);
    let (nonce, code, state) = (Secret::new("n-1"), Secret::new(get(&back, "code")), Secret::new("abc"));
    let algorithms = Algorithms::listed(["RS256"]);
    let expected = Expected {
        nonce: Some(&nonce),
        max_age: Some(1000),
        acr_values: &acr,
        claims: Some(requested),
        ..Expected::new(&acme.origin, &acme.app.client_id, &algorithms, now())
    };
    let front_token = Secret::new(get(&back, "access_token"));
    let hashes = Hashes { access_token: Some(&front_token), code: Some(&code), state: Some(&state), required: true, state_required: true };
    let first = Expected { hashes, ..expected };
    let keys = Keys::Set(set);
    let front = first.judge(get(&back, "id_token"), &keys).map_err(|wrong| wrong.to_string())?;
    let tokens = acme.exchange(code.expose(), VERIFIER).await.json();
    let access = Secret::new(tokens["access_token"].as_str().expect("text"));
    let second = Expected { hashes: Hashes { access_token: Some(&access), ..Hashes::default() }, ..expected };
    let text = tokens["id_token"].as_str().ok_or("no ID token")?;
    let back = second.judge(text, &keys).map_err(|wrong| wrong.to_string())?;
    if back.subject == front.subject { Ok(()) } else { Err("another subject".into()) }
}

#[tokio::test]
async fn every_id_token_flaw_is_seen() {
    let acme = Acme::start().await;
    let keys = key_set(&acme).await;
    hybrid(&acme, &keys).await.expect("a good login");
    for flaw in of(Part::IdToken) {
        set(&acme, Some(flaw));
        let judged = hybrid(&acme, &keys).await;
        if flaw == Flaw::IdTokenNoKid {
            // Servers in the wild leave it out, and any key of the kind that fits is as good as the named one.
            judged.expect("tolerated");
        } else {
            assert!(judged.is_err(), "{flaw:?} passed");
        }
        set(&acme, None);
    }
    hybrid(&acme, &keys).await.expect("healed");
}

#[tokio::test]
async fn every_logout_token_flaw_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("http://{}/logout", listener.local_addr().expect("bound"));
    let acme = Acme::with(Metadata { backchannel_logout_uri: Some(uri), ..Metadata::default() }).await;
    let keys = key_set(&acme).await;
    for flaw in std::iter::once(None).chain(of(Part::LogoutToken).map(Some)) {
        acme.openid(&[]).await;
        set(&acme, flaw);
        get_url(&format!("{}/end_session", acme.origin)).await;
        let sent = posted(&listener).await;
        let algorithms = Algorithms::listed(["RS256"]);
        let judged = LogoutToken::judge(get(&sent, "logout_token"), &acme.origin, "mine", &Keys::Set(&keys), &algorithms, now());
        assert_eq!(judged.is_err(), flaw.is_some(), "{flaw:?}: {judged:?}");
        set(&acme, None);
    }
}

/// What the other flaws change, as one value: with the flaw it is another than without.
async fn answer(acme: &Acme, part: Part) -> Value {
    match part {
        Part::Metadata => get_url(&format!("{}/.well-known/openid-configuration", acme.origin)).await.json(),
        Part::ResourceMetadata => get_url(&format!("{}/.well-known/oauth-protected-resource/api", acme.origin)).await.json(),
        Part::Jwks => {
            let keys = get_url(&format!("{}/jwks", acme.origin)).await.json();
            // Members, not values.
            let keys = keys["keys"].as_array().expect("a list").iter();
            json!(keys.map(|key| key.as_object().expect("a key").keys().collect::<Vec<_>>()).collect::<Vec<_>>())
        }
        Part::AuthorizationResponse => {
            let back = acme.back(&[]).await;
            json!(
                back.iter()
                    .filter(|(name, _)| name != "code")
                    .chain(back.iter().filter(|(name, _)| name == "code").skip(1))
                    .collect::<Vec<_>>()
            )
        }
        Part::Jarm => {
            let back = acme.back(&[("response_mode", "jwt")]).await;
            let Some((_, text)) = back.iter().find(|(name, _)| name == "response") else { return json!("plain") };
            let mut said = claims(text);
            said["code"] = Value::Null;
            // Seconds pass while the flaws are walked through.
            said["exp"] = json!(said["exp"].as_u64().map(|exp| exp > unix()));
            json!([head(text)["alg"], said, good(acme, text).await])
        }
        Part::Userinfo => {
            let (_, tokens) = acme.openid(&[]).await;
            let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
            let answer = send("GET", &format!("{}/userinfo", acme.origin), &[("authorization", &bearer)], "").await;
            if answer.header("content-type") != Some("application/jwt") {
                return json!("plain");
            }
            json!([claims(&answer.text()), good(acme, &answer.text()).await])
        }
        Part::Introspection => {
            let tokens = acme.login().await;
            let text = acme.post("/introspect", &[("token", tokens["access_token"].as_str().expect("text"))]).await.text();
            json!([head(&text)["typ"], claims(&text)["iss"], claims(&text)["aud"], good(acme, &text).await])
        }
        Part::TokenResponse => {
            let key = crate::kit::key(keyfob_proto::jose::Algorithm::ES256);
            let url = format!("{}/token", acme.origin);
            let proof = crate::kit::proof(&*key, "POST", &url, None, None);
            let pairs = [("grant_type", "client_credentials"), ("client_id", "mine"), ("client_secret", acme.app.client_secret.as_str())];
            crate::common::post_form(&url, &[("dpop", &proof)], &pairs).await.json()["token_type"].clone()
        }
        Part::SourcedClaims => {
            let (_, tokens) = acme.openid(&[("claims", r#"{"userinfo":{"address":null}}"#)]).await;
            let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
            // Registered for signed ones.
            let told = claims(&send("GET", &format!("{}/userinfo", acme.origin), &[("authorization", &bearer)], "").await.text());
            let text = told["_claim_sources"]["registry"]["JWT"].as_str().expect("signed text").to_owned();
            json!([claims(&text)["iss"], good(acme, &text).await])
        }
        Part::LogoutResponse => {
            let (_, tokens) = acme.openid(&[]).await;
            let hint = tokens["id_token"].as_str().expect("text");
            let pairs = [("id_token_hint", hint), ("post_logout_redirect_uri", "http://127.0.0.1/bye"), ("state", "s")];
            json!(get_url(&format!("{}/end_session?{}", acme.origin, crate::common::form(&pairs))).await.location())
        }
        Part::SignedMetadata => {
            acme.sandbox.faults("acme").update(|faults| faults.quirk = Some(Quirk::SignedMetadata));
            let told = get_url(&format!("{}/.well-known/oauth-authorization-server", acme.origin)).await.json();
            acme.sandbox.faults("acme").update(|faults| faults.quirk = None);
            let text = told["signed_metadata"].as_str().expect("signed text");
            json!([claims(text)["iss"], claims(text)["aud"], claims(text)["exp"].is_null(), good(acme, text).await])
        }
        Part::IdToken | Part::LogoutToken => unreachable!("they have tests of their own"),
    }
}

async fn good(acme: &Acme, text: &str) -> bool {
    let keys = key_set(acme).await;
    keyfob_proto::jose::Jws::read(text).is_ok_and(|jws| jws.verify(&Keys::Set(&keys), &Algorithms::asymmetric()).is_ok())
}

#[tokio::test]
async fn every_other_flaw_changes_its_answer_and_is_healed() {
    let signed = Metadata {
        userinfo_signed_response_alg: Some("ES256".into()),
        introspection_signed_response_alg: Some("RS256".into()),
        post_logout_redirect_uris: vec!["http://127.0.0.1/bye".into()],
        ..Metadata::default()
    };
    let acme = Acme::with(signed).await;
    let mut seen = BTreeSet::new();
    for flaw in Flaw::ALL.iter().copied().filter(|flaw| !matches!(flaw.part(), Part::IdToken | Part::LogoutToken)) {
        set(&acme, None);
        let right = answer(&acme, flaw.part()).await;
        set(&acme, Some(flaw));
        let wrong = answer(&acme, flaw.part()).await;
        assert_ne!(right, wrong, "{flaw:?}");
        assert!(seen.insert(format!("{:?} {wrong}", flaw.part())), "{flaw:?} is the same as another");
    }
}

#[tokio::test]
async fn a_flaw_is_ordered_by_its_name() {
    let acme = Acme::start().await;
    let url = format!("{}/control/faults", acme.sandbox.index());
    let order = json!({"service": "acme", "faults": {"flaw": "id_token_aud", "dpop_nonce": "both", "require_par": true}});
    assert_eq!(post_json(&url, &order).await.status, 200);
    assert_eq!(acme.sandbox.faults("acme").get().flaw, Some(Flaw::IdTokenAud));
    let unknown = json!({"service": "acme", "faults": {"flaw": "id_token_sad"}});
    assert_eq!(post_json(&url, &unknown).await.status, 400);
    let rotate = post_json(&format!("{}/control/rotate-keys", acme.sandbox.index()), &json!({"service": "acme"})).await;
    assert_eq!(rotate.status, 200);
}
