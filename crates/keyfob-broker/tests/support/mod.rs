//! A web app on loopback over the pretend providers, and a browser small enough to see through: it keeps cookies by host, follows
//! redirects when told, and fills in forms.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod counted;
pub mod disk;
pub mod front;
pub mod gate;
pub mod hostile;
pub mod raw;
pub mod shelves;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfob::proto::{App, Origin, Secret, Timestamp};
use keyfob::{Clock, HyperTransport, Keyfob, MemoryStore, OsEntropy, Store};
use keyfob_broker::{Config, Limits, Server, Service, Site, serve};
use keyfob_providers::{Catalogue, Provider};
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::Shelf;
use shelves::Place;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The system's clock, moved.
#[derive(Default)]
pub struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        keyfob::SystemClock.now().plus(self.0.load(Ordering::Relaxed))
    }
}

/// A running web app, and the providers behind it.
pub struct World {
    pub sandbox: Sandbox,
    pub store: Arc<MemoryStore>,
    pub clock: Arc<Shifted>,
    pub shelf: Option<Arc<dyn Shelf>>,
    pub site: Arc<Site>,
    pub address: SocketAddr,
    pub origin: String,
    keyfob: Keyfob,
    services: Vec<Service>,
    webhook_origins: Vec<Origin>,
    more: Option<fn(&Sandbox, &mut Config)>,
    stop: Option<oneshot::Sender<()>>,
    pub served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    _place: Option<Place>,
}

/// How the web app is started.
#[derive(Default)]
pub struct Setup {
    pub external_url: Option<String>,
    pub redirect_uri: Option<String>,
    /// Whether there are people, or guests alone.
    pub known: bool,
    /// Where what people need is kept, if not in memory.
    pub place: Option<Place>,
    /// What else is to be configured.
    pub more: Option<fn(&Sandbox, &mut Config)>,
    /// Where webhooks may go on this machine.
    pub webhook_origins: Vec<Origin>,
    /// What is in front of the store.
    pub counted: Option<Arc<counted::Counted>>,
    /// What the web app asks others with, if not the usual.
    pub transport: Option<Arc<dyn keyfob::Transport>>,
}

impl World {
    /// All of these providers, consent given by script.
    pub async fn new(names: &[&str]) -> Self {
        Self::with(names, Setup::default()).await
    }

    /// The same with people.
    pub async fn known(names: &[&str]) -> Self {
        Self::with(names, Setup { known: true, ..Setup::default() }).await
    }

    /// With people, and a server that is set up otherwise.
    pub async fn known_with(names: &[&str], server: impl FnOnce(Server) -> Server) -> Self {
        let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
        let services = names.iter().map(|name| service(&sandbox, name, None)).collect();
        Self::set_up_with(sandbox, services, Setup { known: true, ..Setup::default() }, server).await
    }

    pub async fn with(names: &[&str], setup: Setup) -> Self {
        let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
        let services = names.iter().map(|name| service(&sandbox, name, setup.redirect_uri.clone())).collect();
        Self::set_up(sandbox, services, setup).await
    }

    /// With other limits than the usual ones.
    pub async fn limited(names: &[&str], change: impl FnOnce(&mut Limits)) -> Self {
        let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
        let services = names.iter().map(|name| service(&sandbox, name, None)).collect();
        let mut limits = Limits::default();
        change(&mut limits);
        Self::served(sandbox, services, None, |server| server.limits(limits)).await
    }

    pub async fn serving(sandbox: Sandbox, services: Vec<Service>, external_url: Option<String>) -> Self {
        Self::set_up(sandbox, services, Setup { external_url, ..Setup::default() }).await
    }

    /// With a server that is set up otherwise.
    pub async fn served(
        sandbox: Sandbox,
        services: Vec<Service>,
        external_url: Option<String>,
        server: impl FnOnce(Server) -> Server,
    ) -> Self {
        Self::set_up_with(sandbox, services, Setup { external_url, ..Setup::default() }, server).await
    }

    pub async fn set_up(sandbox: Sandbox, services: Vec<Service>, setup: Setup) -> Self {
        Self::set_up_with(sandbox, services, setup, |server| server).await
    }

    pub async fn set_up_with(sandbox: Sandbox, services: Vec<Service>, setup: Setup, change: impl FnOnce(Server) -> Server) -> Self {
        let (store, clock) =
            (setup.counted.as_ref().map_or_else(Arc::default, |counted| counted.inner.clone()), Arc::new(Shifted::default()));
        let asking = setup.transport.clone().unwrap_or_else(|| Arc::new(transport()));
        let front: Arc<dyn Store> = match &setup.counted {
            Some(counted) => counted.clone(),
            None => store.clone(),
        };
        let keyfob = Keyfob::with(front, asking, clock.clone(), Arc::new(OsEntropy));
        let place = setup.known.then(|| setup.place.unwrap_or_else(shelves::memory));
        let shelf = place.as_ref().map(|place| place.shelf.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut config = config(address, services.clone(), keyfob.clone(), setup.external_url);
        config.shelf.clone_from(&shelf);
        config.webhook_origins.clone_from(&setup.webhook_origins);
        if let Some(more) = setup.more {
            more(&sandbox, &mut config);
        }
        let site = Site::new(config).expect("a site");
        let origin = site.url().trim_end_matches('/').to_owned();
        let (stop, stopped) = oneshot::channel();
        let server = Server::new(site.clone()).listener(listener.into_std().expect("a socket")).expect("a socket");
        let stopped = async move {
            let _ = stopped.await;
        };
        let served = tokio::spawn(change(server).run(stopped, std::future::pending()));
        let (stop, served, webhook_origins, more) = (Some(stop), Some(served), setup.webhook_origins, setup.more);
        Self { sandbox, store, clock, shelf, site, address, origin, keyfob, services, webhook_origins, more, stop, served, _place: place }
    }

    /// One more web app on the same vault, known by the same name: another machine behind the same address. A browser that is told so reaches it.
    pub async fn another(&self) -> (Arc<Site>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let keyfob = Keyfob::with(self.store.clone(), Arc::new(transport()), self.clock.clone(), Arc::new(OsEntropy));
        let mut config = config(address, self.services.clone(), keyfob, Some(self.origin.clone()));
        config.webhook_origins.clone_from(&self.webhook_origins);
        config.shelf.clone_from(&self.shelf);
        if let Some(more) = self.more {
            more(&self.sandbox, &mut config);
        }
        let site = Site::new(config).expect("a site");
        tokio::spawn(serve(site.clone(), listener, std::future::pending()));
        (site, address)
    }

    /// A browser that is the owner's.
    pub async fn owner(&self) -> Browser {
        let mut browser = self.browser();
        let link = self.site.owner_link().await.expect("a shelf").expect("people");
        assert_eq!(browser.enter(&link).await.location(), "/");
        browser
    }

    /// A browser of somebody whom the owner invited.
    pub async fn member(&self, owner: &mut Browser, name: &str) -> Browser {
        let link = owner.invite(name).await;
        let mut browser = self.browser();
        assert_eq!(browser.enter(&link).await.location(), "/");
        browser
    }

    /// What the API answers to a program of this person's.
    pub async fn ask(&self, person: &str, method: &str, path: &str, body: &str) -> gate::Reply {
        self.ask_with(&self.token(person).await, method, path, body).await
    }

    /// A token of theirs for the JSON API.
    pub async fn token(&self, person: &str) -> String {
        let shelf = self.shelf.as_ref().expect("a shelf");
        let made = keyfob_broker::api::token::create(&**shelf, person, "an app", None, keyfob_broker::Who::Command, self.clock.now()).await;
        made.expect("a token").text.expose().to_owned()
    }

    /// The same with a token that is there.
    pub async fn ask_with(&self, token: &str, method: &str, path: &str, body: &str) -> gate::Reply {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            authority(&self.origin),
            token,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        gate::Reply::parse(&answer).expect("an answer")
    }

    /// One of each thing that a person can have beside accounts.
    pub async fn things(&self, person: &str, account: &str) -> Things {
        let id = async |path: &str, body: serde_json::Value| {
            let reply = self.ask(person, "POST", path, &body.to_string()).await;
            assert_eq!(reply.status, 201, "{path}: {}", reply.text());
            reply.json()["id"].as_str().expect("a number").to_owned()
        };
        let provider = account.split('/').next().expect("a name");
        let return_url = id("/v1/return-urls", serde_json::json!({"url": "https://app.example/done"})).await;
        let key = id("/v1/keys", serde_json::json!({"account": account, "allow": ["GET /**"]})).await;
        let webhook = id("/v1/webhooks", serde_json::json!({"url": "https://hooks.example/"})).await;
        let wanted = serde_json::json!({"provider": provider, "account": format!("{provider}/of-somebody"), "return_to": "https://app.example/done"});
        let link = id("/v1/connect-links", wanted).await;
        let tokens = self.ask(person, "GET", "/v1/tokens", "").await.json();
        let token = tokens["items"][0]["id"].as_str().expect("a number").to_owned();
        // Whoever they are: invitations are the owner's.
        let invited = self.ask("owner", "POST", "/v1/people/invitations", r#"{"name":"Somebody"}"#).await;
        let invitation = invited.json()["id"].as_str().expect("a number").to_owned();
        Things { key, token, webhook, link, return_url, invitation, login: "0123456789abcdef0123456789abcdef".to_owned() }
    }

    /// Another program on the same vault.
    pub fn keyfob(&self) -> Keyfob {
        Keyfob::with(self.store.clone(), Arc::new(transport()), self.clock.clone(), Arc::new(OsEntropy))
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    pub fn browser(&self) -> Browser {
        let mut known = HashMap::new();
        known.insert(authority(&self.origin).to_owned(), self.address);
        Browser { known, jars: HashMap::new(), home: self.origin.clone(), last: String::new() }
    }

    /// A browser that has connected this account.
    pub async fn connected(&self, account: &str) -> Browser {
        let mut browser = self.browser();
        let page = browser.connect(account).await;
        assert_eq!(page.status, 200, "{}", page.text);
        browser
    }

    pub async fn account(&self, name: &str) -> Option<keyfob::Account> {
        self.store.account(name).await.expect("the store").map(|record| record.value)
    }
}

/// What a person has, by number.
pub struct Things {
    pub key: String,
    pub token: String,
    pub webhook: String,
    pub link: String,
    pub return_url: String,
    /// An open invitation of the owner's.
    pub invitation: String,
    /// A login that waits for a code to be entered.
    pub login: String,
}

impl Things {
    /// An address of a pattern of the router. A placeholder that nobody has thought of here is a route that nobody tests.
    pub fn fill(&self, pattern: &str, account: &str, action: &str, person: &str) -> String {
        let known = [
            ("{account}", account),
            ("{action}", action),
            ("{person}", person),
            ("{provider}", account.split(['/', '%']).next().expect("a name")),
            ("{key}", &self.key),
            ("{token}", &self.token),
            ("{webhook}", &self.webhook),
            ("{link}", &self.link),
            ("{login}", &self.login),
            ("{invitation}", &self.invitation),
            ("{return_url}", &self.return_url),
            ("{file}", "style.css"),
            ("{*path}", "users/locks/mine"),
        ];
        let filled = known.iter().fold(pattern.to_owned(), |path, (name, value)| path.replace(name, value));
        assert!(!filled.contains(['{', '}']), "{pattern} has a placeholder that the tests do not know");
        filled
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

fn transport() -> HyperTransport {
    HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport")
}

/// A web app that nobody starts.
pub fn site(services: Vec<Service>, external_url: Option<String>) -> Result<Arc<Site>, keyfob::proto::Misuse> {
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport()));
    Site::new(config("127.0.0.1:5000".parse().expect("an address"), services, keyfob, external_url))
}

pub fn config(listen: SocketAddr, services: Vec<Service>, keyfob: Keyfob, external_url: Option<String>) -> Config {
    let mut config = Config::new(listen, services, keyfob);
    config.external_url = external_url;
    config
}

/// A provider's service, moved to the sandbox. `fitbit-oauth1` lives on the origin of `fitbit`.
pub fn service(sandbox: &Sandbox, name: &str, redirect_uri: Option<String>) -> Service {
    let app = sandbox.app(name);
    let provider = provider(name).at_origin(&Origin::parse(&sandbox.origin(&app.service)).expect("an origin"));
    let fields = app.fields.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect();
    let app =
        App { client_id: app.client_id, client_secret: Some(Secret::new(app.client_secret)), redirect_uri: None, fields, ..App::default() };
    Service { provider, app, account: name.to_owned(), redirect_uri, scopes: Vec::new() }
}

pub fn provider(name: &str) -> Provider {
    Catalogue::embedded().get(name).expect("a provider").clone()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text);
        self.header("location").expect("a location")
    }

    /// The token of this page's forms.
    pub fn form_token(&self) -> String {
        let name = "name=\"form_token\" value=\"";
        let at = self.text.find(name).unwrap_or_else(|| panic!("no form on {}: {}", self.url, self.text)) + name.len();
        self.text[at..at + 64].to_owned()
    }

    /// What a field holds.
    pub fn value(&self, id: &str) -> String {
        let at = self.text.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no field {id} on {}: {}", self.url, self.text));
        let rest = self.text[at..].split_once("value=\"").expect("a value").1;
        unescape(rest.split('"').next().expect("an end"))
    }

    /// What a button copies.
    pub fn copied(&self, id: &str) -> String {
        let start = format!("id=\"{id}\" data-copy=\"");
        let at = self.text.find(&start).unwrap_or_else(|| panic!("no button {id} on {}: {}", self.url, self.text)) + start.len();
        unescape(self.text[at..].split('"').next().expect("an end"))
    }

    pub fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The first link whose label is this.
    pub fn link(&self, label: &str) -> String {
        let end = format!(">{label}</a>");
        let at = self.text.find(&end).unwrap_or_else(|| panic!("no link {label} on {}: {}", self.url, self.text));
        let start = self.text[..at].rfind("href=\"").expect("an address") + 6;
        unescape(&self.text[start..start + self.text[start..].find('"').expect("an end")])
    }
}

pub fn unescape(text: &str) -> String {
    text.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
}

/// A browser.
pub struct Browser {
    /// Names that lead to other addresses than they say: a port mapping.
    known: HashMap<String, SocketAddr>,
    jars: HashMap<String, BTreeMap<String, String>>,
    home: String,
    pub last: String,
}

impl Browser {
    /// One that is nowhere yet.
    pub fn at(home: &str) -> Self {
        Self { known: HashMap::new(), jars: HashMap::new(), home: home.to_owned(), last: String::new() }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let url = self.absolute(path);
        self.send("GET", &url, &[], None).await
    }

    /// A form of the last page, without the guesses that a browser makes about where it was.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let url = self.absolute(path);
        let origin = self.home.clone();
        self.send("POST", &url, &[("origin", &origin), ("sec-fetch-site", "same-origin")], Some(fields)).await
    }

    /// Opens a link that signs somebody in, and presses its button.
    pub async fn enter(&mut self, link: &str) -> Page {
        let question = self.get(link).await;
        assert_eq!(question.status, 200, "{}", question.text);
        let (path, token) = link.split_once("?token=").expect("a token");
        let form_token = question.form_token();
        self.post(path, &[("form_token", &form_token), ("token", token)]).await
    }

    /// Makes an invitation.
    pub async fn invite(&mut self, name: &str) -> String {
        let form_token = self.get("/people").await.form_token();
        let page = self.post("/people/invite", &[("form_token", &form_token), ("name", name)]).await;
        page.value("f-link")
    }

    /// Goes to another machine behind the same address.
    pub fn reach(&mut self, address: SocketAddr) {
        self.known.insert(authority(&self.home).to_owned(), address);
    }

    /// Begins to connect: what the provider's authorize URL is.
    pub async fn begin(&mut self, account: &str) -> String {
        let token = self.get("/").await.form_token();
        let answer = self.post(&format!("/connect/{}", account.replace('/', "%2F")), &[("form_token", &token)]).await;
        answer.location().to_owned()
    }

    /// Begins to connect in another way than the usual one.
    pub async fn begin_as(&mut self, account: &str, way: &str) -> Page {
        let token = self.get("/settings").await.form_token();
        self.post(&format!("/connect/{}", account.replace('/', "%2F")), &[("form_token", &token), ("way", way)]).await
    }

    /// Goes to the provider, which answers by script; where it sends the person back to.
    pub async fn approve(&mut self, url: &str) -> String {
        let page = self.send("GET", url, &[], None).await;
        assert!((300..400).contains(&page.status), "{} {}", page.status, page.text);
        page.header("location").expect("a location").to_owned()
    }

    /// Connects, from the start page to the account's page.
    pub async fn connect(&mut self, account: &str) -> Page {
        let url = self.begin(account).await;
        let back = self.approve(&url).await;
        let answer = self.send("GET", &back, &[("sec-fetch-site", "cross-site")], None).await;
        let next = answer.location().to_owned();
        self.get(&next).await
    }

    /// A button that asks first, and the form behind it, filled in.
    pub async fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let question = self.get(path).await;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let token = question.form_token();
        let mut all: Vec<(String, String)> = vec![("form_token".into(), token)];
        all.extend(keyfob::proto::encode::decode_text_pairs(query.as_bytes()).expect("text"));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(path, &all).await
    }

    pub fn absolute(&self, path: &str) -> String {
        if path.contains("://") { path.to_owned() } else { format!("{}{path}", self.home) }
    }

    /// The same browser in another tab.
    pub fn tab(&self) -> Self {
        Self { known: self.known.clone(), jars: self.jars.clone(), home: self.home.clone(), last: String::new() }
    }

    pub fn cookies(&self) -> Option<&BTreeMap<String, String>> {
        self.jars.get(host(authority(&self.home)))
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        let host = host(authority(&self.home)).to_owned();
        self.jars.entry(host).or_default().insert(name.to_owned(), value.to_owned());
    }

    pub async fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], form: Option<&[(&str, &str)]>) -> Page {
        let authority = authority(url).to_owned();
        let target = url.split_once("://").map_or(url, |(_, rest)| &rest[authority.len()..]);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let body = form.map(|fields| keyfob::proto::encode::form_pairs(fields.iter().copied())).unwrap_or_default();
        let mut request = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("Host: {authority}\r\n"));
        }
        if let Some(jar) = self.jars.get(host(&authority)).filter(|jar| !jar.is_empty()) {
            let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.push_str(&format!("Cookie: {}\r\n", pairs.join("; ")));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if form.is_some() {
            request.push_str(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()));
        }
        let address = self.known.get(&authority).copied().unwrap_or_else(|| authority.parse().expect("an address"));
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let page = parse(url, &String::from_utf8_lossy(&answer));
        for (name, value) in &page.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let (pair, attributes) = value.split_once(';').expect("attributes");
                let (name, value) = pair.split_once('=').expect("a cookie");
                assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"), "{attributes}");
                self.jars.entry(host(&authority).to_owned()).or_default().insert(name.to_owned(), value.to_owned());
            }
        }
        self.last.clone_from(&page.url);
        page
    }
}

fn parse(url: &str, answer: &str) -> Page {
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer from {url}: {answer:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok()).expect("a status");
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Page { url: url.to_owned(), status, headers, text: text.to_owned() }
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").expect("an absolute URL").1;
    rest.split(['/', '?']).next().unwrap_or(rest)
}

/// Cookies do not keep ports apart.
fn host(authority: &str) -> &str {
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}
