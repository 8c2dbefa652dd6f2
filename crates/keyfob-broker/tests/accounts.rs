//! Whose which account is, where there are people.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyfob::Store as _;
use keyfob::history::Event;
use keyfob::proto::{Origin, Timestamp};
use keyfob::store::Expected;
use keyfob_broker::Site;
use keyfob_sandbox::At;
use keyfob_store::shelf::{Item, Kind};
use support::counted::Counted;
use support::gate::{Bare, Instance, Vault, put_account, until};
use support::{Browser, World};

/// Two people who know each other, and August.
async fn two(names: &[&str]) -> (World, Browser, Browser) {
    let world = World::known(names).await;
    let mut owner = world.owner().await;
    let member = world.member(&mut owner, "Robin").await;
    (world, owner, member)
}

async fn names(world: &World) -> Vec<String> {
    world.store.accounts().await.expect("accounts").into_iter().map(|found| found.value.name).collect()
}

/// Begins to connect one account more.
async fn begin_another(browser: &mut Browser, service: &str, label: &str) -> support::Page {
    let token = browser.get("/").await.form_token();
    browser.post(&format!("/connect/{service}"), &[("form_token", &token), ("label", label)]).await
}

#[tokio::test]
async fn each_person_has_accounts_of_their_own() {
    let (world, mut owner, mut member) = two(&["august", "telldus"]).await;
    assert!(owner.connect("august").await.has("Front Door"));
    assert!(member.get("/").await.has("Connect August"), "what the owner has is not the member's");
    assert_eq!(member.get("/accounts/august").await.status, 404);
    assert!(member.connect("august").await.has("Front Door"));
    let names = names(&world).await;
    let [theirs, ours] = &names[..] else { panic!("{names:?}") };
    let (theirs, ours) = if theirs == "august" { (ours, theirs) } else { (theirs, ours) };
    assert_eq!(ours, "august", "the command knows it as its own");
    assert!(theirs.starts_with('~') && theirs.ends_with("/august"), "{theirs}");
    // Each logs out alone.
    let token = member.get("/accounts/august/logout").await.form_token();
    member.post("/accounts/august/logout", &[("form_token", &token)]).await;
    assert_eq!(member.get("/accounts/august").await.status, 404);
    assert!(owner.get("/accounts/august").await.has("Front Door"));
}

#[tokio::test]
async fn there_may_be_several_accounts_of_one_provider() {
    let (world, mut owner, _) = two(&["telldus"]).await;
    owner.connect("telldus").await;
    let url = begin_another(&mut owner, "telldus", "cabin").await.location().to_owned();
    let back = owner.approve(&url).await;
    assert_eq!(owner.get(&back).await.location(), "/accounts/telldus%2Fcabin");
    let cabin = owner.get("/accounts/telldus%2Fcabin").await;
    assert!(cabin.has("Living room lamp") && cabin.has("telldus/cabin"), "{}", cabin.text);
    assert!(owner.get(&cabin.link("Dim")).await.url.contains("/accounts/telldus%2Fcabin/do/"));
    assert_eq!(names(&world).await, ["telldus", "telldus/cabin"]);
    let taken = begin_another(&mut owner, "telldus", "cabin").await;
    assert!(taken.status == 409 && taken.has("There is an account telldus/cabin already"), "{}", taken.text);
    for wrong in ["Cabin", "a/b", "~x", "../x", "a b", "-", &"x".repeat(65)] {
        assert_eq!(begin_another(&mut owner, "telldus", wrong).await.status, 400, "{wrong}");
    }
    assert!(owner.get("/").await.has("telldus/cabin"));
    // It can be logged in to again, and out.
    assert!(owner.connect("telldus/cabin").await.has("is connected."));
    let token = owner.get("/accounts/telldus%2Fcabin/logout").await.form_token();
    owner.post("/accounts/telldus%2Fcabin/logout", &[("form_token", &token)]).await;
    assert_eq!(names(&world).await, ["telldus"]);
}

/// What an old tab still shows is pressed: it says what has become of the account, and where there is more.
#[tokio::test]
async fn what_another_tab_has_disconnected_is_told_where_it_is_pressed() {
    let world = World::known(&["telldus"]).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let page = owner.get("/accounts/telldus").await;
    let (act, token) = (page.link("Dim"), page.form_token());
    let mut other = owner.tab();
    let leave = other.get("/accounts/telldus/logout").await.form_token();
    other.post("/accounts/telldus/logout", &[("form_token", &leave)]).await;
    let pressed = act.split('?').next().expect("a path");
    for page in [
        owner.get("/accounts/telldus").await,
        owner.get(&act).await,
        owner.post(pressed, &[("form_token", &token), ("id", "1")]).await,
        owner.post("/accounts/telldus/logout", &[("form_token", &token)]).await,
    ] {
        assert_eq!(page.status, 404);
        assert!(page.has("is not connected") && page.has("You have no account telldus:"), "{}", page.text);
    }
}

/// Two tabs of one person, each with a login for a new account under this name: both have said yes at the provider.
#[tokio::test]
async fn an_account_with_a_name_of_its_own_asks_for_more_on_its_page() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    let url = begin_another(&mut owner, "netatmo", "cabin").await.location().to_owned();
    let back = owner.approve(&url).await;
    owner.get(&back).await;
    for name in ["netatmo", "netatmo%2Fcabin"] {
        let page = owner.get(&format!("/accounts/{name}")).await;
        let form = page.text.split_once("id=\"f-scopes\"").unwrap_or_else(|| panic!("no form: {}", page.text)).1;
        let form = form.split_once("</form>").expect("its end").0;
        assert!(form.contains("value=\"read_station\" checked") && form.contains("value=\"read_thermostat\"><"), "{form}");
        let path = format!("/connect/{name}");
        assert!(page.has(&format!("action=\"{path}\"")), "{}", page.text);
        let token = page.form_token();
        let nothing = owner.post(&path, &[("form_token", &token), ("scopes", "chosen")]).await;
        assert_eq!(nothing.status, 400, "{}", nothing.text);
        let fields = [("form_token", token.as_str()), ("scopes", "chosen"), ("scope", "read_station"), ("scope", "read_thermostat")];
        let url = owner.post(&path, &fields).await.location().to_owned();
        let back = owner.approve(&url).await;
        owner.get(&back).await;
        let page = owner.get(&format!("/accounts/{name}")).await;
        assert!(page.has("value=\"read_thermostat\" checked"), "what was asked for is asked for again: {}", page.text);
    }
}

async fn two_tabs(owner: &mut Browser, service: &str, label: &str) -> (String, String) {
    let first = begin_another(owner, service, label).await.location().to_owned();
    let second = begin_another(owner, service, label).await.location().to_owned();
    (owner.approve(&first).await, owner.approve(&second).await)
}

#[tokio::test]
async fn l22_of_two_tabs_that_connect_a_new_account_each_has_its_own() {
    let (world, mut owner, _) = two(&["telldus"]).await;
    let tokens = |account: &keyfob::Account| serde_json::to_string(&account.tokens).expect("they are made to be stored");
    let same = |one: &keyfob::Account, other: &keyfob::Account| one.id == other.id && tokens(one) == tokens(other);
    let long = "x".repeat(64);
    let cases = [
        ("", "telldus", "telldus/2"),
        ("cabin", "telldus/cabin", "telldus/cabin-2"),
        (&long, &format!("telldus/{long}"), &format!("telldus/{}-2", &long[2..])),
    ];
    for (label, first, second) in cases {
        let (one, other) = two_tabs(&mut owner, "telldus", label).await;
        assert_eq!(owner.get(&one).await.location(), format!("/accounts/{}", first.replace('/', "%2F")));
        let before = world.account(first).await.expect("the first one's");
        let there = owner.get(&other).await.location().to_owned();
        assert_eq!(there, format!("/accounts/{}", second.replace('/', "%2F")));
        let page = owner.get(&there).await;
        assert!(page.has(&format!("as {second}: {first} was taken meanwhile, and is another account")), "{}", page.text);
        let after = world.account(first).await.expect("it is there");
        assert!(same(&after, &before), "{first} is what it was");
        let new = world.account(second).await.expect("the second one's");
        assert!(new.id != before.id && tokens(&new) != tokens(&before), "{second} is another one");
    }
    // A login again is one, also where that is begun twice.
    let (one, other) = (owner.begin("telldus").await, owner.begin("telldus").await);
    for url in [one, other] {
        let back = owner.approve(&url).await;
        assert_eq!(owner.get(&back).await.location(), "/accounts/telldus");
    }
    assert_eq!(names(&world).await.len(), 6);
}

#[tokio::test]
async fn two_tabs_in_which_one_account_is_connected_connect_it_twice() {
    let (world, mut owner, _) = two(&["fitbit"]).await;
    let (one, other) = two_tabs(&mut owner, "fitbit", "").await;
    for back in [one, other] {
        assert_eq!(owner.get(&back).await.location(), "/accounts/fitbit");
    }
    assert_eq!(names(&world).await, ["fitbit"], "the provider says that it is the same person's");
}

#[tokio::test]
async fn l22_a_new_account_goes_beside_what_another_machine_keeps_in_that_moment() {
    let counted = Arc::new(Counted::new(Arc::default()));
    let setup = support::Setup { known: true, counted: Some(counted.clone()), ..support::Setup::default() };
    let world = World::with(&["telldus"], setup).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let mut theirs = world.account("telldus").await.expect("an account");
    (theirs.name, theirs.id) = ("telldus/cabin".to_owned(), keyfob::AccountId::random());
    let url = begin_another(&mut owner, "telldus", "cabin").await.location().to_owned();
    let back = owner.approve(&url).await;
    counted.is_first(theirs.clone());
    assert_eq!(owner.get(&back).await.location(), "/accounts/telldus%2Fcabin-2");
    assert_eq!(world.account("telldus/cabin").await.expect("it is there").id, theirs.id);
}

/// What is on the shelf of whom each account at a provider is linked to.
/// Those that have not ended.
async fn linked(world: &World) -> Vec<serde_json::Value> {
    let shelf = world.shelf.as_ref().expect("a shelf");
    let items = shelf.items(Kind("upstream"), None, None, 10, Timestamp::from_unix(i64::MAX)).await.expect("items");
    items.iter().map(|item| serde_json::from_slice(&item.value.content).expect("JSON")).collect()
}

/// Where the name is somebody else's account at the provider by the time it is written, it is not written over: what was judged was the one before.
#[tokio::test]
async fn l22_a_login_takes_the_place_of_what_it_was_judged_by_and_of_nothing_else() {
    for is_there in [true, false] {
        let counted = Arc::new(Counted::new(Arc::default()));
        let setup = support::Setup { known: true, counted: Some(counted.clone()), ..support::Setup::default() };
        let world = World::with(&["fitbit"], setup).await;
        let mut owner = world.owner().await;
        let (one, other) = two_tabs(&mut owner, "fitbit", "").await;
        assert_eq!(owner.get(&one).await.location(), "/accounts/fitbit");
        let mut theirs = world.account("fitbit").await.expect("an account");
        assert!(theirs.kept.insert("user_id".to_owned(), "SOMEBODY".to_owned()).is_some(), "it is known whose it is");
        theirs.id = keyfob::AccountId::random();
        if !is_there {
            let token = owner.get("/accounts/fitbit/logout").await.form_token();
            owner.post("/accounts/fitbit/logout", &[("form_token", &token)]).await;
            assert!(linked(&world).await.is_empty());
        }
        counted.is_first(theirs.clone());
        assert_eq!(owner.get(&other).await.location(), "/accounts/fitbit%2F2");
        assert_eq!(world.account("fitbit").await.expect("it is there").id, theirs.id);
        assert_ne!(world.account("fitbit/2").await.expect("an account").person(), theirs.person());
        // Each is linked under its own name, and ours not under one that it was not kept under.
        let mut names: Vec<String> = linked(&world).await.iter().map(|linked| linked["names"].to_string()).collect();
        names.sort();
        assert_eq!(names, [r#"["fitbit"]"#, r#"["fitbit/2"]"#]);
    }
}

/// Tokens that nobody will have can only be stolen. Where the login before is still good, they are left: at some providers it would end with them.
#[tokio::test]
async fn no_login_ends_with_tokens_that_cannot_be_linked() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let mut service = support::service(&sandbox, "acme", None);
    service.scopes = ["openid", "profile", "echo"].map(str::to_owned).to_vec();
    let disk = Arc::new(support::disk::Disk::default());
    let setup = support::Setup { known: true, place: Some(support::shelves::of(disk.clone())), ..support::Setup::default() };
    let world = World::set_up(sandbox, vec![service], setup).await;
    let mut owner = world.owner().await;
    let revoked = || world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/revoke").count();
    for is_again in [false, true] {
        let url = owner.begin("acme").await;
        let back = owner.approve(&url).await;
        disk.cannot_read(Some(Kind("upstream")));
        let page = owner.get(&back).await;
        disk.cannot_read(None);
        assert_eq!(page.status, 503, "{}", page.text);
        assert_eq!(revoked(), 0, "under another name there may be a login that is good");
        assert_eq!(world.account("acme").await.is_some(), is_again);
        world.sandbox.clear_seen();
        owner.connect("acme").await;
        assert_eq!(owner.get("/accounts/acme").await.status, 200);
    }
}

#[tokio::test]
async fn an_account_is_called_what_the_person_likes() {
    let (world, mut owner, mut member) = two(&["august"]).await;
    owner.connect("august").await;
    member.connect("august").await;
    let token = owner.get("/accounts/august").await.form_token();
    let title = "Übersee <b>";
    assert_eq!(owner.post("/accounts/august/rename", &[("form_token", &token), ("title", title)]).await.location(), "/accounts/august");
    for page in ["/", "/accounts/august"] {
        assert!(owner.get(page).await.has("Übersee &#60;b&#62;"), "{page}");
        assert!(!member.get(page).await.has("Übersee"), "{page}");
    }
    for wrong in ["two\nlines", &"x".repeat(61)] {
        assert_eq!(owner.post("/accounts/august/rename", &[("form_token", &token), ("title", wrong)]).await.status, 400);
    }
    owner.connect("august").await;
    assert!(owner.get("/").await.has("Übersee"), "also after a new login");
    owner.post("/accounts/august/rename", &[("form_token", &token), ("title", "")]).await;
    assert!(!owner.get("/").await.has("Übersee"));
    assert!(names(&world).await.iter().any(|name| name == "august"), "its name stays");
}

#[tokio::test]
async fn l17_coming_connecting_calling_it_otherwise_and_going_are_in_the_book() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    let mut told = vec!["signed in"];
    let lines = async |browser: &mut Browser| -> Vec<String> {
        let page = browser.get("/activity").await.text;
        let rows = page.split("<tr").skip(1).filter(|row| row.contains("<time"));
        rows.map(|row| row.replace('\n', " ")).collect()
    };
    let is_told = |lines: &[String], told: &[&str]| {
        assert_eq!(lines.len(), told.len(), "{lines:#?}");
        for (line, told) in lines.iter().rev().zip(told) {
            assert!(line.contains(&format!(">{told}<")) && line.contains("You"), "{told}: {line}");
        }
    };
    owner.connect("august").await;
    told.push("connected it");
    let form_token = owner.get("/accounts/august").await.form_token();
    for (title, line) in [("The cabin", "calls it The cabin"), ("", "calls it by its name again")] {
        let fields = [("form_token", form_token.as_str()), ("title", title)];
        assert_eq!(owner.post("/accounts/august/rename", &fields).await.status, 303);
        told.push(line);
    }
    is_told(&lines(&mut owner).await, &told);
    let form_token = owner.get("/settings").await.form_token();
    assert_eq!(owner.post("/sign-out", &[("form_token", &form_token)]).await.location(), "/sign-in");
    told.extend(["signed out", "signed in"]);
    is_told(&lines(&mut world.owner().await).await, &told);
}

#[tokio::test]
async fn what_the_command_made_is_the_owners() {
    let world = World::new(&["telldus", "august"]).await;
    world.connected("telldus").await;
    let made = world.account("telldus").await.expect("an account");
    drop(world);
    let (world, mut owner, mut member) = two(&["telldus", "august"]).await;
    for name in ["telldus", "telldus/cabin"] {
        let mut account = made.clone();
        (account.name, account.id) = (name.to_owned(), keyfob::AccountId::random());
        world.store.put_account(&account, Expected::Anything, None).await.expect("put");
    }
    let start = owner.get("/").await;
    assert!(start.has("href=\"/accounts/telldus\"") && start.has("href=\"/accounts/telldus%2Fcabin\""), "{}", start.text);
    for path in ["/accounts/telldus", "/accounts/telldus%2Fcabin"] {
        assert_eq!(member.get(path).await.status, 404, "{path}");
    }
    // What it forgets is gone.
    world.store.remove_account("telldus/cabin", None).await.expect("removed");
    assert!(!owner.get("/").await.has("telldus%2Fcabin"));
}

/// Puts an account where the command puts what it made, which tells the web app nothing.
async fn made_by_the_command(world: &World, account: &keyfob::Account, name: &str) {
    let account = keyfob::Account { name: name.to_owned(), id: keyfob::AccountId::random(), ..account.clone() };
    let entry = world.keyfob().entry(&account, Event::LoggedIn { received: None, imported: false });
    world.store.put_account(&account, Expected::Nothing, Some(&entry)).await.expect("put");
}

/// An account at the provider, made elsewhere.
async fn made_elsewhere(service: &str) -> keyfob::Account {
    let world = World::new(&[service]).await;
    world.connected(service).await;
    world.account(service).await.expect("an account")
}

#[tokio::test]
async fn what_the_command_makes_while_the_web_app_runs_is_the_owners_too() {
    let made = made_elsewhere("telldus").await;
    let counted = Arc::new(Counted::new(Arc::default()));
    let setup = support::Setup { known: true, counted: Some(counted.clone()), ..support::Setup::default() };
    let world = World::with(&["telldus"], setup).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let listed = async || {
        let list = world.ask("owner", "GET", "/v1/accounts", "").await.json();
        list["items"].as_array().expect("a list").iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert!(listed().await.is_empty());
    let read = counted.all.load(Ordering::Relaxed);
    for name in ["telldus/cabin", "telldus", "telldus/attic"] {
        made_by_the_command(&world, &made, name).await;
    }
    assert_eq!(listed().await, ["telldus", "telldus/attic", "telldus/cabin"]);
    assert!(owner.get("/").await.has("href=\"/accounts/telldus%2Fcabin\""));
    assert!(owner.get("/keys").await.has("<option value=\"telldus/cabin\""));
    assert_eq!(member.get("/accounts/telldus%2Fcabin").await.status, 404);
    assert_eq!(counted.all.load(Ordering::Relaxed), read, "the whole vault is read for none of it");
    // Logged out and in again it is another account, under the name of the one that was listed.
    world.store.remove_account("telldus/cabin", None).await.expect("removed");
    made_by_the_command(&world, &made, "telldus/cabin").await;
    assert_eq!(listed().await, ["telldus", "telldus/attic", "telldus/cabin"]);
    // What came without a word of its history is taken away with the others all the same.
    let silent = keyfob::Account { name: "telldus/silent".to_owned(), id: keyfob::AccountId::random(), ..made };
    world.store.put_account(&silent, Expected::Nothing, None).await.expect("put");
    assert!(owner.get("/people/owner/revoke").await.has("telldus: 4"));
    owner.act("/people/owner/revoke", &[]).await;
    assert_eq!(names(&world).await, Vec::<String>::new());
}

/// The vault as a whole cannot be read then, and each account that is not damaged can.
#[tokio::test]
async fn l18_a_damaged_account_of_somebody_else_keeps_none_of_a_persons() {
    let counted = Arc::new(Counted::new(Arc::default()));
    counted.is_damaged.store(true, Ordering::Relaxed);
    let setup = support::Setup { known: true, counted: Some(counted), ..support::Setup::default() };
    let world = World::with(&["telldus", "netatmo"], setup).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    owner.connect("telldus").await;
    owner.connect("netatmo").await;
    member.connect("telldus").await;
    assert!(owner.get("/").await.has("href=\"/accounts/netatmo\""));
    assert_eq!(owner.act("/people/owner/revoke", &[]).await.status, 303);
    let left = names(&world).await;
    assert!(left.len() == 1 && left[0].starts_with('~'), "{left:?}");
}

#[tokio::test]
async fn l19_what_the_command_makes_while_the_web_app_runs_is_nobody_elses() {
    let made = made_elsewhere("fitbit").await;
    // Robin has never had it, or had it and disconnected it: what says so then has ended, and is still there.
    for had_it in [false, true] {
        let (world, mut owner, mut member) = two(&["fitbit"]).await;
        owner.get("/").await;
        if had_it {
            member.connect("fitbit").await;
            member.act("/accounts/fitbit/logout", &[]).await;
        }
        made_by_the_command(&world, &made, "fitbit/work").await;
        let url = member.begin("fitbit").await;
        let back = member.approve(&url).await;
        let page = member.get(&back).await;
        assert!(page.status == 409 && page.has("is connected by somebody else here"), "{had_it}: {} {}", page.status, page.text);
    }
}

#[tokio::test]
async fn a13_l19_a_link_that_one_person_begins_another_cannot_finish() {
    let (world, mut owner, mut member) = two(&["august"]).await;
    let url = owner.begin("august").await;
    let back = owner.approve(&url).await;
    world.sandbox.clear_seen();
    let page = member.get(&back).await;
    assert!(page.status == 400 && page.has("Not our answer"), "{}", page.text);
    assert!(world.browser().get(&back).await.status == 403);
    // The same browser, after somebody else has signed in with it.
    let invitation = owner.invite("Kim").await;
    let mut kim = world.browser();
    for (name, value) in owner.cookies().expect("cookies").clone() {
        kim.set_cookie(&name, &value);
    }
    let before = kim.cookies().expect("cookies").clone();
    kim.enter(&invitation).await;
    assert_ne!(&before, kim.cookies().expect("cookies"));
    let page = kim.get(&back).await;
    assert!(page.status == 400 && page.has("Not our answer"), "{}", page.text);
    assert!(names(&world).await.is_empty(), "nothing is attached to anybody");
    assert!(world.sandbox.seen("august").is_empty(), "and nothing was sent");
}

#[tokio::test]
async fn a3_another_browser_of_the_same_person_cannot_finish_it_either() {
    let (world, mut owner, _) = two(&["august"]).await;
    let url = owner.begin("august").await;
    let back = owner.approve(&url).await;
    let mut other = world.owner().await;
    assert_eq!(other.get(&back).await.status, 400);
    assert_eq!(owner.get(&back).await.location(), "/accounts/august", "the right one goes on");
}

#[tokio::test]
async fn l19_one_account_at_a_provider_is_one_persons() {
    let sandbox = keyfob_sandbox::Sandbox::builder().consent(keyfob_sandbox::Consent::Approve).start().await.expect("a sandbox");
    let mut services: Vec<_> = ["fitbit", "acme"].iter().map(|name| support::service(&sandbox, name, None)).collect();
    // One says whose account it is beside the tokens, the other in an ID token.
    services[1].scopes = ["openid", "profile", "echo"].map(str::to_owned).to_vec();
    let world = World::set_up(sandbox, services, support::Setup { known: true, ..support::Setup::default() }).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    for service in ["fitbit", "acme"] {
        owner.connect(service).await;
        let token = member.get("/").await.form_token();
        let url = member.post(&format!("/connect/{service}"), &[("form_token", &token)]).await.location().to_owned();
        let back = member.approve(&url).await;
        let page = member.get(&back).await;
        assert!(page.status == 409 && page.has("is connected by somebody else here"), "{service}: {}", page.text);
        assert_eq!(member.get(&format!("/accounts/{service}")).await.status, 404);
        assert_eq!(names(&world).await.iter().filter(|name| name.starts_with('~') && name.ends_with(service)).count(), 0);
        assert_eq!(owner.get(&format!("/accounts/{service}")).await.status, 200, "it stays what it was");
        // Again, and under another name, by the same person: that is nobody else.
        owner.connect(service).await;
        let url = begin_another(&mut owner, service, "two").await.location().to_owned();
        let back = owner.approve(&url).await;
        assert_eq!(owner.get(&back).await.status, 303);
        for account in [service.to_owned(), format!("{service}%2Ftwo")] {
            let path = format!("/accounts/{account}/logout");
            let token = owner.get(&path).await.form_token();
            assert_eq!(member.get(&back).await.status, 400);
            owner.post(&path, &[("form_token", &token)]).await;
        }
        // Nobody's any more.
        member.connect(service).await;
        assert_eq!(member.get(&format!("/accounts/{service}")).await.status, 200, "{service}");
    }
}

/// A key is for the account that it was made for: it goes on with a new login, and ends when the name becomes another account at the provider.
#[tokio::test]
async fn a_name_that_becomes_another_account_at_the_provider_is_another_account() {
    let (world, mut owner, _) = two(&["fitbit"]).await;
    owner.connect("fitbit").await;
    let made = world.account("fitbit").await.expect("an account");
    owner.connect("fitbit").await;
    let again = world.account("fitbit").await.expect("an account");
    assert_eq!(again.id, made.id, "the same one, and its keys go on");
    // As if it had been somebody else's at the provider.
    let mut other = again.clone();
    assert!(other.kept.insert("user_id".to_owned(), "SOMEBODY".to_owned()).is_some(), "it is known whose it is");
    world.store.put_account(&other, Expected::Anything, None).await.expect("put");
    assert!(owner.connect("fitbit").await.has("is connected."));
    let new = world.account("fitbit").await.expect("an account");
    assert_ne!(new.id, made.id);
    let shelf = world.shelf.as_ref().expect("a shelf");
    let kept = shelf.items(Kind("account"), None, None, 10, Timestamp::from_unix(0)).await.expect("items");
    let ids: Vec<&str> = kept.iter().map(|item| item.value.id.as_str()).collect();
    assert_eq!(ids, [new.id.as_str()], "the old one is nobody's any more");
    // Where the provider says nothing of whose it is, nobody can tell.
    let mut unknown = new.clone();
    unknown.kept.remove("user_id");
    world.store.put_account(&unknown, Expected::Anything, None).await.expect("put");
    owner.connect("fitbit").await;
    assert_eq!(world.account("fitbit").await.expect("an account").id, new.id);
}

/// The vault has the new name first, and the shelf a moment later; a page that is looked at in between must not lose the account.
#[tokio::test]
async fn a_renamed_account_is_its_owners_at_every_moment() {
    let (world, mut owner, mut member) = two(&["fitbit"]).await;
    let shelf: Arc<dyn keyfob_store::Shelf> = world.shelf.clone().expect("a shelf");
    owner.connect("fitbit").await;
    let token = owner.get("/accounts/fitbit").await.form_token();
    owner.post("/accounts/fitbit/rename", &[("form_token", &token), ("title", "Übersee")]).await;
    let account = keyfob::rename(&world.keyfob(), "fitbit", "fitbit/one").await.expect("renamed");
    let start = owner.get("/").await;
    assert!(start.has("href=\"/accounts/fitbit%2Fone\"") && start.has("Übersee"), "{}", start.text);
    // Cut off here, it is all the same; and asked for again, it does no harm.
    for was in ["fitbit", "fitbit"] {
        let start = owner.get("/").await;
        assert!(start.has("href=\"/accounts/fitbit%2Fone\"") && start.has("Übersee"), "{}", start.text);
        keyfob_broker::follow(&shelf, was, &account, keyfob::Clock::now(&*world.clock)).await.expect("followed");
    }
    // It was lost, by a program that is older.
    assert!(shelf.remove_item(Kind("account"), account.id.as_str()).await.expect("the shelf"));
    assert!(!owner.get("/").await.has("fitbit%2Fone"));
    keyfob_broker::follow(&shelf, "fitbit", &account, keyfob::Clock::now(&*world.clock)).await.expect("followed");
    assert!(owner.get("/").await.has("href=\"/accounts/fitbit%2Fone\""));
    // At the provider it is linked by the new name: nobody else's (L19), also when no login can be under way any more.
    world.advance(11 * 60);
    let url = member.begin("fitbit").await;
    let back = member.approve(&url).await;
    assert_eq!(member.get(&back).await.status, 409);
    // And taken back with all the others, although nobody has looked or followed since.
    keyfob::rename(&world.keyfob(), "fitbit/one", "fitbit/two").await.expect("renamed");
    let path = "/people/owner/revoke";
    let page = owner.act(path, &[]).await;
    assert_eq!(names(&world).await, Vec::<String>::new(), "{}", page.text);
}

#[tokio::test]
async fn l19_a_link_ends_when_the_name_becomes_somebody_elses_account_by_the_command() {
    let (world, mut owner, mut member) = two(&["fitbit"]).await;
    owner.connect("fitbit").await;
    let mut other = world.account("fitbit").await.expect("an account");
    world.advance(11 * 60);
    let mut tries = async |status: u16, why: &str| {
        let url = member.begin("fitbit").await;
        let back = member.approve(&url).await;
        let page = member.get(&back).await;
        assert_eq!(page.status, status, "{why}: {}", page.text);
    };
    tries(409, "it is the owner's").await;
    // Where nothing says whose it is, nobody can tell.
    let user = other.kept.remove("user_id").expect("it is known whose it is");
    world.store.put_account(&other, Expected::Anything, None).await.expect("put");
    tries(409, "it may be the owner's").await;
    assert_ne!(user, "SOMEBODY");
    other.kept.insert("user_id".to_owned(), "SOMEBODY".to_owned());
    other.id = keyfob::AccountId::random();
    world.store.put_account(&other, Expected::Anything, None).await.expect("put");
    tries(303, "the owner has another one").await;
}

#[tokio::test]
async fn l19_a_household_may_share() {
    let setup = support::Setup { known: true, more: Some(|_, config| config.shared_accounts = true), ..support::Setup::default() };
    let world = World::with(&["fitbit"], setup).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    assert!(owner.connect("fitbit").await.has("Robin Demo"));
    assert!(member.connect("fitbit").await.has("Robin Demo"));
}

#[tokio::test]
async fn the_pages_of_two_machines_are_the_same() {
    let (world, mut owner, _) = two(&["august"]).await;
    let (_site, other): (Arc<Site>, _) = world.another().await;
    owner.connect("august").await;
    owner.reach(other);
    assert!(owner.get("/").await.has("Log in again"));
    assert!(owner.get("/accounts/august").await.has("Front Door"));
}

/// What a page begins goes to its end: not the tokens revoked at the provider, and the account listed here for ever, with no line about it.
#[tokio::test]
async fn l17_whoever_logs_an_account_out_and_hangs_up_is_in_the_book_all_the_same() {
    let (world, mut owner, _) = two(&["acme"]).await;
    owner.connect("acme").await;
    let token = owner.get("/accounts/acme/logout").await.form_token();
    world.sandbox.faults("acme").update(|faults| (faults.at, faults.slow_ms) = (At::Token, 1000));
    let posting = tokio::spawn(async move { owner.post("/accounts/acme/logout", &[("form_token", &token)]).await });
    let revoked = || world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/revoke").count();
    // The refresh token; the access token takes another second.
    until("the provider is told", async || revoked() > 0).await;
    posting.abort();
    until("it is forgotten", async || names(&world).await.is_empty()).await;
    let shelf = world.shelf.clone().expect("a shelf");
    until("it is nobody's any more", async || {
        shelf.items(Kind("account"), None, None, 10, Timestamp::from_unix(0)).await.expect("items").is_empty()
    })
    .await;
    until("there is a line", async || {
        let acts = shelf.acts(Some("owner"), None, 10).await.expect("the book");
        acts.iter().any(|(_, act)| String::from_utf8_lossy(&act.content).contains("\"disconnected\""))
    })
    .await;
}

/// As the browser's person likes.
#[tokio::test]
async fn what_an_action_ends_in_looks_like_any_other_page() {
    let (world, mut owner, _) = two(&["august"]).await;
    let page = owner.connect("august").await;
    let lock = owner.get(&page.link("Front Door")).await.link("Unlock");
    owner.set_cookie("keyfob-look", "dark");
    world.sandbox.faults("august").update(|faults| (faults.slow_ms, faults.unavailable) = (50, 1000));
    let failed = owner.act(&lock, &[]).await;
    assert!(failed.status >= 500 && failed.has("data-theme=\"dark\"") && failed.has("Owner"), "{} {}", failed.status, failed.text);
}

/// A web app whose owner has an account at a provider made by hand, and their program's token.
async fn bare() -> (Vault, Arc<Counted>, Instance, String) {
    let vault = Vault::default();
    let provider = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = provider.connected(&vault).await;
    let counted = Arc::new(Counted::new(vault.store.clone()));
    let instance = Instance::over(counted.clone(), &vault, vec![service]).await;
    let token = keyfob_broker::api::token::create(&*vault.shelf, "owner", "an app", None, keyfob_broker::Who::Command, vault.now()).await;
    let token = token.expect("a token").text.expose().to_owned();
    (vault, counted, instance, token)
}

/// Every account is on the list, its pages one after the other.
async fn listed(instance: &Instance, token: &str) -> Vec<String> {
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = instance.ask(token, "GET", &format!("/v1/accounts?limit=200{cursor}")).await.json();
        names.extend(page["items"].as_array().expect("a list").iter().map(|item| item["name"].as_str().expect("a name").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return names };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn more_accounts_than_anybody_reads_at_once_are_all_listed() {
    let (vault, _, instance, token) = bare().await;
    let mut all = vec!["bare".to_owned()];
    for number in 0..1005 {
        let name = format!("bare/{number:04}");
        put_account(&vault, &name, "bare", Origin::parse("https://bare.example").expect("an origin")).await;
        all.push(name);
    }
    assert_eq!(listed(&instance, &token).await, all);
}

/// What the command forgot is missed once by each page, and the vault is not opened anew for each of it.
#[tokio::test]
async fn the_vault_is_looked_through_once_for_all_that_is_missed() {
    let (vault, counted, instance, token) = bare().await;
    assert_eq!(listed(&instance, &token).await, ["bare"]);
    for number in 0..30 {
        let item = Item::new(keyfob::AccountId::random().to_string(), format!("{{\"name\":\"bare/{number}\"}}")).owned_by("owner");
        vault.shelf.put_item(Kind("account"), &item, Expected::Nothing).await.expect("put");
    }
    let before = counted.all.load(Ordering::Relaxed);
    assert_eq!(listed(&instance, &token).await, ["bare"]);
    assert_eq!(counted.all.load(Ordering::Relaxed) - before, 1);
    assert_eq!(listed(&instance, &token).await, ["bare"]);
    assert_eq!(counted.all.load(Ordering::Relaxed) - before, 1, "what is gone is not looked for again");
}
