//! The book cannot be written: nothing is begun then, and what is done by then is told as done.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;

use serde_json::json;
use support::disk::Disk;
use support::{Browser, Page, Setup, World, shelves};

async fn world() -> (World, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let setup = Setup { known: true, place: Some(shelves::of(disk.clone())), ..Setup::default() };
    (World::with(&["netatmo", "telldus"], setup).await, disk)
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
    let done = back(&mut browser, &answers[0]).await;
    assert!(done.status == 200 && done.has("is connected"), "{}", done.text);
    assert!(world.account("netatmo/ada").await.is_some());
    disk.is_full(false);
    assert_eq!(back(&mut browser, &answers[1]).await.status, 403, "it was good once");
}
