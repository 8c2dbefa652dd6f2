//! The whole OAuth 1.0a walk, both sides, and the rows that are about its requests: I2, I5, I6, I7, I8.

mod common;

use std::collections::BTreeSet;

use common::*;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use keyfob_proto::oauth1::{self, Body, Callback, CallbackAt, Placement, SignatureMethod};
use keyfob_proto::{Answer, App, Code, Endpoint, Error, Flow, OAuth1Tokens, Secret, Settings, Timestamp, TokenSet, encode};

const PLACEMENTS: [Placement; 3] = [Placement::Header, Placement::Body, Placement::Query];

/// Every signature method × placement: the server side judges each request, and the walk survives a restart.
#[test]
fn from_temporary_credentials_to_a_signed_call() {
    for &method in SignatureMethod::SHARED_SECRET {
        for placement in PLACEMENTS {
            for token_method in [Method::POST, Method::GET] {
                let client = oauth1_client(|settings, flow| {
                    (flow.signature, flow.placement, flow.token_method) = (method, placement, token_method.clone());
                    settings.keep = vec!["user_id".into()];
                });
                walk(&client, method);
            }
        }
    }
}

fn walk(client: &oauth1::Client, method: SignatureMethod) {
    let callback = "https://app.example/ready?x=1&y=a b";
    let begun = client.request_token(Callback::Url(callback.into()), NOW, &Chance::new(1)).expect("a request");
    assert_eq!(begun.request().uri().path(), "/oauth/request_token");
    let seen = read_signed(begun.request());
    assert_eq!(seen.verify(CLIENT_SECRET, ""), Ok(()));
    assert_eq!((seen.callback(), seen.token(), seen.consumer_key()), (Some(callback), None, Some(CLIENT_ID)));
    assert_eq!((seen.version(), seen.timestamp()), (Some("1.0"), Some(NOW.as_unix())));
    assert_eq!(seen.signature_method(), Some(method.name()));

    let (url, pending) = begun.receive(&form_answer(200, TEMPORARY), NOW).expect("temporary credentials");
    assert_eq!(url, "https://login.example/oauth/authorize?oauth_token=temporary-1");
    assert_eq!((pending.key().expose(), pending.redirect_uri()), ("temporary-1", Some(callback)));
    let stored = serde_json::to_string(&pending).expect("made to be stored");
    let pending: oauth1::Pending = serde_json::from_str(&stored).expect("made to be stored");

    let verified = pending.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=verifier-1&user_id=u"), NOW).expect("verified");
    let exchange = client.exchange(verified, NOW, &Chance::new(2)).expect("an exchange");
    let seen = read_signed(exchange.request());
    assert_eq!(seen.verify(CLIENT_SECRET, "temporary-secret-1"), Ok(()));
    assert!(seen.verify(CLIENT_SECRET, "").is_err());
    assert_eq!((seen.token(), seen.verifier(), seen.callback()), (Some("temporary-1"), Some("verifier-1"), None));

    let answer = form_answer(200, "oauth_token=token-1&oauth_token_secret=token-secret-1");
    let received = exchange.receive(&answer, NOW).expect("token credentials");
    assert_eq!(received.kept["user_id"], "u");
    let stored = serde_json::to_string(&received.tokens).expect("made to be stored");
    let Ok(TokenSet::OAuth1(tokens)) = serde_json::from_str(&stored) else { panic!("{stored}") };

    let mut call = parts("POST", "https://api.example/v1/devices/list?supportedMethods=3&q=a+b");
    call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = client.sign(&tokens, &mut call, Body::Form(b"level=7&name=%C3%A9"), NOW, &Chance::new(3)).expect("signed");
    let body = body.unwrap_or_else(|| b"level=7&name=%C3%A9".to_vec());
    let seen = read_parts(&call.method, &call.uri, &call.headers, &body).expect("a signed request");
    assert_eq!(seen.verify(CLIENT_SECRET, "token-secret-1"), Ok(()));
    let own: Vec<_> = seen.parameters().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(own, [("supportedMethods", "3"), ("q", "a b"), ("level", "7"), ("name", "é")]);
}

#[test]
fn placements_are_where_they_say() {
    let signed = |placement, method: &str, body: Body<'_>| {
        let client = oauth1_client(|_, flow| flow.placement = placement);
        let mut parts = parts(method, "https://api.example/x?a=b");
        let body = client.sign(&oauth1_tokens(), &mut parts, body, NOW, &Chance::new(1)).expect("signed");
        (parts, body)
    };
    let (parts, body) = signed(Placement::Header, "GET", Body::Opaque);
    assert!(parts.headers[AUTHORIZATION].to_str().is_ok_and(|value| value.starts_with("OAuth oauth_consumer_key=\"")));
    assert!(parts.headers[AUTHORIZATION].is_sensitive());
    assert_eq!((parts.uri.to_string().as_str(), body), ("https://api.example/x?a=b", None));

    let (parts, body) = signed(Placement::Query, "GET", Body::Opaque);
    assert!(parts.uri.to_string().starts_with("https://api.example/x?a=b&oauth_consumer_key="));
    assert!(parts.uri.to_string().contains("&oauth_signature=") && !parts.headers.contains_key(AUTHORIZATION));
    assert_eq!(body, None);

    let (parts, body) = signed(Placement::Body, "POST", Body::Form(b"c=d"));
    assert!(body.is_some_and(|body| body.starts_with(b"c=d&oauth_consumer_key=")));
    assert_eq!(parts.headers[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(parts.uri.to_string(), "https://api.example/x?a=b");

    // Token requests too: into the body where there is one, which only then says that it is a form.
    for (placement, method, in_body) in [
        (Placement::Body, http::Method::POST, true),
        (Placement::Body, http::Method::GET, false),
        (Placement::Header, http::Method::POST, false),
    ] {
        let client = oauth1_client(|_, flow| (flow.placement, flow.token_method) = (placement, method.clone()));
        let begun = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
        let headers = begun.request().headers();
        assert_eq!(
            (headers.contains_key(AUTHORIZATION), headers.contains_key(CONTENT_TYPE)),
            (!in_body, in_body),
            "{placement:?} {method}"
        );
        assert_eq!(begun.request().uri().query(), None);
    }

    // Where there is no form to put them in, the header is what RFC 5849 §3.5 prefers anyway.
    let (parts, body) = signed(Placement::Body, "GET", Body::Opaque);
    assert!(parts.headers.contains_key(AUTHORIZATION) && body.is_none());
}

#[test]
fn a_realm_is_told_and_not_signed() {
    for realm in ["Photos", "a \"b\", c\\d", ""] {
        let client = oauth1_client(|_, flow| flow.realm = Some(realm.to_owned()));
        let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
        let seen = read_signed(request.request());
        assert_eq!((seen.realm(), seen.verify(CLIENT_SECRET, "")), (Some(realm), Ok(())));
        assert!(!seen.base_string().contains("realm"));
    }
    let client = oauth1_client(|_, flow| flow.realm = Some("a\r\nX-Evil: 1".to_owned()));
    let error = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect_err("header injection");
    assert!(matches!(error, Error::Misuse(_)));
}

#[test]
fn the_callback_is_told_where_the_provider_takes_it() {
    let begin = |at, callback: Callback| {
        let client = oauth1_client(|_, flow| {
            flow.callback = at;
            flow.authorize_params = vec![("scope".into(), "read write".into())];
        });
        let request = client.request_token(callback, NOW, &Chance::new(1)).expect("a request");
        let told = read_signed(request.request()).callback().map(str::to_owned);
        let (url, _) = request.receive(&form_answer(200, TEMPORARY), NOW).expect("temporary credentials");
        (told, url.split_once("?oauth_token=temporary-1&").expect("a query").1.to_owned())
    };
    let url = || Callback::Url("http://localhost/cb?a=b".into());
    let scope = "scope=read%20write";
    assert_eq!(begin(CallbackAt::RequestToken, url()), (Some("http://localhost/cb?a=b".into()), scope.into()));
    assert_eq!(begin(CallbackAt::RequestToken, Callback::OutOfBand), (Some("oob".into()), scope.into()));
    let on_url = format!("oauth_callback=http%3A%2F%2Flocalhost%2Fcb%3Fa%3Db&{scope}");
    assert_eq!(begin(CallbackAt::Authorize, url()), (None, on_url));
    assert_eq!(begin(CallbackAt::Authorize, Callback::OutOfBand), (None, scope.into()));
    assert_eq!(begin(CallbackAt::Registered, url()), (None, scope.into()));
}

/// Where the callback is not told here, nobody can confirm it: taken, and reported.
#[test]
fn i4_a_callback_that_is_told_elsewhere_and_not_confirmed_is_reported() {
    for (rest, reported) in [("&oauth_callback_confirmed=true", false), ("&oauth_callback_confirmed=false", true), ("", true)] {
        let client = oauth1_client(|_, flow| flow.callback = CallbackAt::Registered);
        let begun = client.request_token(Callback::Url(CALLBACK.into()), NOW, &Chance::new(1)).expect("a request");
        let answer = form_answer(200, &format!("oauth_token=temporary-1&oauth_token_secret=secret{rest}"));
        let (_, pending) = begun.receive(&answer, NOW).expect("temporary credentials");
        let verified = pending.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=v"), NOW).expect("verified");
        let exchange = client.exchange(verified, NOW, &Chance::new(2)).expect("an exchange");
        let received = exchange.receive(&form_answer(200, "oauth_token=t&oauth_token_secret=s"), NOW).expect("token credentials");
        assert_eq!(received.tolerated.contains(&keyfob_proto::Deviation::CallbackUnconfirmed), reported, "{rest}");
    }
}

/// None of a million signed calls has the nonce of another. (Nonces by themselves are drawn beside `nonce128`.) The entropy is a pseudo-random
/// function: a nonce that used 32 of its 128 bits would repeat here, which no counter would show; the next test says that all 128 count.
#[test]
fn i2_nonces_are_unique_over_many_calls() {
    let client = oauth1_client(|_, flow| flow.signature = SignatureMethod::Plaintext);
    let (tokens, chance, empty) = (oauth1_tokens(), Chance::new(2), parts("GET", "https://api.example/"));
    let calls = 1_000_000;
    let mut nonces: Vec<u128> = (0..calls)
        .map(|_| {
            let mut parts = empty.clone();
            client.sign(&tokens, &mut parts, Body::Opaque, NOW, &chance).expect("signed");
            let header = parts.headers[AUTHORIZATION].to_str().expect("ASCII");
            let nonce = header.split_once("oauth_nonce=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a nonce").0;
            assert_eq!(nonce.len(), 32);
            u128::from_str_radix(nonce, 16).expect("hexadecimal digits")
        })
        .collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), calls);
}

#[test]
fn i2_every_bit_of_the_entropy_counts() {
    let nonce = |octets: [u8; 16]| {
        let entropy = |buffer: &mut [u8]| buffer.copy_from_slice(&octets);
        let request = oauth1_client(|_, _| {}).request_token(Callback::OutOfBand, NOW, &entropy).expect("a request");
        read_signed(request.request()).nonce().expect("a nonce").to_owned()
    };
    let all: BTreeSet<String> = (0..128).map(|bit| nonce((1_u128 << bit).to_le_bytes())).chain([nonce([0; 16])]).collect();
    assert_eq!(all.len(), 129);
}

#[test]
fn i2_a_retry_is_signed_again_with_a_new_nonce_and_time() {
    let (client, chance) = (oauth1_client(|_, _| {}), Chance::new(1));
    let call = |now| {
        let mut parts = parts("GET", "https://api.example/x");
        client.sign(&oauth1_tokens(), &mut parts, Body::Opaque, now, &chance).expect("signed");
        let seen = read_parts(&parts.method, &parts.uri, &parts.headers, b"").expect("a signed request");
        assert_eq!(seen.verify(CLIENT_SECRET, oauth1_tokens().secret.expose()), Ok(()));
        (seen.nonce().map(str::to_owned), seen.timestamp(), seen.signature().map(str::to_owned))
    };
    let (first, second) = (call(NOW), call(NOW.plus(5)));
    assert_eq!((first.1, second.1), (Some(NOW.as_unix()), Some(NOW.as_unix() + 5)));
    assert!(first.0 != second.0 && first.2 != second.2);
    assert!(first.0.is_some());

    // What carries a signature already is not signed over: a retry starts from the request as it was.
    let mut signed = parts("GET", "https://api.example/x");
    client.sign(&oauth1_tokens(), &mut signed, Body::Opaque, NOW, &chance).expect("signed");
    assert!(matches!(client.sign(&oauth1_tokens(), &mut signed, Body::Opaque, NOW, &chance), Err(Error::Misuse(_))));
    for placed in ["oauth_signature=x", "oauth_nonce=x", "oauth%5Ftoken=x", "a=b&oauth_consumer_key"] {
        let mut query = parts("GET", &format!("https://api.example/x?{placed}"));
        assert!(matches!(client.sign(&oauth1_tokens(), &mut query, Body::Opaque, NOW, &chance), Err(Error::Misuse(_))), "{placed}");
        let mut form = parts("POST", "https://api.example/x");
        let signed = client.sign(&oauth1_tokens(), &mut form, Body::Form(placed.as_bytes()), NOW, &chance);
        assert!(matches!(signed, Err(Error::Misuse(_))), "{placed}");
    }
}

#[test]
fn i5_temporary_credentials_are_used_once() {
    let client = oauth1_client(|_, _| {});
    let (_, pending) = begin1(&client, Callback::OutOfBand, TEMPORARY).expect("temporary credentials");
    let exchange = client.exchange(pending.verify(Answer::Bare("1"), NOW).expect("a PIN"), NOW, &Chance::new(1)).expect("an exchange");
    let text = exchange.request().headers()[AUTHORIZATION].to_str().expect("ASCII").to_owned();
    assert_eq!(text.matches("oauth_verifier=\"1\"").count(), 1);
    // An answer that was lost: the exchange is spent with it. (That it cannot be used twice, the compiler says.)
    assert!(exchange.receive(&form_answer(500, ""), NOW).is_err());
}

#[test]
fn i6_credentials_go_over_tls_or_loopback_only() {
    for bad in
        ["http://login.example/token", "http://10.0.0.1/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "ftp://a/"]
    {
        assert!(Endpoint::parse(bad).is_err(), "{bad}");
    }
    for good in ["https://login.example/token", "http://127.0.0.1:1/", "http://127.9.9.9/", "http://[::1]:1/", "http://localhost/"] {
        assert!(Endpoint::parse(good).is_ok(), "{good}");
    }
    let sign = |method, url: &str| {
        let client = oauth1_client(|_, flow| flow.signature = method);
        let mut parts = parts("GET", url);
        client.sign(&oauth1_tokens(), &mut parts, Body::Opaque, NOW, &Chance::new(1)).map(|_| parts)
    };
    let error = sign(SignatureMethod::Plaintext, "http://api.example/").expect_err("the secrets themselves, in the open");
    assert!(matches!(&error, Error::Misuse(_)) && !error.to_string().contains(CLIENT_SECRET), "{error}");
    assert!(sign(SignatureMethod::Plaintext, "http://localhost.evil.example/").is_err());
    for safe in ["https://api.example/", "http://127.0.0.1:8080/", "http://[::1]/", "http://localhost/"] {
        assert!(sign(SignatureMethod::Plaintext, safe).is_ok(), "{safe}");
    }
    assert!(sign(SignatureMethod::HmacSha1, "http://api.example/").is_ok(), "an HMAC shows no secret");
    for bad in ["https://user@api.example/", "https://api.example@evil.example/", "/relative"] {
        assert!(sign(SignatureMethod::HmacSha1, bad).is_err(), "{bad}");
    }
}

#[test]
fn i7_a_form_body_is_signed_only_if_its_type_says_form() {
    let body = b"level=7";
    let sees = |content_type: &str| {
        let mut parts = parts("POST", "https://api.example/x");
        if !content_type.is_empty() {
            parts.headers.insert(CONTENT_TYPE, content_type.parse().expect("a header"));
        }
        let what = Body::of(&parts.headers, body);
        oauth1_client(|_, _| {}).sign(&oauth1_tokens(), &mut parts, what, NOW, &Chance::new(1)).expect("signed");
        // The server judges by the same rule, so that both sides agree.
        let seen = read_parts(&parts.method, &parts.uri, &parts.headers, body).expect("a signed request");
        assert_eq!(seen.verify(CLIENT_SECRET, oauth1_tokens().secret.expose()), Ok(()), "{content_type}");
        seen.base_string().contains("level%3D7")
    };
    for form in
        ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-URLencoded"]
    {
        assert!(sees(form), "{form}");
    }
    for other in ["", "application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencodedx"] {
        assert!(!sees(other), "{other}");
    }
}

/// I8, the core's part: what was signed is byte for byte what goes out, and what the server signs when it gets the raw target.
#[test]
fn i8_the_request_target_stays_as_it_was_given() {
    let targets = [
        "/a;v=1;w=2/b",
        "/it's/(x)!*",
        "/a%2Fb%2fc",
        "/a/%2e%2e/b/%2E/c",
        "/a/../b/./c",
        "//a//b//",
        "/a+b%20c%2B",
        "/a|b%7C",
        "/%7Euser/~user",
        "/@:$&,=",
        "/a%",
        "/a%zz",
        "/?",
        "/x?a=b;c=d&e='f'|g",
        "/x?a=%2F%2f/&b=+%20%2B",
        "/x?q=a%20b&&=y&z",
        "/x?q=http://a.example/?b",
        "/x?%C3%A9=%c3%a9",
        "/x?a=%",
        "",
    ];
    let origins = [
        "https://api.example",
        "https://api.example:8443",
        "https://api.example:443",
        "http://api.example:443",
        "http://127.0.0.1:4020",
        "http://[::1]:8080",
        "https://[2001:db8::7]",
    ];
    let client = |placement| oauth1_client(|_, flow| flow.placement = placement);
    for origin in origins {
        for target in targets {
            let url = format!("{origin}{target}");
            for placement in PLACEMENTS {
                let mut parts = parts("POST", &url);
                let body = client(placement).sign(&oauth1_tokens(), &mut parts, Body::Form(b"x=y"), NOW, &Chance::new(1)).expect("signed");
                // An empty path goes out as `/`; nothing else changes, and the query placement adds behind what is there.
                let sent = parts.uri.to_string();
                let given = if target.is_empty() { format!("{url}/") } else { url.clone() };
                if placement == Placement::Query {
                    assert!(sent.starts_with(&given), "{sent} for {given}");
                } else {
                    assert_eq!(sent, given);
                }
                let raw = sent.strip_prefix(origin).expect("the same origin");
                let body = body.unwrap_or_else(|| b"x=y".to_vec());
                let seen =
                    oauth1::server::SignedRequest::read(&parts.method, origin, raw, &parts.headers, Body::Form(&body)).expect("readable");
                assert_eq!(seen.verify(CLIENT_SECRET, oauth1_tokens().secret.expose()), Ok(()), "{url}");
            }
        }
    }
}

/// A server that decodes the target before it verifies breaks what was signed: the raw one is what counts.
#[test]
fn i8_a_decoded_target_is_another_request() {
    for (raw, decoded) in [("/a%2Fb", "/a/b"), ("/a/%2e%2e/b", "/b"), ("/x%3By", "/x;y"), ("/x%27", "/x'"), ("//a", "/a"), ("/%7Eu", "/~u")]
    {
        let mut parts = parts("GET", &format!("https://api.example{raw}"));
        oauth1_client(|_, _| {}).sign(&oauth1_tokens(), &mut parts, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
        let verify = |target: &str| {
            let seen = oauth1::server::SignedRequest::read(&parts.method, "https://api.example", target, &parts.headers, Body::Opaque);
            seen.expect("readable").verify(CLIENT_SECRET, oauth1_tokens().secret.expose())
        };
        assert_eq!(verify(raw), Ok(()));
        assert!(verify(decoded).is_err(), "{decoded} for {raw}");
    }
}

#[test]
fn what_the_client_cannot_do_is_misuse() {
    assert!(oauth1::Client::new(&oauth1_settings(|_, _| {}), App::default()).is_err(), "no consumer key");
    assert!(oauth1::Client::new(&oauth2_settings(|_, _| {}), app()).is_err(), "a provider of another kind");
    // An empty consumer secret is one (§3.4.2: "&" all the same).
    let client = oauth1::Client::new(&oauth1_settings(|_, _| {}), App::public("key")).expect("a client");
    let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
    assert_eq!(read_signed(request.request()).verify("", ""), Ok(()));
}

#[test]
fn an_explanation_shows_every_step_and_no_secret() {
    let tokens = oauth1_tokens();
    for &method in SignatureMethod::SHARED_SECRET {
        let client = oauth1_client(|_, flow| flow.signature = method);
        let call = parts("POST", "https://API.example:443/x?b=2&a=%20");
        let shown = client.explain(&tokens, &call, Body::Form(b"c=+"), NOW, &Chance::new(1)).expect("explained");
        assert_eq!(shown.base_uri, "https://api.example/x");
        assert!(shown.normalised.starts_with("a=%20&b=2&c=%20&oauth_consumer_key=example-client-id&oauth_nonce="), "{}", shown.normalised);
        assert!(shown.base_string.starts_with("POST&https%3A%2F%2Fapi.example%2Fx&a%3D%2520%26b%3D2%26c%3D%2520%26oauth_"));
        let names: Vec<_> = shown.parameters.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..4], ["b", "a", "c", "oauth_consumer_key"], "as they were gathered");
        assert!(names.contains(&"oauth_nonce") && !names.contains(&"oauth_signature"), "{names:?}");
        let lines = shown.to_string();
        for line in ["base URI      https://api.example/x\n", "parameter     b = 2\n", &format!("{:<13} {}", shown.method, shown.signature)]
        {
            assert!(lines.contains(line), "{line} in {lines}");
        }
        let text = format!("{shown} {shown:?}");
        for secret in [CLIENT_SECRET, tokens.token.expose(), tokens.secret.expose()] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(shown.key_shape, "consumer secret of 23 characters & token secret of 26 characters");
        // The signature is the one that goes out.
        let mut signed = call.clone();
        client.sign(&tokens, &mut signed, Body::Form(b"c=+"), NOW, &Chance::new(1)).expect("signed");
        let seen = read_parts(&signed.method, &signed.uri, &signed.headers, b"").expect("a signed request");
        if method != SignatureMethod::Plaintext {
            assert_eq!(seen.signature(), Some(shown.signature.as_str()));
        }
    }
    let odd = oauth1::Client::new(&oauth1_settings(|_, _| {}), App::confidential("key", Secret::new("a&b"))).expect("a client");
    let shown = odd.explain(&tokens, &parts("GET", "https://api.example/"), Body::Opaque, NOW, &Chance::new(1)).expect("explained");
    assert!(shown.key_shape.starts_with("consumer secret of 3 characters, percent-encoded"), "{}", shown.key_shape);
}

/// The Request Body Hash extension: with it, a body that is no form cannot be exchanged on the way.
#[test]
fn i7_a_body_hash_is_sent_where_it_is_switched_on_and_never_with_a_form() {
    use oauth1::BodyHash;
    use oauth1::server::{Problem, SignedRequest};

    let signed = |switch, method: SignatureMethod, body: Body<'_>| {
        let client = oauth1_client(|_, flow| (flow.body_hash, flow.signature) = (switch, method));
        let mut parts = parts("PUT", "https://api.example/x");
        client.sign(&oauth1_tokens(), &mut parts, body, NOW, &Chance::new(1)).map(|_| parts)
    };
    // §3.1: no protocol parameter twice, and one that somebody else has put there counts.
    let beside = |switch| {
        let client = oauth1_client(|_, flow| flow.body_hash = switch);
        let mut parts = parts("PUT", "https://api.example/x?oauth_body_hash=planted");
        client.sign(&oauth1_tokens(), &mut parts, Body::Bytes(b"{}"), NOW, &Chance::new(1)).is_ok()
    };
    assert!(!beside(BodyHash::On) && beside(BodyHash::Off));
    let read = |parts: &http::request::Parts, body| SignedRequest::read(&parts.method, "https://api.example", "/x", &parts.headers, body);
    let secrets = |request: &SignedRequest| request.verify(CLIENT_SECRET, oauth1_tokens().secret.expose());
    let json = Body::Bytes(br#"{"on":true}"#);
    for (method, length) in [(SignatureMethod::HmacSha1, 28), (SignatureMethod::HmacSha256, 44), (SignatureMethod::HmacSha512, 88)] {
        let parts = signed(BodyHash::On, method, json).expect("signed");
        let request = read(&parts, json).expect("readable");
        assert_eq!(request.body_hash().map(str::len), Some(length), "by the signature's own hash");
        assert_eq!((secrets(&request), request.verify_body_hash()), (Ok(()), Ok(())));
        let exchanged = read(&parts, Body::Bytes(br#"{"on":false}"#)).expect("readable");
        assert_eq!((secrets(&exchanged), exchanged.verify_body_hash()), (Err(Problem::WrongBodyHash), Err(Problem::WrongBodyHash)));
        let streaming = read(&parts, Body::Opaque).expect("readable");
        assert!(streaming.verify_body_hash().is_err(), "nobody has read it yet");
        assert_eq!(read(&parts, Body::Form(b"a=b")).err(), Some(Problem::BodyHashWithForm));
    }
    let none = |switch, body| read(&signed(switch, SignatureMethod::HmacSha1, body).expect("signed"), body).expect("readable");
    for (switch, body) in
        [(BodyHash::Off, json), (BodyHash::On, Body::Form(b"a=b")), (BodyHash::Required, Body::Form(b"a=b")), (BodyHash::On, Body::Opaque)]
    {
        let request = none(switch, body);
        assert_eq!((request.body_hash(), secrets(&request)), (None, Ok(())), "{switch:?} {body:?}");
        assert!(request.verify_body_hash().is_err(), "a server that requires it sees that");
    }
    // Nothing has a hash, too.
    assert_eq!(none(BodyHash::On, Body::Bytes(b"")).body_hash(), Some("2jmj7l5rSw0yVb/vlWAYkK/YBwk="));
    assert!(matches!(signed(BodyHash::Required, SignatureMethod::HmacSha1, Body::Opaque), Err(Error::Misuse(_))));
    assert!(matches!(signed(BodyHash::Required, SignatureMethod::Plaintext, json), Err(Error::Misuse(_))));
    assert!(signed(BodyHash::On, SignatureMethod::Plaintext, json).is_ok());
    // Token requests have none: their body is a form, or nothing.
    let client = oauth1_client(|_, flow| flow.body_hash = BodyHash::Required);
    let request = client.request_token(oauth1::Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
    assert_eq!(read_signed(request.request()).body_hash(), None);
}

#[test]
fn calls_for_the_app_itself_have_no_token_or_an_empty_one() {
    let tokens = |empty| {
        let client = oauth1_client(|_, flow| flow.empty_token = empty);
        let mut parts = parts("GET", "https://api.example/x");
        client.sign_without_token(&mut parts, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
        let request = read_parts(&parts.method, &parts.uri, &parts.headers, b"").expect("readable");
        assert_eq!(request.verify(CLIENT_SECRET, ""), Ok(()));
        request.token().map(str::to_owned)
    };
    assert_eq!((tokens(false), tokens(true)), (None, Some(String::new())));
}

#[test]
fn where_there_are_no_tokens_the_keys_alone_sign_and_nobody_is_asked() {
    let flow =
        oauth1::Settings { signature: SignatureMethod::HmacSha256, ..oauth1::Settings::one_legged(endpoint("https://shop.example/v3")) };
    let settings = Settings::new("shop", Flow::OAuth1(flow), endpoint("https://shop.example/v3"));
    let client = oauth1::Client::new(&settings, App::confidential(CLIENT_ID, CLIENT_SECRET)).expect("a client");
    let TokenSet::OAuth1(tokens) = client.without_tokens().expect("none").tokens else { panic!("OAuth 1") };
    let imported = OAuth1Tokens { token: Secret::new("token-1"), secret: Secret::new("secret-1") };
    for held in [&tokens, &imported] {
        let mut parts = parts("GET", "https://shop.example/v3/orders");
        client.sign(held, &mut parts, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
        let request = read_parts(&parts.method, &parts.uri, &parts.headers, b"").expect("readable");
        assert_eq!((request.token(), request.verify(CLIENT_SECRET, "")), (None, Ok(())));
    }
    let error = client.request_token(oauth1::Callback::OutOfBand, NOW, &Chance::new(1)).expect_err("nobody to ask");
    assert!(matches!(error, Error::Misuse(_)), "{error}");
    assert!(oauth1_client(|_, _| {}).without_tokens().is_err(), "an account that nobody approved");
}

/// Tokens that were made on the provider's own page sign as any; there is nobody to ask for others.
#[test]
fn where_tokens_are_imported_they_sign_and_nobody_is_sent_anywhere() {
    let settings = Settings::new(
        "shop",
        Flow::OAuth1(oauth1::Settings::imported(endpoint("https://shop.example/v1"))),
        endpoint("https://shop.example/v1"),
    );
    assert!(settings.is_imported());
    assert_eq!(settings.origins().len(), 1, "the API's alone");
    let client = oauth1::Client::new(&settings, App::confidential(CLIENT_ID, CLIENT_SECRET)).expect("a client");
    let tokens = OAuth1Tokens { token: Secret::new("token-1"), secret: Secret::new("secret-1") };
    let mut parts = parts("GET", "https://shop.example/v1/orders");
    client.sign(&tokens, &mut parts, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
    let request = read_parts(&parts.method, &parts.uri, &parts.headers, b"").expect("readable");
    assert_eq!((request.token(), request.verify(CLIENT_SECRET, "secret-1")), (Some("token-1"), Ok(())));
    let error = client.request_token(oauth1::Callback::OutOfBand, NOW, &Chance::new(1)).expect_err("nobody to ask");
    assert!(matches!(&error, Error::Misuse(misuse) if misuse.hint.as_deref() == Some("import them")), "{error}");
    assert!(client.without_tokens().is_err(), "an account without tokens is none");
}

#[test]
fn further_parameters_of_token_requests_are_signed_and_placed() {
    let params = |name: &str| vec![(name.to_owned(), "a b&c".to_owned())];
    for placement in [Placement::Header, Placement::Body, Placement::Query] {
        for method in [http::Method::POST, http::Method::GET] {
            let client = oauth1_client(|_, flow| {
                (flow.placement, flow.token_method) = (placement, method.clone());
                (flow.request_token_params, flow.access_token_params) = (params("scope"), params("extra"));
            });
            let check = |request: &keyfob_proto::Outgoing, name: &str, token_secret: &str| {
                let signed = read_signed(request);
                assert_eq!(signed.parameters(), params(name), "{placement:?} {method}");
                assert_eq!(signed.verify(CLIENT_SECRET, token_secret), Ok(()), "{placement:?} {method}");
                assert_eq!(request.uri().query().is_some_and(|query| query.contains(name)), method == http::Method::GET);
            };
            let request = client.request_token(oauth1::Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
            check(request.request(), "scope", "");
            let (_, pending) = begin1(&client, oauth1::Callback::OutOfBand, TEMPORARY).expect("begun");
            let verified = pending.verify(Answer::Bare("pin"), NOW).expect("verified");
            let exchange = client.exchange(verified, NOW, &Chance::new(3)).expect("an exchange");
            check(exchange.request(), "extra", "temporary-secret-1");
        }
    }
}

/// xAuth: a password goes into a form body, once, and is in no message.
#[test]
fn a_password_is_exchanged_only_by_post_and_shown_nowhere() {
    let password = keyfob_proto::Secret::new("hunter2 & Söhne");
    for placement in [Placement::Header, Placement::Body, Placement::Query] {
        let client = oauth1_client(|_, flow| flow.placement = placement);
        let exchange = client.exchange_password_legacy("ada", &password, NOW, &Chance::new(1)).expect("an exchange");
        let signed = read_signed(exchange.request());
        assert_eq!((signed.verify(CLIENT_SECRET, ""), signed.token()), (Ok(()), None));
        let expected = [("x_auth_mode", "client_auth"), ("x_auth_username", "ada"), ("x_auth_password", password.expose())];
        assert_eq!(signed.parameters(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "{placement:?}");
        assert!(!exchange.request().uri().to_string().contains("hunter2") && !format!("{exchange:?}").contains("hunter2"));
        let error = exchange.receive(&form_answer(401, "no such password: hunter2 & S\u{f6}hne"), NOW).expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let client = oauth1_client(|_, flow| flow.token_method = http::Method::GET);
    assert!(matches!(client.exchange_password_legacy("ada", &password, NOW, &Chance::new(1)), Err(Error::Misuse(_))));
}

/// I2, I3: signed again, it has another nonce and the server's time, and says the same otherwise.
#[test]
fn i2_i3_token_requests_are_signed_again_with_a_new_nonce_and_the_servers_time() {
    let client = oauth1_client(|_, _| {});
    let chance = Chance::new(1);
    let request = client.request_token(oauth1::Callback::Url(CALLBACK.into()), NOW, &chance).expect("a request");
    let (_, pending) = begin1(&client, oauth1::Callback::OutOfBand, TEMPORARY).expect("begun");
    let exchange = client.exchange(pending.verify(Answer::Bare("pin"), NOW).expect("verified"), NOW, &chance).expect("an exchange");
    let later = NOW.plus(3600);
    let pairs = [
        (read_signed(request.request()), read_signed(request.signed_again(later, &chance).expect("again").request()), ""),
        (
            read_signed(exchange.request()),
            read_signed(exchange.signed_again(later, &chance).expect("again").request()),
            "temporary-secret-1",
        ),
    ];
    for (first, second, secret) in pairs {
        assert_eq!((first.timestamp(), second.timestamp()), (Some(NOW.as_unix()), Some(later.as_unix())));
        assert_ne!(first.nonce(), second.nonce());
        assert_eq!(second.verify(CLIENT_SECRET, secret), Ok(()));
        assert_eq!((first.callback(), first.verifier(), first.token()), (second.callback(), second.verifier(), second.token()));
    }
}

/// What the fast way gives is what the walk gives, for every method and body.
#[test]
fn a_signer_a_repeated_request_and_a_client_agree() {
    use oauth1::{BodyHash, Buffer, Call, Once};
    for &method in SignatureMethod::SHARED_SECRET {
        for (body_hash, token) in [(BodyHash::Off, true), (BodyHash::On, true), (BodyHash::Off, false)] {
            let client = oauth1_client(|_, flow| {
                (flow.signature, flow.body_hash, flow.realm) = (method, body_hash, Some("a \"realm\"".into()));
            });
            let tokens = oauth1_tokens();
            let tokens = token.then_some(&tokens);
            let signer = client.signer(tokens).expect("a signer");
            let mut buffer = Buffer::new();
            let url = "https://api.example/a%2Fb?oauth_not=1&a=%C3%A9+x&z&a&=b";
            let pairs = [("oauth_x", "1&2"), ("a", "é x"), ("a", ""), ("", "=")];
            let wire = encode::form_pairs(pairs);
            let calls = [
                Call::new("get", url),
                Call { body: Body::Bytes(b"{}"), ..Call::new("PUT", url) },
                Call { body: Body::Form(wire.as_bytes()), ..Call::new("POST", url) },
                Call { form: &pairs, ..Call::new("POST", url) },
                Call { body: Body::Opaque, ..Call::new("PATCH", url) },
            ];
            for call in calls {
                let (entropy, mut parts) = (Chance::new(7), parts(&call.method.to_uppercase(), url));
                let body = if call.form.is_empty() { call.body } else { Body::Form(wire.as_bytes()) };
                match tokens {
                    Some(tokens) => client.sign(tokens, &mut parts, body, NOW, &entropy),
                    None => client.sign_without_token(&mut parts, body, NOW, &entropy),
                }
                .expect("signed");
                let header = parts.headers["authorization"].to_str().expect("text").to_owned();
                let nonce = oauth1::Nonce::new(&Chance::new(7));
                let once = Once { nonce: nonce.as_str(), timestamp: NOW, entropy: &entropy };
                assert_eq!(signer.authorization(&call, &once, &mut buffer).expect("signed"), header, "{call:?}");
                let repeated = signer.repeat(&call).expect("prepared");
                assert_eq!(repeated.authorization(&once, &mut buffer).expect("signed"), header, "{call:?}");
                let other = Once { nonce: "a b%", timestamp: Timestamp::from_unix(-5), entropy: &entropy };
                let again = repeated.authorization(&other, &mut buffer).expect("signed").to_owned();
                assert_eq!(signer.authorization(&call, &other, &mut buffer).expect("signed"), again, "{call:?}");
            }
            let once = Once { nonce: "n", timestamp: NOW, entropy: &Chance::new(1) };
            let mut refuse = |call: Call<'_>| assert!(signer.authorization(&call, &once, &mut buffer).is_err(), "{call:?}");
            for bad in [
                "/x",
                "ftp://a.example/",
                "https://me:pw@a.example/",
                "https://a.example/?oauth_nonce=1",
                "https://a.example/?oauth%5Fsignature=1",
            ] {
                refuse(Call::new("GET", bad));
            }
            refuse(Call { form: &[("oauth_timestamp", "1")], ..Call::new("POST", "https://a.example/") });
        }
    }
}

#[test]
fn a_refusal_that_comes_with_a_success_is_one() {
    let ask = |form: &str| begin1(&oauth1_client(|_, _| {}), Callback::Url(CALLBACK.into()), form);
    let said = ask("oauth_problem=signature_invalid&oauth_problem_advice=not+sandbox-secret-not-real\n");
    let Err(Error::Refused(refused)) = said else { panic!("a refusal, not {said:?}") };
    assert_eq!((refused.code, refused.status), (Code::Signature, Some(StatusCode::OK)));
    let description = refused.description.expect("a reason");
    assert!(description.starts_with("signature_invalid: not ") && !description.contains("sandbox-secret"), "{description}");
    // Whoever has what was asked for has no problem.
    assert!(ask(&format!("{TEMPORARY}&oauth_problem=none")).is_ok());
    assert!(matches!(ask("oauth_problem="), Err(Error::Misbehaved(_))));
}
