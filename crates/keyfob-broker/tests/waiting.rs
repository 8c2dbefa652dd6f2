//! Logins that are approved elsewhere: with a code (RFC 8628), or by a PIN (OAuth 1 `oob`).
#![allow(missing_docs)]

mod support;

use keyfob_broker::{Limits, Rate};
use keyfob_sandbox::{Consent, Sandbox};
use serde_json::json;
use support::{Browser, Page, Setup, World, service, unescape};

/// The broker's clock and the providers', by as much.
fn pass(world: &World, seconds: i64) {
    world.advance(seconds);
    world.sandbox.advance(seconds);
}

/// People, and providers that ask them.
async fn world() -> World {
    let world = World::known_with(&["acme", "telldus", "netatmo"], |server| server.limits(roomy())).await;
    world.sandbox.consent("acme", Consent::Ask);
    world
}

/// As often as one likes.
fn roomy() -> Limits {
    let often = Rate::a_minute(10_000);
    let mut limits = Limits::default();
    (limits.connect, limits.callback, limits.sign_in) = (often, often, often);
    limits
}

/// Begins with a code; its page.
async fn begin(browser: &mut Browser) -> Page {
    let path = browser.begin_as("acme", "code").await.location().to_owned();
    let page = browser.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

fn questions(world: &World) -> usize {
    world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/token").count()
}

/// How long the page's script is told to wait.
async fn again(browser: &mut Browser, path: &str) -> serde_json::Value {
    let url = browser.absolute(path);
    let page = browser.send("GET", &url, &[("accept", "application/json")], None).await;
    assert_eq!(page.status, 200, "{}", page.text);
    serde_json::from_str::<serde_json::Value>(&page.text).expect("JSON")["again"].clone()
}

/// Within the five seconds between two questions; some of them may have passed since.
fn is_soon(again: &serde_json::Value) -> bool {
    again.as_i64().is_some_and(|again| (1..=5).contains(&again))
}

/// Says yes (or no) at the provider's page, on another device: there are no cookies of ours.
async fn decide(world: &World, page: &Page, answer: &str) {
    let at = page.text.find("/device?user_code=").expect("a link with the code in it");
    let start = page.text[..at].rfind('"').expect("an attribute") + 1;
    let url = unescape(page.text[start..].split('"').next().expect("an end"));
    let mut phone = Browser::at(&world.sandbox.origin("acme"));
    let question = phone.get(&url).await;
    let field = |name: &str| {
        let at = question.text.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name}: {}", question.text));
        question.text[at..].split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value").to_owned()
    };
    let ticket = field("ticket");
    let scopes = ["openid", "profile", "echo"].map(|scope| ("scope", scope));
    let fields: Vec<(&str, &str)> = [("ticket", ticket.as_str()), ("decision", answer)].into_iter().chain(scopes).collect();
    let done = phone.post("/device", &fields).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

#[tokio::test]
async fn a_code_that_is_entered_elsewhere_connects_the_account() {
    let world = world().await;
    let mut owner = world.owner().await;
    assert!(owner.get("/providers/acme").await.has("With a code instead"));
    let page = begin(&mut owner).await;
    for what in ["user-code", "<svg class=\"qr\"", "only if you began this login yourself", "I have said yes", "http-equiv=\"refresh\""] {
        assert!(page.has(what), "{what}: {}", page.text);
    }
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("connect-src 'self';") && policy.contains("form-action 'self';"), "{policy}");
    assert!(!owner.get("/").await.header("content-security-policy").expect("a policy").contains("connect-src"));
    let path = page.url.trim_start_matches(&world.origin).to_owned();

    // However often it is looked at: not before it is time, and from then on once each time.
    for _ in 0..3 {
        assert!(is_soon(&again(&mut owner, &path).await));
    }
    assert_eq!(questions(&world), 0);
    pass(&world, 6);
    assert_eq!(owner.get(&path).await.status, 200);
    assert!(is_soon(&again(&mut owner, &path).await));
    let url = owner.absolute(&path);
    assert_eq!(owner.send("HEAD", &url, &[], None).await.status, 200);
    assert_eq!(questions(&world), 1);

    decide(&world, &page, "approve").await;
    pass(&world, 6);
    let done = owner.get(&path).await;
    assert_eq!(done.location(), "/accounts/acme");
    assert!(owner.get("/").await.has("Acme is connected"));
    assert!(world.account("acme").await.is_some());
    // Whoever looks again is told the same, and nobody is asked any more.
    pass(&world, 60);
    assert_eq!(owner.get(&path).await.location(), "/accounts/acme");
    assert_eq!(again(&mut owner, &path).await, json!(null));
    assert_eq!(questions(&world), 2);
}

#[tokio::test]
async fn the_script_hears_that_it_is_over_and_the_page_says_what_came_of_it() {
    let world = world().await;
    let mut owner = world.owner().await;
    let page = begin(&mut owner).await;
    let path = page.url.trim_start_matches(&world.origin).to_owned();
    decide(&world, &page, "deny").await;
    pass(&world, 6);
    assert_eq!(again(&mut owner, &path).await, json!(null));
    assert_eq!(owner.get(&path).await.location(), "/");
    let told = owner.get("/").await;
    assert!(told.has("Acme was not connected: you said no there"), "{}", told.text);
    assert!(world.account("acme").await.is_none());
}

#[tokio::test]
async fn l22_a_new_account_by_a_code_or_a_pin_takes_the_place_of_none_that_was_faster() {
    let world = world().await;
    let mut owner = world.owner().await;
    // Two tabs with a code each; the first is entered first.
    let tabs = [begin(&mut owner).await, begin(&mut owner).await];
    for (page, there) in tabs.iter().zip(["acme", "acme%2F2"]) {
        let path = page.url.trim_start_matches(&world.origin).to_owned();
        decide(&world, page, "approve").await;
        pass(&world, 6);
        // The script first; whoever looks then, and again, is led to where it is.
        assert_eq!(again(&mut owner, &path).await, json!(null));
        for _ in 0..2 {
            assert_eq!(owner.get(&path).await.location(), format!("/accounts/{there}"));
        }
    }
    let tabs = [owner.begin_as("telldus", "pin").await.location().to_owned(), owner.begin_as("telldus", "pin").await.location().to_owned()];
    for (path, there) in tabs.iter().zip(["telldus", "telldus%2F2"]) {
        let page = owner.get(path).await;
        let pin = pin(&world, &mut owner, &page).await;
        assert_eq!(owner.post(path, &[("form_token", &page.form_token()), ("pin", &pin)]).await.location(), format!("/accounts/{there}"));
    }
    for name in ["acme", "acme/2", "telldus", "telldus/2"] {
        assert!(world.account(name).await.is_some(), "{name}");
    }
}

/// What was approved, and comes to nothing here: the script reloads the page, which says why.
#[tokio::test]
async fn why_nothing_came_of_what_was_approved_is_said_whenever_it_is_looked_at() {
    let sandbox = Sandbox::builder().consent(Consent::Ask).start().await.expect("a sandbox");
    let mut acme = service(&sandbox, "acme", None);
    acme.scopes = ["openid", "profile", "echo"].map(str::to_owned).to_vec();
    let world = World::set_up(sandbox, vec![acme], Setup { known: true, ..Setup::default() }).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for (browser, is_first) in [(&mut owner, true), (&mut member, false)] {
        let page = begin(browser).await;
        let path = page.url.trim_start_matches(&world.origin).to_owned();
        decide(&world, &page, "approve").await;
        pass(&world, 6);
        if is_first {
            assert_eq!(again(browser, &path).await, json!(null));
            continue;
        }
        let url = browser.absolute(&path);
        assert_eq!(browser.send("GET", &url, &[("accept", "application/json")], None).await.status, 409);
        for _ in 0..2 {
            let told = browser.get(&path).await;
            assert!(told.status == 409 && told.has("is connected by somebody else here"), "{}", told.text);
        }
    }
}

/// RFC 8628 §3.5: however many pages are open, on however many machines, one asks.
#[tokio::test]
async fn of_many_who_look_at_it_one_asks() {
    let world = world().await;
    let (_other, elsewhere) = world.another().await;
    let mut owner = world.owner().await;
    let path = begin(&mut owner).await.url.trim_start_matches(&world.origin).to_owned();
    pass(&world, 6);
    let mut looking = tokio::task::JoinSet::new();
    for number in 0..12 {
        let (mut tab, path) = (owner.tab(), path.clone());
        if number % 2 == 1 {
            tab.reach(elsewhere);
        }
        looking.spawn(async move { tab.get(&path).await.status });
    }
    while let Some(status) = looking.join_next().await {
        assert_eq!(status.expect("an answer"), 200);
    }
    assert_eq!(questions(&world), 1);
    let seen = world.sandbox.seen("acme");
    assert!(seen.iter().filter(|seen| seen.path == "/token").all(|seen| seen.status == 400), "and not too soon");
}

/// A3, A13: whoever is shown the code could be talked into entering it, and whoever brings the answer gets the account.
#[tokio::test]
async fn a3_no_other_browser_sees_the_code_or_brings_the_answer() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let page = begin(&mut owner).await;
    let path = page.url.trim_start_matches(&world.origin).to_owned();
    decide(&world, &page, "approve").await;
    pass(&world, 6);
    let mut second = world.owner().await;
    for other in [&mut member, &mut second] {
        assert_eq!(other.get(&path).await.status, 404);
        assert_eq!(other.get(&format!("/link{path}")).await.status, 404);
        let token = other.get("/settings").await.form_token();
        assert_eq!(other.post(&path, &[("form_token", &token), ("end", "1")]).await.status, 404);
    }
    assert_eq!(questions(&world), 0);
    assert_eq!(owner.get(&path).await.location(), "/accounts/acme");
}

#[tokio::test]
async fn a_login_that_is_ended_or_too_old_is_asked_about_no_more() {
    let world = world().await;
    let mut owner = world.owner().await;
    let page = begin(&mut owner).await;
    let path = page.url.trim_start_matches(&world.origin).to_owned();
    decide(&world, &page, "approve").await;
    assert_eq!(owner.post(&path, &[("form_token", &page.form_token()), ("end", "1")]).await.location(), "/");
    pass(&world, 6);
    let over = owner.get(&path).await;
    assert!(over.status == 404 && over.has("This login is over"), "{}", over.text);
    let path = begin(&mut owner).await.url.trim_start_matches(&world.origin).to_owned();
    pass(&world, 601);
    assert_eq!(owner.get(&path).await.status, 404);
    assert_eq!(questions(&world), 0);
    assert!(world.account("acme").await.is_none());
}

#[tokio::test]
async fn a26_who_lets_too_many_wait_begins_no_more_and_others_do() {
    let world = world().await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let mut last = None;
    for _ in 0..20 {
        last = Some(begin(&mut owner).await);
    }
    let asked = world.sandbox.seen("acme").len();
    let refused = owner.begin_as("acme", "code").await;
    assert!(refused.status == 429 && refused.has("Too many logins are under way"), "{}", refused.text);
    assert_eq!(world.sandbox.seen("acme").len(), asked, "the provider is not asked for a code");
    begin(&mut member).await;
    // One that is over makes room.
    let last = last.expect("a page");
    let path = last.url.trim_start_matches(&world.origin).to_owned();
    decide(&world, &last, "deny").await;
    pass(&world, 6);
    assert_eq!(owner.get(&path).await.location(), "/");
    begin(&mut owner).await;
}

#[tokio::test]
async fn a_guest_connects_with_a_code_and_is_somebody_from_then_on() {
    let world = World::new(&["acme"]).await;
    world.sandbox.consent("acme", Consent::Ask);
    let mut guest = world.browser();
    guest.get("/").await;
    let page = begin(&mut guest).await;
    let path = page.url.trim_start_matches(&world.origin).to_owned();
    let before = guest.cookies().expect("a cookie").clone();
    decide(&world, &page, "approve").await;
    pass(&world, 6);
    // By script: the cookie comes with those few words.
    assert_eq!(again(&mut guest, &path).await, json!(null));
    assert_ne!(guest.cookies(), Some(&before), "whoever knew the old cookie knows nothing now");
    assert_eq!(guest.get(&path).await.location(), "/accounts/acme");
    assert!(guest.get("/accounts/acme").await.has("Acme is connected"));
    assert_eq!(world.browser().get("/accounts/acme").await.status, 403);
}

#[tokio::test]
async fn a_pin_that_the_provider_shows_is_typed_here() {
    let world = world().await;
    let mut owner = world.owner().await;
    let path = owner.begin_as("telldus", "pin").await.location().to_owned();
    let page = owner.get(&path).await;
    assert!(page.has("name=\"pin\"") && !page.has("http-equiv"), "{}", page.text);
    let pin = pin(&world, &mut owner, &page).await;
    let token = page.form_token();
    let wrong = owner.post(&path, &[("form_token", &token), ("pin", "not-the-pin")]).await;
    // The app and the clock were good a moment ago, when the login began: it is the PIN that was refused, and the form is there again.
    assert!(wrong.has("name=\"pin\"") && wrong.has("did not take this PIN") && !wrong.has("secret"), "{}", wrong.text);
    assert!(world.account("telldus").await.is_none());
    let empty = owner.post(&path, &[("form_token", &token), ("pin", " ")]).await;
    assert!(empty.has("name=\"pin\"") && empty.has("role=\"alert\""), "{}", empty.text);
    // Nobody else types it.
    let mut second = world.owner().await;
    let theirs = second.get("/settings").await.form_token();
    assert_eq!(second.post(&path, &[("form_token", &theirs), ("pin", &pin)]).await.status, 404);
    let done = owner.post(&path, &[("form_token", &token), ("pin", &format!(" {pin} "))]).await;
    assert_eq!(done.location(), "/accounts/telldus");
    assert!(owner.get("/accounts/telldus").await.has("Living room lamp"));
}

/// What the provider shows whoever follows the link on our page.
async fn pin(world: &World, browser: &mut Browser, page: &Page) -> String {
    let shown = browser.send("GET", &link_to(page, &world.sandbox.origin("telldus")), &[], None).await;
    shown.text.split("id=\"pin\"").nth(1).and_then(|rest| rest.split('>').nth(1)?.split('<').next()).expect("a PIN").to_owned()
}

/// The address of a provider's page on ours.
fn link_to(page: &Page, origin: &str) -> String {
    let at = page.text.find(&format!("href=\"{origin}")).unwrap_or_else(|| panic!("no link to {origin}: {}", page.text)) + 6;
    unescape(page.text[at..].split('"').next().expect("an end"))
}

#[tokio::test]
async fn a_way_that_the_provider_does_not_have_is_refused() {
    let world = world().await;
    let mut owner = world.owner().await;
    for (account, way) in [("netatmo", "code"), ("netatmo", "pin"), ("telldus", "code"), ("acme", "pin"), ("acme", "keys"), ("acme", "x")] {
        let refused = owner.begin_as(account, way).await;
        assert_eq!(refused.status, 400, "{account} {way}: {}", refused.text);
    }
    assert!(world.sandbox.seen("acme").is_empty() && world.sandbox.seen("netatmo").is_empty());
}
