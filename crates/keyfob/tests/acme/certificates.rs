//! Apps that are known by their certificate, and tokens that are good beside it alone (RFC 8705), through a real handshake.

use keyfob::login::{client_credentials, token_exchange};
use keyfob::proto::oauth1::{self, SignatureMethod};
use keyfob::proto::oauth2::{AccessRequest, ClientAuth, TokenExchangeRequest, TokenType};
use keyfob::proto::{App, Flow, Settings};
use keyfob::{Keyfob, LoginOptions, Revoked, Store, logout};
use keyfob_sandbox::{Certificate, Metadata, Sandbox};
use keyfob_testbed::ClientCertificate;
use serde_json::json;

use crate::common::endpoint;
use crate::kit::{House, SECRET, tokens};

const NAME: &str = "app.example";

fn self_signed() -> (Certificate, Metadata) {
    let made = ClientCertificate::self_signed("an app");
    let key = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "x5c": [keyfob::proto::encode::base64(&made.der)]});
    let method = Some("self_signed_tls_client_auth".to_owned());
    let metadata = Metadata { token_endpoint_auth_method: method, jwks: Some(json!({ "keys": [key] })), ..Metadata::default() };
    (Certificate { certificate: made.certificate, key: made.key }, metadata)
}

fn by_authority(sandbox: &Sandbox) -> (Certificate, Metadata) {
    let method = Some("tls_client_auth".to_owned());
    let metadata = Metadata { token_endpoint_auth_method: method, tls_client_auth_san_dns: Some(NAME.to_owned()), ..Metadata::default() };
    (sandbox.client_certificate(NAME).unwrap(), metadata)
}

async fn house(self_made: bool) -> (House, Certificate) {
    let mut own = None;
    let house = House::behind_tls(App::public("mine"), ClientAuth::Tls, |sandbox| {
        let (shown, metadata) = if self_made { self_signed() } else { by_authority(sandbox) };
        own = Some(shown.clone());
        (Some(shown), metadata)
    })
    .await;
    (house, own.unwrap())
}

async fn status(house: &House, keyfob: &Keyfob) -> u16 {
    let session = keyfob.session(house.settings.clone(), house.app.clone(), "acme").await.unwrap();
    session.get("/me").send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn g6_an_app_lives_by_its_certificate_alone() {
    for self_made in [true, false] {
        let (house, _) = house(self_made).await;
        let account = house.log_in(LoginOptions::default()).await.unwrap().account;
        house.session().await.refresh().await.unwrap();
        assert_eq!(status(&house, &house.keyfob).await, 200);
        house.session().await.userinfo().await.unwrap();
        let place = endpoint(&format!("{}/introspect", house.sandbox.secure_origin()));
        let worth =
            house.keyfob.introspect(&house.settings, &house.app, &place, &tokens(&house.account().await).access, None).await.unwrap();
        assert!(worth.is_good(house.keyfob.now()) && worth.confirmation.is_some_and(|bound| bound.x5t_s256.is_some()));
        assert!(house.seen("/par")[0].value("client_secret").is_none() && house.seen("/par")[0].value("client_assertion").is_none());
        let logged_out = logout(&house.keyfob, &house.settings, &house.app, &account.name, true).await.unwrap();
        assert!(matches!(logged_out.revoked, Revoked::Yes));
        client_credentials(&house.keyfob, &house.settings, &house.app, "acme/own", &AccessRequest::scopes(["echo"])).await.unwrap();
    }
}

#[tokio::test]
async fn rfc8705_2_another_certificate_or_none_is_not_the_app() {
    for self_made in [true, false] {
        let (house, own) = house(self_made).await;
        let ask = async |keyfob: Keyfob| {
            client_credentials(&keyfob, &house.settings, &house.app, "acme/own", &AccessRequest::scopes(["echo"])).await.map(drop)
        };
        let others = [None, Some(self_signed().0), Some(house.sandbox.client_certificate("another.example").unwrap())];
        for other in others {
            let error = ask(house.showing(other)).await.unwrap_err();
            assert!(error.to_string().contains("invalid_client"), "{error}");
        }
        // The authority of another sandbox is nobody here, whatever name it vouches for.
        let elsewhere = Sandbox::builder().only(["acme"]).tls().start().await.unwrap();
        ask(house.showing(Some(elsewhere.client_certificate(NAME).unwrap()))).await.unwrap_err();
        assert!(house.store.accounts().await.unwrap().is_empty());
        ask(house.showing(Some(own))).await.unwrap();
    }
}

#[tokio::test]
async fn rfc8705_3_a_stolen_token_is_worth_nothing_without_the_certificate() {
    let (house, own) = house(true).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    assert_eq!(status(&house, &house.showing(Some(own))).await, 200);
    for keyfob in [house.showing(Some(self_signed().0)), house.showing(None)] {
        let session = keyfob.session(house.settings.clone(), house.app.clone(), "acme").await.unwrap();
        // The API calls the token invalid (RFC 8705 §3), and no other comes in its place.
        let error = session.get("/me").send().await.map(drop).unwrap_err();
        assert!(error.to_string().contains("invalid_client"), "{error}");
        assert_eq!(house.seen("/api/me").last().map(|seen| seen.status), Some(401));
        session.refresh().await.unwrap_err();
    }
}

#[tokio::test]
async fn rfc8705_3_a_stolen_token_is_not_exchanged_for_one_that_is_free() {
    let (house, own) = house(true).await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    // The thief is an app here, too, by a secret.
    let demo = house.sandbox.app("acme");
    let thief = App::confidential(demo.client_id, demo.client_secret);
    let mut settings = house.settings.clone();
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    flow.client_auth = ClientAuth::Basic;
    let request = TokenExchangeRequest::new(tokens(&account).access.clone(), TokenType::AccessToken);
    for shown in [None, Some(self_signed().0)] {
        let keyfob = house.showing(shown);
        let error = token_exchange(&keyfob, &settings, &thief, "acme/stolen", &request).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("bound to a certificate"), "{error}");
    }
    token_exchange(&house.showing(Some(own)), &house.settings, &house.app, "acme/narrow", &request).await.unwrap();
}

#[tokio::test]
async fn rfc8705_4_a_public_client_s_refresh_token_is_bound_to_the_certificate_too() {
    let metadata = || Metadata {
        token_endpoint_auth_method: Some("none".to_owned()),
        tls_client_certificate_bound_access_tokens: true,
        ..Metadata::default()
    };
    let own = self_signed().0;
    let shown = own.clone();
    // It says nothing of who it is, and goes to the endpoints for those who show a certificate all the same.
    let house = House::behind_tls(App::public("mine"), ClientAuth::Tls, |_| (Some(shown), metadata())).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.session().await.refresh().await.unwrap();
    let thief = house.showing(Some(self_signed().0));
    let session = thief.session(house.settings.clone(), house.app.clone(), "acme").await.unwrap();
    let error = session.refresh().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("acme"), "{error}");
    let last = house.seen("/token").pop().unwrap();
    assert_eq!(last.status, 400, "{}", last.line());
    // And where nothing is shown, nothing is given.
    let error = House::behind_tls(App::public("mine"), ClientAuth::Tls, |_| (None, metadata())).await;
    assert!(error.log_in(LoginOptions::default()).await.is_err());
    drop(own);
}

#[tokio::test]
async fn rfc5849_3_4_4_plaintext_goes_over_tls() {
    let app = || App::confidential("mine", SECRET);
    let mut house = House::behind_tls(app(), ClientAuth::Basic, |_| (None, Metadata::default())).await;
    let at = |path: &str| endpoint(&format!("{}/oauth1/{path}", house.sandbox.secure_origin()));
    let flow =
        |signature| oauth1::Settings { signature, ..oauth1::Settings::new(at("request_token"), at("authorize"), at("access_token")) };
    for method in [SignatureMethod::Plaintext, SignatureMethod::HmacSha256] {
        house.settings = Settings::new("acme", Flow::OAuth1(flow(method)), at("api"));
        house.log_in(LoginOptions::default()).await.unwrap();
        assert_eq!(status(&house, &house.keyfob).await, 200);
    }
}
