//! What is somebody else's is as if it were not there: every route with somebody else's names, and nothing comes of it.
#![allow(missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use keyfob::Store as _;
use keyfob::proto::Timestamp;
use keyfob_broker::{Limits, paths};
use keyfob_store::shelf::Kind;
use support::{Browser, Things, World};

/// Everything that is kept, in words that can be compared.
async fn state(world: &World) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for found in world.store.accounts().await.expect("accounts") {
        state.insert(format!("account {}", found.value.name), format!("{:?} {:?}", found.generation, found.value));
    }
    let shelf = world.shelf.as_ref().expect("a shelf");
    // Not `visit`: that a browser is in use, and what it is to be told next, is its own.
    for kind in [
        "person",
        "subject",
        "invite",
        "link",
        "account",
        "upstream",
        "revocation",
        "key",
        "token",
        "webhook",
        "connect",
        "return-url",
        "waiting",
    ] {
        for item in shelf.items(Kind(kind), None, None, 1000, Timestamp::from_unix(0)).await.expect("items") {
            let mut content: serde_json::Value = serde_json::from_slice(&item.value.content).expect("JSON");
            // How its deliveries go is told whenever one was tried: nobody asked for that.
            content.as_object_mut().expect("an object").remove("trouble");
            state.insert(format!("{kind} {}", item.value.id), content.to_string());
        }
    }
    state
}

/// A member's id, from the owner's page.
async fn id_of(owner: &mut Browser, name: &str) -> String {
    let text = owner.get("/people").await.text;
    let at = text.find(&format!(">{name}<")).expect("a member");
    let rest = text[at..].split_once("/people/").expect("an address").1;
    rest.split('/').next().expect("an id").to_owned()
}

/// What a name of somebody else's account looks like from outside: as they call it, as the vault does, and as it is mistyped on purpose.
fn foreign_names(theirs: &str, person: &str) -> Vec<String> {
    let plain =
        [theirs.to_owned(), format!("~{person}/{theirs}"), format!("~owner/{theirs}"), format!("{theirs}/x"), format!("../{theirs}")];
    let encoded = plain.iter().map(|name| keyfob::proto::encode::percent(name).to_string());
    encoded.chain([format!("~{person}%252F{theirs}"), theirs.to_uppercase(), format!("{theirs}%00")]).collect()
}

/// The number of a login that waits for its code to be entered.
async fn waits(browser: &mut Browser) -> String {
    let page = browser.begin_as("acme", "code").await;
    page.location().strip_prefix("/waiting/").expect("a page").to_owned()
}

/// Whether it names a thing that is somebody's, and not what is there for all.
fn is_of_somebody(pattern: &str) -> bool {
    ["{account}", "{person}", "{key}", "{token}", "{webhook}", "{link}", "{return_url}", "{login}", "{invitation}"]
        .iter()
        .any(|name| pattern.contains(name))
}

/// Every route with these names, by GET and as a form that is this browser's own.
async fn ask_everywhere(browser: &mut Browser, accounts: &[String], person: &str, things: &Things) -> BTreeMap<String, u16> {
    let form_token = browser.get("/settings").await.form_token();
    let fields = [
        ("form_token", form_token.as_str()),
        ("id", "5A9DB0C5000000000000000000000F01"),
        ("title", "mine now"),
        ("theme", "dark"),
        ("client_id", "mine"),
    ];
    let mut all = BTreeSet::new();
    for pattern in paths() {
        for account in accounts {
            for action in ["locks", "lock", "unlock-now", "devices", "turn-on"] {
                let path = things.fill(pattern, account, action, person);
                // Invitations are the owner's, who is the one for whom nobody's are foreign.
                if is_of_somebody(pattern) && !(pattern.contains("{invitation}") && person == "nobody") {
                    all.insert(path);
                }
            }
        }
    }
    let mut answers = BTreeMap::new();
    for path in all {
        let page = browser.get(&path).await;
        assert!(!page.has("Front Door") && !page.has("5A9DB0C5") && !page.has("Living room"), "{path}: {}", page.text);
        answers.insert(format!("GET {path}"), page.status);
        // To connect is to begin something of one's own, also under a name that somebody else has given.
        let is_own = path == format!("/connect/{}", accounts[0]) || path == format!("/connect/{}%2Fx", accounts[0]);
        if !is_own {
            answers.insert(format!("POST {path}"), browser.post(&path, &fields).await.status);
        }
    }
    answers
}

#[tokio::test]
async fn l8_what_is_somebody_elses_is_not_there_and_nothing_comes_of_asking() {
    // So much asking without a key would be stopped before it is answered.
    let mut limits = Limits::default();
    limits.refused = limits.api;
    let world = World::known_with(&["august", "telldus", "acme"], |server| server.limits(limits)).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let other = world.member(&mut owner, "Kim").await;
    owner.connect("august").await;
    member.connect("telldus").await;
    let robin = id_of(&mut owner, "Robin").await;
    let (mut owners, mut robins) = (world.things("owner", "august").await, world.things(&robin, "telldus").await);
    (owners.login, robins.login) = (waits(&mut owner).await, waits(&mut member).await);
    // So that they would be asked about by whoever may.
    world.advance(60);
    world.sandbox.clear_seen();
    let before = state(&world).await;
    // A member and the owner's account; a member and another member's; the owner and a member's.
    let mut asked = 0;
    let mut browsers = [member, other, owner];
    let cases = [(0, "august", "owner"), (1, "telldus", robin.as_str()), (1, "august", "owner"), (2, "telldus", "nobody")];
    for (browser, theirs, person) in cases {
        let browser = &mut browsers[browser];
        let things = if theirs == "august" { &owners } else { &robins };
        for (what, status) in ask_everywhere(browser, &foreign_names(theirs, person), person, things).await {
            asked += 1;
            match status {
                404 | 405 => {}
                // Programs bring a key, and these browsers none.
                401 if what.contains("/api/") || what.contains("/token/") => {}
                // A page's script says in a header which page it is of, and a form cannot.
                403 if what.starts_with("POST /v1/") => {}
                // A form at the door carries the token of a browser that came by a link.
                403 if what.starts_with("POST /link/") => {}
                // A name with a NUL, or one that climbs, is none.
                400 if what.contains("%00") || what.contains("..") => {}
                other => panic!("{what}: {other}"),
            }
        }
    }
    assert!(asked > 200, "{asked}");
    assert_eq!(state(&world).await, before);
    for service in ["august", "telldus", "acme"] {
        assert!(world.sandbox.seen(service).is_empty(), "nothing was asked of a provider");
    }
    let [mut member, _, mut owner] = browsers;
    assert!(owner.get("/accounts/august").await.has("Front Door"), "and its own person still has it");
    assert!(member.get("/accounts/telldus").await.has("Living room lamp"));
}

#[tokio::test]
async fn l8_the_pages_of_the_owner_are_nowhere_for_members() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    let robin = id_of(&mut owner, "Robin").await;
    let form_token = member.get("/settings").await.form_token();
    let before = state(&world).await;
    let mut asked = 0;
    for pattern in paths().filter(|path| path.starts_with("/people") || path.ends_with("/app") || path.ends_with("/revoke")) {
        for person in ["owner", &robin] {
            let path = pattern.replace("{person}", person).replace("{provider}", "august");
            assert_eq!(member.get(&path).await.status, 404, "{path}");
            assert_eq!(member.post(&path, &[("form_token", &form_token), ("name", "Eve")]).await.status, 404, "{path}");
            asked += 1;
        }
    }
    assert!(asked >= 12, "{asked}");
    assert_eq!(state(&world).await, before);
}

/// Routes of programs are opened by what no browser sends by itself.
fn is_for_programs(pattern: &str) -> bool {
    ["/api/", "/token/", "/v1"].iter().any(|programs| pattern.starts_with(programs))
}

/// Every route, for the one who may do everything there, and with everything right but where the form is from.
#[tokio::test]
async fn l2_no_route_takes_a_form_from_elsewhere_and_no_get_changes_anything() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    let mut member = world.member(&mut owner, "Robin").await;
    owner.connect("august").await;
    let robin = id_of(&mut owner, "Robin").await;
    let things = world.things("owner", "august").await;
    let (token, foreign) = (owner.get("/settings").await.form_token(), member.get("/settings").await.form_token());
    let door = owner.get("/sign-in").await;
    assert_eq!(door.status, 303, "whoever is in needs no way in");
    world.sandbox.clear_seen();
    let before = state(&world).await;
    let ours = world.origin.clone();
    let id = ("id", "5A9DB0C5000000000000000000000F01");
    type Pairs<'a> = Vec<(&'a str, &'a str)>;
    let refused: [(Pairs<'_>, Pairs<'_>); 5] = [
        (vec![], vec![id]),
        (vec![], vec![id, ("form_token", &foreign)]),
        (vec![], vec![id, ("form_token", &token), ("form_token", &token)]),
        (vec![("origin", "http://evil.example")], vec![id, ("form_token", &token)]),
        (vec![("origin", &ours), ("sec-fetch-site", "cross-site")], vec![id, ("form_token", &token)]),
    ];
    let mut forms = 0;
    for pattern in paths().filter(|pattern| !is_for_programs(pattern)) {
        for action in ["locks", "unlock-now"] {
            let path = things.fill(pattern, "august", action, &robin);
            for (headers, fields) in &refused {
                let url = owner.absolute(&path);
                let page = owner.send("POST", &url, headers, Some(fields)).await;
                // What is no form says that before anything else.
                assert!([403, 404, 405].contains(&page.status), "{path} {headers:?}: {}", page.status);
                forms += usize::from(page.status == 403);
            }
            let page = owner.get(&format!("{path}?id={}", id.1)).await;
            assert!(page.status < 500, "{path}: {}", page.status);
        }
    }
    assert!(forms > 150, "{forms}");
    let seen = world.sandbox.seen("august");
    assert!(seen.iter().all(|seen| seen.method == "GET"), "{seen:?}");
    assert_eq!(state(&world).await, before);
    assert_eq!(member.get("/").await.status, 200, "and whoever was here still is");
    assert_eq!(owner.get("/").await.status, 200);
}
