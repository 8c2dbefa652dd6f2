//! The grants that wait for a person: device authorization (RFC 8628, rows H1 to H4) and CIBA, and the rows C7 to C9 and C14 for what each of
//! them is answered.

mod common;

use common::*;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use keyfob_proto::oauth2::{
    self, AccessRequest, AuthorizationDetail, BackchannelLogin, BackchannelRequest, Delivery, DeviceLogin, Hint, Step,
};
use keyfob_proto::{App, Code, Deviation, Error, Outgoing, Received, Refused, Secret, Timestamp, Transport, TransportKind};
use serde_json::json;

const DEVICE: &str = r#"{"device_code":"device-code-1","user_code":"WDJB-MJHT","verification_uri":"https://login.example/device","verification_uri_complete":"https://login.example/device?user_code=WDJB-MJHT","expires_in":900,"interval":5}"#;
const CIBA: &str = r#"{"auth_req_id":"auth-req-id-1","expires_in":900,"interval":5}"#;

fn changed(body: &str, name: &str, value: serde_json::Value) -> String {
    let mut body: serde_json::Value = serde_json::from_str(body).expect("an object");
    if value == json!("(none)") {
        body.as_object_mut().expect("an object").remove(name);
    } else {
        body[name] = value;
    }
    body.to_string()
}

fn device(client: &oauth2::Client, status: u16, body: impl Into<Vec<u8>>) -> Result<DeviceLogin, Error> {
    client.device_authorization(&AccessRequest::scopes(["read"])).expect("a request").receive(&json_answer(status, body), NOW)
}

/// Older than RFC 8628: asked for as a page is, under names of its own, and told in minutes.
#[test]
fn a_pin_of_before_the_rfc_is_a_device_login() {
    let page = endpoint("https://login.example/apps");
    let client = oauth2_client(|_, flow| {
        flow.client_auth = oauth2::ClientAuth::None;
        flow.token_body = oauth2::TokenBody::QueryPost;
        let own = |text: &str| text.to_owned();
        flow.pin = Some(oauth2::Pin {
            response_type: own("hubPin"),
            user_code: own("hubPin"),
            device_code: own("code"),
            page,
            unit: 60,
            grant_type: own("hubPin"),
            parameter: own("code"),
        });
    });
    let request = client.device_authorization(&AccessRequest::scopes(["read"])).expect("a request");
    assert_eq!(request.request().method(), http::Method::GET);
    let query = request.request().uri().query().unwrap_or_default().to_owned();
    assert_eq!(query, format!("response_type=hubPin&client_id={CLIENT_ID}&scope=read"), "and no secret");
    let answer = r#"{"hubPin":"b2c9","code":"device-code-1","expires_in":9,"interval":30,"verification_uri":"https://evil.example"}"#;
    let mut login = request.receive(&json_answer(200, answer), NOW).expect("a login");
    assert_eq!(
        (login.user_code(), login.verification_uri()),
        ("b2c9", "https://login.example/apps"),
        "the file's page, whatever the answer says"
    );
    assert_eq!((login.expires_at(), login.interval()), (NOW.plus(540), 30));
    let stored = serde_json::to_string(&login).expect("made to be stored");
    login = serde_json::from_str(&stored).expect("made to be stored");
    let Ok(Step::Send(question)) = login.step(&client, NOW.plus(30)) else { panic!("a question") };
    assert_eq!((question.method(), question.body()), (&http::Method::POST, &b""[..]));
    assert!(!question.headers().contains_key(CONTENT_TYPE));
    let query = question.uri().query().unwrap_or_default();
    assert_eq!(query, format!("grant_type=hubPin&code=device-code-1&client_id={CLIENT_ID}"));
    let pending = json_answer(401, r#"{"error":"authorization_pending"}"#);
    assert!(matches!(login.receive(&client, &pending, NOW.plus(31)), Ok(Step::WaitUntil(_))));
    let tokens = json_answer(200, r#"{"access_token":"access-1","token_type":"Bearer"}"#);
    assert!(matches!(login.receive(&client, &tokens, NOW.plus(62)), Ok(Step::Done(_))));
    // An endless one of minutes overflows nothing.
    let request = client.device_authorization(&AccessRequest::default()).expect("a request");
    let endless = format!(r#"{{"hubPin":"b2c9","code":"d","expires_in":{}}}"#, u64::MAX);
    assert_eq!(request.receive(&json_answer(200, endless), NOW).expect("cut").expires_at(), NOW.plus(86_400));
}

/// The file allows that the app is known by its secret alone, or by one that is not encoded: said whenever it was needed, whichever grant it was.
#[test]
fn how_the_client_said_who_it_is_is_reported_of_these_logins_too() {
    for (auth, secret, deviation) in [
        (oauth2::ClientAuth::BasicSecret, "plain", Some(Deviation::BasicSecret)),
        (oauth2::ClientAuth::BasicRaw, "s&/+", Some(Deviation::BasicRaw)),
        (oauth2::ClientAuth::BasicRaw, "plain", None),
    ] {
        let settings = oauth2_settings(|_, flow| flow.client_auth = auth);
        let client = oauth2::Client::new(&settings, App::confidential(CLIENT_ID, secret)).expect("a client");
        for (kind, mut login) in Any::both(&client, Some(5), 900) {
            let body = r#"{"access_token":"access-1","token_type":"Bearer"}"#;
            let (_, step) = login.ask(&client, &mut NOW.plus(0), 200, body);
            let Ok(Step::Done(received)) = step else { panic!("{kind}: {step:?}") };
            assert_eq!(received.tolerated, deviation.into_iter().collect(), "{kind}");
        }
    }
}

fn ciba(client: &oauth2::Client, delivery: Delivery, body: &str) -> Result<BackchannelLogin, Error> {
    let request =
        BackchannelRequest { delivery, ..BackchannelRequest::new(Hint::Login("anna".into()), AccessRequest::scopes(["openid", "read"])) };
    client.backchannel_authentication(&request, &Chance::new(1)).expect("a request").receive(&json_answer(200, body), NOW)
}

/// Both kinds of login, with the same words. They are stored and read again before every question, as a restart would do.
enum Any {
    Device(DeviceLogin),
    Ciba(BackchannelLogin),
}

impl Any {
    fn both(client: &oauth2::Client, interval: Option<u64>, lifetime: u64) -> [(&'static str, Self); 2] {
        let with = |body: &str| {
            changed(&changed(body, "expires_in", json!(lifetime)), "interval", interval.map_or(json!("(none)"), |seconds| json!(seconds)))
        };
        [
            ("device", Self::Device(device(client, 200, with(DEVICE)).expect("a login"))),
            ("ciba", Self::Ciba(ciba(client, Delivery::Poll, &with(CIBA)).expect("a login"))),
        ]
    }

    fn step(&mut self, client: &oauth2::Client, now: Timestamp) -> Result<Step, Error> {
        match self {
            Self::Device(login) => {
                let stored = serde_json::to_string(login).expect("made to be stored");
                *login = serde_json::from_str(&stored).expect("made to be stored");
                login.step(client, now)
            }
            Self::Ciba(login) => {
                let stored = serde_json::to_string(login).expect("made to be stored");
                *login = serde_json::from_str(&stored).expect("made to be stored");
                login.step(client, now)
            }
        }
    }

    fn receive(&mut self, client: &oauth2::Client, answer: &Response<Vec<u8>>, now: Timestamp) -> Result<Step, Error> {
        match self {
            Self::Device(login) => login.receive(client, answer, now),
            Self::Ciba(login) => login.receive(client, answer, now),
        }
    }

    fn unreachable(&mut self, kind: TransportKind, now: Timestamp) -> Result<Step, Error> {
        let failure = Transport::new(kind, "https://login.example");
        match self {
            Self::Device(login) => login.unreachable(failure, now),
            Self::Ciba(login) => login.unreachable(failure, now),
        }
    }

    /// Asks when it may, and gives the answer back at once: how many seconds the pause before was.
    #[track_caller]
    fn ask(&mut self, client: &oauth2::Client, now: &mut Timestamp, status: u16, body: &str) -> (i64, Result<Step, Error>) {
        let (pause, _) = self.question(client, now);
        (pause, self.receive(client, &json_answer(status, body), *now))
    }

    /// Waits until a question is due.
    #[track_caller]
    fn question(&mut self, client: &oauth2::Client, now: &mut Timestamp) -> (i64, Outgoing) {
        let begun = *now;
        for _ in 0..3 {
            match self.step(client, *now).expect("a step") {
                Step::Send(outgoing) => return (now.since(begun), outgoing),
                Step::WaitUntil(at) => {
                    assert!(at > *now, "no busy loop");
                    assert!(matches!(self.step(client, at.plus(-1)), Ok(Step::WaitUntil(same)) if same == at), "nor earlier");
                    *now = at;
                }
                Step::Done(_) => panic!("nobody was asked"),
            }
        }
        panic!("no question");
    }
}

fn wait(step: Result<Step, Error>) -> Timestamp {
    match step {
        Ok(Step::WaitUntil(at)) => at,
        other => panic!("expected to wait, but found {other:?}"),
    }
}

fn done(step: Result<Step, Error>) -> Received {
    match step {
        Ok(Step::Done(received)) => received,
        other => panic!("expected tokens, but found {other:?}"),
    }
}

const PENDING: &str = r#"{"error":"authorization_pending"}"#;
const SLOW_DOWN: &str = r#"{"error":"slow_down"}"#;

// --- the walk

#[test]
fn from_the_code_on_the_screen_to_tokens() {
    let client = oauth2_client(|settings, _| settings.keep = vec!["user_id".into()]);
    let access = AccessRequest {
        scopes: vec!["read".into()],
        resources: vec!["https://api.example/".into()],
        authorization_details: vec![AuthorizationDetail::parse(r#"{"type":"locks"}"#).expect("a detail")],
    };
    let request = client.device_authorization(&access).expect("a request");
    assert_eq!(request.request().uri(), "https://login.example/device");
    assert!(request.request().headers().contains_key(AUTHORIZATION), "a confidential client proves who it is (§3.1)");
    let names: Vec<_> = form(request.request()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["scope", "resource", "authorization_details"]);
    let mut login = request.receive(&json_answer(200, DEVICE), NOW).expect("a login");
    assert_eq!((login.user_code(), login.verification_uri()), ("WDJB-MJHT", "https://login.example/device"));
    assert_eq!(login.verification_uri_complete(), Some("https://login.example/device?user_code=WDJB-MJHT"));
    assert_eq!((login.expires_at(), login.interval(), login.key().expose()), (NOW.plus(900), 5, "device-code-1"));

    assert!(matches!(login.step(&client, NOW), Ok(Step::WaitUntil(at)) if at == NOW.plus(5)));
    let Ok(Step::Send(question)) = login.step(&client, NOW.plus(5)) else { panic!("a question") };
    let expected = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "device-code-1")];
    assert_eq!(form(&question), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(question.uri(), "https://login.example/token");
    assert_eq!(wait(login.receive(&client, &json_answer(400, PENDING), NOW.plus(6))), NOW.plus(11));
    let Ok(Step::Send(_)) = login.step(&client, NOW.plus(11)) else { panic!("a question") };
    let mut body: serde_json::Value = serde_json::from_str(OK).expect("an object");
    (body["authorization_details"], body["user_id"]) = (json!([{"type": "locks"}]), json!("u"));
    let received = done(login.receive(&client, &json_answer(200, body.to_string()), NOW.plus(12)));
    let tokens = tokens2(&received);
    assert_eq!((tokens.access.expose(), tokens.scopes.as_slice()), ("access-2", &["read".to_owned()][..]));
    assert_eq!((tokens.authorization_details.len(), received.kept["user_id"].as_str()), (1, "u"));
    // The device code is spent.
    assert!(login.step(&client, NOW.plus(20)).expect_err("over").ends_login());
}

#[test]
fn a_public_client_says_its_id() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), App::public(CLIENT_ID)).expect("a client");
    let request = client.device_authorization(&AccessRequest::default()).expect("a request");
    assert!(form(request.request()).contains(&("client_id".into(), CLIENT_ID.into())));
    let without = oauth2_client(|_, flow| flow.device_authorization = None);
    assert!(matches!(without.device_authorization(&AccessRequest::default()), Err(Error::Misuse(_))));
}

#[test]
fn the_origins_of_both_endpoints_are_bound_to_the_account() {
    let settings = oauth2_settings(|_, flow| {
        flow.device_authorization = Some(endpoint("https://device.example/d"));
        flow.backchannel_authentication = Some(endpoint("https://ciba.example/b"));
    });
    let origins: Vec<_> = settings.origins().into_iter().map(String::from).collect();
    assert_eq!(origins, ["https://api.example", "https://ciba.example", "https://device.example", "https://login.example"]);
}

// --- H1

#[test]
fn h1_the_interval_is_five_seconds_where_nobody_says() {
    let client = oauth2_client(|_, _| {});
    for (interval, expected) in [(None, 5), (Some(0), 1), (Some(1), 1), (Some(30), 30)] {
        for (name, mut login) in Any::both(&client, interval, 900) {
            let mut now = NOW;
            for _ in 0..3 {
                assert_eq!(login.ask(&client, &mut now, 400, PENDING).0, expected, "{name}: {interval:?}");
            }
        }
    }
}

#[test]
fn h1_slow_down_lasts() {
    let client = oauth2_client(|_, _| {});
    for (name, mut login) in Any::both(&client, Some(5), 900) {
        let mut now = NOW;
        let bodies = [PENDING, SLOW_DOWN, PENDING, PENDING, SLOW_DOWN, PENDING];
        let pauses = bodies.map(|body| {
            let (pause, step) = login.ask(&client, &mut now, 400, body);
            wait(step);
            pause
        });
        assert_eq!(pauses, [5, 5, 10, 10, 10, 15], "{name}");
        // With any status: some servers say it with 429, some with 200.
        for status in [429, 200] {
            wait(login.ask(&client, &mut now, status, SLOW_DOWN).1);
        }
        assert_eq!(login.ask(&client, &mut now, 400, PENDING).0, 25, "{name}");
    }
}

#[test]
fn h1_what_does_not_get_through_is_asked_again_after_pauses_that_double() {
    let client = oauth2_client(|_, _| {});
    for (name, mut login) in Any::both(&client, Some(5), 86_400) {
        let mut now = NOW;
        let mut pauses = Vec::new();
        for at in 0..9 {
            let (pause, _) = login.question(&client, &mut now);
            pauses.push(pause);
            match at % 3 {
                0 => wait(login.unreachable(TransportKind::Timeout, now)),
                1 => wait(login.receive(&client, &answer(503, "text/html", "<html>"), now)),
                _ => wait(login.unreachable(TransportKind::Connect, now)),
            };
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300], "{name}");
        // Once it gets through, the old pace is right again.
        wait(login.ask(&client, &mut now, 400, PENDING).1);
        assert_eq!(login.ask(&client, &mut now, 400, PENDING).0, 5, "{name}");
        // What will not go away is told, and the login lives on.
        login.question(&client, &mut now);
        let error = login.unreachable(TransportKind::Tls, now).expect_err("no trust");
        assert!(matches!(error, Error::Transport(_)) && !error.ends_login(), "{name}");
        assert_eq!(login.question(&client, &mut now).0, 5, "{name}");
    }
}

#[test]
fn h1_retry_after_is_honoured_up_to_a_minute() {
    let client = oauth2_client(|_, _| {});
    for (value, expected) in [("30", 30), ("3600", 60), ("99999999999", 60), ("-1", 10), ("soon", 10), ("", 10)] {
        for (name, mut login) in Any::both(&client, Some(5), 900) {
            let mut now = NOW;
            login.question(&client, &mut now);
            let mut busy = json_answer(503, "{}");
            busy.headers_mut().insert(RETRY_AFTER, value.parse().expect("a header"));
            assert_eq!(wait(login.receive(&client, &busy, now)).since(now), expected, "{name}: {value}");
        }
    }
}

#[test]
fn who_dies_with_a_question_does_not_ask_again_at_once() {
    let client = oauth2_client(|_, _| {});
    for (name, mut login) in Any::both(&client, Some(5), 900) {
        let mut now = NOW;
        login.question(&client, &mut now);
        // No answer, no failure: the process is gone. `question` reads the login from its stored form.
        assert_eq!(login.question(&client, &mut now).0, 5, "{name}");
    }
}

#[test]
fn a_clock_that_goes_back_makes_neither_a_pause_endless_nor_a_login_immortal() {
    let client = oauth2_client(|_, _| {});
    for (name, mut login) in Any::both(&client, Some(5), 900) {
        let mut now = NOW.plus(800);
        login.question(&client, &mut now);
        let back = NOW.plus(-500);
        assert_eq!(wait(login.step(&client, back)), back.plus(5), "{name}");
        for far in [NOW.plus(-901), Timestamp::from_unix(0), Timestamp::from_unix(i64::MIN), Timestamp::from_unix(i64::MAX)] {
            assert!(login.step(&client, far).expect_err("too old").ends_login(), "{name}");
        }
        assert!(login.step(&client, NOW.plus(899)).is_ok(), "{name}: a clock that was wrong for a moment ends nothing");
    }
}

// --- H2

#[test]
fn h2_it_ends_when_the_time_is_over() {
    let client = oauth2_client(|_, _| {});
    for (name, mut login) in Any::both(&client, Some(7), 20) {
        let mut now = NOW;
        assert_eq!(login.ask(&client, &mut now, 400, PENDING).0, 7, "{name}");
        assert_eq!(login.ask(&client, &mut now, 400, PENDING).0, 7, "{name}");
        // The next question would come too late: the wait ends with the login.
        assert_eq!(wait(login.step(&client, now)), NOW.plus(20), "{name}");
        for late in [20, 21, 86_400] {
            let error = login.step(&client, NOW.plus(late)).expect_err("over");
            assert!(error.ends_login() && error.hint().len() > 20, "{name}: {error}");
        }
    }
    // An endless login is cut after a day.
    for (name, mut login) in Any::both(&client, None, u64::MAX) {
        assert!(login.step(&client, NOW.plus(86_399)).is_ok() && login.step(&client, NOW.plus(86_400)).is_err(), "{name}");
    }
}

#[test]
fn h2_a_no_ends_it_and_so_does_the_servers_clock() {
    let client = oauth2_client(|_, _| {});
    for (body, code) in [
        (r#"{"error":"access_denied"}"#, Code::AccessDenied),
        (r#"{"error":"expired_token"}"#, Code::ExpiredToken),
        (r#"{"error":"invalid_grant"}"#, Code::InvalidGrant),
        (r#"{"error":"invalid_client"}"#, Code::InvalidClient),
    ] {
        for (name, mut login) in Any::both(&client, Some(5), 900) {
            let mut now = NOW;
            let error = login.ask(&client, &mut now, 400, body).1.expect_err("refused");
            assert!(matches!(&error, Error::Refused(refused) if refused.code == code), "{name}: {error}");
            assert!(error.ends_login() && error.hint().len() > 20, "{name}: {error}");
            assert!(login.step(&client, now.plus(60)).expect_err("over").ends_login(), "{name}: not asked again");
        }
    }
}

// --- H3

#[test]
fn h3_what_is_shown_can_be_shown() {
    let client = oauth2_client(|_, _| {});
    let refuse = |name: &str, value: serde_json::Value| {
        let error = device(&client, 200, changed(DEVICE, name, value.clone())).expect_err("refused");
        assert!(matches!(&error, Error::Misbehaved(misbehaved) if misbehaved.section == "RFC 8628 §3.2"), "{name}={value}: {error}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    };
    let sixty_four = "W".repeat(64);
    for good in ["1", "WDJB-MJHT", "123 456 789", sixty_four.as_str()] {
        assert!(device(&client, 200, changed(DEVICE, "user_code", json!(good))).is_ok(), "{good}");
    }
    for bad in ["", " ", " A", "A ", "A\nB", "A\u{1b}[2J", "A\u{202e}B", "\u{ff21}BCD", "А123", "A\u{200b}B", "A\u{7f}", &"W".repeat(65)] {
        refuse("user_code", json!(bad));
    }
    for name in ["verification_uri", "verification_uri_complete"] {
        for good in ["https://login.example/d", "http://127.0.0.1:8900/d?x=y", "https://[2001:db8::1]/d"] {
            assert!(device(&client, 200, changed(DEVICE, name, json!(good))).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/device",
            "http://login.example/device",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "-https://login.example/",
            "https://user@login.example/",
            "https://login.example/#x",
            "https://login.example/ x",
            "https://login.example/\u{1b}[2J",
            "https://login.example/\"x",
            "https://login.example/'x",
            "https://login.example/`id`",
            "https://login.example/<x>",
            "https://login.example/\\x",
            "https://login.example/|x",
            "https://login\u{202e}.example/",
            &format!("https://login.example/{}", "x".repeat(2048)),
        ] {
            refuse(name, json!(bad));
        }
    }
    for name in ["user_code", "verification_uri", "device_code", "expires_in"] {
        refuse(name, json!("(none)"));
        refuse(name, json!({}));
    }
    assert!(device(&client, 200, changed(DEVICE, "verification_uri_complete", json!("(none)"))).is_ok());
}

#[test]
fn a_verification_url_needs_its_name() {
    let body = DEVICE.replace("verification_uri", "verification_url");
    let error = device(&oauth2_client(|_, _| {}), 200, body.clone()).expect_err("strict");
    assert!(error.hint().contains("verification-url"), "{error}");
    let client = oauth2_client(|settings, _| settings.deviations = deviations(&[Deviation::VerificationUrl]));
    let login = device(&client, 200, body).expect("tolerated");
    assert_eq!(login.verification_uri(), "https://login.example/device");
    assert!(login.verification_uri_complete().is_some());
    // It is told at the end, after a restart too.
    let mut any = Any::Device(login);
    let mut now = NOW;
    let received = done(any.ask(&client, &mut now, 200, OK).1);
    assert_eq!(received.tolerated, deviations(&[Deviation::VerificationUrl]));
    // What is not needed is not told.
    let mut any = Any::Device(device(&client, 200, DEVICE).expect("accepted"));
    assert!(done(any.ask(&client, &mut NOW.clone(), 200, OK).1).tolerated.is_empty());
}

// --- H4 is in tests/secrets.rs, with the other types that show nothing

#[test]
fn a_login_is_asked_about_where_it_was_begun() {
    let honest = oauth2_client(|_, _| {});
    let strangers = [
        oauth2_client(|_, flow| flow.token = endpoint("https://evil.example/token")),
        oauth2_client(|_, flow| flow.issuer = Some("https://evil.example".into())),
        oauth2::Client::new(&oauth2_settings(|_, _| {}), App::public("another-client-id")).expect("a client"),
    ];
    for (name, mut login) in Any::both(&honest, Some(5), 900) {
        for stranger in &strangers {
            let error = login.step(stranger, NOW.plus(60)).expect_err("begun elsewhere");
            assert!(matches!(error, Error::Misuse(_)) && !error.ends_login(), "{name}");
            assert!(matches!(login.receive(stranger, &json_answer(200, OK), NOW), Err(Error::Misuse(_))), "{name}");
        }
        assert!(matches!(login.step(&honest, NOW.plus(60)), Ok(Step::Send(_))), "{name}");
    }
}

// --- hostile answers

/// Bodies and heads that no endpoint may take, made from a good one.
fn hostile(good: &str, secret: &str) -> Vec<(u16, &'static str, String)> {
    const JSON: &str = "application/json";
    let mut cases = vec![
        (200, "text/html", good.to_owned()),
        (200, "", good.to_owned()),
        (200, JSON, format!("{good}{{}}")),
        (200, JSON, good.replacen('{', &format!(r#"{{"{secret}":"planted","#), 1)),
        (200, JSON, String::new()),
        (200, JSON, "null".into()),
        (200, JSON, format!("[{good}]")),
        (200, JSON, changed(good, "x", json!("x".repeat(Outgoing::LARGEST_ANSWER)))),
        (302, JSON, good.to_owned()),
        (307, JSON, good.to_owned()),
        (103, JSON, good.to_owned()),
        (400, JSON, good.to_owned()),
        (200, JSON, "[".repeat(200_000)),
    ];
    for bad in [json!(""), json!("A T"), json!("A\r\nX: 1"), json!("A\0"), json!("\u{202e}"), json!("é"), json!(1), json!({}), json!(null)]
    {
        cases.push((200, JSON, changed(good, secret, bad)));
    }
    for bad in [json!(-1), json!(1.5), json!("1e3"), json!("-1"), json!(null), json!([])] {
        cases.push((200, JSON, changed(good, "expires_in", bad)));
    }
    cases
}

#[test]
fn c6_c7_c9_c14_hold_for_the_answers_that_begin_a_login() {
    let client = oauth2_client(|_, _| {});
    let begin = |which: &str, answer: &Response<Vec<u8>>| match which {
        "device" => client.device_authorization(&AccessRequest::default()).expect("a request").receive(answer, NOW).map(drop),
        _ => {
            let request = BackchannelRequest::new(Hint::Login("anna".into()), AccessRequest::scopes(["openid"]));
            client.backchannel_authentication(&request, &Chance::new(1)).expect("a request").receive(answer, NOW).map(drop)
        }
    };
    for (which, good, secret) in [("device", DEVICE, "device_code"), ("ciba", CIBA, "auth_req_id")] {
        for (name, value) in [("interval", json!("(none)")), ("interval", json!("7")), ("expires_in", json!("900")), ("x", json!(1))] {
            assert!(begin(which, &json_answer(200, changed(good, name, value))).is_ok(), "{which}: {name}");
        }
        for (status, content_type, body) in hostile(good, secret) {
            let outcome = begin(which, &answer(status, content_type, body.as_str()));
            let short = &body[..body.floor_char_boundary(200)];
            assert!(matches!(outcome, Err(Error::Misbehaved(_))), "{which}: {status} {short}: {outcome:?}");
        }
        for bad in [json!(-1), json!(0.5), json!("soon"), json!(null), json!({})] {
            assert!(begin(which, &json_answer(200, changed(good, "interval", bad))).is_err(), "{which}");
        }
        let error = begin(which, &json_answer(200, changed(good, "error", json!("invalid_scope")))).expect_err("an error all the same");
        assert!(matches!(error, Error::Refused(Refused { code: Code::InvalidScope, .. })), "{which}: {error}");
        assert!(begin(which, &answer(503, "text/html", "")).expect_err("later").is_transient(), "{which}");
    }
}

#[test]
fn c6_to_c9_and_c14_hold_for_the_answers_to_a_question_and_the_login_lives_on() {
    let client = oauth2_client(|_, _| {});
    let token_type = |value| changed(OK, "token_type", value);
    let mut cases = hostile(OK, "access_token");
    cases.extend([json!("mac"), json!("DPoP"), json!(""), json!(null)].map(|value| (200, "application/json", token_type(value))));
    for (name, mut login) in Any::both(&client, Some(5), 86_400) {
        let mut now = NOW;
        for (status, content_type, body) in &cases {
            let (pause, _) = login.question(&client, &mut now);
            assert_eq!(pause, 5, "{name}: no faster after a broken answer");
            let outcome = login.receive(&client, &answer(*status, content_type, body.as_str()), now);
            let short = &body[..body.floor_char_boundary(200)];
            let error = outcome.expect_err("refused");
            assert!(matches!(error, Error::Misbehaved(_)) && !error.ends_login(), "{name}: {status} {short}: {error}");
        }
        assert_eq!(tokens2(&done(login.ask(&client, &mut now, 200, OK).1)).access.expose(), "access-2", "{name}");
    }
}

// --- CIBA

fn backchannel(change: impl FnOnce(&mut BackchannelRequest)) -> BackchannelRequest {
    let mut request = BackchannelRequest::new(Hint::Login("anna".into()), AccessRequest::scopes(["openid", "read"]));
    change(&mut request);
    request
}

#[test]
fn a_backchannel_request_says_who_is_meant_and_how_to_answer() {
    let client = oauth2_client(|_, _| {});
    let sent = |request: BackchannelRequest| {
        let asked = client.backchannel_authentication(&request, &Chance::new(1)).expect("a request");
        assert_eq!(asked.request().uri(), "https://login.example/backchannel");
        assert!(asked.request().headers().contains_key(AUTHORIZATION));
        form(asked.request()).into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    for (hint, name) in [
        (Hint::Login("anna".into()), "login_hint"),
        (Hint::LoginToken(Secret::new("t.o.k")), "login_hint_token"),
        (Hint::IdToken(Secret::new("i.d.t")), "id_token_hint"),
    ] {
        let sent = sent(backchannel(|request| request.hint = hint));
        let names: Vec<_> = sent.keys().map(String::as_str).collect();
        let mut expected = vec![name, "scope"];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
    let sent = sent(backchannel(|request| {
        request.acr_values = vec!["gold".into(), "silver".into()];
        request.binding_message = Some("W4SCT".into());
        request.user_code = Some(Secret::new("1234"));
        request.requested_expiry = Some(120);
        request.delivery = Delivery::Ping;
    }));
    for (name, value) in [("acr_values", "gold silver"), ("binding_message", "W4SCT"), ("user_code", "1234"), ("requested_expiry", "120")] {
        assert_eq!(sent[name], value, "{name}");
    }
    assert_eq!(sent["client_notification_token"].len(), 43, "256 bits");
    for bad in [
        backchannel(|request| request.access = AccessRequest::scopes(["read"])),
        backchannel(|request| request.hint = Hint::Login(String::new())),
        backchannel(|request| request.hint = Hint::IdToken(Secret::new("a b"))),
        backchannel(|request| request.hint = Hint::LoginToken(Secret::new(""))),
        backchannel(|request| request.binding_message = Some(String::new())),
        backchannel(|request| request.binding_message = Some("a\u{202e}b".into())),
        backchannel(|request| request.requested_expiry = Some(0)),
        backchannel(|request| request.acr_values = vec!["a b".into()]),
    ] {
        assert!(matches!(client.backchannel_authentication(&bad, &Chance::new(1)), Err(Error::Misuse(_))), "{bad:?}");
    }
    let public = oauth2::Client::new(&oauth2_settings(|_, _| {}), App::public(CLIENT_ID)).expect("a client");
    let without = oauth2_client(|_, flow| flow.backchannel_authentication = None);
    for client in [public, without] {
        assert!(matches!(client.backchannel_authentication(&backchannel(|_| {}), &Chance::new(1)), Err(Error::Misuse(_))));
    }
}

#[test]
fn a_question_is_asked_by_the_name_of_the_request() {
    let client = oauth2_client(|_, _| {});
    let mut login = Any::Ciba(ciba(&client, Delivery::Poll, CIBA).expect("a login"));
    let (_, question) = login.question(&client, &mut NOW.clone());
    let expected = [("grant_type", "urn:openid:params:grant-type:ciba"), ("auth_req_id", "auth-req-id-1")];
    assert_eq!(form(&question), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

fn ping_headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

#[test]
fn a_ping_of_the_right_server_about_the_right_login_is_answered_by_a_question() {
    let client = oauth2_client(|_, _| {});
    let mut login = ciba(&client, Delivery::Ping, CIBA).expect("a login");
    let stored = serde_json::to_value(&login).expect("made to be stored");
    let token = stored["notification"].as_str().expect("a token").to_owned();
    // Nobody rings: it is asked all the same, but seldom.
    assert_eq!(wait(login.step(&client, NOW)), NOW.plus(30));
    let right = br#"{"auth_req_id":"auth-req-id-1"}"#;
    let twice = {
        let mut headers = ping_headers(&token);
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer other"));
        headers
    };
    let untyped = {
        let mut headers = ping_headers(&token);
        headers.remove(CONTENT_TYPE);
        headers
    };
    let basic = {
        let mut headers = ping_headers(&token);
        headers.insert(AUTHORIZATION, format!("Basic {token}").parse().expect("a header"));
        headers
    };
    let hostile: Vec<(HeaderMap, &[u8])> = vec![
        (HeaderMap::new(), right),
        (ping_headers("other"), right),
        (ping_headers(""), right),
        (ping_headers(&token[..42]), right),
        (ping_headers(&format!("{token}x")), right),
        (twice, right),
        (untyped, right),
        (basic, right),
        (ping_headers(&token), b""),
        (ping_headers(&token), b"{}"),
        (ping_headers(&token), br#"{"auth_req_id":"other"}"#),
        (ping_headers(&token), br#"{"auth_req_id":7}"#),
        (ping_headers(&token), br#"{"auth_req_id":"x","auth_req_id":"auth-req-id-1"}"#),
        (ping_headers(&token), br#"{"auth_req_id":"auth-req-id-1","access_token":"planted","token_type":"Bearer"}"#),
        (ping_headers(&token), br#"{"auth_req_id":"auth-req-id-1","id_token":"a.b.c"}"#),
        (ping_headers(&token), br#"{"auth_req_id":"auth-req-id-1","error":"access_denied"}"#),
    ];
    for (headers, body) in hostile {
        let error = login.notified(&headers, body, NOW.plus(1)).expect_err("refused");
        let shown = format!("{error} {error:?}");
        assert!(!error.ends_login() && !shown.contains("planted") && !shown.contains(&token), "{shown}");
        assert_eq!(wait(login.step(&client, NOW.plus(1))), NOW.plus(30), "and nothing is asked for it");
    }
    login.notified(&ping_headers(&token), right, NOW.plus(2)).expect("a ping");
    assert!(matches!(login.step(&client, NOW.plus(2)), Ok(Step::Send(_))));
    assert_eq!(wait(login.receive(&client, &json_answer(400, PENDING), NOW.plus(2))), NOW.plus(32));
    // While a question is under way: what the server has answered by then may be older than the ping.
    let Ok(Step::Send(_)) = login.step(&client, NOW.plus(32)) else { panic!("a question") };
    login.notified(&ping_headers(&token), right, NOW.plus(33)).expect("a ping");
    assert_eq!(wait(login.receive(&client, &json_answer(400, PENDING), NOW.plus(34))), NOW.plus(34));
    assert!(matches!(login.step(&client, NOW.plus(34)), Ok(Step::Send(_))) && !login.is_decided());
    assert_eq!(wait(login.receive(&client, &json_answer(400, PENDING), NOW.plus(35))), NOW.plus(65), "once");
    // Whoever polls takes no pings.
    let mut polling = ciba(&client, Delivery::Poll, CIBA).expect("a login");
    assert!(matches!(polling.notified(&ping_headers(""), right, NOW), Err(Error::Misuse(_))));
}
