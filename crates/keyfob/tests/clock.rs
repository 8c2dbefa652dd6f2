//! I3: this machine's clock is off. An OAuth 1 server that refuses the timestamp, and says what time it is there, is answered once, with a new nonce and
//! its own time; nobody else is.

mod common;

use common::{Scripted, app, endpoint, json, keyfob, provider};
use http::Method;
use keyfob::proto::oauth1::{self, CallbackAt};
use keyfob::proto::{Answer, App, Deviation, Flow, OAuth1Tokens, Secret, Settings, Timestamp, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, AccountId, Health, Keyfob, Login, Redirect};
use keyfob_sandbox::{Consent, Sandbox};

/// A server that is this many seconds ahead.
fn refusal(now: Timestamp, ahead: i64, body: &str) -> String {
    let date = jiff::Timestamp::from_second(now.plus(ahead).as_unix()).expect("a time").strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    format!("HTTP/1.1 401 No\r\ndate: {date}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn signing(origin: &str) -> Settings {
    let at = |path: &str| endpoint(&format!("{origin}{path}"));
    let mut settings = provider(origin);
    settings.flow = Flow::OAuth1(oauth1::Settings::new(at("/request"), at("/authorize"), at("/access")));
    settings
}

async fn keep_account(keyfob: &Keyfob, settings: &Settings) {
    let account = Account {
        id: AccountId::random(),
        name: "pretend".to_owned(),
        provider: settings.provider.clone(),
        client_id: app().client_id,
        tokens: TokenSet::OAuth1(OAuth1Tokens { token: Secret::new("token-1"), secret: Secret::new("token-secret-1") }),
        kept: Default::default(),
        origins: settings.origins(),
        requested_scopes: vec![],
        tolerated: vec![],
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: Timestamp::from_unix(0),
        spending: None,
        refreshed: None,
    };
    keyfob.store().put_account(&account, Expected::Nothing, None).await.expect("memory has room");
}

/// A parameter of the `Authorization` header of a request.
fn parameter(request: &str, name: &str) -> String {
    let (_, rest) = request.split_once(&format!("{name}=\"")).expect("the parameter is there");
    rest.split('"').next().expect("a value").to_owned()
}

/// How far the timestamp of a request lies before or after now, in whole minutes.
fn minutes_ahead(request: &str, now: Timestamp) -> i64 {
    let timestamp: i64 = parameter(request, "oauth_timestamp").parse().expect("a number");
    (timestamp - now.as_unix() + 30).div_euclid(60)
}

/// Calls a server that answers in this way, and gives what it was sent and the last status.
async fn call(method: Method, answers: &[String]) -> (Vec<String>, u16, Keyfob) {
    let server = Scripted::start(answers.to_vec()).await;
    let (keyfob, settings) = (keyfob(), signing(&server.origin));
    keep_account(&keyfob, &settings).await;
    let session = keyfob.session(settings, app(), "pretend").await.expect("a session");
    let call = session.call(method, "/x").form([("a", "b")]);
    let answer = call.send().await.expect("an answer");
    (server.requests(), answer.status().as_u16(), keyfob)
}

#[tokio::test]
async fn i3_a_refused_timestamp_is_signed_again_once_with_the_servers_time() {
    let now = keyfob().now();
    for method in [Method::GET, Method::POST] {
        let refused = refusal(now, 3600, "oauth_problem=timestamp_refused");
        let (seen, status, _) = call(method.clone(), &[refused, json("200 OK", "{}")]).await;
        assert_eq!((seen.len(), status), (2, 200), "{method}");
        assert_eq!([minutes_ahead(&seen[0], now), minutes_ahead(&seen[1], now)], [0, 60]);
        assert_ne!(parameter(&seen[0], "oauth_nonce"), parameter(&seen[1], "oauth_nonce"));
    }
    // It refuses whatever it is sent, and its clock jumps: asked twice, and no more.
    let stubborn = [refusal(now, 3600, "Timestamp is out of sequence"), refusal(now, 7200, "Timestamp is out of sequence")];
    let (seen, status, _) = call(Method::GET, &stubborn).await;
    assert_eq!((seen.len(), status), (2, 401));
}

#[tokio::test]
async fn i3_nothing_else_is_signed_again() {
    let now = keyfob().now();
    let others = [
        refusal(now, 3600, "oauth_problem=signature_invalid"),
        refusal(now, 3600, "Duplicate timestamp/nonce combination"),
        refusal(now, 0, "oauth_problem=timestamp_refused"),
        refusal(now, 86_400 + 3600, "oauth_problem=timestamp_refused"),
        "HTTP/1.1 401 No\r\ncontent-length: 31\r\nconnection: close\r\n\r\noauth_problem=timestamp_refused".to_owned(),
    ];
    for other in others {
        let (seen, status, _) = call(Method::GET, &[other.clone(), json("200 OK", "{}")]).await;
        assert_eq!((seen.len(), status), (1, 401), "{other}");
    }
}

#[tokio::test]
async fn i3_what_was_learnt_counts_for_that_origin_alone_and_not_for_our_own_clock() {
    let now = keyfob().now();
    let refused = refusal(now, -7200, "oauth_problem=timestamp_refused");
    let first = Scripted::start(vec![refused, json("200 OK", "{}"), json("200 OK", "{}")]).await;
    let second = Scripted::start(vec![json("200 OK", "{}")]).await;
    let keyfob = keyfob();
    let (one, mut other) = (signing(&first.origin), signing(&second.origin));
    keep_account(&keyfob, &one).await;
    let session = keyfob.session(one, app(), "pretend").await.expect("a session");
    for _ in 0..2 {
        assert_eq!(session.get("/x").send().await.expect("an answer").status(), 200);
    }
    assert_eq!(first.requests().iter().map(|request| minutes_ahead(request, now)).collect::<Vec<_>>(), [0, -120, -120]);
    assert!(keyfob.now().since(now) >= 0, "when something ends is told by our own clock");

    other.provider = "other".to_owned();
    let callback = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let refused = Login::begin(&keyfob, &other, &app(), "other", callback, vec![]).await;
    assert!(refused.is_err(), "it answers JSON");
    assert_eq!(minutes_ahead(&second.requests()[0], now), 0);
}

#[tokio::test]
async fn i3_a_login_at_a_server_whose_clock_is_ahead() {
    let sandbox = Sandbox::start().await.expect("free ports");
    sandbox.consent("telldus", Consent::Approve);
    // `oauth-php` refuses the past alone.
    sandbox.faults("telldus").update(|faults| faults.clock_skew = 7200);
    let (origin, registration) = (sandbox.origin("telldus"), sandbox.app("telldus"));
    let at = |path: &str| endpoint(&format!("{origin}{path}"));
    let mut settings = signing(&origin);
    let flow = oauth1::Settings::new(at("/oauth/requestToken"), at("/oauth/authorize"), at("/oauth/accessToken"));
    settings.flow = Flow::OAuth1(oauth1::Settings { callback: CallbackAt::RequestToken, ..flow });
    settings.api.base = at("/");
    settings.deviations.insert(Deviation::CallbackConfirmedOtherwise);
    let app = App::confidential(registration.client_id, registration.client_secret);

    let callback = "http://127.0.0.1:9/callback";
    let first = keyfob();
    let login = Login::begin(&first, &settings, &app, "home", Redirect::Uri(callback.to_owned()), vec![]).await.expect("signed again");
    // The exchange is sent by another process, which has learnt nothing yet.
    let second = Keyfob::new(std::sync::Arc::new(keyfob::MemoryStore::new()), transport());
    let address = origin.trim_start_matches("http://").parse().expect("an address");
    let target = login.url().trim_start_matches(&origin).to_owned();
    let back = common::speak(address, format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
    let location = back.lines().find_map(|line| line.strip_prefix("location: ")).expect("a redirect").trim().to_owned();
    let login = Login::resume(&second, &settings, &app, login.stored()).expect("the same provider");
    let verified = login.verify(Answer::Url(&location)).expect("ours");
    login.finish(verified).await.expect("signed again");
    let session = second.session(settings, app, "home").await.expect("a session");
    let answer = session.get("/json/devices/list").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

/// A server's handlers move between threads, also while a login waits.
#[test]
fn a_login_and_a_call_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (keyfob, settings, app) = (keyfob(), signing("http://127.0.0.1:1"), app());
    is_send(&Login::begin(&keyfob, &settings, &app, "home", Redirect::OutOfBand, vec![]));
    let finish = |login: Login, verified| is_send(&login.finish(verified));
    let call = |session: keyfob::Session| is_send(&session.get("/x").send());
    let _ = (finish, call);
}

fn transport() -> std::sync::Arc<keyfob::HyperTransport> {
    std::sync::Arc::new(keyfob::HyperTransport::builder().loopback_only(true).build().expect("a transport"))
}

#[tokio::test]
async fn what_an_oauth_1_api_names_as_its_reason_is_told() {
    let challenge = "HTTP/1.1 401 No\r\nwww-authenticate: OAuth realm=\"x\", oauth_problem=\"user_refused\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Scripted::start(vec![challenge.to_owned()]).await;
    let (keyfob, settings) = (keyfob(), signing(&server.origin));
    keep_account(&keyfob, &settings).await;
    let session = keyfob.session(settings, app(), "pretend").await.expect("a session");
    let error = session.get("/x").send().await.expect("an answer").read().await.expect_err("an error");
    assert!(error.to_string().contains("user_refused"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("this person may not use the app there"));
}
