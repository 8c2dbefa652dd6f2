//! The two grants that nobody should use: for an app that is registered for them, and for no other.

use keyfob::login::{ImplicitLegacyLogin, PendingImplicitLegacyLogin, password_legacy};
use keyfob::proto::oauth2::{AccessRequest, Dpop};
use keyfob::proto::{Answer, Error as ProtoError, Flow, Secret, Settings};
use keyfob::{Error, Store as _};
use keyfob_sandbox::Metadata;

use crate::common::endpoint;
use crate::kit::{CALLBACK, House, tokens};

const WORD: &str = "robin-sandbox-password-not-real";

fn named(grants: &[&str], responses: &[&str]) -> Metadata {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Metadata { grant_types: list(grants), response_types: list(responses), ..Metadata::default() }
}

#[tokio::test]
async fn rfc6749_4_3_a_password_is_for_an_app_that_is_registered_for_it() {
    for (metadata, word, refusal) in [
        (named(&["password"], &[]), WORD, None),
        (named(&["password"], &[]), "guessed", Some("invalid_grant")),
        (Metadata::default(), WORD, Some("unsupported_grant_type")),
        (named(&["client_credentials"], &[]), WORD, Some("unsupported_grant_type")),
    ] {
        let house = House::new(metadata, |_| {}).await;
        let (word, request) = (Secret::new(word), AccessRequest::scopes(["profile"]));
        let logged_in = password_legacy(&house.keyfob, &house.settings, &house.app, "acme", "robin", &word, &request).await;
        match (logged_in, refusal) {
            (Ok(logged_in), None) => {
                assert_eq!((tokens(&logged_in.account).scopes.as_slice(), logged_in.id_token), (&["profile".to_owned()][..], None));
                assert_eq!(house.session().await.get("/me").send().await.unwrap().status(), 200);
                // Kept nowhere (§4.3).
                assert!(!serde_json::to_string(&house.account().await).unwrap().contains(WORD));
            }
            (Err(error), Some(refusal)) => {
                assert!(error.to_string().contains(refusal), "{error}");
                assert!(house.store.accounts().await.unwrap().is_empty());
            }
            (found, _) => panic!("{found:?}"),
        }
    }
}

async fn begin(house: &House) -> Result<ImplicitLegacyLogin, Error> {
    let scopes = vec!["profile".to_owned()];
    ImplicitLegacyLogin::begin(&house.keyfob, &house.settings, &house.app, "acme", CALLBACK, scopes).await
}

#[tokio::test]
async fn rfc6749_4_2_a_token_alone_is_for_an_app_that_is_registered_for_it() {
    for (metadata, good) in [(named(&[], &["token"]), true), (Metadata::default(), false), (named(&[], &["code"]), false)] {
        let house = House::new(metadata, |_| {}).await;
        let login = begin(&house).await.unwrap();
        let back = house.visit(login.url()).await;
        assert!(!back.contains("code=") && !back.split('#').next().unwrap().contains("access_token"), "{back}");
        let logged_in = login.finish(Answer::Url(&back)).await;
        assert_eq!(logged_in.is_ok(), good, "{logged_in:?}");
        assert_eq!(house.store.accounts().await.unwrap().len(), usize::from(good));
        if good {
            let account = house.account().await;
            assert!(tokens(&account).refresh.is_none() && account.requested_scopes == ["profile"]);
            assert_eq!(house.session().await.get("/me").send().await.unwrap().status(), 200);
        }
    }
}

/// Whoever calls the redirect URI with something else ends nobody's login, and plants no token in it (RFC 6749 §10.12, §10.16).
#[tokio::test]
async fn rfc6749_10_16_a_token_of_another_login_is_not_taken() {
    let house = House::new(named(&[], &["token"]), |_| {}).await;
    let (ours, another) = (begin(&house).await.unwrap(), begin(&house).await.unwrap());
    let planted = house.visit(another.url()).await;
    let error = ours.finish(Answer::Url(&planted)).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if !error.ends_login()), "{error}");
    assert!(house.store.accounts().await.unwrap().is_empty());

    // It lives on, also where it was kept meanwhile; and with its own provider alone.
    let kept = serde_json::to_string(&ours.stored()).unwrap();
    let kept: PendingImplicitLegacyLogin = serde_json::from_str(&kept).unwrap();
    let elsewhere = Settings { provider: "another".to_owned(), ..house.settings.clone() };
    ImplicitLegacyLogin::resume(&house.keyfob, &elsewhere, &house.app, kept.clone()).unwrap_err();
    let back = house.visit(ours.url()).await;
    let ours = ImplicitLegacyLogin::resume(&house.keyfob, &house.settings, &house.app, kept).unwrap();
    ours.finish(Answer::Url(&back)).await.unwrap();
}

/// As every login's: nothing but its name goes through the browser (A22).
#[tokio::test]
async fn a22_an_implicit_request_is_pushed_where_the_server_takes_that() {
    let mut house = House::new(named(&[], &["token"]), |_| {}).await;
    let pushed = endpoint(&format!("{}/par", house.origin));
    let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
    flow.pushed = Some(pushed);
    let login = begin(&house).await.unwrap();
    assert!(login.url().contains("request_uri=") && !login.url().contains("response_type"), "{}", login.url());
    let back = house.visit(login.url()).await;
    login.finish(Answer::Url(&back)).await.unwrap();
}

/// Before anybody is sent anywhere: such a token is bound to nothing (RFC 9449 §5), and a name that is another provider's will not be given up.
#[tokio::test]
async fn rfc6749_4_2_what_a_token_alone_cannot_be_is_refused_at_the_beginning() {
    let house = House::new(named(&[], &["token"]), |flow| flow.dpop = Dpop::Wanted).await;
    let error = begin(&house).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtoError::Misuse(_))), "{error}");

    let mut house = House::new(named(&["password"], &["token"]), |_| {}).await;
    let (word, request) = (Secret::new(WORD), AccessRequest::scopes(["profile"]));
    password_legacy(&house.keyfob, &house.settings, &house.app, "acme", "robin", &word, &request).await.unwrap();
    house.settings.provider = "another".to_owned();
    assert!(matches!(begin(&house).await.unwrap_err(), Error::TakenName { .. }));
}
