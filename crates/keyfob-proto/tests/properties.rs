//! What holds for any input: nothing from outside makes the core panic, what is stored still works, what the client signs the
//! server accepts, and what was changed on the way it refuses.

mod common;

use common::*;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use keyfob_proto::oauth1::server::SignedRequest;
use keyfob_proto::oauth1::{self, Body, Callback, Placement, SignatureMethod};
use keyfob_proto::oauth2::{self, TokenKind};
use keyfob_proto::{Answer, App, Deviation, Endpoint, Incoming, OAuth1Tokens, Origin, Scrubber, Secret, Template, encode};
use proptest::prelude::*;

// --- nothing panics

fn lenient2() -> oauth2::Client {
    oauth2_client(|settings, _| {
        settings.deviations = deviations(Deviation::ALL);
        settings.keep = vec!["user_id".into(), "scope".into()];
    })
}

fn lenient1() -> oauth1::Client {
    oauth1_client(|settings, _| {
        settings.deviations = deviations(Deviation::ALL);
        settings.keep = vec!["user_id".into()];
    })
}

proptest! {
    #[test]
    fn callbacks_never_panic(text: String, state: bool) {
        let (_, pending) = begin2(&lenient2(), 1);
        let text = if state { format!("state={}&{text}", pending.key().expose()) } else { text };
        let (_, pending1) = begin1(&lenient1(), Callback::Url(CALLBACK.into()), TEMPORARY).expect("temporary credentials");
        let text1 = format!("oauth_token=temporary-1&{text}");
        let url = format!("{CALLBACK}?{text}");
        for answer in [Answer::read(&text), Answer::Url(&text), Answer::Url(&url), Answer::Query(&text), Answer::Bare(&text)] {
            let _ = pending.verify(answer, NOW);
            let _ = pending1.verify(answer, NOW);
        }
        let _ = pending1.verify(Answer::Query(&text1), NOW);
    }

    /// The same for answers that bring tokens, in a fragment and in a form.
    #[test]
    fn answers_with_tokens_never_panic(text: String, state: bool, known: bool) {
        let client = lenient2();
        let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["openid".into()], ..Default::default() };
        let (_, hybrid) = client.authorize_hybrid(&request, oauth2::Hybrid::IdTokenAndToken, NOW, &Chance::new(1)).expect("a URL");
        let (_, implicit) = oauth2::legacy::authorize_implicit(&client, &request, NOW, &Chance::new(1)).expect("a URL");
        let text = if known { format!("code={text}&id_token=a.b.c&access_token={text}&token_type=bearer&expires_in={text}") } else { text };
        let text = if state { format!("state={}&{text}", hybrid.key().expose()) } else { text };
        let url = format!("{CALLBACK}#{text}");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let form = keyfob_proto::FormPost::read(&Method::POST, &headers, text.as_bytes()).expect("a form");
        for answer in [Answer::Fragment(&text), Answer::Url(&url), Answer::Url(&text), Answer::Form(form), Answer::Query(&text)] {
            let _ = hybrid.read(&client, answer, NOW).map(|answer| format!("{answer:?}"));
            let _ = implicit.receive(&client, answer, NOW).map(|answer| format!("{answer:?}"));
        }
    }

    /// Whatever a request says, it is sent as it is or refused.
    #[test]
    fn requests_never_panic(text: String, number: u32) {
        let client = lenient2();
        let detail = oauth2::AuthorizationDetail::parse(&text).ok();
        let detail = detail.or_else(|| oauth2::AuthorizationDetail::parse(&serde_json::json!({"type": text}).to_string()).ok());
        let request = oauth2::AuthorizeRequest {
            redirect_uri: CALLBACK.into(),
            scopes: vec![text.clone()],
            max_age: Some(number),
            acr_values: vec![text.clone()],
            claims: Some(text.clone()),
            login_hint: Some(text.clone()),
            id_token_hint: Some(Secret::new(text.as_str())),
            ui_locales: vec![text.clone()],
            resources: vec![text.clone(), format!("urn:{text}")],
            authorization_details: detail.iter().cloned().collect(),
            parameters: vec![(text.clone(), text.clone())],
            ..Default::default()
        };
        let _ = client.authorize(&request, NOW, &Chance::new(1));
        let parts = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), parameters: request.parameters, ..Default::default() };
        let _ = client.authorize(&parts, NOW, &Chance::new(1));
        let access = oauth2::AccessRequest { scopes: vec![text.clone()], resources: vec![], authorization_details: detail.into_iter().collect() };
        let secret = Secret::new(text.as_str());
        let _ = client.client_credentials(&access);
        let _ = client.jwt_bearer(&secret, &access);
        let _ = client.saml_bearer(&secret, &access);
        let _ = oauth2::legacy::password(&client, &text, &secret, &access);
        let kind = oauth2::TokenType::Other(text.clone());
        let _ = client.token_exchange(&oauth2::TokenExchangeRequest::new(secret.clone(), kind));
        for hint in [oauth2::Hint::Login(text.clone()), oauth2::Hint::LoginToken(secret.clone()), oauth2::Hint::IdToken(secret)] {
            let request = oauth2::BackchannelRequest { binding_message: Some(text.clone()), ..oauth2::BackchannelRequest::new(hint, access.clone()) };
            let _ = client.backchannel_authentication(&request, &Chance::new(1));
        }
    }

    /// At any time, in any order, a login that waits asks no faster than it may, and never waits beyond its end.
    #[test]
    fn a_waiting_login_keeps_its_pace(
        events in prop::collection::vec((0_u8..6, -1000_i64..1000), 0..40),
        interval: u32,
        lifetime: u32,
    ) {
        let client = lenient2();
        let body = serde_json::json!({"device_code": "d", "user_code": "u", "verification_uri": "https://login.example/",
                                      "expires_in": lifetime, "interval": interval});
        let request = client.device_authorization(&oauth2::AccessRequest::default()).expect("a request");
        let mut login = request.receive(&json_answer(200, body.to_string()), NOW).expect("a login");
        let mut now = NOW;
        for (event, passes) in events {
            now = now.plus(passes);
            let before = login.interval();
            let step = match event {
                0 | 1 => login.step(&client, now),
                2 => login.receive(&client, &json_answer(400, r#"{"error":"authorization_pending"}"#), now),
                3 => login.receive(&client, &json_answer(400, r#"{"error":"slow_down"}"#), now),
                4 => login.receive(&client, &json_answer(503, ""), now),
                _ => login.unreachable(keyfob_proto::Transport::new(keyfob_proto::TransportKind::Timeout, "x"), now),
            };
            prop_assert!(login.interval() >= before.max(1));
            match step {
                Ok(oauth2::Step::WaitUntil(at)) => prop_assert!(at <= login.expires_at()),
                Ok(oauth2::Step::Send(_)) => {
                    prop_assert!(now < login.expires_at());
                    prop_assert!(!matches!(login.step(&client, now), Ok(oauth2::Step::Send(_))), "twice at the same moment");
                }
                Ok(oauth2::Step::Done(_)) => prop_assert!(false, "nobody approved"),
                Err(error) => prop_assert!(event < 2 && error.ends_login(), "{}", error),
            }
        }
    }

    #[test]
    fn token_answers_never_panic(status in 100_u16..1000, json: bool, body: Vec<u8>) {
        judge(status, json, &body);
    }

    /// Members of the right names with values of every kind get further than arbitrary bytes.
    #[test]
    fn token_answers_with_odd_members_never_panic(status in 100_u16..1000, members in prop::collection::vec((member(), value()), 0..8)) {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", serde_json::Value::from(*name))).collect();
        judge(status, true, format!("{{{}}}", members.join(",")).as_bytes());
    }

    #[test]
    fn oauth1_answers_never_panic(status in 100_u16..1000, body: Vec<u8>) {
        judge1(status, &body);
        judge1(status, &[b"oauth_token=", &body[..], b"&oauth_token_secret=s&", &body[..]].concat());
    }

    #[test]
    fn signed_requests_never_panic(header: Vec<u8>, origin: String, target: String, body: Vec<u8>, times in 0_usize..3) {
        let mut headers = HeaderMap::new();
        for _ in 0..times {
            for value in [header.clone(), [b"OAuth ", &header[..]].concat()] {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(AUTHORIZATION, value);
                }
            }
        }
        for origin in [origin.as_str(), "https://api.example"] {
            if let Ok(request) = SignedRequest::read(&Method::POST, origin, &target, &headers, Body::Form(&body)) {
                let _ = request.verify(&target, &target);
                let _ = format!("{request:?} {:?}", request.timestamp());
            }
        }
    }

    #[test]
    fn urls_templates_and_texts_never_panic(text: String) {
        let _ = Endpoint::parse(&text).map(|endpoint| endpoint.with_query([(text.as_str(), text.as_str())]));
        let _ = Endpoint::parse(&format!("https://{text}"));
        let _ = Origin::parse(&text).map(|origin| origin.is_loopback());
        let _ = Origin::parse(&format!("https://[{text}]/"));
        let _ = Template::parse(&text).map(|template| template.render(|_| None));
        let _ = Scrubber::new().knowing(&Secret::new(text.as_str())).clean(&text);
        let request = oauth2::AuthorizeRequest { redirect_uri: text.as_str().into(), scopes: vec![text], ..Default::default() };
        let _ = lenient2().authorize(&request, NOW, &Chance::new(1));
    }

    /// What is shown of a server's text is printable and short, and holds no secret that is known.
    #[test]
    fn cleaned_text_is_fit_to_show(before in "\\PC{0,20}|.{0,20}", secret in "[!-~]{6,40}", after: String) {
        let shown = Scrubber::new().knowing(&Secret::new(secret.as_str())).clean(&format!("{before}{secret}{after}"));
        prop_assert!(!shown.contains(&secret), "{shown:?}");
        prop_assert!(!shown.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{shown:?}");
        prop_assert!(shown.chars().count() <= keyfob_proto::scrub::LONGEST);
    }
}

fn judge(status: u16, json: bool, body: &[u8]) {
    let mut headers = HeaderMap::new();
    if json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let incoming = Incoming::new(StatusCode::from_u16(status).expect("100 to 999"), &headers, body);
    let client = lenient2();
    let show = |error: keyfob_proto::Error| format!("{error} {error:?} {:?} {}", error.hint(), error.is_transient());
    let _ = exchange2(&client).receive(incoming, NOW).map_err(show);
    let _ = client.refresh(&oauth2_tokens()).expect("a refresh").receive(incoming, NOW).map_err(show);
    let revocation = client.revoke(&Secret::new("token-1"), TokenKind::Access).expect("a request").expect("an endpoint");
    let _ = revocation.receive(incoming).map_err(show);
    let access = oauth2::AccessRequest::scopes(["openid"]);
    let _ = client.client_credentials(&access).expect("a request").receive(incoming, NOW).map_err(show);
    let exchange = oauth2::TokenExchangeRequest::new(Secret::new("token-1"), oauth2::TokenType::AccessToken);
    let _ = client.token_exchange(&exchange).expect("a request").receive(incoming, NOW).map_err(show);
    let device = || client.device_authorization(&access).expect("a request");
    let _ = device().receive(incoming, NOW).map_err(show).map(|login| format!("{login:?}"));
    let request = oauth2::BackchannelRequest {
        delivery: oauth2::Delivery::Ping,
        ..oauth2::BackchannelRequest::new(oauth2::Hint::Login("anna".into()), access.clone())
    };
    let ciba = || client.backchannel_authentication(&request, &Chance::new(1)).expect("a request");
    let _ = ciba().receive(incoming, NOW).map_err(show);
    // A login that waits for this answer.
    let good = r#"{"device_code":"d","user_code":"u","verification_uri":"https://login.example/","expires_in":900,"auth_req_id":"a"}"#;
    let mut login = device().receive(&json_answer(200, good), NOW).expect("a login");
    let _ = login.receive(&client, incoming, NOW).map_err(show);
    let mut login = ciba().receive(&json_answer(200, good), NOW).expect("a login");
    let _ = login.receive(&client, incoming, NOW).map_err(show);
    let _ = login.notified(incoming.headers, incoming.body, NOW).map_err(show);
}

fn judge1(status: u16, body: &[u8]) {
    let headers = HeaderMap::new();
    let incoming = Incoming::new(StatusCode::from_u16(status).expect("100 to 999"), &headers, body);
    let client = lenient1();
    let show = |error: keyfob_proto::Error| format!("{error} {error:?} {:?}", error.hint());
    let _ = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request").receive(incoming, NOW).map_err(show);
    let (_, pending) = begin1(&client, Callback::OutOfBand, TEMPORARY).expect("temporary credentials");
    let exchange = client.exchange(pending.verify(Answer::Bare("1"), NOW).expect("a PIN"), NOW, &Chance::new(1)).expect("an exchange");
    let _ = exchange.receive(incoming, NOW).map_err(show);
}

fn member() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "expire_in",
        "scope",
        "error",
        "error_description",
        "error_uri",
        "errors",
        "user_id",
        "x",
        "id_token",
        "authorization_details",
        "issued_token_type",
        "device_code",
        "user_code",
        "verification_uri",
        "verification_url",
        "verification_uri_complete",
        "interval",
        "auth_req_id",
    ])
}

fn value() -> impl Strategy<Value = String> {
    let text = ".{0,12}".prop_map(|text| serde_json::Value::from(text).to_string());
    let known = prop::sample::select(vec![
        "\"Bearer\"",
        "\"N_A\"",
        "\"slow_down\"",
        "\"urn:ietf:params:oauth:token-type:access_token\"",
        "\"https://login.example/device\"",
        "[{\"type\":\"locks\"}]",
        "null",
        "true",
        "{}",
        "[]",
        "[{}]",
        "[null]",
        "[\"a\"]",
        "[{\"errorType\":\"invalid_grant\",\"message\":1}]",
        "-1",
        "1e308",
        "18446744073709551615",
        "18446744073709551616",
        "0.5",
        "\"\"",
        "\"3600\"",
        "\"99999999999999999999\"",
    ])
    .prop_map(str::to_owned);
    prop_oneof![text, any::<i64>().prop_map(|number| number.to_string()), known]
}

// --- what is stored still works

proptest! {
    #[test]
    fn a_stored_login_still_verifies(seed: u64, path in "[a-zA-Z0-9/%;'._~-]{0,20}", scopes in prop::collection::vec("[!-~]{1,8}", 0..3), age in 0_i64..600) {
        let client = lenient2();
        let redirect_uri = format!("http://127.0.0.1:8123/{path}");
        let request = oauth2::AuthorizeRequest { redirect_uri: redirect_uri.as_str().into(), scopes, ..Default::default() };
        let (_, pending) = client.authorize(&request, NOW, &Chance::new(seed)).expect("a URL");
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let read: oauth2::Pending = serde_json::from_str(&stored).expect("made to be stored");
        prop_assert_eq!(serde_json::to_string(&read).expect("made to be stored"), stored);
        prop_assert_eq!(read.redirect_uri(), redirect_uri);
        let url = callback2(&pending, "code=code-1");
        let before = client.exchange(pending.verify(Answer::Url(&url), NOW).expect("verified")).expect("an exchange");
        let after = client.exchange(read.verify(Answer::Url(&url), NOW.plus(age)).expect("verified")).expect("an exchange");
        prop_assert_eq!(before.request().body(), after.request().body());
        prop_assert!(read.verify(Answer::Url(&url.replace("state=", "state=x")), NOW).is_err());
    }

    #[test]
    fn a_stored_oauth1_login_still_verifies(token in "[!-~]{1,40}", secret in "[!-~]{0,40}", verifier in "[!-~]{1,40}", oob: bool) {
        let client = lenient1();
        let body = encode::form_pairs([("oauth_token", token.as_str()), ("oauth_token_secret", secret.as_str()), ("oauth_callback_confirmed", "1")]);
        let callback = if oob { Callback::OutOfBand } else { Callback::Url(CALLBACK.into()) };
        let (_, pending) = begin1(&client, callback, &body).expect("temporary credentials");
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let read: oauth1::Pending = serde_json::from_str(&stored).expect("made to be stored");
        prop_assert_eq!(serde_json::to_string(&read).expect("made to be stored"), stored);
        let query = encode::form_pairs([("oauth_token", token.as_str()), ("oauth_verifier", verifier.as_str())]);
        let verified = read.verify(Answer::Query(&query), NOW).expect("verified");
        let exchange = client.exchange(verified, NOW, &Chance::new(1)).expect("an exchange");
        let seen = read_signed(exchange.request());
        prop_assert_eq!(seen.verify(CLIENT_SECRET, &secret), Ok(()));
        prop_assert_eq!((seen.token(), seen.verifier()), (Some(token.as_str()), Some(verifier.as_str())));
    }
}

// --- what the client signs the server accepts, and nothing else

/// A call to sign: any method, place, path, query, form, secrets.
#[derive(Clone, Debug)]
struct Call {
    method: &'static str,
    origin: &'static str,
    target: String,
    form: Option<String>,
    signature: SignatureMethod,
    placement: Placement,
    consumer: (String, String),
    token: (String, String),
    seed: u64,
}

fn call() -> impl Strategy<Value = Call> {
    let pairs = || prop::collection::vec((".{0,6}", ".{0,6}"), 0..5);
    let encoded = || pairs().prop_map(|pairs| encode::form_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    // Raw text, too: what others write into queries and forms.
    let raw = || prop_oneof![encoded(), "[a-zA-Z0-9&=+;%2F'|.~:@!$()*,/?_-]{0,24}".prop_filter("UTF-8 once decoded", |text| is_text(text))];
    let query = prop_oneof![Just(String::new()), raw().prop_map(|query| format!("?{query}"))];
    let path = "(/[a-zA-Z0-9/;'%+|.~:@!$&()*,=_-]{0,20})?";
    let credentials = || (".{1,8}", ".{0,8}");
    (
        prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "X-y"]),
        prop::sample::select(vec![
            "https://api.example",
            "https://api.example:8443",
            "https://API.Example:443",
            "http://127.0.0.1:80",
            "http://[::1]:8080",
        ]),
        (path, query).prop_map(|(path, query)| format!("{path}{query}")),
        prop::option::of(raw()),
        (
            prop::sample::select(SignatureMethod::SHARED_SECRET),
            prop::sample::select(vec![Placement::Header, Placement::Body, Placement::Query]),
        ),
        credentials(),
        credentials(),
        any::<u64>(),
    )
        .prop_map(|(method, origin, target, form, (signature, placement), consumer, token, seed)| Call {
            method,
            origin,
            target,
            form,
            signature,
            placement,
            consumer,
            token,
            seed,
        })
}

fn is_text(raw: &str) -> bool {
    encode::decode_text_pairs(raw.as_bytes()).is_ok_and(|pairs| pairs.iter().all(|(name, _)| !name.starts_with("oauth_")))
}

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
struct Wire {
    method: String,
    origin: String,
    target: String,
    authorization: Option<String>,
    form: Option<Vec<u8>>,
}

impl Call {
    fn sign(&self) -> Wire {
        let settings = oauth1_settings(|_, flow| (flow.signature, flow.placement) = (self.signature, self.placement));
        let client =
            oauth1::Client::new(&settings, App::confidential(self.consumer.0.as_str(), self.consumer.1.as_str())).expect("a client");
        let tokens = OAuth1Tokens { token: Secret::new(self.token.0.as_str()), secret: Secret::new(self.token.1.as_str()) };
        let mut parts = parts(self.method, &format!("{}{}", self.origin, self.target));
        let body = self.form.as_deref().map_or(Body::Opaque, |form| Body::Form(form.as_bytes()));
        let new_body = client.sign(&tokens, &mut parts, body, NOW, &Chance::new(self.seed)).expect("signed");
        Wire {
            method: parts.method.to_string(),
            origin: self.origin.to_owned(),
            target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            authorization: parts.headers.get(AUTHORIZATION).map(|value| value.to_str().expect("ASCII").to_owned()),
            form: new_body.or_else(|| self.form.clone().map(String::into_bytes)),
        }
    }
}

impl Wire {
    fn accepted(&self, call: &Call) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        }
        let body = self.form.as_deref().map_or(Body::Opaque, Body::Form);
        let Ok(method) = Method::from_bytes(self.method.as_bytes()) else { return false };
        SignedRequest::read(&method, &self.origin, &self.target, &headers, body).is_ok_and(|request| {
            request.verify(&call.consumer.1, &call.token.1).is_ok() && request.consumer_key() == Some(&call.consumer.0)
        })
    }

    /// What RFC 5849 §3.4.1 says is the same, by code of the test's own: method and host without case, no default port, the path as it is,
    /// the decoded parameters in any order.
    fn meaning(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let (scheme, authority) = self.origin.split_once("://").expect("an origin");
        let (scheme, authority) = (scheme.to_lowercase(), authority.to_lowercase());
        let default = if scheme == "https" { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default).map(str::to_owned).unwrap_or(authority);
        let target = self.target.split('#').next().unwrap_or("");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = if path.is_empty() { "/" } else { path };
        let mut parameters = decoded(query.as_bytes());
        parameters.extend(decoded(self.form.as_deref().unwrap_or(b"")));
        parameters.sort();
        (self.method.to_uppercase(), scheme, authority, path.to_owned(), parameters)
    }
}

fn decoded(raw: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |raw: &[u8]| {
        let (mut out, mut at) = (Vec::new(), 0);
        while at < raw.len() {
            let hex = raw.get(at + 1..at + 3).filter(|hex| raw[at] == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
            if let Some(hex) = hex {
                out.push(u8::from_str_radix(std::str::from_utf8(hex).expect("ASCII"), 16).expect("hexadecimal digits"));
                at += 3;
            } else {
                out.push(if raw[at] == b'+' { b' ' } else { raw[at] });
                at += 1;
            }
        }
        out
    };
    raw.split(|&byte| byte == b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let mut halves = piece.splitn(2, |&byte| byte == b'=');
            (decode(halves.next().unwrap_or(b"")), decode(halves.next().unwrap_or(b"")))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn what_the_client_signs_the_server_accepts(call in call()) {
        let wire = call.sign();
        prop_assert!(wire.accepted(&call), "{wire:?}");
        let others = [("x", ""), ("", "x")].map(|(consumer, token)| Call {
            consumer: (call.consumer.0.clone(), call.consumer.1.clone() + consumer),
            token: (call.token.0.clone(), call.token.1.clone() + token),
            ..call.clone()
        });
        for other in others {
            prop_assert!(!wire.accepted(&other), "with other secrets");
        }
    }

    /// One byte changed in method, host, target or form: refused, unless both mean the same. (PLAINTEXT signs nothing; TLS has to.)
    #[test]
    fn what_was_changed_on_the_way_the_server_refuses(call in call(), place in 0_usize..4, at: prop::sample::Index, byte in 0x21_u8..0x7f) {
        prop_assume!(call.signature != SignatureMethod::Plaintext);
        let signed = call.sign();
        let mut changed = signed.clone();
        let replace = |text: &mut String| {
            let mut bytes = std::mem::take(text).into_bytes();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            *text = String::from_utf8(bytes).expect("ASCII");
        };
        match place {
            0 => replace(&mut changed.method),
            1 => {
                let host = changed.origin.find("://").expect("an origin") + 3;
                let mut rest = changed.origin.split_off(host);
                replace(&mut rest);
                changed.origin += &rest;
            }
            2 => replace(&mut changed.target),
            _ => {
                let mut text = changed.form.take().map(|form| String::from_utf8(form).expect("ASCII")).unwrap_or_default();
                replace(&mut text);
                changed.form = Some(text.into_bytes());
            }
        }
        let same = changed.meaning() == signed.meaning();
        prop_assert_eq!(changed.accepted(&call), same, "{:?} instead of {:?}", changed, signed);
    }

    /// One character changed in the signature, for PLAINTEXT too.
    #[test]
    fn a_changed_signature_is_refused(call in call(), at: prop::sample::Index, byte in prop::sample::select(b"ABab01+/=-&%".to_vec())) {
        let call = Call { placement: Placement::Header, ..call };
        let signed = call.sign();
        let header = signed.authorization.clone().expect("a header");
        let (before, value) = header.split_once("oauth_signature=\"").expect("a signature");
        let value = value.strip_suffix('"').expect("the last one");
        let mut bytes = value.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let other = String::from_utf8(bytes).expect("ASCII");
        let changed = Wire { authorization: Some(format!("{before}oauth_signature=\"{other}\"")), ..signed };
        let same = encode::percent_decode(other.as_bytes()) == encode::percent_decode(value.as_bytes());
        prop_assert_eq!(changed.accepted(&call), same, "{} instead of {}", other, value);
    }
}
