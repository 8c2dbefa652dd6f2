//! Requests that are pushed, signed, answered signed, made by an assertion or bound to a key: PAR, JAR, JARM, RFC 7523, DPoP.

mod common;

use std::sync::{Arc, LazyLock};

use common::{CALLBACK, CLIENT_ID, Chance, NOW, endpoint, oauth2_settings};
use http::{Response, Uri};
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, HmacKey, Jws, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oauth2::dpop::{self, ProofKey};
use keyfob_proto::oauth2::{AuthorizeRequest, Client, ClientAuth, ResponseMode, Settings, SignedSecret};
use keyfob_proto::{Answer, App, Entropy, Error, OAuth2Tokens, Outgoing, Secret, Timestamp, TokenSet, encode, oauth2};
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://login.example";
const SECRET: &str = "a-client-secret-of-32-characters";

/// What the secret of an app says that signs it itself.
static SIGNED: LazyLock<SignedSecret> =
    LazyLock::new(|| SignedSecret { issuer: "TEAM123456".to_owned(), audience: "https://id.example".to_owned() });
static OURS: LazyLock<Arc<dyn Sign>> = LazyLock::new(|| signer(Algorithm::ES256, "ours"));
static THEIRS: LazyLock<Arc<dyn Sign>> = LazyLock::new(|| signer(Algorithm::ES256, "theirs"));

fn signer(algorithm: Algorithm, name: &str) -> Arc<dyn Sign> {
    AwsLc.signer(algorithm, &AwsLc.generate(algorithm).expect("a key").named(name)).expect("it signs")
}

fn keys(of: &dyn Sign) -> KeySet {
    let mut jwk = of.public_key().expect("it has a public half").to_jwk();
    jwk.insert("kid".to_owned(), of.key_id().expect("a name").into());
    KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set")
}

fn client(app: App, change: impl FnOnce(&mut Settings)) -> Client {
    Client::new(&oauth2_settings(|_, flow| change(flow)), app).expect("a client")
}

fn confidential(change: impl FnOnce(&mut Settings)) -> Client {
    client(App::confidential(CLIENT_ID, SECRET), change)
}

fn request() -> AuthorizeRequest {
    AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["read".to_owned()], ..AuthorizeRequest::default() }
}

fn form(outgoing: &Outgoing) -> Vec<(String, String)> {
    encode::decode_text_pairs(outgoing.body()).expect("a form")
}

fn get<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let value = found.next();
    assert_eq!(found.next(), None, "{name} twice");
    value
}

fn query(url: &str) -> Vec<(String, String)> {
    encode::decode_text_pairs(url.split_once('?').expect("a query").1.as_bytes()).expect("text")
}

fn part(token: &str, nth: usize) -> Value {
    let bytes = base64url(token.split('.').nth(nth).expect("a part"));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Slowly and plainly, so that the encoder is not judged by itself.
fn base64url(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = |byte: u8| u32::try_from(ALPHABET.iter().position(|known| *known == byte).expect("base64url")).expect("below 64");
    let chunks = text
        .as_bytes()
        .chunks(4)
        .map(|chunk| (chunk.len(), chunk.iter().fold(0, |bits, byte| bits << 6 | value(*byte)) << (6 * (4 - chunk.len()))));
    chunks.flat_map(|(length, bits): (usize, u32)| bits.to_be_bytes()[1..length].to_vec()).collect()
}

fn answer(status: u16, body: &Value) -> Response<Vec<u8>> {
    let answer = Response::builder().status(status).header("content-type", "application/json").body(body.to_string().into_bytes());
    answer.expect("an answer")
}

fn token_answer(token_type: &str) -> Response<Vec<u8>> {
    answer(200, &json!({ "access_token": "access-1", "token_type": token_type, "expires_in": 3600, "refresh_token": "refresh-1" }))
}

#[test]
fn g4_assertions_name_the_issuer_and_are_made_anew_for_each_sending() {
    let secret_jwt = confidential(|flow| flow.client_auth = ClientAuth::SecretJwt);
    let private = client(App::public(CLIENT_ID), |flow| flow.client_auth = ClientAuth::PrivateKeyJwt).with_key(OURS.clone());
    for client in [secret_jwt, private] {
        let exchange = client.client_credentials(&oauth2::AccessRequest::scopes(["read"])).expect("a request");
        let chance = Chance::new(1);
        let send = || form(&client.sending(exchange.request(), None, NOW, &chance).expect("it signs"));
        let (first, second) = (send(), send());
        assert_eq!(get(&first, "client_assertion_type"), Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        assert_eq!((get(&first, "client_secret"), get(&first, "client_id")), (None, None), "one way of saying who it is");
        let claims = part(get(&first, "client_assertion").expect("an assertion"), 1);
        assert_eq!((&claims["aud"], &claims["iss"], &claims["sub"]), (&ISSUER.into(), &CLIENT_ID.into(), &CLIENT_ID.into()));
        assert_ne!(claims["jti"], part(get(&second, "client_assertion").expect("an assertion"), 1)["jti"]);
        assert!(exchange.request().headers().get("authorization").is_none());
    }
    let lacking = client(App::public(CLIENT_ID), |flow| flow.client_auth = ClientAuth::PrivateKeyJwt);
    assert!(lacking.client_credentials(&oauth2::AccessRequest::default()).is_err(), "no key, no proof of who it is");
    let nameless = confidential(|flow| (flow.client_auth, flow.issuer) = (ClientAuth::SecretJwt, None));
    let exchange = nameless.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    assert!(nameless.sending(exchange.request(), None, NOW, &Chance::new(1)).is_err(), "for nobody");
    let short = client(App::confidential(CLIENT_ID, "short"), |flow| flow.client_auth = ClientAuth::SecretJwt);
    let exchange = short.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    assert!(short.sending(exchange.request(), None, NOW, &Chance::new(1)).is_err(), "a secret that one signature gives away");
}

/// RFC 7523 §3: some servers take the token endpoint alone. It is said by whoever knows the server, and no issuer is needed for it.
#[test]
fn g4_assertions_are_for_whom_the_settings_name() {
    const ENDPOINT: &str = "https://org.login.example/oauth2/v1/token";
    for issuer in [Some(ISSUER.to_owned()), None] {
        let client = confidential(|flow| {
            (flow.client_auth, flow.issuer) = (ClientAuth::SecretJwt, issuer.clone());
            flow.assertion_audience = Some(ENDPOINT.to_owned());
        });
        let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
        let sent = form(&client.sending(exchange.request(), None, NOW, &Chance::new(1)).expect("it signs"));
        assert_eq!(part(get(&sent, "client_assertion").expect("an assertion"), 1)["aud"], ENDPOINT);
    }
}

/// A secret that the server would take for half a year lives as long as an assertion does.
#[test]
fn g4_a_signed_secret_is_about_the_client_and_made_anew_for_each_sending() {
    let change = |flow: &mut Settings| {
        (flow.client_auth, flow.signed_secret) = (ClientAuth::SignedSecret, Some(SIGNED.clone()));
        flow.parameter_names = vec![("client_secret".to_owned(), "secret".to_owned())];
        flow.revoke = Some(endpoint("https://login.example/revoke"));
    };
    let client = client(App::confidential(CLIENT_ID, SECRET), change).with_key(OURS.clone());
    let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    let revocation = client.revoke(&Secret::new("a"), oauth2::TokenKind::Access).expect("a request").expect("an endpoint");
    for request in [exchange.request(), revocation.request()] {
        let at = |now| form(&client.sending(request, None, now, &Chance::new(1)).expect("it signs"));
        let (first, later) = (at(NOW), at(NOW.plus(5)));
        assert_eq!((get(&first, "client_id"), get(&first, "client_assertion")), (Some(CLIENT_ID), None), "one way of saying who it is");
        let secret = get(&first, "secret").expect("a secret, by the server's name for it");
        let (header, claims) = (part(secret, 0), part(secret, 1));
        assert_eq!((&header["alg"], &header["kid"]), (&"ES256".into(), &"ours".into()));
        let now = NOW.as_unix();
        assert_eq!(claims, json!({ "iss": "TEAM123456", "sub": CLIENT_ID, "aud": "https://id.example", "iat": now, "exp": now + 60 }));
        let keys = keys(&**OURS);
        assert!(Jws::read(secret).expect("signed").verify(&Keys::Set(&keys), &Algorithms::of([Algorithm::ES256])).is_ok());
        assert_eq!(part(get(&later, "secret").expect("a secret"), 1)["iat"], now + 5);
        assert!(form(request).iter().all(|(name, _)| name != "secret"), "the step has none");
    }
    let lacking = self::client(App::public(CLIENT_ID), change);
    assert!(lacking.check_key().is_err(), "told before anybody is asked");
    let exchange = lacking.client_credentials(&oauth2::AccessRequest::default());
    assert!(exchange.is_err(), "no key, no proof of who it is");
    let unsaid = self::client(App::public(CLIENT_ID), |flow| flow.client_auth = ClientAuth::SignedSecret).with_key(OURS.clone());
    let exchange = unsaid.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    assert!(unsaid.sending(exchange.request(), None, NOW, &Chance::new(1)).is_err(), "nobody said what it says");
    let json = self::client(App::public(CLIENT_ID), |flow| {
        change(flow);
        flow.token_body = oauth2::TokenBody::Json;
    });
    assert!(json.with_key(OURS.clone()).client_credentials(&oauth2::AccessRequest::default()).is_err(), "it is added to a form");
}

/// What was signed for a sending is known to nobody who judges the answer. A server that repeats it must not have it shown, or kept with the reason why an
/// account needs a new login.
#[test]
fn c15_what_was_signed_for_a_sending_is_shown_on_no_road() {
    for auth in [ClientAuth::SignedSecret, ClientAuth::SecretJwt, ClientAuth::PrivateKeyJwt] {
        let client = confidential(|flow| {
            (flow.client_auth, flow.signed_secret) = (auth, Some(SIGNED.clone()));
            flow.pushed = Some(endpoint("https://login.example/par"));
        })
        .with_key(OURS.clone());
        let echoed = |request: &Outgoing| {
            let pairs = form(&client.sending(request, None, NOW, &Chance::new(1)).expect("it signs"));
            let made = get(&pairs, "client_secret").or(get(&pairs, "client_assertion")).expect("signed").to_owned();
            let said = format!("nobody has signed {made}; sent: client_secret={made}&a=b");
            let body =
                json!({ "error": "invalid_client", "error_description": said, "error_uri": format!("https://login.example/?{made}") });
            (made, answer(401, &body))
        };
        let shown = |road: &str, (made, error): (String, Option<Error>)| {
            let error = error.expect("refused");
            let Error::Refused(refused) = &error else { panic!("{road}: {error:?}") };
            assert!(refused.description.as_ref().is_some_and(|said| said.contains("nobody has signed <secret>;")), "{road}: {error}");
            assert!(!format!("{error} {error:?}").contains(&made[made.len() - 20..]), "{road}, {auth:?}: {error:?}");
        };
        let access = oauth2::AccessRequest::scopes(["read"]);
        let chance = Chance::new(2);
        let exchange = client.client_credentials(&access).expect("a request");
        let (made, said) = echoed(exchange.request());
        shown("token", (made, exchange.receive(&said, NOW).err()));
        let pushed = client.push(&request(), NOW, &chance).expect("a request");
        let (made, said) = echoed(pushed.request());
        shown("pushed", (made, pushed.receive(&said).err()));
        let revocation = client.revoke(&Secret::new("access-1"), oauth2::TokenKind::Access).expect("a request").expect("an endpoint");
        let (made, said) = echoed(revocation.request());
        shown("revoke", (made, revocation.receive(&said).err()));
        let introspecting = client.introspect(&endpoint("https://login.example/introspect"), &Secret::new("access-1"), None);
        let introspecting = introspecting.expect("a request");
        let (made, said) = echoed(introspecting.request());
        shown("introspect", (made, introspecting.receive(&said, None).err()));
        let device = client.device_authorization(&access).expect("a request");
        let (made, said) = echoed(device.request());
        shown("device", (made, device.receive(&said, NOW).err()));
        let device = client.device_authorization(&access).expect("a request");
        let code =
            json!({ "device_code": "d-1", "user_code": "WDJB", "verification_uri": "https://login.example/device", "expires_in": 900 });
        let mut login = device.receive(&answer(200, &code), NOW).expect("a login");
        let Ok(oauth2::Step::Send(question)) = login.step(&client, NOW.plus(5)) else { panic!("a question") };
        let (made, said) = echoed(&question);
        shown("device question", (made, login.receive(&client, &said, NOW.plus(6)).err()));
        let asked = oauth2::BackchannelRequest::new(oauth2::Hint::Login("anna".into()), oauth2::AccessRequest::scopes(["openid"]));
        let asked = client.backchannel_authentication(&asked, &chance).expect("a request");
        let (made, said) = echoed(asked.request());
        shown("ciba", (made, asked.receive(&said, NOW).err()));
    }
}

#[test]
fn what_needs_nothing_fresh_is_sent_as_it_is() {
    let client = confidential(|_| {});
    let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    let sent = client.sending(exchange.request(), Some("nonce"), NOW, &Chance::new(1)).expect("it is as it is");
    assert_eq!((sent.body(), sent.headers()), (exchange.request().body(), exchange.request().headers()));
}

#[test]
fn mtls_names_the_client_and_leaves_the_rest_to_the_transport() {
    let client = client(App::public(CLIENT_ID), |flow| flow.client_auth = ClientAuth::Tls);
    let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    assert_eq!(get(&form(exchange.request()), "client_id"), Some(CLIENT_ID));
}

#[test]
fn a22_a_pushed_request_leaves_only_its_name_to_the_browser() {
    for (auth, named) in [(ClientAuth::Basic, true), (ClientAuth::Post, true)] {
        let client = confidential(|flow| {
            flow.client_auth = auth;
            flow.pushed = Some(endpoint("https://login.example/par"));
            flow.pushed_required = true;
        });
        let pushed = client.push(&request(), NOW, &Chance::new(1)).expect("a request");
        assert_eq!(pushed.request().uri(), "https://login.example/par");
        let body = form(pushed.request());
        assert_eq!(get(&body, "client_id").is_some(), named);
        assert_eq!((get(&body, "code_challenge_method"), get(&body, "redirect_uri")), (Some("S256"), Some(CALLBACK)));
        let state = get(&body, "state").expect("a state").to_owned();
        let name = "urn:ietf:params:oauth:request_uri:bwc4JK-ESC0w8acc191e-Y1LTC2";
        let (url, pending) = pushed.receive(&answer(201, &json!({ "request_uri": name, "expires_in": 60 }))).expect("a name");
        let parameters = query(&url);
        assert_eq!(parameters, [("client_id".to_owned(), CLIENT_ID.to_owned()), ("request_uri".to_owned(), name.to_owned())]);
        assert!(!url.contains(&state) && pending.key().same_as(&state));
        let back = format!("code=code-1&state={state}&iss=https%3A%2F%2Flogin.example");
        assert!(pending.verify(Answer::Query(&back), NOW).is_ok());
    }
}

#[test]
fn a22_a_pushed_request_names_the_client_once_however_it_says_who_it_is() {
    let ways = [
        ClientAuth::Basic,
        ClientAuth::BasicRaw,
        ClientAuth::BasicSecret,
        ClientAuth::Post,
        ClientAuth::SignedSecret,
        ClientAuth::SecretJwt,
        ClientAuth::PrivateKeyJwt,
        ClientAuth::Tls,
        ClientAuth::None,
    ];
    for auth in ways {
        for app in [App::confidential(CLIENT_ID, SECRET), App::public(CLIENT_ID)] {
            let has_secret = app.client_secret.is_some();
            let change = |flow: &mut Settings| {
                flow.client_auth = auth;
                flow.signed_secret = Some(SIGNED.clone());
                flow.pushed = Some(endpoint("https://login.example/par"));
            };
            let client = client(app, change).with_key(OURS.clone());
            let pushed = client.push(&request(), NOW, &Chance::new(1)).expect("a request");
            let outgoing = client.sending(pushed.request(), None, NOW, &Chance::new(2)).expect("it is signed");
            let mut names: Vec<_> = form(&outgoing).into_iter().map(|(name, _)| name).collect();
            names.sort();
            let count = |name: &str| names.iter().filter(|known| *known == name).count();
            assert_eq!(count("client_id"), 1, "{auth:?}, secret {has_secret}: RFC 9126 §2.1, RFC 6749 §3.1");
            let proofs = [usize::from(outgoing.headers().contains_key("authorization")), count("client_secret"), count("client_assertion")];
            let expected = match auth {
                ClientAuth::Basic | ClientAuth::BasicRaw | ClientAuth::BasicSecret if has_secret => [1, 0, 0],
                ClientAuth::Post if has_secret => [0, 1, 0],
                ClientAuth::SignedSecret => [0, 1, 0],
                ClientAuth::SecretJwt if has_secret => [0, 0, 1],
                ClientAuth::PrivateKeyJwt => [0, 0, 1],
                _ => [0, 0, 0],
            };
            assert_eq!(proofs, expected, "{auth:?}, secret {has_secret}: one way, and no other (RFC 6749 §2.3)");
        }
    }
}

#[test]
fn a22_where_pushing_is_required_or_fails_nothing_goes_through_the_browser() {
    let client = confidential(|flow| {
        flow.pushed = Some(endpoint("https://login.example/par"));
        flow.pushed_required = true;
    });
    assert!(client.authorize(&request(), NOW, &Chance::new(1)).is_err());
    let (place, unsigned) = ("https://app.example/r/1", oauth2::Signing::Unsigned);
    assert!(client.authorize_by_reference(&request(), place, unsigned, NOW, &Chance::new(1)).is_err());
    assert!(oauth2::legacy::authorize_implicit(&client, &request(), NOW, &Chance::new(1)).is_err());
    let push = || client.push(&request(), NOW, &Chance::new(1)).expect("a request");
    let refused = push().receive(&answer(400, &json!({ "error": "invalid_request" }))).expect_err("refused");
    assert!(matches!(refused, Error::Refused(_)) && refused.ends_login());
    for body in [
        json!({}),
        json!({ "request_uri": "", "expires_in": 60 }),
        json!({ "request_uri": "a b", "expires_in": 60 }),
        json!({ "request_uri": 1, "expires_in": 60 }),
        json!({ "request_uri": "x".repeat(3000), "expires_in": 60 }),
        json!({ "request_uri": "urn:x" }),
        json!({ "request_uri": "urn:x", "expires_in": 0 }),
        json!({ "request_uri": "urn:x", "expires_in": -1 }),
        json!([]),
    ] {
        assert!(matches!(push().receive(&answer(201, &body)), Err(Error::Misbehaved(_))), "{body}");
    }
    let redirect = Response::builder().status(302).header("location", "https://evil.example/").body(Vec::new()).expect("an answer");
    assert!(push().receive(&redirect).is_err());
    let without = confidential(|_| {});
    assert!(matches!(without.push(&request(), NOW, &Chance::new(1)), Err(Error::Misuse(_))));
}

#[test]
fn a22_hybrid_requests_are_pushed_where_that_is_required() {
    let required = confidential(|flow| (flow.pushed, flow.pushed_required) = (Some(endpoint("https://login.example/par")), true));
    let asked = AuthorizeRequest { scopes: vec!["openid".to_owned()], ..request() };
    let hybrid = oauth2::Hybrid::IdToken;
    assert!(matches!(required.authorize_hybrid(&asked, hybrid, NOW, &Chance::new(1)), Err(Error::Misuse(_))));
    let pushed = required.push_hybrid(&asked, hybrid, NOW, &Chance::new(1)).expect("a request");
    assert_eq!(get(&form(pushed.request()), "response_type"), Some("code id_token"));
    let (url, pending) = pushed.receive(&answer(201, &json!({ "request_uri": "urn:x", "expires_in": 60 }))).expect("a name");
    assert!(url.contains("request_uri=urn%3Ax") && !url.contains(pending.key().expose()), "{url}");
    let may = confidential(|flow| flow.pushed = Some(endpoint("https://login.example/par")));
    assert!(may.authorize_hybrid(&asked, hybrid, NOW, &Chance::new(1)).is_ok());
}

#[test]
fn a22_an_implicit_request_is_pushed_as_any_other() {
    let client = confidential(|flow| (flow.pushed, flow.pushed_required) = (Some(endpoint("https://login.example/par")), true));
    let pushed = oauth2::legacy::push_implicit(&client, &request(), NOW, &Chance::new(1)).expect("a request");
    assert_eq!(get(&form(pushed.request()), "response_type"), Some("token"));
    let (url, pending) = pushed.receive(&answer(201, &json!({ "request_uri": "urn:x", "expires_in": 60 }))).expect("a name");
    assert!(url.contains("request_uri=urn%3Ax") && !url.contains(pending.key().expose()), "{url}");
    assert!(pending.began_at() == NOW && pending.expires_at() > NOW);
    let back = format!("access_token=a&token_type=Bearer&iss={ISSUER}&state={}", pending.key().expose());
    pending.receive(&client, Answer::Fragment(&back), NOW).expect("a token");
    let without = confidential(|_| {});
    let refused = oauth2::legacy::push_implicit(&without, &request(), NOW, &Chance::new(1));
    assert!(matches!(refused, Err(Error::Misuse(_))));
}

#[test]
fn a_signed_request_says_everything_inside_and_nothing_outside() {
    let client = confidential(|flow| flow.request_object = true).with_key(OURS.clone());
    let (url, pending) = client.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    let parameters = query(&url);
    let names: Vec<_> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["client_id", "request"]);
    let object = get(&parameters, "request").expect("a request object");
    assert_eq!(part(object, 0)["typ"], "oauth-authz-req+jwt");
    let claims = part(object, 1);
    assert_eq!((&claims["iss"], &claims["aud"]), (&CLIENT_ID.into(), &ISSUER.into()));
    assert!(pending.key().same_as(claims["state"].as_str().expect("a state")));
    assert_eq!((&claims["scope"], &claims["response_type"]), (&"read".into(), &"code".into()));
    let jws = Jws::read(object).expect("signed text");
    assert!(jws.verify(&Keys::Set(&keys(&**OURS)), &Algorithms::asymmetric()).is_ok());
    let keyless = confidential(|flow| flow.request_object = true);
    assert!(keyless.authorize(&request(), NOW, &Chance::new(1)).is_err());
}

/// An answer signed by the server, with these claims changed.
fn signed_answer(state: &str, by: &dyn Sign, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": CLIENT_ID, "exp": NOW.as_unix() + 60, "iat": NOW.as_unix(), "code": "code-1", "state": state
    });
    change(&mut claims);
    sign_compact(by, Map::new(), claims.to_string().as_bytes()).expect("it signs")
}

#[test]
fn a23_a_signed_answer_is_judged_by_signature_issuer_audience_and_time() {
    let client = confidential(|_| {});
    let asked = AuthorizeRequest { response_mode: Some(ResponseMode::QueryJwt), ..request() };
    let (url, pending) = client.authorize(&asked, NOW, &Chance::new(1)).expect("a URL");
    assert_eq!(get(&query(&url), "response_mode"), Some("query.jwt"));
    let (set, all) = (keys(&**THEIRS), Algorithms::asymmetric());
    let state = pending.key().expose().to_owned();
    let judge = |text: &str| pending.verify_signed(Answer::Query(text), &Keys::Set(&set), &all, NOW);
    let answer = |change: &dyn Fn(&mut Value)| format!("response={}", signed_answer(&state, &**THEIRS, change));
    assert!(judge(&answer(&|_| {})).is_ok());
    assert!(judge(&format!("{}&code=injected&state=x", answer(&|_| {}))).is_ok(), "what is beside it is not looked at");
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", Value::Null),
        ("aud", json!("them")),
        ("aud", Value::Null),
        ("exp", json!(NOW.as_unix() - 60)),
        ("exp", Value::Null),
        ("state", json!("another")),
        ("state", Value::Null),
        ("code", Value::Null),
        ("code", json!("")),
    ] {
        let error = judge(&answer(&|claims| claims[name] = value.clone())).expect_err(name);
        assert!(!error.ends_login(), "{name}: {error}");
    }
    let denied = judge(&answer(&|claims| {
        claims["code"] = Value::Null;
        claims["error"] = "access_denied".into();
    }));
    assert!(denied.expect_err("a denial").ends_login());
    // A token of another kind, by the same server for us, is no answer; one that says it is a JWT is (RFC 8725 §3.11).
    let claims = json!({ "iss": ISSUER, "aud": CLIENT_ID, "exp": NOW.as_unix() + 60, "code": "code-1", "state": state });
    let typed = |kind: &str| {
        let header = json!({ "typ": kind }).as_object().expect("an object").clone();
        judge(&format!("response={}", sign_compact(&**THEIRS, header, claims.to_string().as_bytes()).expect("signed")))
    };
    assert!(typed("JWT").is_ok() && typed("at+jwt").is_err() && typed("logout+jwt").is_err());
    // Signed by somebody else under the same name; not signed; signed with what everybody knows.
    let stranger = signer(Algorithm::ES256, "theirs");
    assert!(judge(&format!("response={}", signed_answer(&state, &*stranger, |_| {}))).is_err());
    let text = answer(&|_| {});
    let unsigned = format!("{}.{}.", encode::base64url(br#"{"alg":"none"}"#), text.split('.').nth(1).expect("a payload"));
    assert!(judge(&format!("response={unsigned}")).is_err());
    let hmac = HmacKey::new(Algorithm::HS256, &Secret::new(SECRET)).expect("long enough");
    assert!(judge(&format!("response={}", signed_answer(&state, &hmac, |_| {}))).is_err());
    assert!(judge(&format!("code=code-1&state={state}")).is_err(), "not signed at all");
    assert!(judge(&format!("{text}&{text}")).is_err(), "twice");
    // And what was asked for signed is not taken any other way.
    assert!(pending.verify(Answer::Query(&format!("code=code-1&state={state}")), NOW).is_err());
    assert!(pending.verify(Answer::Bare("code-1"), NOW).is_err());
    let (_, plain) = client.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    assert!(plain.verify_signed(Answer::Query(&text), &Keys::Set(&set), &all, NOW).is_err());
    assert!(pending.verify_signed(Answer::Query(&text), &Keys::Set(&set), &all, NOW.plus(700)).is_err(), "too late");
}

#[test]
fn a23_the_three_places_of_a_signed_answer() {
    let client = confidential(|_| {});
    let (set, all) = (keys(&**THEIRS), Algorithms::asymmetric());
    for mode in [ResponseMode::QueryJwt, ResponseMode::FragmentJwt] {
        let asked = AuthorizeRequest { response_mode: Some(mode), ..request() };
        let (_, pending) = client.authorize(&asked, NOW, &Chance::new(1)).expect("a URL");
        let text = format!("response={}", signed_answer(pending.key().expose(), &**THEIRS, |_| {}));
        let judge = |answer: Answer<'_>| pending.verify_signed(answer, &Keys::Set(&set), &all, NOW).is_ok();
        assert_eq!(judge(Answer::Query(&text)), mode == ResponseMode::QueryJwt);
        assert_eq!(judge(Answer::Fragment(&text)), mode == ResponseMode::FragmentJwt);
    }
    // JARM §2.3.4: "jwt", in a provider file, is the response type's own place.
    let by_file = confidential(|flow| flow.authorize_params = vec![("response_mode".to_owned(), "jwt".to_owned())]);
    let (_, pending) = by_file.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    assert_eq!(pending.response_mode(), ResponseMode::QueryJwt);
    let nameless = confidential(|flow| flow.issuer = None);
    let asked = AuthorizeRequest { response_mode: Some(ResponseMode::QueryJwt), ..request() };
    assert!(nameless.authorize(&asked, NOW, &Chance::new(1)).is_err(), "nobody to hold it against");
}

fn bound() -> (Client, ProofKey) {
    let key = AwsLc.generate(Algorithm::ES256).expect("a key");
    let stored = key.to_pem().expect("it was made here");
    let key = ProofKey::new(AwsLc.signer(Algorithm::ES256, &key).expect("it signs"), stored).expect("a key pair");
    (confidential(|_| {}).with_proof_key(key.clone()), key)
}

#[test]
fn g1_token_requests_carry_a_proof_and_others_do_not() {
    let (client, key) = bound();
    let (url, pending) = client.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    assert_eq!(get(&query(&url), "dpop_jkt"), Some(key.thumbprint()));
    let back = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", pending.key().expose());
    let exchange = client.exchange(pending.verify(Answer::Query(&back), NOW).expect("ours")).expect("a request");
    let chance = Chance::new(2);
    let proof = |nonce: Option<&str>| {
        let outgoing = client.sending(exchange.request(), nonce, NOW, &chance).expect("it signs");
        let proof = outgoing.headers().get(dpop::PROOF).expect("a proof").to_str().expect("text").to_owned();
        let expected = dpop::Expected { method: outgoing.method(), uri: outgoing.uri(), nonce, access_token: None, now: NOW };
        expected.judge(&proof, Arc::new(AwsLc)).expect("it holds")
    };
    // Once more with the nonce that the server asks for: another proof.
    let (first, second) = (proof(None), proof(Some("a-nonce")));
    assert_eq!(first.key.thumbprint(), key.thumbprint());
    assert_ne!(first.id, second.id);
    let revocation = client.revoke(&Secret::new("access-1"), oauth2::TokenKind::Access).expect("a request").expect("an endpoint");
    let outgoing = client.sending(revocation.request(), None, NOW, &chance).expect("it is as it is");
    assert!(outgoing.headers().get(dpop::PROOF).is_none());
}

#[test]
fn c8_bearer_where_a_bound_token_was_asked_for_is_refused_and_the_reverse() {
    let (bound, _) = bound();
    let plain = confidential(|_| {});
    for (client, right, wrong) in [(&bound, "dpop", "Bearer"), (&plain, "bearer", "DPoP")] {
        let exchange = || client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
        assert!(exchange().receive(&token_answer(right), NOW).is_ok());
        assert!(matches!(exchange().receive(&token_answer(wrong), NOW), Err(Error::Misbehaved(_))));
    }
    let without = answer(200, &json!({ "access_token": "access-1" }));
    assert!(bound.client_credentials(&oauth2::AccessRequest::default()).expect("a request").receive(&without, NOW).is_err());
}

fn bound_tokens() -> (Client, ProofKey, OAuth2Tokens) {
    let (client, key) = bound();
    let tokens: OAuth2Tokens = OAuth2Tokens { refresh: Some(Secret::new("refresh-1")), ..received(&client) };
    (client, key, tokens)
}

fn received(client: &Client) -> OAuth2Tokens {
    let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    match exchange.receive(&token_answer("DPoP"), NOW).expect("tokens").tokens {
        TokenSet::OAuth2(tokens) => tokens,
        _ => panic!("tokens of another protocol"),
    }
}

#[test]
fn g1_a_bound_token_travels_with_a_proof_and_never_without() {
    let (_, key, tokens) = bound_tokens();
    assert!(tokens.proof_key.as_ref().is_some_and(|kept| kept.same_as(key.stored().expose())), "kept with the tokens");
    let settings = oauth2_settings(|_, _| {});
    let mut parts = http::Request::get("https://api.example/v1/me?x=y").body(()).expect("a request").into_parts().0;
    let refused = oauth2::attach(
        &settings.api,
        &App::public(CLIENT_ID),
        &std::collections::BTreeMap::new(),
        &tokens,
        &mut parts,
        keyfob_proto::Body::Opaque,
    );
    assert!(refused.is_err() && parts.headers.is_empty());
    oauth2::attach_bound(&tokens, &key, Some("a-nonce"), &mut parts, NOW, &Chance::new(1)).expect("it signs");
    assert_eq!(parts.headers["authorization"], "DPoP access-1");
    assert!(parts.headers["authorization"].is_sensitive() && parts.headers[dpop::PROOF].is_sensitive());
    let uri: Uri = parts.uri.clone();
    let expected =
        dpop::Expected { method: &parts.method, uri: &uri, nonce: Some("a-nonce"), access_token: Some(&tokens.access), now: NOW };
    assert!(expected.judge(parts.headers[dpop::PROOF].to_str().expect("text"), Arc::new(AwsLc)).is_ok());
}

#[test]
fn g1_the_key_stays_through_a_refresh_and_a_restart() {
    let (client, key, tokens) = bound_tokens();
    let stored = serde_json::to_string(&TokenSet::OAuth2(tokens.clone())).expect("made to be stored");
    let TokenSet::OAuth2(again) = serde_json::from_str(&stored).expect("as it rests") else { panic!("of one kind") };
    assert!(again.proof_key.as_ref().is_some_and(|kept| kept.same_as(key.stored().expose())));
    assert!(TokenSet::OAuth2(again.clone()).secrets().iter().any(|secret| secret.same_as(key.stored().expose())), "never shown");
    let exchange = client.refresh(&again).expect("a request");
    let outgoing = client.sending(exchange.request(), None, NOW, &Chance::new(1)).expect("it signs");
    assert!(outgoing.headers().contains_key(dpop::PROOF));
    let TokenSet::OAuth2(renewed) = exchange.receive(&token_answer("DPoP"), NOW).expect("tokens").tokens else { panic!("of one kind") };
    assert!(renewed.proof_key.is_some_and(|kept| kept.same_as(key.stored().expose())));
}

#[test]
fn g3_one_key_binds_the_code_its_exchange_and_every_refresh() {
    let (_, key) = bound();
    let client = confidential(|flow| flow.pushed = Some(endpoint("https://login.example/par"))).with_proof_key(key.clone());
    let pushed = client.push(&request(), NOW, &Chance::new(1)).expect("a request");
    assert_eq!(get(&form(pushed.request()), "dpop_jkt"), Some(key.thumbprint()), "RFC 9449 §10.1: the pushed request says it, too");
    let (_, pending) = client.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    let back = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", pending.key().expose());
    let exchange = client.exchange(pending.verify(Answer::Query(&back), NOW).expect("ours")).expect("a request");
    let proved_by = |request: &Outgoing| {
        let outgoing = client.sending(request, None, NOW, &Chance::new(2)).expect("it signs");
        let proof = outgoing.headers().get(dpop::PROOF).expect("a proof").to_str().expect("text").to_owned();
        let expected = dpop::Expected { method: outgoing.method(), uri: outgoing.uri(), nonce: None, access_token: None, now: NOW };
        expected.judge(&proof, Arc::new(AwsLc)).expect("it holds").key.thumbprint().to_owned()
    };
    assert_eq!(proved_by(exchange.request()), key.thumbprint());
    let TokenSet::OAuth2(tokens) = exchange.receive(&token_answer("DPoP"), NOW).expect("tokens").tokens else { panic!("of one kind") };
    assert_eq!(proved_by(client.refresh(&tokens).expect("a request").request()), key.thumbprint());
}

/// Time and entropy are all that goes in.
#[test]
fn g3_a_code_and_what_comes_of_it_are_for_the_key_they_were_asked_for_with() {
    let (client, key) = bound();
    let (_, pending) = client.authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    assert!(pending.proof_key().is_some_and(|stored| stored.same_as(key.stored().expose())));
    let stored = serde_json::to_string(&pending).expect("made to be stored");
    let again: oauth2::Pending = serde_json::from_str(&stored).expect("as it rests");
    let back = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", pending.key().expose());
    let verified = || again.verify(Answer::Query(&back), NOW).expect("ours");
    assert!(client.exchange(verified()).is_ok());
    let (another, _) = bound();
    for other in [&another, &confidential(|_| {})] {
        assert!(matches!(other.exchange(verified()), Err(Error::Misuse(_))), "a code for another key");
    }
    // Nor does a login that began without one end with one.
    let (_, plain) = confidential(|_| {}).authorize(&request(), NOW, &Chance::new(1)).expect("a URL");
    let back = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", plain.key().expose());
    assert!(client.exchange(plain.verify(Answer::Query(&back), NOW).expect("ours")).is_err());

    let (client, _, tokens) = bound_tokens();
    assert!(client.refresh(&tokens).is_ok());
    for other in [&another, &confidential(|_| {})] {
        assert!(matches!(other.refresh(&tokens), Err(Error::Misuse(_))), "a refresh for another key");
    }
}

#[test]
fn rfc_8707_resources_are_named_again_at_every_refresh() {
    let client = confidential(|_| {});
    let resources = vec!["https://a.example/x".to_owned(), "https://b.example".to_owned()];
    let asked = AuthorizeRequest { resources: resources.clone(), ..request() };
    let (_, pending) = client.authorize(&asked, NOW, &Chance::new(1)).expect("a URL");
    let back = format!("code=code-1&state={}&iss=https%3A%2F%2Flogin.example", pending.key().expose());
    let exchange = client.exchange(pending.verify(Answer::Query(&back), NOW).expect("ours")).expect("a request");
    let named = |outgoing: &Outgoing| form(outgoing).into_iter().filter(|(name, _)| name == "resource").map(|(_, value)| value).collect();
    let mut all: Vec<Vec<String>> = vec![named(exchange.request())];
    let mut received = exchange.receive(&token_answer("Bearer"), NOW).expect("tokens");
    for _ in 0..2 {
        let TokenSet::OAuth2(tokens) = &received.tokens else { panic!("OAuth 2") };
        let stored = serde_json::to_string(&received.tokens).expect("made to be stored");
        assert!(stored.contains("https://a.example/x"));
        let refresh = client.refresh(tokens).expect("a request");
        all.push(named(refresh.request()));
        received = refresh.receive(&token_answer("Bearer"), NOW).expect("tokens");
    }
    assert!(all.iter().all(|named| *named == resources), "{all:?}");
}

#[test]
fn an_exchanged_token_is_bound_where_the_request_was_proved() {
    let (client, key) = bound();
    let request = oauth2::TokenExchangeRequest::new(Secret::new("subject"), oauth2::TokenType::AccessToken);
    let body = |token_type: &str| json!({ "access_token": "access-2", "token_type": token_type, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" });
    let receive = |client: &Client, token_type: &str| {
        client.token_exchange(&request).expect("a request").receive(&answer(200, &body(token_type)), NOW)
    };
    let exchanged = receive(&client, "dpop").expect("a token");
    let tokens = exchanged.for_a_call().expect("it is for calls");
    assert!(tokens.proof_key.as_ref().is_some_and(|stored| stored.same_as(key.stored().expose())));
    assert!(receive(&client, "Bearer").is_err(), "c8: a downgrade");
    let plain = confidential(|_| {});
    assert!(receive(&plain, "DPoP").is_err());
    assert!(receive(&plain, "Bearer").expect("a token").for_a_call().is_some_and(|tokens| tokens.proof_key.is_none()));
}

#[test]
fn a_key_that_is_wanted_and_missing_is_told() {
    for (change, has_key) in [(ClientAuth::PrivateKeyJwt, false), (ClientAuth::PrivateKeyJwt, true), (ClientAuth::Basic, true)] {
        let client = confidential(|flow| flow.client_auth = change);
        let client = if has_key { client.with_key(OURS.clone()) } else { client };
        assert_eq!(client.check_key().is_ok(), has_key, "{change:?}");
    }
    assert!(confidential(|flow| flow.request_object = true).check_key().is_err());
    assert!(confidential(|_| {}).check_key().is_ok());
}

#[test]
fn an_app_s_own_key_signs_as_it_was_registered() {
    let ec = AwsLc.generate(Algorithm::ES384).expect("a key").to_pem();
    let rsa = AwsLc.generate(Algorithm::RS256).expect("a key").to_pem();
    let app = |key: &Option<Secret>, algorithm: Option<Algorithm>| App {
        private_key: key.clone(),
        private_key_algorithm: algorithm,
        ..App::public("us")
    };
    let signs = |app: &App| app.signer(&AwsLc).map(|signer| signer.map(|signer| signer.algorithm()));
    assert_eq!(signs(&app(&ec, None)), Ok(Some(Algorithm::ES384)));
    assert_eq!(signs(&app(&rsa, None)), Ok(Some(Algorithm::RS256)));
    assert_eq!(signs(&app(&rsa, Some(Algorithm::PS256))), Ok(Some(Algorithm::PS256)));
    assert!(signs(&app(&ec, Some(Algorithm::RS256))).is_err(), "of another kind");
    assert_eq!(signs(&app(&None, Some(Algorithm::RS256))), Ok(None));
    // RFC 8037 Appendix A.1, with a name and an algorithm of its own.
    let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"of-the-jwk","alg":"Ed25519"}"#;
    let mut app = app(&Some(Secret::new(jwk)), None);
    let signer = app.signer(&AwsLc).expect("a key").expect("there is one");
    assert_eq!((signer.algorithm(), signer.key_id()), (Algorithm::Ed25519, Some("of-the-jwk")));
    app.private_key_id = Some("another".to_owned());
    assert_eq!(app.signer(&AwsLc).expect("a key").expect("there is one").key_id(), Some("another"));
    // Records from before read as before, and a key is kept with what it is for.
    let old: App = serde_json::from_str(r#"{"client_id":"us"}"#).expect("an old record");
    assert!(old.private_key.is_none() && serde_json::to_string(&old).expect("JSON") == r#"{"client_id":"us"}"#);
    app.private_key_algorithm = Some(Algorithm::EdDSA);
    let read: App = serde_json::from_str(&serde_json::to_string(&app).expect("JSON")).expect("as it rests");
    assert_eq!((read.private_key_algorithm, read.private_key_id), (Some(Algorithm::EdDSA), Some("another".to_owned())));
    assert!(app.secrets().any(|secret| secret.same_as(jwk)) && !format!("{app:?}").contains("nWGxne"));
}

#[test]
fn m3_the_same_moment_and_entropy_give_the_same_assertion() {
    let client = confidential(|flow| flow.client_auth = ClientAuth::SecretJwt);
    let exchange = client.client_credentials(&oauth2::AccessRequest::default()).expect("a request");
    let send =
        |entropy: &dyn Entropy, now: Timestamp| client.sending(exchange.request(), None, now, entropy).expect("it signs").body().to_vec();
    assert_eq!(send(&Chance::new(1), NOW), send(&Chance::new(1), NOW));
    assert_ne!(send(&Chance::new(1), NOW), send(&Chance::new(2), NOW));
    assert_ne!(send(&Chance::new(1), NOW), send(&Chance::new(1), NOW.plus(1)));
}
