//! Providers that do not answer, break off, or answer in words: who waits for them, and what is told of it.
#![allow(missing_docs)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyfob::proto::{Transport as TransportError, TransportKind};
use keyfob::{Body, HyperTransport, Transport};
use serde_json::json;
use support::gate::until;
use support::{Browser, Page, Setup, World};
use tokio::sync::Semaphore;

/// Longer than anybody waits who waits for no provider; a provider that hangs does so until it is let go.
const SOON: Duration = Duration::from_secs(20);

type Sending<'a> = std::pin::Pin<Box<dyn Future<Output = Result<http::Response<Body>, TransportError>> + Send + 'a>>;

/// What comes of requests for a path.
#[derive(Clone)]
enum Fate {
    /// They are sent when there is a permit.
    Waits(Arc<Semaphore>),
    Answer(u16, &'static str),
    Fails(TransportKind),
}

/// Between the web app and the providers.
struct Between {
    inner: HyperTransport,
    fate: Mutex<Option<(&'static str, Fate)>>,
    met: Semaphore,
}

impl Between {
    fn decide(&self, path: &'static str, fate: Fate) {
        *self.fate.lock().expect("no panic") = Some((path, fate));
    }

    fn holds(&self, path: &'static str) -> Arc<Semaphore> {
        let held = Arc::new(Semaphore::new(0));
        self.decide(path, Fate::Waits(held.clone()));
        held
    }

    async fn meets(&self) {
        until("somebody asks", async || self.met.available_permits() > 0).await;
    }
}

impl Transport for Between {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        let fate = self.fate.lock().expect("no panic").clone().filter(|(path, _)| request.uri().path().starts_with(path));
        Box::pin(async move {
            let Some((_, fate)) = fate else { return self.inner.send(request).await };
            self.met.add_permits(1);
            match fate {
                Fate::Waits(held) => {
                    held.acquire().await.expect("it is never closed").forget();
                    self.inner.send(request).await
                }
                Fate::Answer(status, text) => {
                    let answer = http::Response::builder().status(status).header("content-type", "text/plain");
                    Ok(answer.body(Body::from(text.as_bytes().to_vec())).expect("an answer"))
                }
                Fate::Fails(kind) => Err(TransportError::new(kind, "https://example.com")),
            }
        })
    }
}

async fn world(known: bool) -> (World, Arc<Between>) {
    let inner = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
    let between = Arc::new(Between { inner, fate: Mutex::default(), met: Semaphore::new(0) });
    let setup = Setup { known, transport: Some(between.clone()), ..Setup::default() };
    (World::with(&["telldus", "august"], setup).await, between)
}

async fn soon<T>(what: &str, doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, doing).await.unwrap_or_else(|_| panic!("{what} waits for the provider"))
}

fn back<'a>(browser: &'a mut Browser, url: &'a str) -> impl Future<Output = Page> + 'a {
    browser.send("GET", url, &[("sec-fetch-site", "cross-site")], None)
}

/// Asks in another tab, until somebody lets the provider go.
fn asks(browser: &Browser, path: &'static str) -> tokio::task::JoinHandle<Page> {
    let mut tab = browser.tab();
    tokio::spawn(async move { tab.get(path).await })
}

#[tokio::test]
async fn nobody_waits_for_a_page_whose_provider_hangs() {
    let (world, between) = world(true).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let again = owner.begin("telldus").await;
    let again = owner.approve(&again).await;
    let held = between.holds("/json/");
    let page = asks(&owner, "/accounts/telldus");
    between.meets().await;
    assert_eq!(soon("a login again", back(&mut owner, &again)).await.location(), "/accounts/telldus");
    let left = soon("a logout", owner.act("/accounts/telldus/logout", &[])).await;
    assert_eq!(left.location(), "/");
    held.add_permits(100);
    let page = page.await.expect("a page");
    assert!(page.status == 404 && !page.has("Living room"), "it is looked again whose it is: {} {}", page.status, page.text);
}

#[tokio::test]
async fn nobody_waits_for_a_button_whose_provider_hangs() {
    let (world, between) = world(true).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let (mut tab, held) = (owner.tab(), between.holds("/json/device/dim"));
    let acting = tokio::spawn(async move { tab.act("/accounts/telldus/do/dim?id=1&level=9", &[]).await });
    between.meets().await;
    let gone = soon("a program's logout", world.ask("owner", "DELETE", "/v1/accounts/telldus", "")).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    held.add_permits(1);
    acting.await.expect("an answer");
}

#[tokio::test]
async fn a_guest_is_not_shown_what_came_for_a_page_when_it_is_somebody_elses_account() {
    let (world, between) = world(false).await;
    let mut first = world.connected("telldus").await;
    let held = between.holds("/json/");
    let page = asks(&first, "/accounts/telldus");
    between.meets().await;
    soon("a logout", first.act("/accounts/telldus/logout", &[])).await;
    let mut second = world.browser();
    let begun = second.begin("telldus").await;
    let answer = second.approve(&begun).await;
    assert_eq!(soon("a login", back(&mut second, &answer)).await.location(), "/accounts/telldus");
    held.add_permits(100);
    let page = page.await.expect("a page");
    assert!(page.status == 403 && !page.has("Living room"), "{} {}", page.status, page.text);
    assert!(second.get("/accounts/telldus").await.has("Living room"));
}

#[tokio::test]
async fn a_login_that_hangs_keeps_nobody_from_the_start_page() {
    let (world, between) = world(false).await;
    let mut first = world.browser();
    let begun = first.begin("telldus").await;
    let answer = first.approve(&begun).await;
    let held = between.holds("/oauth/accessToken");
    let coming = tokio::spawn(async move { back(&mut first, &answer).await });
    between.meets().await;
    assert_eq!(soon("the start page", world.browser().get("/")).await.status, 200);
    held.add_permits(1);
    assert_eq!(coming.await.expect("an answer").location(), "/accounts/telldus");
}

#[tokio::test]
async fn a_button_that_acted_is_done_whatever_its_answer_is_written_in() {
    let (world, between) = world(true).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    for (status, text) in [(200, "OK"), (202, "Accepted"), (204, "")] {
        between.decide("/json/device/dim", Fate::Answer(status, text));
        let done = owner.act("/accounts/telldus/do/dim?id=1&level=9", &[]).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let book = world.ask("owner", "GET", "/v1/activity", "").await;
        let acted = book.json()["items"].as_array().expect("lines").iter().find(|line| line["act"] == "acted").cloned();
        assert_eq!(acted.expect("a line")["status"], json!(status), "{}", book.text());
    }
    // One that was judged an error is none the less.
    between.decide("/json/device/dim", Fate::Answer(500, "no"));
    assert_eq!(owner.act("/accounts/telldus/do/dim?id=1&level=9", &[]).await.status, 502);
}

/// What misbehaves before there is an answer is the token endpoint: the door was asked nothing.
#[tokio::test]
async fn a_button_whose_token_could_not_be_renewed_has_done_nothing() {
    let (world, between) = world(true).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    world.sandbox.faults("august").expire_access_tokens();
    between.decide("/access_token", Fate::Answer(200, "odd"));
    let page = owner.act("/accounts/august/do/lock-now?id=5A9DB0C5000000000000000000000F01", &[]).await;
    assert!(page.status >= 400 && !page.has("Done"), "{} {}", page.status, page.text);
    let book = world.ask("owner", "GET", "/v1/activity", "").await;
    let acted = book.json()["items"].as_array().expect("lines").iter().find(|line| line["act"] == "acted").cloned();
    assert_ne!(acted.expect("a line")["status"], json!(200), "{}", book.text());
}

#[tokio::test]
async fn what_may_have_been_done_is_told_apart_from_what_was_not() {
    let (world, between) = world(true).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let key = world.ask("owner", "POST", "/v1/keys", &json!({"account": "telldus", "allow": ["GET /**", "POST /**"]}).to_string()).await;
    let key = key.json()["key"].as_str().expect("a key").to_owned();
    let press = async |owner: &mut Browser| owner.act("/accounts/telldus/do/dim?id=1&level=9", &[]).await;
    let call = async |method: &str| world.ask_with(&key, method, "/api/telldus/json/device/dim", "").await;
    let doubt = "may have been done";
    for (kind, code) in [
        (TransportKind::Broken, "provider-broke-off"),
        (TransportKind::TooLarge, "provider-broke-off"),
        (TransportKind::Timeout, "provider-slow"),
    ] {
        between.decide("/json/device/dim", Fate::Fails(kind));
        let page = press(&mut owner).await;
        assert!(page.has(doubt) && page.has("look at the present state"), "{kind:?}: {}", page.text);
        assert!(!page.has("could not be reached") && !page.has("Nothing was done"), "{kind:?}: {}", page.text);
        let reply = call("POST").await;
        assert!(reply.code() == code && reply.text().contains(doubt), "{kind:?}: {}", reply.text());
        let read = call("GET").await;
        assert!(read.code() == code && !read.text().contains(doubt), "nothing was asked to be done: {}", read.text());
    }
    for kind in [TransportKind::Connect, TransportKind::Tls, TransportKind::Forbidden] {
        between.decide("/json/device/dim", Fate::Fails(kind));
        let page = press(&mut owner).await;
        assert!(page.has("could not be reached") && page.has("Nothing was done.") && !page.has(doubt), "{kind:?}: {}", page.text);
        let reply = call("POST").await;
        let is_told = reply.text().contains("Nothing was done.");
        assert!(reply.code() == "provider-unreachable" && is_told, "{kind:?}: {}", reply.text());
    }
}
