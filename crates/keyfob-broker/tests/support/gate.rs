//! A web app with a shelf, accounts of its owner, a provider made by hand that shows what reached it, and a client that writes what it is told.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyfob::proto::{Answer, App, OAuth2Tokens, Origin, Secret, Timestamp, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, AccountId, HyperTransport, Keyfob, Login, MemoryStore, OsEntropy, Redirect, Store};
use keyfob_broker::keys::{self, Made, NewKey};
use keyfob_broker::{Service, Site, Who, serve};
use keyfob_providers::Catalogue;
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::{MemoryShelf, Shelf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use super::Shifted;

pub const ACCESS: &str = "canary-access/token+7f3a91";
pub const REFRESH: &str = "canary-refresh-token-2b8c44";
pub const CLIENT_SECRET: &str = "canary-client-secret-90d1ee";
pub const API_KEY: &str = "canary-api-key-5512ab";

const FILE: &str = r#"
title = "Bare"
kind = "oauth2"
status = "live"
about = "Shows what reached it."
sources = [{ url = "https://bare.example/docs", checked = 2026-11-21, confidence = "assumed" }]

[endpoints]
authorize = "https://bare.example/authorize"
token = "https://bare.example/token"

[client]
fields = [
    { name = "client_id", label = "Client ID" },
    { name = "client_secret", label = "Client secret", secret = true },
    { name = "api_key", label = "API key", secret = true },
]

[oauth2]
client_auth = "post"

[api]
base_url = "https://bare.example/v1"
attach = "bearer"
headers = { x-api-key = "{api_key}" }
expired = [{ status = [401] }]
method_override = ["$verb", "x-verb"]
batch = { fields = ["bundle"], calls = ["POST /*/$batch", "GET /reads"] }
"#;

/// What keeps everything, for any number of web apps on it.
#[derive(Clone)]
pub struct Vault {
    pub store: Arc<MemoryStore>,
    pub shelf: Arc<dyn Shelf>,
    pub clock: Arc<Shifted>,
}

impl Default for Vault {
    fn default() -> Self {
        Self::on(Arc::new(MemoryShelf::default()))
    }
}

impl Vault {
    pub fn on(shelf: Arc<dyn Shelf>) -> Self {
        Self { store: Arc::new(MemoryStore::new()), shelf, clock: Arc::new(Shifted::default()) }
    }

    pub fn keyfob(&self) -> Keyfob {
        self.keyfob_over(self.store.clone())
    }

    /// The same, with something in front of the store.
    pub fn keyfob_over(&self, store: Arc<dyn Store>) -> Keyfob {
        let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
        Keyfob::with(store, Arc::new(transport), self.clock.clone(), Arc::new(OsEntropy))
    }

    pub fn now(&self) -> Timestamp {
        keyfob::Clock::now(&*self.clock)
    }

    pub fn clock_forward(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, std::sync::atomic::Ordering::Relaxed);
    }

    pub async fn id(&self, account: &str) -> AccountId {
        self.store.account(account).await.expect("the store").expect("an account").value.id
    }

    /// A key of the owner's.
    pub async fn key(&self, account: &str, rules: &[&str]) -> String {
        self.made(account, rules, |_| {}).await.text.expose().to_owned()
    }

    pub async fn made(&self, account: &str, rules: &[&str], change: impl FnOnce(&mut NewKey)) -> Made {
        let mut new = NewKey {
            owner: "owner".to_owned(),
            name: "cron".to_owned(),
            account: account.to_owned(),
            account_id: self.id(account).await,
            rules: rules.iter().map(|rule| rule.parse().expect("a rule")).collect(),
            rate: None,
            may_see_token: false,
            expires_at: None,
        };
        change(&mut new);
        keys::create(&*self.shelf, new, Who::Command, self.now()).await.expect("a key")
    }

    /// Every line of the book, the newest first.
    pub async fn book(&self) -> Vec<serde_json::Value> {
        let acts = self.shelf.acts(None, None, 10_000).await.expect("the book");
        acts.iter().map(|(_, act)| serde_json::from_slice(&act.content).expect("JSON")).collect()
    }

    /// The lines about calls.
    pub async fn calls(&self) -> Vec<serde_json::Value> {
        self.book().await.into_iter().filter(|line| line["act"] == "called").collect()
    }
}

/// A running web app.
pub struct Instance {
    pub site: Arc<Site>,
    pub address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Instance {
    pub async fn start(vault: &Vault, services: Vec<Service>) -> Self {
        Self::with(vault, services, Some(vault.shelf.clone())).await
    }

    pub async fn with(vault: &Vault, services: Vec<Service>, shelf: Option<Arc<dyn Shelf>>) -> Self {
        Self::of(vault.keyfob(), services, shelf).await
    }

    /// One with something in front of the store.
    pub async fn over(store: Arc<dyn Store>, vault: &Vault, services: Vec<Service>) -> Self {
        Self::of(vault.keyfob_over(store), services, Some(vault.shelf.clone())).await
    }

    async fn of(keyfob: Keyfob, services: Vec<Service>, shelf: Option<Arc<dyn Shelf>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = super::config(address, services, keyfob, None);
        config.shelf = shelf;
        let site = Site::new(config).expect("a site");
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(site.clone(), listener, async move {
            let _ = stopped.await;
        }));
        Self { site, address, _stop: stop }
    }

    /// A request with a key.
    pub async fn ask(&self, key: &str, method: &str, target: &str) -> Reply {
        self.send(method, target, &[("Authorization", &format!("Bearer {key}"))], "").await
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{request}\r\n{body}").as_bytes()).await.unwrap_or_else(|| panic!("no answer to {method} {target}"))
    }

    /// These bytes, and the first answer; `None` if the connection is closed without one.
    pub async fn raw(&self, bytes: &[u8]) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        // It may be refused before it is read.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match tokio::time::timeout(Duration::from_secs(60), stream.read(&mut buffer)).await.expect("an answer in time") {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
            }
        }
        Reply::parse(&answer)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut reply = Self { status, headers, body: bytes[end + 4..].to_vec() };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(&reply.body);
        }
        Some(reply)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The word of a problem of ours, which names the request as the log does.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{} {}", self.status, self.text());
        let problem = self.json();
        assert!(problem["request_id"].is_string() && problem["request_id"].as_str() == self.header("x-request-id"), "{self:?}");
        problem["code"].as_str().expect("a code").to_owned()
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..at]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
        if size == 0 || bytes.len() < at + 2 + size {
            break;
        }
        whole.extend_from_slice(&bytes[at + 2..at + 2 + size]);
        bytes = &bytes[(at + 4 + size).min(bytes.len())..];
    }
    whole
}

/// A connection whose request head was read; what came after it is `early`.
pub struct Came {
    pub head: String,
    pub early: Vec<u8>,
    pub stream: TcpStream,
}

impl Came {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let name = format!("{name}: ");
        self.head.lines().find(|line| line.to_lowercase().starts_with(&name)).map(|line| &line[name.len()..])
    }

    pub async fn answer(mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.shutdown().await;
    }
}

pub type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A provider made by hand.
pub struct Bare {
    pub origin: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Bare {
    /// One that answers like this.
    pub async fn answering(answer: &'static str) -> Self {
        Self::start(move |came| Box::pin(came.answer(answer))).await
    }

    /// One that answers like this when it is told to: once for each permit.
    pub async fn waiting(goes_on: &Arc<Semaphore>, answer: String) -> Self {
        let held = goes_on.clone();
        Self::start(move |came| {
            let (held, answer) = (held.clone(), answer.clone());
            Box::pin(async move {
                held.acquire().await.expect("it is never closed").forget();
                came.answer(&answer).await;
            })
        })
        .await
    }

    pub async fn start(handle: impl Fn(Came) -> Answering + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (written, handle) = (heads.clone(), Arc::new(handle));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (written, handle) = (written.clone(), handle.clone());
                tokio::spawn(async move {
                    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
                    let end = loop {
                        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                            break at;
                        }
                        match stream.read(&mut buffer).await {
                            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    };
                    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                    written.lock().expect("the list").push(head.clone());
                    handle(Came { head, early: bytes.split_off(end + 4), stream }).await;
                });
            }
        });
        Self { origin, heads }
    }

    /// The heads of the requests that reached it.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("the list").clone()
    }

    /// Its targets.
    pub fn targets(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }

    /// As a service, with an account of the owner's in the vault.
    pub async fn connected(&self, vault: &Vault) -> Service {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("bare.toml"), FILE).expect("written");
        let catalogue = Catalogue::load(Some(folder.path()));
        assert!(catalogue.problems().is_empty(), "{:?}", catalogue.problems());
        let origin = Origin::parse(&self.origin).expect("an origin");
        let provider = catalogue.get("bare").expect("a provider").at_origin(&origin);
        let app = App {
            client_id: "example-client-id".into(),
            client_secret: Some(Secret::new(CLIENT_SECRET)),
            fields: [("api_key".to_owned(), Secret::new(API_KEY))].into(),
            ..App::default()
        };
        put_account(vault, "bare", "bare", origin).await;
        Service { provider, app, account: "bare".into(), redirect_uri: None, scopes: Vec::new() }
    }
}

/// An account whose tokens are known.
pub async fn put_account(vault: &Vault, name: &str, provider: &str, origin: Origin) {
    let now = vault.now();
    let tokens = TokenSet::OAuth2(OAuth2Tokens {
        access: Secret::new(ACCESS),
        refresh: Some(Secret::new(REFRESH)),
        received_at: now,
        expires_at: Some(now.plus(3600)),
        refresh_expires_at: None,
        scopes: vec!["read".into(), "write".into()],
        identity: None,
        id_token: None,
        authorization_details: Vec::new(),
        proof_key: None,
        resources: Vec::new(),
    });
    let account = Account {
        id: AccountId::random(),
        name: name.into(),
        provider: provider.into(),
        client_id: "example-client-id".into(),
        tokens,
        grant: keyfob::Grant::default(),
        kept: Default::default(),
        origins: vec![origin],
        requested_scopes: Vec::new(),
        tolerated: Vec::new(),
        health: keyfob::Health::Ok,
        logged_in_at: now,
        spending: None,
        refreshed: None,
    };
    vault.store.put_account(&account, Expected::Anything, None).await.expect("stored");
}

/// The pretend providers, with an account of the owner's at each.
pub async fn pretend(vault: &Vault, names: &[&str]) -> (Sandbox, Vec<Service>) {
    let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
    let mut services = Vec::new();
    for name in names {
        let service = super::service(&sandbox, name, None);
        let (keyfob, settings) = (vault.keyfob(), service.provider.settings(&|_| None).expect("settings"));
        let redirect = Redirect::Uri("http://localhost/callback".to_owned());
        let login = Login::begin(&keyfob, &settings, &service.app, name, redirect, vec![]).await.expect("begun");
        let mut browser = super::Browser::at("http://localhost");
        let back = browser.approve(login.url()).await;
        let verified = login.verify(Answer::Url(&back)).expect("ours");
        login.finish(verified).await.expect("logged in");
        services.push(service);
    }
    sandbox.clear_seen();
    (sandbox, services)
}

/// An answer of a provider, with these headers more (each with its line's end).
pub fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

/// Waits until it holds; events have no time of their own.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
