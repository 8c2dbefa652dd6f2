//! Logout, asked for and told.

use keyfob_sandbox::Metadata;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{form, get, get_url, query};
use crate::kit::{Acme, VERIFIER, claims, head};

const NEXT: &str = "http://127.0.0.1/bye";

fn end(acme: &Acme, pairs: &[(&str, &str)]) -> String {
    format!("{}/end_session?{}", acme.origin, form(pairs))
}

/// What was posted, as a form.
pub(crate) async fn posted(listener: &TcpListener) -> Vec<(String, String)> {
    let (mut stream, _) = listener.accept().await.expect("a request");
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).await.expect("bytes");
        bytes.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).and_then(|n| n.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("sent");
                return url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            }
        }
        assert!(read > 0, "the request ended early");
    }
}

#[tokio::test]
async fn the_person_is_signed_out_and_sent_where_the_app_is_registered() {
    let acme = Acme::with(Metadata { post_logout_redirect_uris: vec![NEXT.into()], ..Metadata::default() }).await;
    let (_, tokens) = acme.openid(&[]).await;
    let hint = tokens["id_token"].as_str().expect("text");
    for wrong in [
        vec![("post_logout_redirect_uri", NEXT)],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "http://127.0.0.1/other")],
        vec![("id_token_hint", "not.a.token")],
        vec![("id_token_hint", hint), ("client_id", "acme-demo")],
    ] {
        assert_eq!(get_url(&end(&acme, &wrong)).await.status, 400, "{:?}", wrong[0]);
    }
    let silent = [("prompt", "none"), ("scope", "openid"), ("nonce", "n")];
    assert!(!get(&acme.back(&silent).await, "code").is_empty(), "still signed in");
    let back = get_url(&end(&acme, &[("id_token_hint", hint), ("post_logout_redirect_uri", NEXT), ("state", "s")])).await;
    assert_eq!(back.location(), format!("{NEXT}?state=s"));
    assert_eq!(get(&acme.back(&silent).await, "error"), "login_required");
    assert_eq!(acme.refresh(&tokens, &[]).await.status, 400, "what came with the session ends with it");
}

#[tokio::test]
async fn offline_access_outlives_the_session() {
    let acme = Acme::start().await;
    let (_, tokens) = acme.openid(&[("scope", "openid offline_access"), ("prompt", "consent")]).await;
    let plain = acme.exchange(&acme.code(&[]).await, VERIFIER).await.json();
    get_url(&end(&acme, &[])).await;
    assert_eq!(acme.refresh(&tokens, &[]).await.status, 200);
    assert_eq!(acme.refresh(&plain, &[]).await.status, 200, "OAuth without OpenID Connect knows no session");
}

#[tokio::test]
async fn who_took_no_part_is_not_told() {
    let front = Metadata { frontchannel_logout_uri: Some("http://127.0.0.1:1/front".into()), ..Metadata::default() };
    let acme = Acme::with(front).await;
    let (mut other, url) = (acme.sandbox.app("acme"), end(&acme, &[]));
    (other.client_id, other.client_secret) = ("other".into(), String::new());
    other.metadata.frontchannel_logout_uri = Some("http://127.0.0.1:1/other".into());
    acme.sandbox.register("other", other);
    acme.openid(&[]).await;
    let page = get_url(&url).await.text();
    assert!(page.contains("/front?") && !page.contains("/other?"), "{page}");
    assert!(!get_url(&url).await.text().contains("<iframe"), "nobody is signed in");
}

#[tokio::test]
async fn apps_are_told_behind_the_browser_s_back_and_through_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let acme = Acme::with(Metadata {
        backchannel_logout_uri: Some(format!("http://{}/logout", listener.local_addr().expect("bound"))),
        frontchannel_logout_uri: Some("http://127.0.0.1:1/front".into()),
        ..Metadata::default()
    })
    .await;
    let (login, _) = acme.openid(&[]).await;
    let page = get_url(&end(&acme, &[])).await;
    let frame = page.text().split("<iframe src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a frame").replace("&#38;", "&");
    let told = query(&frame);
    assert_eq!((get(&told, "iss"), json!(get(&told, "sid"))), (acme.origin.as_str(), login["sid"].clone()));
    let sent = posted(&listener).await;
    let token = get(&sent, "logout_token");
    assert_eq!(head(token)["typ"], "logout+jwt");
    let said = claims(token);
    assert_eq!((&said["aud"], &said["sid"], &said["sub"]), (&json!("mine"), &login["sid"], &login["sub"]));
    assert!(said["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object() && said.get("nonce").is_none());
}
