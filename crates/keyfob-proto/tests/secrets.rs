//! No public type shows a secret it holds, and only types made to be stored serialise.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use common::*;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, HmacKey, Jws, Keys, PrivateKey, sign_compact};
use keyfob_proto::mask::{Cover, Masker, Spellings};
use keyfob_proto::oauth1::{self, Body, Buffer, Call, Callback, Nonce, Once, Placement, Report, SignatureMethod};
use keyfob_proto::oauth2::challenge::Challenges;
use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::oauth2::mcp::{self, Clients, KnownClient, Walk};
use keyfob_proto::oauth2::registration::{ClientMetadata, Registering};
use keyfob_proto::oauth2::{self, ClientAuth, Signing, TokenBody, TokenKind};
use keyfob_proto::oidc::{ClaimSource, EndSession, Expected, Hashes, Source, UserInfoRequest};
use keyfob_proto::{Answer, App, Incoming, OAuth1Tokens, OAuth2Tokens, Scrubber, Secret, TokenSet, encode};

/// Every secret of these tests contains it.
const CANARY: &str = "kanarienvogel";

#[track_caller]
fn mute(name: &str, value: &dyn Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        let hidden = [CANARY.to_owned(), encode::base64(CANARY.as_bytes())[..12].to_owned(), hex(CANARY)];
        for form in hidden {
            assert!(!shown.contains(&form), "{name} shows {form}: {shown}");
        }
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn secret(name: &str) -> Secret {
    Secret::new(format!("{CANARY}-{name}"))
}

fn canary_app() -> App {
    let mut app = App::confidential(CLIENT_ID, secret("client"));
    app.fields.insert("api_key".into(), secret("api-key"));
    app
}

fn tokens1() -> OAuth1Tokens {
    OAuth1Tokens { token: secret("token"), secret: secret("token-secret") }
}

fn canary_tokens2() -> OAuth2Tokens {
    OAuth2Tokens { access: secret("access"), refresh: Some(secret("refresh")), ..oauth2_tokens() }
}

#[test]
fn j11_plain_types_are_mute() {
    mute("Secret", &secret("x"));
    mute("Option<Secret>", &Some(secret("x")));
    mute("App", &canary_app());
    mute("Scrubber", &Scrubber::new().knowing(&secret("x")));
    let spellings = Spellings::of([&secret("x")]);
    mute("Spellings", &spellings);
    let mut masker = Masker::new(spellings, Cover::Word);
    assert_eq!(masker.push(CANARY.as_bytes()), b"", "it holds the beginning of one back");
    mute("Masker", &masker);
    mute("OAuth1Tokens", &tokens1());
    mute("OAuth2Tokens", &canary_tokens2());
    mute("TokenSet", &TokenSet::OAuth1(tokens1()));
    mute("TokenSet", &TokenSet::OAuth2(canary_tokens2()));
    let text = format!("{CALLBACK}?code={CANARY}&state={CANARY}");
    for answer in [Answer::Url(&text), Answer::Query(&text), Answer::Bare(&text)] {
        mute("Answer", &answer);
    }
    mute("Body", &Body::Form(text.as_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert(SET_COOKIE, HeaderValue::from_static("sid=kanarienvogel"));
    mute("Incoming", &Incoming::new(StatusCode::OK, &headers, text.as_bytes()));
    // The name of a secret may be told.
    assert!(format!("{:?}", canary_app()).contains("api_key"));
}

#[test]
fn oauth2_is_mute_from_the_first_step_to_the_last() {
    for auth in [ClientAuth::Basic, ClientAuth::BasicRaw, ClientAuth::BasicSecret, ClientAuth::Post, ClientAuth::None] {
        for body in [TokenBody::Form, TokenBody::Json, TokenBody::Query, TokenBody::QueryPost] {
            let settings = oauth2_settings(|settings, flow| {
                (flow.client_auth, flow.token_body) = (auth, body);
                settings.keep = vec!["user_id".into()];
            });
            let client = oauth2::Client::new(&settings, canary_app()).expect("a client");
            mute("oauth2::Client", &client);
            // An entropy whose tokens all spell the canary: `state` and verifier are secrets, too.
            let entropy = |buffer: &mut [u8]| buffer.iter_mut().zip(CANARY.bytes().cycle()).for_each(|(to, from)| *to = from);
            let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), ..Default::default() };
            let (_, pending) = client.authorize(&request, NOW, &entropy).expect("a URL");
            mute("oauth2::Pending", &pending);
            assert!(pending.key().expose().starts_with(&encode::base64(CANARY.as_bytes())[..12]), "the canary would be seen");
            let verified = pending.verify(Answer::Url(&callback2(&pending, &format!("code={CANARY}-code"))), NOW).expect("verified");
            mute("oauth2::Verified", &verified);
            let exchange = client.exchange(verified).expect("an exchange");
            mute("oauth2::Exchange", &exchange);
            mute("Outgoing", exchange.request());
            let answer = format!(r#"{{"access_token":"{CANARY}-2","token_type":"Bearer","refresh_token":"{CANARY}-3","user_id":"u"}}"#);
            let received = exchange.receive(&json_answer(200, answer), NOW).expect("tokens");
            mute("Received", &received);
            let refresh = client.refresh(&canary_tokens2()).expect("a refresh");
            mute("oauth2::Exchange", &refresh);
            mute("Outgoing", refresh.request());
            let revocation = client.revoke(&secret("access"), TokenKind::Access).expect("a request").expect("an endpoint");
            mute("oauth2::Revocation", &revocation);
            mute("Outgoing", revocation.request());
            mute("http::Request, but for its body", &refresh.request().clone().into_http().headers());
        }
    }
}

#[test]
fn keys_and_signed_text_are_mute() {
    let jwk = format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","d":"{}"}}"#,
        encode::base64url(&[7; 32]),
        encode::base64url(CANARY.repeat(4).as_bytes())
    );
    let key = PrivateKey::read(&Secret::new(jwk)).expect("a key");
    mute("PrivateKey", &key);
    mute("KeyBytes", &key.expose());
    let hmac = HmacKey::new(Algorithm::HS256, &secret("of-thirty-two-bytes-and-more")).expect("long enough");
    mute("HmacKey", &hmac);
    let claims = format!(
        r#"{{"iss":"https://login.example","aud":"us","sub":"somebody","email":"{CANARY}@example.com","exp":9999999999,"iat":{},"nonce":"{CANARY}"}}"#,
        NOW.as_unix()
    );
    let token = sign_compact(&hmac, serde_json::Map::new(), claims.as_bytes()).expect("it signs");
    mute("Jws", &Jws::read(&token).expect("signed text"));
    let (algorithms, nonce, code) = (Algorithms::of([Algorithm::HS256]), Secret::new(CANARY), secret("code"));
    let hashes = Hashes { code: Some(&code), access_token: Some(&code), state: Some(&code), required: false, state_required: false };
    mute("Hashes", &hashes);
    let expected = Expected { nonce: Some(&nonce), hashes, ..Expected::new("https://login.example", "us", &algorithms, NOW) };
    mute("Expected", &expected);
    let id_token = expected.judge(&token, &Keys::Shared(&hmac)).expect("it holds");
    mute("Claims", &id_token.claims);
    mute("IdToken", &id_token);
    let userinfo = UserInfoRequest::new(&endpoint("https://login.example/me"), &secret("access"), &id_token, "us").expect("a request");
    mute("UserInfoRequest", &userinfo);
    let answer = json_answer(200, format!(r#"{{"sub":"somebody","email":"{CANARY}@example.com"}}"#));
    mute("UserInfo", &userinfo.receive(&answer, None, NOW).expect("about the same person"));
    let (_, end) =
        EndSession::new(&endpoint("https://login.example/end"), "us", Some(&secret("id")), Some(CALLBACK), &|buffer: &mut [u8]| {
            buffer.iter_mut().zip(CANARY.bytes().cycle()).for_each(|(to, from)| *to = from);
        });
    mute("EndSession", &end);
    let elsewhere = format!(
        r#"{{"sub":"somebody","_claim_names":{{"address":"a","score":"b"}},"_claim_sources":{{"a":{{"JWT":"{token}"}},"b":{{"endpoint":"https://bank.example","access_token":"{CANARY}"}}}}}}"#
    );
    let info = userinfo.receive(&json_answer(200, elsewhere), None, NOW).expect("about the same person");
    for source in ClaimSource::all(&info.claims, &endpoint("https://login.example/me")).expect("two sources") {
        mute("ClaimSource", &source);
        mute("Source", &source.source);
        match source.source {
            Source::Here(signed) => {
                let keys = Keys::Shared(&hmac);
                mute("SignedClaims", &signed);
                mute("SourcedClaims", &signed.judge("https://login.example", "us", &keys, &algorithms, NOW).expect("it holds"));
            }
            Source::There(request) => mute("ClaimsRequest", &request),
        }
    }
    let key = AwsLc.generate(Algorithm::ES256).expect("a key");
    let key = ProofKey::new(AwsLc.signer(Algorithm::ES256, &key).expect("it signs"), secret("proof-key")).expect("a key pair");
    mute("ProofKey", &key);
    let settings = oauth2_settings(|_, flow| flow.pushed = Some(endpoint("https://login.example/par")));
    let client = oauth2::Client::new(&settings, canary_app()).expect("a client").with_proof_key(key);
    mute("oauth2::Client", &client);
    let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), id_token_hint: Some(secret("hint")), ..Default::default() };
    let place = format!("https://app.example/requests/{CANARY}");
    let asked = client.authorize_by_reference(&request, &place, Signing::Unsigned, NOW, &common::Chance::new(1));
    mute("RequestByReference", &asked.expect("a request"));
    mute("PushedRequest", &client.push(&request, NOW, &common::Chance::new(1)).expect("a request"));
}

#[test]
fn requests_with_hints_are_mute() {
    let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), id_token_hint: Some(secret("hint")), ..Default::default() };
    mute("oauth2::AuthorizeRequest", &request);
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let text = format!("code={CANARY}");
    let form = keyfob_proto::FormPost::read(&http::Method::POST, &headers, text.as_bytes()).expect("a form");
    mute("FormPost", &form);
    for answer in [Answer::Form(form), Answer::Fragment(&text)] {
        mute("Answer", &answer);
    }
}

#[test]
fn h4_a_device_login_is_mute() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    let request = client.device_authorization(&oauth2::AccessRequest::default()).expect("a request");
    mute("oauth2::DeviceAuthorization", &request);
    let body = format!(
        r#"{{"device_code":"{CANARY}-d","user_code":"WDJB","verification_uri":"https://login.example/d","expires_in":900,"interval":5}}"#
    );
    let mut login = request.receive(&json_answer(200, body), NOW).expect("a login");
    mute("oauth2::DeviceLogin", &login);
    mute("oauth2::Step", &login.step(&client, NOW.plus(5)).expect("a step"));
    let echo = format!(r#"{{"error":"invalid_request","error_description":"no such code: {CANARY}-d"}}"#);
    let error = login.clone().receive(&client, &json_answer(400, echo), NOW.plus(5)).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    let tokens = format!(r#"{{"access_token":"{CANARY}-2","token_type":"Bearer","refresh_token":"{CANARY}-3","id_token":"{CANARY}.4.5"}}"#);
    mute("oauth2::Step", &login.receive(&client, &json_answer(200, tokens), NOW.plus(5)).expect("tokens"));
}

#[test]
fn a_backchannel_login_is_mute() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    for hint in [oauth2::Hint::LoginToken(secret("hint")), oauth2::Hint::IdToken(secret("hint"))] {
        mute("oauth2::Hint", &hint);
        let request = oauth2::BackchannelRequest {
            user_code: Some(secret("user-code")),
            delivery: oauth2::Delivery::Ping,
            ..oauth2::BackchannelRequest::new(hint, oauth2::AccessRequest::scopes(["openid"]))
        };
        mute("oauth2::BackchannelRequest", &request);
        let entropy = |buffer: &mut [u8]| buffer.iter_mut().zip(CANARY.bytes().cycle()).for_each(|(to, from)| *to = from);
        let asked = client.backchannel_authentication(&request, &entropy).expect("a request");
        mute("oauth2::BackchannelAuthentication", &asked);
        let body = format!(r#"{{"auth_req_id":"{CANARY}-a","expires_in":120}}"#);
        let login = asked.receive(&json_answer(200, body), NOW).expect("a login");
        mute("oauth2::BackchannelLogin", &login);
    }
}

#[test]
fn an_exchange_is_mute() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    let request = oauth2::TokenExchangeRequest {
        actor: Some(oauth2::SubjectToken { token: secret("actor"), token_type: oauth2::TokenType::Jwt }),
        ..oauth2::TokenExchangeRequest::new(secret("subject"), oauth2::TokenType::AccessToken)
    };
    mute("oauth2::TokenExchangeRequest", &request);
    mute("oauth2::SubjectToken", &request.subject);
    let exchange = client.token_exchange(&request).expect("a request");
    mute("oauth2::TokenExchange", &exchange);
    let body = format!(
        r#"{{"access_token":"{CANARY}-2","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#
    );
    mute("oauth2::Exchanged", &exchange.receive(&json_answer(200, body), NOW).expect("a token"));
    for exchange in [
        client.jwt_bearer(&Secret::new(format!("{CANARY}.a.b")), &oauth2::AccessRequest::default()).expect("a request"),
        client.saml_bearer(&Secret::new(format!("<{CANARY}/>")), &oauth2::AccessRequest::default()).expect("a request"),
        oauth2::legacy::password(&client, "anna", &secret("password"), &oauth2::AccessRequest::default()).expect("a request"),
    ] {
        mute("oauth2::Exchange", &exchange);
    }
}

#[test]
fn answers_through_the_browser_are_mute() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    let entropy = |buffer: &mut [u8]| buffer.iter_mut().zip(CANARY.bytes().cycle()).for_each(|(to, from)| *to = from);
    let request = oauth2::AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["openid".into()], ..Default::default() };
    let (_, pending) = client.authorize_hybrid(&request, oauth2::Hybrid::IdTokenAndToken, NOW, &entropy).expect("a URL");
    mute("oauth2::HybridPending", &pending);
    mute("SecretRef", &pending.key());
    let state = pending.key().expose();
    let text = format!("state={state}&code={CANARY}&id_token={CANARY}.b.c&access_token={CANARY}&token_type=bearer");
    let answer = pending.read(&client, Answer::Fragment(&text), NOW).expect("an answer");
    mute("oauth2::HybridAnswer", &answer);
    mute("oauth2::IdTokenTerms", answer.expected());
    let (_, pending) = oauth2::legacy::authorize_implicit(&client, &request, NOW, &entropy).expect("a URL");
    mute("oauth2::legacy::ImplicitPending", &pending);
    let text = format!("state={state}&access_token={CANARY}&token_type=bearer");
    mute("Received", &pending.receive(&client, Answer::Fragment(&text), NOW).expect("a token"));
}

#[test]
fn oauth1_is_mute_from_the_first_step_to_the_last() {
    for &method in SignatureMethod::SHARED_SECRET {
        for placement in [Placement::Header, Placement::Body, Placement::Query] {
            let settings = oauth1_settings(|_, flow| (flow.signature, flow.placement) = (method, placement));
            let client = oauth1::Client::new(&settings, canary_app()).expect("a client");
            mute("oauth1::Client", &client);
            let request = client.request_token(Callback::OutOfBand, NOW, &Chance::new(1)).expect("a request");
            mute("oauth1::RequestToken", &request);
            mute("Outgoing", request.request());
            let body = format!("oauth_token={CANARY}-t&oauth_token_secret={CANARY}-s&oauth_callback_confirmed=true");
            let (_, pending) = request.receive(&form_answer(200, &body), NOW).expect("temporary credentials");
            mute("oauth1::Pending", &pending);
            let verified = pending.verify(Answer::Bare(&format!("{CANARY}-pin")), NOW).expect("a PIN");
            mute("oauth1::Verified", &verified);
            let exchange = client.exchange(verified, NOW, &Chance::new(2)).expect("an exchange");
            mute("oauth1::Exchange", &exchange);
            mute("Outgoing", exchange.request());
            mute("oauth1::server::SignedRequest", &read_signed(exchange.request()));
            let received = exchange.receive(&form_answer(200, &body), NOW).expect("token credentials");
            mute("Received", &received);
            let call = parts("GET", "https://api.example/");
            let explanation = client.explain(&tokens1(), &call, Body::Opaque, NOW, &Chance::new(3)).expect("explained");
            mute("oauth1::Explanation", &explanation);
            assert!(!explanation.to_string().contains(CANARY), "{explanation}");
            let mut call = call;
            client.sign(&tokens1(), &mut call, Body::Opaque, NOW, &Chance::new(3)).expect("signed");
            mute("http headers", &call.headers);

            let signer = client.signer(Some(&tokens1())).expect("a signer");
            mute("oauth1::Signer", &signer);
            let url = format!("https://api.example/?password={CANARY}");
            let call = Call { form: &[("password", CANARY)], ..Call::new("POST", &url) };
            mute("oauth1::Call", &call);
            let (entropy, mut buffer) = (Chance::new(4), Buffer::new());
            let once = Once { nonce: CANARY, timestamp: NOW, entropy: &entropy };
            mute("oauth1::Once", &once);
            signer.authorization(&call, &once, &mut buffer).expect("signed");
            mute("oauth1::Buffer", &buffer);
            mute("oauth1::Repeat", &signer.repeat(&call).expect("prepared"));
            let nonce = Nonce::new(&entropy);
            assert!(!format!("{nonce:?}").contains(nonce.as_str()));
            let password = client.exchange_password_legacy("ada", &secret("password"), NOW, &entropy).expect("an exchange");
            mute("oauth1::Exchange", &password);
            let refusal =
                form_answer(401, &format!("oauth_problem=parameter_rejected&oauth_parameters_rejected=x_auth_password%3D{CANARY}"));
            mute("oauth1::Report", &Report::read((&refusal).into(), &Scrubber::new()).expect("a report"));
        }
    }
}

#[test]
fn what_a_client_registers_and_asks_is_mute() {
    let metadata = ClientMetadata::native("Keyfob", [CALLBACK]);
    let place = endpoint("https://login.example/register");
    let registering = Registering::new(&place, &metadata, Some(&secret("initial"))).expect("a request");
    mute("Registering", &registering);
    let answer = format!(
        r#"{{"client_id":"us","client_secret":"{CANARY}-client","client_secret_expires_at":0,
            "registration_client_uri":"https://login.example/register/us","registration_access_token":"{CANARY}-token"}}"#
    );
    let registered = registering.receive(&json_answer(201, answer)).expect("registered");
    mute("Registered", &registered);
    let registration = &registered.registration;
    mute("Registration", registration);
    mute("Managing", &registration.read().expect("a request"));
    mute("Managing", &registration.update(&metadata).expect("a request"));
    mute("Deleting", &registration.delete().expect("a request"));
    let known = KnownClient { app: canary_app(), client_auth: None };
    mute("KnownClient", &known);
    let clients = Clients { known: [("https://login.example".to_owned(), known)].into(), ..Clients::default() };
    mute("Clients", &clients);
    let walk = Walk::begin("https://mcp.example", &Challenges::default(), clients, &Default::default()).expect("a walk");
    mute("Walk", &walk);
    let resource = r#"{"resource":"https://mcp.example","authorization_servers":["https://login.example"]}"#;
    let step = walk.receive(&json_answer(200, resource), NOW).expect("a step");
    mute("Step", &step);
    let mcp::Step::Next(walk) = step else { panic!("the server is next") };
    let server = r#"{"issuer":"https://login.example","authorization_endpoint":"https://login.example/a","token_endpoint":"https://login.example/t",
                     "code_challenge_methods_supported":["S256"]}"#;
    let step = walk.receive(&json_answer(200, server), NOW).expect("a step");
    mute("Step", &step);
    let mcp::Step::Done(ready) = step else { panic!("that is all") };
    mute("Ready", &ready);
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    mute("Introspecting", &client.introspect(&place, &secret("access"), None).expect("a request"));
    for body in
        [format!(r#"{{"client_id":"{CANARY} x"}}"#), format!(r#"{{"client_id":"us","client_secret":"{CANARY} x"}}"#), CANARY.to_owned()]
    {
        let registering = Registering::new(&place, &metadata, None).expect("a request");
        let error = registering.receive(&json_answer(201, body)).expect_err("broken");
        mute("Error", &error);
        assert!(!error.to_string().contains(CANARY), "{error}");
    }
}

#[test]
fn errors_are_mute() {
    let client = oauth2::Client::new(&oauth2_settings(|_, _| {}), canary_app()).expect("a client");
    let (_, pending) = begin2(&client, 1);
    let (_, stranger) = begin2(&oauth2_client(|_, flow| flow.issuer = None), 2);
    let codes = ["code=kanarienvogel%20x", "code=kanarienvogel&code=kanarienvogel", "code=kanarienvogel&access_token=kanarienvogel"];
    for rest in codes {
        let error = refused_alive(pending.verify(Answer::Url(&callback2(&pending, rest)), NOW));
        mute("Error", &error);
        assert!(!error.to_string().contains(CANARY), "{error}");
    }
    let verified = stranger.verify(Answer::Url(&callback2(&stranger, "code=kanarienvogel")), NOW).expect("verified");
    mute("Error", &client.exchange(verified).expect_err("another's"));
    for body in [
        format!(r#"{{"access_token":"{CANARY} x","token_type":"Bearer"}}"#),
        format!(r#"{{"access_token":"{CANARY}","access_token":"{CANARY}"}}"#),
        format!(r#"{{"access_token":"{CANARY}"}}"#),
        format!(r#"{{"access_token":"{CANARY}","token_type":"{CANARY}"}}"#),
        CANARY.to_owned(),
    ] {
        let refresh = client.refresh(&canary_tokens2()).expect("a refresh");
        let error = refresh.receive(&json_answer(200, body), NOW).expect_err("broken");
        mute("Error", &error);
        assert!(!format!("{error} {:?}", error.hint()).contains(CANARY), "{error}");
    }
    // A URL with a secret in it that cannot be signed, attached to or parsed.
    for url in ["http://user:kanarienvogel@api.example/", "https://api.example/#kanarienvogel"] {
        let error = keyfob_proto::Endpoint::parse(url).expect_err("no endpoint");
        assert!(!error.to_string().contains(CANARY) && !format!("{error:?}").contains(CANARY), "{error}");
    }
}

/// J11, the core's part: whoever adds a type must say whether it holds a secret. The first list is tested above.
#[test]
fn every_public_type_is_accounted_for() {
    let mute: BTreeSet<&str> = [
        "ClaimSource",
        "ClaimsRequest",
        "SignedClaims",
        "Source",
        "SourcedClaims",
        "RequestByReference",
        "Answer",
        "App",
        "AuthorizeRequest",
        "BackchannelAuthentication",
        "BackchannelLogin",
        "BackchannelRequest",
        "Body",
        "Buffer",
        "Call",
        "Client",
        "DeviceAuthorization",
        "DeviceLogin",
        "Exchange",
        "Exchanged",
        "IdTokenTerms",
        "Explanation",
        "FormPost",
        "Hint",
        "HybridAnswer",
        "HybridPending",
        "ImplicitPending",
        "Incoming",
        "Masker",
        "Nonce",
        "OAuth1Tokens",
        "OAuth2Tokens",
        "Once",
        "Outgoing",
        "Pending",
        "Received",
        "Repeat",
        "Report",
        "RequestToken",
        "Revocation",
        "Scrubber",
        "Secret",
        "SecretRef",
        "SignedRequest",
        "Spellings",
        "Step",
        "SubjectToken",
        "TokenExchange",
        "TokenExchangeRequest",
        "Signer",
        "TokenSet",
        "Verified",
        "Error",
        "Misbehaved",
        "Misuse",
        "Refused",
        "Clients",
        "Claims",
        "Deleting",
        "EndSession",
        "Expected",
        "Hashes",
        "HmacKey",
        "IdToken",
        "Introspecting",
        "Jws",
        "PrivateKey",
        "KeyBytes",
        "ProofKey",
        "PushedRequest",
        "UserInfo",
        "UserInfoRequest",
        "KnownClient",
        "Managing",
        "Ready",
        "Registered",
        "Registering",
        "Registration",
        "Step",
        "Walk",
    ]
    .into();
    // Settings, places, names, numbers: nothing that must not be shown.
    let open: BTreeSet<&str> = [
        "CheckSession",
        "Fault",
        "Finding",
        "InitiatedLogin",
        "SeenLogouts",
        "SessionStatus",
        "Signing",
        "WebFinger",
        "AccessRequest",
        "AccountBase",
        "Api",
        "Attach",
        "AuthorizationDetail",
        "AuthorizeRequest",
        "BodyHash",
        "Callback",
        "CallbackAt",
        "ClientAuth",
        "ClockOffset",
        "Code",
        "Delivery",
        "Described",
        "Cover",
        "Deviation",
        "Display",
        "Dpop",
        "Endpoint",
        "Entropy",
        "Flow",
        "Hybrid",
        "Hash",
        "HostPattern",
        "Identity",
        "Limit",
        "Limits",
        "LongLived",
        "ResetIn",
        "NotUtf8",
        "Origin",
        "Pin",
        "Pkce",
        "Placement",
        "Problem",
        "Prompt",
        "RedirectUri",
        "ResponseMode",
        "RevocationBody",
        "Reason",
        "Renewal",
        "SignedSecret",
        "RsaSign",
        "RsaVerify",
        "Settings",
        "Signal",
        "SignatureMethod",
        "Template",
        "Timestamp",
        "TokenBody",
        "TokenError",
        "TokenKind",
        "TokenType",
        "Transport",
        "TransportKind",
        "Algorithm",
        "Algorithms",
        "Authentication",
        "AwsLc",
        "CachedMetadata",
        "Challenge",
        "Challenges",
        "Changed",
        "ClientIdUrl",
        "ClientMetadata",
        "Confirmation",
        "Counted",
        "Crypto",
        "Curve",
        "Discovery",
        "Header",
        "Introspection",
        "Jwk",
        "JwtAccessToken",
        "KeyCache",
        "KeySet",
        "Keys",
        "LogoutToken",
        "Metadata",
        "Order",
        "Preferences",
        "Proved",
        "PublicKey",
        "Pushed",
        "Reach",
        "ResourceDiscovery",
        "ResourceMetadata",
        "Sign",
        "SignFailed",
        "StepUp",
        "Structured",
        "TokenChallenge",
        "Verify",
    ]
    .into();
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        for line in text.lines() {
            // Indented: made by a macro.
            let line = line.trim_start();
            let Some(rest) = ["pub struct ", "pub enum ", "pub trait "].iter().find_map(|start| line.strip_prefix(start)) else { continue };
            found.insert(rest.split(|c: char| !c.is_alphanumeric()).next().expect("a name").to_owned());
        }
    }
    let known: BTreeSet<String> = mute.union(&open).map(|name| (*name).to_owned()).collect();
    assert_eq!(found, known);
}

/// Only types made to be stored serialise, and those that hold secrets say so in their documentation.
#[test]
fn only_what_is_made_to_be_stored_serialises() {
    let mut found = BTreeMap::new();
    for (path, text) in sources() {
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if !(line.contains("derive(") && line.contains("Serialize")) {
                continue;
            }
            let item = lines[at..].iter().find(|line| line.contains("struct ") || line.contains("enum ")).expect("an item");
            let name = item.split_whitespace().skip_while(|word| *word != "struct" && *word != "enum").nth(1).expect("a name");
            let name = name.split(|c: char| !c.is_alphanumeric()).next().expect("a name").to_owned();
            let doc: String =
                lines[..at].iter().rev().take_while(|line| line.starts_with("///") || line.starts_with("#[")).copied().collect();
            found.insert(format!("{path} {name}"), doc.contains("ade to be stored"));
        }
    }
    let expected = [
        ("app.rs App", true),
        ("endpoint.rs Origin", false),
        ("jose/algorithm.rs Algorithm", false),
        ("oauth1/pending.rs Issued", false),
        ("oauth1/pending.rs Pending", true),
        ("oauth2/authorize.rs ResponseMode", false),
        ("oauth2/authorize.rs ResponseType", false),
        ("oauth2/id_token_terms.rs IdTokenTerms", true),
        ("oauth2/drawn.rs Drawn", false),
        ("oauth2/drawn.rs Parts", false),
        ("oauth2/grant/ciba.rs BackchannelLogin", true),
        ("oauth2/grant/device.rs DeviceLogin", true),
        ("oauth2/grant/poll.rs Poll", false),
        ("oauth2/grant/poll.rs Waiting", false),
        ("oauth2/hybrid.rs HybridPending", true),
        ("oauth2/legacy/implicit.rs ImplicitPending", true),
        ("oauth2/pending.rs Begun", false),
        ("oauth2/rar.rs AuthorizationDetail", true),
        ("oauth2/metadata/cached.rs CachedMetadata", true),
        ("oauth2/metadata/cached.rs Stored", false),
        ("oauth2/pending.rs Pending", true),
        ("oauth2/redirect_uri.rs RedirectUri", true),
        ("oauth2/registration/client_metadata.rs ClientMetadata", true),
        ("oauth2/special.rs Special", false),
        ("oauth2/special.rs Wanted", false),
        ("oauth2/registration/mod.rs Management", false),
        ("oauth2/registration/mod.rs Registration", true),
        ("time.rs Timestamp", false),
        ("token.rs Identity", true),
        ("token.rs OAuth1Tokens", true),
        ("token.rs OAuth2Tokens", true),
        ("token.rs TokenSet", true),
    ];
    assert_eq!(found, expected.map(|(name, says)| (name.to_owned(), says)).into());
}

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, into: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, into);
            } else {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                into.push((name, std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &root, &mut files);
    assert!(files.len() > 20);
    files
}
