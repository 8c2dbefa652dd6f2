//! What OpenID Connect has around a login: finding the server, claims of others, the frame that tells whether the session still is.

use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::common::{form, get, get_url, post_form, send};
use crate::kit::{Acme, claims};

#[tokio::test]
async fn webfinger_knows_one_person_by_two_names() {
    let acme = Acme::start().await;
    let ask = async |resource: &str, rel: &str| {
        let query = form(&[("resource", resource), ("rel", rel)]);
        get_url(&format!("{}/.well-known/webfinger?{query}", acme.origin)).await
    };
    let rel = "http://openid.net/specs/connect/1.0/issuer";
    let address = format!("acct:robin@{}", acme.origin.trim_start_matches("http://"));
    for resource in [address.as_str(), &format!("{}/robin", acme.origin)] {
        let answer = ask(resource, rel).await;
        assert_eq!(answer.header("content-type"), Some("application/jrd+json"));
        assert_eq!(answer.json()["links"], json!([{ "rel": rel, "href": acme.origin }]));
    }
    assert_eq!(ask(&address, "other").await.json()["links"], json!([]));
    assert_eq!(ask("acct:somebody@example.com", rel).await.status, 404);
    assert_eq!(get_url(&format!("{}/.well-known/webfinger", acme.origin)).await.status, 400);
}

#[tokio::test]
async fn claims_of_others_are_handed_on_or_fetched() {
    let acme = Acme::start().await;
    let (_, tokens) = acme.openid(&[("claims", r#"{"userinfo":{"address":null,"credit_score":null}}"#)]).await;
    let told = acme.call("GET", "/userinfo", &tokens, "").await.json();
    assert_eq!(told["_claim_names"], json!({ "address": "registry", "credit_score": "bank" }));
    let signed = claims(told["_claim_sources"]["registry"]["JWT"].as_str().expect("signed text"));
    assert_eq!((&signed["iss"], &signed["address"]["country"]), (&json!(format!("{}/claims", acme.origin)), &json!("SE")));
    assert!(signed.get("credit_score").is_none());

    let bank = &told["_claim_sources"]["bank"];
    let endpoint = bank["endpoint"].as_str().expect("a URL");
    let bearer = format!("Bearer {}", bank["access_token"].as_str().expect("a token"));
    let fetched = send("GET", endpoint, &[("authorization", &bearer)], "").await;
    assert_eq!((fetched.header("content-type"), &claims(&fetched.text())["credit_score"]), (Some("application/jwt"), &json!(650)));
    assert_eq!(acme.call("GET", "/claims", &tokens, "").await.status, 403, "another token");
    assert_eq!(acme.call("GET", "/userinfo", &json!({ "access_token": bank["access_token"] }), "").await.status, 403);
    let metadata = get_url(&format!("{}/.well-known/openid-configuration/claims", acme.origin)).await.json();
    assert_eq!(metadata["issuer"], signed["iss"]);
}

#[tokio::test]
async fn a_session_state_holds_until_the_session_ends() {
    let acme = Acme::start().await;
    let back = acme.back(&[("scope", "openid"), ("nonce", "n")]).await;
    let state = get(&back, "session_state").to_owned();
    let ask = async |client: &str, state: &str, origin: &str| {
        let pairs = [("client_id", client), ("session_state", state), ("origin", origin)];
        post_form(&format!("{}/check_session", acme.origin), &[], &pairs).await.text()
    };
    let home = "http://127.0.0.1:47000";
    assert_eq!(ask("acme-demo", &state, home).await, "unchanged");
    assert_eq!(ask("acme-demo", &state, "http://127.0.0.1:1").await, "changed", "the page of another origin");
    assert_eq!(ask("other", &state, home).await, "changed");
    assert_eq!(ask("acme-demo", "x", home).await, "error");
    get_url(&format!("{}/end_session", acme.origin)).await;
    assert_eq!(ask("acme-demo", &state, home).await, "changed");
    let frame = get_url(&format!("{}/check_session", acme.origin)).await;
    assert!(frame.header("x-frame-options").is_none() && frame.text().contains("postMessage"));
    assert!(acme.back(&[]).await.iter().all(|(name, _)| name != "session_state"), "no OpenID, no session");
}

#[tokio::test]
async fn a_request_is_fetched_where_the_app_said_and_nowhere_else() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("http://{}/request", listener.local_addr().expect("bound"));
    let metadata = Metadata { request_uris: vec![place.clone()], request_object_signing_alg: Some("none".into()), ..Metadata::default() };
    let acme = Acme::with(metadata).await;
    let now = crate::common::unix();
    let claims = json!({
        "iss": "mine", "aud": acme.origin, "exp": now + 60, "client_id": "mine", "response_type": "code", "redirect_uri": crate::kit::CALLBACK,
        "state": "by-reference", "code_challenge": crate::kit::CHALLENGE, "code_challenge_method": "S256",
    });
    let encode = |text: &str| keyfob_proto::encode::base64url(text.as_bytes());
    let object = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims.to_string()));
    let by_value = get_url(&format!("{}/authorize?{}", acme.origin, form(&[("client_id", "mine"), ("request", &object)]))).await;
    assert_eq!(by_value.status, 400, "unsigned only where a browser cannot change it");
    // On a thread of its own: the server waits for it.
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("a request");
        let read = stream.read(&mut [0; 4096]).expect("bytes");
        assert!(read > 0);
        stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{object}").as_bytes()).expect("sent");
    });
    let ask =
        async |place: &str| get_url(&format!("{}/authorize?{}", acme.origin, form(&[("client_id", "mine"), ("request_uri", place)]))).await;
    assert_eq!(ask("http://127.0.0.1:1/other").await.status, 400);
    assert!(ask(&place).await.location().contains("state=by-reference"));
    server.join().expect("asked once");
}

#[tokio::test]
async fn clients_with_a_certificate_have_an_endpoint_of_their_own() {
    let acme = Acme::start().await;
    acme.sandbox.faults("acme").update(|faults| faults.mtls_aliases = true);
    let metadata = get_url(&format!("{}/.well-known/openid-configuration", acme.origin)).await.json();
    assert_eq!(metadata["mtls_endpoint_aliases"]["token_endpoint"], format!("{}/mtls/token", acme.origin));
    let pairs = [("grant_type", "client_credentials")];
    assert_eq!(acme.post("/token", &pairs).await.status, 401);
    assert_eq!(acme.post("/mtls/token", &pairs).await.status, 200);
}
