//! What tokens are worth, to whom, and until when.

use keyfob::proto::jose::{Algorithm, Algorithms, Jws, Keys};
use keyfob::proto::oauth2::introspection::Introspection;
use keyfob::proto::oauth2::{AccessRequest, Dpop, jwt_access_token};
use keyfob::proto::{App, Flow, Secret, Settings};
use keyfob::{Error, login, logout};
use keyfob_interop::{http, person};

use crate::rp::{ACCOUNT, Rp, access, finish, web};

/// What the server says about a token, asked as a resource server asks.
async fn introspect(rp: &Rp, settings: &Settings, app: &App, token: &Secret, signed: bool) -> Introspection {
    let endpoint = rp.metadata().await.introspection_endpoint.expect("it has one");
    let worth = if signed {
        rp.keyfob.introspect_signed(settings, app, &endpoint, token, &Algorithms::of([Algorithm::ES256])).await
    } else {
        rp.keyfob.introspect(settings, app, &endpoint, token, None).await
    };
    worth.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn introspection() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let account = rp.login(&settings, &app).await.account;
    let token = introspect(&rp, &settings, &app, &access(&account).access, false).await;
    assert!(token.is_good(rp.keyfob.now()) && token.expires_at.is_some() && !token.signed);
    assert_eq!((token.subject.as_deref(), token.client_id.as_deref()), (Some("robin"), Some("peer:web")));
    assert!(token.scopes.iter().any(|scope| scope == "email"));
    assert!(!introspect(&rp, &settings, &app, &"not-a-token".into(), false).await.active);
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let account = rp.login(&settings, &app).await.account;
    let tokens = access(&account);
    assert!(introspect(&rp, &settings, &app, &tokens.access, false).await.active);
    logout(&rp.keyfob, &settings, &app, ACCOUNT, true).await.expect("logged out");
    assert!(!introspect(&rp, &settings, &app, &tokens.access, false).await.active);
    assert!(!introspect(&rp, &settings, &app, tokens.refresh.as_ref().expect("a refresh token"), false).await.active);
    assert!(matches!(rp.keyfob.session(settings, app, ACCOUNT).await, Err(Error::NoAccount { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_access_token_for_a_resource() {
    const RESOURCE: &str = "https://api.peer.example";
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let request = AccessRequest { resources: vec![RESOURCE.to_owned()], ..AccessRequest::scopes(["api:read", "api:write"]) };
    let account = login::client_credentials(&rp.keyfob, &settings, &app, ACCOUNT, &request).await.expect("a token").account;
    let (text, keys) = (access(&account).access.expose(), rp.keys().await);
    let algorithms = Algorithms::of([Algorithm::ES256]);
    let expected =
        jwt_access_token::Expected { issuer: &rp.peer.origin, resource: RESOURCE, algorithms: &algorithms, now: rp.keyfob.now() };
    let token = expected.judge(text, &Keys::Set(&keys)).expect("it keeps to every rule");
    assert!(token.is_bearer() && token.allows("api:read") && token.allows("api:write") && !token.allows("openid"));
    assert_eq!((token.client_id.as_str(), token.subject.as_str()), ("peer:web", "peer:web"), "no person is involved");
    let other = jwt_access_token::Expected { resource: "https://opaque.peer.example", ..expected };
    assert!(other.judge(text, &Keys::Set(&keys)).is_err_and(|wrong| wrong.expected.contains("this resource")));
    let other = jwt_access_token::Expected { issuer: "http://127.0.0.1:1", ..expected };
    assert!(other.judge(text, &Keys::Set(&keys)).is_err());
}

/// Tokens that are bound to a key of this kind, at a server that wants to see a nonce of its own in every proof.
async fn bound_to_a_key(algorithm: Algorithm) {
    let Some(rp) = Rp::start() else { return };
    let app = App::public("peer-native");
    let change = |flow: &mut keyfob::proto::oauth2::Settings| {
        assert!(flow.dpop_algorithms.allow(algorithm), "the server lists it");
        (flow.dpop, flow.dpop_algorithms) = (Dpop::Wanted, Algorithms::of([algorithm]));
    };
    let settings = rp.settings_with(&app, None, change).await;
    let login = rp.begin(&settings, &app).await;
    assert!(http::parameter(login.url(), "dpop_jkt").is_some(), "RFC 9449 §10");
    finish(login, person::agree).await.expect("tokens");
    let session = rp.session(&settings, &app).await;
    for _ in 0..2 {
        let me = session.get("/me").send().await.expect("an answer").json().await.expect("claims");
        assert_eq!(me["email"], "robin@peer.example");
        let account = session.account();
        let tokens = access(&account);
        assert!(tokens.proof_key.is_some());
        // Stolen, it is worth nothing.
        let theft = format!("Bearer {}", tokens.access.expose());
        let answer = http::send("GET", &format!("{}/me", rp.peer.origin), &[("Authorization", &theft)], b"").expect("an answer");
        assert_eq!(answer.status, 401, "{answer:?}");
        let binding = introspect(&rp, &settings, &app, &tokens.access, false).await.confirmation.expect("a binding");
        assert!(binding.jkt.is_some() && binding.is_known());
        session.refresh().await.expect("the same key proves the refresh");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dpop_es256_with_the_servers_nonce() {
    bound_to_a_key(Algorithm::ES256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dpop_ed25519_with_the_servers_nonce() {
    bound_to_a_key(Algorithm::Ed25519).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eddsa_id_token() {
    let Some(rp) = Rp::start() else { return };
    let app = App::confidential("peer-eddsa", "not real");
    let only = |algorithm| move |flow: &mut keyfob::proto::oauth2::Settings| flow.id_token_algorithms = Algorithms::of([algorithm]);
    let settings = rp.settings_with(&app, None, only(Algorithm::EdDSA)).await;
    let logged_in = rp.login(&settings, &app).await;
    assert_eq!(logged_in.id_token.expect("verified").subject, "robin");
    let text = access(&logged_in.account).id_token.clone().expect("it is kept");
    assert_eq!(Jws::read(text.expose()).expect("signed text").header.algorithm, Algorithm::EdDSA);
    // Registered for another one, it is refused, whatever its own header says (E1).
    let settings = rp.settings_with(&app, None, only(Algorithm::RS256)).await;
    let error = finish(rp.begin(&settings, &app).await, person::agree).await.expect_err("not what was agreed on");
    assert!(error.to_string().contains("EdDSA"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_userinfo() {
    let Some(rp) = Rp::start() else { return };
    let app = App::confidential("peer-signed", "not real");
    let agreed = |flow: &mut keyfob::proto::oauth2::Settings| flow.userinfo_algorithms = Some(Algorithms::of([Algorithm::ES256]));
    let settings = rp.settings_with(&app, None, agreed).await;
    let person = rp.logged_in(&settings, &app).await.userinfo().await.expect("claims");
    assert!(person.signed && person.subject == "robin");
    assert_eq!(person.claims.text("email"), Some("robin@peer.example"));
    // Where nothing was agreed on, signed text is not taken for claims.
    let mut plain = settings.clone();
    let Flow::OAuth2(flow) = &mut plain.flow else { panic!("OAuth 2") };
    flow.userinfo_algorithms = None;
    assert!(rp.logged_in(&plain, &app).await.userinfo().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_introspection() {
    let Some(rp) = Rp::start() else { return };
    let app = App::confidential("peer-signed", "not real");
    let settings = rp.settings(&app).await;
    let account = rp.login(&settings, &app).await.account;
    let token = introspect(&rp, &settings, &app, &access(&account).access, true).await;
    assert!(token.signed && token.active && token.subject.as_deref() == Some("robin"));
    assert!(!introspect(&rp, &settings, &app, &"not-a-token".into(), true).await.active);
}
