//! Tokens without a browser of ours.

use keyfob::login::{client_credentials, token_exchange};
use keyfob::proto::oauth2::{AccessRequest, BackchannelRequest, ClientAuth, Hint, SubjectToken, TokenExchangeRequest, TokenType};
use keyfob::proto::{App, Code, Secret};
use keyfob::{BackchannelLogin, DeviceLogin, Error};
use keyfob_interop::person::{self, Person};

use crate::rp::{ACCOUNT, Rp, access, refusal, web};

const RESOURCE: &str = "https://opaque.peer.example";

/// An account of the app itself, renewed once; and the server refuses who only says to be this app.
async fn of_the_app_itself(rp: &Rp, app: &App, client_auth: ClientAuth) {
    let settings = rp.settings_with(app, Some(client_auth), |_| {}).await;
    let request = AccessRequest { resources: vec![RESOURCE.to_owned()], ..AccessRequest::scopes(["api:read"]) };
    let account = client_credentials(&rp.keyfob, &settings, app, ACCOUNT, &request).await.expect("tokens").account;
    assert_eq!(access(&account).scopes, ["api:read"]);
    let renewed = rp.session(&settings, app).await.refresh().await.expect("the same again");
    assert!(!access(&renewed).access.same_as(access(&account).access.expose()), "other tokens");

    let wrong = App::confidential(app.client_id.clone(), "not the secret, and as long as it has to be");
    let error = client_credentials(&rp.keyfob, &settings, &wrong, "peer/wrong", &request).await.expect_err("not the secret");
    assert_eq!(refusal(&error), Some(&Code::InvalidClient), "{error}");
    let scopes = AccessRequest { resources: vec!["https://unknown.example".to_owned()], ..AccessRequest::scopes(["api:read"]) };
    let error = client_credentials(&rp.keyfob, &settings, app, "peer/unknown", &scopes).await.expect_err("not a resource of this server");
    assert_eq!(refusal(&error), Some(&Code::InvalidTarget), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_by_basic() {
    let Some(rp) = Rp::start() else { return };
    of_the_app_itself(&rp, &web(), ClientAuth::Basic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_by_post() {
    let Some(rp) = Rp::start() else { return };
    of_the_app_itself(&rp, &App::confidential("peer-post", "another secret/not+real%"), ClientAuth::Post).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_by_client_secret_jwt() {
    let Some(rp) = Rp::start() else { return };
    of_the_app_itself(&rp, &App::confidential("peer-secret-jwt", "a shared secret of 32 bytes, not real"), ClientAuth::SecretJwt).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device() {
    let Some(rp) = Rp::start() else { return };
    let app = App::public("peer-native");
    let settings = rp.settings(&app).await;
    let begin = || DeviceLogin::begin(&rp.keyfob, &settings, &app, ACCOUNT, Vec::new());

    let mut login = begin().await.expect("a code");
    let page = Person::default().approve(login.verification_uri_complete().expect("a link"));
    assert!(page.contains("Sign-in Success"), "{page}");
    let logged_in = login.wait().await.expect("somebody agreed");
    assert_eq!(logged_in.id_token.expect("verified").subject, "robin");
    let answer = rp.session(&settings, &app).await.get("/me").send().await.expect("an answer");
    assert_eq!(answer.json().await.expect("claims")["email"], "robin@peer.example");

    let mut login = begin().await.expect("a code");
    person::decline(login.verification_uri_complete().expect("a link"));
    let error = login.wait().await.expect_err("somebody said no");
    assert_eq!(refusal(&error), Some(&Code::AccessDenied), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backchannel_authentication_by_polling() {
    let Some(rp) = Rp::start() else { return };
    let app = App::confidential("peer-post", "another secret/not+real%");
    let settings = rp.settings_with(&app, Some(ClientAuth::Post), |_| {}).await;
    let whom = BackchannelRequest::new(Hint::Login("robin".to_owned()), AccessRequest::scopes(["openid", "email"]));
    let begin = || BackchannelLogin::begin(&rp.keyfob, &settings, &app, ACCOUNT, &whom);

    let login = begin().await.expect("somebody is asked");
    rp.peer.control("refuse");
    let error = login.wait().await.expect_err("they said no");
    assert_eq!(refusal(&error), Some(&Code::AccessDenied), "{error}");
    assert!(matches!(rp.keyfob.session(settings.clone(), app.clone(), ACCOUNT).await, Err(Error::NoAccount { .. })), "nothing is kept");

    let login = begin().await.expect("somebody is asked");
    rp.peer.control("approve");
    let logged_in = login.wait().await.expect("they agreed");
    assert_eq!(logged_in.id_token.expect("verified").subject, "robin");
    let person = rp.session(&settings, &app).await.userinfo().await.expect("claims");
    assert_eq!(person.claims.text("email"), Some("robin@peer.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exchange_of_a_token() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let session = rp.logged_in(&settings, &app).await;
    let subject = access(&session.account()).access.clone();
    let request = |token: Secret, scopes: &[&str]| TokenExchangeRequest {
        subject: SubjectToken { token, token_type: TokenType::AccessToken },
        access: AccessRequest::scopes(scopes.iter().copied()),
        ..TokenExchangeRequest::new("".into(), TokenType::AccessToken)
    };
    let exchanged = token_exchange(&rp.keyfob, &settings, &app, "peer/narrow", &request(subject.clone(), &["openid"])).await;
    assert_eq!(access(&exchanged.expect("a narrower token").account).scopes, ["openid"]);
    let narrow = rp.keyfob.session(settings.clone(), app.clone(), "peer/narrow").await.expect("a session");
    let me = narrow.get("/me").send().await.expect("an answer").json().await.expect("claims");
    assert!(me["sub"] == "robin" && me.get("email").is_none(), "{me}");

    let wider = token_exchange(&rp.keyfob, &settings, &app, "peer/wide", &request(subject, &["openid", "api:write"])).await;
    assert_eq!(refusal(&wider.expect_err("more than the token has")), Some(&Code::InvalidScope));
    let nobody: Error = token_exchange(&rp.keyfob, &settings, &app, "peer/nobody", &request("not-a-token".into(), &["openid"]))
        .await
        .expect_err("no token");
    assert_eq!(refusal(&nobody), Some(&Code::InvalidRequest), "RFC 8693 §2.2.2: {nobody}");
}
