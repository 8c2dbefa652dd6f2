//! F3, L10, L12: which headers go on, which come back, and what becomes of an answer that echoes a secret.

use std::path::Path;
use std::sync::Arc;

use crate::support::gate::{ACCESS, API_KEY, Bare, CLIENT_SECRET, Instance, REFRESH, Vault, ok};

async fn house(bare: &Bare) -> (Vault, Instance, String) {
    let vault = Vault::default();
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    (vault, instance, key)
}

#[tokio::test]
async fn l10_credentials_and_claims_of_the_client_stay_here() {
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let (_, instance, key) = house(&bare).await;
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Cookie", "keyfob=canary-cookie"),
        ("Proxy-Authorization", "Basic canary-proxy"),
        ("X-Forwarded-For", "canary-address"),
        ("X_Forwarded_For", "canary-underscore"),
        ("X-Forwarded-User", "canary-user"),
        ("Forwarded", "for=canary-forwarded"),
        ("X-Api-Key", "canary-other-key"),
        ("x_api_key", "canary-underscored-key"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("TE", "trailers"),
        ("Connection", "Authorization, X-Api-Key, Host, Canary-Hop, Content-Length"),
        ("Canary-Hop", "1"),
        ("Accept", "application/json"),
        ("Notion-Version", "2022-06-28"),
    ];
    assert_eq!(instance.send("GET", "/api/bare/x", &headers, "").await.status, 200);
    let head = bare.heads().remove(0).to_lowercase();
    assert!(!head.contains("canary-cookie") && !head.contains("canary-proxy") && !head.contains("canary-address"), "{head}");
    for gone in
        ["canary-underscore", "canary-user", "canary-forwarded", "canary-other-key", "canary-hop", "kfk_", "override", "trailers", "x_"]
    {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    for there in [
        format!("authorization: bearer {}", ACCESS.to_lowercase()),
        format!("x-api-key: {API_KEY}"),
        "notion-version: 2022-06-28".into(),
        "accept-encoding: identity".into(),
    ] {
        assert!(head.contains(&there), "{there}: {head}");
    }
    assert_eq!(head.matches("authorization:").count(), 1);
    assert_eq!(head.matches("x-api-key:").count(), 1);
}

/// A token that is echoed in an answer that cannot be searched, or is asked for in pieces, would pass unmasked.
#[tokio::test]
async fn l7_what_cannot_be_searched_is_not_passed_on() {
    for (encoding, status) in [("gzip", 502), ("identity, br", 502), ("Identity", 200)] {
        let bare = Bare::start(move |came| {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: {encoding}\r\nConnection: close\r\n\r\nhi");
            Box::pin(async move { came.answer(&answer).await })
        })
        .await;
        let (_, instance, key) = house(&bare).await;
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Range", "bytes=0-3"), ("If-Range", "\"1\"")];
        let reply = instance.send("GET", "/api/bare/x", &headers, "").await;
        assert_eq!(reply.status, status, "{encoding}: {}", reply.text());
        if status == 502 {
            assert_eq!(reply.code(), "provider-misbehaved");
        }
        let head = bare.heads().remove(0).to_lowercase();
        assert!(!head.contains("range:"), "{head}");
    }
}

#[tokio::test]
async fn who_gets_no_parts_is_not_told_that_there_are_some() {
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("Accept-Ranges: bytes\r\n", "whole")).await })).await;
    let (vault, instance, key) = house(&bare).await;
    let seeing = vault.made("bare", &["GET /x"], |new| new.may_see_token = true).await.text;
    for (key, told) in [(key.as_str(), None), (seeing.expose(), Some("bytes"))] {
        let reply = instance.ask(key, "GET", "/api/bare/x").await;
        assert_eq!((reply.status, reply.header("accept-ranges")), (200, told));
    }
}

/// Nothing is wrong with the connection, and whoever asks again gets the same.
#[tokio::test]
async fn an_answer_with_more_headers_than_are_taken_is_told_as_such() {
    let many: String = (0..101).map(|number| format!("X-Header-{number}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "x".repeat(1 << 20));
    for headers in [many, long] {
        let bare = Bare::start(move |came| {
            let answer = ok(&headers, "done");
            Box::pin(async move { came.answer(&answer).await })
        })
        .await;
        let (_, instance, key) = house(&bare).await;
        let reply = instance.ask(&key, "GET", "/api/bare/x").await;
        assert_eq!((reply.status, reply.code().as_str()), (502, "provider-misbehaved"), "{}", reply.text());
        assert!(reply.text().contains("more than 100 headers"), "{}", reply.text());
    }
}

/// A transfer coding ends with its connection: what goes on would be packed, and not say so.
#[tokio::test]
async fn l7_what_was_packed_for_the_way_is_passed_on_to_nobody() {
    for (coding, status) in [("gzip, chunked", 502), ("x-gzip,Chunked", 502), ("identity, chunked", 200), ("Chunked", 200)] {
        let bare = Bare::start(move |came| {
            let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
            Box::pin(async move { came.answer(&answer).await })
        })
        .await;
        let (vault, instance, key) = house(&bare).await;
        let seeing = vault.made("bare", &["GET /x"], |new| new.may_see_token = true).await.text;
        for key in [key.as_str(), seeing.expose()] {
            let reply = instance.ask(key, "GET", "/api/bare/x").await;
            assert_eq!(reply.status, status, "{coding}: {}", reply.text());
            if status == 502 {
                assert_eq!(reply.code(), "provider-misbehaved");
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_body_is_not_refused_for_how_it_would_be_packed() {
    for (method, status) in [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified"), ("GET", "200 Empty")] {
        let bare = Bare::start(move |came| {
            let length = match status {
                "204 No Content" => "",
                "200 Empty" => "Content-Length: 0\r\n",
                _ => "Content-Length: 2\r\n",
            };
            let answer = format!("HTTP/1.1 {status}\r\n{length}Content-Encoding: gzip\r\nConnection: close\r\n\r\n");
            Box::pin(async move { came.answer(&answer).await })
        })
        .await;
        let (_, instance, key) = house(&bare).await;
        let reply = instance.ask(&key, method, "/api/bare/x").await;
        assert_eq!(reply.status.to_string(), status[..3], "{method} {status}: {}", reply.text());
    }
}

/// RFC 9112 §6.3: where there are chunks, the length says nothing.
#[tokio::test]
async fn l11_an_answer_with_chunks_and_a_length_is_as_long_as_its_chunks() {
    let bare = Bare::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let (_, instance, key) = house(&bare).await;
    let reply = instance.ask(&key, "GET", "/api/bare/x").await;
    assert_eq!((reply.status, reply.text().as_str(), reply.header("content-length")), (200, "hello", None));
}

#[tokio::test]
async fn l12_what_speaks_about_us_does_not_come_back() {
    let bare = Bare::answering(
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close, X-Hop\r\nX-Hop: canary\r\nSet-Cookie: keyfob=canary\r\n\
         WWW-Authenticate: Bearer canary\r\nAccess-Control-Allow-Origin: *\r\nClear-Site-Data: \"*\"\r\nX-Accel-Redirect: /canary\r\n\
         Refresh: 0; url=https://canary.example\r\nCDN-Cache-Control: canary\r\nSurrogate-Control: canary\r\nEdge-Control: canary\r\n\
         Vercel-CDN-Cache-Control: canary\r\nContent-Security-Policy: script-src *\r\nCache-Control: public, max-age=60\r\nETag: \"1\"\r\n\
         Content-Type: text/html\r\nX-Keyfob-Provider: canary\r\n\r\nhi",
    )
    .await;
    let (_, instance, key) = house(&bare).await;
    let reply = instance.ask(&key, "GET", "/api/bare/x").await;
    assert_eq!((reply.status, reply.text().as_str()), (403, "hi"));
    assert!(!format!("{:?}", reply.headers).contains("canary"), "{:?}", reply.headers);
    assert_eq!((reply.header("etag"), reply.header("content-type")), (Some("\"1\""), Some("text/html")));
    assert_eq!((reply.header("cache-control"), reply.header("x-keyfob-provider")), (Some("no-store"), Some("bare")));
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("www-authenticate")), (None, None));
    // A provider's page under our address can do nothing there.
    let policy = reply.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.ends_with("; sandbox") && !policy.contains('*'), "{policy}");
}

#[tokio::test]
async fn l12_a_redirect_is_passed_back_and_followed_by_nobody_with_a_token() {
    let other = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let origin = other.origin.clone();
    let bare = Bare::start(move |came| {
        let origin = origin.clone();
        Box::pin(async move {
            let location = match came.line().split(' ').nth(1).unwrap_or_default() {
                "/v1/here" => "/v1/there?a=b".to_owned(),
                "/v1/out" => format!("{origin}/steal"),
                "/v1/leak" => format!("{origin}/steal?access_token={}", keyfob::proto::encode::percent(ACCESS)),
                _ => format!("{origin}/steal#{ACCESS}"),
            };
            came.answer(&format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let here = instance.ask(&key, "GET", "/api/bare/here").await;
    assert_eq!((here.status, here.header("location")), (302, Some("/api/bare/there?a=b")));
    let out = instance.ask(&key, "GET", "/api/bare/out").await;
    assert_eq!((out.status, out.header("location")), (302, None));
    assert_eq!(out.header("x-keyfob-location"), Some(format!("{}/steal", other.origin).as_str()));
    for leak in ["/api/bare/leak", "/api/bare/leak2"] {
        let reply = instance.ask(&key, "GET", leak).await;
        assert_eq!((reply.status, reply.header("location"), reply.header("x-keyfob-location")), (302, None, None), "{leak}");
    }
    assert!(other.heads().is_empty());
}

/// Pages of a list, results of what takes long: programs follow these with what they sent before.
#[tokio::test]
async fn l12_a_link_leads_back_here_or_is_followed_by_nobody_with_a_key() {
    let bare = Bare::start(|came| {
        Box::pin(async move {
            let own = format!("http://{}/v1", came.header("host").unwrap_or_default());
            let headers = format!(
                "Link: <{own}/items?page=2>; rel=\"next\"; title=\"one, two; \\\"three\\\"\", <https://evil.example/help>;rel=help ,\
                 <?page=9>; rel=last, </v2/up>; rel=up, <x>; title=\"<https://evil.example/naive>\"\r\n\
                 Link: <{own}/items/{ACCESS}>; rel=self\r\nlink: <https://evil.example/preload>; rel=preload\r\n\
                 Link: </v1/first>; rel=first, nonsense <https://evil.example/more>\r\n\
                 Link-Template: \"https://evil.example/{{id}}\"; rel=item\r\n\
                 Content-Location: /v1/items/1\r\nOperation-Location: https://evil.example/operations/1\r\n"
            );
            came.answer(&ok(&headers, "[]")).await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let reply = instance.ask(&key, "GET", "/api/bare/items").await;
    let all =
        |name: &str| -> Vec<&str> { reply.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect() };
    let next = "</api/bare/items?page=2>; rel=\"next\"; title=\"one, two; \\\"three\\\"\", </api/bare/items?page=9>; rel=last";
    assert_eq!(all("link"), [next, "</api/bare/first>; rel=first"]);
    let own = format!("<{}/v2/up>; rel=up", bare.origin);
    let elsewhere = format!("<https://evil.example/help>;rel=help, {own}");
    assert_eq!(all("x-keyfob-link"), [elsewhere.as_str(), "<https://evil.example/preload>; rel=preload"]);
    assert_eq!((all("content-location"), all("x-keyfob-content-location")), (vec!["/api/bare/items/1"], vec![]));
    assert_eq!((all("operation-location"), all("x-keyfob-operation-location")), (vec![], vec!["https://evil.example/operations/1"]));
    assert_eq!(all("link-template"), [""; 0]);
}

/// A redirect is the one place where a provider names a URL to us. We go to none of them, and no client is sent there with a key in its hand.
#[tokio::test]
async fn f3_no_redirect_leads_us_or_a_client_to_a_place_that_only_we_reach() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keyfob-proto/tests/vectors/ssrf/targets.toml");
    let targets: toml::Table = std::fs::read_to_string(file).expect("a file").parse().expect("TOML");
    let targets = targets["target"].as_array().expect("targets").iter().map(|target| target["url"].as_str().expect("a URL").to_owned());
    // And one where somebody listens, who would tell.
    let near = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let targets: Vec<String> = targets.chain([format!("{}/", near.origin)]).collect();
    assert_eq!(targets.len(), 53);
    let leads = Arc::new(targets.clone());
    let bare = Bare::start(move |came| {
        let leads = leads.clone();
        Box::pin(async move {
            let nth: usize = came.line().split(' ').nth(1).and_then(|target| target.strip_prefix("/v1/")?.parse().ok()).expect("a number");
            let status = ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"][nth % 5];
            came.answer(&format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", leads[nth])).await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    for (nth, target) in targets.iter().enumerate() {
        let reply = instance.ask(&key, "GET", &format!("/api/bare/{nth}")).await;
        assert!((301..=308).contains(&reply.status) && reply.header("location").is_none(), "{target}: {reply:?}");
        assert_eq!(bare.heads().len(), nth + 1, "{target}");
    }
    assert!(near.heads().is_empty());
}

#[tokio::test]
async fn a_secret_that_is_echoed_is_written_over() {
    let bare = Bare::start(|came| {
        Box::pin(async move {
            let echo = came.header("authorization").unwrap_or_default().to_owned();
            let body = format!(
                r#"{{"errors":[{{"message":"Access token invalid: {ACCESS}","json":"{}","query":"?access_token={}","refresh":"{REFRESH}"}}],"app":"{CLIENT_SECRET} {API_KEY}","echo":"{echo}"}}"#,
                ACCESS.replace('/', "\\/"),
                keyfob::proto::encode::percent(ACCESS)
            );
            came.answer(&ok(&format!("X-Echo: {echo}\r\nX-Key: {API_KEY}\r\nX-Good: 1\r\n"), &body)).await;
        })
    })
    .await;
    let (vault, instance, key) = house(&bare).await;
    let reply = instance.ask(&key, "GET", "/api/bare/x").await;
    assert_eq!(reply.status, 200);
    let whole = format!("{:?}\n{}", reply.headers, reply.text());
    for secret in [ACCESS, REFRESH, CLIENT_SECRET, API_KEY, "canary"] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    assert!(reply.text().contains("Access token invalid: *****") && reply.json()["errors"].is_array(), "{}", reply.text());
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    assert_eq!((reply.header("x-good"), reply.header("x-echo"), reply.header("x-key")), (Some("1"), None, None));
    // Whoever may see the token sees it.
    let seeing = vault.made("bare", &["GET /x"], |new| new.may_see_token = true).await.text;
    assert!(instance.ask(seeing.expose(), "GET", "/api/bare/x").await.text().contains(&format!("invalid: {ACCESS}")));
}
