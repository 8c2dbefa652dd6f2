//! Authorization requests and answers that nobody on the way can read or change, and requests for more than a scope can say.

use keyfob::LoginOptions;
use keyfob::proto::jose::Jws;
use keyfob::proto::oauth2::{AuthorizationDetail, ResponseMode};
use keyfob::proto::{Answer, App, Code};
use keyfob_interop::{http, person};

use crate::clients::{register, with_new_key};
use crate::rp::{Rp, access, finish, refusal, web};

#[tokio::test(flavor = "multi_thread")]
async fn pushed_authorization_request() {
    let Some(rp) = Rp::start() else { return };
    let app = App::confidential("peer-pushes", "not real");
    let endpoint = rp.metadata().await.pushed_authorization_request_endpoint;
    let settings = rp.settings_with(&app, None, |flow| flow.pushed = endpoint).await;
    let login = rp.begin(&settings, &app).await;
    let query = login.url().split_once('?').expect("a query").1;
    let names: Vec<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    assert_eq!(names, ["client_id", "request_uri"], "RFC 9126 §4: nothing else");
    finish(login, person::agree).await.expect("tokens");

    // This client is registered for pushing, so that the server refuses what comes through the browser.
    let settings = rp.settings_with(&app, None, |_| {}).await;
    let page = http::visit(rp.begin(&settings, &app).await.url());
    assert!(page.text().contains("Pushed Authorization Request must be used") || page.header("location").is_some(), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_authorization_answer() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let options = LoginOptions { response_mode: Some(ResponseMode::QueryJwt), ..LoginOptions::default() };
    let login = rp.begin_with(&settings, &app, options).await;
    let back = person::agree(login.url());
    let response = http::parameter(&back, "response").expect("JARM §4.4");
    assert!(http::parameter(&back, "code").is_none());
    // The same claims under a signature that is not the server's: its first letter is another.
    let (head, signature) = response.rsplit_once('.').expect("a signature");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = back.replace(&response, &format!("{head}.{other}{}", &signature[1..]));
    assert!(login.judge(Answer::Url(&forged)).await.is_err_and(|error| !error.ends_login()));
    assert!(login.verify(Answer::Url(&back)).is_err(), "it is not taken unjudged");
    let verified = login.judge(Answer::Url(&back)).await.expect("by the server");
    assert!(login.finish(verified).await.expect("tokens").id_token.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_authorization_request() {
    let Some(rp) = Rp::start() else { return };
    let registration = register(&rp, "client_secret_basic", |client| {
        client.more.insert("require_signed_request_object".to_owned(), true.into());
        client.more.insert("request_object_signing_alg".to_owned(), "ES256".into());
    })
    .await
    .registration;
    let (app, client_auth) = (registration.app.clone(), registration.client_auth());
    let settings = rp.settings_with(&app, client_auth, |flow| flow.request_object = true).await;
    let login = rp.begin(&settings, &app).await;
    let object = http::parameter(login.url(), "request").expect("RFC 9101 §5");
    assert_eq!(Jws::read(&object).expect("signed text").header.media_type.as_deref(), Some("oauth-authz-req+jwt"));
    assert!(http::parameter(login.url(), "redirect_uri").is_none() && http::parameter(login.url(), "state").is_none());
    finish(login, person::agree).await.expect("tokens");

    // By another key, and not signed at all.
    let login = rp.begin(&settings, &with_new_key(app.clone()).0).await;
    let page = http::visit(login.url());
    assert!(!page.text().contains("<form") && (page.status == 400 || page.location().contains("error=")), "{page:?}");
    let settings = rp.settings_with(&app, client_auth, |_| {}).await;
    let page = http::visit(rp.begin(&settings, &app).await.url());
    assert!(!page.text().contains("<form") && (page.status == 400 || page.location().contains("error=")), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rich_authorization_request() {
    let Some(rp) = Rp::start() else { return };
    let (app, settings) = (web(), rp.settings(&web()).await);
    let asking = |detail: &str| LoginOptions {
        resources: vec!["https://opaque.peer.example".to_owned()],
        authorization_details: vec![AuthorizationDetail::parse(detail).expect("details")],
        ..LoginOptions::scopes(["openid", "api:read"])
    };
    let login = rp.begin_with(&settings, &app, asking(r#"{"type":"door","actions":["open"]}"#)).await;
    let account = finish(login, person::agree).await.expect("tokens").account;
    let granted = &access(&account).authorization_details;
    assert_eq!(granted.iter().map(AuthorizationDetail::type_name).collect::<Vec<_>>(), ["door"]);
    assert!(granted[0].to_json().contains("open"));
    for detail in [r#"{"type":"door","actions":["demolish"]}"#, r#"{"type":"window"}"#] {
        let error = finish(rp.begin_with(&settings, &app, asking(detail)).await, person::agree).await.expect_err("not that");
        assert_eq!(refusal(&error), Some(&Code::Extension("invalid_authorization_details".to_owned())), "{detail}: {error}");
    }
}
