//! L9, L14, F3: where a request goes is decided by the account, and by one spelling of one path.

use crate::support::gate::{Bare, Instance, Vault, put_account};

const NOTHING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// The same list that the units are held to.
#[path = "../../src/keys/payloads.rs"]
mod payloads;

async fn house() -> (Vault, Bare, Instance) {
    let vault = Vault::default();
    let bare = Bare::answering(NOTHING).await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    (vault, bare, instance)
}

#[tokio::test]
async fn l9_a_path_that_two_servers_read_differently_goes_nowhere() {
    let (vault, bare, instance) = house().await;
    let key = vault.key("bare", &["* /**"]).await;
    for path in payloads::PATHS {
        if path.is_empty() || !path.starts_with('/') {
            continue;
        }
        for query in ["", "?a=b"] {
            let target = format!("/api/bare{path}{query}");
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n", instance.address);
            let reply = instance.raw(request.as_bytes()).await;
            // What no request line can carry, the server in front of the web app refuses without a word.
            let status = reply.map_or(400, |reply| reply.status);
            assert_eq!(status, 400, "{target:?}");
        }
    }
    assert!(bare.heads().is_empty(), "{:?}", bare.targets());
}

#[tokio::test]
async fn l9_what_was_judged_is_what_is_sent() {
    let (vault, bare, instance) = house().await;
    let key = vault.key("bare", &["GET /users/locks/*", "GET /"]).await;
    let sent = [
        ("/api/bare/users/locks/1", "/v1/users/locks/1"),
        ("/api/bare/%75sers/%6Cocks/%7e?q=%2e%2e/&b=%zz&c=//", "/v1/users/locks/~?q=%2e%2e/&b=%zz&c=//"),
        ("/api/bare/users/locks/caf%c3%a9", "/v1/users/locks/caf%C3%A9"),
        ("/api/%62are/users/locks/1", "/v1/users/locks/1"),
        ("/api/bare/users/locks/a:b@c?d#e", "/v1/users/locks/a:b@c?d"),
        ("/api/bare", "/v1/"),
        ("/api/bare/", "/v1/"),
        ("/api/bare?x=1", "/v1/?x=1"),
    ];
    for (target, _) in sent {
        assert_eq!(instance.ask(&key, "GET", target).await.status, 200, "{target}");
    }
    assert_eq!(bare.targets(), sent.map(|(_, target)| target));
}

#[tokio::test]
async fn l14_nothing_about_a_request_opens_what_no_rule_allows() {
    let (vault, bare, instance) = house().await;
    let key = vault.key("bare", &["GET /users/locks"]).await;
    let bearer = format!("Bearer {key}");
    for path in payloads::OTHERS {
        let reply = instance.ask(&key, "GET", &format!("/api/bare{path}")).await;
        assert_eq!((reply.status, reply.code().as_str()), (403, "not-allowed"), "{path}");
    }
    let more: [(&str, &str); 12] = [
        ("User-Agent", "kube-probe/1.30"),
        ("User-Agent", "GoogleHC/1.0"),
        ("X-Original-URL", "/users/locks"),
        ("X-Rewrite-URL", "/users/locks"),
        ("X-Forwarded-Uri", "/users/locks"),
        ("X-Forwarded-Prefix", "/users/locks"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-HTTP-Method-Override", "GET"),
        ("X-Auth-Request-Redirect", "/users/locks"),
        ("Referer", "/users/locks"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Keyfob-Rules", "* /**"),
    ];
    for (name, value) in more {
        let headers = [("Authorization", bearer.as_str()), (name, value)];
        assert_eq!(instance.send("GET", "/api/bare/admin", &headers, "").await.status, 403, "{name}");
        assert_eq!(instance.send("DELETE", "/api/bare/users/locks", &headers, "").await.status, 403, "{name}");
        assert_eq!(instance.send("GET", "/api/bare/users/locks", &[(name, value)], "").await.status, 401, "{name}");
    }
    for target in [
        "/api/bare/admin?/users/locks",
        "/api/bare/admin?x=/healthz",
        "/api/bare/admin#/users/locks",
        "/api/bare/healthz",
        "/API/bare/users/locks",
    ] {
        let status = instance.ask(&key, "GET", target).await.status;
        assert!(matches!(status, 403 | 303 | 404), "{target}: {status}");
    }
    // A host with a dot at its end is the same host to DNS, and not to whoever compares it.
    let request = format!("GET /api/bare/users/locks HTTP/1.1\r\nHost: localhost.\r\nConnection: close\r\nAuthorization: {bearer}\r\n\r\n");
    assert_eq!(instance.raw(request.as_bytes()).await.expect("an answer").status, 421);
    assert!(bare.heads().is_empty(), "{:?}", bare.targets());
    // Methods in the query are methods.
    let all = vault.key("bare", &["POST /**"]).await;
    for query in ["_method=DELETE", "a=b&_METHOD=delete", "X-HTTP-Method-Override=DELETE", "%5fmethod=DELETE"] {
        let reply = instance.send("POST", &format!("/api/bare/x?{query}"), &[("Authorization", &format!("Bearer {all}"))], "").await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "method-in-query"), "{query}");
    }
    for query in ["access_token=mine", "a=1&ACCESS_TOKEN=x", "access%5Ftoken=x"] {
        let reply = instance.send("POST", &format!("/api/bare/x?{query}"), &[("Authorization", &format!("Bearer {all}"))], "").await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "credentials-in-query"), "{query}");
    }
    assert!(bare.heads().is_empty(), "{:?}", bare.targets());
}

#[tokio::test]
async fn l14_a_field_of_a_form_changes_neither_the_method_nor_who_asks() {
    let (vault, bare, instance) = house().await;
    let key = vault.key("bare", &["POST /**"]).await;
    let bearer = format!("Bearer {key}");
    let form = "application/x-www-form-urlencoded";
    let send = async |types: &[&str], body: &str| {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(types.iter().map(|name| ("Content-Type", *name)));
        instance.send("POST", "/api/bare/x", &headers, body).await
    };
    for body in ["_method=DELETE", "a=b&_METHOD=delete", "a=1;_method=DELETE", "%5fmethod=DELETE", "+_method=PUT", "[_method]=PUT"] {
        let blank = "application/x-www-form-urlencoded x";
        for types in [&[form][..], &["Application/X-WWW-Form-Urlencoded; charset=utf-8"], &["text/plain", form], &[], &[blank]] {
            let reply = send(types, body).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "method-in-body"), "{types:?} {body}");
        }
    }
    let reply = send(&[form], "a=b&access%5Ftoken=mine").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "credentials-in-body"));
    // Of a length that is not announced it is judged, too; and what is packed cannot be.
    let chunked = format!(
        "POST /api/bare/x HTTP/1.1\r\nHost: {}\r\nAuthorization: {bearer}\r\nContent-Type: {form}\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n4\r\n_met\r\na\r\nhod=DELETE\r\n0\r\n\r\n",
        instance.address
    );
    assert_eq!(instance.raw(chunked.as_bytes()).await.expect("an answer").code(), "method-in-body");
    let packed = [("Authorization", bearer.as_str()), ("Content-Type", form), ("Content-Encoding", "gzip")];
    assert_eq!(instance.send("POST", "/api/bare/x", &packed, "x").await.code(), "body");
    // A type that does not go on says nothing there, and one that servers read differently says too much.
    let hidden = [("Authorization", bearer.as_str()), ("Content-Type", "text/plain"), ("Connection", "close, content-type")];
    assert_eq!(instance.send("POST", "/api/bare/x", &hidden, "_method=DELETE").await.code(), "method-in-body");
    for odd in ["multipart/form-data; boundary=x; a=é", "application/json; a=é"] {
        assert_eq!(send(&[odd], "{\"_method\":\"DELETE\"}").await.code(), "content-type", "{odd}");
    }
    let parts = "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--\r\n";
    let reply = send(&["Multipart/Form-Data; boundary=x"], parts).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "not-allowed"));
    assert!(bare.heads().is_empty(), "{:?}", bare.heads());
    // What says nothing of the kind goes on as it came, and a key that may do everything may do it in parts.
    assert_eq!(send(&[form], "method=card&a=%5Fmethod").await.status, 200);
    let all = format!("Bearer {}", vault.key("bare", &["* /**"]).await);
    let headers = [("Authorization", all.as_str()), ("Content-Type", "multipart/form-data; boundary=x")];
    assert_eq!(instance.send("POST", "/api/bare/x", &headers, parts).await.status, 200);
}

/// Some providers have names of their own for it (Google `$httpMethod`, Facebook `method`): a key that may read would write by them.
#[tokio::test]
async fn l14_a_providers_own_name_for_the_method_changes_it_for_nobody() {
    let (vault, bare, instance) = house().await;
    let bearer = format!("Bearer {}", vault.key("bare", &["GET,POST /**"]).await);
    let send = async |method: &str, target: &str, more: &[(&str, &str)], body: &str| {
        let headers = [&[("Authorization", bearer.as_str())], more].concat();
        instance.send(method, target, &headers, body).await
    };
    for query in ["$verb=DELETE", "a=b&%24verb=delete", "%24VERB=DELETE", "x-verb=PUT"] {
        assert_eq!(send("GET", &format!("/api/bare/x?{query}"), &[], "").await.code(), "method-in-query", "{query}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(send("POST", "/api/bare/x", &form, "a=1&%24verb=DELETE").await.code(), "method-in-body");
    let json = [("Content-Type", "application/json")];
    assert_eq!(send("POST", "/api/bare/x", &json, r#"{"a":1,"$verb":"DELETE"}"#).await.code(), "method-in-body");
    assert!(bare.heads().is_empty(), "{:?}", bare.heads());
    // A header is left out, as the usual ones are.
    assert_eq!(send("GET", "/api/bare/x?verb=a", &[("X-Verb", "DELETE"), ("X-Verbose", "1")], "").await.status, 200);
    let head = bare.heads().pop().expect("a request").to_lowercase();
    assert!(!head.contains("x-verb:") && head.contains("x-verbose:"), "{head}");
}

/// Some providers take calls that carry others, each with a method and a path of its own (Facebook's field `batch`, Microsoft's `/$batch`): a key that may
/// read would do by them whatever there is.
#[tokio::test]
async fn l14_a_call_that_carries_others_is_for_keys_that_may_make_those() {
    let (vault, bare, instance) = house().await;
    let of = async |rules: &[&str]| format!("Bearer {}", vault.key("bare", rules).await);
    let send = async |bearer: &str, method: &str, target: &str, more: &[(&str, &str)], body: &str| {
        let headers = [&[("Authorization", bearer)], more].concat();
        instance.send(method, &format!("/api/bare{target}"), &headers, body).await
    };
    let (form, json) = ([("Content-Type", "application/x-www-form-urlencoded")], [("Content-Type", "application/json")]);
    let parts = [("Content-Type", "multipart/form-data; boundary=x")];
    let some = [of(&["GET,POST /**"]).await, of(&["* /x", "* /*/**"]).await];
    for bearer in &some {
        for (method, target, more, body) in [
            ("POST", "/x?bundle=%5B%5D", &[][..], ""),
            ("GET", "/x?a=1&BUNDLE=", &[], ""),
            ("POST", "/x?bundle%5B0%5D%5Bmethod%5D=DELETE", &[], ""),
            ("POST", "/x", &form, "a=1&bundle=%5B%5D"),
            // A POST that does not say what it is.
            ("POST", "/x", &[], "bundle=%5B%5D"),
            ("POST", "/x", &json, r#"{"a":1,"bundle":[]}"#),
            ("PUT", "/x", &json, r#"{"bundle":[]}"#),
            ("POST", "/v1.0/$batch", &json, "{}"),
            ("POST", "/v1.0/%24Batch/", &json, "{}"),
            // As servers on Windows read it.
            ("POST", "/v1.0/$batch.", &json, "{}"),
            ("POST", "/v1.0/$batch%20", &json, "{}"),
            ("POST", "/v1.0/$batch%20./", &json, "{}"),
            ("POST", "/v1.0/$batch()", &json, "{}"),
            ("POST", "/v1.0/%EF%BC%84batch", &json, "{}"),
        ] {
            let reply = send(bearer, method, target, more, body).await;
            // The first key may not PUT at all.
            let expected = if method == "PUT" && bearer == &some[0] { "not-allowed" } else { "batch" };
            assert_eq!((reply.status, reply.code().as_str()), (403, expected), "{method} {target} {body}");
            assert!(expected != "batch" || reply.text().contains("* /**"), "{}", reply.text());
        }
    }
    // Of a body in parts nobody sees the fields in time.
    assert_eq!(send(&some[1], "POST", "/x", &parts, "--x--").await.code(), "batch");
    assert_eq!(send(&some[1], "POST", "/x", &json, "{").await.code(), "body");
    // What a GET carries are GETs: who may make them all, may.
    let (reads, one) = (of(&["GET /**"]).await, of(&["GET /reads", "GET /*"]).await);
    for path in ["/reads", "/reads.json", "/Reads."] {
        assert_eq!(send(&one, "GET", &format!("{path}?urls=/admin/keys"), &[], "").await.code(), "batch", "{path}");
    }
    assert!(bare.heads().is_empty(), "{:?}", bare.heads());
    assert_eq!(send(&reads, "GET", "/reads?urls=/admin/keys", &[], "").await.status, 200);
    // Who may do everything may do it at once; what carries nothing goes on as it came.
    let all = of(&["* /**"]).await;
    for (bearer, target, more, body) in [
        (&all, "/x?bundle=%5B%5D", &[][..], ""),
        (&all, "/x", &form, "bundle=%5B%5D"),
        (&all, "/x", &json, r#"{"bundle":[]}"#),
        (&all, "/x", &parts, "--x--"),
        (&all, "/v1.0/$batch", &json, "{}"),
        (&some[0], "/x?bundles=1", &form, "a=bundle"),
        (&some[0], "/v1.0/batch", &json, r#"{"a":{"bundle":1}}"#),
    ] {
        assert_eq!(send(bearer, "POST", target, more, body).await.status, 200, "{target} {body}");
    }
}

#[tokio::test]
async fn l14_a_member_of_json_changes_the_method_for_nobody_who_may_not() {
    let (vault, bare, instance) = house().await;
    let some = format!("Bearer {}", vault.key("bare", &["POST /**", "PUT /**"]).await);
    let all = format!("Bearer {}", vault.key("bare", &["* /**"]).await);
    let send = async |bearer: &str, method: &str, name: &str, body: &str| {
        instance.send(method, "/api/bare/x", &[("Authorization", bearer), ("Content-Type", name)], body).await
    };
    let json = r#"{"a":1,"_method":"DELETE"}"#;
    for name in
        ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/json", "text/plain, application/json"]
    {
        let reply = send(&some, "POST", name, json).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "method-in-body"), "{name}");
    }
    assert_eq!(send(&some, "POST", "application/json", "{'_method':'DELETE'}").await.code(), "body");
    let packed = [("Authorization", some.as_str()), ("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    assert_eq!(instance.send("POST", "/api/bare/x", &packed, "x").await.code(), "body");
    let large = [("Authorization", some.as_str()), ("Content-Type", "application/json"), ("Content-Length", "2000000")];
    assert_eq!(instance.send("POST", "/api/bare/x", &large, "").await.status, 413);
    // The header that says the same stays here, whoever sends it.
    let header = [("Authorization", some.as_str()), ("X-HTTP-Method-Override", "DELETE")];
    assert!(bare.heads().is_empty(), "{:?}", bare.heads());
    assert_eq!(instance.send("POST", "/api/bare/x", &header, "").await.status, 200);
    assert!(!bare.heads()[0].to_lowercase().contains("override"), "{:?}", bare.heads());
    // Only a POST is taken for something else, and who may do everything may say so in JSON.
    for (bearer, method, body) in [(&some, "POST", "{\"method\":{\"_method\":1}}"), (&some, "PUT", json), (&all, "POST", json)] {
        assert_eq!(send(bearer, method, "application/json", body).await.status, 200, "{method} {body:.40}");
    }
}

#[tokio::test]
async fn l9_no_other_form_of_request_is_forwarded() {
    let (vault, bare, instance) = house().await;
    let evil = Bare::answering(NOTHING).await;
    let key = vault.key("bare", &["* /**"]).await;
    let authority = evil.origin.trim_start_matches("http://");
    let own = instance.address;
    let raw = async |head: &str| {
        let request = format!("{head}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n");
        instance.raw(request.as_bytes()).await.map(|reply| reply.status)
    };
    for head in [
        format!("GET {}/api/bare/x HTTP/1.1\r\nHost: {own}", evil.origin),
        format!("GET {}/api/bare/x HTTP/1.1\r\nHost: {authority}", evil.origin),
        format!("GET http://{own}/api/bare/x HTTP/1.1\r\nHost: {own}"),
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}"),
        format!("CONNECT {own} HTTP/1.1\r\nHost: {own}"),
        format!("CONNECT /api/bare/x HTTP/1.1\r\nHost: {own}"),
        format!("GET /api/bare/x HTTP/1.1\r\nHost: {own}\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket"),
        format!("GET /api/bare/x HTTP/1.1\r\nHost: {own}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x"),
        format!("OPTIONS * HTTP/1.1\r\nHost: {own}"),
        format!("GET /api/bare/x HTTP/1.1\r\nHost: {authority}"),
        format!("GET /api/bare/x HTTP/1.1\r\nHost: {own}\r\nHost: {authority}"),
        "GET /api/bare/x HTTP/1.1\r\nX: y".to_owned(),
    ] {
        let status = raw(&head).await;
        assert!(status.is_none_or(|status| (400..=501).contains(&status)), "{head}: {status:?}");
    }
    assert!(bare.heads().is_empty() && evil.heads().is_empty(), "{:?} {:?}", bare.targets(), evil.targets());
}

/// Clients that are generated encode the slashes of a parameter.
#[tokio::test]
async fn whose_client_encodes_slashes_is_told_so() {
    let (vault, _, instance) = house().await;
    let key = vault.key("bare", &["* /**"]).await;
    for (path, is_encoded) in [("users%2flocks", true), ("users%2Flocks", true), ("users//locks", false)] {
        let reply = instance.ask(&key, "GET", &format!("/api/bare/{path}")).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "unclear-path"));
        let hint = reply.json()["hint"].as_str().expect("a hint").to_owned();
        assert_eq!(hint.contains("encoded the slashes"), is_encoded, "{path}: {hint}");
    }
}

/// Java's client offers it with every request: RFC 9110 §7.8 lets a server pass it over.
#[tokio::test]
async fn l9_an_offer_to_speak_another_http_is_passed_over_and_goes_no_further() {
    let (vault, bare, instance) = house().await;
    let key = vault.made("bare", &["* /**"], |new| new.may_see_token = true).await.text;
    let bearer = format!("Bearer {}", key.expose());
    for (offered, is_passed_over) in [("h2c", true), ("H2C", true), ("TLS/1.3, HTTP/2.0", true), ("h2c, websocket", false), ("", false)] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Connection", "Upgrade, HTTP2-Settings"),
            ("Upgrade", offered),
            ("HTTP2-Settings", "AAEAAEAAAAIAAAABAAMAAABk"),
        ];
        for path in ["/api/bare/x", "/token/bare"] {
            let reply = instance.send("GET", path, &headers, "").await;
            assert_eq!(reply.status, if is_passed_over { 200 } else { 501 }, "{offered}: {}", reply.text());
            if !is_passed_over {
                assert!(reply.code() == "upgrade" && reply.json()["hint"].is_string(), "{}", reply.text());
            }
        }
    }
    assert!(bare.heads().len() == 3 && !bare.heads().concat().to_lowercase().contains("upgrade"), "{:?}", bare.heads());
}

#[tokio::test]
async fn f3_nothing_that_a_client_says_chooses_the_host() {
    let (vault, bare, instance) = house().await;
    let evil = Bare::answering(NOTHING).await;
    let key = vault.key("bare", &["* /**"]).await;
    let bearer = format!("Bearer {key}");
    let authority = evil.origin.trim_start_matches("http://").to_owned();
    for name in
        ["X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-Original-Host", "X-Keyfob-Upstream", "Forwarded", "Origin", "Destination"]
    {
        assert_eq!(instance.send("GET", "/api/bare/x", &[("Authorization", &bearer), (name, &authority)], "").await.status, 200);
    }
    for path in [
        format!("/@{authority}/x"),
        format!("/:80@{authority}"),
        format!("/x?url={}", evil.origin),
        format!("/x?//{authority}"),
        "/.evil.example".into(),
    ] {
        assert_eq!(instance.ask(&key, "GET", &format!("/api/bare{path}")).await.status, 200, "{path}");
    }
    assert!(evil.heads().is_empty());
    assert!(bare.targets().iter().all(|target| target.starts_with("/v1/")), "{:?}", bare.targets());
    let host = format!("host: {}", bare.origin.trim_start_matches("http://"));
    assert!(bare.heads().iter().all(|head| head.to_lowercase().contains(&host)));
    assert!(bare.heads().iter().all(|head| !head.to_lowercase().contains("forwarded") && !head.to_lowercase().contains("x-host")));
}

#[tokio::test]
async fn f4_an_account_is_used_at_the_origins_of_its_login_alone() {
    let (vault, bare, _) = house().await;
    let elsewhere = Bare::answering(NOTHING).await;
    // The provider's file says another place than it did at the login.
    let service = elsewhere.connected(&vault).await;
    put_account(&vault, "bare", "bare", keyfob::proto::Origin::parse(&bare.origin).expect("an origin")).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    let reply = instance.ask(&key, "GET", "/api/bare/x").await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "unbound"));
    assert!(elsewhere.heads().is_empty() && bare.heads().is_empty());
}
