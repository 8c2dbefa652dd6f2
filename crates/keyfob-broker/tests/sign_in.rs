//! Signing in at an issuer: who comes in, and as whom.
#![allow(missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use keyfob::Store as _;
use keyfob::proto::encode::percent;
use keyfob::proto::{Secret, Timestamp};
use keyfob_broker::{Allow, Config, SignIn};
use keyfob_sandbox::{Consent, Flaw, Sandbox};
use keyfob_store::shelf::Kind;
use support::disk::Disk;
use support::{Browser, Page, Setup, World, shelves};

/// What pages call the place to go to afterwards, here and elsewhere.
const NAMES: [&str; 9] = ["return_to", "next", "redirect", "redirect_to", "redirect_uri", "continue", "url", "rd", "back_to"];

fn allowing(sandbox: &Sandbox, config: &mut Config, allow: &[&str]) {
    let mut app = sandbox.app("acme");
    // What an operator registers there.
    app.redirect_uris.push("http://127.0.0.1/sign-in/callback".to_owned());
    sandbox.register("acme", app.clone());
    let allow = allow.iter().map(|text| Allow::parse(text).expect("who")).collect();
    let (issuer, client_secret) = (sandbox.origin("acme"), Some(Secret::new(app.client_secret)));
    config.sign_in = Some(SignIn { issuer, client_id: app.client_id, client_secret, trusted_audiences: Vec::new(), allow });
}

async fn world(more: fn(&Sandbox, &mut Config)) -> World {
    World::with(&["august", "acme"], Setup { known: true, more: Some(more), ..Setup::default() }).await
}

async fn open_to_robin() -> World {
    world(|sandbox, config| allowing(sandbox, config, &["ROBIN@sandbox.invalid"])).await
}

async fn by_invitation() -> World {
    world(|sandbox, config| allowing(sandbox, config, &["kim@sandbox.invalid", "sub:kim"])).await
}

async fn kept(world: &World, kind: &'static str) -> usize {
    let shelf = world.shelf.as_ref().expect("a shelf");
    shelf.items(Kind(kind), None, None, 1000, Timestamp::from_unix(0)).await.expect("items").len()
}

/// Off to the issuer.
async fn begin(browser: &mut Browser) -> String {
    let form_token = browser.get("/sign-in").await.form_token();
    browser.post("/sign-in", &[("form_token", &form_token)]).await.location().to_owned()
}

/// There and back.
async fn sign_in(browser: &mut Browser) -> Page {
    let url = begin(browser).await;
    let back = browser.approve(&url).await;
    browser.send("GET", &back, &[("sec-fetch-site", "cross-site")], None).await
}

fn exchanges(world: &World) -> usize {
    world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/token").count()
}

#[tokio::test]
async fn whom_the_list_names_comes_in_and_is_the_same_person_again() {
    let world = open_to_robin().await;
    let mut browser = world.browser();
    assert!(browser.get("/sign-in").await.has(&format!("Sign in at {}", &world.sandbox.origin("acme")["http://".len()..])));
    assert_eq!(sign_in(&mut browser).await.location(), "/");
    let start = browser.get("/").await;
    assert!(start.has("You are signed in as Robin Demo.") && !start.has("href=\"/people\""), "a member: {}", start.text);
    browser.connect("august").await;
    let mut other = world.browser();
    assert_eq!(sign_in(&mut other).await.location(), "/");
    assert!(other.get("/accounts/august").await.has("Front Door"), "the same person elsewhere");
    assert_eq!((kept(&world, "person").await, kept(&world, "subject").await, kept(&world, "visit").await), (1, 1, 2));
    // Signing in is not connecting: no account comes of it, and it asked for nothing else.
    let accounts = world.store.accounts().await.expect("accounts");
    assert!(accounts.iter().all(|account| account.value.provider == "august"), "{accounts:?}");
}

#[tokio::test]
async fn l19_l24_whom_nobody_has_invited_stays_outside() {
    let world = by_invitation().await;
    let mut browser = world.browser();
    let page = sign_in(&mut browser).await;
    assert!(page.status == 403 && page.has("nobody has let you in here"), "{}", page.text);
    assert_eq!(browser.get("/").await.location(), "/sign-in");
    assert_eq!((kept(&world, "person").await, kept(&world, "subject").await, kept(&world, "visit").await), (0, 0, 0));
}

#[tokio::test]
async fn whom_the_owner_invites_comes_in_once_and_then_by_themselves() {
    let world = by_invitation().await;
    let mut owner = world.owner().await;
    let link = owner.invite("My Robin").await;
    let mut browser = world.browser();
    let to_issuer = browser.enter(&link).await.location().to_owned();
    assert!(to_issuer.starts_with(&world.sandbox.origin("acme")), "{to_issuer}");
    assert_eq!(browser.get(&link).await.status, 200, "it is spent when they come back");
    let back = browser.approve(&to_issuer).await;
    assert_eq!(browser.get(&back).await.location(), "/");
    assert!(browser.get("/").await.has("You are signed in as My Robin."));
    let mut late = world.browser();
    assert_eq!(late.get(&link).await.status, 403);
    assert_eq!(sign_in(&mut late).await.location(), "/", "the issuer says who it is");
    assert!(late.get("/").await.has("You are signed in as My Robin."));
    assert_eq!(kept(&world, "person").await, 2);
}

/// Two tabs, two invitations: whoever is known by the time the second one is accepted is one person, and nobody without a way in is left behind.
#[tokio::test]
async fn l19_whoever_came_in_by_another_tab_meanwhile_is_one_person() {
    let disk = Arc::new(Disk::default());
    let more: fn(&Sandbox, &mut Config) = |sandbox, config| allowing(sandbox, config, &["sub:kim"]);
    let setup = Setup { known: true, more: Some(more), place: Some(shelves::of(disk.clone())), ..Setup::default() };
    let world = World::with(&["august", "acme"], setup).await;
    let mut owner = world.owner().await;
    let link = owner.invite("Robin").await;
    let mut browser = world.browser();
    let url = browser.enter(&link).await.location().to_owned();
    let back = browser.approve(&url).await;
    disk.is_first(Kind("subject"), r#"{"person":"owner"}"#);
    assert_eq!(browser.get(&back).await.location(), "/");
    assert_eq!(browser.get("/people").await.status, 200, "they are who the other tab made them");
    assert_eq!(kept(&world, "person").await, 1);
}

/// Whichever write fails: whoever signs in comes in when they try again, as one person to whom their subject leads.
#[tokio::test]
async fn whom_a_store_fails_half_way_comes_in_when_they_sign_in_again() {
    let invited: fn(&Sandbox, &mut Config) = |sandbox, config| allowing(sandbox, config, &["sub:kim"]);
    let listed: fn(&Sandbox, &mut Config) = |sandbox, config| allowing(sandbox, config, &["any"]);
    for more in [invited, listed] {
        for writes in 0.. {
            let disk = Arc::new(Disk::default());
            let setup = Setup { known: true, more: Some(more), place: Some(shelves::of(disk.clone())), ..Setup::default() };
            let world = World::with(&["acme"], setup).await;
            let mut owner = world.owner().await;
            let link = if more as usize == invited as usize { Some(owner.invite("Robin").await) } else { None };
            let mut browser = world.browser();
            let there = async |browser: &mut Browser| {
                let url = match &link {
                    Some(link) => browser.enter(link).await.location().to_owned(),
                    None => begin(browser).await,
                };
                browser.approve(&url).await
            };
            let back = there(&mut browser).await;
            disk.fails_after(writes);
            let first = browser.get(&back).await;
            let has_failed = disk.has_failed();
            if first.status != 303 {
                assert!(has_failed && first.status >= 500, "{} {}", first.status, first.text);
                // What is written down is whole: nobody is here to whom no subject leads.
                assert!(kept(&world, "person").await <= 1 + kept(&world, "subject").await, "{writes}");
                // By the invitation, if it is there still; or by what is known of them by now.
                let is_open = match &link {
                    Some(link) => browser.get(link).await.status == 200,
                    None => true,
                };
                let back = if is_open {
                    there(&mut browser).await
                } else {
                    let url = begin(&mut browser).await;
                    browser.approve(&url).await
                };
                assert_eq!(browser.get(&back).await.location(), "/", "{writes}");
            }
            assert!(browser.get("/").await.has("You are signed in as Robin"), "{writes}");
            assert_eq!((kept(&world, "person").await, kept(&world, "subject").await), (2, 1), "{writes}");
            if !has_failed {
                assert!(writes > 3, "a subject, a person, a line of the book, a session");
                break;
            }
        }
    }
}

#[tokio::test]
async fn l19_the_owner_links_their_sign_in_by_themselves() {
    let world = by_invitation().await;
    let mut owner = world.owner().await;
    let people = owner.get("/people").await;
    assert!(people.has("You came in with a link."));
    let form_token = people.form_token();
    assert_eq!(owner.post("/sign-in/link", &[("form_token", "x")]).await.status, 403);
    let url = owner.post("/sign-in/link", &[("form_token", &form_token)]).await.location().to_owned();
    let back = owner.approve(&url).await;
    // Another browser, the owner's too, did not begin it.
    let mut other = world.owner().await;
    assert_eq!(other.get(&back).await.status, 400);
    assert_eq!(world.browser().get(&back).await.status, 400);
    assert_eq!(owner.get(&back).await.location(), "/");
    assert!(owner.get("/").await.has("You sign in at "));
    assert!(!owner.get("/people").await.has("You came in with a link."));
    assert!(owner.get("/activity").await.has("can sign in with another account from now on"), "L17");
    let mut elsewhere = world.browser();
    assert_eq!(sign_in(&mut elsewhere).await.location(), "/");
    assert_eq!(elsewhere.get("/people").await.status, 200, "the owner");
}

#[tokio::test]
async fn l19_a_sign_in_that_is_somebody_elses_is_not_linked() {
    let world = open_to_robin().await;
    let mut member = world.browser();
    sign_in(&mut member).await;
    let mut owner = world.owner().await;
    let form_token = owner.get("/people").await.form_token();
    let url = owner.post("/sign-in/link", &[("form_token", &form_token)]).await.location().to_owned();
    let back = owner.approve(&url).await;
    let page = owner.get(&back).await;
    assert!(page.status == 409 && page.has("That is somebody else here"), "{}", page.text);
    assert_eq!(owner.get("/people").await.status, 200, "they stay who they are");
    let mut again = world.browser();
    sign_in(&mut again).await;
    assert_eq!(again.get("/people").await.status, 404);
}

#[tokio::test]
async fn a3_a13_another_browser_cannot_finish_a_sign_in() {
    let world = open_to_robin().await;
    let mut browser = world.browser();
    let url = begin(&mut browser).await;
    let back = browser.approve(&url).await;
    let mut other = world.browser();
    other.get("/sign-in").await;
    for stranger in [&mut other, &mut world.browser(), &mut world.owner().await] {
        let page = stranger.get(&back).await;
        assert!(page.status == 400 && page.has("Not our answer"), "{}", page.text);
    }
    let head = browser.send("HEAD", &back, &[], None).await;
    assert_eq!(head.status, 405);
    for wrong in [back.replace("state=", "state=x"), back.replace("code=", "code=&code="), format!("{back}&error=access_denied")] {
        assert_eq!(browser.get(&wrong).await.status, 400, "{wrong}");
    }
    assert_eq!((exchanges(&world), kept(&world, "person").await), (0, 1), "the owner");
    assert_eq!(browser.get(&back).await.location(), "/", "and then the right one");
    assert_eq!(browser.get(&back).await.status, 400, "once");
    assert_eq!(exchanges(&world), 1);
}

#[tokio::test]
async fn a10_a11_a_sign_in_and_a_connection_are_not_each_other() {
    let world = open_to_robin().await;
    let mut member = world.browser();
    sign_in(&mut member).await;
    let before = exchanges(&world);
    // The same issuer, the same app, the same browser: what was begun as one thing is not finished as the other.
    let url = member.begin("acme").await;
    let back = member.approve(&url).await;
    assert!(back.contains("/callback/acme?") && !back.contains("/sign-in/"), "{back}");
    assert_eq!(member.get(&back.replace("/callback/acme?", "/sign-in/callback?")).await.status, 400);
    let mut owner = world.owner().await;
    let form_token = owner.get("/people").await.form_token();
    let url = owner.post("/sign-in/link", &[("form_token", &form_token)]).await.location().to_owned();
    let linking = owner.approve(&url).await;
    assert_eq!(owner.get(&linking.replace("/sign-in/callback?", "/callback/acme?")).await.status, 400);
    assert_eq!(exchanges(&world), before);
    assert_eq!(member.get(&back).await.location(), "/accounts/acme");
}

#[tokio::test]
async fn a_denial_signs_nobody_in() {
    let world = open_to_robin().await;
    world.sandbox.consent("acme", Consent::Deny);
    let mut browser = world.browser();
    let page = sign_in(&mut browser).await;
    assert!(page.status == 403 && page.has("You are not signed in"), "{}", page.text);
    // For somebody who pressed a button, and knows nothing of codes.
    let place = world.sandbox.origin("acme").replace("http://", "");
    assert!(page.has(&format!("You said no at {place}, or it does not let you in here")) && !page.has("access_denied"), "{}", page.text);
    assert_eq!(kept(&world, "person").await, 0);
    world.sandbox.consent("acme", Consent::Approve);
    assert_eq!(sign_in(&mut browser).await.location(), "/");
}

#[tokio::test]
async fn l3_a_sign_in_gives_a_new_session_and_ends_the_one_before() {
    let world = open_to_robin().await;
    let mut browser = world.owner().await;
    let before = browser.cookies().expect("cookies").clone();
    // Somebody else signs in with the owner's browser.
    let link = browser.invite("Robin").await;
    let url = browser.enter(&link).await.location().to_owned();
    let back = browser.approve(&url).await;
    assert_eq!(browser.get(&back).await.location(), "/");
    assert_eq!(browser.get("/people").await.status, 404, "a member now");
    let mut old = world.browser();
    for (name, value) in before {
        old.set_cookie(&name, &value);
    }
    assert_eq!(old.get("/people").await.location(), "/sign-in");
}

/// OpenID Connect Core §3.1.3.7, step 3: an ID token that is for somebody we do not know, too, is none of ours.
#[tokio::test]
async fn whom_else_an_id_token_is_for_has_to_be_named() {
    fn addressed_to_another(sandbox: &Sandbox, config: &mut Config, trusted: &[&str]) {
        allowing(sandbox, config, &["any"]);
        sandbox.faults("acme").update(|faults| faults.flaw = Some(Flaw::IdTokenExtraAud));
        config.sign_in.as_mut().expect("an issuer").trusted_audiences = trusted.iter().map(|&one| one.to_owned()).collect();
    }
    let strict = world(|sandbox, config| addressed_to_another(sandbox, config, &["somebody-else"])).await;
    let page = sign_in(&mut strict.browser()).await;
    assert!(page.status == 502 && page.has("trusted_audiences"), "{}", page.text);
    assert_eq!(kept(&strict, "person").await, 0);
    let told = world(|sandbox, config| addressed_to_another(sandbox, config, &["another-client"])).await;
    let page = sign_in(&mut told.browser()).await;
    assert!(!page.has("trusted_audiences") && page.has("authorized party"), "the sandbox's flaw has no azp beside it: {}", page.text);
}

#[tokio::test]
async fn an_issuer_that_is_not_there_lets_nobody_in_and_the_link_still_works() {
    let world = world(|_, config| {
        let issuer = "http://127.0.0.1:9".to_owned();
        config.sign_in = Some(SignIn {
            issuer,
            client_id: "keyfob".to_owned(),
            client_secret: None,
            trusted_audiences: Vec::new(),
            allow: vec![Allow::Anybody],
        });
    })
    .await;
    let mut browser = world.browser();
    let form_token = browser.get("/sign-in").await.form_token();
    let page = browser.post("/sign-in", &[("form_token", &form_token)]).await;
    assert!(page.status == 502 && page.has("could not be reached"), "{}", page.text);
    assert_eq!(world.owner().await.get("/people").await.status, 200);
}

#[tokio::test]
async fn a11_no_provider_shares_the_path_of_the_sign_in() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let service = support::service(&sandbox, "august", Some("http://localhost:5000/sign-in/callback".to_owned()));
    assert!(support::site(vec![service], None).is_err_and(|error| error.to_string().contains("where people sign in")));
}

/// Where a browser goes after each step is ours to say: there is no parameter for it, by whatever name, and none comes back out.
#[tokio::test]
async fn l4_nothing_in_a_request_says_where_a_browser_goes_next() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/return_to.txt");
    let payloads = std::fs::read_to_string(file).expect("a file");
    let payloads: Vec<&str> = payloads.lines().filter(|line| !line.starts_with("# ")).collect();
    assert!(payloads.len() >= 29, "{}", payloads.len());
    let world = open_to_robin().await;
    let links = World::known(&["august"]).await;
    let mut owner = links.owner().await;
    for payload in payloads {
        let more = NAMES.map(|name| format!("{name}={}", percent(payload))).join("&");
        let with = |path: &str| format!("{path}{}{more}", if path.contains('?') { '&' } else { '?' });
        let all = |first: &[(&'static str, String)]| -> Vec<(&'static str, String)> {
            first.iter().cloned().chain(NAMES.map(|name| (name, payload.to_owned()))).collect()
        };
        let is_clean = |page: &Page| assert!(!format!("{:?}{}", page.headers, page.text).contains("evil.test"), "{payload:?}: {page:?}");
        // Signing in, connecting and signing out.
        let mut browser = world.browser();
        let question = browser.get(&with("/sign-in")).await;
        is_clean(&question);
        let to_issuer = post(&mut browser, &with("/sign-in"), all(&[("form_token", question.form_token())])).await;
        assert!(to_issuer.location().starts_with(&format!("{}/", world.sandbox.origin("acme"))), "{payload:?}: {to_issuer:?}");
        is_clean(&to_issuer);
        let back = browser.approve(to_issuer.location()).await;
        assert_eq!(browser.get(&with(&back)).await.location(), "/", "{payload:?}");
        let form_token = browser.get(&with("/")).await.form_token();
        let to_provider = post(&mut browser, &with("/connect/august"), all(&[("form_token", form_token.clone())])).await;
        assert!(to_provider.location().starts_with(&format!("{}/", world.sandbox.origin("august"))), "{payload:?}: {to_provider:?}");
        is_clean(&to_provider);
        let back = browser.approve(to_provider.location()).await;
        let connected = browser.get(&with(&back)).await.location().to_owned();
        assert!(connected.starts_with("/accounts/") && !connected.contains('?'), "{payload:?}: {connected}");
        let form_token = browser.get("/").await.form_token();
        let out = post(&mut browser, &with("/sign-out"), all(&[("form_token", form_token)])).await;
        assert_eq!(out.location(), "/sign-in", "{payload:?}");
        // Links that let somebody in.
        let first_run = links.site.owner_link().await.expect("a shelf").expect("people");
        let invitation = owner.invite("Robin").await;
        for link in [first_run, invitation] {
            let mut browser = links.browser();
            let question = browser.get(&with(&link)).await;
            is_clean(&question);
            let (path, token) = link.split_once("?token=").expect("a token");
            let fields = all(&[("form_token", question.form_token()), ("token", token.to_owned())]);
            assert_eq!(post(&mut browser, &with(path), fields).await.location(), "/", "{payload:?}");
        }
    }
}

async fn post(browser: &mut Browser, path: &str, fields: Vec<(&str, String)>) -> Page {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post(path, &fields).await
}
