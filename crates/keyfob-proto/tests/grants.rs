//! The grants that are answered at once: client credentials (RFC 6749 §4.4), token exchange (RFC 8693, row G5), the assertion grants (RFC 7523,
//! RFC 7522), and the rows C7 to C9, C14 and C15 for each of them.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::*;
use http::header::AUTHORIZATION;
use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_proto::oauth2::{
    self, AccessRequest, AuthorizationDetail, ClientAuth, Exchanged, SubjectToken, TokenExchangeRequest, TokenType, legacy,
};
use keyfob_proto::{App, Code, Deviation, Error, Outgoing, Received, Refused, Secret, TokenSet};
use serde_json::json;

const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl";
const SAML: &str = "<saml2:Assertion>&amp;é</saml2:Assertion>";

fn access() -> AccessRequest {
    AccessRequest {
        scopes: vec!["read".into()],
        resources: vec!["https://a.example/".into(), "https://b.example/".into()],
        authorization_details: vec![AuthorizationDetail::parse(r#"{"type":"locks"}"#).expect("a detail")],
    }
}

type Grant = fn(&oauth2::Client, &AccessRequest) -> Result<oauth2::Exchange, Error>;

/// Every grant that gives an `Exchange`, by its grant type.
const GRANTS: [(&str, Grant); 4] = [
    ("client_credentials", |client, access| client.client_credentials(access)),
    ("urn:ietf:params:oauth:grant-type:jwt-bearer", |client, access| client.jwt_bearer(&Secret::new(JWT), access)),
    ("urn:ietf:params:oauth:grant-type:saml2-bearer", |client, access| client.saml_bearer(&Secret::new(SAML), access)),
    ("password", |client, access| legacy::password(client, "anna", &Secret::new("password-1"), access)),
];

fn exchange_request() -> TokenExchangeRequest {
    TokenExchangeRequest::new(Secret::new("subject-token-1"), TokenType::AccessToken)
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn issued() -> serde_json::Value {
    json!({"access_token": "access-2", "token_type": "Bearer", "issued_token_type": ACCESS_TOKEN, "expires_in": 60})
}

fn exchange(request: &TokenExchangeRequest, status: u16, body: impl Into<Vec<u8>>) -> Result<Exchanged, Error> {
    oauth2_client(|_, _| {}).token_exchange(request).expect("a request").receive(&json_answer(status, body), NOW)
}

#[test]
fn how_the_client_said_who_it_is_is_reported_of_an_exchange_too() {
    let client = oauth2_client(|_, flow| flow.client_auth = ClientAuth::BasicSecret);
    let request = client.token_exchange(&exchange_request()).expect("a request");
    let exchanged = request.receive(&json_answer(200, issued().to_string()), NOW).expect("a token");
    assert!(exchanged.tolerated().iter().eq([&Deviation::BasicSecret]));
}

fn get<'a>(sent: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    sent.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn each_asks_the_token_endpoint_for_what_was_said_and_proves_who_it_is() {
    let client = oauth2_client(|_, _| {});
    let look = |request: &Outgoing, grant_type: &str| {
        assert_eq!(request.uri(), "https://login.example/token", "{grant_type}");
        assert!(request.headers().contains_key(AUTHORIZATION), "{grant_type}");
        let sent = form(request);
        assert_eq!(get(&sent, "grant_type"), [grant_type]);
        assert_eq!(get(&sent, "scope"), ["read"]);
        assert_eq!(get(&sent, "resource"), ["https://a.example/", "https://b.example/"]);
        assert_eq!(get(&sent, "authorization_details"), [r#"[{"type":"locks"}]"#]);
        assert!(get(&sent, "client_secret").is_empty(), "in one way only");
        sent
    };
    for (grant_type, grant) in GRANTS {
        let sent = look(grant(&client, &access()).expect("a request").request(), grant_type);
        match grant_type.rsplit(':').next() {
            Some("jwt-bearer") => assert_eq!(get(&sent, "assertion"), [JWT]),
            Some("saml2-bearer") => {
                let encoded = keyfob_proto::encode::base64url(SAML.as_bytes());
                assert_eq!(get(&sent, "assertion"), [encoded.as_str()]);
                assert!(!encoded.contains(['=', '+', '/']));
            }
            _ => {}
        }
        // Without scopes, the provider file's; but for an app that asks for itself, which may have none of what people approve.
        let exchange = grant(&client, &AccessRequest::default()).expect("a request");
        let named: &[&str] = if grant_type == "client_credentials" { &[] } else { &["read write"] };
        assert_eq!(get(&form(exchange.request()), "scope"), named, "{grant_type}");
        for bad in [
            AccessRequest { scopes: vec!["a b".into()], ..Default::default() },
            AccessRequest { resources: vec!["relative".into()], ..Default::default() },
        ] {
            assert!(matches!(grant(&client, &bad), Err(Error::Misuse(_))), "{grant_type}");
        }
    }
    let request = TokenExchangeRequest { access: access(), ..exchange_request() };
    look(client.token_exchange(&request).expect("a request").request(), "urn:ietf:params:oauth:grant-type:token-exchange");
}

#[test]
fn a29_what_was_granted_is_told_by_every_grant() {
    for (grant_type, grant) in GRANTS {
        let receive = |body: String| {
            let exchange = grant(&oauth2_client(|_, _| {}), &AccessRequest::scopes(["read"])).expect("a request");
            exchange.receive(&json_answer(200, body), NOW).expect("accepted")
        };
        assert_eq!(tokens2(&receive(OK.into())).scopes, ["read"], "{grant_type}: as asked for");
        assert_eq!(tokens2(&receive(with("scope", json!("read admin")))).scopes, ["read", "admin"], "{grant_type}: wider");
        assert!(tokens2(&receive(with("scope", json!("")))).scopes.is_empty(), "{grant_type}: none");
    }
}

/// RFC 6749 §4.4.3: it should not be there. What is not kept cannot be stolen, and the same can be asked for again at any time.
#[test]
fn a_refresh_token_for_the_app_itself_is_dropped() {
    for (grant_type, grant) in GRANTS {
        let exchange = grant(&oauth2_client(|_, _| {}), &AccessRequest::default()).expect("a request");
        let received = exchange.receive(&json_answer(200, OK), NOW).expect("accepted");
        assert_eq!(tokens2(&received).refresh.is_some(), grant_type != "client_credentials", "{grant_type}");
        let again = grant(&oauth2_client(|_, _| {}), &AccessRequest::default()).expect("a request");
        misbehaved(again.receive(&json_answer(200, with("refresh_token", json!("a b"))), NOW));
    }
}

#[test]
fn client_credentials_are_for_confidential_clients() {
    let public = oauth2::Client::new(&oauth2_settings(|_, _| {}), App::public(CLIENT_ID)).expect("a client");
    let none = oauth2_client(|_, flow| flow.client_auth = ClientAuth::None);
    for client in [public, none] {
        assert!(matches!(client.client_credentials(&AccessRequest::default()), Err(Error::Misuse(_))));
    }
}

#[test]
fn assertions_are_what_they_say_before_they_leave() {
    let client = oauth2_client(|_, _| {});
    for bad in ["", "a.b", "a.b.c.d", "a..c", "a.b.", "a.b.c d", "a.b.c\r\n", "a.b=.c", "é.b.c"] {
        assert!(matches!(client.jwt_bearer(&Secret::new(bad), &AccessRequest::default()), Err(Error::Misuse(_))), "{bad}");
    }
    for bad in ["", "PHNhbWw-", "saml"] {
        let error = client.saml_bearer(&Secret::new(bad), &AccessRequest::default()).expect_err(bad);
        assert!(matches!(error, Error::Misuse(_)) && error.hint().len() > 20, "{error}");
    }
}

#[test]
fn c15_an_error_that_echoes_what_was_sent_shows_none_of_it() {
    let secrets = [("client", CLIENT_SECRET), ("jwt", JWT), ("password", "password-1"), ("subject", "subject-token-1")];
    let body = json!({"error": "invalid_grant", "error_description": secrets.map(|(_, secret)| secret).join(" ")}).to_string();
    let own = |grant_type: &str| match grant_type.rsplit(':').next() {
        Some("jwt-bearer") => JWT,
        Some("password") => "password-1",
        _ => CLIENT_SECRET,
    };
    for (grant_type, grant) in GRANTS {
        let exchange = grant(&oauth2_client(|_, _| {}), &AccessRequest::default()).expect("a request");
        let error = exchange.receive(&json_answer(400, body.clone()), NOW).expect_err("refused");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(CLIENT_SECRET) && !shown.contains(own(grant_type)), "{grant_type}: {shown}");
    }
    let error = exchange(&exchange_request(), 400, body).expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("subject-token-1"), "{error}");
}

/// What each of them makes of a body: `true`, it was taken.
fn taken(status: u16, content_type: &str, body: &str) -> Vec<(&'static str, Result<(), Error>)> {
    let answer = answer(status, content_type, body);
    let mut outcomes: Vec<_> = GRANTS
        .into_iter()
        .map(|(grant_type, grant)| {
            let exchange = grant(&oauth2_client(|_, _| {}), &AccessRequest::default()).expect("a request");
            (grant_type, exchange.receive(&answer, NOW).map(drop))
        })
        .collect();
    let exchange = oauth2_client(|_, _| {}).token_exchange(&exchange_request()).expect("a request");
    outcomes.push(("token-exchange", exchange.receive(&answer, NOW).map(drop)));
    outcomes
}

/// The good answer, for all of them, with one member changed.
fn changed(name: &str, value: serde_json::Value) -> String {
    let mut body = issued();
    body[name] = value;
    body.to_string()
}

#[test]
fn c6_c7_c8_c9_c14_hold_for_every_grant() {
    const JSON: &str = "application/json";
    for (name, outcome) in taken(200, JSON, &issued().to_string()) {
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
    for good in [changed("token_type", json!("bEARER")), changed("expires_in", json!("60")), changed("expires_in", json!(u64::MAX))] {
        for (name, outcome) in taken(200, JSON, &good) {
            assert!(outcome.is_ok(), "{name}: {good}");
        }
    }
    let good = issued().to_string();
    let twice = good.replacen('{', r#"{"access_token":"planted","#, 1);
    let mut hostile = vec![
        (200, "text/html", good.clone()),
        (200, "", good.clone()),
        (200, JSON, format!("{good}{{}}")),
        (200, JSON, twice),
        (200, JSON, String::new()),
        (200, JSON, "null".into()),
        (200, JSON, format!("[{good}]")),
        (200, JSON, changed("x", json!("x".repeat(Outgoing::LARGEST_ANSWER)))),
        (302, JSON, good.clone()),
        (307, JSON, good.clone()),
        (103, JSON, good.clone()),
        (400, JSON, good.clone()),
    ];
    for name in ["access_token", "refresh_token"] {
        for bad in
            [json!(""), json!("A T"), json!("A\r\nX: 1"), json!("A\0"), json!("\u{202e}"), json!("é"), json!(1), json!({}), json!(null)]
        {
            hostile.push((200, JSON, changed(name, bad)));
        }
    }
    for bad in [json!("mac"), json!("DPoP"), json!(""), json!(1), json!(null)] {
        hostile.push((200, JSON, changed("token_type", bad)));
    }
    for bad in [json!(-1), json!(1.5), json!("1e3"), json!("-1"), json!(null), json!([])] {
        hostile.push((200, JSON, changed("expires_in", bad)));
    }
    hostile.push((200, JSON, good.replace("60", "1e400")));
    for (status, content_type, body) in hostile {
        for (name, outcome) in taken(status, content_type, &body) {
            let short = &body[..body.floor_char_boundary(200)];
            assert!(matches!(outcome, Err(Error::Misbehaved(_))), "{name}: {status} {short}: {outcome:?}");
        }
    }
    for (name, outcome) in taken(200, JSON, &changed("error", json!("invalid_scope"))) {
        assert!(matches!(outcome, Err(Error::Refused(Refused { code: Code::InvalidScope, .. }))), "{name}");
    }
    for (name, outcome) in taken(400, JSON, r#"{"error":"invalid_target"}"#) {
        let error = outcome.expect_err(name);
        assert!(matches!(&error, Error::Refused(Refused { code: Code::InvalidTarget, .. })) && error.hint().len() > 20, "{name}");
    }
    for (name, outcome) in taken(503, "text/html", "<html>") {
        assert!(outcome.expect_err(name).is_transient(), "{name}");
    }
}

// --- token exchange

#[test]
fn an_exchange_says_what_is_exchanged_for_what() {
    let request = TokenExchangeRequest {
        actor: Some(SubjectToken { token: Secret::new("actor-token-1"), token_type: TokenType::Jwt }),
        requested: Some(TokenType::Other("urn:example:token".into())),
        audiences: vec!["one".into(), "two".into()],
        ..exchange_request()
    };
    let exchange = oauth2_client(|_, _| {}).token_exchange(&request).expect("a request");
    let sent = form(exchange.request());
    for (name, values) in [
        ("subject_token", &["subject-token-1"][..]),
        ("subject_token_type", &[ACCESS_TOKEN]),
        ("actor_token", &["actor-token-1"]),
        ("actor_token_type", &["urn:ietf:params:oauth:token-type:jwt"]),
        ("requested_token_type", &["urn:example:token"]),
        ("audience", &["one", "two"]),
        ("scope", &[]),
    ] {
        assert_eq!(get(&sent, name), values, "{name}");
    }
    for bad in [
        TokenExchangeRequest::new(Secret::new(""), TokenType::Jwt),
        TokenExchangeRequest::new(Secret::new("a b"), TokenType::Jwt),
        TokenExchangeRequest::new(Secret::new("a"), TokenType::Other("jwt".into())),
        TokenExchangeRequest { requested: Some(TokenType::Other("a b:c".into())), ..exchange_request() },
    ] {
        assert!(matches!(oauth2_client(|_, _| {}).token_exchange(&bad), Err(Error::Misuse(_))), "{bad:?}");
    }
}

#[test]
fn g5_the_issued_token_type_is_there_and_the_one_that_was_asked_for() {
    let asked = |requested: Option<TokenType>| TokenExchangeRequest { requested, ..exchange_request() };
    for requested in [None, Some(TokenType::AccessToken), Some(TokenType::Other(ACCESS_TOKEN.into()))] {
        let outcome = exchange(&asked(requested.clone()), 200, issued().to_string());
        assert!(outcome.is_ok(), "{requested:?}: the URI spelt out is the same type");
    }
    for requested in [TokenType::RefreshToken, TokenType::Jwt, TokenType::IdToken, TokenType::Other("urn:x:y".into())] {
        let error = exchange(&asked(Some(requested.clone())), 200, issued().to_string()).expect_err("another kind");
        assert!(matches!(&error, Error::Misbehaved(misbehaved) if misbehaved.section == "RFC 8693 §2.2.1"), "{error}");
        assert!(error.to_string().contains(requested.as_str()) && error.to_string().contains(ACCESS_TOKEN), "{error}");
    }
    let mut without = issued();
    without.as_object_mut().expect("an object").remove("issued_token_type");
    for bad in [without.to_string()]
        .into_iter()
        .chain([json!(null), json!(""), json!(7), json!("access_token"), json!("a b:c")].map(|bad| changed("issued_token_type", bad)))
    {
        assert!(matches!(exchange(&exchange_request(), 200, bad.clone()), Err(Error::Misbehaved(_))), "{bad}");
    }
}

/// (That an `Exchanged` is no `TokenSet` and does not serialise, the compiler says: see its documentation.)
#[test]
fn g5_the_result_never_replaces_the_stored_grant() {
    let exchanged = exchange(&exchange_request(), 200, changed("refresh_token", json!("refresh-2"))).expect("a token");
    assert_eq!((exchanged.token().expose(), exchanged.issued_token_type()), ("access-2", &TokenType::AccessToken));
    assert_eq!((exchanged.expires_at(), exchanged.is_bearer()), (Some(NOW.plus(60)), true));
    assert!(exchanged.tolerated().is_empty() && exchanged.scopes().is_empty());
    assert_eq!(exchanged.for_a_call().map(|tokens| tokens.access.expose()), Some("access-2"));
    let Some(Received { tokens: TokenSet::OAuth2(tokens), .. }) = exchanged.into_account_of_its_own() else { panic!("an account's") };
    assert_eq!(tokens.refresh.as_ref().map(Secret::expose), Some("refresh-2"), "of the new account, not of the old one");
}

#[test]
fn what_is_no_access_token_is_not_used_as_one() {
    let mut body = issued();
    body["token_type"] = json!("N_A");
    assert!(exchange(&exchange_request(), 200, body.to_string()).is_err(), "an access token is of a type");
    body["issued_token_type"] = json!("urn:ietf:params:oauth:token-type:id_token");
    for spelling in ["N_A", "n_a"] {
        body["token_type"] = json!(spelling);
        let exchanged = exchange(&exchange_request(), 200, body.to_string()).expect("an ID token");
        assert_eq!((exchanged.is_bearer(), exchanged.for_a_call().is_none()), (false, true));
        assert!(exchanged.into_account_of_its_own().is_none());
    }
    // Where the type is missing, only a named deviation takes it, and only an access token becomes usable by it.
    body.as_object_mut().expect("an object").remove("token_type");
    assert!(exchange(&exchange_request(), 200, body.to_string()).is_err());
    let client = oauth2_client(|settings, _| settings.deviations = deviations(&[Deviation::MissingTokenType]));
    for (issued_type, usable) in [(ACCESS_TOKEN, true), ("urn:ietf:params:oauth:token-type:id_token", false)] {
        body["issued_token_type"] = json!(issued_type);
        let exchange = client.token_exchange(&exchange_request()).expect("a request");
        let exchanged = exchange.receive(&json_answer(200, body.to_string()), NOW).expect("tolerated");
        assert_eq!((exchanged.is_bearer(), exchanged.tolerated().len()), (usable, 1));
    }
}

#[test]
fn an_app_that_speaks_for_somebody_signs_it_anew_each_time_and_needs_no_refresh_token() {
    let with_issuer = |_: &mut _, flow: &mut oauth2::Settings| flow.issuer = Some("https://login.example".into());
    let key = AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("key-1")).expect("it signs");
    let client = oauth2_client(with_issuer).with_key(key);
    let claims = |seed| {
        let exchange = client.jwt_bearer_for("robin", &access(), NOW, &Chance::new(seed)).expect("a request");
        let sent = form(exchange.request());
        assert_eq!(get(&sent, "grant_type"), ["urn:ietf:params:oauth:grant-type:jwt-bearer"]);
        let payload = get(&sent, "assertion")[0].split('.').nth(1).map(str::to_owned).expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(&payload).expect("base64url");
        (serde_json::from_slice::<serde_json::Value>(&claims).expect("JSON"), exchange)
    };
    let ((first, exchange), (second, _)) = (claims(1), claims(2));
    assert_eq!((&first["iss"], &first["sub"], &first["aud"]), (&json!(CLIENT_ID), &json!("robin"), &json!("https://login.example")));
    assert_ne!(first["jti"], second["jti"], "good once");
    let details = json!([{"type": "locks"}]);
    let answer = json!({"access_token": "a", "token_type": "Bearer", "refresh_token": "r", "authorization_details": details}).to_string();
    let TokenSet::OAuth2(tokens) = exchange.receive(&json_answer(200, answer), NOW).expect("tokens").tokens else { panic!("OAuth 2") };
    assert!(tokens.refresh.is_none());

    let keyless = oauth2_client(with_issuer).jwt_bearer_for("robin", &access(), NOW, &Chance::new(3));
    assert!(matches!(keyless, Err(Error::Misuse(_))), "nothing to sign with");
}
