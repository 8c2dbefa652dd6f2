//! Who is let in.

use std::sync::{Arc, Mutex};

use keyfob::store::{Expected, Generation, Stored};
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{MemoryShelf, Shelf};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::front::{Front, Hooks};
use super::support::{Setup, shelves};
use super::{Program, World, made_for, send};

#[tokio::test]
async fn without_a_token_or_a_session_nobody_is_let_in() {
    let world = World::known(&["netatmo"]).await;
    let owner = Program::of(&world, "owner").await;
    // The token is of somebody who was never here.
    assert_eq!(Program::of(&world, &"0".repeat(32)).await.get("/v1/me").await.status, 401);
    // Whose the vault is needs no browser for that, and may still come in by the first link.
    assert_eq!(owner.get("/v1/me").await.json()["role"], "owner");
    assert!(world.site.first_run_link().await.expect("a shelf").is_some());
    world.owner().await;
    let me = owner.get("/v1/me").await.json();
    assert_eq!((&me["id"], &me["role"], &me["by"]), (&json!("owner"), &json!("owner"), &json!("token")));
    let good = owner.token.clone();
    let other = if good.ends_with('x') { "y" } else { "x" };
    for wrong in [
        String::new(),
        "Bearer".into(),
        format!("Bearer {}{other}", &good[..good.len() - 1]),
        format!("Basic {good}"),
        format!("Bearer kfk_{}", &good[4..]),
    ] {
        let reply = send(world.address, "GET", "/v1/me", &[("Authorization", &wrong)], "").await;
        assert_eq!(reply.status, 401, "{wrong}");
        assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
        let problem = reply.json();
        assert!(problem["title"].is_string() && problem["type"].is_string(), "{problem}");
        assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"), "the log knows it by that name");
    }
    let reply = send(world.address, "GET", &format!("/v1/me?token={good}"), &[], "").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "key-in-url"));
    assert_eq!(send(world.address, "GET", "/v1/nothing", &[], "").await.code(), "not-found");
    let reply = owner.send("PUT", "/v1/me", &[], "").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    assert_eq!(reply.code(), "method");
}

#[tokio::test]
async fn l2_a_browser_changes_nothing_without_the_token_of_a_page() {
    let world = World::known(&["netatmo"]).await;
    let mut browser = world.owner().await;
    let form_token = browser.get("/settings").await.form_token();
    let cookie: Vec<String> = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect();
    let (cookie, body) = (cookie.join("; "), json!({"name": "an app"}).to_string());
    let post = async |more: &[(&str, &str)]| {
        let mut headers = vec![("Cookie", cookie.as_str()), ("Content-Type", "application/json")];
        headers.extend(more);
        send(world.address, "POST", "/v1/tokens", &headers, &body).await
    };
    for wrong in [
        vec![],
        vec![("X-Keyfob-CSRF", "x")],
        vec![("X-Keyfob-CSRF", form_token.as_str()), ("Sec-Fetch-Site", "cross-site")],
        vec![("X-Keyfob-CSRF", form_token.as_str()), ("Origin", "https://evil.example")],
    ] {
        assert_eq!(post(&wrong).await.code(), "csrf", "{wrong:?}");
    }
    // Something else that is shown is not made good by a cookie.
    assert_eq!(post(&[("X-Keyfob-CSRF", form_token.as_str()), ("Authorization", "Basic eDp5")]).await.status, 401);
    let made = post(&[("X-Keyfob-CSRF", form_token.as_str()), ("Sec-Fetch-Site", "same-origin")]).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let program = Program { address: world.address, token: made.json()["token"].as_str().expect("a token").to_owned() };
    assert_eq!(program.get("/v1/me").await.status, 200);
    // One makes no other.
    let reply = program.post("/v1/tokens", &json!({"name": "for good"})).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "not-by-token"));
    let id = made.json()["id"].as_str().expect("a number").to_owned();
    assert_eq!(program.send("DELETE", &format!("/v1/tokens/{id}"), &[], "").await.status, 200);
    assert_eq!(program.get("/v1/me").await.status, 401, "revoked at once");
}

#[tokio::test]
async fn a_token_is_made_on_the_settings_page_shown_once_and_taken_back() {
    let world = World::known(&["netatmo"]).await;
    let mut browser = world.owner().await;
    let page = browser.get("/settings").await;
    let path = page.link("Programs");
    let form_token = browser.get(&path).await.form_token();
    let made = browser.post("/settings/programs/tokens", &[("form_token", &form_token), ("name", "Home <b>hub"), ("days", "30")]).await;
    let token = made.value("f-token");
    let program = Program { address: world.address, token: token.clone() };
    let me = program.get("/v1/tokens").await.json();
    assert_eq!((&me["items"][0]["name"], me["items"][0]["expires_at"].is_string()), (&json!("Home <b>hub"), true));
    let page = browser.get(&path).await;
    assert!(!page.has(&token) && !page.has("<b>hub"), "{}", page.text);
    for (name, days) in [("", ""), ("x", "0"), ("x", "-1"), ("x", "4000"), ("x", "soon")] {
        let refused = browser.post("/settings/programs/tokens", &[("form_token", &form_token), ("name", name), ("days", days)]).await;
        assert_eq!(refused.status, 400, "{name} {days}");
    }
    let id = me["items"][0]["id"].as_str().expect("a number").to_owned();
    let mut ada = world.member(&mut browser, "Ada").await;
    let ada_token = ada.get(&path).await.form_token();
    assert_eq!(ada.post(&format!("{path}/tokens/{id}"), &[("form_token", &ada_token)]).await.status, 404);
    assert_eq!(program.get("/v1/me").await.status, 200);
    browser.post(&format!("{path}/tokens/{id}"), &[("form_token", &form_token)]).await.location();
    assert_eq!(program.get("/v1/me").await.status, 401);
}

#[tokio::test]
async fn a_token_ends_when_it_should() {
    World::on_each_shelf(&["netatmo"], async |world| {
        world.owner().await;
        let now = keyfob::Clock::now(&*world.clock);
        let shelf = world.shelf.clone().expect("a shelf");
        let made = keyfob_broker::api::token::create(&*shelf, "owner", "short", Some(now.plus(60)), keyfob_broker::Who::Command, now).await;
        let program = Program { address: world.address, token: made.expect("a token").text.expose().to_owned() };
        assert_eq!(program.get("/v1/me").await.status, 200);
        world.advance(61);
        assert_eq!(program.get("/v1/me").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn l15_programs_of_one_address_ask_as_often_as_they_may() {
    let world = World::known_with(&["august"], |server| {
        let mut limits = keyfob_broker::Limits::default();
        limits.api = "4/h".parse().expect("a rate");
        server.limits(limits)
    })
    .await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    // Good ones count as bad ones do, and whatever a program may ask for.
    for (path, status) in [("/v1/me", 200), ("/v1/nothing", 404), ("/api/august/users/locks/mine", 401), ("/token/august", 401)] {
        assert_eq!(program.get(path).await.status, status, "{path}");
    }
    for path in ["/v1/me", "/api/august/users/locks/mine", "/token/august"] {
        let reply = program.get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (429, Some("application/problem+json")), "{path}");
        let wait = reply.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok()).expect("when to come back");
        assert!((1..=901).contains(&wait), "{wait}");
    }
    assert_eq!(owner.get("/accounts/august").await.status, 404, "people are not programs");
    assert_eq!(owner.get("/").await.status, 200);
}

#[tokio::test]
async fn programs_that_go_wrong_get_no_page() {
    let world = World::known(&["august"]).await;
    let host = world.address.to_string();
    for (path, host, status, code) in [
        ("/api", host.as_str(), 404, "not-found"),
        ("/api/", &host, 404, "not-found"),
        ("/token", &host, 404, "not-found"),
        ("/token/august/x", &host, 404, "not-found"),
        ("/v1/nothing", &host, 404, "not-found"),
        ("/v1", &host, 404, "not-found"),
        ("/v1/", &host, 404, "not-found"),
        ("/api/august/users", "evil.example", 421, "misdirected"),
        ("/token/august", "evil.example", 421, "misdirected"),
        ("/v1/me", "evil.example", 421, "misdirected"),
    ] {
        for method in ["GET", "POST"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("a connection");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.expect("an answer");
            let reply = super::support::gate::Reply::parse(&answer).expect("an answer");
            assert_eq!((reply.status, reply.header("content-type")), (status, Some("application/problem+json")), "{method} {path}");
            assert_eq!(reply.code(), code, "{method} {path}");
        }
    }
    let page = world.browser().get("/nothing").await;
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "people get one");
}

#[tokio::test]
async fn where_there_are_guests_there_is_no_api() {
    let world = World::new(&["netatmo"]).await;
    for target in ["/v1/me", "/v1/accounts", "/v1/tokens"] {
        let reply = send(world.address, "GET", target, &[("Authorization", "Bearer kft_x")], "").await;
        assert_eq!(reply.status, 404, "{target}");
    }
}

/// A shelf that shows what was written on it, of whatever kind.
#[derive(Debug, Default)]
struct Written {
    behind: MemoryShelf,
    all: Mutex<Vec<(String, String)>>,
}

impl Hooks for Written {
    fn behind(&self) -> &dyn Shelf {
        &self.behind
    }

    fn put_item<'a>(&'a self, kind: Kind, item: &'a Item, expected: Expected) -> Stored<'a, Generation> {
        let text = format!("{} {:?} {}", item.id, item.owner, String::from_utf8_lossy(&item.content));
        self.all.lock().expect("the list").push((kind.0.to_owned(), text));
        self.behind.put_item(kind, item, expected)
    }

    fn record(&self, acts: Vec<Act>) -> Stored<'_, ()> {
        let lines = acts.iter().map(|act| ("line".to_owned(), String::from_utf8_lossy(&act.content).into_owned()));
        self.all.lock().expect("the list").extend(lines);
        self.behind.record(acts)
    }
}

#[tokio::test]
async fn no_token_is_kept() {
    let written = Arc::new(Front(Written::default()));
    let setup = Setup { known: true, place: Some(shelves::of(written.clone())), ..Setup::default() };
    let world = World::with(&["netatmo"], setup).await;
    world.owner().await;
    let program = Program::of(&world, "owner").await;
    assert_eq!(program.get("/v1/me").await.status, 200);
    let secret = &program.token[26..69];
    let all = written.all.lock().expect("the list");
    for kind in ["token", "line", "visit"] {
        assert!(all.iter().any(|(of, _)| of == kind), "{kind}");
    }
    for (kind, text) in all.iter() {
        assert!(!text.contains(secret), "{kind}");
    }
}

#[tokio::test]
async fn l16_what_is_deep_is_refused_before_anybody_understands_it() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await;
    let program = Program::of(&world, "owner").await;
    let deep = |levels: usize| format!("{{\"name\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    for (levels, status, code) in
        [(1, 400, "body"), (15, 400, "body"), (16, 400, "json"), (10_000, 400, "json"), (100_000, 413, "too-large")]
    {
        for target in ["/v1/keys", "/v1/webhooks", "/v1/connect-links", "/v1/return-urls"] {
            let reply = program.send("POST", target, &[("Content-Type", "application/json")], &deep(levels)).await;
            assert_eq!((reply.status, reply.code().as_str()), (status, code), "{target} {levels}");
        }
    }
}

/// Half of a request, what happens then, the rest, and the answer.
async fn interrupted(address: std::net::SocketAddr, head: &str, body: &str, between: impl AsyncFnOnce()) -> super::Reply {
    let (first, rest) = body.split_at(body.len() / 2);
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!("{head}Host: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{first}", body.len());
    stream.write_all(head.as_bytes()).await.expect("sent");
    // Long enough for it to be let in.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    between().await;
    stream.write_all(rest.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    super::Reply::parse(&answer).expect("an answer")
}

/// Whoever begins a request in time, and ends it when they like, keeps nothing of what is taken from them meanwhile.
#[tokio::test]
async fn l3_a_browser_that_is_signed_out_while_its_request_comes_in_does_nothing() {
    let world = World::known(&["netatmo"]).await;
    for (is_form, signs_out) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut browser = world.owner().await;
        let form_token = browser.get("/settings/programs").await.form_token();
        let cookie: Vec<String> = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (cookie, name) = (cookie.join("; "), format!("late-{is_form}-{signs_out}"));
        let (head, body) = if is_form {
            (
                "POST /settings/programs/tokens HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n".to_owned(),
                format!("form_token={form_token}&name={name}&days=30"),
            )
        } else {
            let head = format!("POST /v1/tokens HTTP/1.1\r\nContent-Type: application/json\r\nX-Keyfob-CSRF: {form_token}\r\n");
            (head, json!({"name": name}).to_string())
        };
        let reply = interrupted(world.address, &format!("{head}Cookie: {cookie}\r\n"), &body, async || {
            if signs_out {
                assert_eq!(browser.post("/sign-out", &[("form_token", &form_token)]).await.status, 303);
            }
        })
        .await;
        let made = Program::of(&world, "owner").await.get("/v1/tokens").await.text().contains(&name);
        assert_eq!(made, !signs_out, "{name}: {} {}", reply.status, reply.text());
        assert_eq!(reply.status >= 400, signs_out, "{name}: {} {}", reply.status, reply.text());
    }
}

#[tokio::test]
async fn l8_a_token_that_is_revoked_while_its_request_comes_in_does_nothing() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await.connect("netatmo").await;
    let ((number, token), other) = (made_for(&world, "owner").await, Program::of(&world, "owner").await);
    // What makes nothing is not looked at again once it is made.
    let head = format!("PATCH /v1/accounts/netatmo HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n");
    let reply = interrupted(world.address, &head, r#"{"title": "The weather"}"#, async || {
        assert_eq!(other.send("DELETE", &format!("/v1/tokens/{number}"), &[], "").await.status, 200);
    })
    .await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "token-unknown"), "{}", reply.text());
    assert!(!other.get("/v1/accounts").await.text().contains("The weather"));
}
