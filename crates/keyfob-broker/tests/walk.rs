//! The walk of a person: connect, look, act, log out; with every provider, out of the same code.
#![allow(missing_docs)]

mod support;

use keyfob_sandbox::Consent;
use support::World;

#[tokio::test]
async fn from_connect_to_unlock() {
    let world = World::new(&["august"]).await;
    let mut browser = world.browser();
    let start = browser.get("/").await;
    assert!(start.has("Connect August"), "{}", start.text);

    let url = browser.begin("august").await;
    assert!(url.starts_with(&world.sandbox.origin("august")), "{url}");
    let back = browser.approve(&url).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.location(), "/accounts/august", "no code in the address bar");

    let account = browser.get("/accounts/august").await;
    assert!(account.has("is connected.") && account.has("Front Door") && account.has("Garden Gate"), "{}", account.text);
    assert!(!browser.get("/accounts/august").await.has("is connected."), "it is told once");

    let lock = browser.get(&account.link("Front Door")).await;
    assert!(lock.has("locked") && lock.has("88") && lock.has("Robin Demo"), "{}", lock.text);

    let unlock = lock.link("Unlock");
    let question = browser.get(&unlock).await;
    assert!(question.has("Unlock now: Front Door?"), "{}", question.text);
    let operations = || world.sandbox.seen("august").iter().filter(|seen| seen.line().contains("/remoteoperate/")).count();
    assert_eq!(operations(), 0, "GET asks and does nothing");

    let done = browser.act(&unlock, &[]).await;
    assert_eq!(operations(), 1);
    let lock = browser.get(done.location()).await;
    assert!(lock.has("Unlock now: Front Door. Done.") && lock.has("unlocked"), "{}", lock.text);

    let done = browser.act(&lock.link("Lock"), &[]).await;
    assert!(browser.get(done.location()).await.has("<dd>locked</dd>"));
}
