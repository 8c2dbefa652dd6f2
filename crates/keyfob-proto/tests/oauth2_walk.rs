//! The whole OAuth 2 walk, and the rows that are about its requests: A4, A6, A18.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Method};
use keyfob_proto::oauth2::{self, AuthorizeRequest, ClientAuth, Pkce, TokenBody, TokenKind};
use keyfob_proto::{Answer, App, Attach, Body, Error, OAuth2Tokens, Secret, Template, TokenSet, encode};

#[test]
fn from_the_authorization_url_to_revocation() {
    let client = oauth2_client(|settings, _| settings.keep = vec!["user_id".into()]);
    let (url, pending) = begin2(&client, 1);
    let sent = query(&url);
    assert!(url.starts_with("https://login.example/authorize?response_type=code&"));
    let names: Vec<_> = sent.keys().map(String::as_str).collect();
    assert_eq!(names, ["client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "scope", "state"]);
    assert_eq!((sent["client_id"].as_str(), sent["scope"].as_str(), sent["redirect_uri"].as_str()), (CLIENT_ID, "read write", CALLBACK));
    assert_eq!(sent["state"], pending.key().expose());

    // Across a restart.
    let stored = serde_json::to_string(&pending).expect("made to be stored");
    let pending: oauth2::Pending = serde_json::from_str(&stored).expect("made to be stored");
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW.plus(60)).expect("verified");

    let exchange = client.exchange(verified).expect("an exchange");
    let request = exchange.request();
    assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "https://login.example/token"));
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()[ACCEPT], "application/json");
    let body: BTreeMap<_, _> = form(request).into_iter().collect();
    let names: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "code_verifier", "grant_type", "redirect_uri"]);
    assert_eq!(oauth2::s256_challenge(&body["code_verifier"]), sent["code_challenge"]);
    assert_eq!((body["grant_type"].as_str(), body["code"].as_str()), ("authorization_code", "code-1"));

    let body =
        r#"{"access_token":"access-2","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-2","scope":"read","user_id":"u"}"#;
    let received = exchange.receive(&json_answer(200, body), NOW.plus(61)).expect("tokens");
    assert_eq!(received.kept["user_id"], "u");
    let tokens = tokens2(&received).clone();
    assert_eq!((tokens.received_at, tokens.expires_at), (NOW.plus(61), Some(NOW.plus(3661))));
    assert_eq!(tokens.scopes, ["read"], "fewer than asked for, and told");

    // Across another restart, then a refresh.
    let stored = serde_json::to_string(&received.tokens).expect("made to be stored");
    let Ok(TokenSet::OAuth2(tokens)) = serde_json::from_str(&stored) else { panic!("{stored}") };
    let refresh = client.refresh(&tokens).expect("a refresh");
    assert_eq!(refresh.request().body(), b"grant_type=refresh_token&refresh_token=refresh-2");
    let received =
        refresh.receive(&json_answer(200, r#"{"access_token":"access-3","token_type":"bearer"}"#), NOW.plus(4000)).expect("tokens");
    let tokens = tokens2(&received);
    assert_eq!((tokens.access.expose(), tokens.refresh.as_ref().map(Secret::expose)), ("access-3", Some("refresh-2")));
    assert_eq!(tokens.scopes, ["read"]);

    let revocation = client.revoke(tokens.refresh.as_ref().expect("one"), TokenKind::Refresh).expect("a request").expect("an endpoint");
    assert_eq!(revocation.request().uri(), "https://login.example/revoke");
    assert_eq!(revocation.request().body(), b"token=refresh-2&token_type_hint=refresh_token");
    revocation.receive(&json_answer(200, "")).expect("gone");
}

/// The take is the store's; what the core adds: a code is in one exchange, and that in one request. (That a `Verified` cannot be
/// copied, or exchanged twice, the compiler says: see the documentation of `oauth2::Verified`.)
#[test]
fn a4_a_code_is_sent_once() {
    let client = oauth2_client(|_, _| {});
    let (_, pending) = begin2(&client, 1);
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
    let exchange = client.exchange(verified).expect("an exchange");
    let codes = form(exchange.request()).into_iter().filter(|(_, value)| value == "code-1").count();
    assert_eq!(codes, 1);
    // An answer that was lost: the exchange is spent with it, whatever came.
    assert!(exchange.receive(&json_answer(500, ""), NOW).is_err());
}

#[test]
fn a6_pkce_is_always_sent_with_a_fresh_verifier_of_256_bits() {
    let client = oauth2_client(|_, _| {});
    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
    let chance = Chance::new(6);
    let (mut verifiers, mut states) = (BTreeSet::new(), BTreeSet::new());
    const FLOWS: usize = 100_000;
    for _ in 0..FLOWS {
        let (url, pending) = client.authorize(&request, NOW, &chance).expect("a URL");
        // The stored form has the verifier, without a walk to the token endpoint.
        let stored = serde_json::to_value(&pending).expect("made to be stored");
        let verifier = stored["verifier"].as_str().expect("a verifier").to_owned();
        assert_eq!(verifier.len(), 43);
        assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        assert!(url.ends_with(&format!("&code_challenge={}", oauth2::s256_challenge(&verifier))));
        assert!(url.contains("&code_challenge_method=S256&"));
        assert!(!url.contains(&verifier), "the verifier stays at home");
        verifiers.insert(verifier);
        states.insert(pending.key().expose().to_owned());
    }
    assert_eq!((verifiers.len(), states.len()), (FLOWS, FLOWS), "none twice");
    assert!(verifiers.is_disjoint(&states), "and never the same for both");
}

#[test]
fn a6_every_bit_of_the_entropy_counts() {
    let client = oauth2_client(|_, _| {});
    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
    let draw = |flipped: Option<usize>| {
        let drawn = std::cell::Cell::new(0);
        let entropy = |buffer: &mut [u8]| {
            for byte in buffer.iter_mut() {
                let at = drawn.replace(drawn.get() + 1);
                *byte = if flipped.is_some_and(|bit| bit / 8 == at) { 1 << (flipped.expect("some") % 8) } else { 0 };
            }
        };
        let (_, pending) = client.authorize(&request, NOW, &entropy).expect("a URL");
        assert_eq!(drawn.get(), 64, "256 bits for the state, 256 for the verifier");
        let stored = serde_json::to_value(&pending).expect("made to be stored");
        (pending.key().expose().to_owned(), stored["verifier"].as_str().expect("a verifier").to_owned())
    };
    let (state, verifier) = draw(None);
    for bit in 0..512 {
        let (other_state, other_verifier) = draw(Some(bit));
        assert_eq!((other_state != state, other_verifier != verifier), (bit < 256, bit >= 256), "bit {bit}");
    }
}

#[test]
fn a6_pkce_is_left_out_only_where_the_provider_file_says_so() {
    let client = oauth2_client(|_, flow| flow.pkce = Pkce::Off);
    let (url, pending) = begin2(&client, 1);
    assert!(!url.contains("code_challenge"));
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
    assert!(!String::from_utf8_lossy(client.exchange(verified).expect("an exchange").request().body()).contains("verifier"));
}

#[test]
fn a18_the_redirect_uri_at_the_token_endpoint_is_the_one_that_was_sent_byte_for_byte() {
    for redirect_uri in [
        CALLBACK,
        "http://localhost/callback",
        "http://localhost:80/callback",
        "http://LOCALHOST/Callback",
        "http://[::1]:8123/",
        "https://app.example",
        "https://app.example/cb?tenant=a%20b&x=y+z",
        "https://app.example/%7Eme/;v=1/%2e%2e/'x'",
    ] {
        for body in [TokenBody::Form, TokenBody::Json] {
            let client = oauth2_client(|_, flow| flow.token_body = body);
            let (url, pending) = begin2_at(&client, redirect_uri, 1);
            assert_eq!(query(&url)["redirect_uri"], redirect_uri);
            let verified = pending.verify(Answer::Bare("code-1"), NOW).expect("verified");
            let exchange = client.exchange(verified).expect("an exchange");
            let sent = match body {
                TokenBody::Form => form(exchange.request()).into_iter().collect::<BTreeMap<_, _>>()["redirect_uri"].clone(),
                _ => serde_json::from_slice::<BTreeMap<String, String>>(exchange.request().body()).expect("JSON")["redirect_uri"].clone(),
            };
            assert_eq!(sent, redirect_uri);
        }
    }
}

/// For servers that take nothing but a GET: no body, nothing that speaks of one, and the URL's own query stays.
#[test]
fn a_token_request_may_be_a_query() {
    for auth in [ClientAuth::Post, ClientAuth::Basic] {
        let client = oauth2_client(|_, flow| {
            (flow.token_body, flow.client_auth) = (TokenBody::Query, auth);
            flow.token = endpoint("https://login.example/token?v=2");
            flow.parameter_names = vec![("client_id".into(), "appid".into())];
        });
        let (_, pending) = begin2_at(&client, "https://app.example/cb", 1);
        let exchange = client.exchange(pending.verify(Answer::Bare("code+1"), NOW).expect("verified")).expect("an exchange");
        let request = exchange.request();
        assert_eq!((request.method(), request.body()), (&http::Method::GET, &b""[..]));
        assert!(!request.headers().contains_key(http::header::CONTENT_TYPE));
        assert_eq!(request.headers()[http::header::ACCEPT], "application/json");
        let uri = request.uri().to_string();
        assert!(uri.starts_with("https://login.example/token?v=2&"), "{uri}");
        let sent = query(&uri);
        assert_eq!((sent["grant_type"].as_str(), sent["code"].as_str()), ("authorization_code", "code+1"));
        assert_eq!(
            (sent.contains_key("appid"), request.headers().contains_key(AUTHORIZATION)),
            (auth == ClientAuth::Post, auth == ClientAuth::Basic)
        );
        assert!(!format!("{request:?}").contains("code"), "{request:?}");
    }
}

/// The name goes out, and the answer is still awaited at the URI: one that came in elsewhere is none.
#[test]
fn a_name_may_stand_for_the_redirect_uri() {
    let client = oauth2_client(|_, flow| flow.redirect_name = Some("Ada-AdaLoom-1 x".into()));
    let (url, pending) = begin2_at(&client, "https://app.example/cb", 1);
    assert_eq!(query(&url)["redirect_uri"], "Ada-AdaLoom-1 x");
    assert_eq!(pending.redirect_uri(), "https://app.example/cb");
    let state = pending.key().expose().to_owned();
    let elsewhere = pending.clone().verify(Answer::Url(&format!("https://other.example/cb?code=code-1&state={state}")), NOW);
    assert!(elsewhere.is_err());
    let verified = pending.verify(Answer::Url(&format!("https://app.example/cb?code=code-1&state={state}")), NOW).expect("verified");
    let exchange = client.exchange(verified).expect("an exchange");
    assert_eq!(form(exchange.request()).into_iter().collect::<BTreeMap<_, _>>()["redirect_uri"], "Ada-AdaLoom-1 x");
}

#[test]
fn every_call_has_the_query_that_the_settings_say() {
    let mut app = app();
    app.fields.insert("api_key".into(), Secret::new("key 1"));
    let settings = oauth2_settings(|settings, _| {
        settings.api.query = vec![("apikey".into(), Template::parse("{api_key}").expect("a template"))];
    });
    for (url, expected) in [
        ("https://api.example/a", "https://api.example/a?apikey=key%201"),
        ("https://api.example/a?b=%2F", "https://api.example/a?b=%2F&apikey=key%201"),
        ("https://api.example/a?apikey=mine", "https://api.example/a?apikey=mine"),
    ] {
        let mut parts = parts("GET", url);
        settings.api.set_query(&app, &BTreeMap::new(), &mut parts).expect("a query");
        assert_eq!(parts.uri.to_string(), expected);
    }
    assert!(
        settings.api.set_query(&keyfob_proto::App::public("app-1"), &BTreeMap::new(), &mut parts("GET", "https://api.example/a")).is_err()
    );
}

#[test]
fn a_redirect_uri_is_absolute_and_has_no_fragment() {
    for bad in
        ["", "/callback", "callback", "http://localhost/callback#", "http://localhost/cb#x", "ftp://a/", "javascript:x", "https://u@a/"]
    {
        let request = AuthorizeRequest { redirect_uri: bad.into(), ..Default::default() };
        let error = oauth2_client(|_, _| {}).authorize(&request, NOW, &Chance::new(1)).expect_err(bad);
        assert!(matches!(error, Error::Misuse(_)));
    }
}

/// In whatever way somebody would be sent there: plainly, pushed, by reference. Tokens that were made elsewhere are renewed all the same.
#[test]
fn where_tokens_are_imported_nobody_is_sent_anywhere() {
    let client = oauth2_client(|_, flow| {
        *flow = oauth2::Settings::imported(endpoint("https://login.example/refresh"));
        flow.pushed = Some(endpoint("https://login.example/par"));
    });
    let (request, chance) = (AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() }, Chance::new(1));
    let by_reference = client.authorize_by_reference(&request, "https://app.example/r", oauth2::Signing::Unsigned, NOW, &chance).err();
    for error in [client.authorize(&request, NOW, &chance).err(), client.push(&request, NOW, &chance).err(), by_reference] {
        let error = error.expect("refused");
        assert!(matches!(&error, Error::Misuse(misuse) if misuse.hint.as_deref() == Some("import them")), "{error}");
    }
    let refresh = client.refresh(&oauth2_tokens()).expect("a refresh");
    assert_eq!(refresh.request().uri().to_string(), "https://login.example/refresh");
}

#[test]
fn what_a_provider_file_says_goes_into_the_requests() {
    let client = oauth2_client(|_, flow| {
        flow.authorize = Some(endpoint("https://login.example/authorize?tenant=a%20b"));
        flow.response_type = false;
        flow.redirect_uri_at_token = false;
        flow.scope_separator = ",".into();
        flow.authorize_params = vec![("prompt".into(), "consent login".into())];
        flow.token_params = vec![("audience".into(), "https://api.example/".into())];
        flow.refresh = Some(endpoint("https://login.example/refresh"));
        flow.revoke = None;
        flow.client_auth = ClientAuth::Post;
    });
    let (url, pending) = begin2(&client, 1);
    assert!(url.starts_with("https://login.example/authorize?tenant=a%20b&client_id="));
    let sent = query(&url);
    assert_eq!((sent["scope"].as_str(), sent["prompt"].as_str(), sent.get("response_type")), ("read,write", "consent login", None));
    let exchange = client.exchange(pending.verify(Answer::Bare("code-1"), NOW).expect("verified")).expect("an exchange");
    let body: BTreeMap<_, _> = form(exchange.request()).into_iter().collect();
    assert_eq!((body["audience"].as_str(), body.get("redirect_uri")), ("https://api.example/", None));
    // Scopes that come back joined its way, or by a space.
    for scope in ["read,write", "read write", "read, write"] {
        let (_, pending) = begin2(&client, 1);
        let exchange = client.exchange(pending.verify(Answer::Bare("code-1"), NOW).expect("verified")).expect("an exchange");
        let body = format!(r#"{{"access_token":"a","token_type":"Bearer","scope":"{scope}"}}"#);
        let received = exchange.receive(&json_answer(200, body), NOW).expect("tokens");
        assert_eq!(tokens2(&received).scopes, ["read", "write"]);
    }
    assert_eq!(client.refresh(&oauth2_tokens()).expect("a refresh").request().uri(), "https://login.example/refresh");
    assert!(client.revoke(&Secret::new("t"), TokenKind::Access).expect("no endpoint is no error").is_none());
}

#[test]
fn misuse_is_told_before_anything_is_sent() {
    assert!(matches!(oauth2::Client::new(&oauth2_settings(|_, _| {}), App::default()), Err(misuse) if misuse.expected == "a client id"));
    assert!(oauth2::Client::new(&oauth1_settings(|_, _| {}), app()).is_err(), "a provider of another kind");
    let error = oauth2_client(|_, _| {}).refresh(&OAuth2Tokens { refresh: None, ..oauth2_tokens() }).expect_err("nothing to refresh with");
    assert!(matches!(error, Error::Misuse(_)) && error.hint() == "log in again");
    let bad = OAuth2Tokens { access: Secret::new("a\r\nX-Evil: 1"), ..oauth2_tokens() };
    let settings = oauth2_settings(|_, _| {});
    let mut parts = parts("GET", "https://api.example/");
    let error = oauth2::attach(&settings.api, &app(), &BTreeMap::new(), &bad, &mut parts, Body::Opaque).expect_err("header injection");
    assert!(!error.to_string().contains("X-Evil") && !parts.headers.contains_key(AUTHORIZATION), "{error}");
}

#[test]
fn the_token_travels_as_the_provider_file_says() {
    let (kept, tokens) = (BTreeMap::from([("user_id".to_owned(), "u-1".to_owned())]), oauth2_tokens());
    let mut app = app();
    app.fields.insert("api_key".into(), Secret::new("api-key-1"));
    let attach = |place: Attach, url: &str, body: Body<'_>| {
        let settings = oauth2_settings(|settings, _| {
            settings.api.attach = place;
            settings.api.headers = vec![(HeaderName::from_static("x-api-key"), Template::parse("{api_key}").expect("a template"))];
        });
        let mut parts = parts("GET", url);
        settings.api.set_headers(&app, &kept, &mut parts).expect("headers");
        let body = oauth2::attach(&settings.api, &app, &kept, &tokens, &mut parts, body);
        assert_eq!(parts.headers["x-api-key"], "api-key-1");
        assert!(parts.headers.values().all(http::HeaderValue::is_sensitive), "none of them prints itself");
        (parts, body)
    };
    let url = "https://api.example/a/%2e%2e/b;x='y'?q=1+2&r=%2F";
    let access = tokens.access.expose();

    let (parts, body) = attach(Attach::Bearer, url, Body::Opaque);
    assert_eq!(
        (parts.headers[AUTHORIZATION].to_str().ok(), parts.uri.to_string().as_str()),
        (Some(format!("Bearer {access}").as_str()), url)
    );
    assert_eq!(body.expect("attached"), None);

    let (parts, _) = attach(Attach::Query("access_token".into()), url, Body::Opaque);
    assert_eq!(parts.uri.to_string(), format!("{url}&access_token={access}"));
    assert!(!parts.headers.contains_key(AUTHORIZATION));

    let (parts, body) = attach(Attach::Body("access_token".into()), url, Body::Form(b"a=b+c"));
    assert_eq!(body.expect("attached"), Some(format!("a=b+c&access_token={access}").into_bytes()));
    assert_eq!(parts.uri.to_string(), url);
    assert!(attach(Attach::Body("access_token".into()), url, Body::Opaque).1.is_err(), "there is no form to put it in");

    let header = HeaderName::from_static("x-access-token");
    let template = |text| Template::parse(text).expect("a template");
    let (parts, _) = attach(Attach::Headers(vec![(header.clone(), template("{access_token};{user_id}"))]), url, Body::Opaque);
    assert_eq!(parts.headers[&header], format!("{access};u-1"));
    assert!(!parts.headers.contains_key(AUTHORIZATION));
    let (_, body) = attach(Attach::Headers(vec![(header, template("{missing}"))]), url, Body::Opaque);
    assert!(body.is_err_and(|error| error.expected.contains("{missing}")));
}

#[test]
fn codes_with_odd_characters_arrive_whole() {
    let odd: String = ('\u{21}'..='\u{7e}').collect();
    for pkce in [Pkce::S256, Pkce::Off] {
        let client = oauth2_client(|_, flow| flow.pkce = pkce);
        let (_, pending) = begin2(&client, 1);
        let url = callback2(&pending, &encode::form_pairs([("code", odd.as_str())]));
        let exchange = client.exchange(pending.verify(Answer::Url(&url), NOW).expect("verified")).expect("an exchange");
        assert!(form(exchange.request()).contains(&("code".to_owned(), odd.clone())));
    }
}

/// What was stored before an update is read after it, under the names that it rests by.
#[test]
fn a_login_that_rests_has_these_members() {
    let stored = serde_json::json!({
        "state": "state-1", "verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "redirect_uri": CALLBACK, "scopes": ["read"],
        "client_id": CLIENT_ID, "token_endpoint": "https://login.example/token", "issuer": null, "iss_required": false,
        "redirect_fragment": false, "keep": ["user_id"], "created_at": NOW.as_unix(),
    });
    let pending: oauth2::Pending = serde_json::from_value(stored.clone()).expect("an older one, without what came later");
    let verified = pending.verify(Answer::Query("code=code-1&state=state-1&user_id=7"), NOW).expect("ours");
    let exchange = oauth2_client(|_, flow| flow.issuer = None).exchange(verified).expect("an exchange");
    let received = exchange.receive(&json_answer(200, without("scope")), NOW).expect("tokens");
    assert_eq!(received.kept["user_id"], "7");
    assert_eq!(tokens2(&received).scopes, ["read"]);
    let now = serde_json::to_value(&pending).expect("made to be stored");
    assert!(stored.as_object().expect("members").iter().all(|(name, value)| now[name] == *value), "{now}");
}
