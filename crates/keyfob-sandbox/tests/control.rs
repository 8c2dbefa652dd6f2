//! The index, the control endpoint, the faults that spoil answers, and what a service does with garbage.

mod common;

use std::time::{Duration, Instant};

use common::{get_url, post_form, post_json, raw, send};
use keyfob_sandbox::{At, Consent, Faults, Registration, SERVICES, Sandbox};
use serde_json::json;

async fn start() -> Sandbox {
    Sandbox::start().await.expect("free ports")
}

#[tokio::test]
async fn the_index_tells_what_runs_where() {
    let sandbox = start().await;
    let page = get_url(&format!("{}/", sandbox.index())).await;
    let list = get_url(&format!("{}/providers.json", sandbox.index())).await.json();
    for service in SERVICES {
        assert!(page.text().contains(&sandbox.origin(service)));
        assert_eq!(list[service]["origin"], sandbox.origin(service));
    }
    assert_eq!(list["fitbit-oauth1"]["origin"], sandbox.origin("fitbit"));
    assert_eq!(list["august"]["fields"]["api_key"], sandbox.app("august").fields["api_key"].as_str());
    assert_eq!(list["telldus"]["ready"]["token"].as_str().expect("text").len(), 41);
    assert_eq!(list["telldus"]["ready"]["token_secret"].as_str().expect("text").len(), 32);
    assert!(list["acme"]["redirect_uris"].as_array().expect("a list").contains(&json!("http://127.0.0.1/callback")));
}

#[tokio::test]
async fn orders_are_carried_out() {
    let sandbox = start().await;
    let order = async |what: &str, body: serde_json::Value| post_json(&format!("{}/control/{what}", sandbox.index()), &body).await;
    assert_eq!(order("consent", json!({"service": "acme", "mode": "deny"})).await.status, 200);
    assert_eq!(order("consent", json!({"mode": "approve"})).await.status, 200);
    let faults = order("faults", json!({"service": "august", "faults": {"too_many_requests": 2, "at": "any"}})).await;
    assert_eq!(faults.json()["too_many_requests"], 2);
    assert_eq!(sandbox.faults("august").get(), Faults { too_many_requests: 2, at: At::Any, ..Faults::default() });
    order("faults", json!({"service": "august", "faults": {"retired": true}})).await;
    assert_eq!(sandbox.faults("august").get().too_many_requests, 2, "the others stay");
    order("faults", json!({"service": "august", "reset": true})).await;
    assert_eq!(sandbox.faults("august").get(), Faults::default());
    assert_eq!(order("expire", json!({"service": "august"})).await.status, 200);
    assert_eq!(order("advance", json!({"seconds": 60})).await.status, 200);

    let app = json!({"service": "acme", "name": "Mine", "client_id": "mine", "redirect_uris": []});
    assert_eq!(order("apps", json!({"as": "mine", "app": app})).await.status, 200);
    assert_eq!(sandbox.app("mine").client_id, "mine");
    let uri = "http://localhost:8080/back";
    assert_eq!(order("redirect-uris", json!({"app": "mine", "redirect_uri": uri})).await.status, 200);
    let url = format!("{}/authorize?client_id=mine&redirect_uri={}", sandbox.origin("acme"), common::encode(uri));
    assert!(get_url(&url).await.location().starts_with(uri));

    let seen = get_url(&format!("{}/control/seen?service=acme", sandbox.index())).await.json();
    assert_eq!(
        seen["seen"][0]["line"],
        "GET /authorize header[] query[client_id=mine,redirect_uri=http://localhost:<port>/back] body[] -> 302"
    );
    assert_eq!(order("clear", json!({})).await.status, 200);
    assert!(sandbox.seen("acme").is_empty());

    for (what, body) in [
        ("faults", json!({"service": "august", "faults": {"too_many": 1}})),
        ("faults", json!({"service": "august", "faults": {"retry_after": -1}})),
        ("advance", json!({"seconds": "soon"})),
        ("consent", json!({"mode": "maybe"})),
        ("apps", json!([])),
    ] {
        assert_eq!(order(what, body).await.status, 400, "{what}");
    }
    assert_eq!(order("faults", json!({"service": "nobody"})).await.status, 404);
    assert_eq!(order("explode", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_web_page_cannot_give_orders() {
    let sandbox = start().await;
    let url = format!("{}/control/consent", sandbox.index());
    let body = r#"{"mode":"approve"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_eq!(send("POST", &url, &[("content-type", kind)], body).await.status, 415);
    }
    assert_eq!(send("POST", &url, &[], body).await.status, 415);
    let rebound = send("POST", &url, &[("content-type", "application/json"), ("host", "evil.example:80")], body).await;
    assert_eq!(rebound.status, 421);
    assert_eq!(send("OPTIONS", &url, &[("origin", "http://evil.example")], "").await.header("access-control-allow-origin"), None);
    let acme = sandbox.origin("acme");
    let page = get_url(&format!(
        "{acme}/authorize?response_type=code&client_id=acme-demo&redirect_uri={}&code_challenge={}&code_challenge_method=S256",
        common::encode("http://127.0.0.1/callback"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    ))
    .await;
    assert_eq!(page.status, 200, "consent is still asked");
    assert!(page.text().contains("You are signed in as"));
}

#[tokio::test]
async fn answers_are_spoilt_as_ordered() {
    let sandbox = start().await;
    let url = format!("{}/api/me", sandbox.origin("acme"));
    let faults = sandbox.faults("acme");
    faults.update(|faults| faults.unavailable = 1);
    assert_eq!(get_url(&url).await.status, 503);
    faults.update(|faults| faults.error_at_200 = 1);
    let answer = get_url(&url).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"error": "server_error"})));
    faults.update(|faults| faults.html = 1);
    assert_eq!(get_url(&url).await.header("content-type"), Some("text/html;charset=UTF-8"));
    faults.update(|faults| faults.truncated = 1);
    let answer = get_url(&url).await;
    assert!(!answer.complete && !answer.body.is_empty());
    assert!(get_url(&url).await.complete);
    faults.update(|faults| faults.huge_mib = 3);
    assert!(get_url(&url).await.body.len() > 3 << 20);
    faults.set(Faults { slow_ms: 300, ..Faults::default() });
    let before = Instant::now();
    get_url(&url).await;
    assert!(before.elapsed() >= Duration::from_millis(300));
    // Only API requests are slow: nobody waits an hour for this one.
    faults.set(Faults { slow_ms: 3_600_000, ..Faults::default() });
    get_url(&format!("{}/.well-known/oauth-authorization-server", sandbox.origin("acme"))).await;
    faults.set(Faults { clock_skew: -86_400 * 365, ..Faults::default() });
    let date = get_url(&url).await.header("date").expect("a date").to_owned();
    sandbox.faults("acme").clear();
    assert_ne!(date[12..16], get_url(&url).await.header("date").expect("a date")[12..16], "the year");
}

#[tokio::test]
async fn only_the_wanted_services_start_and_stop_when_dropped() {
    let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.expect("free ports");
    assert_eq!(sandbox.origins().len(), 1);
    let host = sandbox.origin("acme").replace("http://", "");
    drop(sandbox);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(tokio::net::TcpStream::connect(&host).await.is_err(), "the port is closed");

    let unknown = Sandbox::builder().only(["acme", "nobody"]).start().await.err().expect("refused").to_string();
    assert_eq!(unknown, "the sandbox has no service \"nobody\"; it has august, netatmo, fitbit, telldus, acme");
}

#[tokio::test]
async fn ports_follow_the_base_port() {
    // Some six neighbouring ports are free; who takes one in between makes this try the next.
    for base in (20_000..60_000).step_by(97) {
        let Ok(sandbox) = Sandbox::builder().base_port(base).start().await else { continue };
        assert_eq!(sandbox.index(), format!("http://127.0.0.1:{base}"));
        assert_eq!(sandbox.origin("august"), format!("http://127.0.0.1:{}", base + 1));
        assert_eq!(sandbox.origin("acme"), format!("http://127.0.0.1:{}", base + 5));
        let taken = Sandbox::builder().base_port(base).start().await.err().expect("taken");
        assert!(taken.to_string().contains("cannot listen on 127.0.0.1:"), "{taken}");
        return;
    }
    panic!("no six free ports");
}

#[tokio::test]
async fn an_extra_app_can_be_registered() {
    let mine = Registration {
        service: "telldus".into(),
        name: "Mine".into(),
        client_id: "my-key".into(),
        client_secret: "my-secret-not-real".into(),
        fields: Default::default(),
        redirect_uris: Vec::new(),
        ready: None,
        metadata: Default::default(),
    };
    let sandbox = Sandbox::builder().app("mine", mine.clone()).start().await.expect("free ports");
    assert_eq!(sandbox.app("mine"), mine);
    let url = format!("{}/oauth/requestToken", sandbox.origin("telldus"));
    let signer = common::Signer::new(("my-key", "my-secret-not-real"), None);
    assert_eq!(signer.send(common::Put::Header, "POST", &url, &[], &[]).await.status, 200);
}

#[tokio::test]
async fn bodies_are_capped() {
    let sandbox = start().await;
    let body = "x".repeat((1 << 20) + 1);
    for service in SERVICES {
        let answer = send("POST", &format!("{}/token", sandbox.origin(service)), &[("content-type", "text/plain")], &body).await;
        assert_eq!(answer.status, 413, "{service}");
    }
}

/// Garbage gets an answer, never a panic: a panic would close the connection without one.
#[tokio::test]
async fn garbage_gets_an_answer() {
    let sandbox = start().await;
    let paths = [
        "/",
        "//",
        "/%",
        "/%00%ff",
        "/oauth/requestToken",
        "/oauth/authorize",
        "/oauth/accessToken",
        "/oauth/request_token",
        "/oauth/access_token",
        "/oauth2/authorize",
        "/oauth2/token",
        "/oauth2/revoke",
        "/1.1/oauth2/introspect",
        "/authorization",
        "/access_token",
        "/authorize",
        "/token",
        "/revoke",
        "/introspect",
        "/api/getmeasure",
        "/api/",
        "/json/devices/list",
        "/json/device/dim",
        "/1/user/-/.json",
        "/1/user/-/activities/date/9999-99-99.json",
        "/remoteoperate//",
        "/locks/",
        "/houses/x/activity/99999999999999999999",
        "/.well-known/oauth-authorization-server",
    ];
    let queries = ["", "?", "?&&==", "?%=%&a=%zz", "?oauth_token=%00&oauth_consumer_key=&oauth_signature=%", "?client_id=%F0%28&scope=%00"];
    let headers = [
        ("authorization", "OAuth"),
        ("authorization", "OAuth oauth_consumer_key=\"%zz\", ,=,\"\\"),
        ("authorization", "Basic !!!"),
        ("authorization", "Basic Og=="),
        ("authorization", "Bearer "),
        ("content-type", "application/json"),
        ("content-type", ";"),
    ];
    let bodies = ["", "{", "[1]", "{\"grant_type\":{}}", "a=%&=&&grant_type=authorization_code&grant_type=x&code=%00", "\u{0}\u{fffd}"];
    for service in SERVICES {
        let origin = sandbox.origin(service);
        for (nth, path) in paths.iter().enumerate() {
            for query in queries {
                let header = headers[nth % headers.len()];
                let body = bodies[(nth + query.len()) % bodies.len()];
                let method = ["GET", "POST", "PUT", "DELETE", "HEAD"][(nth + query.len()) % 5];
                let answer = send(method, &format!("{origin}{path}{query}"), &[header], body).await;
                assert!(answer.status < 500 || answer.status == 501, "{service} {method} {path}{query}: {}", answer.status);
                let form = post_form(&format!("{origin}{path}{query}"), &[header], &[("ticket", "\u{0}"), ("oauth_nonce", "")]).await;
                assert!(form.status < 500, "{service} POST {path}{query}: {}", form.status);
            }
        }
        let host = origin.replace("http://", "");
        for bytes in [&b"GET /\xff HTTP/1.1\r\n\r\n"[..], b"NONSENSE\r\n\r\n", b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n"] {
            assert_eq!(raw(&host, bytes).await.status, 400);
        }
        let bare = raw(&host, b"GET / HTTP/1.1\r\nHost: \xfe\r\nConnection: close\r\n\r\n").await;
        assert!(bare.status < 500);
    }
    let order = format!("{}/control/faults", sandbox.index());
    for body in bodies {
        let answer = send("POST", &order, &[("content-type", "application/json")], body).await;
        assert!(answer.status < 500);
    }
}

#[tokio::test]
async fn what_a_client_needs_of_acme_s_house_is_ordered_too() {
    let sandbox = Sandbox::builder().tls().start().await.expect("free ports");
    let order = async |what: &str, body: serde_json::Value| post_json(&format!("{}/control/{what}", sandbox.index()), &body).await;
    let list = get_url(&format!("{}/providers.json", sandbox.index())).await.json();
    assert_eq!(
        (&list["acme"]["secure_origin"], &list["acme"]["authority"]),
        (&json!(sandbox.secure_origin()), &json!(sandbox.authority()))
    );
    assert!(list["august"]["secure_origin"].is_null());
    let made = order("client-certificate", json!({"name": "app.example"})).await.json();
    assert!(made["certificate"].as_str().is_some_and(|pem| pem.contains("CERTIFICATE")) && made["key"].is_string());
    let xml = order("saml-assertion", json!({"audience": "urn:somebody"})).await.json();
    assert!(xml["assertion"].as_str().is_some_and(|xml| xml.contains("<saml:Audience>urn:somebody</saml:Audience>")));
    assert_eq!(order("saml-assertion", json!({"audienze": "x"})).await.status, 400);
    let plain = start().await;
    let refused = post_json(&format!("{}/control/client-certificate", plain.index()), &json!({"name": "app.example"})).await;
    assert_eq!(refused.status, 400);
}
