//! Taking away: here at once, at the providers as soon as they can be reached.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use keyfob::Store as _;
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob_sandbox::At;
use keyfob_store::shelf::{Item, Kind};
use support::{Browser, World};

async fn kept(world: &World, kind: &'static str, owner: Option<&str>) -> usize {
    let shelf = world.shelf.as_ref().expect("a shelf");
    shelf.items(Kind(kind), owner, None, 1000, Timestamp::from_unix(0)).await.expect("items").len()
}

/// Tokens that acme was told to forget, and whether it did.
fn told(world: &World, well: bool) -> usize {
    world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/revoke" && (seen.status == 200) == well).count()
}

/// The member's id, from the owner's page.
async fn id_of(owner: &mut Browser) -> String {
    let text = owner.get("/people").await.text;
    let at = text.find("/remove\"").expect("a member");
    text[..at].rsplit('/').next().expect("an id").to_owned()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("not in a minute: {what}"));
}

#[tokio::test]
async fn a_person_is_removed_with_all_they_have() {
    let world = World::known(&["august", "acme"]).await;
    let (_, elsewhere) = world.another().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for service in ["august", "acme"] {
        owner.connect(service).await;
        member.connect(service).await;
    }
    member.reach(elsewhere);
    assert_eq!(member.get("/").await.status, 200);
    let id = id_of(&mut owner).await;
    let path = format!("/people/{id}/remove");
    let question = owner.get(&path).await;
    assert!(question.has("Remove Robin?") && question.has("acme: 1") && question.has("august: 1"), "it is told before: {}", question.text);
    assert_eq!(member.get("/").await.status, 200, "asking removes nobody");
    let form_token = question.form_token();
    let link = owner.post(&format!("/people/{id}/link"), &[("form_token", &form_token)]).await.value("f-link");
    let (shelf, now) = (world.shelf.clone().expect("a shelf"), keyfob::Clock::now(&*world.clock));
    keyfob_broker::api::token::create(&*shelf, &id, "an app", None, keyfob_broker::Who::Command, now).await.expect("a token");
    for kind in ["webhook", "return-url", "connect", "once"] {
        // More than a page.
        for number in 0..250 {
            let item = Item::new(format!("{number}"), *b"{}").owned_by(&id);
            shelf.put_item(Kind(kind), &item, Expected::Anything).await.expect("put");
        }
        shelf.put_item(Kind(kind), &Item::new("~", *b"{}").owned_by("owner"), Expected::Anything).await.expect("put");
    }
    assert_eq!(owner.post(&path, &[("form_token", &form_token)]).await.location(), "/people");
    for kind in ["webhook", "return-url", "connect", "once"] {
        assert_eq!(kept(&world, kind, Some("owner")).await, 1, "what is the owner's stays: {kind}");
        shelf.remove_item(Kind(kind), "~").await.expect("removed");
    }
    let removed = owner.get("/people").await;
    assert!(!removed.has(">Robin<") && removed.has("They are removed"), "{}", removed.text);
    until("the session ends on the other machine", async || member.get("/").await.status == 303).await;
    assert_eq!(world.browser().get(&link).await.status, 403, "links of theirs are spent");
    for kind in ["person", "visit", "account", "subject", "invite", "key", "token", "webhook", "return-url", "connect", "once"] {
        assert_eq!(kept(&world, kind, Some(&id)).await, 0, "{kind}");
    }
    let mut names: Vec<String> = world.store.accounts().await.expect("accounts").into_iter().map(|found| found.value.name).collect();
    names.sort();
    assert_eq!(names, ["acme", "august"], "the owner's stay");
    until("the tokens are revoked", async || told(&world, true) == 2).await;
    until("nothing is owed", async || kept(&world, "revocation", None).await == 0).await;
    assert_eq!(owner.get("/accounts/acme").await.status, 200);
    // Again, and the owner: neither is there to be removed.
    for nobody in [id.as_str(), "owner"] {
        assert_eq!(owner.post(&format!("/people/{nobody}/remove"), &[("form_token", &form_token)]).await.status, 404, "{nobody}");
    }
}

#[tokio::test]
async fn l18_revoke_all_works_with_the_provider_down() {
    let world = World::known(&["acme", "august"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for browser in [&mut owner, &mut member] {
        browser.connect("acme").await;
        browser.connect("august").await;
    }
    world.sandbox.faults("acme").update(|faults| (faults.at, faults.unavailable) = (At::Any, 1_000_000));
    let path = "/providers/acme/revoke";
    let question = owner.get(path).await;
    assert!(question.has("Revoke all accounts at") && question.has("acme: 2"), "{}", question.text);
    assert_eq!(owner.post(path, &[("form_token", &question.form_token())]).await.status, 303);
    for browser in [&mut owner, &mut member] {
        assert_eq!(browser.get("/accounts/acme").await.status, 404, "at once");
        assert_eq!(browser.get("/accounts/august").await.status, 200);
    }
    until("it was tried", async || told(&world, false) >= 2).await;
    assert_eq!(kept(&world, "revocation", None).await, 2, "it is owed");
    assert!(owner.get("/people").await.has("2 revocations have not reached their providers yet"));
    world.sandbox.faults("acme").update(|faults| faults.unavailable = 0);
    // Sooner than a session ends, and later than the pause.
    world.advance(3600);
    until("the provider is told when it is back", async || kept(&world, "revocation", None).await == 0).await;
    assert_eq!(told(&world, true), 4, "a refresh token and an access token of each");
}

/// Were each waited for, they would end one after the other, ten seconds each.
#[tokio::test]
async fn l18_a_provider_that_hangs_keeps_no_account_usable() {
    let world = World::known(&["acme"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let labels: Vec<String> = (0..14).map(|number| format!("acme/{number}")).collect();
    owner.connect("acme").await;
    for label in &labels {
        let form_token = owner.get("/providers/acme").await.form_token();
        let fields = [("form_token", form_token.as_str()), ("label", label.split_once('/').expect("a label").1)];
        let url = owner.post("/connect/acme", &fields).await.location().to_owned();
        let back = owner.approve(&url).await;
        assert_eq!(owner.get(&back).await.status, 303);
    }
    member.connect("acme").await;
    // Every one of them is being renewed when they are taken away, and no answer comes.
    world.sandbox.faults("acme").update(|faults| (faults.at, faults.slow_ms) = (At::Token, 3_600_000));
    for name in labels.iter().map(String::as_str).chain(["acme"]) {
        // A program each: one of them asks a provider for so many at once, and no more.
        let (keyfob, name) = (world.keyfob(), name.to_owned());
        let provider = support::service(&world.sandbox, "acme", None);
        tokio::spawn(async move {
            let settings = keyfob.settings(&provider.provider, &provider.app).await.expect("settings");
            let session = keyfob.session(settings, provider.app, &name).await.expect("a session");
            drop(session.refresh().await);
        });
    }
    until("all are being renewed", async || {
        let all = world.store.accounts().await.expect("accounts");
        all.iter().filter(|found| found.value.spending.as_ref().is_some_and(|note| !note.over)).count() == 15
    })
    .await;
    let path = "/providers/acme/revoke";
    let form_token = owner.get(path).await.form_token();
    let done = tokio::time::timeout(Duration::from_secs(75), owner.post(path, &[("form_token", &form_token)])).await;
    assert_eq!(done.expect("nobody is waited for").status, 303);
    assert!(world.store.accounts().await.expect("accounts").is_empty(), "all of them, at once");
    assert_eq!(kept(&world, "revocation", None).await, 16, "each is owed");
    for browser in [&mut owner, &mut member] {
        assert_eq!(browser.get("/accounts/acme").await.status, 404);
    }
}

#[tokio::test]
async fn l18_one_persons_accounts_are_taken_away_and_the_person_stays() {
    let world = World::known(&["acme", "august"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for browser in [&mut owner, &mut member] {
        browser.connect("august").await;
    }
    for id in [id_of(&mut owner).await, "owner".to_owned()] {
        let path = format!("/people/{id}/revoke");
        let question = owner.get(&path).await;
        assert!(question.has("august: 1"), "{}", question.text);
        assert_eq!(owner.post(&path, &[("form_token", &question.form_token())]).await.location(), "/people");
        assert!(owner.get("/people").await.has("One account was taken away"));
        assert_eq!(owner.get("/accounts/august").await.status, if id == "owner" { 404 } else { 200 });
        assert_eq!(member.get("/accounts/august").await.status, 404);
    }
    assert_eq!(member.get("/").await.status, 200);
    assert!(member.connect("august").await.has("Front Door"), "it can be connected again");
}

#[tokio::test]
async fn l18_what_cannot_be_told_stands_in_front_of_nobody() {
    let world = World::known(&["acme"]).await;
    let mut owner = world.owner().await;
    owner.connect("acme").await;
    world.sandbox.faults("acme").update(|faults| (faults.at, faults.unavailable) = (At::Any, 1_000_000));
    let path = "/providers/acme/revoke";
    let form_token = owner.get(path).await.form_token();
    assert_eq!(owner.post(path, &[("form_token", &form_token)]).await.status, 303);
    until("it was tried", async || told(&world, false) >= 1).await;
    world.sandbox.faults("acme").update(|faults| faults.unavailable = 0);
    // More than are read at once, which are not tried for now, all in front of the one that can be paid.
    let shelf = world.shelf.clone().expect("a shelf");
    let kind = Kind("revocation");
    let debt = shelf.items(kind, None, None, 10, Timestamp::from_unix(0)).await.expect("items").remove(0).value;
    let mut waits: serde_json::Value = serde_json::from_slice(&debt.content).expect("JSON");
    waits["next"] = serde_json::to_value(keyfob::Clock::now(&*world.clock).plus(24 * 3600)).expect("a moment");
    for number in 0..350 {
        let item = Item { id: format!("!{number:03}"), ..Item::new("", waits.to_string()) };
        shelf.put_item(kind, &item, Expected::Anything).await.expect("put");
    }
    world.advance(3600);
    until("what comes after them is told", async || kept(&world, "revocation", None).await == 350).await;
}
