//! The authorization code: from the issuer's name to tokens that are renewed.

use std::sync::Arc;

use keyfob::login::loopback::Listener;
use keyfob::proto::oauth2::Pkce;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::{Answer, App, Code, Error as ProtoError, Flow};
use keyfob::store::Expected;
use keyfob::{Error, HyperTransport, Keyfob, Login, MemoryStore, Redirect, Store as _};
use keyfob_interop::{http, person};

use crate::rp::{ACCOUNT, CALLBACK, Rp, finish, refusal, web};

#[tokio::test(flavor = "multi_thread")]
async fn discovery() {
    let Some(rp) = Rp::start() else { return };
    let settings = rp.discover(&web(), &Preferences::default()).await;
    let Flow::OAuth2(flow) = &settings.flow else { panic!("{settings:?}") };
    let own = |path: &str| format!("{}{path}", rp.peer.origin);
    let page = flow.authorize.as_ref().map(|page| page.as_str());
    assert_eq!((page, flow.token.as_str()), (Some(own("/auth").as_str()), own("/token").as_str()));
    assert_eq!(flow.issuer.as_deref(), Some(rp.peer.origin.as_str()));
    assert!(
        flow.iss_required && flow.jwks.is_some() && flow.revoke.is_some() && flow.device_authorization.is_some() && flow.pushed.is_some()
    );
    // Byte for byte: a slash more is another issuer, which this server is not.
    let error = rp.keyfob.metadata(&format!("{}/", rp.peer.origin), Order::OpenIdFirst).await.expect_err("another issuer");
    assert!(matches!(&error, Error::Protocol(ProtoError::Misbehaved(wrong)) if wrong.section.contains("8414 §3.3")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_with_pkce_nonce_and_iss() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let login = rp.begin(&settings, &app).await;
    let said = |name: &str| http::parameter(login.url(), name);
    assert_eq!(said("code_challenge_method").as_deref(), Some("S256"));
    assert!(said("nonce").is_some() && said("state").is_some());

    let back = person::agree(login.url());
    assert_eq!(http::parameter(&back, "iss").as_deref(), Some(rp.peer.origin.as_str()), "RFC 9207");
    let forged = back.replace(&http::encode(&rp.peer.origin), &http::encode("http://127.0.0.1:1"));
    assert!(login.verify(Answer::Url(&forged)).is_err_and(|error| !error.ends_login()), "another issuer");
    let verified = login.verify(Answer::Url(&back)).expect("the login lived on");
    let logged_in = login.finish(verified).await.expect("tokens");
    let id_token = logged_in.id_token.expect("verified, with its nonce");
    assert_eq!((id_token.subject.as_str(), id_token.issuer.as_str()), ("robin", rp.peer.origin.as_str()));
    assert!(logged_in.tolerated.is_empty(), "{:?}", logged_in.tolerated);
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_with_every_character_that_has_to_be_encoded() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    rp.login(&settings, &app).await;
    let wrong = App::confidential(app.client_id.clone(), "secret not real:&=+ %/?");
    let error = finish(rp.begin(&settings, &wrong).await, person::agree).await.expect_err("not the secret");
    assert_eq!(refusal(&error), Some(&Code::InvalidClient), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let session = rp.logged_in(&settings, &app).await;
    let person = session.userinfo().await.expect("claims");
    assert!(person.subject == "robin" && !person.signed);
    assert_eq!(person.claims.text("email"), Some("robin@peer.example"));
    // The same as any other call, which judges nothing; and not without a token.
    let me = session.get("/me").send().await.expect("an answer").json().await.expect("claims");
    assert_eq!((&me["sub"], &me["email"]), (&"robin".into(), &"robin@peer.example".into()));
    assert_eq!(http::visit(&format!("{}/me", rp.peer.origin)).status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn native_app_at_a_port_of_the_moment() {
    let Some(rp) = Rp::start() else { return };
    let app = App::public("peer-native");
    let settings = rp.settings(&app).await;
    // Registered without a port (RFC 8252 §7.3).
    let listener = Listener::bind(0, "/callback").await.expect("a port");
    let redirect = Redirect::Uri(listener.redirect_uri());
    let login = Arc::new(Login::begin(&rp.keyfob, &settings, &app, ACCOUNT, redirect, Vec::new()).await.expect("a login"));
    let url = login.url().to_owned();
    let browser = tokio::task::spawn_blocking(move || http::visit(&person::agree(&url)).status);
    let verified = listener.wait(&login).await.expect("the browser came");
    assert_eq!(browser.await.expect("a page"), 200);
    let login = Arc::into_inner(login).expect("nobody else has it");
    assert!(login.finish(verified).await.expect("tokens").id_token.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_proof_key_is_refused_by_the_server() {
    let Some(rp) = Rp::start() else { return };
    let app = App::public("peer-native");
    let settings = rp.settings_with(&app, None, |flow| flow.pkce = Pkce::Off).await;
    let error = finish(rp.begin(&settings, &app).await, person::agree).await.expect_err("no proof key");
    assert_eq!(refusal(&error), Some(&Code::InvalidRequest), "{error}");
    assert!(error.to_string().contains("PKCE"), "{error}");
    rp.login(&rp.settings(&app).await, &app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_rotate() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let session = rp.logged_in(&settings, &app).await;
    let mut spent = Vec::new();
    for _ in 0..3 {
        let refresh = |account: &keyfob::Account| account.tokens.refresh_token().expect("a refresh token").expose().to_owned();
        spent.push(refresh(&session.account()));
        let now = refresh(&session.refresh().await.expect("new tokens"));
        assert!(!spent.contains(&now), "it rotates");
        assert_eq!(session.get("/me").send().await.expect("an answer").status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_twice_ends_the_family() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let session = rp.logged_in(&settings, &app).await;
    let stolen = session.account();
    session.refresh().await.expect("new tokens");

    // Somebody else, with what was in the store before.
    let store = MemoryStore::new();
    store.put_account(&stolen, Expected::Nothing, None).await.expect("room");
    let transport = HyperTransport::builder().loopback_only(true).build().expect("a transport");
    let thief = Keyfob::new(Arc::new(store), Arc::new(transport)).session(settings, app, ACCOUNT).await.expect("a session");
    let error = thief.refresh().await.expect_err("spent");
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("invalid_grant")), "{error}");
    // The server takes a second use for theft: the rightful tokens are gone as well.
    let error = session.refresh().await.expect_err("the whole family is gone");
    assert!(matches!(error, Error::NeedsLogin { .. }), "{error}");
    assert!(matches!(session.get("/me").send().await, Err(Error::NeedsLogin { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_comes_back_with_the_issuer() {
    let Some(rp) = Rp::start() else { return };
    let app = web();
    // Nobody is signed in, and nobody may be asked.
    let settings = rp.settings_with(&app, None, |flow| flow.authorize_params = vec![("prompt".into(), "none".into())]).await;
    let login = rp.begin(&settings, &app).await;
    let back = person::agree(login.url());
    assert!(back.starts_with(CALLBACK), "{back}");
    assert_eq!(http::parameter(&back, "iss").as_deref(), Some(rp.peer.origin.as_str()), "RFC 9207 §2");
    // An error that does not say who it is from could be anybody's who wants to end this login (A8).
    let without: String = back.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    assert!(login.verify(Answer::Url(&without)).is_err_and(|error| !error.ends_login()));
    let error = login.verify(Answer::Url(&back)).expect_err("a refusal");
    assert!(error.ends_login(), "{error}");
    assert_eq!(refusal(&error.into()), Some(&Code::Extension("login_required".to_owned())));
}
