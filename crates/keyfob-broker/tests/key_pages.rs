//! Keys on pages: made, shown once, used, revoked; and the book as its person reads it.
#![allow(missing_docs)]

mod support;

use keyfob::Store as _;
use keyfob::proto::{Secret, TokenSet};
use keyfob::store::Expected;
use keyfob_sandbox::At;
use support::gate::until;
use support::{Browser, Page, World};

const LOCKS: &str = "/api/august/users/locks/mine";

/// Makes a key by the form; the page that shows it.
async fn make(browser: &mut Browser, fields: &[(&str, &str)]) -> Page {
    let token = browser.get("/keys").await.form_token();
    let all: Vec<(&str, &str)> = [("form_token", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
    browser.post("/keys", &all).await
}

async fn use_key(browser: &mut Browser, key: &str, path: &str) -> Page {
    let url = browser.absolute(path);
    browser.send("GET", &url, &[("authorization", &format!("Bearer {key}"))], None).await
}

#[tokio::test]
async fn a_key_is_made_used_and_revoked_on_pages() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    assert!(owner.get("/keys").await.has("Connect an account first"));
    owner.connect("august").await;
    assert!(!owner.get("/").await.has("A program used it"));
    let page = make(
        &mut owner,
        &[
            ("account", "august"),
            ("name", "<b>cron</b>"),
            ("allow", "GET /users/locks/**\r\n\r\n"),
            ("rate", "100/min"),
            ("ends", "604800"),
        ],
    )
    .await;
    assert_eq!(page.status, 200, "{}", page.text);
    let key = page.copied("f-key");
    assert!(key.starts_with("kfk_") && key.len() == 75, "{key}");
    assert!(page.copied("f-header") == format!("Authorization: Bearer {key}") && page.has("not shown again"));
    let line = page.copied("f-example");
    assert_eq!(line, format!("curl -H @key.header '{}/api/august/users/locks/PATH'", world.origin), "the key is in no argument");

    let locks = use_key(&mut owner, &key, LOCKS).await;
    assert!(locks.status == 200 && locks.has("Front Door"), "{} {}", locks.status, locks.text);
    assert_eq!(use_key(&mut owner, &key, "/api/august/locks/1").await.status, 403);
    until("its account's card says so", async || owner.get("/").await.has("A program used it <time")).await;
    let keys = owner.get("/keys").await;
    // A key that has leaked is found by how it begins.
    let begins = &key[..4 + 22];
    assert!(keys.has(&format!("<code>{begins}…</code>")) && keys.has("<li><code>GET /users/locks/**</code></li>"), "{}", keys.text);
    assert!(keys.has("GET /users/locks/**") && keys.has("100/min") && !keys.has(&key[26..]) && !keys.has("<b>"), "{}", keys.text);
    let activity = owner.get("/activity").await;
    assert!(
        activity.has("GET /users/locks/mine") && activity.has(">200<") && activity.has(">403<") && activity.has("not-allowed"),
        "{}",
        activity.text
    );
    assert!(activity.has("made the key") && activity.has("You") && !activity.has("<b>") && !activity.has(&key[30..]));

    let path = format!("/keys/{}/revoke", &key[4..26]);
    assert!(owner.get(&path).await.has("Revoke"), "it asks first");
    let token = owner.get(&path).await.form_token();
    assert_eq!(owner.post(&path, &[("form_token", &token)]).await.location(), "/keys");
    assert!(owner.get("/keys").await.has("is revoked"));
    assert_eq!(use_key(&mut owner, &key, LOCKS).await.status, 401);
    assert_eq!(owner.post(&path, &[("form_token", &token)]).await.status, 404);
    assert!(owner.get("/activity").await.has("revoked the key"));
}

#[tokio::test]
async fn a_page_makes_no_key_for_a_token_that_is_never_handed_out() {
    let world = World::known(&["telldus"]).await;
    let mut owner = world.owner().await;
    owner.connect("telldus").await;
    let page = make(&mut owner, &[("account", "telldus"), ("token", "1")]).await;
    assert!(page.has("OAuth 1, which signs every request by itself") && !page.has("f-key"), "{}", page.text);
}

/// Whoever opens a door on a page, brings somebody in or removes them finds a line about it, also where the door did not answer.
#[tokio::test]
async fn l17_what_is_done_on_pages_is_in_the_book() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let book = async || -> Vec<serde_json::Value> {
        let acts = world.shelf.as_ref().expect("a shelf").acts(Some("owner"), None, 100).await.expect("the book");
        acts.iter().map(|(_, act)| serde_json::from_slice(&act.content).expect("JSON")).collect()
    };
    let door = owner.get("/accounts/august").await.link("Front Door");
    let lock = owner.get(&door).await.link("Unlock");
    assert_eq!(owner.act(&lock, &[]).await.status, 303);
    let line = book().await.remove(0);
    assert_eq!((line["act"].as_str(), line["status"].as_u64()), (Some("acted"), Some(200)), "{line}");
    assert_eq!((line["person"].as_str(), line["account"].as_str()), (Some("owner"), Some("august")), "{line}");
    assert_eq!(line["subject"], "Front Door", "which of the locks");
    let question = owner.get(&lock).await;
    assert_eq!(question.status, 200);
    world.sandbox.faults("august").update(|faults| (faults.at, faults.unavailable) = (At::Any, 1_000_000));
    let token = question.form_token();
    let (path, query) = lock.split_once('?').expect("the door");
    let mut fields = keyfob::proto::encode::decode_text_pairs(query.as_bytes()).expect("text");
    fields.push(("form_token".to_owned(), token.clone()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let failed = owner.post(path, &fields).await;
    assert!(failed.status >= 500, "{}", failed.text);
    let line = book().await.remove(0);
    assert!(line["act"] == "acted" && line["status"].as_u64().is_some_and(|status| status >= 500), "{line}");

    let _robin = world.member(&mut owner, "Robin").await;
    assert!(book().await.iter().any(|line| line["act"] == "invited" && line["name"] == "Robin" && line["person"] == "owner"));
    let text = owner.get("/people").await.text;
    let at = text.find("/remove\"").expect("a member");
    let id = text[..at].rsplit('/').next().expect("an id");
    let before = book().await.len();
    assert_eq!(owner.post(&format!("/people/{id}/link"), &[("form_token", &token)]).await.status, 200);
    assert_eq!((book().await.len(), book().await[0]["act"].as_str()), (before + 1, Some("invited")));
    assert_eq!(owner.post(&format!("/people/{id}/remove"), &[("form_token", &token)]).await.status, 303);
    let line = book().await.remove(0);
    assert_eq!((line["act"].as_str(), line["removed"].as_str(), line["name"].as_str()), (Some("person-removed"), Some(id), Some("Robin")));
    let activity = owner.get("/activity").await;
    assert!(activity.has("invited Robin") && activity.has("removed Robin"), "{}", activity.text);
    assert!(
        activity.has("Unlock now: Front Door") && activity.has("<td data-head=\"Account\" class=\"text\">august</td>"),
        "{}",
        activity.text
    );
    // A small screen has a line for each cell, and none for what is not there.
    let invited = activity.text.lines().find(|line| line.contains("invited Robin")).expect("a row");
    assert!(
        invited.contains("data-head=\"Account\" class=\"empty\"") && invited.contains("data-head=\"Answer\" class=\"empty\""),
        "{invited}"
    );
}

/// No page has named it: somebody came by an address that they had kept.
#[tokio::test]
async fn l7_the_book_has_the_id_of_what_was_acted_on_and_never_a_secret() {
    let world = World::known(&["august", "telldus"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    owner.connect("telldus").await;
    let id = "5A9DB0C5000000000000000000000F03";
    let token = owner.get("/").await.form_token();
    owner.post("/accounts/august/do/unlock-now", &[("form_token", &token), ("id", id)]).await;
    assert!(owner.get("/activity").await.has(&format!("Unlock now: {id}")));
    owner.post("/accounts/telldus/do/dim", &[("form_token", &token), ("id", &"7".repeat(4000)), ("level", "17")]).await;
    let activity = owner.get("/activity").await;
    assert!(activity.has(&format!("Dim: {}<", "7".repeat(100))), "no more than a line: {}", activity.text);
    // An id is digits there; so may a token be that somebody puts into the wrong field.
    let secret = "48151623420815162342";
    let mut account = world.account("telldus").await.expect("an account");
    let TokenSet::OAuth1(tokens) = &mut account.tokens else { panic!("OAuth 1") };
    tokens.secret = Secret::new(secret);
    world.store.put_account(&account, Expected::Anything, None).await.expect("put");
    owner.post("/accounts/telldus/do/dim", &[("form_token", &token), ("id", secret), ("level", "17")]).await;
    let activity = owner.get("/activity").await;
    assert_eq!(activity.text.matches("Dim: ").count(), 2, "{}", activity.text);
    assert!(!activity.has(secret), "{}", activity.text);
}

/// A key keeps the session of the login before in use; a page is not to open that person's door with it.
#[tokio::test]
async fn l19_a_page_acts_as_whoever_is_logged_in_now() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let page = make(&mut owner, &[("account", "august"), ("name", "cron"), ("allow", "GET /users/locks/**"), ("ends", "604800")]).await;
    assert_eq!(use_key(&mut owner, &page.copied("f-key"), LOCKS).await.status, 200);
    let form_token = owner.get("/").await.form_token();
    let unlock = [("form_token", form_token.as_str()), ("id", "5A9DB0C5000000000000000000000F01")];
    assert_eq!(owner.post("/accounts/august/do/unlock-now", &unlock).await.status, 303);
    // Another process logs somebody else in, whose token opens nothing.
    let mut account = world.account("august").await.expect("an account");
    account.id = keyfob::AccountId::random();
    let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
    (tokens.access, tokens.refresh) = (Secret::new("somebody-elses-access-token"), None);
    world.store.put_account(&account, Expected::Anything, None).await.expect("put");
    let done = owner.post("/accounts/august/do/unlock-now", &unlock).await;
    assert!(done.status >= 400, "{} {}", done.status, done.text);
    let asked = world.sandbox.seen("august");
    let last = asked.last().expect("it was asked");
    assert!(last.path.contains("remoteoperate") && last.status == 401, "{last:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_beside_what_was_said() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    for (fields, problem) in [
        (vec![("account", "august"), ("allow", "GET /users/../admin"), ("ends", "")], "a path that is refused"),
        (vec![("account", "august"), ("allow", "nonsense"), ("ends", "")], "a rule such as"),
        (vec![("account", "august"), ("allow", ""), ("ends", "")], "something that the key may do"),
        (vec![("account", "telldus"), ("allow", "GET /**"), ("ends", "")], "one of your accounts"),
        (vec![("account", "august"), ("allow", "GET /**"), ("rate", "often"), ("ends", "")], "a rate such as"),
        // And what to write instead.
        (vec![("account", "august"), ("allow", "GET /**"), ("rate", "often"), ("ends", "")], "A number, a slash, and s, min, h or d."),
        (vec![("account", "august"), ("allow", "GET /**"), ("ends", "-5")], "an end in the future"),
        (vec![("account", "august"), ("allow", "GET /**"), ("ends", "soon")], "when the key ends"),
    ] {
        let page = make(&mut owner, &fields).await;
        assert!(page.status == 400 && page.has(problem), "{fields:?}: {} {}", page.status, page.text);
        assert!(page.has(fields[1].1), "what was said stays");
        assert!(!page.has("kfk_"));
    }
    assert!(owner.get("/keys").await.has("No keys yet"));
}

#[tokio::test]
async fn l8_keys_and_activity_are_their_persons_alone() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let key = make(&mut owner, &[("account", "august"), ("name", "owners"), ("allow", "GET /**"), ("ends", "")]).await.copied("f-key");
    assert_eq!(use_key(&mut owner, &key, LOCKS).await.status, 200);

    let mut member = world.member(&mut owner, "Robin").await;
    assert!(member.get("/keys").await.has("Connect an account first"));
    assert!(member.get("/activity").await.has("Nothing yet") || !member.get("/activity").await.has("users/locks"));
    let path = format!("/keys/{}/revoke", &key[4..26]);
    assert_eq!(member.get(&path).await.status, 404);
    let token = member.get("/settings").await.form_token();
    assert_eq!(member.post(&path, &[("form_token", &token)]).await.status, 404);
    let made = member.post("/keys", &[("form_token", &token), ("account", "august"), ("allow", "GET /**"), ("ends", "")]).await;
    assert!(made.status == 400 && made.has("one of your accounts"), "the owner's is none of theirs: {}", made.text);
    assert_eq!(use_key(&mut member, &key, LOCKS).await.status, 200, "the key is untouched, whoever has it");
    assert!(owner.get("/keys").await.has("owners"));
}

#[tokio::test]
async fn l2_a_script_of_ours_needs_the_token_of_its_page() {
    let world = World::known(&["august", "telldus"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let token = owner.get("/keys").await.form_token();
    let url = owner.absolute(LOCKS);
    let ours = world.origin.clone();
    world.sandbox.clear_seen();
    let mut other = world.browser();
    other.get("/sign-in").await;
    let good = [("x-keyfob-csrf", token.as_str()), ("sec-fetch-site", "same-origin"), ("origin", ours.as_str())];
    for (headers, status) in [
        (vec![], 401),
        (vec![("sec-fetch-site", "same-origin")], 401),
        (vec![("x-keyfob-csrf", "x"), ("sec-fetch-site", "same-origin")], 403),
        (vec![("x-keyfob-csrf", token.as_str()), ("sec-fetch-site", "cross-site")], 403),
        (vec![("x-keyfob-csrf", token.as_str()), ("origin", "https://evil.example")], 403),
    ] {
        assert_eq!(owner.send("GET", &url, &headers, None).await.status, status, "{headers:?}");
    }
    assert_eq!(other.send("GET", &url, &good, None).await.status, 401, "another browser");
    assert!(world.sandbox.seen("august").is_empty());
    let locks = owner.send("GET", &url, &good, None).await;
    assert!(locks.status == 200 && locks.has("Front Door"), "{}", locks.text);
    assert!(owner.get("/activity").await.has("GET /users/locks/mine"));
    // No browser sees a token, and an account that is not there is nowhere.
    let token = owner.absolute("/token/august");
    assert_eq!(owner.send("GET", &token, &good, None).await.status, 403);
    for nowhere in ["/api/telldus/x", "/api/netatmo/x", "/api/~x%2Faugust/x"] {
        let url = owner.absolute(nowhere);
        assert_eq!(owner.send("GET", &url, &good, None).await.status, 404, "{nowhere}");
    }
    let traversal = owner.absolute("/api/august/users/../x");
    assert_eq!(owner.send("GET", &traversal, &good, None).await.status, 400);
    let mut member = world.member(&mut owner, "Robin").await;
    let theirs = member.get("/keys").await.form_token();
    let good = [("x-keyfob-csrf", theirs.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(member.send("GET", &url, &good, None).await.status, 404, "the owner's account is none of theirs");
}

/// What a script of a page waits for is its person's no more once the browser is signed out.
#[tokio::test]
async fn l3_a_script_whose_browser_is_signed_out_meanwhile_is_given_nothing() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    let token = owner.get("/keys").await.form_token();
    let url = owner.absolute(LOCKS);
    for signs_out in [false, true] {
        world.sandbox.faults("august").update(|faults| faults.slow_ms = 1500);
        world.sandbox.clear_seen();
        let mut tab = owner.tab();
        let (url, csrf) = (url.clone(), token.clone());
        let asked = tokio::spawn(async move {
            tab.send("GET", &url, &[("x-keyfob-csrf", csrf.as_str()), ("sec-fetch-site", "same-origin")], None).await
        });
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        if signs_out {
            assert_eq!(owner.post("/sign-out", &[("form_token", &token)]).await.status, 303);
        }
        let reply = asked.await.expect("no panic");
        assert_eq!((reply.status, reply.has("Front Door")), if signs_out { (401, false) } else { (200, true) }, "{}", reply.text);
    }
}

/// The number of the form that this page has.
fn once(page: &Page) -> String {
    page.text.split_once("name=\"once\" value=\"").expect("a number").1.split('"').next().expect("a number").to_owned()
}

/// A reload sends the same form again; the other tab has another one.
#[tokio::test]
async fn a_page_that_shows_a_secret_makes_no_second_one_when_it_is_loaded_again() {
    World::on_each_shelf(&["august"], async |world| {
        let mut owner = world.owner().await;
        owner.connect("august").await;
        let kept = async |kind| {
            let shelf = world.shelf.as_ref().expect("a shelf");
            shelf.items(keyfob_store::shelf::Kind(kind), None, None, 100, keyfob::Clock::now(&*world.clock)).await.expect("items").len()
        };
        // What is made, on which page, by which form, with what, and how it is called.
        type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case<'_>; 3] = [
            ("key", "/keys", "/keys", &[("account", "august"), ("allow", "GET /**"), ("name", "cron")], "The key cron"),
            ("token", "/settings/programs", "/settings/programs/tokens", &[("name", "cron")], "The token cron"),
            ("invite", "/people", "/people/invite", &[("name", "cron")], "The link for cron"),
        ];
        for (kind, page, address, fields, called) in cases {
            let before = kept(kind).await;
            let form = owner.get(page).await;
            let (form_token, number, other) = (form.form_token(), once(&form), once(&owner.get(page).await));
            assert_ne!(number, other, "each tab has its own");
            let all = |number: &str| -> Vec<(String, String)> {
                let own = [("form_token", form_token.as_str()), ("once", number)];
                own.into_iter().chain(fields.iter().copied()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            };
            let send = async |owner: &mut Browser, fields: Vec<(String, String)>| {
                let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                owner.post(address, &fields).await
            };
            assert_eq!(send(&mut owner, all(&number)).await.status, 200);
            for _ in 0..2 {
                let again = send(&mut owner, all(&number)).await;
                assert!(again.status == 409 && again.has(&format!("{called} was made already")), "{}", again.text);
                let links = again.text.split("href=\"").filter_map(|rest| rest.split('"').next());
                let link = links.into_iter().find(|link| link.starts_with(page) && link.contains('#')).expect("where it is");
                let (at, place) = link.split_once('#').expect("a place");
                assert!(owner.get(at).await.has(&format!("id=\"{place}\"")), "{place}");
            }
            assert_eq!(kept(kind).await, before + 1, "{kind}");
            assert_eq!(send(&mut owner, all(&other)).await.status, 200, "the other tab makes one of its own");
            // What was refused may come again, put right.
            let number = once(&owner.get(page).await);
            let mut wrong = all(&number);
            wrong.retain(|(name, _)| name != "allow");
            wrong.iter_mut().filter(|(name, _)| name == "name").for_each(|(_, value)| *value = "x".repeat(200));
            assert_eq!(send(&mut owner, wrong).await.status, 400, "{kind}");
            assert_eq!(send(&mut owner, all(&number)).await.status, 200, "{kind}");
            assert_eq!(kept(kind).await, before + 3, "{kind}");
        }
    })
    .await;
}

/// A browser shows the answer to the second click of a double click; the secret was in the first.
#[tokio::test]
async fn a_double_click_loses_no_secret_and_leaves_nothing_unseen_behind() {
    World::on_each_shelf(&["august"], async |world| {
        let mut owner = world.owner().await;
        owner.connect("august").await;
        let kept = async |kind| -> Vec<String> {
            let shelf = world.shelf.as_ref().expect("a shelf");
            let now = keyfob::Clock::now(&*world.clock);
            let items = shelf.items(keyfob_store::shelf::Kind(kind), None, None, 100, now).await.expect("items");
            items.into_iter().map(|item| item.value.id).collect()
        };
        type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case<'_>; 3] = [
            ("key", "/keys", "/keys", &[("account", "august"), ("allow", "GET /a/**\r\nGET /b/**"), ("name", "<i>cron</i>")], "kfk_"),
            ("token", "/settings/programs", "/settings/programs/tokens", &[("name", "cron"), ("days", "30")], "kft_"),
            ("invite", "/people", "/people/invite", &[("name", "cron")], "/invite?token="),
        ];
        for (kind, page, address, fields, secret) in cases {
            let before = kept(kind).await;
            let form = owner.get(page).await;
            let (form_token, number) = (form.form_token(), once(&form));
            let own = [("form_token", form_token.as_str()), ("once", number.as_str())];
            let all: Vec<(&str, &str)> = own.into_iter().chain(fields.iter().copied()).collect();
            // Both at once: the second is told what came of the first.
            let mut other = owner.tab();
            let (one, two) = tokio::join!(owner.post(address, &all), other.post(address, &all));
            let (first, second) = if one.status == 200 { (one, two) } else { (two, one) };
            assert!(first.status == 200 && first.has(secret), "{}", first.text);
            assert!(second.status == 409 && second.has("was made already") && !second.has(secret), "{}", second.text);
            let unseen = kept(kind).await.into_iter().find(|id| !before.contains(id)).expect("it was made");
            // The form of that page, as it stands there.
            let hidden = hidden(&second);
            assert!(hidden.iter().any(|(name, value)| name == "instead" && *value == unseen), "{hidden:?}");
            let hidden: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut again = owner.tab();
            let (one, two) = tokio::join!(owner.post(address, &hidden), again.post(address, &hidden));
            let (third, fourth) = if one.status == 200 { (one, two) } else { (two, one) };
            assert!(third.status == 200 && third.has(secret), "{}", third.text);
            assert_eq!(fourth.status, 409, "another double click");
            let after = kept(kind).await;
            assert!(after.len() == before.len() + 1 && !after.contains(&unseen), "{kind}: the one that nobody saw is taken back");
            for (_, value) in fields {
                assert!(hidden.iter().any(|(_, said)| said == value), "{value} in {hidden:?}");
            }
            assert!(owner.get("/activity").await.text.contains(if kind == "invite" { "took" } else { "revoked" }), "{kind}");
        }
        // What somebody else has is not taken back by it.
        let theirs = kept("key").await.remove(0);
        let mut member = world.member(&mut owner, "Robin").await;
        let token = member.get("/keys").await.form_token();
        let fields = [("form_token", token.as_str()), ("instead", &theirs), ("account", "august"), ("allow", "GET /**")];
        assert_eq!(member.post("/keys", &fields).await.status, 400);
        assert!(kept("key").await.contains(&theirs));
    })
    .await;
}

/// What the hidden fields of the page's form say.
fn hidden(page: &Page) -> Vec<(String, String)> {
    let form = page.text.split_once("<form class=\"ask\"").expect("a form").1.split_once("</form>").expect("its end").0;
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1).map(|field| {
        let (name, rest) = field.split_once("\" value=\"").expect("a value");
        (name.to_owned(), support::unescape(rest.split_once('"').expect("its end").0))
    });
    fields.collect()
}

/// Whoever has hundreds finds one, and no page is endless; with a browser that runs no script.
#[tokio::test]
async fn many_keys_and_accounts_are_searched_and_shown_in_parts() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    assert!(!owner.get("/keys").await.has("role=\"search\"") && !owner.get("/").await.has("role=\"search\""), "of one nothing is searched");
    let known = world.account("august").await.expect("an account");
    for number in 2..=61 {
        let name = format!("august/home{number}");
        let account = keyfob::Account { id: keyfob::AccountId::random(), name: name.clone(), ..known.clone() };
        world.store.put_account(&account, Expected::Nothing, None).await.expect("put");
        owner.get(&format!("/accounts/{}", keyfob::proto::encode::percent(&name))).await;
        let made = make(&mut owner, &[("account", "august"), ("name", &format!("cron {number}")), ("allow", "GET /**")]).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
    let place = |page: &Page, text: &str| page.text.find(text).unwrap_or_else(|| panic!("{text} in {}", page.text));

    let first = owner.get("/").await;
    assert!(first.has("1 to 50 of 61 accounts") && first.has("61 accounts, and all are well"), "{}", first.text);
    assert!(place(&first, ">august/home2<") < place(&first, ">august/home10<"), "as people count");
    assert!(first.has(">august/home50<") && !first.has(">august/home51<"));
    let second = owner.get(&first.link("Next page")).await;
    assert!(
        second.has(">august/home51<") && second.has(">august/home61<") && !second.has(">august/home50<") && second.has("51 to 61 of 61"),
        "{}",
        second.text
    );
    assert_eq!(second.link("First page"), "/");
    let found = owner.get("/?q=HOME1+august").await;
    assert!(found.has("10 accounts") && found.has(">august/home19<") && !found.has(">august/home2<"), "{}", found.text);
    let nothing = owner.get("/?q=nothing").await;
    assert!(nothing.has("No account here is called that") && nothing.has("value=\"nothing\""), "{}", nothing.text);

    let first = owner.get("/keys").await;
    assert!(first.has("1 to 50 of 60 keys") && first.has(">cron 51<") && !first.has(">cron 52<"), "{}", first.text);
    assert!(place(&first, "value=\"august/home2\"") < place(&first, "value=\"august/home10\""));
    let second = owner.get(&first.link("Next page")).await;
    assert!(second.has(">cron 52<") && second.has(">cron 61<") && !second.has(">cron 51<"), "{}", second.text);
    let id = second.text.split("<code>kfk_").nth(1).and_then(|rest| rest.split('…').next()).expect("a number").to_owned();
    let found = owner.get(&format!("/keys?q=kfk_{id}")).await;
    assert!(found.has(">cron 52<") && found.has("1 key") && found.text.matches("<code>kfk_").count() == 1, "{}", found.text);
    // Of a name; the letters of a number are random, and a short word is in many.
    let found = owner.get("/keys?q=cron+5").await;
    assert!(found.has("15 keys") && found.has(">cron 25<"), "{}", found.text);
    assert_eq!(owner.get("/keys?after=!").await.status, 404);
}

/// Who logs out knows what becomes of the keys that were handed out.
#[tokio::test]
async fn what_becomes_of_its_keys_is_said_before_an_account_is_logged_out() {
    let world = World::known(&["august"]).await;
    let mut owner = world.owner().await;
    owner.connect("august").await;
    assert!(!owner.get("/accounts/august/logout").await.has("valet key"));
    let page = make(&mut owner, &[("account", "august"), ("name", "cron"), ("allow", "GET /users/locks/**")]).await;
    let key = page.copied("f-key");
    let question = owner.get("/accounts/august/logout").await;
    assert!(question.has("One valet key is for this account") && question.has("href=\"/keys?q=august\""), "{}", question.text);
    make(&mut owner, &[("account", "august"), ("name", "another"), ("allow", "GET /**")]).await;
    let question = owner.get("/accounts/august/logout").await;
    assert!(question.has("2 valet keys are for this account"), "{}", question.text);
    assert_eq!(use_key(&mut owner, &key, LOCKS).await.status, 200);
    assert_eq!(owner.post("/accounts/august/logout", &[("form_token", &question.form_token())]).await.status, 303);
    // As it says: they open nothing, also when somebody logs in again, and are there to be revoked.
    let gone = use_key(&mut owner, &key, LOCKS).await.status;
    owner.connect("august").await;
    let again = use_key(&mut owner, &key, LOCKS).await.status;
    assert_eq!((gone, again), (404, 404));
    make(&mut owner, &[("account", "august"), ("name", "new"), ("allow", "GET /**")]).await;
    let keys = owner.get("/keys").await;
    assert!(keys.has(">cron<") && keys.has(">new<"));
    assert_eq!(keys.text.matches("It opens nothing: its account was disconnected").count(), 2, "and not the new one: {}", keys.text);
    let listed = world.ask("owner", "GET", "/v1/keys", "").await.json();
    let states = listed["items"].as_array().expect("a list").iter().map(|key| (key["name"].as_str(), key["state"].as_str()));
    let mut states: Vec<_> = states.map(|(name, state)| (name.expect("a name"), state.expect("a state"))).collect();
    states.sort_unstable();
    assert_eq!(states, [("another", "account-gone"), ("cron", "account-gone"), ("new", "ok")]);
}
