//! A provider that does its worst: markup in names, tokens mirrored into every answer.

use std::sync::{Arc, Mutex};

use keyfob::proto::{App, Origin, Secret};
use keyfob_broker::Service;
use keyfob_providers::Catalogue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";
pub const ACCESS: &str = "canary-access-token-7f3a91";
pub const REFRESH: &str = "canary-refresh-token-2b8c44";
pub const CLIENT_SECRET: &str = "canary-client-secret-90d1ee";
pub const API_KEY: &str = "canary-api-key-5512ab";
pub const CODE: &str = "canary-code-c0ffee42";

const FILE: &str = r#"
title = "Ho<b>st</b>ile"
kind = "oauth2"
status = "live"
about = "Does its <i>worst</i>."
sources = [{ url = "https://hostile.example/docs", checked = 2026-11-21, confidence = "assumed" }]

[endpoints]
authorize = "https://hostile.example/authorize"
token = "https://hostile.example/token"

[client]
fields = [
    { name = "client_id", label = "Client ID" },
    { name = "client_secret", label = "Client secret", secret = true },
    { name = "api_key", label = "API key", secret = true },
]

[oauth2]
client_auth = "post"

[api]
base_url = "https://hostile.example"
attach = "bearer"
headers = { x-api-key = "{api_key}" }
expired = [{ status = [401] }]
message = ["/message"]

[actions.things]
about = "Things"
path = "/things"
rows = ".things[]"
columns = [{ title = "Name", value = ".name" }, { title = "Echo", value = ".echo" }, { title = "ID", value = ".id" }]
links = [
    { action = "thing", label = "Details", with = { id = ".id" } },
    { action = "use", label = "Use", with = { id = ".id" } },
    { action = "use", label = "Leak", with = { id = ".echo" } },
]

[actions.plain]
about = "Whatever there is"
path = "/things"
rows = ".things[]"

[actions.series]
about = "A series"
path = "/series"
rows = ".rows[]"
columns = [{ title = "Time", value = ".at", kind = "time", axis = "x" }, { title = "Value", value = ".value", kind = "number", axis = "y", unit = "<u>" }]

[actions.broken]
about = "Always an error"
path = "/broken"

[actions.thing]
about = "One thing"
path = "/things/{id}"
parameters = [{ name = "id", about = "its ID", positional = true }]
view = "details"
rows = ".things[0]"
columns = [{ title = "Name", value = ".name" }, { title = "Echo", value = ".echo" }]

[actions.drop]
about = "Drop a thing"
acts = true
method = "DELETE"
path = "/things/{id}"
parameters = [{ name = "id", about = "its ID", positional = true }]

[actions.use]
about = "Use a thing"
acts = true
method = "POST"
path = "/things/{id}/use"
parameters = [{ name = "id", about = "its ID", positional = true }]
view = "details"
rows = ".things[0]"
columns = [{ title = "Name", value = ".name" }, { title = "Echo", value = ".echo" }]
"#;

/// An answer that never ends, and says so where a file of its own tells of it.
const LONG: &str = r#"
[actions.long]
about = "A long list"
path = "/long"
rows = ".things[]"

[api.pages]
next = "/next"
"#;

/// One that goes on and on.
pub async fn long() -> (Service, Arc<Mutex<Vec<String>>>) {
    of_file(&format!("{FILE}{LONG}")).await
}

/// One whose file is wrong about it: where its lists are, and what its logins bring.
pub async fn misread() -> (Service, Arc<Mutex<Vec<String>>>) {
    let pages = "[api.pages]\nparameter = \"page\"\ncounts = \"pages\"\nitems = \"/all\"\n";
    let mine = "[actions.mine]\nabout = \"Mine\"\npath = \"/users/{user_number}\"\n";
    let file = FILE.replace("status = \"live\"", "status = \"live\"\nkeep = [\"user_number\"]");
    of_file(&format!("{file}{mine}{pages}")).await
}

/// Starts it. What it was asked is written down: method, path, and whether the token came along.
pub async fn start() -> (Service, Arc<Mutex<Vec<String>>>) {
    of_file(FILE).await
}

async fn of_file(file: &str) -> (Service, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let written = seen.clone();
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let written = written.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut buffer = [0; 4096];
                while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let line = head.lines().next().unwrap_or_default().to_owned();
                let (status, body) = answer(&line, &head);
                written.lock().expect("the list").push(line);
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("hostile.toml"), file).expect("written");
    let catalogue = Catalogue::load(Some(folder.path()));
    assert!(catalogue.problems().is_empty(), "{:?}", catalogue.problems());
    let provider = catalogue.get("hostile").expect("a provider").at_origin(&Origin::parse(&origin).expect("an origin"));
    let app = App {
        client_id: "example-client-id".into(),
        client_secret: Some(Secret::new(CLIENT_SECRET)),
        redirect_uri: None,
        fields: [("api_key".to_owned(), Secret::new(API_KEY))].into(),
        ..App::default()
    };
    (Service { provider, app, account: "hostile".into(), redirect_uri: None, scopes: Vec::new() }, seen)
}

fn answer(line: &str, head: &str) -> (&'static str, String) {
    let echo = head.lines().filter(|line| line.to_lowercase().starts_with("authorization") || line.to_lowercase().starts_with("x-api-key"));
    let echo = format!("{} {REFRESH} {CLIENT_SECRET}", echo.collect::<Vec<_>>().join(" "));
    let things =
        serde_json::json!({"things": [{"name": MARKUP, "echo": echo, "id": format!("1{MARKUP}"), (MARKUP): 1, (ACCESS): "a name"}]});
    match line.split(' ').nth(1).unwrap_or_default() {
        path if path.starts_with("/token") => (
            "200 OK",
            serde_json::json!({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600, "refresh_token": REFRESH}).to_string(),
        ),
        path if path.starts_with("/broken") => ("460 Busy", serde_json::json!({"message": format!("{MARKUP} {echo}")}).to_string()),
        path if path.starts_with("/long") => {
            let page: u32 = path.split_once('=').map_or(1, |(_, page)| page.parse().expect("a number"));
            (
                "200 OK",
                serde_json::json!({"things": [{"name": format!("thing {page}")}], "next": format!("/long?page={}", page + 1)}).to_string(),
            )
        }
        path if path.starts_with("/series") => {
            let rows: Vec<_> = (0..50).map(|at| serde_json::json!({"at": 1_700_000_000 + at * 600, "value": at % 7})).collect();
            ("200 OK", serde_json::json!({"rows": rows}).to_string())
        }
        _ => ("200 OK", things.to_string()),
    }
}
