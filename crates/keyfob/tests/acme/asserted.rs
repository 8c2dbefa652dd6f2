//! Apps that say who they are by an assertion: at every back-channel endpoint, by a key that is theirs, or one that lives elsewhere.

use keyfob::login::client_credentials;
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob::proto::oauth2::{AccessRequest, ClientAuth};
use keyfob::proto::{App, Secret};
use keyfob::{LoginOptions, Revoked, logout};
use keyfob_sandbox::Metadata;

use crate::common::endpoint;
use crate::kit::{House, SECRET, jwks};

async fn lives_a_whole_life(house: &House) {
    house.log_in(LoginOptions::default()).await.unwrap();
    house.session().await.refresh().await.unwrap();
    let logged_out = logout(&house.keyfob, &house.settings, &house.app, "acme", true).await.unwrap();
    assert!(matches!(logged_out.revoked, Revoked::Yes), "{logged_out:?}");
    let asked: Vec<_> = ["/token", "/revoke"].iter().flat_map(|path| house.seen(path)).collect();
    assert_eq!(asked.len(), 4, "exchange, refresh, and two revocations");
    for seen in asked {
        assert!(seen.value("client_assertion").is_some() && seen.value("client_secret").is_none(), "{}", seen.line());
        assert_eq!((seen.status, seen.credential_headers.len()), (200, 0), "{}", seen.line());
    }
}

#[tokio::test]
async fn g4_an_app_with_a_private_key_asserts_who_it_is_everywhere() {
    lives_a_whole_life(&House::keyed(Metadata::default(), |_| {}).await).await;
}

#[tokio::test]
async fn g4_the_app_s_own_account_is_asserted_at_login_and_renewal() {
    let house = House::keyed(Metadata::default(), |flow| flow.scopes = vec!["echo".to_owned()]).await;
    let request = AccessRequest::default();
    client_credentials(&house.keyfob, &house.settings, &house.app, "acme", &request).await.unwrap();
    house.session().await.refresh().await.unwrap();
    let asked = house.seen("/token");
    assert!(asked.len() == 2 && asked.iter().all(|seen| seen.status == 200 && seen.value("client_assertion").is_some()), "{asked:?}");
}

#[tokio::test]
async fn g4_requests_are_pushed_with_an_assertion_too() {
    let mut house = House::keyed(Metadata::default(), |_| {}).await;
    let keyfob::proto::Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
    flow.pushed = Some(endpoint(&format!("{}/par", house.origin)));
    house.log_in(LoginOptions::default()).await.unwrap();
    let pushed = house.seen("/par");
    assert!(matches!(pushed.as_slice(), [seen] if seen.status == 201 && seen.value("client_assertion").is_some()), "{pushed:?}");
}

#[tokio::test]
async fn g4_the_key_may_live_elsewhere() {
    let key = AwsLc.generate(Algorithm::ES256).unwrap().named("in-the-hsm");
    let method = Some("private_key_jwt".to_owned());
    let metadata = Metadata { token_endpoint_auth_method: method, jwks: Some(jwks(&key)), ..Metadata::default() };
    let mut house = House::with(App::public("mine"), metadata, |flow| flow.client_auth = ClientAuth::PrivateKeyJwt).await;
    let signer = AwsLc.signer(Algorithm::ES256, &key).unwrap();
    let of_another = house.keyfob.clone().with_signer("acme", "another-app", signer.clone());
    house.keyfob = house.keyfob.clone().with_signer("acme", "mine", signer);
    lives_a_whole_life(&house).await;
    house.keyfob = of_another;
    assert!(house.begin(LoginOptions::default()).await.is_err(), "a key is one app's");
}

#[tokio::test]
async fn a_missing_key_is_missed_before_anybody_is_asked() {
    for sign_requests in [false, true] {
        let mut house = House::keyed(Metadata::default(), |flow| {
            flow.request_object = sign_requests;
            flow.client_auth = if sign_requests { ClientAuth::None } else { ClientAuth::PrivateKeyJwt };
        })
        .await;
        house.begin(LoginOptions::default()).await.unwrap();
        house.app.private_key = None;
        let error = house.begin(LoginOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains("a private key of the app's own"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("Keyfob::with_signer")), "{error}");
        house.app.private_key = Some(Secret::new("a password"));
        let error = house.begin(LoginOptions::default()).await.unwrap_err();
        assert!(error.to_string().contains("neither a PEM block nor a JWK") && !error.to_string().contains("a password"), "{error}");
    }
}

#[tokio::test]
async fn an_app_with_a_secret_asserts_by_it() {
    let metadata = Metadata { token_endpoint_auth_method: Some("client_secret_jwt".to_owned()), ..Metadata::default() };
    let house = House::with(App::confidential("mine", SECRET), metadata, |flow| flow.client_auth = ClientAuth::SecretJwt).await;
    lives_a_whole_life(&house).await;
}
