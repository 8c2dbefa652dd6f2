//! Fitbit: OAuth 1 of two eras and OAuth 2, on one origin.

mod common;

use common::{Put, Response, Signer, decide, get, get_url, pin, post_form, query, send};
use keyfob_sandbox::{Consent, Placement, Registration, Sandbox};
use serde_json::{Value, json};

const CALLBACK: &str = "http://127.0.0.1:45000/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct Tracker {
    sandbox: Sandbox,
    origin: String,
    app: Registration,
}

impl Tracker {
    async fn start() -> Self {
        let sandbox = Sandbox::builder().only(["fitbit"]).consent(Consent::Approve).start().await.expect("free ports");
        let (origin, app) = (sandbox.origin("fitbit"), sandbox.app("fitbit"));
        Self { sandbox, origin, app }
    }

    fn authorize_url(&self, client_id: &str, more: &str) -> String {
        let uri = common::encode(CALLBACK);
        format!("{}/oauth2/authorize?response_type=code&client_id={client_id}&redirect_uri={uri}&state=abc{more}", self.origin)
    }

    async fn code(&self, more: &str) -> String {
        let back = get_url(&self.authorize_url(&self.app.client_id, more)).await;
        get(&query(back.location()), "code").to_owned()
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> Response {
        let basic = common::basic(&self.app.client_id, &self.app.client_secret);
        post_form(&format!("{}/oauth2/token", self.origin), &[("authorization", &basic)], pairs).await
    }

    async fn login(&self, more: &str) -> Value {
        let code = self.code(more).await;
        let answer = self.token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn refresh(&self, token: &str) -> Response {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn call(&self, path: &str, tokens: &Value) -> Response {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
        send("GET", &format!("{}{path}", self.origin), &[("authorization", &bearer)], "").await
    }
}

fn error(answer: &Response) -> (u16, String) {
    let body = answer.json();
    assert_eq!(body["success"], false);
    (answer.status, body["errors"][0]["errorType"].as_str().expect("a type").to_owned())
}

/// What rauth 0.7.3 sends, as read in its source: OAuth in the query of a GET without callback, then a POST with
/// everything in the body, the verifier too, then a header with an empty realm.
#[tokio::test]
async fn the_login_of_2013() {
    let tracker = Tracker::start().await;
    let app = tracker.sandbox.app("fitbit-oauth1");
    let consumer = (app.client_id.as_str(), app.client_secret.as_str());
    let url = format!("{}/oauth/request_token", tracker.origin);
    let answer = Signer::new(consumer, None).send(Put::Query, "GET", &url, &[], &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pairs = answer.form();
    assert_eq!(get(&pairs, "oauth_callback_confirmed"), "true");
    let temporary = (get(&pairs, "oauth_token"), get(&pairs, "oauth_token_secret"));
    assert_eq!(temporary.0.len(), 32);

    let page = get_url(&format!("{}/oauth/authorize?oauth_token={}", tracker.origin, temporary.0)).await;
    let pin = pin(&page);
    let url = format!("{}/oauth/access_token", tracker.origin);
    let wrong = Signer::new(consumer, Some(temporary)).send(Put::Body, "POST", &url, &[("oauth_verifier", "x")], &[]).await;
    assert_eq!(wrong.status, 401);
    let answer = Signer::new(consumer, Some(temporary)).send(Put::Body, "POST", &url, &[("oauth_verifier", &pin)], &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pairs = answer.form();
    assert_eq!(get(&pairs, "encoded_user_id").len(), 6);
    let credentials = (get(&pairs, "oauth_token"), get(&pairs, "oauth_token_secret"));

    let url = format!("{}/1/user/-/profile.json", tracker.origin);
    let profile = Signer::new(consumer, Some(credentials)).send(Put::Header, "GET", &url, &[], &[]).await;
    assert_eq!(profile.json()["user"]["fullName"], "Robin Demo");
    let placements: Vec<_> = tracker.sandbox.seen("fitbit").iter().map(|seen| seen.placement).collect();
    let expected = [Placement::Query, Placement::None, Placement::Body, Placement::Body, Placement::Header];
    assert_eq!(placements, expected);
}

#[tokio::test]
async fn the_hardening_of_2014() {
    let tracker = Tracker::start().await;
    tracker.sandbox.faults("fitbit").update(|faults| faults.strict = true);
    let app = tracker.sandbox.app("fitbit-oauth1");
    let signer = Signer::new((&app.client_id, &app.client_secret), None);
    let url = format!("{}/oauth/request_token", tracker.origin);
    assert_eq!(signer.send(Put::Query, "GET", &url, &[], &[]).await.status, 405);
    let body = signer.send(Put::Body, "POST", &url, &[], &[]).await;
    assert_eq!(
        body.json()["errors"][0]["message"],
        "oauth_problem=parameter_absent&oauth_parameters_absent=oauth_signature_method%26oauth_signature"
    );
    let header = signer.send(Put::Header, "POST", &url, &[("oauth_callback", CALLBACK)], &[]).await;
    assert_eq!(header.status, 200);
    let token = get(&header.form(), "oauth_token").to_owned();
    let back = get_url(&format!("{}/oauth/authorize?oauth_token={token}", tracker.origin)).await;
    assert_eq!(get(&query(back.location()), "oauth_verifier").len(), 26);
}

#[tokio::test]
async fn oauth1_errors_are_json() {
    let tracker = Tracker::start().await;
    let app = tracker.sandbox.app("fitbit-oauth1");
    let url = format!("{}/oauth/request_token", tracker.origin);
    let message = async |consumer: (&str, &str), token: Option<(&str, &str)>, url: &str| {
        let answer = Signer::new(consumer, token).send(Put::Header, "GET", url, &[], &[]).await;
        assert_eq!(error(&answer), (401, "oauth".to_owned()));
        answer.json()["errors"][0]["message"].as_str().expect("text").to_owned()
    };
    assert!(message((&app.client_id, "wrong"), None, &url).await.starts_with("Invalid signature: "));
    assert_eq!(message(("nobody", "x"), None, &url).await, "Invalid consumer key: nobody");
    let profile = format!("{}/1/user/-/profile.json", tracker.origin);
    let text = message((&app.client_id, &app.client_secret), Some(("token", "secret")), &profile).await;
    assert!(text.ends_with("or token 'token'"), "{text}");
}

#[tokio::test]
async fn the_whole_login_with_oauth2() {
    let tracker = Tracker::start().await;
    let back = get_url(&tracker.authorize_url(&tracker.app.client_id, "&scope=profile+settings+activity+sleep+heartrate")).await;
    assert!(back.location().ends_with("&state=abc#_=_"), "{}", back.location());
    let tokens = tracker.login("&scope=profile+settings+activity+sleep+heartrate").await;
    assert_eq!((tokens["token_type"].clone(), tokens["expires_in"].clone()), (json!("Bearer"), json!(28800)));
    assert_eq!(tokens["refresh_token"].as_str().expect("text").len(), 64);
    assert_eq!(tokens["scope"], "profile settings activity sleep heartrate");
    assert_eq!(tokens["user_id"].as_str().expect("text").len(), 6);

    let profile = tracker.call("/1/user/-/profile.json", &tokens).await;
    assert_eq!(profile.json()["user"]["displayName"], "Robin");
    assert_eq!(profile.header("fitbit-rate-limit-limit"), Some("150"));
    assert_eq!(profile.header("fitbit-rate-limit-remaining"), Some("149"));
    assert!(tracker.call("/1/user/-/devices.json", &tokens).await.json().is_array());
    let day = tracker.call("/1/user/-/activities/date/2026-11-20.json", &tokens).await.json();
    let series = tracker.call("/1/user/-/activities/steps/date/2026-11-20/7d.json", &tokens).await.json();
    let list = series["activities-steps"].as_array().expect("a list");
    assert_eq!(list.len(), 7);
    assert_eq!(list[6]["value"], day["summary"]["steps"].to_string(), "values of series are strings");
    assert_eq!(tracker.call("/1/user/-/activities/heart/date/today/1d.json", &tokens).await.status, 200);
    assert_eq!(tracker.call("/1.2/user/-/sleep/date/2026-11-20.json", &tokens).await.json()["sleep"][0]["dateOfSleep"], "2026-11-20");
    assert_eq!(error(&tracker.call("/1/user/-/activities/date/yesterday.json", &tokens).await), (400, "validation".into()));
    assert_eq!(error(&tracker.call("/1/user/-/nothing.json", &tokens).await), (404, "not_found".into()));
}

#[tokio::test]
async fn a_spent_refresh_token_answers_again_for_two_minutes() {
    let tracker = Tracker::start().await;
    let first = tracker.login("&scope=profile").await;
    let old = first["refresh_token"].as_str().expect("text");
    let second = tracker.refresh(old).await.json();
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(tracker.refresh(old).await.json()["access_token"], second["access_token"]);
    tracker.sandbox.advance(121);
    let late = tracker.refresh(old).await;
    assert_eq!(error(&late), (400, "invalid_grant".into()));
    assert!(late.text().contains(&format!("Refresh token invalid: {old}.")), "the server echoes the token");
    assert_eq!(tracker.refresh(second["refresh_token"].as_str().expect("text")).await.status, 200);
    tracker.sandbox.faults("fitbit").update(|faults| faults.refresh_grace = Some(0));
    let fresh = tracker.login("&scope=profile").await;
    let spent = fresh["refresh_token"].as_str().expect("text");
    assert_eq!(tracker.refresh(spent).await.status, 200);
    assert_eq!(tracker.refresh(spent).await.status, 400);
}

#[tokio::test]
async fn token_errors_have_fitbits_shape() {
    let tracker = Tracker::start().await;
    let code = tracker.code("&scope=profile").await;
    let exchange = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    let url = format!("{}/oauth2/token", tracker.origin);
    let in_body = [&exchange[..], &[("client_id", &tracker.app.client_id), ("client_secret", &tracker.app.client_secret)]].concat();
    assert_eq!(error(&post_form(&url, &[], &in_body).await), (401, "invalid_client".into()), "a server app sends Basic");
    let other = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", "http://127.0.0.1:45001/callback")];
    assert_eq!(error(&tracker.token(&other).await), (400, "invalid_grant".into()));
    assert_eq!(error(&tracker.token(&[("grant_type", "refresh_token")]).await), (400, "invalid_request".into()));
    assert_eq!(error(&tracker.token(&[]).await), (400, "invalid_request".into()));
    assert_eq!(tracker.token(&exchange).await.status, 200);
    assert_eq!(error(&tracker.token(&exchange).await), (400, "invalid_grant".into()));
    let code = tracker.code("&scope=profile").await;
    tracker.sandbox.advance(601);
    let late = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    assert_eq!(error(&tracker.token(&late).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn pkce_is_needed_by_public_clients_and_plain_by_default() {
    let tracker = Tracker::start().await;
    let public = tracker.sandbox.app("fitbit-public");
    let page = get_url(&tracker.authorize_url(&public.client_id, "&scope=profile")).await;
    assert_eq!(page.status, 400);
    assert!(page.header("location").is_none());
    for (challenge, method) in [(CHALLENGE, "&code_challenge_method=S256"), (VERIFIER, "&code_challenge_method=plain"), (VERIFIER, "")] {
        let url = tracker.authorize_url(&public.client_id, &format!("&scope=profile&code_challenge={challenge}{method}"));
        let code = get(&query(get_url(&url).await.location()), "code").to_owned();
        let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("client_id", &public.client_id)];
        let token_url = format!("{}/oauth2/token", tracker.origin);
        assert_eq!(post_form(&token_url, &[], &pairs).await.status, 400, "no verifier");
        let with = |verifier| [&pairs[..], &[("code_verifier", verifier)]].concat();
        let wrong = VERIFIER.replace('d', "e");
        assert_eq!(post_form(&token_url, &[], &with(&wrong)).await.status, 400);
        assert_eq!(post_form(&token_url, &[], &with(VERIFIER)).await.status, 200);
    }
}

#[tokio::test]
async fn a_person_may_untick_scopes_or_say_no() {
    let tracker = Tracker::start().await;
    tracker.sandbox.consent("fitbit", Consent::Ask);
    let url = tracker.authorize_url(&tracker.app.client_id, "&scope=profile+sleep");
    let back = decide(&url, "approve", &["profile"]).await;
    let code = get(&query(back.location()), "code").to_owned();
    let tokens = tracker.token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)]).await.json();
    assert_eq!(tokens["scope"], "profile");
    let refused = tracker.call("/1.2/user/-/sleep/date/today.json", &tokens).await;
    assert_eq!(error(&refused), (403, "insufficient_scope".into()));
    assert!(refused.text().contains("permission to access sleep data"));
    let back = decide(&url, "deny", &[]).await;
    assert_eq!(get(&query(back.location()), "error"), "access_denied");
    assert!(back.location().ends_with("#_=_"));
    tracker.sandbox.consent("fitbit", Consent::Approve);
    tracker.sandbox.faults("fitbit").update(|faults| faults.withheld_scopes = vec!["sleep".into()]);
    assert_eq!(tracker.login("&scope=profile+sleep").await["scope"], "profile");
}

#[tokio::test]
async fn expiry_revocation_introspection() {
    let tracker = Tracker::start().await;
    let tokens = tracker.login("&scope=profile").await;
    let access = tokens["access_token"].as_str().expect("text");
    let bearer = format!("Bearer {access}");
    let url = format!("{}/1.1/oauth2/introspect", tracker.origin);
    let told = post_form(&url, &[("authorization", &bearer)], &[("token", access)]).await.json();
    assert_eq!((told["active"].clone(), told["scope"].clone()), (json!(true), json!("{PROFILE=READ}")));
    assert!(told["exp"].as_i64().expect("a number") > 1_000_000_000_000, "milliseconds");

    tracker.sandbox.advance(28_801);
    let expired = tracker.call("/1/user/-/profile.json", &tokens).await;
    assert_eq!(error(&expired), (401, "expired_token".into()));
    assert!(expired.text().contains(&format!("Access token expired: {access}.")), "the server echoes the token");

    let tokens = tracker.login("&scope=profile").await;
    let basic = common::basic(&tracker.app.client_id, &tracker.app.client_secret);
    let refresh = tokens["refresh_token"].as_str().expect("text");
    let revoked = post_form(&format!("{}/oauth2/revoke", tracker.origin), &[("authorization", &basic)], &[("token", refresh)]).await;
    assert_eq!(revoked.status, 200);
    assert_eq!(error(&tracker.call("/1/user/-/profile.json", &tokens).await), (401, "invalid_token".into()));
    assert_eq!(tracker.refresh(refresh).await.status, 400);
    let missing = get_url(&format!("{}/1/user/-/profile.json", tracker.origin)).await;
    assert_eq!(error(&missing), (401, "invalid_request".into()));
}

#[tokio::test]
async fn limits_and_the_end() {
    let tracker = Tracker::start().await;
    let tokens = tracker.login("&scope=profile").await;
    // Away from the top of the hour, so that the limit does not reset under way.
    let now = i64::try_from(common::unix()).expect("small");
    tracker.sandbox.advance(3600 - now.rem_euclid(3600));
    for _ in 0..150 {
        assert_eq!(tracker.call("/1/user/-/profile.json", &tokens).await.status, 200);
    }
    let limited = tracker.call("/1/user/-/profile.json", &tokens).await;
    assert_eq!(error(&limited), (429, "system".into()));
    assert!(limited.header("retry-after").expect("a time").parse::<u32>().expect("seconds") > 3000);
    tracker.sandbox.advance(3600);
    assert_eq!(tracker.call("/1/user/-/profile.json", &tokens).await.status, 200);
    tracker.sandbox.faults("fitbit").update(|faults| faults.retired = true);
    assert_eq!(tracker.call("/1/user/-/profile.json", &tokens).await.status, 410);
    assert_eq!(get_url(&tracker.authorize_url(&tracker.app.client_id, "&scope=profile")).await.status, 410);
}
