//! Protected resource metadata (RFC 9728, row F9).

mod common;

use common::*;
use keyfob_proto::oauth2::resource_metadata::{ResourceDiscovery, ResourceMetadata, Step};
use keyfob_proto::{Deviation, Error};
use proptest::prelude::*;
use serde_json::{Value, json};

const RESOURCE: &str = "https://api.example/v1";

fn document(more: Value) -> String {
    let mut document = json!({ "resource": RESOURCE, "authorization_servers": ["https://login.example"] });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    document.to_string()
}

fn finish(discovery: ResourceDiscovery, body: &str) -> Result<ResourceMetadata, Error> {
    match discovery.receive(&json_answer(200, body))? {
        Step::Done(metadata) => Ok(*metadata),
        Step::Next(next) => panic!("led to {}", next.request().uri()),
    }
}

fn read(more: Value) -> Result<ResourceMetadata, Error> {
    finish(ResourceDiscovery::of(RESOURCE).expect("a resource"), &document(more))
}

#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, Error>, section: &str) -> Error {
    match result {
        Err(Error::Misbehaved(wrong)) => {
            assert_eq!(wrong.section, section, "{wrong}");
            wrong.into()
        }
        other => panic!("expected a broken answer, but found {other:?}"),
    }
}

#[test]
fn rfc9728_3_1_the_place_is_between_host_and_path() {
    for (resource, place) in [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
        ("https://api.example:8443/v1", "https://api.example:8443/.well-known/oauth-protected-resource/v1"),
        ("https://api.example/v1/", "https://api.example/.well-known/oauth-protected-resource/v1/"),
        ("https://api.example/v1?x=y", "https://api.example/.well-known/oauth-protected-resource/v1?x=y"),
    ] {
        assert_eq!(ResourceDiscovery::of(resource).expect("a resource").request().uri(), place);
    }
    for bad in ["http://api.example/v1", "https://api.example/v1#x", "api.example", ""] {
        assert!(ResourceDiscovery::of(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_origin_is_asked_next_and_is_then_the_resource() {
    let first = ResourceDiscovery::of(RESOURCE).expect("a resource");
    let Ok(Step::Next(root)) = first.receive(&answer(404, "", "")) else { panic!("there is one more place") };
    assert_eq!(root.request().uri(), "https://api.example/.well-known/oauth-protected-resource");
    for origin in ["https://api.example", "https://api.example/"] {
        assert_eq!(finish(*root.clone(), &document(json!({ "resource": origin }))).expect("the origin").resource, origin);
    }
    broken(finish(*root.clone(), &document(json!({}))), "RFC 9728 §3.3");
    let error = root.receive(&answer(404, "", "")).expect_err("nothing anywhere");
    assert!(error.hint().len() > 20, "{error}");
    let only = ResourceDiscovery::of("https://api.example/").expect("a resource");
    assert!(only.receive(&answer(404, "", "")).is_err(), "there is one place only");
    let busy = ResourceDiscovery::of(RESOURCE).expect("a resource").receive(&answer(429, "", "")).expect_err("later");
    assert!(busy.is_transient(), "{busy}");
}

#[test]
fn f9_the_resource_is_the_one_that_was_asked_about() {
    assert_eq!(read(json!({})).expect("metadata").resource, RESOURCE);
    for other in [
        "https://api.example/v1/",
        "https://API.example/v1",
        "https://evil.example/v1",
        "https://api.example/v2",
        "https://api.example/v",
        "http://api.example",
    ] {
        broken(read(json!({ "resource": other })), "RFC 9728 §3.3");
    }
    broken(read(json!({ "resource": null })), "RFC 9728 §2");
    broken(read(json!({ "resource": [RESOURCE] })), "RFC 9728 §2");
}

#[test]
fn f9_a_challenge_names_the_place_and_the_resource_stays_the_url_that_was_called() {
    let place = "https://meta.example/api.json";
    let named = ResourceDiscovery::named(RESOURCE, place).expect("a place");
    assert_eq!(named.request().uri(), place);
    assert!(finish(named.clone(), &document(json!({}))).is_ok());
    broken(finish(named.clone(), &document(json!({ "resource": "https://meta.example/api.json" }))), "RFC 9728 §3.3");
    assert!(named.receive(&answer(404, "", "")).is_err(), "no other place is tried");
    for bad in ["http://meta.example/x", "https://127.0.0.1/x", "https://169.254.169.254/x", "https://metadata.google.internal/", "/x", ""]
    {
        broken(ResourceDiscovery::named(RESOURCE, bad), "RFC 9728 §5.1");
    }
    assert!(ResourceDiscovery::named("http://127.0.0.1:8900/mcp", "http://127.0.0.1:8900/meta").is_ok());
}

#[test]
fn a_parent_of_the_resource_is_taken_by_name_only() {
    let asked = |resource: &str, allow: bool| {
        let discovery = ResourceDiscovery::of("https://api.example/v1/mcp").expect("a resource");
        let discovery = if allow { discovery.allowing(&deviations(&[Deviation::ResourceParent])) } else { discovery };
        finish(discovery, &document(json!({ "resource": resource })))
    };
    for parent in ["https://api.example", "https://api.example/", "https://api.example/v1", "https://api.example/v1/"] {
        let error = broken(asked(parent, false), "RFC 9728 §3.3");
        assert!(error.hint().contains("resource-parent"), "{error}");
        assert_eq!(asked(parent, true).expect("tolerated").tolerated, deviations(&[Deviation::ResourceParent]));
    }
    for no_parent in [
        "https://api.example/v",
        "https://evil.example/v1",
        "https://api.example/v1/mcp/x",
        "https://api.example:8443/v1",
        "https://api.example?x",
    ] {
        broken(asked(no_parent, true), "RFC 9728 §3.3");
    }
    assert!(asked("https://api.example/v1/mcp", true).expect("exact").tolerated.is_empty());
}

#[test]
fn f9_authorization_servers_are_https_and_not_where_only_we_reach() {
    for bad in [
        "http://login.example",
        "https://10.0.0.1",
        "http://127.0.0.1:1",
        "https://login.example?x",
        "https://login.example#x",
        "login.example",
        "",
    ] {
        broken(read(json!({ "authorization_servers": ["https://login.example", bad] })), "RFC 9728 §2");
    }
    assert!(read(json!({ "authorization_servers": null })).expect("none is named").authorization_servers.is_empty());
    broken(read(json!({ "authorization_servers": "https://login.example" })), "RFC 9728 §2");
}

#[test]
fn f10_what_is_for_people_is_fit_to_show_and_never_fetched() {
    let metadata = read(json!({
        "resource_name": "The \u{1b}[31mAPI\u{202e}", "resource_documentation": "javascript:alert(1)", "resource_tos_uri": "https://api.example/tos",
        "dpop_bound_access_tokens_required": true, "signed_metadata": "a.b.c", "jwks_uri": "https://api.example/keys",
    }))
    .expect("metadata");
    assert_eq!(metadata.resource_name.as_deref(), Some("The [31mAPI"));
    assert_eq!((metadata.resource_documentation, metadata.resource_tos_uri.as_deref()), (None, Some("https://api.example/tos")));
    assert!(metadata.dpop_bound_access_tokens_required && metadata.signed_metadata.is_some() && metadata.jwks_uri.is_some());
    broken(read(json!({ "jwks_uri": "http://api.example/keys" })), "RFC 9728 §2");
}

#[test]
fn hostile_answers_are_typed_errors() {
    let good = document(json!({}));
    for (name, status, content_type, body) in [
        ("html", 200, "text/html", "<html>".to_owned()),
        ("redirect", 302, "application/json", good.clone()),
        ("twice", 200, "application/json", good.replacen('{', r#"{"resource":"https://evil.example","#, 1)),
        ("huge", 200, "application/json", format!("{good}{}", " ".repeat(256 * 1024))),
        ("list", 200, "application/json", "[]".to_owned()),
        ("500", 500, "text/html", "<html>".to_owned()),
    ] {
        let result = ResourceDiscovery::of(RESOURCE).expect("a resource").receive(&answer(status, content_type, body));
        assert!(matches!(result, Err(Error::Misbehaved(_))), "{name}: {result:?}");
    }
}

proptest! {
    #[test]
    fn answers_never_panic(status in 100_u16..1000, body: Vec<u8>, text: String) {
        let _ = ResourceDiscovery::of(RESOURCE).expect("a resource").receive(&answer(status, "application/json", body));
        for name in ["resource", "authorization_servers", "jwks_uri"] {
            let _ = read(json!({ name: text }));
            let _ = read(json!({ name: [format!("https://{text}")] }));
        }
        for text in [text.clone(), format!("https://{text}"), format!("https://a.example/{text}")] {
            let _ = ResourceDiscovery::of(&text).map(|discovery| discovery.receive(&answer(404, "", "")).is_ok());
            let _ = ResourceDiscovery::named(RESOURCE, &text);
        }
    }
}
