//! Connect links: somebody whom nobody knows connects an account for the person who asked.

use std::path::Path;

use keyfob::Store as _;
use keyfob::proto::{App, Secret};
use keyfob::store::Expected;
use keyfob_broker::api::token;
use keyfob_broker::{Config, Who};
use keyfob_sandbox::{At, Consent, Sandbox};
use keyfob_store::shelf::{Item, Kind};
use serde_json::{Value, json};

use super::support::gate::until;
use super::support::{Browser, Page, Setup, World, provider};
use super::{Program, id_of, made_for, send};

const BACK: &str = "https://app.example/done?of=us";

/// The owner's program, and a link that it made.
async fn linked(world: &World, more: Value) -> (Program, Value) {
    world.owner().await;
    let program = Program::of(world, "owner").await;
    assert_eq!(program.post("/v1/return-urls", &json!({"url": BACK})).await.status, 201);
    let mut asked = json!({"provider": "netatmo", "account": "netatmo/ada", "return_to": BACK});
    asked.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = program.post("/v1/connect-links", &asked).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (program, made.json())
}

/// Opens the link, presses the button; where the provider is.
async fn press(browser: &mut Browser, link: &Value) -> Page {
    let url = link["url"].as_str().expect("a URL").to_owned();
    let question = browser.get(&url).await;
    if question.status != 200 {
        return question;
    }
    let (form_token, token) = (question.form_token(), url.split_once("token=").expect("a token").1.to_owned());
    browser.post("/link", &[("form_token", &form_token), ("token", &token)]).await
}

async fn back(browser: &mut Browser, url: &str) -> Page {
    browser.send("GET", url, &[("sec-fetch-site", "cross-site")], None).await
}

async fn state(program: &Program, link: &Value) -> Value {
    program.get(&format!("/v1/connect-links/{}", link["id"].as_str().expect("a number"))).await.json()["state"].clone()
}

#[tokio::test]
async fn somebody_connects_an_account_for_whoever_asked_and_is_sent_back() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({})).await;
    let url = link["url"].as_str().expect("a URL").to_owned();
    let mut somebody = world.browser();
    // A preview spends nothing, and is not the link's browser.
    for method in ["GET", "HEAD"] {
        assert_eq!(world.browser().send(method, &url, &[], None).await.status, 200);
    }
    let page = somebody.get(&url).await;
    assert!(page.has("an app (Owner)") && page.has("Connect Netatmo") && page.has("https://app.example"), "{}", page.text);
    assert_eq!(state(&program, &link).await, "open");
    let provider = press(&mut somebody, &link).await.location().to_owned();
    let answer = somebody.approve(&provider).await;
    let over = back(&mut somebody, &answer).await;
    let number = link["id"].as_str().expect("a number");
    assert_eq!(over.location(), format!("{BACK}&connect_link={number}&account=netatmo%2Fada&status=connected"));
    assert_eq!(state(&program, &link).await, "connected");
    let account = program.get("/v1/accounts/netatmo%2Fada").await;
    assert_eq!((account.status, &account.json()["health"]), (200, &json!("ok")));
    // Somebody did that who is nobody here, and the book says so: to a program, and on a page.
    let acts = program.get("/v1/activity").await.json();
    let connected = acts["items"].as_array().expect("a list").iter().find(|act| act["act"] == "connected").expect("an act").clone();
    assert_eq!(
        (&connected["who"], &connected["link"], &connected["person"]),
        (&json!("link"), &json!(number), &json!(null)),
        "{connected}"
    );
    let page = world.owner().await.get("/activity").await;
    assert!(page.has(&format!("Somebody, by the link {}…", &number[..8])), "{}", page.text);
    // It let nobody in.
    assert_eq!(somebody.get("/").await.location(), "/sign-in");
    // And it was good once. Its own browser is led back once more, wherever it goes on from.
    assert_eq!(somebody.get(&url).await.location(), over.location());
    let again = back(&mut somebody, &answer).await;
    assert!(again.status == 403 && again.has("Back to the app") && again.has("status=connected"), "{}", again.text);
    // Whoever was sent here knows no owner, and no command: a new link comes from whoever sent them.
    for spent in [world.browser().get(&url).await, somebody.get("/link?token=cut-short").await] {
        assert!(spent.status == 403 && spent.has("sent you here") && !spent.has("keyfob serve"), "{}", spent.text);
    }
    assert!(!program.get("/v1/connect-links").await.text().contains(url.split_once("token=").expect("a token").1));
}

/// Whoever has got hold of a token for an hour would have other people's browsers sent to them for good.
#[tokio::test]
async fn l4_where_links_may_lead_ends_with_the_tokens_that_said_so() {
    World::on_each_shelf(&["netatmo"], async |world| {
        let mut browser = world.owner().await;
        let (shelf, now) = (world.shelf.clone().expect("a shelf"), keyfob::Clock::now(&*world.clock));
        let another = async |ends| {
            let made = token::create(&*shelf, "owner", "an app", ends, Who::Command, now).await.expect("a token");
            (made.token.id, Program { address: world.address, token: made.text.expose().to_owned() })
        };
        let (first, one) = another(None).await;
        let (second, other) = another(Some(now.plus(600))).await;
        let looking = Program::of(&world, "owner").await;
        let urls = async || {
            let listed = looking.get("/v1/return-urls").await.json();
            listed["items"].as_array().expect("a list").iter().map(|one| one["url"].as_str().expect("a URL").to_owned()).collect::<Vec<_>>()
        };
        let url = |path: &str| format!("https://app.example/{path}");
        let add = async |program: &Program, path: &str| {
            let added = program.post("/v1/return-urls", &json!({"url": url(path)})).await;
            assert_eq!(added.status, 201, "{}", added.text());
            added.json()["expires_at"].clone()
        };
        let revoke = async |id: &str| token::revoke(&*shelf, "owner", id, Who::Command, now).await.expect("the shelf").expect("a token");
        // Of one token; of both, in either order; and of the person, who needs none.
        let ends = add(&other, "other").await;
        assert!(ends.is_string(), "{ends}");
        assert!(add(&one, "one").await.is_null() && add(&one, "both").await.is_null() && add(&other, "both").await.is_null());
        assert!(add(&other, "theirs").await.is_string());
        let form_token = browser.get("/settings").await.form_token();
        let body = json!({"url": url("theirs")}).to_string();
        let cookie: Vec<String> = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = [
            ("Cookie", cookie.join("; ")),
            ("X-Keyfob-CSRF", form_token),
            ("Sec-Fetch-Site", "same-origin".into()),
            ("Content-Type", "application/json".into()),
        ];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(send(world.address, "POST", "/v1/return-urls", &headers, &body).await.status, 201);
        assert!(add(&other, "theirs").await.is_null(), "what the person put there stays");

        // A link of another program's that leads to what the first token allowed.
        let asked = json!({"provider": "netatmo", "account": "netatmo/ada", "return_to": url("one")});
        let link = looking.post("/v1/connect-links", &asked).await.json();
        let mut somebody = world.browser();
        assert!(somebody.get(link["url"].as_str().expect("a URL")).await.has("https://app.example"));
        let provider = press(&mut somebody, &link).await.location().to_owned();
        let answer = somebody.approve(&provider).await;

        revoke(&first).await;
        let mut left = urls().await;
        left.sort();
        assert_eq!(left, [url("both"), url("other"), url("theirs")]);
        let acts = looking.get("/v1/activity").await.json();
        assert!(
            acts["items"]
                .as_array()
                .expect("a list")
                .iter()
                .any(|act| act["act"] == "return-url-removed" && act["to"] == json!(url("one"))),
            "{acts}"
        );
        let here = back(&mut somebody, &answer).await.location().to_owned();
        assert_eq!(here, format!("/link/{}/over", link["id"].as_str().expect("a number")));
        let over = somebody.get(&here).await;
        assert!(over.status == 200 && over.has("Netatmo is connected"), "{}", over.text);
        assert!(!over.has("app.example") && over.header("location").is_none());
        let refused = looking.post("/v1/connect-links", &json!({"provider": "netatmo", "return_to": url("one")})).await;
        assert_eq!(refused.code(), "return-url");
        // The other one's end with it, by themselves. One that has ended can be put there again.
        world.advance(601);
        assert_eq!(urls().await, [url("theirs")]);
        assert!(add(&looking, "both").await.is_null());
        revoke(&second).await;
        let mut left = urls().await;
        left.sort();
        assert_eq!(left, [url("both"), url("theirs")]);
    })
    .await;
}

/// Who puts it there, and who is faster.
#[tokio::test]
async fn l4_two_who_put_a_return_url_on_the_list_in_one_moment_both_have_it_there() {
    World::on_each_shelf_in_hand(&["netatmo"], async |world, disk| {
        let mut browser = world.owner().await;
        let now = keyfob::Clock::now(&*world.clock);
        let token = async || {
            let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
            (made.token.id, Program { address: world.address, token: made.text.expose().to_owned() })
        };
        let ((first, one), (second, other)) = (token().await, token().await);
        let form_token = browser.get("/settings").await.form_token();
        let cookies: Vec<String> = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (cookies, address) = (cookies.join("; "), world.address);
        let put = move |path: &str, by: Option<Program>| {
            let body = json!({"url": format!("https://app.example/{path}")}).to_string();
            let (form_token, cookies) = (form_token.clone(), cookies.clone());
            async move {
                let bearer = by.map(|by| format!("Bearer {}", by.token));
                let headers = match &bearer {
                    Some(bearer) => vec![("Authorization", bearer.as_str())],
                    None => vec![("Cookie", cookies.as_str()), ("X-Keyfob-CSRF", form_token.as_str()), ("Sec-Fetch-Site", "same-origin")],
                };
                let headers: Vec<(&str, &str)> = [("Content-Type", "application/json")].into_iter().chain(headers).collect();
                let reply = send(address, "POST", "/v1/return-urls", &headers, &body).await;
                assert_eq!(reply.status, 201, "{}", reply.text());
            }
        };
        // `ended`: what a token of before has left there, and nobody has swept.
        for ended in [false, true] {
            let cases = [
                ("token-person", Some(one.clone()), None),
                ("person-token", None, Some(one.clone())),
                ("tokens", Some(one.clone()), Some(other.clone())),
                ("tokens-again", Some(other.clone()), Some(one.clone())),
            ];
            for (name, slow, fast) in cases {
                let path = format!("{name}-{ended}");
                if ended {
                    let (id, program) = token().await;
                    put(&path, Some(program)).await;
                    token::revoke(&*disk, "owner", &id, Who::Command, now).await.expect("the shelf").expect("a token");
                }
                let faster = put(&path, fast);
                disk.before_put(Kind("return-url"), move |_, _| async move {
                    faster.await;
                    Ok(())
                });
                put(&path, slow).await;
            }
        }
        let looking = Program::of(&world, "owner").await;
        let left = async || {
            let listed = looking.get("/v1/return-urls").await.json();
            let urls = listed["items"].as_array().expect("a list").iter().map(|one| one["url"].as_str().expect("a URL").to_owned());
            let mut left: Vec<String> = urls.map(|url| url.replace("https://app.example/", "")).collect();
            left.sort();
            left
        };
        // What the person put there stays for good, and what two tokens did, with the other one.
        let theirs = ["person-token-false", "person-token-true", "token-person-false", "token-person-true"];
        token::revoke(&*disk, "owner", &first, Who::Command, now).await.expect("the shelf").expect("a token");
        assert_eq!(left().await, [&theirs[..], &["tokens-again-false", "tokens-again-true", "tokens-false", "tokens-true"]].concat());
        token::revoke(&*disk, "owner", &second, Who::Command, now).await.expect("the shelf").expect("a token");
        assert_eq!(left().await, theirs);
    })
    .await;
}

#[tokio::test]
async fn who_says_no_is_told_at_an_address_without_the_answer() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({"return_to": null})).await;
    world.sandbox.consent("netatmo", Consent::Deny);
    let mut browser = world.browser();
    let path = format!("/link/{}/over", link["id"].as_str().expect("a number"));
    assert_eq!(browser.get(&path).await.status, 404, "no browser is the link's yet");
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    assert_eq!(back(&mut browser, &answer).await.location(), path);
    let over = browser.get(&path).await;
    assert!(over.has("Netatmo was not connected") && over.has("open the link again"), "{}", over.text);
    assert_eq!(state(&program, &link).await, "open");
}

/// The command makes a token for an owner who has never opened a page: what it lets a program ask for comes to something.
#[tokio::test]
async fn a_link_of_an_owner_who_was_never_here_is_good() {
    let world = World::known(&["netatmo"]).await;
    let program = Program::of(&world, "owner").await;
    let made = program.post("/v1/connect-links", &json!({"provider": "netatmo", "account": "netatmo/ada"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let link = made.json();
    let mut browser = world.browser();
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    // Nobody awaits the browser: it stays, at an address without the code.
    let over = back(&mut browser, &answer).await;
    let path = format!("/link/{}/over", link["id"].as_str().expect("a number"));
    assert_eq!((over.status, over.location()), (303, path.as_str()), "{}", over.text);
    for _ in ["then", "and whenever it is loaded again"] {
        let over = browser.get(&path).await;
        assert!(over.status == 200 && over.has("Netatmo is connected") && over.has("You can close this page"), "{}", over.text);
    }
    assert_eq!(state(&program, &link).await, "connected");
    // It is told to the link's browser alone.
    for other in [&mut world.browser(), &mut world.owner().await] {
        let told = other.get(&path).await;
        assert!(told.status == 404 && !told.has("Netatmo"), "{}", told.text);
    }
    assert_eq!(program.get("/v1/accounts/netatmo%2Fada").await.status, 200);
}

#[tokio::test]
async fn a3_a13_another_browser_finishes_nothing() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({})).await;
    let (mut first, mut second) = (world.browser(), world.browser());
    let provider = press(&mut first, &link).await.location().to_owned();
    // The link is the first one's.
    assert_eq!(press(&mut second, &link).await.status, 403);
    // Somebody is talked into approving what another one began: by the provider's page, or by the answer itself.
    let answer = second.approve(&provider).await;
    for other in [&mut second, &mut world.owner().await] {
        let refused = back(other, &answer).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    assert_eq!(program.get("/v1/accounts/netatmo%2Fada").await.status, 404);
    assert_eq!(state(&program, &link).await, "open");
    // The first one can go on.
    assert!(back(&mut first, &answer).await.location().starts_with(BACK));
    assert_eq!(state(&program, &link).await, "connected");
}

#[tokio::test]
async fn l22_one_account_comes_of_a_link() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({"reconnect": true})).await;
    let mut browser = world.browser();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let provider = press(&mut browser, &link).await.location().to_owned();
        answers.push(browser.approve(&provider).await);
    }
    let first = back(&mut browser, &answers[0]).await;
    assert!(first.location().starts_with(BACK));
    let second = back(&mut browser, &answers[1]).await;
    assert_eq!(second.status, 403, "{}", second.text);
    assert_eq!(program.get("/v1/accounts").await.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn l22_of_fifty_answers_to_a_link_at_once_one_connects() {
    World::on_each_shelf(&["netatmo"], async |world| {
        let (program, link) = linked(&world, json!({"reconnect": true})).await;
        let mut browser = world.browser();
        let mut answers = Vec::new();
        for _ in 0..50 {
            let provider = press(&mut browser, &link).await.location().to_owned();
            answers.push(browser.approve(&provider).await);
        }
        let cookies = browser.cookies().expect("cookies").clone();
        let mut tries = tokio::task::JoinSet::new();
        for answer in answers {
            let mut browser = world.browser();
            cookies.iter().for_each(|(name, value)| browser.set_cookie(name, value));
            tries.spawn(async move { back(&mut browser, &answer).await.status });
        }
        let statuses = tries.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
        assert_eq!(state(&program, &link).await, "connected");
        assert_eq!(program.get("/v1/accounts").await.json()["items"].as_array().map(Vec::len), Some(1));
    })
    .await;
}

/// What is told to one who looks first is old by the time that the code is exchanged.
#[tokio::test]
async fn of_two_links_for_one_new_name_the_second_replaces_nothing() {
    let world = World::known(&["netatmo"]).await;
    let (program, first) = linked(&world, json!({})).await;
    let second = program.post("/v1/connect-links", &json!({"provider": "netatmo", "account": "netatmo/ada", "return_to": BACK})).await;
    assert_eq!(second.status, 201, "{}", second.text());
    let second = second.json();
    let (mut one, mut other) = (world.browser(), world.browser());
    let provider = press(&mut one, &first).await.location().to_owned();
    let answers = (one.approve(&provider).await, {
        let provider = press(&mut other, &second).await.location().to_owned();
        other.approve(&provider).await
    });
    world.sandbox.faults("netatmo").update(|faults| (faults.at, faults.slow_ms) = (At::Token, 500));
    let (one, other) = tokio::join!(back(&mut one, &answers.0), back(&mut other, &answers.1));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409], "{} {}", one.text, other.text);
    let mut states = [state(&program, &first).await, state(&program, &second).await].map(|state| state.to_string());
    states.sort_unstable();
    assert_eq!(states, ["\"connected\"", "\"open\""]);
}

#[tokio::test]
async fn a_browser_that_goes_away_leaves_no_link_spent_of_which_nothing_came() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({})).await;
    let mut browser = world.browser();
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    world.sandbox.faults("netatmo").update(|faults| (faults.at, faults.slow_ms, faults.unavailable) = (At::Token, 1500, 1000));
    tokio::select! {
        reply = back(&mut browser, &answer) => panic!("{} before it was under way", reply.status),
        () = until("it is spent", async || state(&program, &link).await == "connected") => {}
    }
    until("it can be used again", async || state(&program, &link).await == "open").await;
    world.sandbox.faults("netatmo").update(|faults| (faults.slow_ms, faults.unavailable) = (0, 0));
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    assert!(back(&mut browser, &answer).await.location().starts_with(BACK));
}

#[tokio::test]
async fn a_denial_goes_back_and_leaves_the_link_open_and_one_that_was_taken_back_is_closed() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({})).await;
    let mut browser = world.browser();
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    let (callback, query) = answer.split_once('?').expect("a query");
    let state_parameter = query.split('&').find(|pair| pair.starts_with("state=")).expect("a state");
    let denied = back(&mut browser, &format!("{callback}?error=access_denied&{state_parameter}")).await;
    assert!(denied.location().ends_with("status=denied"), "{}", denied.text);
    assert_eq!(failure(&program, &link).await["error"], "access_denied");
    assert_eq!(state(&program, &link).await, "open");
    let provider = press(&mut browser, &link).await.location().to_owned();
    let answer = browser.approve(&provider).await;
    let number = link["id"].as_str().expect("a number");
    assert_eq!(program.send("DELETE", &format!("/v1/connect-links/{number}"), &[], "").await.status, 200);
    assert_eq!(back(&mut browser, &answer).await.status, 403);
    assert_eq!(program.get("/v1/accounts/netatmo%2Fada").await.status, 404);
}

async fn failure(program: &Program, link: &Value) -> Value {
    program.get(&format!("/v1/connect-links/{}", link["id"].as_str().expect("a number"))).await.json()["failure"].clone()
}

/// Nobody said no there: the app learns what went wrong, and whoever is at the page, too.
#[tokio::test]
async fn what_a_provider_refuses_by_itself_is_no_denial_and_told_with_its_word() {
    for back_to in [json!(BACK), json!(null)] {
        let world = World::known(&["netatmo"]).await;
        let (program, link) = linked(&world, json!({"return_to": back_to})).await;
        assert!(failure(&program, &link).await.is_null());
        let mut browser = world.browser();
        let provider = press(&mut browser, &link).await.location().to_owned();
        let answer = browser.approve(&provider).await;
        let (callback, query) = answer.split_once('?').expect("a query");
        let state_parameter = query.split('&').find(|pair| pair.starts_with("state=")).expect("a state");
        let said = "error=invalid_scope&error_description=no+such+%3Cb%3Escope";
        let failed = back(&mut browser, &format!("{callback}?{said}&{state_parameter}")).await;
        if back_to.is_null() {
            let page = browser.get(failed.location()).await;
            assert!(page.has("was not connected") && page.has("invalid_scope: no such &#60;b&#62;scope"), "{}", page.text);
        } else {
            assert!(failed.location().ends_with("status=failed&error=invalid_scope"), "{}", failed.location());
        }
        let told = failure(&program, &link).await;
        assert_eq!(told["error"], "invalid_scope", "{told}");
        assert!(told["reason"].as_str().is_some_and(|reason| reason.contains("no such <b>scope")) && told["at"].is_string(), "{told}");
        assert_eq!(state(&program, &link).await, "open");
        let provider = press(&mut browser, &link).await.location().to_owned();
        let answer = browser.approve(&provider).await;
        assert_eq!(back(&mut browser, &answer).await.status, 303);
        assert_eq!((state(&program, &link).await, failure(&program, &link).await), (json!("connected"), json!(null)));
    }
}

/// Whoever came by a link has no account here to go back to.
#[tokio::test]
async fn what_fails_after_the_answer_leads_back_to_the_app_and_to_nobodys_account() {
    for back_to in [json!(BACK), json!(null)] {
        let world = World::known(&["netatmo"]).await;
        let (program, link) = linked(&world, json!({"return_to": back_to})).await;
        let mut browser = world.browser();
        let provider = press(&mut browser, &link).await.location().to_owned();
        let answer = browser.approve(&provider).await;
        world.sandbox.faults("netatmo").update(|faults| (faults.at, faults.unavailable) = (At::Token, 1000));
        let page = back(&mut browser, &answer).await;
        assert!(page.status == 502 && !page.has("/accounts/"), "{} {}", page.status, page.text);
        assert_eq!(page.has("Back to the app") && page.has("status=failed"), !back_to.is_null(), "{}", page.text);
        assert_eq!(page.has(&format!("/link/{}/over", link["id"].as_str().expect("a number"))), back_to.is_null(), "{}", page.text);
        assert_eq!(failure(&program, &link).await["error"], "provider");
    }
}

#[tokio::test]
async fn links_that_were_used_wait_for_nobody() {
    let world = World::known(&["netatmo"]).await;
    let (program, link) = linked(&world, json!({})).await;
    let shelf = world.shelf.clone().expect("a shelf");
    let now = keyfob::Clock::now(&*world.clock);
    let made = shelf.item(Kind("connect"), link["id"].as_str().expect("a number"), now).await.expect("the shelf").expect("a link").value;
    let mut record: Value = serde_json::from_slice(&made.content).expect("JSON");
    for state in ["connected", "open"] {
        record["state"] = state.into();
        for number in 0..1000 {
            let id = format!("{number:032x}");
            let item = Item::new(id, record.to_string()).owned_by("owner").until(now.plus(3600));
            shelf.put_item(Kind("connect"), &item, Expected::Anything).await.expect("put");
        }
        let next = program.post("/v1/connect-links", &json!({"provider": "netatmo", "account": "netatmo/next"})).await;
        match state {
            "connected" => assert_eq!(next.status, 201, "{}", next.text()),
            _ => assert_eq!((next.status, next.code().as_str()), (422, "too-many")),
        }
    }
    let (mut listed, mut cursor) = (0, String::new());
    loop {
        let page = program.get(&format!("/v1/connect-links?limit=200{cursor}")).await.json();
        listed += page["items"].as_array().map_or(0, Vec::len);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, 1002, "all that are there");
}

#[tokio::test]
async fn a_link_ends_and_takes_no_name_that_is_there() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await.connect("netatmo").await;
    let (program, link) = linked(&world, json!({"expires_in": 60})).await;
    world.advance(61);
    assert_eq!(press(&mut world.browser(), &link).await.status, 403);
    for (asked, code) in [
        (json!({"provider": "netatmo", "account": "netatmo"}), "name-taken"),
        (json!({"provider": "netatmo", "account": "telldus/x"}), "no-such-account"),
        (json!({"provider": "netatmo", "account": "netatmo/UP"}), "no-such-account"),
        (json!({"provider": "netatmo", "account": "netatmo/~x"}), "no-such-account"),
        (json!({"provider": "none"}), "no-such-account"),
        (json!({"provider": "netatmo", "scopes": ["a b"]}), "misuse"),
    ] {
        let reply = program.post("/v1/connect-links", &asked).await;
        assert_eq!((reply.status, reply.code().as_str()), (422, code), "{asked}");
    }
    assert_eq!(
        program.post("/v1/connect-links", &json!({"provider": "netatmo", "account": "netatmo", "reconnect": true})).await.status,
        201
    );
}

/// A28, L4: whatever is written there, the browser goes to the list or stays here.
#[tokio::test]
async fn a28_l4_no_link_leads_anywhere_but_to_the_list() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    let program = Program::of(&world, "owner").await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/return_to.txt");
    let payloads = std::fs::read_to_string(file).expect("a file");
    let payloads: Vec<&str> = payloads.lines().filter(|line| !line.starts_with("# ")).collect();
    assert!(payloads.len() >= 29, "{}", payloads.len());
    assert_eq!(program.post("/v1/return-urls", &json!({"url": "https://our.test"})).await.status, 201);
    assert_eq!(program.post("/v1/return-urls", &json!({"url": "https://our.test/ok"})).await.status, 201);
    for payload in
        payloads.iter().copied().chain(["https://our.test/OK", "https://our.test/ok/", "https://our.test/ok?x", "https://OUR.test/ok"])
    {
        let reply = program.post("/v1/connect-links", &json!({"provider": "netatmo", "return_to": payload})).await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "return-url"), "{payload:?}");
        // Where the list itself takes it, it is an https URL and nothing else.
        let listed = program.post("/v1/return-urls", &json!({"url": payload})).await;
        assert!(listed.status == 422 || payload.starts_with("https://"), "{payload:?}");
    }
    // The list is a person's own.
    let mut ada = world.member(&mut owner, "Ada").await;
    let ada = Program::of(&world, &id_of(&mut ada).await).await;
    let reply = ada.post("/v1/connect-links", &json!({"provider": "netatmo", "return_to": "https://our.test/ok"})).await;
    assert_eq!(reply.code(), "return-url");
}

/// An account that is connected again by a link keeps what it may do: whoever made the link said nothing of that.
#[tokio::test]
async fn a_link_that_connects_again_asks_for_what_was_asked_for() {
    let world = World::known(&["netatmo"]).await;
    let (program, first) = linked(&world, json!({"scopes": ["read_station", "read_thermostat"]})).await;
    let connect = async |link: &Value| {
        let mut browser = world.browser();
        let page = browser.get(link["url"].as_str().expect("a URL")).await;
        let provider = press(&mut browser, link).await.location().to_owned();
        let answer = browser.approve(&provider).await;
        assert!(back(&mut browser, &answer).await.location().starts_with(BACK));
        page
    };
    connect(&first).await;
    let again = json!({"provider": "netatmo", "account": "netatmo/ada", "return_to": BACK, "reconnect": true});
    let page = connect(&program.post("/v1/connect-links", &again).await.json()).await;
    assert!(page.has("read_station") && page.has("read_thermostat"), "{}", page.text);
    assert_eq!(world.account("netatmo/ada").await.expect("an account").requested_scopes, ["read_station", "read_thermostat"]);
}

/// F10: what others write is text.
#[tokio::test]
async fn f10_who_asks_is_shown_as_text() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await;
    let now = keyfob::Clock::now(&*world.clock);
    let shelf = world.shelf.clone().expect("a shelf");
    let name = "<script>alert(1)</script>\u{202e}evil";
    let made = keyfob_broker::api::token::create(&*shelf, "owner", name, None, keyfob_broker::Who::Command, now).await.expect("a token");
    let program = Program { address: world.address, token: made.text.expose().to_owned() };
    let link = program.post("/v1/connect-links", &json!({"provider": "netatmo", "scopes": ["<b>"]})).await.json();
    let page = world.browser().get(link["url"].as_str().expect("a URL")).await;
    assert!(page.status == 200 && !page.has("<script>alert") && !page.has("<b>") && !page.has("\u{202e}"), "{}", page.text);
}

/// A provider whose page sends nobody back is connected by link, too: the code waits on a page that is the link's browser's alone.
#[tokio::test]
async fn a_link_leads_to_a_code_where_the_provider_has_no_redirect() {
    fn by_code(_: &Sandbox, config: &mut Config) {
        config.services.iter_mut().for_each(|service| service.provider.client.redirect.device_only = true);
    }
    let setup = || Setup { known: true, more: Some(by_code), ..Setup::default() };
    for (back_to, consent) in [(json!(null), Consent::Approve), (json!(BACK), Consent::Approve), (json!(BACK), Consent::Deny)] {
        let world = World::with(&["acme"], setup()).await;
        let asked = json!({"provider": "acme", "account": "acme/ada", "return_to": back_to});
        let (program, link) = linked(&world, asked).await;
        world.sandbox.consent("acme", consent);
        let (mut somebody, mut another) = (world.browser(), world.browser());
        let path = press(&mut somebody, &link).await.location().to_owned();
        let page = somebody.get(&path).await;
        assert!(page.status == 200 && page.has("user-code"), "{}", page.text);
        assert_eq!(another.get(&path).await.status, 404, "without the link's cookie");
        assert_eq!(press(&mut another, &link).await.status, 403, "the link is another browser's");
        assert_eq!(another.get(&path).await.status, 404);
        assert_eq!(state(&program, &link).await, "open");
        world.advance(6);
        let (number, is_good) = (link["id"].as_str().expect("a number"), consent == Consent::Approve);
        for time in ["when it is decided", "whenever it is looked at later"] {
            let over = somebody.get(&path).await;
            if back_to.is_null() {
                assert!(over.has("Acme is connected") && over.has("You can close this page"), "{time}: {}", over.text);
                continue;
            }
            let status = if is_good { "connected" } else { "denied" };
            assert_eq!(over.location(), format!("{BACK}&connect_link={number}&account=acme%2Fada&status={status}"), "{time}");
        }
        assert_eq!(state(&program, &link).await, if is_good { "connected" } else { "open" });
        assert_eq!(program.get("/v1/accounts/acme%2Fada").await.status, if is_good { 200 } else { 404 });
        assert_eq!(somebody.get("/").await.location(), "/sign-in", "it let nobody in");
    }
}

/// Tokens that would be nobody's are not fetched, and why nothing came of it is said for as long as somebody looks.
#[tokio::test]
async fn no_question_leaves_for_a_link_that_is_not_good_any_more() {
    fn by_code(_: &Sandbox, config: &mut Config) {
        config.services.iter_mut().for_each(|service| service.provider.client.redirect.device_only = true);
    }
    for (hindrance, status, words) in
        [("taken back", 403, "This link is not good any more"), ("another account of its name", 409, "That name is taken")]
    {
        let world = World::with(&["acme"], Setup { known: true, more: Some(by_code), ..Setup::default() }).await;
        let (program, link) = linked(&world, json!({"provider": "acme", "account": "acme/ada", "return_to": BACK})).await;
        world.sandbox.consent("acme", Consent::Approve);
        let mut somebody = world.browser();
        let path = press(&mut somebody, &link).await.location().to_owned();
        assert!(somebody.get(&path).await.has("user-code"));
        if status == 403 {
            assert_eq!(
                program.send("DELETE", &format!("/v1/connect-links/{}", link["id"].as_str().expect("a number")), &[], "").await.status,
                200
            );
        } else {
            let (_, second) = linked(&world, json!({"provider": "acme", "account": "acme/ada", "return_to": null})).await;
            let mut faster = world.browser();
            let path = press(&mut faster, &second).await.location().to_owned();
            world.advance(6);
            let done = faster.get(&path).await;
            assert!(done.has("Acme is connected"), "{}", done.text);
        }
        let asked = || world.sandbox.seen("acme").iter().filter(|seen| seen.path == "/token").count();
        let before = asked();
        world.advance(6);
        for time in ["when it is noticed", "whenever it is looked at later"] {
            let told = somebody.get(&path).await;
            assert!(told.status == status && told.has(words), "{hindrance}, {time}: {}", told.text);
        }
        assert_eq!(asked(), before, "{hindrance}");
    }
}

/// While the code is exchanged, which takes as long as the provider likes.
#[tokio::test]
async fn l19_a_link_that_is_taken_back_while_its_login_ends_connects_nothing() {
    for taken in ["nothing", "the time", "the link", "the token"] {
        let world = World::known(&["netatmo"]).await;
        world.owner().await;
        let (number, token) = made_for(&world, "owner").await;
        let program = Program { address: world.address, token };
        let link = program.post("/v1/connect-links", &json!({"provider": "netatmo", "account": "netatmo/ada"})).await.json();
        let mut somebody = world.browser();
        let url = press(&mut somebody, &link).await.location().to_owned();
        let answer = somebody.approve(&url).await;
        world.sandbox.faults("netatmo").update(|faults| (faults.at, faults.slow_ms) = (At::Token, 1500));
        let mut tab = somebody.tab();
        let arriving = tokio::spawn(async move { back(&mut tab, &answer).await });
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let path = match taken {
            "the link" => Some(format!("/v1/connect-links/{}", link["id"].as_str().expect("a number"))),
            "the token" => Some(format!("/v1/tokens/{number}")),
            _ => None,
        };
        if taken == "the time" {
            // Whoever came in time is not too late for how long the provider takes.
            world.advance(3601);
        }
        let other = Program::of(&world, "owner").await;
        if let Some(path) = &path {
            assert_eq!(other.send("DELETE", path, &[], "").await.status, 200, "{path}");
        }
        let reply = arriving.await.expect("no panic");
        assert_eq!(reply.status, if path.is_some() { 403 } else { 303 }, "{taken}: {}", reply.text);
        let expected = if path.is_some() { 404 } else { 200 };
        assert_eq!(other.get("/v1/accounts/netatmo%2Fada").await.status, expected, "{taken}");
    }
}

/// Its page would connect nothing but the owner's own account, for whoever opens it, or nothing at all.
#[tokio::test]
async fn no_link_is_made_where_nobody_logs_in() {
    fn elsewhere(_: &Sandbox, config: &mut Config) {
        config.catalogue = vec![provider("woocommerce"), provider("plentymarkets")];
    }
    let world = World::with(&["netatmo"], Setup { known: true, more: Some(elsewhere), ..Setup::default() }).await;
    world.owner().await;
    let program = Program::of(&world, "owner").await;
    for (name, field, host, why) in
        [("woocommerce", "store", "shop.example.com", "keys alone"), ("plentymarkets", "host", "p1.example.com", "made elsewhere")]
    {
        let mut app = App::confidential("ck_example", "cs_example-not-real");
        app.fields.insert(field.to_owned(), Secret::new(host));
        world.store.put_app(name, &app).await.expect("kept");
        let refused = program.post("/v1/connect-links", &json!({"provider": name})).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "no-login"), "{name}: {}", refused.text());
        assert!(refused.text().contains(why) && refused.text().contains("valet key"), "{}", refused.text());
    }
    assert_eq!(program.get("/v1/connect-links").await.json()["items"], json!([]));
}
