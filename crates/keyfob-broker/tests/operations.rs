//! What whoever runs the program asks it, and what proxies in front of it say.
#![allow(missing_docs)]

mod support;

use keyfob::proto::Secret;
use keyfob_broker::{Address, ForwardedBy, Proxies, Rate, Server};
use keyfob_sandbox::{Consent, Sandbox};
use support::{Page, World, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn world(names: &[&str], external_url: Option<&str>, set_up: impl FnOnce(Server) -> Server) -> World {
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let services = names.iter().map(|name| service(&sandbox, name, None)).collect();
    World::served(sandbox, services, external_url.map(str::to_owned), set_up).await
}

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Page {
    let mut browser = world.browser();
    let url = browser.absolute(path);
    browser.send("GET", &url, headers, None).await
}

/// A sample's value.
fn sample(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.trim().parse().unwrap_or_else(|_| panic!("{name}{line}"))
}

#[tokio::test]
async fn ready_is_what_has_a_vault_and_is_not_about_to_end() {
    let mut world = world(&["august"], None, |server| server.lead(std::time::Duration::from_secs(600))).await;
    assert_eq!(get(&world, "/readyz", &[]).await.text, "ready\n");
    world.stop();
    // Until it has heard.
    let page = loop {
        let page = get(&world, "/readyz", &[]).await;
        if page.status != 200 {
            break page;
        }
    };
    assert_eq!((page.status, page.text.as_str()), (503, "leaving\n"));
    assert_eq!(get(&world, "/healthz", &[]).await.status, 200, "it is alive");
    let page = get(&world, "/", &[]).await;
    assert_eq!((page.status, page.header("connection")), (200, Some("close")), "who comes is served, and goes elsewhere next");
}

#[tokio::test]
async fn figures_are_for_whoever_brings_the_token() {
    let without = World::new(&["august"]).await;
    for headers in [&[][..], &[("authorization", "Bearer ")], &[("authorization", "Bearer undefined")]] {
        assert_eq!(get(&without, "/metrics", headers).await.status, 404, "nobody's token is no token");
    }
    let world = world(&["august"], None, |server| server.metrics_token(Secret::new("a-token-for-the-figures"))).await;
    for headers in [
        &[][..],
        &[("authorization", "a-token-for-the-figures")],
        &[("authorization", "Bearer a-token-for-the-figure")],
        &[("authorization", "Basic a-token-for-the-figures")],
    ] {
        assert_eq!(get(&world, "/metrics", headers).await.status, 404, "{headers:?}");
    }
    let page = get(&world, "/metrics", &[("authorization", "Bearer a-token-for-the-figures")]).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text; version=1.0.0")));
    assert!(page.text.ends_with("# EOF\n"), "{}", page.text);
}

/// Whoever asks there is a program: it gets no page, and hears what it may ask with, at both addresses.
#[tokio::test]
async fn another_method_is_refused_as_programs_read_it() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let services = vec![service(&sandbox, "august", None)];
    let mut port = 0;
    let world = World::served(sandbox, services, None, |server| {
        let server = server.listen_for_operations(&"127.0.0.1:0".parse::<Address>().expect("an address")).expect("a port");
        port = server.ports().last().expect("a port").port();
        server
    })
    .await;
    let mut browser = world.browser();
    for home in [browser.absolute(""), format!("http://127.0.0.1:{port}")] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            for method in ["POST", "DELETE"] {
                let page = browser.send(method, &format!("{home}{path}"), &[], None).await;
                let told = (page.status, page.header("allow"), page.header("content-type"));
                assert_eq!(told, (405, Some("GET"), Some("application/problem+json")), "{method} {home}{path}: {}", page.text);
            }
        }
    }
}

#[tokio::test]
async fn figures_count_and_name_nobody() {
    let world = world(&["netatmo"], None, |server| server.metrics_token(Secret::new("a-token-for-the-figures"))).await;
    let mut browser = world.connected("netatmo").await;
    world.sandbox.faults("netatmo").expire_access_tokens();
    browser.get("/accounts/netatmo").await;
    browser.get("/nothing/here-at-all").await;
    browser.get("/accounts/nobody-of-that-name").await;
    let text = get(&world, "/metrics", &[("authorization", "Bearer a-token-for-the-figures")]).await.text;
    assert_eq!(sample(&text, "keyfob_http_requests_total{route=\"/connect/{account}\",status=\"3xx\"}"), 1.0, "{text}");
    assert_eq!(sample(&text, "keyfob_http_requests_total{route=\"callback\",status=\"3xx\"}"), 1.0);
    assert_eq!(sample(&text, "keyfob_http_requests_total{route=\"none\",status=\"4xx\"}"), 1.0);
    assert_eq!(sample(&text, "keyfob_http_requests_total{route=\"/accounts/{account}\",status=\"4xx\"}"), 1.0);
    assert_eq!(sample(&text, "keyfob_http_requests_under_way"), 1.0, "this one");
    assert_eq!(sample(&text, "keyfob_refreshes_total{outcome=\"refreshed\"}"), 1.0);
    assert_eq!(sample(&text, "keyfob_logins_total{direction=\"in\"}"), 1.0);
    assert!(sample(&text, "keyfob_cache_entries{cache=\"browsers\"}") >= 1.0);
    assert!(sample(&text, "process_resident_memory_bytes") > 0.0 || !cfg!(target_os = "linux"));
    for named in ["netatmo", "nobody-of-that-name", "here-at-all", "127.0.0.1"] {
        assert!(!text.contains(named), "{named}: {text}");
    }
    // As the format wants it: every sample belongs to the family above it, steps only grow, and the last is the count.
    let mut family = String::new();
    let mut steps: Vec<f64> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().expect("a name").to_owned();
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} in {family}");
            let value: f64 = line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"));
            if line.contains("_bucket{") {
                assert!(steps.last().is_none_or(|last| *last <= value) || line.contains("le=\"0.000500\""), "{line}");
                steps.push(value);
            } else if line.contains("_duration_seconds_count") {
                assert_eq!(steps.last(), Some(&value), "{line}");
                steps.clear();
            }
        }
    }
}

#[tokio::test]
async fn operations_have_an_address_of_their_own() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let services = vec![service(&sandbox, "august", None)];
    let mut port = 0;
    let world = World::served(sandbox, services, Some("https://home.example".to_owned()), |server| {
        let server = server.listen_for_operations(&"127.0.0.1:0".parse::<Address>().expect("an address")).expect("a port");
        port = server.ports().last().expect("a port").port();
        server
    })
    .await;
    let mut browser = world.browser();
    let mut ask = async |path: &str, host: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        browser.send("GET", &url, &[("host", host)], None).await
    };
    for host in ["127.0.0.1", "10.1.2.3:9464", "localhost:9464", "[::1]:9464"] {
        assert!(ask("/metrics", host).await.has("keyfob_build_info"), "{host}");
        assert_eq!(ask("/readyz", host).await.status, 200);
        assert_eq!(ask("/healthz", host).await.status, 200);
    }
    // A page of another name that was made to resolve to us reads nothing.
    for host in ["evil.example", "home.example", "evil.example:9464", "127.0.0.1.evil.example"] {
        let refused = ask("/metrics", host).await;
        assert!(refused.status == 421 && refused.has("by an address"), "{host}: {} {}", refused.status, refused.text);
    }
    for path in ["/", "/accounts/august", "/connect/august", "/callback/august?state=x"] {
        assert_eq!(ask(path, "127.0.0.1").await.status, 404, "no pages here: {path}");
    }
    assert_eq!(get(&world, "/metrics", &[]).await.status, 404, "and no figures there");
}

/// HAProxy's `option httpchk GET /readyz` sends no more than this line. A browser names whom it asks, always.
#[tokio::test]
async fn l1_a_probe_from_before_there_were_names_is_answered() {
    let mut port = 0;
    let world = world(&["august"], Some("https://home.example"), |server| {
        let server = server.listen_for_operations(&"127.0.0.1:0".parse::<Address>().expect("an address")).expect("a port");
        port = server.ports().last().expect("a port").port();
        server
    })
    .await;
    let status = async |port: u16, request: &str| {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let pages = world.address.port();
    for (port, path, expected) in [
        (pages, "/readyz", "200"),
        (pages, "/healthz", "200"),
        (pages, "/", "421"),
        (pages, "/v1/me", "421"),
        (pages, "http://evil.example/readyz", "421"),
        (port, "/readyz", "200"),
        (port, "/healthz", "200"),
        (port, "/metrics", "200"),
    ] {
        assert_eq!(status(port, &format!("GET {path} HTTP/1.0\r\n\r\n")).await, expected, "{path} at {port}");
    }
    for port in [pages, port] {
        for named in ["HTTP/1.0\r\nHost: evil.example", "HTTP/1.1\r\nConnection: close"] {
            assert_eq!(status(port, &format!("GET /readyz {named}\r\n\r\n")).await, "421", "{named} at {port}");
        }
    }
}

/// An instance all of whose places are taken by work is busy, and not dead: whoever asks is told so, and does not end it.
#[tokio::test]
async fn whoever_runs_it_is_answered_where_all_are_at_work() {
    let mut port = 0;
    let world = world(&["august"], None, |server| {
        let mut limits = keyfob_broker::Limits::default();
        limits.connections = 2;
        let server = server.limits(limits).listen_for_operations(&"127.0.0.1:0".parse::<Address>().expect("an address")).expect("a port");
        port = server.ports().last().expect("a port").port();
        server
    })
    .await;
    let mut browser = world.browser();
    browser.get("/").await;
    let cookie = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    // Forms whose bodies do not come.
    let head = format!(
        "POST /connect/august HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 100\r\n\r\nform",
        world.address
    );
    let ask = async |path: &str| {
        let mut browser = world.browser();
        let url = format!("http://127.0.0.1:{port}{path}");
        let asked = browser.send("GET", &url, &[("host", "127.0.0.1")], None);
        tokio::time::timeout(std::time::Duration::from_secs(25), asked).await.expect("an answer in time")
    };
    let mut held = Vec::new();
    for under_way in 1..=2 {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        held.push(stream);
        while sample(&ask("/metrics").await.text, "keyfob_http_requests_under_way") < f64::from(under_way) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn l13_only_a_listed_proxy_says_who_asks() {
    let few: Rate = "2/h".parse().expect("a rate");
    let strict = |server: Server| {
        let mut limits = keyfob_broker::Limits::default();
        limits.callback = few;
        server.limits(limits)
    };
    let attempt =
        async |world: &World, from: &str| get(world, "/callback/august?code=x&state=guessed", &[("x-forwarded-for", from)]).await.status;
    // Nobody is listed: whatever it says, it is one and the same that tries.
    let unlisted = world(&["august"], None, strict).await;
    let tried = [attempt(&unlisted, "192.0.2.1").await, attempt(&unlisted, "192.0.2.2").await, attempt(&unlisted, "192.0.2.3").await];
    assert_eq!(tried, [403, 403, 429]);
    let proxies = |listed: &str| Proxies::new([listed], ForwardedBy::XForwarded).expect("a network");
    let other = world(&["august"], None, |server| strict(server).proxies(proxies("10.0.0.0/8"))).await;
    let tried = [attempt(&other, "192.0.2.1").await, attempt(&other, "192.0.2.2").await, attempt(&other, "192.0.2.3").await];
    assert_eq!(tried, [403, 403, 429], "another one is listed");
    // It is listed: each has its own.
    let listed = world(&["august"], None, |server| strict(server).proxies(proxies("127.0.0.0/8"))).await;
    for from in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert_eq!([attempt(&listed, from).await, attempt(&listed, from).await, attempt(&listed, from).await], [403, 403, 429], "{from}");
    }
    // And what such a client writes itself in front of it changes nothing.
    assert_eq!(attempt(&listed, "198.51.100.77, 192.0.2.1").await, 429);
}

#[tokio::test]
async fn l13_nothing_that_is_forwarded_makes_a_request_ours() {
    let proxies = Proxies::new(["127.0.0.1"], ForwardedBy::XForwarded).expect("a network");
    let world = world(&["august"], Some("https://home.example"), |server| server.proxies(proxies)).await;
    for headers in [
        &[("host", "evil.example"), ("x-forwarded-host", "home.example")][..],
        &[("host", "evil.example"), ("x-forwarded-host", "home.example"), ("x-forwarded-proto", "https")],
        &[("host", "evil.example"), ("forwarded", "host=home.example;proto=https")],
        // The browser came by plain http, says the proxy: its cookies would not come back.
        &[("host", "home.example"), ("x-forwarded-proto", "http")],
    ] {
        let page = get(&world, "/", headers).await;
        assert_eq!(page.status, 421, "{headers:?}");
        assert!(page.has("https://home.example/"), "it says where: {}", page.text);
    }
    // What was right about it and what was not is said, to people and to programs.
    let in_clear = [("host", "home.example"), ("x-forwarded-proto", "http")];
    for path in ["/", "/v1/me"] {
        let told = get(&world, path, &in_clear).await;
        assert!(told.status == 421 && told.has("by plain http") && told.has("X-Forwarded-Proto: https"), "{path}: {}", told.text);
        let told = get(&world, path, &[("host", "evil.example"), ("x-forwarded-proto", "http")]).await;
        assert!(told.status == 421 && !told.has("plain http"), "{path}: {}", told.text);
    }
    for headers in [&[("host", "home.example"), ("x-forwarded-proto", "https")][..], &[("host", "home.example")]] {
        assert_eq!(get(&world, "/", headers).await.status, 200, "{headers:?}");
    }
    // From one that is not listed, the same word is no word.
    let stranger = self::world(&["august"], Some("https://home.example"), |server| server).await;
    assert_eq!(get(&stranger, "/", &[("host", "home.example"), ("x-forwarded-proto", "http")]).await.status, 200);
}

#[tokio::test]
async fn a_request_has_a_name_that_only_a_proxy_of_ours_gives() {
    let plain = World::new(&["august"]).await;
    let id = |page: &Page| page.header("x-request-id").expect("a name").to_owned();
    let (one, two) = (get(&plain, "/", &[("x-request-id", "chosen")]).await, get(&plain, "/nowhere", &[("x-request-id", "chosen")]).await);
    assert!(id(&one) != "chosen" && id(&one) != id(&two), "{} {}", id(&one), id(&two));
    let proxies = Proxies::new(["127.0.0.1"], ForwardedBy::XForwarded).expect("a network");
    let behind = world(&["august"], None, |server| server.proxies(proxies)).await;
    assert_eq!(id(&get(&behind, "/", &[("x-request-id", "7f3a-91")]).await), "7f3a-91");
    for odd in ["", "a b", "a\"b", &"a".repeat(129)] {
        assert_ne!(id(&get(&behind, "/", &[("x-request-id", odd)]).await), odd);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_in_the_file_system_serves_the_same_pages() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("web.sock");
    let address = Address::Unix(path.clone());
    let mut world = world(&["august"], Some("https://home.example"), |server| server.listen(&address).expect("a socket")).await;
    assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o660, "owner and group");
    let mut stream = tokio::net::UnixStream::connect(&path).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: home.example\r\nConnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Connect August"), "{answer}");
    keyfob_broker::health_check(address.clone()).await.expect("well");
    world.stop();
    world.served.take().expect("a task").await.expect("no panic").expect("no error");
    assert!(!path.exists(), "its file is taken away");
    assert!(keyfob_broker::health_check(address).await.is_err());
}
