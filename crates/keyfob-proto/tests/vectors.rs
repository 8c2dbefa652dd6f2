//! The vector files under `tests/vectors/<rfc>/`, all of them: a file that nobody reads is a failure, and so is an empty folder.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

mod common;
#[path = "common/grant_examples.rs"]
mod grant_examples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use common::*;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use keyfob_proto::oauth1::server::SignedRequest;
use keyfob_proto::oauth1::{self, Body, Callback, Placement, SignatureMethod, rsa};
use keyfob_proto::oauth2::{self, ClientAuth, TokenBody, TokenKind};
use keyfob_proto::{Answer, App, Deviation, Endpoint, Error, Origin, Reach, Secret, Timestamp, encode};
use serde_json::Value;

#[test]
fn i1_every_vector_file_passes() {
    let mut counts = BTreeMap::new();
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let (rfc, name) = (folder(&file), file.file_name().and_then(|name| name.to_str()).expect("a name"));
        let count = match name {
            "signed_requests.jsonl" => signed_requests(&text),
            "recorded.jsonl" => lines(&text).map(|(at, line)| recorded(&format!("{}:{at}", file.display()), &line)).count(),
            "rsa.jsonl" => rsa_vectors(&text),
            "examples.toml" => examples(&text),
            "targets.toml" => f3_ssrf_targets(&text),
            // Run by tests/jose_vectors.rs, which counts them too.
            "jose.toml" | "signatures.toml" => text.lines().filter(|line| *line == "[[case]]").count(),
            other => panic!("no test reads {other}"),
        };
        assert!(count > 0, "{} is empty", file.display());
        counts.insert(format!("{rfc}/{name}"), count);
    }
    assert_eq!(counts["rfc5849/signed_requests.jsonl"], 2743);
    assert!(counts["rfc5849/recorded.jsonl"] > 1000 && counts["rfc6749/recorded.jsonl"] > 100, "{counts:?}");
    let readme = std::fs::read_to_string(vectors().join("README.md")).expect("a README beside the vectors");
    for (file, count) in counts {
        assert!(readme.contains(&format!("| `{file}` | {count} |")), "README.md must say that {file} holds {count} cases");
    }
}

#[test]
fn f3_every_target_is_judged_as_its_file_says() {
    let target = |file: &std::path::PathBuf| file.ends_with("targets.toml");
    let file = files().into_iter().find(target).expect("a file of targets");
    assert!(f3_ssrf_targets(&std::fs::read_to_string(file).expect("a readable file")) > 0);
}

/// I1: base string and signature of every vector, on the server's side with the raw URL, and on the client's where it takes the URL.
fn signed_requests(text: &str) -> usize {
    let mut lines = lines(text);
    let (_, head) = lines.next().expect("a head");
    assert_eq!(head["columns"].as_array().map(Vec::len), Some(15));
    let (mut by_client, mut count) = (0, 0);
    for (at, row) in lines {
        let row: Signed = serde_json::from_value(row).unwrap_or_else(|error| panic!("line {at}: {error}"));
        by_client += usize::from(row.check());
        count += 1;
    }
    // Our client refuses PLAINTEXT over plain http (RFC 5849 §3.4.4), which nobody asked the others about.
    assert_eq!((count, by_client), (2743, 2416));
    count
}

#[derive(serde::Deserialize)]
struct Signed(
    u32,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
);

impl Signed {
    /// Whether the client's side could be asked, too.
    fn check(&self) -> bool {
        let Self(id, method, url, body, consumer_key, token, nonce, timestamp, signature_method, ..) = self;
        let Self(.., consumer_secret, token_secret, base_uri, normalised, signature, agree) = self;
        assert!(agree.len() >= 2, "#{id}: two others must agree");
        let token_secret = if token.is_some() { token_secret.as_str() } else { "" };
        let base_string = join(method, base_uri, normalised);
        let mut protocol = vec![
            ("oauth_consumer_key", consumer_key.as_str()),
            ("oauth_nonce", nonce),
            ("oauth_timestamp", timestamp),
            ("oauth_signature_method", signature_method),
            ("oauth_version", "1.0"),
        ];
        protocol.extend(token.iter().map(|token| ("oauth_token", token.as_str())));
        let body = body.as_deref().map_or(Body::Opaque, |text| Body::Form(text.as_bytes()));
        let known: SignatureMethod = signature_method.parse().expect("a method we speak");

        assert_eq!(oauth1::base_string(method, url, body, &protocol).expect("a URL"), base_string, "#{id}");
        assert_eq!(oauth1::signature(known, consumer_secret, token_secret, &base_string).expect("shared secrets"), *signature, "#{id}");

        protocol.push(("oauth_signature", signature));
        let (origin, target) = split(url);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, oauth1::authorization_header(None, &protocol).parse().expect("a header"));
        let in_header = SignedRequest::read(&method, origin, target, &headers, body).expect("a signed request");
        let joint = if target.contains('?') { "&" } else { "?" };
        let target = format!("{target}{joint}{}", encode::form_pairs(protocol.iter().copied()));
        let in_query = SignedRequest::read(&method, origin, &target, &HeaderMap::new(), body).expect("a signed request");
        for request in [in_header, in_query] {
            assert_eq!(request.base_string(), base_string, "#{id}");
            assert_eq!(request.verify(consumer_secret, token_secret), Ok(()), "#{id}");
            assert!(request.verify(&format!("{consumer_secret}x"), token_secret).is_err(), "#{id}");
        }
        self.check_client(known, body, token_secret)
    }

    /// The client draws its own nonce; everything else must be what the others have.
    fn check_client(&self, signature_method: SignatureMethod, body: Body<'_>, token_secret: &str) -> bool {
        let Self(id, method, url, _, consumer_key, token, nonce, timestamp, ..) = self;
        let Self(.., consumer_secret, _, base_uri, normalised, _, _) = self;
        let origin = Origin::parse(url).unwrap_or_else(|| panic!("#{id}: http::Uri takes {url}"));
        if signature_method == SignatureMethod::Plaintext && origin.as_str().starts_with("http:") && !origin.is_loopback() {
            return false;
        }
        let placement = match (id % 3, body) {
            (0, _) => Placement::Header,
            (1, Body::Form(_)) => Placement::Body,
            _ => Placement::Query,
        };
        let settings = oauth1_settings(|_, flow| {
            flow.signature = signature_method;
            flow.placement = placement;
        });
        let client = oauth1::Client::new(&settings, App::confidential(consumer_key, consumer_secret.as_str())).expect("a client");
        let mut parts = parts(method, url);
        let now = Timestamp::from_unix(timestamp.parse().expect("a number"));
        let entropy = Chance::new(u64::from(*id));
        let new_body = match token {
            Some(token) => {
                let tokens = keyfob_proto::OAuth1Tokens { token: Secret::new(token), secret: Secret::new(token_secret) };
                client.sign(&tokens, &mut parts, body, now, &entropy)
            }
            None => client.sign_without_token(&mut parts, body, now, &entropy),
        }
        .unwrap_or_else(|error| panic!("#{id}: {error}"));
        let body = new_body.as_deref().map_or(body, Body::Form);
        let (origin, _) = split(url);
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let request = SignedRequest::read(&parts.method, origin, target, &parts.headers, body).expect("a signed request");
        assert_eq!(request.placement(), Some(placement), "#{id}");
        let ours = request.nonce().expect("a nonce");
        let normalised = normalised.replace(&format!("oauth_nonce={nonce}"), &format!("oauth_nonce={ours}"));
        assert_eq!(request.base_string(), join(method, base_uri, &normalised), "#{id}");
        assert_eq!(request.verify(consumer_secret, token_secret), Ok(()), "#{id}");
        true
    }
}

/// Calls of oauthlib's functions, held against ours that mean the same. `out` is null where it refused.
fn recorded(at: &str, case: &Value) {
    let (input, out) = (&case["in"], &case["out"]);
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{at}: text")).to_owned();
    let some = |value: &Value| value.as_str().map(str::to_owned);
    // A secret that is null there is empty here.
    let secret = |value: &Value| some(value).unwrap_or_default();
    match case["check"].as_str().unwrap_or_default() {
        // --- RFC 5849
        "percent" => assert_eq!(encode::percent(&text(input)), text(out), "{at}"),
        "unescape" => assert_eq!(encode::percent_decode(text(input).as_bytes()), text(out).into_bytes(), "{at}"),
        "form_decode" => assert_eq!(encode::decode_text_pairs(text(input).as_bytes()), Ok(list(out)), "{at}"),
        // oauthlib writes a space as `+`, we as `%20`; both are the same form.
        "form_encode" => assert_eq!(encode::form_pairs(borrow(&list(input))), text(out).replace('+', "%20"), "{at}"),
        "same" => assert_eq!(Value::Bool(Secret::new(text(&input[0])).same_as(&text(&input[1]))), *out, "{at}"),
        "base_uri" => {
            let mut url = text(&input[0]);
            if let Some(host) = some(&input[1]) {
                let (scheme, rest) = url.split_once("://").expect("absolute");
                url = format!("{scheme}://{host}{}", rest.find('/').map_or("", |at| &rest[at..]));
            }
            let base_uri = oauth1::base_string("GET", &url, Body::Opaque, &[]).ok().map(|base| second(&base));
            assert_eq!(base_uri, some(out), "{at}");
        }
        "normalise" => {
            let base = oauth1::base_string("GET", "http://a.example/", Body::Opaque, &borrow(&list(input))).expect("a URL");
            // `oauth_signature` is never normalised here; oauthlib takes it out one step before.
            let expected: Vec<_> = text(out).split('&').filter(|pair| !pair.starts_with("oauth_signature=")).map(str::to_owned).collect();
            assert_eq!(third(&base), expected.join("&"), "{at}");
        }
        "base_string" => {
            let protocol = encode::decode_text_pairs(text(&input[2]).as_bytes()).expect("UTF-8");
            let base = oauth1::base_string(&text(&input[0]), &text(&input[1]), Body::Opaque, &borrow(&protocol));
            assert_eq!(base.expect("a URL"), text(out), "{at}");
        }
        "hmac" => {
            let method = match text(&input[0]).as_str() {
                "SHA-1" => SignatureMethod::HmacSha1,
                "SHA-256" => SignatureMethod::HmacSha256,
                "SHA-512" => SignatureMethod::HmacSha512,
                other => panic!("{at}: {other}"),
            };
            let signature = oauth1::signature(method, &secret(&input[2]), &secret(&input[3]), &text(&input[1]));
            assert_eq!(signature.expect("shared secrets"), text(out), "{at}");
        }
        "plaintext" => {
            let signature = oauth1::signature(SignatureMethod::Plaintext, &secret(&input[0]), &secret(&input[1]), "");
            assert_eq!(signature.expect("shared secrets"), text(out), "{at}");
        }
        "header" => {
            let header = oauth1::authorization_header(some(&input[0]).as_deref(), &borrow(&list(&input[1])));
            assert_eq!(header, text(out), "{at}");
        }
        "authorization" => {
            let request = read(at, "", "", Some(&text(input)));
            // oauthlib leaves the values percent-encoded here, and the realm among them.
            let decode = |value: String| String::from_utf8(encode::percent_decode(value.as_bytes())).expect("UTF-8");
            let (realm, expected): (Vec<_>, Vec<_>) = list(out).into_iter().partition(|(name, _)| name == "realm");
            let expected: Vec<_> = expected.into_iter().map(|(name, value)| (name, decode(value))).collect();
            assert_eq!(request.protocol_parameters(), expected, "{at}");
            assert_eq!(request.realm(), realm.first().map(|(_, realm)| realm.as_str()), "{at}");
        }
        "collect" => {
            let request = read(at, &text(&input["query"]), &text(&input["body"]), some(&input["authorization"]).as_deref());
            let mut found: Vec<_> = request.protocol_parameters().iter().chain(request.parameters()).cloned().collect();
            if input["signature"] == false {
                found.retain(|(name, _)| name != "oauth_signature");
            }
            if input["realm"] == true {
                found.extend(request.realm().map(|realm| ("realm".to_owned(), realm.to_owned())));
            }
            found.sort();
            assert_eq!(found, sorted(list(out)), "{at}");
        }
        "protocol" => {
            let request = read(at, "", &encode::form_pairs(borrow(&list(input))), None);
            assert_eq!(request.protocol_parameters(), list(out), "{at}");
        }
        // --- RFC 6749
        "add_query" => {
            let url = endpoint(&text(&input[0])).with_query(borrow(&list(&input[1])));
            let ((ours, more), theirs) = (url.split_once('?').expect("a query"), text(out));
            let (base, expected) = theirs.split_once('?').expect("a query");
            assert_eq!((ours, pairs(more)), (base, pairs(expected)), "{at}");
        }
        "secure" => assert_eq!(Value::Bool(Endpoint::parse(&text(input)).is_ok()), *out, "{at}"),
        "redirect_uri" => {
            let request = oauth2::AuthorizeRequest { redirect_uri: text(input).into(), ..Default::default() };
            let begun = oauth2_client(|_, _| {}).authorize(&request, NOW, &Chance::new(1));
            assert_eq!(Value::Bool(begun.is_ok()), *out, "{at}");
        }
        "origin" => {
            let scheme = text(input).split("://").next().map(str::to_owned).expect("a scheme");
            let expected = format!("{scheme}://{}:{}", text(&out[0]), text(&out[1]));
            assert_eq!(Origin::parse(&text(input)), Origin::parse(&expected), "{at}");
        }
        "scopes_join" => {
            let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: words(input), ..Default::default() };
            let (url, _) = oauth2_client(|_, _| {}).authorize(&request, NOW, &Chance::new(1)).expect("a URL");
            assert_eq!(query(&url)["scope"], text(out), "{at}");
        }
        "scopes_split" => {
            let body = serde_json::json!({"access_token": "access-1", "token_type": "Bearer", "scope": input}).to_string();
            let received = exchange2(&oauth2_client(|_, _| {})).receive(&json_answer(200, body), NOW).expect("tokens");
            assert_eq!(tokens2(&received).scopes, words(out), "{at}");
        }
        "authorize" => authorize(at, input, &text(out)),
        "token_request" => {
            let case = |name: &str| some(&input[name]);
            let request = token_request(
                &case("client_id").map_or_else(app, App::public),
                |flow| {
                    flow.redirect_uri_at_token = case("redirect_uri").is_some();
                    flow.token_params = list(&input["more"]);
                },
                case("code").as_deref(),
                case("redirect_uri").as_deref(),
                case("refresh_token").as_deref(),
            );
            assert_eq!(sorted(form(&request)), pairs(&text(out)), "{at}");
        }
        "grant_request" => {
            let case = |name: &str| some(&input[name]);
            let public = case("client_id").map_or_else(app, App::public);
            let client =
                oauth2::Client::new(&oauth2_settings(|_, flow| flow.token_params = list(&input["more"])), public).expect("a client");
            let secret = |name: &str| Secret::new(text(&input[name]));
            let request = oauth2::AccessRequest::default();
            let exchange = match text(&input["grant"]).as_str() {
                "password" => oauth2::legacy::password(&client, &text(&input["username"]), &secret("password"), &request),
                "jwt_bearer" => client.jwt_bearer(&secret("assertion"), &request),
                other => panic!("{at}: {other}"),
            };
            let mut ours = form(exchange.expect("a request").request());
            // The scopes are those of our settings; who the client is, oauthlib leaves to a header where it has been told nothing.
            ours.retain(|(name, _)| name != "scope" && (input["client_id"].is_string() || name != "client_id"));
            assert_eq!(sorted(ours), pairs(&text(out)), "{at}");
        }
        "token_answer" => {
            let missing = input["missing_token_type"] == true;
            let client = oauth2_client(|settings, _| {
                settings.deviations = deviations(if missing { &[Deviation::MissingTokenType] } else { &[] });
            });
            let received = exchange2(&client).receive(&json_answer(200, text(&input["text"])), NOW).ok();
            let found = received.as_ref().map(tokens2).map(|tokens| {
                serde_json::json!({
                    "access_token": tokens.access.expose(),
                    "refresh_token": tokens.refresh.as_ref().map(Secret::expose),
                    "expires_in": tokens.expires_at.map(|at| at.since(NOW)),
                })
            });
            assert_eq!(found.unwrap_or(Value::Null), *out, "{at}");
        }
        "callback" => {
            let url = text(&input[0]);
            let found = verify_code(url.split('?').next().expect("a base"), &text(&input[1]), &url);
            assert_eq!(found.ok(), some(out), "{at}");
        }
        "bearer_header" => {
            let (parts, _) = attach(keyfob_proto::Attach::Bearer, &text(input), "https://a.example/", b"");
            assert_eq!(parts.headers[AUTHORIZATION], text(out), "{at}");
        }
        "bearer_query" => {
            let place = keyfob_proto::Attach::Query("access_token".into());
            let (parts, _) = attach(place, &text(&input[0]), &text(&input[1]), b"");
            assert_eq!(parts.uri.to_string(), text(out), "{at}");
        }
        "bearer_body" => {
            let place = keyfob_proto::Attach::Body("access_token".into());
            let (_, body) = attach(place, &text(&input[0]), "https://a.example/", text(&input[1]).as_bytes());
            assert_eq!(body.as_deref(), Some(text(out).as_bytes()), "{at}");
        }
        other => panic!("{at}: no test knows the check {other:?}"),
    }
}

/// RSA: a key or a base string a line. Keys that are too short are refused, whatever they sign; the unit tests of the back-end have those.
fn rsa_vectors(text: &str) -> usize {
    let mut keys: BTreeMap<String, Value> = BTreeMap::new();
    let (mut signed, mut refused) = (0, 0);
    for (at, row) in lines(text) {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("line {at}: text")).to_owned();
        if row["check"] == "rsa_key" {
            keys.insert(text(&row["name"]), row);
            continue;
        }
        let method = match text(&row["hash"]).as_str() {
            "SHA-1" => SignatureMethod::RsaSha1,
            "SHA-256" => SignatureMethod::RsaSha256,
            "SHA-512" => SignatureMethod::RsaSha512,
            other => panic!("line {at}: {other}"),
        };
        let Some(key) = row["key"].as_str().and_then(|name| keys.get(name)) else {
            // Not a key at all, there and here.
            assert_eq!(row["out"], Value::Null, "line {at}");
            assert!(rsa::private_key(&Secret::new(row["key"].as_str().unwrap_or("")), method).is_err(), "line {at}");
            refused += 1;
            continue;
        };
        for form in key["private"].as_array().expect("a list") {
            match rsa::private_key(&Secret::new(text(form)), method) {
                Ok(private) => {
                    let signature = rsa::signature(method, &*private, &text(&row["in"]), &Chance::new(1)).expect("a signature");
                    assert_eq!(signature, text(&row["out"]), "line {at}");
                    signed += 1;
                }
                // Two of the keys have 1024 bits; and not every build has a back-end.
                Err(error) if text(&key["name"]).as_str() >= "c" => assert!(error.found == "one of 1024 bits", "line {at}: {error}"),
                Err(error) => {
                    assert!(!can_sign(method), "line {at}: {error}");
                    assert!(error.hint.is_some_and(|hint| hint.contains("feature")), "line {at}");
                }
            }
        }
        for form in key["public"].as_array().expect("a list") {
            let Ok(public) = rsa::public_key(&text(form)) else { continue };
            let signature = base64::engine::general_purpose::STANDARD.decode(text(&row["out"])).expect("base64");
            let (base, hash) = (text(&row["in"]), method.hash().expect("a hash"));
            assert!(public.verifies(hash, base.as_bytes(), &signature), "line {at}");
            assert!(!public.verifies(hash, format!("{base}x").as_bytes(), &signature), "line {at}");
            assert!(!public.verifies(hash, base.as_bytes(), &signature[1..]), "line {at}");
        }
    }
    let of_each =
        [SignatureMethod::RsaSha1, SignatureMethod::RsaSha256, SignatureMethod::RsaSha512].map(|method| usize::from(can_sign(method)));
    assert_eq!((signed, refused, keys.len()), (80 * of_each.iter().sum::<usize>(), 4, 4));
    lines(text).count()
}

/// Whether this build has a back-end for it.
fn can_sign(method: SignatureMethod) -> bool {
    cfg!(feature = "rsa-sha1") || cfg!(feature = "aws-lc") && method != SignatureMethod::RsaSha1
}

/// The RFCs' own examples.
fn examples(text: &str) -> usize {
    let file: toml::Table = text.parse().expect("TOML");
    let cases = file["case"].as_array().expect("cases");
    for case in cases {
        // JSON is what `recorded` speaks, too.
        let case = serde_json::to_value(case).expect("plain values");
        let source = case["source"].as_str().expect("every example names its source");
        let text = |name: &str| case[name].as_str().unwrap_or_else(|| panic!("{source}: {name}")).to_owned();
        let some = |name: &str| case[name].as_str().map(str::to_owned);
        let status = || u16::try_from(case["status"].as_u64().expect("a status")).expect("a status");
        match case["kind"].as_str().unwrap_or_default() {
            "oauth1_request" => {
                let body = some("body").unwrap_or_default();
                let (_, target) = split(case["url"].as_str().expect("a URL"));
                let request = read_at(source, &text("method"), &text("url"), target, &body, Some(&text("authorization")));
                assert_eq!(request.signature(), Some(text("signature").as_str()), "{source}");
                assert_eq!(request.verify(&text("consumer_secret"), &text("token_secret")), Ok(()), "{source}");
                if let Some(base_string) = some("base_string") {
                    assert_eq!(request.base_string(), base_string, "{source}");
                }
                if let Some(printed) = some("printed") {
                    let header = text("authorization").replace(&encode::percent(&text("signature")), &encode::percent(&printed));
                    let request = read_at(source, &text("method"), &text("url"), target, &body, Some(&header));
                    assert!(request.verify(&text("consumer_secret"), &text("token_secret")).is_err(), "{source}: the erratum stands");
                }
            }
            "oauth1_credentials" => {
                let client = oauth1_client(|_, flow| flow.authorize = endpoint(&text("authorize")));
                let (opens, pending) = begin1(&client, Callback::Url(text("callback")), &text("body")).expect("temporary credentials");
                assert_eq!(opens, text("opens"), "{source}");
                let verified = pending.verify(Answer::Url(&text("comes_back")), NOW).expect("verified");
                let exchange = client.exchange(verified, NOW, &Chance::new(1)).expect("an exchange");
                assert_eq!(read_signed(exchange.request()).verifier(), Some(text("verifier").as_str()), "{source}");
                exchange.receive(&form_answer(200, &text("token_body")), NOW).expect("token credentials");
            }
            "authorize" => {
                let input = serde_json::json!({
                    "url": case["endpoint"], "client_id": case["client_id"], "redirect_uri": case["redirect_uri"],
                    "scopes": some_list(&case["scopes"]), "state": case["state"], "resources": some_list(&case["resources"]),
                });
                authorize(source, &input, &text("opens"));
            }
            "callback" => match (verify_code(&text("redirect_uri"), &text("state"), &text("comes_back")), some("code"), some("error")) {
                (Ok(code), Some(expected), None) => assert_eq!(code, expected, "{source}"),
                (Err(Error::Refused(refused)), None, Some(expected)) => assert_eq!(refused.code.as_str(), expected, "{source}"),
                (found, ..) => panic!("{source}: {found:?}"),
            },
            "token_request" => {
                let auth = if some("authorization").is_some() { ClientAuth::Basic } else { ClientAuth::Post };
                let request = token_request(
                    &App::confidential(text("client_id"), text("client_secret")),
                    |flow| flow.client_auth = auth,
                    some("code").as_deref(),
                    some("redirect_uri").as_deref(),
                    some("refresh_token").as_deref(),
                );
                assert_eq!(request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()), case["authorization"].as_str());
                assert_eq!(sorted(form(&request)), pairs(&text("body")), "{source}");
            }
            "token_answer" => {
                let received = exchange2(&oauth2_client(|_, _| {})).receive(&json_answer(status(), text("body")), NOW);
                match (received, some("error"), some("misbehaved")) {
                    (Ok(received), None, None) => {
                        let tokens = tokens2(&received);
                        assert_eq!(tokens.access.expose(), text("access"), "{source}");
                        assert_eq!(tokens.refresh.as_ref().map(Secret::expose), case["refresh"].as_str(), "{source}");
                        assert_eq!(tokens.expires_at.map(|at| at.since(NOW)), case["lifetime"].as_i64(), "{source}");
                        assert!(received.tolerated.is_empty(), "{source}");
                    }
                    (Err(Error::Refused(refused)), Some(code), None) => assert_eq!(refused.code.as_str(), code, "{source}"),
                    (Err(Error::Misbehaved(misbehaved)), None, Some(section)) => assert_eq!(misbehaved.section, section, "{source}"),
                    (found, ..) => panic!("{source}: {found:?}"),
                }
            }
            "bearer" => {
                let (token, becomes) = (text("token"), text("becomes"));
                let url = some("url").unwrap_or_else(|| "https://server.example.com/resource".into());
                let name = || "access_token".to_owned();
                match text("place").as_str() {
                    "header" => {
                        let (parts, _) = attach(keyfob_proto::Attach::Bearer, &token, &url, b"");
                        assert_eq!(parts.headers[AUTHORIZATION], becomes, "{source}");
                    }
                    "query" => assert_eq!(attach(keyfob_proto::Attach::Query(name()), &token, &url, b"").0.uri.to_string(), becomes),
                    "body" => {
                        let (_, body) = attach(keyfob_proto::Attach::Body(name()), &token, &url, b"");
                        assert_eq!(body.as_deref(), Some(becomes.as_bytes()), "{source}");
                    }
                    other => panic!("{source}: {other}"),
                }
            }
            "revocation" => {
                let app = App::confidential(text("client_id"), text("client_secret"));
                let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), app).expect("a client");
                let hint = if text("hint") == "refresh_token" { TokenKind::Refresh } else { TokenKind::Access };
                let revocation = client.revoke(&Secret::new(text("token")), hint).expect("a request").expect("an endpoint");
                assert_eq!(revocation.request().body(), text("body").as_bytes(), "{source}");
                assert_eq!(revocation.request().headers()[AUTHORIZATION], text("authorization"), "{source}");
            }
            "revocation_answer" => {
                let client = oauth2_client(|_, _| {});
                let revocation = client.revoke(&Secret::new("token-1"), TokenKind::Refresh).expect("a request").expect("an endpoint");
                match (revocation.receive(&json_answer(status(), text("body"))), some("error")) {
                    (Ok(()), None) => assert_eq!(status(), 200, "{source}"),
                    (Err(Error::Refused(refused)), Some(code)) => assert_eq!(refused.code.as_str(), code, "{source}"),
                    (Err(error), None) => assert_eq!(Some(error.is_transient()), case["transient"].as_bool(), "{source}"),
                    (found, _) => panic!("{source}: {found:?}"),
                }
            }
            "pkce" => {
                let octets: Vec<u8> = serde_json::from_value(case["octets"].clone()).expect("octets");
                let entropy = |buffer: &mut [u8]| buffer.chunks_exact_mut(octets.len()).for_each(|part| part.copy_from_slice(&octets));
                let client = oauth2_client(|_, _| {});
                let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
                let (url, pending) = client.authorize(&request, NOW, &entropy).expect("a URL");
                assert_eq!(query(&url)["code_challenge"], text("challenge"), "{source}");
                assert_eq!(query(&url)["code_challenge_method"], "S256", "{source}");
                let verified = pending.verify(Answer::Bare("code-1"), NOW).expect("verified");
                let exchange = client.exchange(verified).expect("an exchange");
                assert!(form(exchange.request()).contains(&("code_verifier".to_owned(), text("verifier"))), "{source}");
            }
            other => grant_examples::example(other, source, &case),
        }
    }
    cases.len()
}

fn authorize(at: &str, input: &Value, expected: &str) {
    let text = |name: &str| input[name].as_str().unwrap_or_else(|| panic!("{at}: {name}")).to_owned();
    let settings = oauth2_settings(|_, flow| {
        flow.authorize = Some(endpoint(&text("url")));
        flow.pkce = oauth2::Pkce::Off;
        flow.scopes.clear();
    });
    let client = oauth2::Client::new(&settings, App::public(text("client_id"))).expect("a client");
    let request = oauth2::AuthorizeRequest {
        redirect_uri: text("redirect_uri").into(),
        scopes: words(&input["scopes"]),
        resources: words(&some_list(&input["resources"])),
        ..Default::default()
    };
    let (url, pending) = client.authorize(&request, NOW, &Chance::new(1)).expect("a URL");
    // State is ours to draw, and always there.
    let state = encode::form_pairs([("state", pending.key().expose())]);
    assert!(url.contains(&state), "{at}");
    let url = match input["state"].as_str() {
        Some(theirs) => url.replace(&state, &encode::form_pairs([("state", theirs)])),
        None => url.replace(&format!("&{state}"), ""),
    };
    let ((base, ours), (expected_base, expected)) = (url.split_once('?').expect("a query"), expected.split_once('?').expect("a query"));
    assert_eq!((base, pairs(ours)), (expected_base, pairs(expected)), "{at}");
}

fn token_request(
    app: &App,
    change: impl FnOnce(&mut oauth2::Settings),
    code: Option<&str>,
    redirect_uri: Option<&str>,
    refresh_token: Option<&str>,
) -> keyfob_proto::Outgoing {
    let settings = oauth2_settings(|_, flow| {
        flow.pkce = oauth2::Pkce::Off;
        flow.token_body = TokenBody::Form;
        change(flow);
    });
    let client = oauth2::Client::new(&settings, app.clone()).expect("a client");
    let exchange = match (code, refresh_token) {
        (Some(code), None) => {
            let (_, pending) = begin2_at(&client, redirect_uri.unwrap_or(CALLBACK), 1);
            let url = callback2(&pending, &encode::form_pairs([("code", code)]));
            client.exchange(pending.verify(Answer::Url(&url), NOW).expect("verified"))
        }
        (None, Some(token)) => client.refresh(&keyfob_proto::OAuth2Tokens { refresh: Some(Secret::new(token)), ..oauth2_tokens() }),
        _ => panic!("a code or a refresh token"),
    };
    exchange.expect("an exchange").request().clone()
}

/// The code that reaches the token request when this URL comes back to a login with this state.
fn verify_code(redirect_uri: &str, state: &str, url: &str) -> Result<String, Error> {
    let client = oauth2_client(|_, flow| flow.pkce = oauth2::Pkce::Off);
    let (_, pending) = begin2_at(&client, redirect_uri, 1);
    let mut stored = serde_json::to_value(&pending).expect("made to be stored");
    stored["state"] = state.into();
    let pending: oauth2::Pending = serde_json::from_value(stored).expect("made to be stored");
    let exchange = client.exchange(pending.verify(Answer::Url(url), NOW)?)?;
    Ok(form(exchange.request()).into_iter().find(|(name, _)| name == "code").expect("a code").1)
}

fn attach(place: keyfob_proto::Attach, token: &str, url: &str, body: &[u8]) -> (http::request::Parts, Option<Vec<u8>>) {
    let settings = oauth2_settings(|settings, _| settings.api.attach = place);
    let tokens = keyfob_proto::OAuth2Tokens { access: Secret::new(token), ..oauth2_tokens() };
    let mut parts = parts("POST", url);
    let body = oauth2::attach(&settings.api, &app(), &BTreeMap::new(), &tokens, &mut parts, Body::Form(body)).expect("attached");
    (parts, body)
}

fn read(at: &str, query: &str, body: &str, authorization: Option<&str>) -> SignedRequest {
    read_at(at, "GET", "http://a.example/", &format!("/?{query}"), body, authorization)
}

fn read_at(at: &str, method: &str, url: &str, target: &str, body: &str, authorization: Option<&str>) -> SignedRequest {
    let mut headers = HeaderMap::new();
    if let Some(value) = authorization {
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
    }
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    SignedRequest::read(&method, split(url).0, target, &headers, Body::Form(body.as_bytes()))
        .unwrap_or_else(|error| panic!("{at}: {error}"))
}

/// Origin and request target of a URL, without a parser that might change it.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").expect("absolute") + 3;
    url.split_at(url[host..].find(['/', '?']).map_or(url.len(), |at| host + at))
}

/// A base string from its decoded parts, by an encoder of the tests' own.
fn join(method: &str, base_uri: &str, normalised: &str) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    format!("{}&{}&{}", method.to_ascii_uppercase(), encode(base_uri), encode(normalised))
}

fn second(base_string: &str) -> String {
    part(base_string, 1)
}

fn third(base_string: &str) -> String {
    part(base_string, 2)
}

fn part(base_string: &str, at: usize) -> String {
    let part = base_string.split('&').nth(at).expect("three parts");
    String::from_utf8(encode::percent_decode(part.as_bytes())).expect("UTF-8")
}

fn list(value: &Value) -> Vec<(String, String)> {
    serde_json::from_value(value.clone()).expect("pairs")
}

fn words(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).expect("words")
}

fn some_list(value: &Value) -> Value {
    if value.is_null() { Value::Array(Vec::new()) } else { value.clone() }
}

fn sorted(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort();
    pairs
}

fn borrow(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn lines(text: &str) -> impl Iterator<Item = (usize, Value)> + '_ {
    let read = |(at, line)| (at + 1, serde_json::from_str(line).unwrap_or_else(|error| panic!("line {}: {error}", at + 1)));
    text.lines().enumerate().map(read)
}

/// F3: none of them is where a document from the internet may lead, whatever its scheme; and an address among them is none to connect to.
fn f3_ssrf_targets(text: &str) -> usize {
    let reach = Reach::of(&endpoint("https://login.example"));
    let targets: toml::Table = text.parse().expect("TOML");
    let targets = targets["target"].as_array().expect("targets");
    for target in targets {
        let (url, why, by) = (&target["url"], &target["why"], target["by"].as_str().expect("who refuses it"));
        let url = url.as_str().expect("a URL");
        let over_tls = url.replacen("http://", "https://", 1);
        match by {
            "text" => assert!(reach.endpoint(url).is_err() && reach.endpoint(&over_tls).is_err(), "{url}: {why}"),
            "connection" => assert!(reach.endpoint(&over_tls).is_ok(), "{url} is refused by what is written already"),
            other => panic!("nobody is called {other}"),
        }
        let host = Origin::parse(url).map(|origin| origin.host().trim_matches(['[', ']']).to_owned()).unwrap_or_default();
        if let Ok(address) = host.parse() {
            assert!(!keyfob_proto::is_public(address), "{url}: {why}");
        }
    }
    targets.len()
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn folder(file: &Path) -> String {
    file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a folder").to_owned()
}

fn files() -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let mut files: Vec<_> = entries(&vectors()).iter().filter(|path| path.is_dir()).flat_map(|folder| entries(folder)).collect();
    files.sort();
    assert!(files.len() >= 7, "vectors are missing: {files:?}");
    files
}
