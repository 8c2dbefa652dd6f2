//! What a login asks for: pushed, signed, for these resources and no others, of a person who was asked just now.

use keyfob::proto::oauth2::challenge::StepUp;
use keyfob::proto::oauth2::{AuthorizationDetail, Prompt};
use keyfob::proto::{Endpoint, Flow, Settings, oauth1};
use keyfob::{Login, LoginOptions, Redirect};
use keyfob_sandbox::{At, Faults, Flaw, Metadata};

use crate::common::{app, endpoint, keyfob};
use crate::kit::{CALLBACK, House, tokens};

fn pushing(house: &mut House, required: bool) {
    let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
    (flow.pushed, flow.pushed_required) = (Some(endpoint(&format!("{}/par", house.origin))), required);
}

#[tokio::test]
async fn a22_a_pushed_request_leaves_nothing_but_its_name_in_the_url() {
    for required in [false, true] {
        let mut house = House::new(Metadata { require_pushed_authorization_requests: required, ..Metadata::default() }, |_| {}).await;
        pushing(&mut house, required);
        house.log_in(LoginOptions::default()).await.unwrap();
        let names: Vec<String> = house.seen("/authorize")[0].parameters.iter().map(|parameter| parameter.name.clone()).collect();
        assert_eq!(names, ["client_id", "request_uri"]);
    }
}

#[tokio::test]
async fn a22_when_pushing_fails_nothing_goes_through_the_browser() {
    for required in [false, true] {
        let mut house = House::new(Metadata::default(), |_| {}).await;
        pushing(&mut house, required);
        house.faults(Faults { at: At::Token, unavailable: 1, ..Faults::default() });
        assert!(house.begin(LoginOptions::default()).await.is_err());
        house.begin(LoginOptions::default()).await.unwrap();
    }
    // Required, and nowhere to push to.
    let mut house = House::new(Metadata::default(), |flow| flow.pushed_required = true).await;
    assert!(house.begin(LoginOptions::default()).await.is_err());
    assert!(house.begin(LoginOptions { hybrid: Some(keyfob::proto::oauth2::Hybrid::IdToken), ..LoginOptions::default() }).await.is_err());
    pushing(&mut house, true);
    house.begin(LoginOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_request_is_signed_where_the_server_wants_that_pushed_or_not() {
    let metadata = || Metadata { require_signed_request_object: true, ..Metadata::default() };
    for push in [false, true] {
        let mut house = House::keyed(metadata(), |flow| flow.request_object = true).await;
        if push {
            pushing(&mut house, false);
        }
        house.log_in(LoginOptions { max_age: Some(100), ..LoginOptions::default() }).await.unwrap();
        let seen = house.seen(if push { "/par" } else { "/authorize" });
        assert!(seen[0].value("request").is_some() && seen[0].value("redirect_uri").is_none(), "{}", seen[0].line());
    }
    let unsigned = House::keyed(metadata(), |_| {}).await;
    let error = unsigned.log_in(LoginOptions::default()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("have to be signed"), "{error}");
}

#[tokio::test]
async fn resources_are_named_at_the_exchange_and_at_every_refresh() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let resource = format!("{}/api/me", house.origin);
    let options = LoginOptions { resources: vec![resource.clone()], ..LoginOptions::default() };
    house.log_in(options).await.unwrap();
    let session = house.session().await;
    session.refresh().await.unwrap();
    session.refresh().await.unwrap();
    let asked = house.seen("/token");
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|seen| seen.value("resource").is_some()), "{asked:?}");
    assert_eq!(tokens(&house.account().await).resources, [resource]);
    session.get("/me").send().await.unwrap().json().await.unwrap();
    assert_eq!(session.get("/echo").send().await.unwrap().status(), 401, "for that resource alone");
}

#[tokio::test]
async fn authorization_details_are_kept_as_they_were_granted() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let detail = AuthorizationDetail::parse(r#"{"type":"lock","actions":["open"]}"#).unwrap();
    let options = LoginOptions { authorization_details: vec![detail.clone()], ..LoginOptions::default() };
    house.log_in(options).await.unwrap();
    house.session().await.refresh().await.unwrap();
    assert_eq!(tokens(&house.account().await).authorization_details, [detail]);
}

#[tokio::test]
async fn e18_what_was_asked_of_the_sign_in_has_to_be_in_the_id_token() {
    let acr = "urn:acme:second-factor".to_owned();
    let fresh = || LoginOptions { max_age: Some(60), prompt: vec![Prompt::Login], ..LoginOptions::default() };
    let strong = || LoginOptions { acr_values: vec![acr.clone()], ..LoginOptions::default() };
    let house = House::new(Metadata::default(), |_| {}).await;
    for (flaw, options) in [(Flaw::IdTokenAuthTime, fresh()), (Flaw::IdTokenNoAuthTime, fresh()), (Flaw::IdTokenAcr, strong())] {
        house.flaw(flaw);
        house.refuses(options, "OpenID Connect Core §3.1.3.7").await;
    }
    house.faults(Faults::default());
    let id_token = house.log_in(fresh()).await.unwrap().id_token.unwrap();
    assert!(id_token.authenticated_at.is_some());
    assert_eq!(house.log_in(strong()).await.unwrap().id_token.unwrap().acr, Some(acr));
}

#[tokio::test]
async fn e18_what_no_id_token_will_answer_is_not_asked() {
    let asks = || {
        let claims = Some(r#"{"id_token":{"auth_time":{"essential":true}}}"#.to_owned());
        let fresh = LoginOptions { max_age: Some(60), ..LoginOptions::default() };
        let strong = LoginOptions { acr_values: vec!["urn:acme:second-factor".to_owned()], ..LoginOptions::default() };
        [("max_age", fresh), ("acr_values", strong), ("claims", LoginOptions { claims, ..LoginOptions::default() })]
    };
    let without_openid = |options| LoginOptions { scopes: vec!["profile".to_owned()], ..options };
    let house = House::new(Metadata::default(), |_| {}).await;
    let unknown = House::new(Metadata::default(), |flow| flow.jwks = None).await;
    for (name, options) in asks() {
        let error = house.begin(without_openid(options.clone())).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(name) && error.hint().is_some_and(|hint| hint.contains("openid")), "{name}: {error}");
        let error = unknown.begin(options.clone()).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(name) && error.hint().is_some_and(|hint| hint.contains("endpoints.jwks")), "{name}: {error}");
        house.begin(options).await.map(drop).unwrap();
    }
    assert!(house.seen("/authorize").is_empty(), "nobody was sent there");
    // What is asked about the person and not of the ID token, and what an API judges (RFC 9470 §5), takes none.
    let claims = Some(r#"{"userinfo":{"email":null}}"#.to_owned());
    house.begin(without_openid(LoginOptions { claims, ..LoginOptions::default() })).await.map(drop).unwrap();
    let account = house.log_in(LoginOptions::scopes(["profile"])).await.unwrap().account;
    let mut asked = StepUp::default();
    (asked.max_age, asked.acr_values) = (Some(60), vec!["urn:acme:second-factor".to_owned()]);
    house.log_in(LoginOptions::stepping_up(&account, &asked)).await.unwrap();
}

#[tokio::test]
async fn oauth_1_does_not_pretend_to_ask_for_a_fresh_sign_in() {
    let at = |path: &str| Endpoint::parse(&format!("http://127.0.0.1:9{path}")).unwrap();
    let flow = oauth1::Settings::new(at("/request_token"), at("/authorize"), at("/access_token"));
    let settings = Settings::new("old", Flow::OAuth1(flow), at("/api"));
    let options = LoginOptions { max_age: Some(60), ..LoginOptions::default() };
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let error = Login::begin_with(&keyfob(), &settings, &app(), "old", redirect, options).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("max_age"), "{error}");
}
