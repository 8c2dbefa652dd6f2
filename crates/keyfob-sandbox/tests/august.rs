//! August: the login, its quirks, its locks.

mod common;

use common::{Response, decide, get, get_url, post_form, post_json, query, send};
use keyfob_sandbox::{Consent, Placement, Registration, Sandbox};
use serde_json::{Value, json};

const CALLBACK: &str = "http://localhost:30368/callback";
const FRONT: &str = "5A9DB0C5000000000000000000000F01";
const GARDEN: &str = "5A9DB0C5000000000000000000000F02";
const CABIN: &str = "5A9DB0C5000000000000000000000F03";

struct Home {
    sandbox: Sandbox,
    origin: String,
    app: Registration,
}

impl Home {
    async fn start() -> Self {
        let sandbox = Sandbox::builder().only(["august"]).consent(Consent::Approve).start().await.expect("free ports");
        let (origin, app) = (sandbox.origin("august"), sandbox.app("august"));
        Self { sandbox, origin, app }
    }

    fn authorize_url(&self) -> String {
        format!("{}/authorization?client_id={}&redirect_uri={}&state=s%201", self.origin, self.app.client_id, common::encode(CALLBACK))
    }

    async fn code(&self) -> String {
        let back = get_url(&self.authorize_url()).await;
        let pairs = query(back.location());
        assert_eq!(get(&pairs, "state"), "s 1");
        get(&pairs, "code").to_owned()
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> Response {
        let mut all = vec![("client_id", self.app.client_id.as_str()), ("client_secret", &self.app.client_secret)];
        all.extend_from_slice(pairs);
        post_form(&format!("{}/access_token", self.origin), &[], &all).await
    }

    async fn login(&self) -> Value {
        let code = self.code().await;
        self.token(&[("grant_type", "authorization_code"), ("code", &code)]).await.json()
    }

    async fn call(&self, method: &str, path: &str, tokens: &Value) -> Response {
        let headers = [
            ("x-august-api-key", self.app.fields["api_key"].as_str()),
            ("x-august-access-token", tokens["access_token"].as_str().expect("a token")),
            ("content-type", "application-json"),
        ];
        send(method, &format!("{}{path}", self.origin), &headers, "").await
    }
}

#[tokio::test]
async fn the_whole_login_as_json_then_locks() {
    let home = Home::start().await;
    let code = home.code().await;
    let body = json!({"client_id": home.app.client_id, "client_secret": home.app.client_secret, "code": code,
        "grant_type": "authorization_code"});
    let url = format!("{}/access_token", home.origin);
    let answer = post_json(&url, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    let mut names: Vec<_> = tokens.as_object().expect("an object").keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "refresh_token"], "no token_type, no scope");
    assert_eq!(tokens["expires_in"], 10_367_999);
    assert_eq!(tokens["access_token"].as_str().expect("text").split('.').count(), 3);
    let refresh = tokens["refresh_token"].as_str().expect("text");
    assert_eq!(refresh.split(':').map(str::len).collect::<Vec<_>>(), [32, 64]);
    assert_eq!(post_json(&url, &body).await.status, 401, "a code works once");

    let locks = home.call("GET", "/users/locks/mine", &home.login().await).await.json();
    assert_eq!(locks[FRONT]["LockName"], "Front Door");
    assert_eq!(locks[FRONT]["UserType"], "superuser");
    assert_eq!(locks[CABIN]["UserType"], "user");

    let lines: Vec<_> = home.sandbox.seen("august").iter().map(keyfob_sandbox::Seen::line).collect();
    assert_eq!(
        &lines[..2],
        [
            format!(
                "GET /authorization header[] query[client_id={},redirect_uri=http://localhost:<port>/callback,state=<masked>] body[] -> 302",
                home.app.client_id
            ),
            format!(
                "POST /access_token header[] query[] json[client_id={},client_secret=<masked>,code=<masked>,grant_type=authorization_code] -> 200",
                home.app.client_id
            ),
        ]
    );
    let last = home.sandbox.seen("august").pop().expect("one");
    assert_eq!(last.placement, Placement::CustomHeaders);
    assert_eq!(last.credential_headers, ["x-august-access-token", "x-august-api-key"]);
}

#[tokio::test]
async fn refresh_tokens_work_once() {
    let home = Home::start().await;
    let first = home.login().await;
    let old = first["refresh_token"].as_str().expect("text");
    let second = home.token(&[("grant_type", "refresh_token"), ("refresh_token", old)]).await;
    assert_eq!(second.status, 200);
    assert_ne!(second.json()["refresh_token"], first["refresh_token"]);
    let again = home.token(&[("grant_type", "refresh_token"), ("refresh_token", old)]).await;
    assert_eq!((again.status, again.json()["code"].clone()), (401, json!("InvalidCredentials")));
    home.sandbox.faults("august").update(|faults| faults.refresh_grace = Some(60));
    let grace = home.token(&[("grant_type", "refresh_token"), ("refresh_token", old)]).await;
    assert_eq!(grace.json()["refresh_token"], second.json()["refresh_token"]);
}

#[tokio::test]
async fn both_headers_are_needed_and_tokens_expire() {
    let home = Home::start().await;
    let tokens = home.login().await;
    let url = format!("{}/users/me", home.origin);
    let token = tokens["access_token"].as_str().expect("text");
    let key = home.app.fields["api_key"].as_str();
    for headers in [
        &[][..],
        &[("x-august-api-key", key)],
        &[("x-august-access-token", token)],
        &[("x-august-access-token", token), ("x-august-api-key", "other")],
        &[("x-august-access-token", "other"), ("x-august-api-key", key)],
        &[("authorization", &format!("Bearer {token}")), ("x-august-api-key", key)],
    ] {
        let answer = send("GET", &url, headers, "").await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (401, json!("InvalidCredentials")), "{headers:?}");
    }
    assert_eq!(home.call("GET", "/users/me", &tokens).await.json()["FirstName"], "Robin");
    home.sandbox.advance(10_368_000);
    assert_eq!(home.call("GET", "/users/me", &tokens).await.status, 401);
    let tokens = home.login().await;
    home.sandbox.faults("august").expire_access_tokens();
    assert_eq!(home.call("GET", "/users/me", &tokens).await.status, 401);
}

#[tokio::test]
async fn an_unlocked_lock_stays_unlocked() {
    let home = Home::start().await;
    let tokens = home.login().await;
    let status = async || home.call("GET", &format!("/locks/{FRONT}/status"), &tokens).await.json()["status"].clone();
    assert_eq!(status().await, "locked");
    let done = home.call("PUT", &format!("/remoteoperate/{FRONT}/unlock"), &tokens).await;
    assert_eq!((done.status, done.json()["status"].clone()), (200, json!("kAugLockState_Unlocked")));
    assert_eq!(status().await, "unlocked");
    let detail = home.call("GET", &format!("/locks/{FRONT}"), &tokens).await.json();
    assert_eq!(detail["LockStatus"]["status"], "unlocked");

    let later = home.call("PUT", &format!("/remoteoperate/{FRONT}/lock?type=async"), &tokens).await;
    assert_eq!((later.status, later.body.len()), (202, 0));
    assert_eq!(status().await, "locked");
    let house = detail["HouseID"].as_str().expect("text");
    let list = home.call("GET", &format!("/houses/{house}/activity/8"), &tokens).await.json();
    let actions: Vec<_> = list.as_array().expect("a list").iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["lock", "unlock"]);
    let wrapped = home.call("GET", &format!("/houses/{house}/activities?limit=1"), &tokens).await.json();
    assert_eq!(wrapped["events"].as_array().expect("a list").len(), 1);
}

#[tokio::test]
async fn locks_refuse_in_their_own_ways() {
    let home = Home::start().await;
    let tokens = home.login().await;
    home.sandbox.faults("august").update(|faults| faults.lock_busy = true);
    for (method, path, status, code) in [
        ("PUT", format!("/remoteoperate/{FRONT}/lock"), 460, "LockBusy"),
        ("PUT", format!("/remoteoperate/{GARDEN}/lock"), 409, "ConflictError"),
        ("GET", format!("/locks/{GARDEN}/status"), 409, "ConflictError"),
        ("PUT", format!("/remoteoperate/{CABIN}/lock"), 403, "Forbidden"),
        ("GET", format!("/locks/{CABIN}/pins"), 403, "Forbidden"),
        ("GET", "/locks/5A9DB0C5000000000000000000000FFF".into(), 404, "ResourceNotFound"),
        ("GET", "/locks/nonsense".into(), 400, "InvalidArgument"),
        ("PUT", format!("/remoteoperate/{FRONT}/explode"), 404, "ResourceNotFound"),
    ] {
        let answer = home.call(method, &path, &tokens).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (status, json!(code)), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_redirect_uri_is_told_on_a_page() {
    let home = Home::start().await;
    let id = &home.app.client_id;
    for url in [
        format!("{}/authorization?client_id={id}&redirect_uri=http%3A%2F%2Fevil.example%2F", home.origin),
        format!("{}/authorization?client_id={id}", home.origin),
        format!("{}/authorization?client_id=nobody&redirect_uri={}", home.origin, common::encode(CALLBACK)),
    ] {
        let answer = get_url(&url).await;
        assert_eq!(answer.status, 400);
        assert!(answer.header("location").is_none());
        assert!(answer.header("content-security-policy").expect("a policy").contains("default-src 'none'"));
    }
}

#[tokio::test]
async fn a_person_may_say_no() {
    let home = Home::start().await;
    home.sandbox.consent("august", Consent::Ask);
    let denied = decide(&home.authorize_url(), "deny", &[]).await;
    assert_eq!(denied.location(), format!("{CALLBACK}?error=access_denied&state=s+1"));
    let approved = decide(&home.authorize_url(), "approve", &[]).await;
    assert!(!get(&query(approved.location()), "code").is_empty());
}
