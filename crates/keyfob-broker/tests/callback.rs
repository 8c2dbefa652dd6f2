//! Answers that are not ours: refused, with nothing stored and nothing spent, and the login of the right browser goes on.
#![allow(missing_docs)]

mod support;

use support::{Browser, Page, World};

/// A login under way: where the provider would send the person back to.
async fn under_way(world: &World) -> (Browser, String) {
    let mut browser = world.browser();
    let url = browser.begin("august").await;
    let back = browser.approve(&url).await;
    world.sandbox.clear_seen();
    (browser, back)
}

fn exchanges(world: &World) -> usize {
    world.sandbox.seen("august").iter().filter(|seen| seen.path == "/access_token").count()
}

async fn refused(world: &World, page: &Page) {
    assert!(matches!(page.status, 400 | 403), "{} {}", page.status, page.text);
    assert!(page.has("Not our answer"), "{}", page.text);
    assert!(page.header("set-cookie").is_none());
    assert!(world.account("august").await.is_none(), "nothing stored");
    assert_eq!(exchanges(world), 0, "nothing sent");
}

/// The right answer, in the right browser, still works.
async fn goes_on(browser: &mut Browser, world: &World, back: &str) {
    assert_eq!(browser.get(back).await.location(), "/accounts/august");
    assert!(world.account("august").await.is_some());
    assert_eq!(exchanges(world), 1);
}

fn part<'a>(back: &'a str, name: &str) -> &'a str {
    let at = back.find(&format!("{name}=")).expect("a parameter") + name.len() + 1;
    back[at..].split('&').next().expect("a value")
}

#[tokio::test]
async fn a2_a_wrong_missing_or_empty_state_is_refused_and_the_login_goes_on() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    let (code, state) = (part(&back, "code").to_owned(), part(&back, "state").to_owned());
    for query in [format!("code={code}"), format!("code={code}&state="), format!("code={code}&state=x{state}"), String::new()] {
        refused(&world, &browser.get(&format!("/callback/august?{query}")).await).await;
    }
    refused(&world, &browser.get("/callback/august").await).await;
    goes_on(&mut browser, &world, &back).await;
}

#[tokio::test]
async fn a3_a13_another_browser_cannot_finish_a_login() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    let mut stranger = world.browser();
    refused(&world, &stranger.get(&back).await).await;
    // With a session of its own it is as strange.
    stranger.get("/").await;
    refused(&world, &stranger.get(&back).await).await;
    goes_on(&mut browser, &world, &back).await;
    // And the other way round: the stranger's answer, brought to the first browser, attaches nothing to it.
    let url = stranger.begin("august").await;
    let theirs = stranger.approve(&url).await;
    assert_eq!(browser.get(&theirs).await.status, 400);
    let mut late = world.browser();
    assert_eq!(late.get("/accounts/august").await.status, 403);
}

#[tokio::test]
async fn a4_the_same_answer_twice_is_refused_and_the_code_sent_once() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    goes_on(&mut browser, &world, &back).await;
    let again = browser.get(&back).await;
    assert_eq!(again.status, 400, "{}", again.text);
    assert_eq!(exchanges(&world), 1);
    assert_eq!(browser.get("/accounts/august").await.status, 200, "the account stays");
}

#[tokio::test]
async fn l22_of_many_at_once_one_answer_wins() {
    let world = World::new(&["august"]).await;
    let (browser, back) = under_way(&world).await;
    let cookie = browser.cookies().expect("cookies").iter().next().map(|(name, value)| (name.clone(), value.clone())).expect("a cookie");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (mut browser, back) = (world.browser(), back.clone());
        browser.set_cookie(&cookie.0, &cookie.1);
        tasks.spawn(async move { browser.get(&back).await.status });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(exchanges(&world), 1);
}

#[tokio::test]
async fn a5_a_login_older_than_ten_minutes_is_over() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    world.advance(601);
    refused(&world, &browser.get(&back).await).await;
}

#[tokio::test]
async fn a14_repeated_parameters_are_refused() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    for again in [format!("state={}", part(&back, "state")), "code=other".to_owned(), "iss=a&iss=b".to_owned()] {
        refused(&world, &browser.get(&format!("{back}&{again}")).await).await;
    }
    goes_on(&mut browser, &world, &back).await;
}

#[tokio::test]
async fn a15_code_and_error_together_are_refused() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    refused(&world, &browser.get(&format!("{back}&error=access_denied")).await).await;
    goes_on(&mut browser, &world, &back).await;
}

#[tokio::test]
async fn a_denial_that_is_not_ours_is_refused() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    refused(&world, &browser.get("/callback/august?error=access_denied").await).await;
    refused(&world, &browser.get("/callback/august?error=access_denied&state=guessed").await).await;
    goes_on(&mut browser, &world, &back).await;
}

/// Whatever else is in it, and however it is spelt.
#[tokio::test]
async fn a_denial_that_is_ours_ends_the_login() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    let said = format!("error=access_denied&error_description=f%FCr&x=1&x=2&state={}", part(&back, "state"));
    let page = browser.get(&format!("/callback/august?{said}")).await;
    assert!(!page.has("Not our answer"), "{} {}", page.status, page.text);
    assert!(world.account("august").await.is_none() && exchanges(&world) == 0);
    refused(&world, &browser.get(&back).await).await;
}

#[tokio::test]
async fn a28_malformed_answers_are_refused() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    let state = part(&back, "state").to_owned();
    let long = "a".repeat(17 * 1024);
    for query in ["%", "state=%ff", "&&&=&", "state", &format!("state={state}"), &format!("state={state}&code="), &format!("state={long}")]
    {
        let page = browser.get(&format!("/callback/august?{query}")).await;
        refused(&world, &page).await;
    }
    // A head that is longer than ours is none of a request's.
    let huge = browser.get(&format!("/callback/august?state={}", "a".repeat(60 * 1024))).await;
    assert_eq!(huge.status, 431, "{}", huge.text);
    goes_on(&mut browser, &world, &back).await;
}

#[tokio::test]
async fn b4_only_get_answers_a_login() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS"] {
        let page = browser.send(method, &back, &[], None).await;
        assert_eq!(page.status, 405, "{method}");
    }
    assert_eq!(browser.send("POST", &back, &[], Some(&[])).await.status, 403);
    goes_on(&mut browser, &world, &back).await;
}

#[tokio::test]
async fn a10_an_answer_at_another_providers_redirect_uri_is_refused() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let at = |path: &str| Some(format!("http://localhost:30368{path}"));
    let mut netatmo = support::service(&sandbox, "netatmo", at("/other"));
    netatmo.account = "netatmo".into();
    let services = vec![support::service(&sandbox, "august", at("/callback")), netatmo];
    let world = World::serving(sandbox, services, None).await;
    let (mut browser, back) = under_way(&world).await;
    refused(&world, &browser.get(&back.replace("/callback", "/other")).await).await;
    goes_on(&mut browser, &world, &back).await;
}

/// Mix-up (RFC 9700 §4.4.1): a login begins at a provider that means ill, whose page sends the person on to an honest one, with our app there and its own
/// state. The honest one's answer names nobody.
#[tokio::test]
async fn a10_a11_a_hostile_provider_gets_no_honest_ones_code() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let (hostile, asked) = support::hostile::start().await;
    let services = vec![support::service(&sandbox, "august", None), hostile];
    let world = World::serving(sandbox, services, None).await;
    assert_eq!(world.site.notes(), Vec::<String>::new(), "each has a redirect URI of its own");
    let mut browser = world.browser();
    let (begun, honest) = (browser.begin("hostile").await, world.browser().begin("august").await);
    let (state, other) = (part(&begun, "state").to_owned(), part(&honest, "state").to_owned());
    let mixed = honest.replace(&other, &state);
    let back = browser.approve(&mixed).await;
    assert!(back.starts_with(&format!("{}/callback/august?", world.origin)) && back.contains(&state), "{back}");
    refused(&world, &browser.get(&back).await).await;
    // It has no answer sent to its own place either: the honest one sends none where nobody registered it to.
    let elsewhere = browser.send("GET", &mixed.replace("callback%2Faugust", "callback%2Fhostile"), &[], None).await;
    assert!(elsewhere.status == 400 && elsewhere.header("location").is_none(), "{} {}", elsewhere.status, elsewhere.text);
    assert!(!asked.lock().expect("the list").iter().any(|line| line.contains("/token")), "the code went to nobody");
    assert!(world.account("hostile").await.is_none());
    // What was begun there is still good, for an answer of its own.
    assert_eq!(browser.get(&format!("/callback/hostile?code=x&state={state}")).await.location(), "/accounts/hostile");
}

#[tokio::test]
async fn a11_what_is_registered_at_one_place_goes_on_and_is_told() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let at = || Some("http://localhost:30368/callback".to_owned());
    let services = vec![support::service(&sandbox, "august", at()), support::service(&sandbox, "netatmo", at())];
    let world = World::serving(sandbox, services, None).await;
    let notes = world.site.notes().join("\n");
    assert!(notes.contains("august, netatmo have one redirect URI, http://localhost:30368/callback"), "{notes}");
    for name in ["august", "netatmo"] {
        let mut browser = world.browser();
        let url = browser.begin(name).await;
        assert!(url.contains("redirect_uri=http%3A%2F%2Flocalhost%3A30368%2Fcallback&") || url.ends_with("%2Fcallback"), "{url}");
        let back = browser.approve(&url).await;
        assert_eq!(browser.get(&back).await.location(), format!("/accounts/{name}"));
    }
}

#[tokio::test]
async fn a12_where_a_code_goes_is_what_was_begun_and_nothing_that_comes_back_says() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let at = |path: &str| Some(format!("http://localhost:30368{path}"));
    let mut netatmo = support::service(&sandbox, "netatmo", at("/callback"));
    netatmo.account = "netatmo".into();
    let services = vec![support::service(&sandbox, "august", at("/callback")), netatmo];
    let world = World::serving(sandbox, services, None).await;
    let (mut browser, back) = under_way(&world).await;
    goes_on(&mut browser, &world, &format!("{back}&provider=netatmo&account=netatmo&token_endpoint=http://127.0.0.1:9/")).await;
    assert!(world.account("netatmo").await.is_none());
    assert!(world.sandbox.seen("netatmo").is_empty(), "nothing was sent there");
}

#[tokio::test]
async fn a27_what_names_a_login_under_way_opens_no_session() {
    let world = World::new(&["august"]).await;
    let (mut browser, back) = under_way(&world).await;
    let (name, before) = browser.cookies().expect("cookies").iter().next().map(|(name, value)| (name.clone(), value.clone())).expect("one");
    let (code, state) = (part(&back, "code").to_owned(), part(&back, "state").to_owned());
    goes_on(&mut browser, &world, &back).await;
    assert_eq!(browser.get("/accounts/august").await.status, 200);
    for artefact in [state, code, before] {
        let mut stranger = world.browser();
        stranger.set_cookie(&name, &artefact);
        assert_eq!(stranger.get("/accounts/august").await.status, 403);
    }
}

#[tokio::test]
async fn a_redirect_uri_may_be_any_path_our_own_too() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let mut app = sandbox.app("august");
    app.redirect_uris.push("http://localhost:30368/".to_owned());
    sandbox.register("august", app);
    let services = vec![support::service(&sandbox, "august", Some("http://localhost:30368/".to_owned()))];
    let world = World::serving(sandbox, services, None).await;
    let (mut browser, back) = under_way(&world).await;
    assert!(browser.get("/").await.has("Connect August"), "the start page is still there");
    refused(&world, &browser.get(&back.replace("state=", "state=x")).await).await;
    goes_on(&mut browser, &world, &back).await;
}
