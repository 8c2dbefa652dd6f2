//! The authorization request to its ceiling, and what of it the answers are held against: rows A14, A15, A16, A24, A28, A29 in every response
//! mode, RFC 8707, RFC 9396.

mod common;

use std::collections::BTreeSet;

use common::*;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use keyfob_proto::oauth2::{self, AuthorizationDetail, AuthorizeRequest, Display, Hybrid, Pkce, Prompt, ResponseMode, legacy};
use keyfob_proto::{Answer, Error, FormPost, OAuth2Tokens, Received, Secret, TokenSet, encode};
use serde_json::json;

fn request(change: impl FnOnce(&mut AuthorizeRequest)) -> AuthorizeRequest {
    let mut request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
    change(&mut request);
    request
}

fn begin(client: &oauth2::Client, change: impl FnOnce(&mut AuthorizeRequest)) -> Result<(String, oauth2::Pending), Error> {
    client.authorize(&request(change), NOW, &Chance::new(1))
}

fn pairs_of(url: &str) -> Vec<(String, String)> {
    encode::decode_text_pairs(url.split_once('?').expect("a query").1.as_bytes()).expect("UTF-8")
}

fn detail(text: &str) -> AuthorizationDetail {
    AuthorizationDetail::parse(text).expect("a detail")
}

fn form_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
    headers
}

fn posted(body: &str) -> Answer<'_> {
    Answer::Form(FormPost::read(&Method::POST, &form_headers(), body.as_bytes()).expect("a form"))
}

#[test]
fn every_parameter_goes_out_once_under_its_name() {
    let (url, _) = begin(&oauth2_client(|_, _| {}), |request| {
        request.scopes = vec!["openid".into(), "read".into()];
        request.response_mode = Some(ResponseMode::Query);
        request.prompt = vec![Prompt::Login, Prompt::Consent, Prompt::SelectAccount];
        request.max_age = Some(0);
        request.acr_values = vec!["urn:a".into(), "urn:b".into()];
        request.claims = Some(r#"{"id_token":{"acr":null}}"#.into());
        request.login_hint = Some("anna@example.org".into());
        request.id_token_hint = Some(Secret::new("a.b.c"));
        request.ui_locales = vec!["de-CH".into(), "en".into()];
        request.display = Some(Display::Popup);
        request.resources = vec!["https://api.example/v1".into(), "urn:example:printer".into()];
        request.authorization_details = vec![detail(r#"{"type":"locks","actions":["open"]}"#)];
        request.parameters = vec![("access_type".into(), "offline".into())];
    })
    .expect("a URL");
    let sent = pairs_of(&url);
    let get = |name: &str| sent.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    for (name, value) in [
        ("scope", "openid read"),
        ("response_mode", "query"),
        ("prompt", "login consent select_account"),
        ("max_age", "0"),
        ("acr_values", "urn:a urn:b"),
        ("claims", r#"{"id_token":{"acr":null}}"#),
        ("login_hint", "anna@example.org"),
        ("id_token_hint", "a.b.c"),
        ("ui_locales", "de-CH en"),
        ("display", "popup"),
        ("authorization_details", r#"[{"actions":["open"],"type":"locks"}]"#),
        ("access_type", "offline"),
    ] {
        assert_eq!(get(name), [value], "{name}");
    }
    assert_eq!(get("resource"), ["https://api.example/v1", "urn:example:printer"], "several, each under the same name");
    let others: Vec<_> = sent.iter().filter(|(name, _)| name != "resource").map(|(name, _)| name).collect();
    assert_eq!(others.iter().collect::<BTreeSet<_>>().len(), others.len(), "and nothing else twice");
}

/// Most requests have none of these, and are made in a shorter way: one alone has to be enough for the longer one.
#[test]
fn each_of_the_rarer_parameters_goes_out_alone_too() {
    type Change = fn(&mut AuthorizeRequest);
    let rarer: [(&str, Change); 11] = [
        ("response_mode", |request| request.response_mode = Some(ResponseMode::FormPost)),
        ("prompt", |request| request.prompt = vec![Prompt::Login]),
        ("max_age", |request| request.max_age = Some(0)),
        ("acr_values", |request| request.acr_values = vec!["1".into()]),
        ("claims", |request| request.claims = Some("{}".into())),
        ("login_hint", |request| request.login_hint = Some("a@b.example".into())),
        ("id_token_hint", |request| request.id_token_hint = Some("a.b.c".into())),
        ("ui_locales", |request| request.ui_locales = vec!["de".into()]),
        ("display", |request| request.display = Some(Display::Page)),
        ("resource", |request| request.resources = vec!["https://api.example/".into()]),
        ("authorization_details", |request| request.authorization_details = vec![detail(r#"{"type":"a"}"#)]),
    ];
    let client = oauth2_client(|_, _| {});
    for (name, change) in rarer {
        let (url, pending) = begin(&client, change).expect("a URL");
        assert_eq!(pairs_of(&url).iter().filter(|(known, _)| known == name).count(), 1, "{name}: {url}");
        let rested = serde_json::to_string(&pending).expect("text");
        let read: oauth2::Pending = serde_json::from_str(&rested).expect("a login");
        assert_eq!(serde_json::to_string(&read).expect("text"), rested, "{name}");
    }
}

#[test]
fn a_nonce_is_drawn_for_openid_kept_and_never_repeated() {
    let client = oauth2_client(|_, _| {});
    let chance = Chance::new(3);
    let mut seen = BTreeSet::new();
    for _ in 0..1000 {
        let request = request(|request| request.scopes = vec!["openid".into()]);
        let (url, pending) = client.authorize(&request, NOW, &chance).expect("a URL");
        let nonce = query(&url)["nonce"].clone();
        assert_eq!(nonce.len(), 43);
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let pending: oauth2::Pending = serde_json::from_str(&stored).expect("made to be stored");
        assert_eq!(pending.expected().nonce().map(Secret::expose), Some(nonce.as_str()));
        assert!(seen.insert(nonce.clone()) && seen.insert(pending.key().expose().to_owned()), "none twice, nor the state's");
        let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
        let exchange = client.exchange(verified).expect("an exchange");
        assert_eq!(exchange.expected().and_then(|expected| expected.nonce()).map(Secret::expose), Some(nonce.as_str()));
    }
    let (url, pending) = begin2(&client, 1);
    assert!(!query(&url).contains_key("nonce") && pending.expected().nonce().is_none(), "nobody asked for an ID token");
}

#[test]
fn what_an_id_token_must_say_is_kept_until_there_is_one() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin(&client, |request| {
        request.scopes = vec!["openid".into()];
        request.max_age = Some(60);
        request.acr_values = vec!["gold".into()];
        request.claims = Some("{}".into());
    })
    .expect("a URL");
    let stored = serde_json::to_string(&pending).expect("made to be stored");
    let pending: oauth2::Pending = serde_json::from_str(&stored).expect("made to be stored");
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
    let exchange = client.exchange(verified).expect("an exchange");
    let expected = exchange.expected().expect("a login's");
    assert_eq!((expected.max_age(), expected.acr_values(), expected.claims()), (Some(60), &["gold".to_owned()][..], Some("{}")));
}

#[test]
fn a_pending_login_of_an_older_version_is_still_read() {
    let (_, pending) = begin2(&oauth2_client(|_, _| {}), 1);
    let mut stored = serde_json::to_value(&pending).expect("made to be stored");
    for name in ["response_type", "mode", "resources", "authorization_details", "expected"] {
        assert!(stored.as_object_mut().expect("an object").remove(name).is_some(), "{name}");
    }
    let old: oauth2::Pending = serde_json::from_value(stored).expect("read");
    assert!(old.verify(Answer::Url(&callback2(&old, "code=code-1")), NOW).is_ok());
}

#[test]
fn what_cannot_be_said_is_refused_before_anybody_goes_there() {
    type Change = fn(&mut AuthorizeRequest);
    let bad: &[(&str, Change)] = &[
        ("prompt=none beside another", |request| request.prompt = vec![Prompt::None, Prompt::Login]),
        ("claims that are no JSON", |request| request.claims = Some("{".into())),
        ("claims that are no object", |request| request.claims = Some("[]".into())),
        ("claims with a member twice", |request| request.claims = Some(r#"{"a":1,"a":2}"#.into())),
        ("an acr with a space", |request| request.acr_values = vec!["a b".into()]),
        ("an empty acr", |request| request.acr_values = vec![String::new()]),
        ("a locale with a space", |request| request.ui_locales = vec!["de en".into()]),
        ("a hint with a line break", |request| request.id_token_hint = Some(Secret::new("a\nb"))),
        ("an empty hint", |request| request.id_token_hint = Some(Secret::new(""))),
        ("a relative resource", |request| request.resources = vec!["/v1".into()]),
        ("a resource with a fragment", |request| request.resources = vec!["https://api.example/#x".into()]),
        ("a resource with a space", |request| request.resources = vec!["https://api.example/ x".into()]),
        ("a scheme and nothing else", |request| request.resources = vec!["https:".into()]),
        ("an empty resource", |request| request.resources = vec![String::new()]),
    ];
    for (name, change) in bad {
        assert!(matches!(begin(&oauth2_client(|_, _| {}), change), Err(Error::Misuse(_))), "{name}");
    }
    for bad in ["{}", r#"{"type":1}"#, r#"{"type":""}"#, "[]", r#"{"type":"a","type":"b"}"#, "", "null"] {
        assert!(AuthorizationDetail::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a1_no_state_comes_twice() {
    let (client, chance) = (oauth2_client(|_, flow| flow.pkce = Pkce::Off), Chance::new(3));
    let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
    let logins = 1_000_000;
    let mut states: Vec<String> =
        (0..logins).map(|_| client.authorize(&request, NOW, &chance).expect("a URL").1.key().expose().to_owned()).collect();
    states.sort_unstable();
    states.dedup();
    assert_eq!(states.len(), logins);
}

#[test]
fn a1_every_bit_of_the_entropy_counts_and_there_are_256() {
    let client = oauth2_client(|_, flow| flow.pkce = Pkce::Off);
    let state = |octets: [u8; 32]| {
        let entropy = |buffer: &mut [u8]| buffer.copy_from_slice(&octets);
        let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
        client.authorize(&request, NOW, &entropy).expect("a URL").1.key().expose().to_owned()
    };
    let one = |bit: usize| {
        let mut octets = [0; 32];
        octets[bit / 8] = 1 << (bit % 8);
        octets
    };
    let all: std::collections::BTreeSet<String> = (0..256).map(|bit| state(one(bit))).chain([state([0; 32])]).collect();
    assert_eq!(all.len(), 257);
}

#[test]
fn further_parameters_overwrite_nothing() {
    let names = [
        "state",
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "request",
        "request_uri",
        "resource",
        "response_mode",
        "client_secret",
        "prompt",
        "dpop_jkt",
    ];
    for name in names {
        let error = begin(&oauth2_client(|_, _| {}), |request| request.parameters = vec![(name.into(), "planted".into())]);
        assert!(matches!(error, Err(Error::Misuse(_))), "{name}");
    }
    let twice = |request: &mut AuthorizeRequest| request.parameters = vec![("a".into(), "1".into()), ("a".into(), "2".into())];
    assert!(matches!(begin(&oauth2_client(|_, _| {}), twice), Err(Error::Misuse(_))));
    // The person's word counts above the provider file's, and the file cannot overwrite what was drawn.
    let client = oauth2_client(|_, flow| {
        let params = [("state", "planted"), ("prompt", "consent"), ("access_type", "offline"), ("nonce", "planted"), ("own", "x")];
        flow.authorize_params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    });
    let (url, pending) = begin(&client, |request| {
        request.scopes = vec!["openid".into()];
        request.prompt = vec![Prompt::Login];
        request.parameters = vec![("access_type".into(), "online".into())];
    })
    .expect("a URL");
    let sent = pairs_of(&url);
    for (name, value) in [("state", pending.key().expose()), ("prompt", "login"), ("access_type", "online"), ("own", "x")] {
        assert_eq!(sent.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>(), [value]);
    }
    assert!(!url.contains("planted"), "{url}");
}

/// RFC 8707 §2.2: the token is for what was asked for only if the token request says so, too.
#[test]
fn resources_are_asked_for_again_with_the_code() {
    for body in [oauth2::TokenBody::Form, oauth2::TokenBody::Json] {
        let client = oauth2_client(|_, flow| flow.token_body = body);
        let (_, pending) =
            begin(&client, |request| request.resources = vec!["https://a.example/".into(), "https://b.example/".into()]).expect("a URL");
        let stored = serde_json::to_string(&pending).expect("made to be stored");
        let pending: oauth2::Pending = serde_json::from_str(&stored).expect("made to be stored");
        let exchange =
            client.exchange(pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified")).expect("an exchange");
        if body == oauth2::TokenBody::Form {
            let resources: Vec<_> = form(exchange.request()).into_iter().filter(|(name, _)| name == "resource").collect();
            assert_eq!(resources.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["https://a.example/", "https://b.example/"]);
        } else {
            let sent: serde_json::Value = serde_json::from_slice(exchange.request().body()).expect("JSON");
            assert_eq!(sent["resource"], json!(["https://a.example/", "https://b.example/"]));
        }
    }
}

// --- RFC 9396

#[test]
fn authorization_details_are_held_against_what_was_asked_for() {
    let client = oauth2_client(|_, _| {});
    let asked = [r#"{"type":"locks","actions":["open"]}"#, r#"{"type":"doors"}"#];
    let receive = |granted: Option<serde_json::Value>| {
        let (_, pending) =
            begin(&client, |request| request.authorization_details = asked.iter().map(|text| detail(text)).collect()).expect("a URL");
        let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
        let body = granted.map_or(OK.to_owned(), |granted| with("authorization_details", granted));
        client.exchange(verified).expect("an exchange").receive(&json_answer(200, body), NOW)
    };
    let granted = |received: &Received| tokens2(received).authorization_details.iter().map(|one| one.to_json()).collect::<Vec<_>>();
    // Enriched (§7.1), and fewer than asked for: both are told as they are.
    let received = receive(Some(json!([{"type": "locks", "actions": ["open"], "locks": ["front"]}]))).expect("accepted");
    assert_eq!(granted(&received), [r#"{"actions":["open"],"locks":["front"],"type":"locks"}"#]);
    assert_eq!(granted(&receive(Some(json!([]))).expect("accepted")).len(), 0);
    for bad in [
        None,
        Some(json!(null)),
        Some(json!({"type": "locks"})),
        Some(json!("[]")),
        Some(json!(["locks"])),
        Some(json!([{"actions": ["open"]}])),
        Some(json!([{"type": 7}])),
        Some(json!([{"type": "locks"}, {"type": "payments\u{1b}[2J"}])),
    ] {
        let error = misbehaved(receive(bad.clone()));
        assert!(matches!(&error, Error::Misbehaved(misbehaved) if misbehaved.section == "RFC 9396 §7"), "{bad:?}: {error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
    // They survive storing, and a refresh that says nothing of them; one that says something counts.
    let stored = serde_json::to_string(&received.tokens).expect("made to be stored");
    let Ok(TokenSet::OAuth2(tokens)) = serde_json::from_str(&stored) else { panic!("{stored}") };
    let refresh = |body: String| client.refresh(&tokens).expect("a refresh").receive(&json_answer(200, body), NOW);
    assert_eq!(granted(&refresh(OK.into()).expect("accepted")), granted(&received));
    assert_eq!(granted(&refresh(with("authorization_details", json!([]))).expect("accepted")).len(), 0);
    misbehaved(refresh(with("authorization_details", json!([{"type": "doors"}]))));
    // Nobody asked: nobody reads it.
    assert_eq!(granted(&receive_json(with("authorization_details", json!([{"type": "locks"}]))).expect("accepted")).len(), 0);
}

// --- the ID token, raw

#[test]
fn an_id_token_is_kept_as_it_came_and_over_a_silent_refresh() {
    let id_token = |received: &Received| tokens2(received).id_token.as_ref().map(|token| token.expose().to_owned());
    let received = receive_json(with("id_token", json!("a.b.c"))).expect("accepted");
    assert_eq!(id_token(&received).as_deref(), Some("a.b.c"));
    assert!(received.tokens.secrets().iter().any(|secret| secret.expose() == "a.b.c"), "it is a secret of the account");
    let stored = serde_json::to_string(&received.tokens).expect("made to be stored");
    let Ok(TokenSet::OAuth2(tokens)) = serde_json::from_str(&stored) else { panic!("{stored}") };
    let again = oauth2_client(|_, _| {}).refresh(&tokens).expect("a refresh").receive(&json_answer(200, OK), NOW).expect("accepted");
    assert_eq!(id_token(&again).as_deref(), Some("a.b.c"));
    assert_eq!(id_token(&receive_json(with("id_token", json!(null))).expect("accepted")), None);
    for bad in [json!(""), json!("a b"), json!("a\r\nb"), json!(7), json!({}), json!("x".repeat(65_537))] {
        misbehaved(receive_json(with("id_token", bad)));
    }
}

// --- what comes back, in every mode

#[test]
fn a24_form_post_is_a_post_of_a_form_and_nothing_else() {
    let body = b"code=code-1&state=s";
    assert!(FormPost::read(&Method::POST, &form_headers(), body).is_ok());
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS, Method::from_bytes(b"post").expect("a method")] {
        assert!(FormPost::read(&method, &form_headers(), body).is_err(), "{method}");
    }
    for content_type in ["", "text/plain", "multipart/form-data", "application/json", "application/x-www-form-urlencodedx"] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().expect("a header"));
        assert!(FormPost::read(&Method::POST, &headers, body).is_err(), "{content_type}");
    }
    assert!(FormPost::read(&Method::POST, &HeaderMap::new(), body).is_err());
    assert!(FormPost::read(&Method::POST, &form_headers(), b"code=\xff").is_err());

    let client = oauth2_client(|_, _| {});
    let (url, pending) = begin(&client, |request| request.response_mode = Some(ResponseMode::FormPost)).expect("a URL");
    assert_eq!(query(&url)["response_mode"], "form_post");
    let right = format!("code=code-1&state={}&iss=https://login.example", pending.key().expose());
    assert!(pending.verify(posted(&right), NOW).is_ok());
    // It must come that way: a link that a person was made to follow is none.
    let as_url = format!("{CALLBACK}?{right}");
    for other in [Answer::Query(&right), Answer::Url(&as_url), Answer::Fragment(&right)] {
        refused_alive(pending.verify(other, NOW));
    }
    for hostile in [
        "code=code-1",
        "code=code-1&state=x",
        &format!("{right}&code=code-2"),
        &format!("{right}&error=x"),
        &right.replace("login.example", "evil.example"),
        &format!("{right}&access_token=planted"),
    ] {
        refused_alive(pending.verify(posted(hostile), NOW));
    }
    assert!(pending.verify(posted(&right), NOW.plus(600)).expect_err("too old").ends_login());
    // And a form that nobody asked for is none either.
    let (_, pending) = begin2(&client, 1);
    refused_alive(pending.verify(posted(&format!("code=code-1&state={}", pending.key().expose())), NOW));
    // A provider file may always ask for it.
    let client = oauth2_client(|_, flow| flow.authorize_params = vec![("response_mode".into(), "form_post".into())]);
    assert_eq!(begin2(&client, 1).1.response_mode(), ResponseMode::FormPost);
}

#[test]
fn a_fragment_is_read_where_it_was_asked_for() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin(&client, |request| request.response_mode = Some(ResponseMode::Fragment)).expect("a URL");
    let right = format!("code=code-1&state={}", pending.key().expose());
    let (url, pasted) = (format!("{CALLBACK}#{right}"), format!("#{right}"));
    for answer in [Answer::Fragment(&right), Answer::Url(&url), Answer::read(&url), Answer::read(&pasted)] {
        assert!(pending.verify(answer, NOW).is_ok(), "{answer:?}");
    }
    let (in_query, both) = (format!("{CALLBACK}?{right}"), format!("{CALLBACK}?code=planted#{right}"));
    for other in [Answer::Query(&right), Answer::Url(&in_query), Answer::Url(&both), posted(&right)] {
        assert!(refused_alive(pending.verify(other, NOW)).to_string().contains("an answer in the fragment"));
    }
    let (_, pending) = begin(&client, |_| {}).expect("a URL");
    assert!(refused_alive(pending.verify(Answer::Fragment(&right), NOW)).to_string().contains("an answer in the query"));
}

/// Every way in which an answer can come, for a code, a hybrid answer and an implicit one: its rest after the state.
fn judge(rest: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let client = oauth2_client(|_, _| {});
    let openid = request(|request| request.scopes = vec!["openid".into()]);
    let mut outcomes = Vec::new();
    for mode in [ResponseMode::Query, ResponseMode::Fragment, ResponseMode::FormPost] {
        let asked = AuthorizeRequest { response_mode: Some(mode), ..openid.clone() };
        let (_, pending) = client.authorize(&asked, NOW, &Chance::new(1)).expect("a URL");
        let text = format!("state={}&{rest}", pending.key().expose());
        let answer = match mode {
            ResponseMode::Query => Answer::Query(&text),
            ResponseMode::Fragment => Answer::Fragment(&text),
            _ => posted(&text),
        };
        outcomes.push((mode.as_str(), pending.verify(answer, NOW).map(drop)));
    }
    let (_, pending) = client.authorize_hybrid(&openid, Hybrid::IdTokenAndToken, NOW, &Chance::new(1)).expect("a URL");
    let text = format!("state={}&id_token=a.b.c&access_token=access-2&token_type=bearer&{rest}", pending.key().expose());
    outcomes.push(("hybrid", pending.read(&client, Answer::Fragment(&text), NOW).map(drop)));
    let (_, pending) = legacy::authorize_implicit(&client, &openid, NOW, &Chance::new(1)).expect("a URL");
    let rest = rest.replace("code=", "x_code=");
    let text = format!("state={}&access_token=access-2&token_type=bearer&{rest}", pending.key().expose());
    outcomes.push(("implicit", pending.receive(&client, Answer::Fragment(&text), NOW).map(drop)));
    outcomes
}

#[test]
fn a14_a_repeated_parameter_is_refused_in_every_mode() {
    // What says nothing of whose answer it is keeps none from being one.
    for rest in ["code=code-1&x=1", "code=code-1&x=1&x=2"] {
        for (mode, outcome) in judge(rest) {
            assert!(outcome.is_ok(), "{mode}: {outcome:?}");
        }
    }
    for rest in ["code=code-1&scope=a&scope=b", "code=code-1&state=x", "code=code-1&iss=https://login.example&iss=https://login.example"] {
        for (mode, outcome) in judge(rest) {
            let error = refused_alive(outcome);
            assert!(matches!(error, Error::Misbehaved(_)), "{mode}: {rest}: {error}");
        }
    }
}

#[test]
fn a15_an_answer_and_an_error_together_are_refused_in_every_mode() {
    for (mode, outcome) in judge("code=code-1&error=access_denied") {
        let error = refused_alive(outcome);
        assert!(error.to_string().contains("both"), "{mode}: {error}");
    }
}

#[test]
fn a16_tokens_that_nobody_asked_for_are_refused_and_not_kept() {
    for (mode, outcome) in judge("code=code-1&id_token=planted").into_iter().filter(|(mode, _)| *mode != "hybrid") {
        let error = refused_alive(outcome);
        assert!(!error.to_string().contains("planted"), "{mode}: {error}");
    }
    for (mode, outcome) in judge("code=code-1&refresh_token=planted").into_iter().filter(|(mode, _)| ["hybrid", "implicit"].contains(mode))
    {
        let error = refused_alive(outcome);
        assert!(matches!(&error, Error::Misbehaved(misbehaved) if misbehaved.section == "RFC 6749 §4.2.2"), "{mode}: {error}");
    }
}

#[test]
fn a28_malformed_answers_are_refused_in_every_mode_and_never_hang() {
    let deep = "code=code-1&".repeat(20_000);
    for rest in ["code=%ff", "code=%00", "code=a%0d%0ab", "code=%E2%80%AEa", "code", "=&&&", "code=a%20b", &deep] {
        for (mode, outcome) in judge(rest).into_iter().filter(|(mode, _)| *mode != "implicit") {
            let error = refused_alive(outcome);
            assert!(error.to_string().len() < 2048, "{mode}: {rest}");
        }
    }
}

#[test]
fn a29_the_granted_scope_is_what_is_told_narrower_or_wider() {
    let scopes = |received: &Received| tokens2(received).scopes.clone();
    assert_eq!(scopes(&receive_json(OK).expect("accepted")), ["read", "write"], "as asked for, where the answer names none");
    assert_eq!(scopes(&receive_json(with("scope", json!("read"))).expect("accepted")), ["read"], "narrower");
    assert_eq!(scopes(&receive_json(with("scope", json!("read write admin"))).expect("accepted")), ["read", "write", "admin"], "wider");
    assert!(scopes(&receive_json(with("scope", json!(""))).expect("accepted")).is_empty(), "none at all");
    // Only the configured ones are asked for, unless others are named.
    assert_eq!(query(&begin2(&oauth2_client(|_, _| {}), 1).0)["scope"], "read write");
    let tokens = OAuth2Tokens { scopes: vec!["read".into(), "write".into()], ..oauth2_tokens() };
    let refresh = oauth2_client(|_, _| {}).refresh(&tokens).expect("a refresh");
    let narrower = refresh.receive(&json_answer(200, with("scope", json!("read"))), NOW).expect("accepted");
    assert_eq!(scopes(&narrower), ["read"], "a refresh may narrow them");
}
