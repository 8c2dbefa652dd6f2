//! Authorization server metadata (rows F1–F6, A7, A9, E19): where it is asked for, what is believed, what becomes of it.

mod common;

use common::*;
use http::Response;
use keyfob_proto::jose::{Algorithm, Algorithms};
use keyfob_proto::oauth2::metadata::{CachedMetadata, Discovery, Metadata, Order, Preferences, Pushed, Step};
use keyfob_proto::oauth2::{self, ClientAuth, Dpop, Pkce};
use keyfob_proto::{App, Endpoint, Error, Flow, Settings, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example";

const ENDPOINTS: &[&str] = &[
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
    "backchannel_authentication_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
    "check_session_iframe",
];

const LISTS: &[&str] = &[
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "introspection_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
    "request_object_signing_alg_values_supported",
    "request_object_encryption_alg_values_supported",
    "request_object_encryption_enc_values_supported",
    "authorization_signing_alg_values_supported",
    "authorization_encryption_alg_values_supported",
    "authorization_encryption_enc_values_supported",
    "backchannel_token_delivery_modes_supported",
    "backchannel_authentication_request_signing_alg_values_supported",
    "authorization_details_types_supported",
    "protected_resources",
    "userinfo_signing_alg_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported",
    "id_token_encryption_enc_values_supported",
    "acr_values_supported",
    "claims_supported",
    "prompt_values_supported",
    "display_values_supported",
    "ui_locales_supported",
    "claims_locales_supported",
];

const FLAGS: &[&str] = &[
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "tls_client_certificate_bound_access_tokens",
    "require_signed_request_object",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "backchannel_user_code_parameter_supported",
    "client_id_metadata_document_supported",
    "claims_parameter_supported",
    "frontchannel_logout_supported",
    "frontchannel_logout_session_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
];

fn document(more: Value) -> Value {
    let mut document = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://login.example/authorize",
        "token_endpoint": "https://login.example/token",
    });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    document
}

fn receive_from(issuer: &str, answer: &Response<Vec<u8>>) -> Result<CachedMetadata, Error> {
    match Discovery::of(issuer, Order::OAuthFirst).expect("an issuer").receive(answer, NOW)? {
        Step::Done(known) => Ok(*known),
        Step::Next(next) => panic!("led to {}", next.request().uri()),
    }
}

fn read(more: Value) -> Result<Metadata, Error> {
    receive_from(ISSUER, &json_answer(200, document(more).to_string())).map(|known| known.metadata().clone())
}

#[track_caller]
fn broken(result: Result<Metadata, Error>, section: &str) {
    match result {
        Err(Error::Misbehaved(wrong)) => assert_eq!(wrong.section, section, "{wrong}"),
        other => panic!("expected a broken answer, but found {other:?}"),
    }
}

fn places(issuer: &str, order: Order) -> Vec<String> {
    let mut places = Vec::new();
    let mut discovery = Discovery::of(issuer, order).expect("an issuer");
    loop {
        places.push(discovery.request().uri().to_string());
        match discovery.receive(&answer(404, "", ""), NOW) {
            Ok(Step::Next(next)) => discovery = *next,
            Ok(Step::Done(known)) => panic!("{known:?}"),
            Err(error) => {
                assert!(error.to_string().contains("none at any well-known place") && error.hint().len() > 20, "{error}");
                return places;
            }
        }
    }
}

#[test]
fn rfc8414_3_1_the_places_and_their_order() {
    let (oauth, inserted, appended) = (
        "https://login.example/.well-known/oauth-authorization-server/a/b",
        "https://login.example/.well-known/openid-configuration/a/b",
        "https://login.example/a/b/.well-known/openid-configuration",
    );
    for issuer in ["https://login.example/a/b", "https://login.example/a/b/"] {
        assert_eq!(places(issuer, Order::OAuthFirst), [oauth, inserted, appended]);
        assert_eq!(places(issuer, Order::OpenIdFirst), [appended, oauth, inserted]);
    }
    let (oauth, openid) = (
        "https://login.example:8443/.well-known/oauth-authorization-server",
        "https://login.example:8443/.well-known/openid-configuration",
    );
    for issuer in ["https://login.example:8443", "https://login.example:8443/"] {
        assert_eq!(places(issuer, Order::OAuthFirst), [oauth, openid]);
        assert_eq!(places(issuer, Order::OpenIdFirst), [openid, oauth]);
    }
    let one = Discovery::at(ISSUER, &endpoint("https://docs.example/metadata.json")).expect("an issuer");
    assert_eq!(one.request().uri(), "https://docs.example/metadata.json");
    assert!(one.receive(&answer(404, "", ""), NOW).is_err());
}

#[test]
fn f2_an_issuer_is_https_or_loopback_without_query_or_fragment() {
    for bad in
        ["http://login.example", "https://login.example?x=y", "https://login.example?", "https://login.example#x", "login.example", ""]
    {
        assert!(Discovery::of(bad, Order::OAuthFirst).is_err(), "{bad}");
    }
    assert!(Discovery::of("http://127.0.0.1:8900", Order::OAuthFirst).is_ok());
}

#[test]
fn f1_the_issuer_is_the_one_asked_for_byte_for_byte() {
    for other in [
        "https://login.example/",
        "https://LOGIN.example",
        "https://login.example:443",
        "https://evil.example",
        "https://login.examplé",
        "",
    ] {
        let result = read(json!({ "issuer": other }));
        broken(result, if other.is_empty() { "RFC 8414 §2" } else { "RFC 8414 §3.3" });
    }
    broken(read(json!({ "issuer": null })), "RFC 8414 §2");
    broken(read(json!({ "issuer": [ISSUER] })), "RFC 8414 §2");
    let answer = json_answer(200, json!({ "issuer": "https://login.example/" }).to_string());
    assert!(receive_from("https://login.example/", &answer).is_ok());
}

#[test]
fn f2_f3_e19_every_endpoint_is_https_and_leads_nowhere_that_only_we_reach() {
    for name in ENDPOINTS {
        for bad in [
            "http://login.example/x",
            "https://127.0.0.1/x",
            "http://127.0.0.1:8900/x",
            "https://169.254.169.254/x",
            "https://intranet/x",
            "https://user@login.example/x",
            "https://login.example/x#y",
            "javascript:alert(1)",
            "/x",
            "",
        ] {
            broken(read(json!({ *name: bad })), "RFC 8414 §2");
        }
        broken(read(json!({ *name: 1 })), "RFC 8414 §2");
        assert!(read(json!({ *name: "https://elsewhere.example/x" })).is_ok(), "{name}");
    }
    broken(read(json!({ "mtls_endpoint_aliases": { "token_endpoint": "http://mtls.example/token" } })), "RFC 8705 §5");
    // What no specification would call an endpoint is unknown: a terminal would obey what is in such a name.
    for name in ["token\u{1b}[2J_endpoint", "pushed\t_endpoint", "\u{202e}_endpoint", "token endpoint_endpoint"] {
        assert!(read(json!({ "mtls_endpoint_aliases": { name: "none" } })).is_ok(), "{name:?}");
    }
    let here = json_answer(200, json!({ "issuer": "http://127.0.0.1:8900", "token_endpoint": "http://127.0.0.1:8901/token" }).to_string());
    assert!(receive_from("http://127.0.0.1:8900", &here).is_ok());
}

#[test]
fn every_member_is_read_under_its_own_name_and_in_its_own_type() {
    let mut members = document(json!({}));
    let object = members.as_object_mut().expect("an object");
    object.extend(ENDPOINTS.iter().map(|name| ((*name).to_owned(), format!("https://login.example/{name}").into())));
    object.extend(LISTS.iter().map(|name| ((*name).to_owned(), json!([name]))));
    object.extend(FLAGS.iter().map(|name| ((*name).to_owned(), true.into())));
    let shown = format!("{:?}", read(members).expect("metadata"));
    for name in ENDPOINTS {
        assert!(shown.contains(&format!("{name}: Some(https://login.example/{name})")), "{name}");
    }
    for name in LISTS {
        assert!(shown.contains(&format!("{name}: [\"{name}\"]")), "{name}");
        for bad in [json!("x"), json!([1]), json!(["a\nb"]), json!([""]), json!({}), json!(true)] {
            broken(read(json!({ *name: bad })), "RFC 8414 §2");
        }
    }
    for name in FLAGS {
        assert!(shown.contains(&format!("{name}: true")), "{name}");
        for bad in [json!("true"), json!(1), json!([])] {
            broken(read(json!({ *name: bad })), "RFC 8414 §2");
        }
    }
}

#[test]
fn what_is_absent_is_what_the_specification_says() {
    let metadata = read(json!({ "code_challenge_methods_supported": [], "scopes_supported": null, "x-own": [1] })).expect("metadata");
    assert_eq!(metadata.code_challenge_methods_supported, None, "RFC 8414 §3.2: a list without elements is none");
    assert_eq!(metadata.response_modes_supported, ["query", "fragment"]);
    assert_eq!(metadata.grant_types_supported, ["authorization_code", "implicit"]);
    assert_eq!(metadata.token_endpoint_auth.methods, ["client_secret_basic"]);
    assert!(metadata.request_uri_parameter_supported && !metadata.request_parameter_supported);
    assert_eq!(metadata.member("x-own"), Some(&json!([1])));
}

#[test]
fn pages_for_people_are_shown_where_they_are_https_and_never_judged_as_endpoints() {
    let metadata =
        read(json!({ "service_documentation": "https://docs.example/\u{1b}[31m", "op_tos_uri": "javascript:alert(1)" })).expect("metadata");
    assert_eq!(metadata.service_documentation.as_deref(), Some("https://docs.example/[31m"));
    assert_eq!(metadata.op_tos_uri, None);
}

#[test]
fn f5_f6_hostile_answers_are_typed_errors() {
    let good = document(json!({})).to_string();
    let twice = good.replacen('{', r#"{"token_endpoint":"https://evil.example/token","#, 1);
    let padded = |to: usize| format!("{}{good}", " ".repeat(to - good.len()));
    let cases: Vec<(&str, u16, &str, Vec<u8>)> = vec![
        ("html", 200, "text/html", "<html>".into()),
        ("json as html", 200, "text/html", good.clone().into()),
        ("no content type", 200, "", good.clone().into()),
        ("empty", 200, "application/json", vec![]),
        ("null", 200, "application/json", "null".into()),
        ("list", 200, "application/json", "[]".into()),
        ("bytes", 200, "application/json", b"\xff\xfe".to_vec()),
        ("twice", 200, "application/json", twice.into()),
        ("more behind it", 200, "application/json", format!("{good}{good}").into()),
        ("deep", 200, "application/json", b"{\"a\":".repeat(40_000)),
        ("too long", 200, "application/json", padded(256 * 1024 + 1).into()),
        ("301", 301, "application/json", good.clone().into()),
        ("302", 302, "", vec![]),
        ("307", 307, "application/json", good.clone().into()),
        ("103", 103, "application/json", good.clone().into()),
        ("500", 500, "text/html", "<html>".into()),
        ("429", 429, "", vec![]),
        ("error with 500", 500, "application/json", r#"{"error":"server_error","error_description":"\u001b[31m"}"#.into()),
    ];
    for (name, status, content_type, body) in cases {
        let error = receive_from(ISSUER, &answer(status, content_type, body)).expect_err(name);
        assert!(matches!(error, Error::Misbehaved(_) | Error::Refused(_)), "{name}: {error:?}");
        assert_eq!(error.is_transient(), status >= 429, "{name}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.len() < 2048 && !shown.contains(char::is_control), "{name}: {shown}");
    }
    assert!(receive_from(ISSUER, &json_answer(200, padded(256 * 1024))).is_ok());
    let redirect = receive_from(ISSUER, &json_answer(301, good)).expect_err("a redirect").to_string();
    assert!(redirect.contains("a redirect, which is never followed"), "{redirect}");
}

fn known(cache_control: Option<&str>, more: Value) -> CachedMetadata {
    let mut answer = json_answer(200, document(more).to_string());
    if let Some(value) = cache_control {
        answer.headers_mut().insert("cache-control", value.parse().expect("a header"));
    }
    receive_from(ISSUER, &answer).expect("metadata")
}

#[test]
fn f6_a_bad_refresh_keeps_the_good_copy() {
    let old = known(None, json!({ "scopes_supported": ["old"] }));
    let later = NOW.plus(3600);
    let kept = |new: Result<CachedMetadata, Error>| {
        let (kept, told) = old.clone().refreshed(new, later);
        assert!(told.is_some());
        assert_eq!(kept.metadata(), old.metadata());
        assert!(!kept.is_due(later.plus(59)) && kept.is_due(later.plus(60)), "the next try waits a minute, and then comes");
    };
    kept(receive_from(ISSUER, &answer(503, "text/html", "<html>")));
    kept(receive_from(ISSUER, &json_answer(200, document(json!({ "token_endpoint": "http://login.example/token" })).to_string())));
    kept(receive_from("https://other.example", &json_answer(200, r#"{"issuer":"https://other.example"}"#)));
    let (new, told) = old.refreshed(Ok(known(None, json!({ "scopes_supported": ["new"] }))), later);
    assert!(told.is_none() && new.metadata().scopes_supported == ["new"]);
}

#[test]
fn f6_a_copy_is_good_for_as_long_as_the_server_says_within_bounds() {
    for (cache_control, lifetime) in [
        (None, 3600),
        (Some("public, max-age=600"), 600),
        (Some("max-age=1"), 60),
        (Some("Max-Age=\"120\""), 120),
        (Some("max-age=4294967295"), 86_400),
        (Some("max-age=99999999999999999999"), 3600),
        (Some("no-store"), 60),
        (Some("max-age=600, no-cache"), 60),
        (Some("max-age=-5"), 3600),
    ] {
        let copy = known(cache_control, json!({}));
        assert!(!copy.is_due(NOW) && !copy.is_due(NOW.plus(lifetime - 1)) && copy.is_due(NOW.plus(lifetime)), "{cache_control:?}");
        assert!(copy.is_due(NOW.plus(-1)), "the clock went back");
        assert!(copy.is_due(Timestamp::from_unix(i64::MIN)) && copy.is_due(Timestamp::from_unix(i64::MAX)));
    }
}

#[test]
fn f6_a_stored_copy_is_judged_when_it_is_read() {
    let copy = known(None, json!({ "jwks_uri": "https://login.example/keys", "x-own": 1 }));
    let stored = serde_json::to_string(&copy).expect("made to be stored");
    assert_eq!(serde_json::from_str::<CachedMetadata>(&stored).expect("as it rests"), copy);
    for (from, to) in [
        ("https://login.example/keys", "http://login.example/keys"),
        (r#""issuer":"https://login.example","document""#, r#""issuer":"https://evil.example","document""#),
    ] {
        assert!(stored.contains(from), "{stored}");
        assert!(serde_json::from_str::<CachedMetadata>(&stored.replace(from, to)).is_err(), "{to}");
    }
}

// --- settings

fn app() -> App {
    App::confidential("us", "sandbox-secret-not-real")
}

#[test]
fn a7_s256_is_sent_unless_the_provider_file_says_otherwise() {
    let settings = |methods: Value, pkce: Pkce| {
        let preferences = Preferences { pkce, ..Default::default() };
        read(json!({ "code_challenge_methods_supported": methods })).expect("metadata").settings(&app(), &preferences)
    };
    assert_eq!(settings(json!(null), Pkce::S256).expect("settings").pkce, Pkce::S256);
    assert_eq!(settings(json!(["plain", "S256"]), Pkce::S256).expect("settings").pkce, Pkce::S256);
    let error = settings(json!(["plain"]), Pkce::S256).expect_err("a downgrade");
    assert!(matches!(error, Error::Misbehaved(_)) && error.hint().len() > 20, "{error}");
    assert!(settings(json!(["s256"]), Pkce::S256).is_err(), "names have a case");
    assert_eq!(settings(json!(["plain"]), Pkce::Off).expect("configured so").pkce, Pkce::Off);
}

#[test]
fn a9_a_server_that_names_itself_in_callbacks_must_do_so() {
    for promised in [false, true] {
        let metadata = read(json!({ "authorization_response_iss_parameter_supported": promised })).expect("metadata");
        let settings = metadata.settings(&app(), &Preferences::default()).expect("settings");
        assert_eq!((settings.issuer.as_deref(), settings.iss_required), (Some(ISSUER), promised));
    }
}

#[test]
fn a22_what_must_be_pushed_is_told_apart_from_what_may() {
    let (name, place) = ("pushed_authorization_request_endpoint", "https://login.example/par");
    let read = |endpoint: Value, required: bool, alias: Value| {
        read(json!({ name: endpoint, "require_pushed_authorization_requests": required, "mtls_endpoint_aliases": { name: alias } }))
            .expect("metadata")
    };
    let par = endpoint(place);
    assert_eq!(read(json!(null), false, json!(null)).pushed(false), Ok(Pushed::No));
    assert_eq!(read(json!(place), false, json!(null)).pushed(true), Ok(Pushed::May(&par)));
    assert_eq!(read(json!(place), true, json!("https://mtls.example/par")).pushed(false), Ok(Pushed::Must(&par)));
    let alias = endpoint("https://mtls.example/par");
    assert_eq!(read(json!(place), true, json!(alias.as_str())).pushed(true), Ok(Pushed::Must(&alias)));
    let nowhere = read(json!(null), true, json!(null));
    assert!(nowhere.pushed(false).is_err_and(|wrong| wrong.section == "RFC 9126 §5"));
    assert!(nowhere.settings(&app(), &Preferences::default()).is_err(), "nothing goes through the browser instead");
}

#[test]
fn the_client_says_who_it_is_as_both_sides_can() {
    let auth = |methods: Value, app: &App, agreed: Option<ClientAuth>| {
        let preferences = Preferences { client_auth: agreed, ..Default::default() };
        let metadata = read(json!({ "token_endpoint_auth_methods_supported": methods })).expect("metadata");
        metadata.settings(app, &preferences).map(|settings| settings.client_auth)
    };
    let (secret, public) = (app(), App::public("us"));
    assert_eq!(auth(json!(null), &secret, None).ok(), Some(ClientAuth::Basic));
    assert_eq!(auth(json!(["client_secret_post", "client_secret_basic"]), &secret, None).ok(), Some(ClientAuth::Basic));
    assert_eq!(auth(json!(["private_key_jwt", "client_secret_post"]), &secret, None).ok(), Some(ClientAuth::Post));
    assert_eq!(auth(json!(["client_secret_basic"]), &public, None).ok(), Some(ClientAuth::None));
    assert_eq!(auth(json!(["client_secret_basic"]), &secret, Some(ClientAuth::Post)).ok(), Some(ClientAuth::Post));
    assert_eq!(auth(json!(["client_secret_jwt", "client_secret_post"]), &secret, None).ok(), Some(ClientAuth::Post));
    assert_eq!(auth(json!(["private_key_jwt", "client_secret_jwt"]), &secret, None).ok(), Some(ClientAuth::SecretJwt));
    let error = auth(json!(["private_key_jwt"]), &secret, None).expect_err("no way");
    assert!(matches!(error, Error::Misuse(_)) && error.to_string().contains("private_key_jwt"), "{error}");
}

/// What a server lists is its own text, and it knows the secret.
#[test]
fn what_a_server_lists_is_shown_without_the_app_s_secret() {
    let lists = ["code_challenge_methods_supported", "token_endpoint_auth_methods_supported", "dpop_signing_alg_values_supported"];
    for list in lists {
        let metadata = read(json!({ list: ["a:sandbox-secret-not-real:z"] })).expect("metadata");
        let error = metadata.settings(&app(), &Preferences { dpop: Dpop::Wanted, ..Default::default() }).expect_err(list).to_string();
        assert!(error.contains("a:") && !error.contains("sandbox-secret-not-real"), "{error}");
    }
}

#[test]
fn an_app_s_own_key_is_used_where_the_server_takes_it() {
    let keyed = App { private_key: Some("a key, which nobody reads here".into()), ..app() };
    let alone = App { client_secret: None, ..keyed.clone() };
    let auth = |app: &App, methods: Value, signed_requests: bool| {
        let said = json!({ "token_endpoint_auth_methods_supported": methods, "require_signed_request_object": signed_requests });
        let metadata = read(said).expect("metadata");
        metadata.settings(app, &Preferences::default()).map(|settings| settings.client_auth).ok()
    };
    let both = || json!(["client_secret_basic", "private_key_jwt"]);
    assert_eq!(auth(&keyed, both(), false), Some(ClientAuth::PrivateKeyJwt));
    assert_eq!(auth(&keyed, json!(["client_secret_basic"]), false), Some(ClientAuth::Basic));
    // Where requests are signed with it, the key says nothing of how the app is registered, and the secret does.
    assert_eq!(auth(&keyed, both(), true), Some(ClientAuth::Basic));
    assert_eq!(auth(&keyed, json!(["private_key_jwt"]), true), Some(ClientAuth::PrivateKeyJwt));
    assert_eq!(auth(&alone, both(), true), Some(ClientAuth::PrivateKeyJwt));
    // A list that does not name it is not tried with it.
    assert_eq!(auth(&alone, json!(["client_secret_basic", "none"]), false), Some(ClientAuth::None));
}

/// What such an issuer signs could not be judged: that is told before somebody approves, and who agreed on the app's secret says so.
#[test]
fn e2_an_issuer_that_signs_with_secrets_alone_is_told_before_the_login() {
    let begin = |listed: Value, scopes: &[&str], change: &dyn Fn(&mut oauth2::Settings)| {
        let known = json!({
            "id_token_signing_alg_values_supported": listed, "jwks_uri": "https://login.example/keys",
            "device_authorization_endpoint": "https://login.example/device",
        });
        let mut flow = read(known).expect("metadata").settings(&app(), &Preferences::default()).expect("settings");
        change(&mut flow);
        let settings = Settings::new("example", Flow::OAuth2(flow), Endpoint::parse("https://api.example").expect("a URL"));
        let client = oauth2::Client::new(&settings, app()).expect("a client");
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let request =
            oauth2::AuthorizeRequest { redirect_uri: "https://app.example/cb".into(), scopes: scopes.clone(), ..Default::default() };
        let device = client.device_authorization(&oauth2::AccessRequest::scopes(scopes)).map(drop);
        let page = client.authorize(&request, Timestamp::from_unix(0), &|buffer: &mut [u8]| buffer.fill(7)).map(drop);
        assert_eq!(device.is_ok(), page.is_ok());
        page
    };
    let error = begin(json!(["HS256", "none"]), &["openid"], &|_| {}).expect_err("nothing to judge by");
    assert!(error.to_string().contains("id_token_algorithms") && error.hint().contains("id_token_algorithms = [\"HS256\"]"), "{error}");
    assert!(begin(json!(["HS256", "none"]), &["read"], &|_| {}).is_ok(), "no ID token is asked for");
    assert!(begin(json!(["HS256", "RS256"]), &["openid"], &|_| {}).is_ok());
    let agreed = |flow: &mut oauth2::Settings| flow.id_token_algorithms = Algorithms::of([Algorithm::HS256]);
    assert!(begin(json!(["HS256"]), &["openid"], &agreed).is_ok());
    assert!(begin(json!(["HS256"]), &["openid"], &|flow| flow.jwks = None).is_ok(), "nobody judges without keys");
}

#[test]
fn what_a_server_says_of_sessions_is_taken_over() {
    let metadata = read(json!({
        "userinfo_endpoint": "https://login.example/me", "end_session_endpoint": "https://login.example/bye",
        "authorization_signing_alg_values_supported": ["ES256", "none"], "require_signed_request_object": true,
    }))
    .expect("metadata");
    let settings = metadata.settings(&app(), &Preferences::default()).expect("settings");
    let places = [settings.userinfo, settings.end_session].map(|place| place.map(|place| place.to_string()));
    assert_eq!(places, ["https://login.example/me", "https://login.example/bye"].map(|place| Some(place.to_owned())));
    assert_eq!(settings.response_algorithms.to_string(), "ES256");
    assert!(settings.request_object && settings.discovered);
    let silent = read(json!({})).expect("metadata").settings(&app(), &Preferences::default()).expect("settings");
    assert!(silent.userinfo.is_none() && silent.end_session.is_none() && !silent.request_object);
    assert_eq!(silent.response_algorithms.to_string(), "RS256", "JARM §3");
}

#[test]
fn proofs_are_by_an_algorithm_that_both_sides_have() {
    let settings = |algorithms: Value, dpop: Dpop| {
        let metadata = read(json!({ "dpop_signing_alg_values_supported": algorithms })).expect("metadata");
        metadata.settings(&app(), &Preferences { dpop, ..Default::default() })
    };
    let both = settings(json!(["ES256K", "EdDSA", "HS256", "ES256"]), Dpop::Wanted).expect("settings");
    assert_eq!((both.dpop, both.dpop_algorithms.to_string()), (Dpop::Wanted, "ES256, EdDSA".to_owned()));
    assert_eq!(settings(json!(null), Dpop::Wanted).expect("settings").dpop_algorithms.to_string(), "ES256");
    let none = settings(json!(["ES256K"]), Dpop::Wanted).expect_err("no way to prove");
    assert!(matches!(none, Error::Misuse(_)) && none.to_string().contains("ES256K"), "{none}");
    assert_eq!(settings(json!(["ES256K"]), Dpop::Off).expect("nobody wants it").dpop, Dpop::Off);
}

#[test]
fn g6_aliases_are_for_those_who_show_a_certificate() {
    let metadata = read(json!({
        "revocation_endpoint": "https://login.example/revoke",
        "device_authorization_endpoint": "https://login.example/device",
        "backchannel_authentication_endpoint": "https://login.example/ciba",
        "userinfo_endpoint": "https://login.example/userinfo",
        "mtls_endpoint_aliases": {
            "token_endpoint": "https://mtls.example/token", "device_authorization_endpoint": "https://mtls.example/device",
            "backchannel_authentication_endpoint": "https://mtls.example/ciba", "userinfo_endpoint": "https://mtls.example/userinfo", "other": 1,
        },
    }))
    .expect("metadata");
    let settings = |mtls| metadata.settings(&app(), &Preferences { mtls, ..Default::default() }).expect("settings");
    assert_eq!(settings(false).token.as_str(), "https://login.example/token");
    assert_eq!(settings(true).token.as_str(), "https://mtls.example/token");
    for (mtls, host) in [(false, "login"), (true, "mtls")] {
        let settings = settings(mtls);
        let endpoints = [settings.device_authorization, settings.backchannel_authentication, settings.userinfo];
        let endpoints = endpoints.map(|url| url.map(|url| url.to_string()));
        assert_eq!(endpoints, ["device", "ciba", "userinfo"].map(|path| Some(format!("https://{host}.example/{path}"))));
    }
    let by_certificate = Preferences { client_auth: Some(ClientAuth::Tls), ..Default::default() };
    let by_certificate = metadata.settings(&App::public("us"), &by_certificate).expect("settings");
    assert_eq!(by_certificate.token.as_str(), "https://mtls.example/token", "whoever is known by a certificate shows it");
    assert_eq!(
        settings(true).authorize.as_ref().map(|page| page.as_str()),
        Some("https://login.example/authorize"),
        "a browser has no such certificate"
    );
    assert_eq!(settings(true).revoke.map(|revoke| revoke.to_string()).as_deref(), Some("https://login.example/revoke"));
}

#[test]
fn a_server_without_the_endpoints_of_the_code_grant_is_named_as_such() {
    for name in ["authorization_endpoint", "token_endpoint"] {
        let error = read(json!({ name: null })).expect("metadata").settings(&app(), &Preferences::default()).expect_err("no endpoint");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// RFC 8414 §2: no authorization endpoint where no grant uses it, and a login on another device does not.
#[test]
fn a_server_that_no_browser_is_sent_to_is_logged_in_to_on_another_device() {
    let device = "https://login.example/device";
    let metadata = read(json!({ "authorization_endpoint": null, "device_authorization_endpoint": device })).expect("metadata");
    let settings = metadata.settings(&app(), &Preferences::default()).expect("settings");
    assert!(settings.is_device_only() && settings.device_authorization.as_ref().is_some_and(|at| at.as_str() == device));
    let provider = keyfob_proto::Settings::new("example", keyfob_proto::Flow::OAuth2(settings), endpoint("https://api.example"));
    assert!(!provider.is_imported());
    let client = keyfob_proto::oauth2::Client::new(&provider, app()).expect("a client");
    assert!(client.device_authorization(&keyfob_proto::oauth2::AccessRequest::default()).is_ok());
    let request = keyfob_proto::oauth2::AuthorizeRequest { redirect_uri: "http://127.0.0.1/callback".into(), ..Default::default() };
    let refused = client.authorize(&request, NOW, &Chance::new(1)).expect_err("no page");
    let hint = match &refused {
        Error::Misuse(misuse) => misuse.hint.clone().unwrap_or_default(),
        other => panic!("{other}"),
    };
    assert!(refused.to_string().contains("on another device alone (RFC 8628)") && hint.contains("device login"), "{refused} {hint}");
}

#[test]
fn scopes_are_asked_for_by_us_never_by_the_server() {
    let metadata = read(json!({ "scopes_supported": ["admin"] })).expect("metadata");
    assert!(metadata.settings(&app(), &Preferences::default()).expect("settings").scopes.is_empty());
    let preferences = Preferences { scopes: vec!["read".into()], ..Default::default() };
    assert_eq!(metadata.settings(&app(), &preferences).expect("settings").scopes, ["read"]);
}

#[test]
fn a_request_for_metadata_carries_nothing_of_ours() {
    let discovery = Discovery::of(ISSUER, Order::OAuthFirst).expect("an issuer");
    assert_eq!(discovery.request().method(), "GET");
    assert!(discovery.request().body().is_empty() && discovery.request().headers().len() == 1);
}

proptest! {
    #[test]
    fn metadata_never_panics(status in 100_u16..1000, json: bool, body: Vec<u8>) {
        let answer = answer(status, if json { "application/json" } else { "text/html" }, body);
        let _ = Discovery::of(ISSUER, Order::OAuthFirst).expect("an issuer").receive(&answer, NOW);
    }

    #[test]
    fn odd_members_never_panic(at in 0_usize..60, text: String, kind in 0..6) {
        let names: Vec<_> = ENDPOINTS.iter().chain(LISTS).chain(FLAGS).chain(&["mtls_endpoint_aliases", "issuer"]).collect();
        let value = match kind {
            0 => json!(text),
            1 => json!([text]),
            2 => json!({ "token_endpoint": text }),
            3 => json!(format!("https://{text}")),
            4 => json!(1e308),
            _ => json!([[text]]),
        };
        let _ = read(json!({ names[at % names.len()].to_owned(): value })).map(|metadata| metadata.settings(&app(), &Preferences::default()));
    }

    #[test]
    fn issuers_never_panic(text: String) {
        for text in [text.clone(), format!("https://{text}"), format!("https://a.example/{text}")] {
            let _ = Discovery::of(&text, Order::OpenIdFirst).map(|discovery| discovery.receive(&answer(404, "", ""), NOW).is_ok());
        }
    }
}
