//! The walk of a person: connect, look, act, log out; with every provider, out of the same code.
#![allow(missing_docs)]

mod support;

use keyfob_sandbox::Consent;
use support::World;

const FRONT: &str = "id=5A9DB0C5000000000000000000000F01";
const GATE: &str = "id=5A9DB0C5000000000000000000000F02";

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
    assert!(lock.has("<h1>Front Door</h1>") && lock.has("locked") && lock.has("88") && lock.has("Robin Demo"), "{}", lock.text);

    let unlock = lock.link("Unlock");
    let question = browser.get(&unlock).await;
    assert!(question.has("Unlock now: Front Door?"), "{}", question.text);
    let operations = || world.sandbox.seen("august").iter().filter(|seen| seen.path.starts_with("/remoteoperate/")).count();
    assert_eq!(operations(), 0, "GET asks and does nothing");

    let done = browser.act(&unlock, &[]).await;
    assert_eq!(operations(), 1);
    let lock = browser.get(done.location()).await;
    assert!(lock.has("Unlock now: Front Door. Done.") && lock.has(">unlocked</span>"), "{}", lock.text);

    let done = browser.act(&lock.link("Lock"), &[]).await;
    assert!(browser.get(done.location()).await.has(">locked</span>"));
}

#[tokio::test]
async fn logging_out_forgets_the_account_here() {
    let world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    let token = browser.get("/accounts/august/logout").await.form_token();
    let done = browser.post("/accounts/august/logout", &[("form_token", &token)]).await;
    assert_eq!(done.location(), "/");
    let start = browser.get("/").await;
    assert!(start.has("logged out") && start.has("Not connected"), "{}", start.text);
    assert!(world.account("august").await.is_none());
    assert_eq!(browser.get("/accounts/august").await.status, 403);
}

#[tokio::test]
async fn logging_out_revokes_where_the_provider_can() {
    let world = World::new(&["acme"]).await;
    let mut browser = world.connected("acme").await;
    let token = browser.get("/accounts/acme/logout").await.form_token();
    browser.post("/accounts/acme/logout", &[("form_token", &token)]).await;
    assert!(browser.get("/").await.has("its tokens are revoked"));
    assert!(world.sandbox.seen("acme").iter().any(|seen| seen.path == "/revoke" && seen.status == 200));
}

#[tokio::test]
async fn a_denial_is_told_on_the_start_page_and_stores_nothing() {
    let world = World::new(&["august", "netatmo", "telldus", "fitbit-oauth1", "acme"]).await;
    for account in ["august", "netatmo", "telldus", "acme"] {
        world.sandbox.consent(account, Consent::Deny);
        let mut browser = world.browser();
        let url = browser.begin(account).await;
        let back = browser.approve(&url).await;
        assert_eq!(browser.get(&back).await.location(), "/", "{account}");
        let start = browser.get("/").await;
        assert!(start.has("you said no there. Nothing was stored."), "{account}: {}", start.text);
        assert!(world.account(account).await.is_none());
        // The same answer again is an answer to nothing.
        assert_eq!(browser.get(&back).await.status, 400);
        world.sandbox.consent(account, Consent::Approve);
        assert_eq!(browser.connect(account).await.status, 200, "{account}: and then yes");
    }
}

#[tokio::test]
async fn the_other_providers_have_the_same_pages() {
    let world = World::new(&["netatmo", "telldus", "fitbit", "fitbit-oauth1", "acme"]).await;
    let mut browser = world.browser();

    let netatmo = browser.connect("netatmo").await;
    assert!(netatmo.has("Living room") && netatmo.has("<dt>Temperature</dt>"), "{}", netatmo.text);
    let series = browser.get(&netatmo.link("Temperature")).await;
    assert!(series.has("<h1>Living room</h1>") && series.has("<svg") && series.has("class=\"line line-0\" d=\"M"), "{}", series.text);
    assert!(series.has("aria-label=\"Temperature: "), "for those who do not see it");

    let telldus = browser.connect("telldus").await;
    assert!(telldus.has("Living room lamp") && telldus.has("TellStick"), "{}", telldus.text);
    let dim = telldus.link("Dim");
    assert!(browser.get(&dim).await.has("Dim: Living room lamp?"));
    let wrong = browser.act(&dim, &[("level", "900")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.has("from 0 to 255") && wrong.has("value=\"900\""), "what was said stays: {}", wrong.text);
    let done = browser.act(&dim, &[("level", "128")]).await;
    let account = browser.get(done.location()).await;
    assert!(account.has("Dim: Living room lamp. Done.") && account.has("dimmed to 50 %"), "{}", account.text);

    assert!(browser.connect("fitbit").await.has("Robin Demo"));
    assert!(browser.connect("fitbit-oauth1").await.has("Robin Demo"));
    assert!(browser.connect("acme").await.has("This account"));
    let echo = browser.get("/accounts/acme/do/echo").await;
    assert!(echo.has("name=\"text\"") && echo.has("required"), "what has to be said is asked for: {}", echo.text);
    assert!(browser.get("/accounts/acme/do/echo?text=hello%20there").await.has("hello there"));

    let start = browser.get("/").await;
    assert_eq!(start.text.matches(">Connected<").count(), 5, "{}", start.text);
}

#[tokio::test]
async fn what_a_provider_says_no_with_is_a_page() {
    let world = World::new(&["august", "telldus", "fitbit"]).await;
    let mut browser = world.connected("august").await;

    let no_bridge = browser.get(&format!("/accounts/august/do/status?{GATE}")).await;
    assert_eq!(no_bridge.status, 502);
    assert!(no_bridge.has("No bridge or incompatible bridge type.") && no_bridge.has("HTTP 409"), "{}", no_bridge.text);
    let no_bridge = browser.act(&format!("/accounts/august/do/unlock-now?{GATE}"), &[]).await;
    assert_eq!(no_bridge.status, 502);
    assert!(no_bridge.has("No bridge or incompatible bridge type."), "{}", no_bridge.text);

    world.sandbox.faults("august").update(|faults| faults.lock_busy = true);
    let busy = browser.act(&format!("/accounts/august/do/unlock-now?{FRONT}"), &[]).await;
    assert!(busy.status == 502 && busy.has("The lock is busy") && busy.has("HTTP 460"), "{}", busy.text);

    let mut browser = world.connected("telldus").await;
    let telldus = browser.get("/accounts/telldus").await;
    world.sandbox.faults("telldus").update(|faults| faults.client_offline = true);
    let offline = browser.act(&telldus.link("On"), &[]).await;
    assert!(offline.status == 502 && offline.has("HTTP 200"), "an error is an error with 200, too: {}", offline.text);

    let mut browser = world.connected("fitbit").await;
    world.sandbox.faults("fitbit").update(|faults| faults.retired = true);
    let gone = browser.get("/accounts/fitbit").await;
    assert!(gone.status == 200 && gone.has("HTTP 410") && gone.has("Google Health"), "{}", gone.text);
}

/// Where it was shown nothing is any more: whoever was led there would be told that what went well failed.
#[tokio::test]
async fn what_was_deleted_is_looked_for_nowhere() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let (hostile, asked) = support::hostile::start().await;
    let world = World::serving(sandbox, vec![hostile], None).await;
    let mut browser = world.browser();
    let begun = browser.begin("hostile").await;
    let state = begun.split(['?', '&']).find(|said| said.starts_with("state=")).expect("a state");
    assert_eq!(browser.get(&format!("/callback/hostile?code=x&{state}")).await.location(), "/accounts/hostile");
    let form_token = browser.get("/").await.form_token();
    let led = async |browser: &mut support::Browser, action: &str| {
        browser.post(&format!("/accounts/hostile/do/{action}"), &[("form_token", &form_token), ("id", "1")]).await.location().to_owned()
    };
    assert_eq!(led(&mut browser, "use").await, "/accounts/hostile/do/thing?id=1", "what was used is there");
    assert_eq!(led(&mut browser, "drop").await, "/accounts/hostile");
    assert!(asked.lock().expect("the list").iter().any(|line| line.starts_with("DELETE /things/1 ")));
}

#[tokio::test]
async fn an_expired_token_is_refreshed_without_a_word() {
    let world = World::new(&["netatmo"]).await;
    let mut browser = world.connected("netatmo").await;
    world.sandbox.faults("netatmo").expire_access_tokens();
    assert!(browser.get("/accounts/netatmo").await.has("Living room"));
    assert!(world.sandbox.seen("netatmo").iter().any(|seen| seen.value("grant_type") == Some("refresh_token")));
}

#[tokio::test]
async fn a_spent_refresh_token_asks_for_a_new_login() {
    let world = World::new(&["netatmo"]).await;
    let mut browser = world.connected("netatmo").await;
    // Another copy of the tokens was used: Netatmo's rotate, and the vault's are spent.
    let account = world.account("netatmo").await.expect("an account");
    let mut spent = account.clone();
    let keyfob::proto::TokenSet::OAuth2(tokens) = &mut spent.tokens else { panic!("OAuth 2") };
    tokens.refresh = Some(keyfob::proto::Secret::new("5a9db0c5|spent"));
    keyfob::Store::put_account(&*world.store, &spent, keyfob::store::Expected::Anything, None).await.expect("stored");
    world.sandbox.faults("netatmo").expire_access_tokens();
    let page = browser.get("/accounts/netatmo").await;
    assert!(page.status == 200 && page.has("wants a new login") && page.has("Log in again"), "{}", page.text);
    assert!(browser.get("/").await.has("Login needed"));
    assert!(browser.connect("netatmo").await.has("Living room"));
}

#[tokio::test]
async fn a_page_that_shows_the_beginning_of_a_long_answer_says_so() {
    let world = World::new(&["netatmo"]).await;
    let mut browser = world.connected("netatmo").await;
    let link = browser.get("/accounts/netatmo").await.link("Temperature");
    let device = link.split(['?', '&']).find(|said| said.starts_with("device=")).expect("a station").to_owned();
    let measure = format!("/accounts/netatmo/do/measure?{device}&from=2019-06-01");
    let years = browser.get(&measure).await;
    assert!(years.has("This is not all: 8 answers were read") && years.has("a later <em>From</em>"), "{}", years.text);
    assert!(years.has("<summary>The first 8192 rows"), "half a year of half hours is not all of them");
    let onward = years.link("go on behind the last row");
    assert!(onward.contains("from=") && onward.contains(&device), "{onward}");
    let next = browser.get(&onward).await;
    assert!(next.status == 200 && next.has("<summary>The first 8192 rows"), "{}", next.text);
    assert_ne!(next.link("go on behind the last row"), onward, "it goes on");
    let months = browser.get(&format!("{measure}&scale=1month")).await;
    assert!(months.has("<summary>All ") && !months.has("This is not all"), "{}", months.text);
}

#[tokio::test]
async fn what_cannot_be_meant_is_not_asked_about() {
    let world = World::new(&["august", "telldus"]).await;
    let mut browser = world.connected("august").await;
    let wrong = browser.get("/accounts/august/do/lock-now?id=zzz").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    assert!(wrong.has("role=\"alert\"") && wrong.value("f-id") == "zzz", "what was said can be put right: {}", wrong.text);
    assert_eq!(wrong.link("Cancel"), "/accounts/august");
    let right = browser.get(&format!("/accounts/august/do/lock-now?{FRONT}")).await;
    assert!(right.status == 200 && !right.has("role=\"alert\""), "{}", right.text);
    // Also where more is to be said.
    browser.connect("telldus").await;
    assert_eq!(browser.get("/accounts/telldus/do/dim?id=lamp").await.status, 400);
    assert_eq!(browser.get("/accounts/telldus/do/dim?id=1").await.status, 200);
}

/// Whoever has two of them has to know which one the page is about.
#[tokio::test]
async fn a_page_names_the_thing_that_it_is_about() {
    let world = World::new(&["august", "netatmo"]).await;
    let mut browser = world.connected("august").await;
    let status = format!("/accounts/august/do/status?{FRONT}");
    let page = browser.get(&status).await;
    assert!(page.has("<h1>Front Door</h1>") && page.has("Whether a lock is locked") && !page.has("5A9D"), "{}", page.text);

    let netatmo = browser.connect("netatmo").await;
    let series = browser.get(&netatmo.link("Temperature")).await;
    assert!(series.has("<h1>Living room</h1>"), "{}", series.text);
    for span in ["Day", "Week", "Month"] {
        let page = browser.get(&series.link(span)).await;
        assert!(page.has("<h1>Living room</h1>") && page.has("A series of measurements"), "{span}: {}", page.text);
    }
    // By the form.
    let said = netatmo.link("Temperature");
    let said: Vec<&str> = said.split(['?', '&']).filter(|said| said.starts_with("device=") || said.starts_with("module=")).collect();
    let shown = browser.get(&format!("/accounts/netatmo/do/measure?{}&types=Humidity&scale=1day&from=2026-01-01", said.join("&"))).await;
    assert!(shown.has("<h1>Living room</h1>"), "{}", shown.text);
    let other = browser.get("/accounts/netatmo/do/measure?device=00:00:00:00:00:01").await;
    assert!(!other.has("Living room") && other.has("Device: 00:00:00:00:00:01"), "what it is not known to be called: {}", other.text);
}

/// A field that is filled in shows no example of what it takes.
#[tokio::test]
async fn a_field_for_a_moment_says_how_one_is_written() {
    let world = World::new(&["netatmo"]).await;
    let mut browser = world.connected("netatmo").await;
    let page = browser.get("/accounts/netatmo").await;
    let series = page.link("Temperature");
    let takes = "the first moment: a moment (2020-01-31, 2020-01-31T12:00:00Z, or seconds since 1970), or how long ago";
    assert!(browser.get(&series).await.has(takes), "{}", browser.get(&series).await.text);
    let device = series.split(['?', '&']).find(|said| said.starts_with("device=")).expect("a station").to_owned();
    let wrong = browser.get(&format!("/accounts/netatmo/do/measure?{device}&from=yesterday")).await;
    assert!(wrong.status == 400 && wrong.has("2020-01-31") && wrong.has("yesterday") && wrong.has("role=\"alert\""), "{}", wrong.text);
    assert_eq!(browser.get(&format!("/accounts/netatmo/do/measure?{device}&from=2+days+ago")).await.status, 200, "as it says");
}

#[tokio::test]
async fn unknown_accounts_and_actions_are_nowhere() {
    let world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    for path in ["/accounts/nobody", "/accounts/august/do/nothing", "/accounts/august/do/lock/more", "/connect/august/x", "/static/x"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    let token = browser.get("/").await.form_token();
    assert_eq!(browser.post("/connect/nobody", &[("form_token", &token)]).await.status, 404);
    assert_eq!(browser.post("/accounts/august/do/locks", &[("form_token", &token)]).await.status, 405, "what shows does not act");
}
