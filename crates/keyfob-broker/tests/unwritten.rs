//! The book cannot be written: nothing is begun then, and what is done by then is told as done.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;

use keyfob_broker::Config;
use keyfob_sandbox::{Consent, Sandbox};
use serde_json::json;
use support::disk::Disk;
use support::{Browser, Page, Setup, World, provider, shelves, unescape};

async fn world() -> (World, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let more = |_: &Sandbox, config: &mut Config| config.catalogue = vec![provider("woocommerce")];
    let setup = Setup { known: true, place: Some(shelves::of(disk.clone())), more: Some(more), ..Setup::default() };
    (World::with(&["netatmo", "telldus", "acme"], setup).await, disk)
}

/// It is done, and could not be noted: by now it is known that the book is full.
#[track_caller]
fn is_done(page: &Page, title: &str, path: &str) {
    let is_told = page.has(&format!("{title} is connected all the same")) && page.has(path);
    assert!(page.status == 503 && is_told, "{} {}", page.status, page.text);
}

#[track_caller]
fn is_refused(page: &Page) {
    assert!(page.status == 503 && page.has("Nothing was done."), "{} {}", page.status, page.text);
}

/// Says yes to the code on this page, at another device.
async fn approve_code(world: &World, page: &Page) {
    let mut phone = Browser::at(&world.sandbox.origin("acme"));
    let at = page.text.find("/device?user_code=").expect("a link with the code in it");
    let start = page.text[..at].rfind('"').expect("an attribute") + 1;
    let question = phone.get(&unescape(page.text[start..].split('"').next().expect("an end"))).await;
    let at = question.text.find("name=\"ticket\"").unwrap_or_else(|| panic!("no ticket: {}", question.text));
    let ticket = question.text[at..].split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value");
    let done = phone.post("/device", &[("ticket", ticket), ("decision", "approve"), ("scope", "openid")]).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

#[tokio::test]
async fn l17_a_login_by_a_code_that_is_done_is_told_as_done() {
    let (world, disk) = world().await;
    world.sandbox.consent("acme", Consent::Ask);
    let mut owner = world.owner().await;
    let mut begun = Vec::new();
    for _ in 0..2 {
        let path = owner.begin_as("acme", "code").await.location().to_owned();
        let page = owner.get(&path).await;
        approve_code(&world, &page).await;
        begun.push(path);
    }
    world.advance(6);
    world.sandbox.advance(6);
    disk.is_full(true);
    is_done(&owner.get(&begun[0]).await, "Acme", "/accounts/acme");
    assert!(world.account("acme").await.is_some());
    // Nobody is asked for tokens that could not be noted, and the login goes on.
    let asked = world.sandbox.seen("acme").len();
    is_refused(&owner.get(&begun[1]).await);
    assert_eq!(world.sandbox.seen("acme").len(), asked);
    disk.is_full(false);
    world.advance(6);
    assert_eq!(owner.get(&begun[1]).await.location(), "/accounts/acme%2F2");
}

#[tokio::test]
async fn l17_a_login_by_a_pin_that_is_done_is_told_as_done() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    let mut begun = Vec::new();
    for _ in 0..2 {
        let path = owner.begin_as("telldus", "pin").await.location().to_owned();
        let page = owner.get(&path).await;
        let at = page.text.find(&format!("href=\"{}", world.sandbox.origin("telldus"))).expect("a link") + 6;
        let url = unescape(page.text[at..].split('"').next().expect("an end"));
        let shown = owner.send("GET", &url, &[], None).await.text;
        let pin = shown.split("id=\"pin\"").nth(1).and_then(|rest| rest.split('>').nth(1)?.split('<').next()).expect("a PIN").to_owned();
        begun.push((path, page.form_token(), pin));
    }
    let mut enter = async |number: usize| {
        let (path, form_token, pin) = &begun[number];
        owner.post(path, &[("form_token", form_token), ("pin", pin)]).await
    };
    disk.is_full(true);
    is_done(&enter(0).await, "Telldus Live!", "/accounts/telldus");
    assert!(world.account("telldus").await.is_some());
    is_refused(&enter(1).await);
    disk.is_full(false);
    assert_eq!(enter(1).await.location(), "/accounts/telldus%2F2");
}

#[tokio::test]
async fn l17_a_login_by_keys_alone_that_is_done_is_told_as_done() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    let token = owner.get("/providers/woocommerce").await.form_token();
    let fields =
        [("form_token", token.as_str()), ("client_id", "ck_example"), ("client_secret", "cs_example"), ("store", "shop.example.com")];
    assert_eq!(owner.post("/providers/woocommerce/app", &fields).await.location(), "/providers/woocommerce");
    let mut connect = async |label: &str| owner.post("/connect/woocommerce", &[("form_token", &token), ("label", label)]).await;
    disk.is_full(true);
    is_done(&connect("").await, "WooCommerce", "/accounts/woocommerce");
    assert!(world.account("woocommerce").await.is_some());
    is_refused(&connect("two").await);
    assert!(world.account("woocommerce/two").await.is_none());
    disk.is_full(false);
    assert_eq!(connect("two").await.location(), "/accounts/woocommerce%2Ftwo");
}

#[tokio::test]
async fn l17_a_logout_by_a_program_that_is_done_is_told_as_done() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    owner.connect("telldus").await;
    // Each asks with a token of its own, and its making wants a line.
    let token =
        keyfob_broker::api::token::create(&*disk, "owner", "an app", None, keyfob_broker::Who::Command, keyfob::Clock::now(&*world.clock));
    let token = token.await.expect("a token").text;
    let remove = async |account: &str| world.ask_with(token.expose(), "DELETE", &format!("/v1/accounts/{account}"), "").await;
    disk.is_full(true);
    let done = remove("netatmo").await;
    assert_eq!((done.status, done.code().as_str()), (503, "book"));
    assert!(done.text().contains("It was done all the same.") && !done.text().contains("Nothing was done"), "{}", done.text());
    assert!(world.account("netatmo").await.is_none());
    let refused = remove("telldus").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!refused.text().contains("done all the same"), "{}", refused.text());
    assert!(world.account("telldus").await.is_some());
    disk.is_full(false);
    assert_eq!(remove("telldus").await.status, 200);
    assert!(world.account("telldus").await.is_none());
}

/// A load balancer sends requests elsewhere while none is answered here; and sends them again, although it is by requests that the book is found open.
#[tokio::test]
async fn l17_whoever_cannot_write_the_book_is_not_ready_until_it_can() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    let probe = async || world.browser().get("/readyz").await.status;
    let pause = async || tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(probe().await, 200);
    disk.is_full(true);
    let begun = owner.begin("netatmo").await;
    let back = owner.approve(&begun).await;
    assert_eq!(owner.get(&back).await.status, 503);
    pause().await;
    assert_eq!(probe().await, 503);
    disk.is_full(false);
    pause().await;
    assert_eq!(probe().await, 200);
}

async fn back(browser: &mut Browser, url: &str) -> Page {
    browser.send("GET", url, &[("sec-fetch-site", "cross-site")], None).await
}

#[tokio::test]
async fn l17_a_login_that_is_done_is_told_as_done_and_none_is_begun_that_could_not_be_noted() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    let (first, second) = (owner.begin("netatmo").await, owner.begin("telldus").await);
    let (first, second) = (owner.approve(&first).await, owner.approve(&second).await);
    disk.is_full(true);
    let done = back(&mut owner, &first).await;
    assert!(done.status == 503 && done.has("is connected all the same") && done.has("/accounts/netatmo"), "{}", done.text);
    assert!(world.account("netatmo").await.is_some());
    // By now it is known that the book is full.
    let refused = back(&mut owner, &second).await;
    assert!(refused.status == 503 && refused.has("Nothing was done."), "{}", refused.text);
    assert!(world.account("telldus").await.is_none());
    // The login goes on.
    disk.is_full(false);
    assert_eq!(back(&mut owner, &second).await.location(), "/accounts/telldus");
}

#[tokio::test]
async fn l17_a_logout_that_is_done_is_told_as_done_and_none_is_begun_that_could_not_be_noted() {
    let (world, disk) = world().await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    owner.connect("telldus").await;
    disk.is_full(true);
    let done = owner.act("/accounts/netatmo/logout", &[]).await;
    assert!(done.status == 503 && done.has("Netatmo is logged out"), "{}", done.text);
    assert!(world.account("netatmo").await.is_none());
    let refused = owner.act("/accounts/telldus/logout", &[]).await;
    assert!(refused.status == 503 && refused.has("Nothing was done."), "{}", refused.text);
    assert!(world.account("telldus").await.is_some());
    disk.is_full(false);
    assert_eq!(owner.act("/accounts/telldus/logout", &[]).await.location(), "/");
    assert!(world.account("telldus").await.is_none());
}

/// One account comes of a link (L22), also where that is not noted.
#[tokio::test]
async fn l22_a_link_that_was_used_is_not_opened_again_because_that_could_not_be_noted() {
    let (world, disk) = world().await;
    world.owner().await;
    let wanted = json!({"provider": "netatmo", "account": "netatmo/ada", "reconnect": true}).to_string();
    let made = world.ask("owner", "POST", "/v1/connect-links", &wanted).await.json();
    let url = made["url"].as_str().expect("a URL").to_owned();
    let mut browser = world.browser();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let question = browser.get(&url).await;
        let (form_token, token) = (question.form_token(), url.split_once("token=").expect("a token").1);
        let provider = browser.post("/link", &[("form_token", &form_token), ("token", token)]).await.location().to_owned();
        answers.push(browser.approve(&provider).await);
    }
    disk.is_full(true);
    let onward = back(&mut browser, &answers[0]).await.location().to_owned();
    let done = browser.get(&onward).await;
    assert!(done.status == 200 && done.has("is connected"), "{}", done.text);
    assert!(world.account("netatmo/ada").await.is_some());
    disk.is_full(false);
    assert_eq!(back(&mut browser, &answers[1]).await.status, 403, "it was good once");
}
