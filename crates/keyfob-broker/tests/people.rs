//! Who comes in, by which link, and how they get out again: where there are people.
#![allow(missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use keyfob::Store as _;
use keyfob::proto::{App, Secret, Timestamp};
use keyfob_broker::{Config, Pretended, paths};
use keyfob_sandbox::Sandbox;
use keyfob_store::shelf::Kind;
use support::disk::Disk;
use support::{Browser, Setup, World, shelves};

/// How many items of a kind there are, also such as nobody counts any more.
async fn kept(world: &World, kind: &'static str) -> usize {
    let shelf = world.shelf.as_ref().expect("a shelf");
    shelf.items(Kind(kind), None, None, 100_000, Timestamp::from_unix(0)).await.expect("items").len()
}

fn one_cookie(browser: &Browser, ending: &str) -> (String, String) {
    let all = browser.cookies().expect("cookies");
    all.iter()
        .find(|(name, _)| name.ends_with("-door") == (ending == "-door"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .expect("one")
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get("/").await.status == 200
}

#[tokio::test]
async fn the_first_link_makes_the_owner() {
    let world = World::known(&["august"]).await;
    let link = world.site.first_run_link().await.expect("a shelf").expect("nobody was here yet");
    assert!(link.starts_with(&format!("{}/first-run?token=", world.origin)), "{link}");
    let mut browser = world.browser();
    assert_eq!(browser.get("/").await.location(), "/sign-in");
    assert!(browser.get("/sign-in").await.has("keyfob serve --link"));
    // A preview, or a browser that fetches ahead, does not spend it.
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(world.browser().send(method, &link, &[], None).await.status, 200);
    }
    assert_eq!(browser.enter(&link).await.location(), "/");
    let start = browser.get("/").await;
    assert!(start.has("You are signed in as the owner.") && start.has("Connect August"), "{}", start.text);
    assert!(!browser.get("/").await.has("You are signed in"), "it is told once");
    assert_eq!(world.site.first_run_link().await.expect("a shelf"), None, "the owner was here");
    // It was good once.
    let mut late = world.browser();
    let page = late.get(&link).await;
    assert!(page.status == 403 && page.has("not good any more"), "{}", page.text);
}

#[tokio::test]
async fn a_link_is_good_for_a_quarter_of_an_hour() {
    World::on_each_shelf(&["august"], async |world| {
        let link = world.site.owner_link().await.expect("a shelf").expect("people");
        let mut browser = world.browser();
        let form_token = browser.get(&link).await.form_token();
        world.advance(15 * 60);
        let token = link.split_once("token=").expect("a token").1;
        assert_eq!(browser.post("/first-run", &[("form_token", &form_token), ("token", token)]).await.status, 403);
        assert!(!is_signed_in(&mut browser).await);
    })
    .await;
}

#[tokio::test]
async fn l22_of_many_who_come_with_a_link_one_is_let_in() {
    World::on_each_shelf(&["august"], async |world| {
        let mut owner = world.owner().await;
        let first_run = world.site.owner_link().await.expect("a shelf").expect("people");
        let invitation = owner.invite("Robin").await;
        for link in [first_run, invitation] {
            let (path, token) = link.split_once("?token=").expect("a token");
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..50 {
                let (mut browser, link, path, token) = (world.browser(), link.clone(), path.to_owned(), token.to_owned());
                tasks.spawn(async move {
                    let page = browser.get(&link).await;
                    if page.status != 200 {
                        return page.status;
                    }
                    let form_token = page.form_token();
                    browser.post(&path, &[("form_token", &form_token), ("token", &token)]).await.status
                });
            }
            let statuses = tasks.join_all().await;
            assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn l2_a_link_is_spent_by_its_own_form_alone() {
    let world = World::known(&["august"]).await;
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    let token = link.split_once("token=").expect("a token").1;
    let (mut browser, mut other) = (world.browser(), world.browser());
    let form_token = browser.get(&link).await.form_token();
    let foreign = other.get(&link).await.form_token();
    let url = browser.absolute("/first-run");
    let origin = world.origin.clone();
    // Login CSRF: somebody else's page signs this browser in as whom it likes.
    for (headers, form_token) in [
        (vec![], ""),
        (vec![], foreign.as_str()),
        (vec![("origin", "http://evil.example")], form_token.as_str()),
        (vec![("origin", origin.as_str()), ("sec-fetch-site", "cross-site")], form_token.as_str()),
    ] {
        let page = browser.send("POST", &url, &headers, Some(&[("form_token", form_token), ("token", token)])).await;
        assert_eq!(page.status, 403, "{headers:?} {form_token}");
    }
    assert_eq!(world.browser().post("/first-run", &[("form_token", &form_token), ("token", token)]).await.status, 403);
    for wrong in ["", "x", &"0".repeat(64), &token[1..]] {
        assert_eq!(browser.post("/first-run", &[("form_token", &form_token), ("token", wrong)]).await.status, 403, "{wrong}");
    }
    assert_eq!(browser.enter(&link).await.location(), "/", "it is still good");
}

#[tokio::test]
async fn strangers_get_to_the_sign_in_and_nowhere_else() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    world.sandbox.clear_seen();
    let mut stranger = world.browser();
    let open = [
        "/sign-in",
        "/sign-in/callback",
        "/first-run",
        "/invite",
        "/link",
        "/link/waiting/{login}",
        "/link/{link}/over",
        "/v1/openapi.json",
        "/assets/{file}",
        "/healthz",
        "/readyz",
        "/metrics",
    ];
    let mut turned_away = 0;
    for path in paths().filter(|path| !open.contains(path)) {
        for name in ["august", "nothing"] {
            let path = path.replace("{account}", name).replace("{action}", "locks").replace("{person}", "owner");
            // Programs bring a key or a token, and learn no way in for people.
            if ["/api/", "/token/", "/v1"].iter().any(|programs| path.starts_with(programs)) {
                for status in [stranger.get(&path).await.status, stranger.post(&path, &[("form_token", "x")]).await.status] {
                    assert!([401, 404, 405].contains(&status), "{path} {status}");
                }
                continue;
            }
            assert_eq!(stranger.get(&path).await.location(), "/sign-in", "{path}");
            let page = stranger.post(&path, &[("form_token", "x")]).await;
            assert_eq!(page.status, 403, "{path}");
            turned_away += 1;
        }
    }
    let is_programs = |path: &str| path.starts_with("/api/") || path.starts_with("/token/");
    for path in paths().filter(|path| is_programs(path)) {
        let path = path.replace("{account}", "august").replace("{*path}", "users/locks/mine");
        assert_eq!(stranger.get(&path).await.status, 401, "{path}");
        assert_eq!(owner.get(&path).await.status, 401, "a session is no key: {path}");
    }
    assert!(turned_away > 8 && world.sandbox.seen("august").is_empty());
}

#[tokio::test]
async fn a26_strangers_fill_nothing() {
    let world = World::known(&["august"]).await;
    let before = kept(&world, "visit").await;
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    for _ in 0..50 {
        let mut stranger = world.browser();
        stranger.get("/").await;
        stranger.get("/sign-in").await;
        stranger.get(&link).await;
        stranger.post("/first-run", &[("form_token", "x")]).await;
    }
    assert_eq!(kept(&world, "visit").await, before);
    assert_eq!(kept(&world, "person").await, 0);
}

#[tokio::test]
async fn a27_what_a_stranger_has_opens_no_session() {
    let world = World::known(&["august"]).await;
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    let mut owner = world.browser();
    let form_token = owner.get(&link).await.form_token();
    owner.enter(&link).await;
    let (door_name, door) = one_cookie(&owner, "-door");
    let (name, session) = one_cookie(&owner, "");
    assert_ne!(door_name, name);
    let token = link.split_once("token=").expect("a token").1;
    for artefact in [door.as_str(), &form_token, token] {
        let mut stranger = world.browser();
        stranger.set_cookie(&name, artefact);
        assert!(!is_signed_in(&mut stranger).await, "{artefact}");
    }
    let mut same = world.browser();
    same.set_cookie(&name, &session);
    assert!(is_signed_in(&mut same).await, "the cookie alone is the session");
}

#[tokio::test]
async fn l3_the_session_is_new_with_each_sign_in_and_ends_with_the_sign_out() {
    let world = World::known(&["august"]).await;
    let mut browser = world.owner().await;
    let first = one_cookie(&browser, "");
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    browser.enter(&link).await;
    let second = one_cookie(&browser, "");
    assert_ne!(first.1, second.1);
    let with = |cookie: &(String, String)| {
        let mut browser = world.browser();
        browser.set_cookie(&cookie.0, &cookie.1);
        browser
    };
    assert!(!is_signed_in(&mut with(&first)).await, "the one before is nobody's");
    let form_token = browser.get("/people").await.form_token();
    assert_eq!(browser.get("/sign-out").await.status, 405, "a link signs nobody out");
    assert_eq!(browser.post("/sign-out", &[("form_token", "x")]).await.status, 403);
    assert_eq!(browser.post("/sign-out", &[("form_token", &form_token)]).await.location(), "/sign-in");
    assert!(!is_signed_in(&mut with(&second)).await, "it ended here, not in the browser alone");
    assert_eq!(kept(&world, "visit").await, 0);
}

#[tokio::test]
async fn l3_a_session_ends_when_idle_and_after_its_longest_time() {
    let world = World::known(&["august"]).await;
    let mut idle = world.owner().await;
    let mut busy = world.owner().await;
    let mut hours = 0;
    while hours < 7 * 24 - 6 {
        world.advance(6 * 3600);
        hours += 6;
        assert!(is_signed_in(&mut busy).await, "after {hours} hours");
    }
    assert!(!is_signed_in(&mut idle).await);
    world.advance(6 * 3600);
    assert!(!is_signed_in(&mut busy).await, "after a week");
}

#[tokio::test]
async fn l3_behind_https_the_cookies_are_for_this_host_alone() {
    let setup = Setup { external_url: Some("https://home.example".into()), known: true, ..Setup::default() };
    let world = World::with(&["august"], setup).await;
    let mut browser = world.browser();
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    let question = browser.get(&link).await;
    let token = link.split_once("token=").expect("a token").1.to_owned();
    let entered = browser.post("/first-run", &[("form_token", &question.form_token()), ("token", &token)]).await;
    for (page, start) in [(question, "__Host-keyfob-door="), (entered, "__Host-keyfob=")] {
        let cookie = page.header("set-cookie").expect("a cookie");
        assert!(cookie.starts_with(start) && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
}

#[tokio::test]
async fn what_one_machine_ends_has_ended_on_the_other() {
    let world = World::known(&["august"]).await;
    let (_, other) = world.another().await;
    let mut here = world.owner().await;
    let mut there = world.browser();
    for (name, value) in here.cookies().expect("cookies").clone() {
        there.set_cookie(&name, &value);
    }
    there.reach(other);
    // So often that it is remembered there.
    for _ in 0..5 {
        assert!(is_signed_in(&mut there).await, "they share their sessions");
    }
    let form_token = here.get("/people").await.form_token();
    here.post("/sign-out", &[("form_token", &form_token)]).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), async {
        while is_signed_in(&mut there).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    ended.await.expect("it is told at once, and not when what is remembered ends");
}

#[tokio::test]
async fn members_are_invited_by_the_owner_and_by_nobody_else() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin <b>").await;
    let start = member.get("/").await;
    assert!(start.has("Welcome, Robin &#60;b&#62;.") && !start.has("href=\"/people\""), "{}", start.text);
    let form_token = start.form_token();
    assert_eq!(member.get("/people").await.status, 404);
    assert_eq!(member.post("/people/invite", &[("form_token", &form_token), ("name", "Eve")]).await.status, 404);
    assert!(owner.get("/people").await.has("Robin &#60;b&#62;"));
    let form_token = owner.get("/people").await.form_token();
    for name in ["", "  ", "two\nlines", &"x".repeat(61)] {
        assert_eq!(owner.post("/people/invite", &[("form_token", &form_token), ("name", name)]).await.status, 400, "{name:?}");
    }
    assert_eq!(owner.post("/people/owner/link", &[("form_token", &form_token)]).await.status, 404, "no link for the owner on a page");
    // A member who lost their session comes in again, as the same person.
    let people = owner.get("/people").await;
    let at = people.text.find("/link\"").expect("a member");
    let path = people.text[..at].rsplit('"').next().expect("an address").to_owned() + "/link";
    let link = owner.post(&path, &[("form_token", &form_token)]).await.value("f-link");
    let mut again = world.browser();
    again.enter(&link).await;
    assert!(again.get("/").await.has("Welcome, Robin &#60;b&#62;."));
    assert_eq!(kept(&world, "person").await, 2);
}

#[tokio::test]
async fn guests_have_no_people() {
    let world = World::new(&["august"]).await;
    let mut guest = world.connected("august").await;
    for path in ["/sign-in", "/first-run", "/invite", "/people"] {
        assert_eq!(guest.get(path).await.status, 404, "{path}");
    }
    assert_eq!(world.site.first_run_link().await.expect("nothing to fail"), None);
    let nothing = BTreeMap::new();
    assert!(guest.cookies().unwrap_or(&nothing).keys().all(|name| !name.ends_with("-door")));
}

/// Somebody who tries the product unlocks a door in it, and has to know that no door moved.
#[tokio::test]
async fn pages_of_a_sandbox_say_that_nothing_is_real() {
    const LINE: &str = "nothing here is real";
    for pretended in [Pretended::No, Pretended::Providers, Pretended::Everything] {
        let more: fn(&Sandbox, &mut Config) = match pretended {
            Pretended::No => |_, _| {},
            Pretended::Providers => |_, config| config.pretended = Pretended::Providers,
            _ => |_, config| config.pretended = Pretended::Everything,
        };
        let world = World::with(&["august"], Setup { known: true, more: Some(more), ..Setup::default() }).await;
        let is_pretended = pretended != Pretended::No;
        let door = world.browser().get("/sign-in").await;
        assert_eq!(door.has(LINE), is_pretended, "{pretended:?}: {}", door.text);
        // No other process gets at a vault that is in memory.
        let has_command = pretended != Pretended::Everything;
        assert_eq!((door.has("keyfob serve --link"), door.has("keyfob serve --sandbox")), (has_command, !has_command), "{}", door.text);
        let link = world.site.first_run_link().await.expect("a shelf").expect("nobody was here yet");
        let mut owner = world.browser();
        owner.enter(&link).await;
        let spent = world.browser().get(&link).await;
        assert!(spent.status == 403 && spent.has("keyfob serve --link") == has_command, "{}", spent.text);
        // What the machine of this Keyfob prints is the owner's: whoever was invited asks whoever invited them.
        let invitation = owner.invite("Robin").await;
        let token = invitation.split_once("token=").expect("a token").1;
        let (mut robin, mut late) = (world.browser(), world.browser());
        let form_token = late.get(&invitation).await.form_token();
        assert_eq!(robin.enter(&invitation).await.location(), "/");
        let pressed = late.post("/invite", &[("form_token", &form_token), ("token", token)]).await;
        for spent in [world.browser().get(&invitation).await, world.browser().get("/invite?token=cut-short").await, pressed] {
            assert!(spent.status == 403 && spent.has("whoever invited you") && !spent.has("keyfob serve"), "{}", spent.text);
        }
        owner.connect("august").await;
        let lock = owner.get("/accounts/august").await.link("Front Door");
        let unlock = owner.get(&lock).await.link("Unlock");
        let question = owner.get(&unlock).await;
        assert_eq!((question.has(LINE), question.has("for real")), (is_pretended, !is_pretended), "{}", question.text);
    }
}

/// What a sandbox does not play is a real host: its address was one click away from pages on which nothing is real.
#[tokio::test]
async fn in_a_sandbox_nobody_is_sent_to_a_provider_that_it_does_not_play() {
    for pretended in [Pretended::Providers, Pretended::Everything] {
        let more: fn(&Sandbox, &mut Config) = match pretended {
            Pretended::Providers => |sandbox, config| stage(sandbox, config, Pretended::Providers),
            _ => |sandbox, config| stage(sandbox, config, Pretended::Everything),
        };
        let world = World::with(&["august"], Setup { known: true, more: Some(more), ..Setup::default() }).await;
        // However its app came there.
        let app = App { client_id: "an-app".into(), client_secret: Some(Secret::new("example-not-real")), ..App::default() };
        world.store.put_app("github", &app).await.expect("kept");
        let mut owner = world.owner().await;
        let list = owner.get("/connect?q=github").await;
        assert!(list.has("GitHub") && list.has("Not in this sandbox"), "{}", list.text);
        let form_token = owner.get("/settings").await.form_token();
        let app = [("form_token", form_token.as_str()), ("client_id", "an-app"), ("client_secret", "example-not-real")];
        let kept = owner.post("/providers/github/app", &app).await;
        let begun = owner.begin_as("github", "").await;
        let labelled = owner.post("/connect/github", &[("form_token", &form_token), ("label", "second")]).await;
        for page in [owner.get("/providers/github").await, kept, begun, labelled, owner.begin_as("github/second", "code").await] {
            assert!(page.status == 409 && page.has("The sandbox does not play GitHub") && page.has("plays August"), "{}", page.text);
            // Only a sandbox that runs by itself can be started with more.
            assert_eq!(page.has("keyfob sandbox --as github"), pretended == Pretended::Providers, "{}", page.text);
        }
        let link = world.ask("owner", "POST", "/v1/connect-links", r#"{"provider": "github"}"#).await;
        for answer in [link, world.ask("owner", "GET", "/v1/providers/github", "").await] {
            assert!(answer.status == 409 && answer.code() == "not-played" && answer.text().contains("plays August"), "{}", answer.text());
        }
        let all = world.ask("owner", "GET", "/v1/providers", "").await.json();
        let names: Vec<&str> = all["items"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!(names, ["august"]);
    }
}

fn stage(sandbox: &Sandbox, config: &mut Config, pretended: Pretended) {
    config.pretended = pretended;
    config.catalogue = vec![support::service(sandbox, "august", None).provider];
    config.unplayed = vec![support::provider("github")];
}

/// Whichever write fails: they come in when they try again, as one person, and nobody else does.
#[tokio::test]
async fn whom_a_store_fails_half_way_comes_in_by_the_same_invitation_and_nobody_else() {
    for writes in 0.. {
        let disk = std::sync::Arc::new(Disk::default());
        let setup = Setup { known: true, place: Some(shelves::of(disk.clone())), ..Setup::default() };
        let world = World::with(&["august"], setup).await;
        let mut owner = world.owner().await;
        let link = owner.invite("Robin").await;
        let (mut robin, mut other) = (world.browser(), world.browser());
        let form_token = other.get(&link).await.form_token();
        disk.fails_after(writes);
        let first = robin.enter(&link).await;
        let has_failed = disk.has_failed();
        let token = link.split_once("token=").expect("a token").1;
        if first.status != 303 {
            assert!(has_failed && first.status >= 500, "{} {}", first.status, first.text);
            // Where it failed before anything was written the invitation is anybody's still.
            if writes > 0 {
                assert_eq!(other.post("/invite", &[("form_token", &form_token), ("token", token)]).await.status, 403, "{writes}");
            }
            assert_eq!(robin.enter(&link).await.location(), "/", "{writes}");
        }
        assert!(robin.get("/").await.has("Welcome, Robin."), "{writes}");
        assert_eq!(other.post("/invite", &[("form_token", &form_token), ("token", token)]).await.status, 403, "{writes}");
        let people = world.ask("owner", "GET", "/v1/people", "").await.json();
        assert_eq!(people["items"].as_array().expect("a list").len(), 2, "{writes}: {people}");
        if !has_failed {
            assert!(writes > 4, "an invitation, a person, a line of the book, a session");
            break;
        }
    }
}

#[tokio::test]
async fn an_invitation_is_listed_and_taken_back_and_lets_nobody_in_then() {
    World::on_each_shelf(&["august"], async |world| {
        let mut owner = world.owner().await;
        let form_token = owner.get("/people").await.form_token();
        let mut member = world.member(&mut owner, "Kim").await;
        let ask = async |person: &str, method: &str, path: &str| world.ask(person, method, path, "").await;
        for by_page in [true, false] {
            assert!(!owner.get("/people").await.has("Open invitations"), "one that was used is open no more");
            let link = owner.invite("Robin").await;
            let page = owner.get("/people").await;
            assert!(page.has("Open invitations") && page.has("Will be a member") && page.has("<dd>you</dd>"), "{}", page.text);
            assert!(!page.has(link.split_once("token=").expect("a token").1), "{}", page.text);
            let listed = ask("owner", "GET", "/v1/people/invitations").await.json();
            let open = &listed["items"][0];
            assert_eq!((&open["name"], &open["role"]), (&"Robin".into(), &"member".into()), "{listed}");
            let id = open["id"].as_str().expect("an id");
            let (path, page_path) = (format!("/v1/people/invitations/{id}"), format!("/people/invitations/{id}/take-back"));
            // It is the owner's, and for others as if it were not there.
            let theirs = member.get("/settings").await.form_token();
            assert_eq!(member.post(&page_path, &[("form_token", &theirs)]).await.status, 404);
            let people = ask("owner", "GET", "/v1/people").await.json();
            let kim = people["items"].as_array().expect("a list").iter().find(|person| person["name"] == "Kim").expect("Kim").clone();
            let kim = kim["id"].as_str().expect("an id");
            assert_eq!(ask(kim, "DELETE", &path).await.status, 404);
            assert_eq!(ask(kim, "GET", "/v1/people/invitations").await.status, 404);
            assert!(world.browser().get(&link).await.has("Robin"), "it is still good");
            if by_page {
                assert_eq!(owner.post(&page_path, &[("form_token", &form_token)]).await.location(), "/people");
            } else {
                assert_eq!(ask("owner", "DELETE", &path).await.status, 200);
            }
            assert_eq!(world.browser().get(&link).await.status, 403);
            assert_eq!(ask("owner", "DELETE", &path).await.status, 404);
            assert_eq!(owner.post(&page_path, &[("form_token", &form_token)]).await.status, 404);
            assert!(owner.get("/activity").await.has("took the invitation of Robin back"));
        }
        // What a program makes is told apart; and programs remove people, as pages do.
        assert_eq!(world.ask("owner", "POST", "/v1/people/invitations", r#"{"name":"Sam"}"#).await.status, 201);
        assert!(owner.get("/people").await.has("<dd>the program an app</dd>"));
        let people = ask("owner", "GET", "/v1/people").await.json();
        let kim = people["items"].as_array().expect("a list").iter().find(|person| person["name"] == "Kim").expect("Kim").clone();
        let path = format!("/v1/people/{}", kim["id"].as_str().expect("an id"));
        assert_eq!(ask("owner", "DELETE", "/v1/people/owner").await.status, 422);
        assert_eq!(ask("owner", "DELETE", &path).await.json()["name"], "Kim");
        assert_eq!(ask("owner", "DELETE", &path).await.status, 404);
        assert_eq!(member.get("/").await.location(), "/sign-in");
    })
    .await;
}

/// No command gets at a vault in memory to print another link.
#[tokio::test]
async fn whoever_signs_out_of_a_sandbox_in_memory_can_come_in_again() {
    for pretended in [Pretended::No, Pretended::Everything] {
        let more: fn(&Sandbox, &mut Config) = match pretended {
            Pretended::No => |_, _| {},
            _ => |_, config| config.pretended = Pretended::Everything,
        };
        let world = World::with(&["august"], Setup { known: true, more: Some(more), ..Setup::default() }).await;
        let mut owner = world.owner().await;
        let mut member = world.member(&mut owner, "Robin").await;
        let (form_token, theirs) = (owner.get("/settings").await.form_token(), member.get("/settings").await.form_token());
        assert_eq!(member.post("/sign-out", &[("form_token", &theirs)]).await.location(), "/sign-in", "the door is the owner's");
        let onward = owner.post("/sign-out", &[("form_token", &form_token)]).await.location().to_owned();
        assert!(!is_signed_in(&mut owner).await, "they are out");
        if pretended == Pretended::No {
            assert_eq!(onward, "/sign-in");
        } else {
            owner.enter(&onward).await;
            assert!(is_signed_in(&mut owner).await, "and in again, by a button");
        }
    }
}
