//! What comes back.

use keyfob::Store as _;
use keyfob::proto::{Secret, TokenSet};
use keyfob::store::Expected;
use serde_json::{Value, json};

use super::{Program, World, id_of, send};

/// Netatmo and Telldus, connected by the owner.
async fn connected() -> (World, Program) {
    let world = World::known(&["netatmo", "telldus"]).await;
    let program = connect(&world).await;
    (world, program)
}

async fn connect(world: &World) -> Program {
    let mut owner = world.owner().await;
    for name in ["netatmo", "telldus"] {
        assert_eq!(owner.connect(name).await.status, 200);
    }
    Program::of(world, "owner").await
}

#[tokio::test]
async fn accounts_are_listed_shown_renamed_refreshed_and_disconnected() {
    World::on_each_shelf(&["netatmo", "telldus"], async |world| {
        let program = connect(&world).await;
        let first = program.get("/v1/accounts?limit=1").await.json();
        assert_eq!(first["items"][0]["name"], "netatmo");
        let cursor = first["next_cursor"].as_str().expect("one more");
        let second = program.get(&format!("/v1/accounts?limit=1&cursor={cursor}")).await.json();
        assert_eq!((&second["items"][0]["name"], &second["next_cursor"]), (&json!("telldus"), &json!(null)));
        let account = program.get("/v1/accounts/netatmo").await.json();
        assert_eq!((&account["health"], &account["renews"], &account["title"]), (&json!("ok"), &json!(true), &json!(null)));
        let renamed =
            program.send("PATCH", "/v1/accounts/netatmo", &[("Content-Type", "application/json")], r#"{"title":"Weather"}"#).await;
        assert_eq!((renamed.status, &renamed.json()["title"]), (200, &json!("Weather")));
        // What is left away stays; null takes it away.
        for (body, title) in [("{}", json!("Weather")), (r#"{"title":null}"#, json!(null))] {
            let changed = program.send("PATCH", "/v1/accounts/netatmo", &[("Content-Type", "application/json")], body).await;
            assert_eq!((changed.status, &changed.json()["title"]), (200, &title), "{body}");
            assert_eq!(program.get("/v1/accounts/netatmo").await.json()["title"], title, "{body}");
        }
        let before = world.account("netatmo").await.expect("there");
        let refreshed = program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
        assert_ne!(before.tokens.expires_at(), None);
        let history = program.get("/v1/accounts/netatmo/history").await.json();
        let events: Vec<&str> = history["entries"].as_array().expect("a list").iter().filter_map(|entry| entry["event"].as_str()).collect();
        assert_eq!(events, ["refreshed", "logged-in"]);
        // OAuth 1 has nothing to refresh.
        let reply = program.send("POST", "/v1/accounts/telldus/refresh", &[], "").await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "does-not-renew"));
        let gone = program.send("DELETE", "/v1/accounts/telldus", &[], "").await;
        assert_eq!((gone.status, &gone.json()["revoked"]), (200, &json!("cannot-be-asked")));
        assert!(world.account("telldus").await.is_none());
        assert_eq!(program.get("/v1/accounts/telldus").await.code(), "not-found");
        for text in [account.to_string(), history.to_string()] {
            let keyfob::proto::TokenSet::OAuth2(tokens) = &before.tokens else { panic!("OAuth 2") };
            assert!(!text.contains(tokens.access.expose()), "no token leaves");
        }
    })
    .await;
}

/// At once, and not when the account is held against the store the next time: whoever disconnects may do so in a hurry.
#[tokio::test]
async fn l17_a_key_uses_no_account_that_was_disconnected() {
    World::on_each_shelf(&["netatmo", "telldus"], async |world| {
        let program = connect(&world).await;
        for (account, target) in [("netatmo", "/api/netatmo/api/getstationsdata"), ("telldus", "/api/telldus/json/devices/list")] {
            let key = json!({"account": account, "name": "cron", "allow": ["GET /**"], "may_see_token": account == "netatmo"});
            let made = program.post("/v1/keys", &key).await.json();
            let holder = Program { address: world.address, token: made["key"].as_str().expect("a key").to_owned() };
            assert_eq!(holder.get(target).await.status, 200);
            assert_eq!(program.send("DELETE", &format!("/v1/accounts/{account}"), &[], "").await.status, 200);
            for target in [target, &format!("/token/{account}")] {
                let reply = holder.get(target).await;
                assert!(reply.status >= 400, "{target}: {} {}", reply.status, reply.text());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn providers_are_found_by_words_and_kind() {
    let (_world, program) = connected().await;
    let all = program.get("/v1/providers").await.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(2), "{all}");
    let found = program.get("/v1/providers?q=weather&kind=oauth2").await.json();
    assert_eq!(found["items"][0]["name"], "netatmo");
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(program.get("/v1/providers?kind=oauth1&q=weather").await.json()["items"], json!([]));
    let one = program.get("/v1/providers/netatmo").await.json();
    assert_eq!((&one["is_ready"], &one["kind"]), (&json!(true), &json!("oauth2")));
    assert_eq!(program.get("/v1/providers/none").await.status, 404);
    let wrong = program.get("/v1/providers?knd=oauth2").await;
    assert_eq!((wrong.code().as_str(), &wrong.json()["hint"]), ("query", &json!("did you mean \"kind\"?")));
}

/// It could ask for it, and would be refused each time.
#[tokio::test]
async fn no_key_is_made_for_a_token_that_is_never_handed_out() {
    let world = World::known(&["netatmo", "telldus"]).await;
    let program = connect(&world).await;
    for allow in [json!([]), json!(["GET /**"])] {
        let key = json!({"account": "telldus", "allow": allow, "may_see_token": true});
        let refused = program.post("/v1/keys", &key).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "misuse"), "{}", refused.text());
        let (detail, hint) = (refused.json()["detail"].to_string(), refused.json()["hint"].to_string());
        assert!(detail.contains("OAuth 1") && hint.contains("/api/"), "{detail} {hint}");
    }
    assert_eq!(program.get("/v1/keys").await.json()["items"], json!([]));
    // One that is bound to a key stays with that, too.
    let bind = async |bound: bool| {
        let found = world.store.account("netatmo").await.expect("the store").expect("an account");
        let mut account = found.value;
        let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
        tokens.proof_key = bound.then(|| Secret::new("a-key-of-the-tests"));
        world.store.put_account(&account, Expected::Generation(found.generation), None).await.expect("written");
    };
    let key = json!({"account": "netatmo", "allow": [], "may_see_token": true});
    bind(true).await;
    assert!(program.post("/v1/keys", &key).await.json()["detail"].to_string().contains("RFC 9449"));
    bind(false).await;
    assert_eq!(program.post("/v1/keys", &key).await.status, 201);
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_revoked_and_the_book_has_it() {
    World::on_each_shelf(&["netatmo", "telldus"], async |world| {
        let program = connect(&world).await;
        let made = program
            .post(
                "/v1/keys",
                &json!({"account": "netatmo", "name": "cron", "allow": ["GET /api/**"], "rate": "10/min", "expires_in": 3600}),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let key = made["key"].as_str().expect("a key").to_owned();
        let holder = Program { address: world.address, token: key.clone() };
        assert_eq!(holder.get("/api/netatmo/api/getstationsdata").await.status, 200);
        // A valet key is no token.
        assert_eq!(holder.get("/v1/me").await.status, 401);
        let list = program.get("/v1/keys?account=netatmo").await;
        assert!(!list.text().contains(&key), "it is shown once");
        assert_eq!(list.json()["items"][0]["allow"], json!(["GET /api/**"]));
        let id = made["id"].as_str().expect("a number");
        assert_eq!(program.send("DELETE", &format!("/v1/keys/{id}"), &[], "").await.status, 200);
        assert_eq!(program.send("DELETE", &format!("/v1/keys/{id}"), &[], "").await.status, 404);
        assert_eq!(holder.get("/api/netatmo/api/getstationsdata").await.status, 401);
        let acts = program.get("/v1/activity").await.json();
        let acts: Vec<(&str, &str)> = acts["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|act| (act["act"].as_str().expect("text"), act["who"].as_str().expect("text")))
            .collect();
        assert_eq!(acts[..3], [("key-revoked", "token"), ("called", "key"), ("key-made", "token")]);
        let page = program.get("/v1/activity?limit=1").await.json();
        let next = program.get(&format!("/v1/activity?limit=1&cursor={}", page["next_cursor"].as_str().expect("more"))).await.json();
        assert_eq!(next["items"][0]["act"], "called");
    })
    .await;
}

/// Whoever has got hold of a token for an hour would have the account for good.
#[tokio::test]
async fn l13_a_key_that_was_made_with_a_token_ends_with_it() {
    World::on_each_shelf(&["netatmo", "telldus"], async |world| {
        let program = connect(&world).await;
        let (shelf, now) = (world.shelf.clone().expect("a shelf"), keyfob::Clock::now(&*world.clock));
        let short =
            keyfob_broker::api::token::create(&*shelf, "owner", "short", Some(now.plus(600)), keyfob_broker::Who::Command, now).await;
        let short = short.expect("a token");
        let thief = Program { address: world.address, token: short.text.expose().to_owned() };
        for expires_in in [json!(null), json!(86_400)] {
            let made = thief.post("/v1/keys", &json!({"account": "netatmo", "allow": ["* /**"], "expires_in": expires_in})).await.json();
            assert_eq!(made["made_with"], json!(short.token.id));
            let token = program.get("/v1/tokens").await.json();
            let ends =
                token["items"].as_array().expect("a list").iter().find(|token| token["id"] == json!(short.token.id)).expect("it is there");
            assert_eq!(made["expires_at"], ends["expires_at"], "no later than the token");
        }
        let of_others = program.post("/v1/keys", &json!({"account": "netatmo", "allow": ["GET /**"]})).await.json();
        assert_eq!(of_others["expires_at"], json!(null));
        assert_eq!(program.send("DELETE", &format!("/v1/tokens/{}", short.token.id), &[], "").await.status, 200);
        let left = program.get("/v1/keys").await.json();
        let left: Vec<_> = left["items"].as_array().expect("a list").iter().map(|key| &key["id"]).collect();
        assert_eq!(left, [&of_others["id"]]);
        let acts = program.get("/v1/activity").await.json();
        let acts: Vec<_> = acts["items"].as_array().expect("a list").iter().map(|act| act["act"].as_str().expect("text")).collect();
        assert_eq!(acts[..3], ["key-revoked", "key-revoked", "token-revoked"]);
    })
    .await;
}

/// The same of an invitation, a connect link, or a place where events are told: made with a token, they end with it, at the latest, and go with it.
#[tokio::test]
async fn l13_what_a_token_has_made_for_others_ends_with_it() {
    World::on_each_shelf(&["netatmo", "telldus"], async |world| {
        let program = connect(&world).await;
        let (shelf, now) = (world.shelf.clone().expect("a shelf"), keyfob::Clock::now(&*world.clock));
        let create = async |name, ends| {
            let made = keyfob_broker::api::token::create(&*shelf, "owner", name, ends, keyfob_broker::Who::Command, now).await;
            let made = made.expect("a token");
            (made.token.id.clone(), Program { address: world.address, token: made.text.expose().to_owned() })
        };
        let make = async |program: &Program, account: &str| {
            let made = async |path: &str, body: serde_json::Value| {
                let answer = program.post(path, &body).await;
                assert!([200, 201].contains(&answer.status), "{}", answer.text());
                answer.json()
            };
            [
                made("/v1/people/invitations", json!({"name": "Robin"})).await,
                made("/v1/connect-links", json!({"provider": "netatmo", "account": account, "expires_in": 86_400})).await,
                made("/v1/webhooks", json!({"url": "https://hooks.example/"})).await,
            ]
        };
        let numbers = async |path: &str| {
            let all = program.get(path).await.json();
            all["items"].as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
        };
        let opens = async |link: &serde_json::Value| world.browser().get(link.as_str().expect("a link")).await.status == 200;

        let ((short, thief), (_, patient)) = (create("short", Some(now.plus(600))).await, create("patient", Some(now.plus(900))).await);
        let (lasting, stolen, later) =
            (make(&program, "netatmo/a").await, make(&thief, "netatmo/b").await, make(&patient, "netatmo/c").await);
        let tokens = program.get("/v1/tokens").await.json();
        let ends = tokens["items"].as_array().expect("a list").iter().find(|token| token["id"] == json!(short)).expect("it is there");
        for made in &stolen {
            assert_eq!(made["expires_at"], ends["expires_at"], "no later than the token: {made}");
        }
        assert_eq!(lasting[2]["expires_at"], json!(null), "of a token that does not end by itself");
        // Taken back, it takes along what it made, and nothing else.
        assert_eq!(program.send("DELETE", &format!("/v1/tokens/{short}"), &[], "").await.status, 200);
        for (is_there, made) in [(true, &lasting), (false, &stolen), (true, &later)] {
            let there = [
                opens(&made[0]["link"]).await,
                opens(&made[1]["url"]).await,
                numbers("/v1/connect-links").await.contains(&made[1]["id"].as_str().expect("an id").to_owned()),
                numbers("/v1/webhooks").await.contains(&made[2]["id"].as_str().expect("an id").to_owned()),
            ];
            assert_eq!(there, [is_there; 4], "{made:?}");
        }
        let acts = program.get("/v1/activity").await.json();
        let acts: Vec<_> = acts["items"].as_array().expect("a list").iter().map(|act| act["act"].as_str().expect("text")).collect();
        assert_eq!(acts[..4], ["uninvited", "webhook-removed", "link-cancelled", "token-revoked"]);
        // And what ends by itself is no more, either.
        world.advance(901);
        assert!(!opens(&later[0]["link"]).await && !opens(&later[1]["url"]).await);
        assert!(opens(&lasting[0]["link"]).await && opens(&lasting[1]["url"]).await);
        assert_eq!(numbers("/v1/webhooks").await, [lasting[2]["id"].as_str().expect("an id")]);
    })
    .await;
}

/// What decides where tokens come from and people are sent to is somebody's doing.
#[tokio::test]
async fn l17_apps_return_urls_and_refreshes_are_in_the_book() {
    let (_world, program) = connected().await;
    let url = json!({"url": "https://app.example/connected"});
    let added = program.post("/v1/return-urls", &url).await.json();
    assert_eq!(program.post("/v1/return-urls", &json!({"url": "ftp://app.example/"})).await.status, 422);
    program.send("DELETE", &format!("/v1/return-urls/{}", added["id"].as_str().expect("an id")), &[], "").await;
    assert_eq!(program.send("POST", "/v1/accounts/netatmo/refresh", &[], "").await.status, 200);
    let acts = program.get("/v1/activity").await.json();
    let acts: Vec<_> =
        acts["items"].as_array().expect("a list").iter().map(|act| (act["act"].as_str().expect("text"), &act["to"])).collect();
    let to = &url["url"];
    assert_eq!(acts[..3], [("refreshed", &json!(null)), ("return-url-removed", to), ("return-url-made", to)]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_nearest_name() {
    let (_world, program) = connected().await;
    let post = async |body: &str| program.send("POST", "/v1/keys", &[("Content-Type", "application/json")], body).await;
    for (body, status, code) in [
        (r#"{"account":"netatmo","alow":["GET /"]}"#, 400, "body"),
        (r#"{"account":"netatmo","account":"telldus","allow":["GET /"]}"#, 400, "json"),
        (r#"{"allow":["GET /"]}"#, 400, "body"),
        (r#"{"account":7}"#, 400, "body"),
        ("", 400, "json"),
        (r#"{"account":"netatmo","allow":[]}"#, 422, "misuse"),
        (r#"{"account":"netatmo","allow":["GET /../x"]}"#, 422, "misuse"),
        (r#"{"account":"netatmo","allow":["GET /"],"rate":"often"}"#, 422, "misuse"),
        (r#"{"account":"fitbit","allow":["GET /"]}"#, 404, "not-found"),
    ] {
        let reply = post(body).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{body} {}", reply.text());
    }
    assert_eq!(post(r#"{"account":"netatmo","alow":["GET /"]}"#).await.json()["hint"], "did you mean \"allow\"?");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(post(&deep).await.code(), "json");
    assert_eq!(post(&" ".repeat(65 * 1024)).await.status, 413);
    let reply = program.send("POST", "/v1/keys", &[("Content-Type", "text/plain")], "{}").await;
    assert_eq!((reply.status, reply.code().as_str()), (415, "media-type"));
}

#[tokio::test]
async fn the_owner_sees_people_and_invites_them_and_nobody_else_does() {
    World::on_each_shelf(&["netatmo"], async |world| {
        let mut owner = world.owner().await;
        let mut member = world.member(&mut owner, "Ada").await;
        let (owner, ada) = (Program::of(&world, "owner").await, id_of(&mut member).await);
        let ada = Program::of(&world, &ada).await;
        let people = owner.get("/v1/people").await.json();
        assert_eq!(people["items"].as_array().map(Vec::len), Some(2));
        let invited = owner.post("/v1/people/invitations", &json!({"name": "Bob"})).await;
        assert_eq!(invited.status, 201, "{}", invited.text());
        let mut bob = world.browser();
        assert_eq!(bob.enter(invited.json()["link"].as_str().expect("a link")).await.location(), "/");
        for (method, target) in [("GET", "/v1/people"), ("POST", "/v1/people/invitations")] {
            let reply = ada.send(method, target, &[("Content-Type", "application/json")], r#"{"name":"Eve"}"#).await;
            assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"), "{method} {target}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_written_otherwise_than_the_document_says_is_told_with_the_nearest_name() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await;
    let program = Program::of(&world, "owner").await;
    let wrong = program.post("/v1/keys", &json!({"acount": "netatmo", "allow": ["GET /**"]})).await;
    assert!(wrong.status == 400 && wrong.text().contains("did you mean \\\"account\\\"?"), "{}", wrong.text());
    let wrong = program.get("/v1/providers?kind=zz").await;
    assert!(wrong.status == 400 && wrong.code() == "query" && wrong.text().contains("oauth1, oauth2, oidc"), "{}", wrong.text());
    assert_eq!(program.get("/v1/providers?kind=oauth2").await.status, 200);
    // Also where it is somebody else's name that is asked for.
    let wrong = send(world.address, "GET", "/v1/me", &[("Host", "evil.example")], "").await;
    assert!(wrong.status == 421 && wrong.json()["request_id"].is_string(), "{}", wrong.text());
}

/// Whoever mistypes is told what was not found, and what may have been meant; of what is somebody else's nothing.
#[tokio::test]
async fn what_is_mistyped_is_told_with_what_is_nearest() {
    let world = World::known(&["netatmo", "telldus"]).await;
    let mut browser = world.owner().await;
    browser.connect("netatmo").await;
    let mut ada = world.member(&mut browser, "Ada").await;
    let (owner, ada) = (Program::of(&world, "owner").await, Program::of(&world, &id_of(&mut ada).await).await);
    let told = async |program: &Program, path: &str, body: Value, status: u16| {
        let reply = program.post(path, &body).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        let problem = reply.json();
        format!("{} {}", problem["detail"].as_str().expect("a sentence"), problem["hint"].as_str().unwrap_or_default())
    };
    let key = |account: &str| json!({"account": account, "allow": ["GET /**"]});
    let said = told(&owner, "/v1/keys", key("netatmi"), 404).await;
    assert!(said.contains("no account called \"netatmi\"") && said.contains("did you mean \"netatmo\"?"), "{said}");
    assert!(said.contains("GET /v1/accounts"), "{said}");
    let said = told(&ada, "/v1/keys", key("netatmi"), 404).await;
    assert!(!said.contains("did you mean"), "it is the owner's: {said}");
    assert_eq!(told(&ada, "/v1/keys", key("netatmo"), 404).await, said.replace("netatmi", "netatmo"));
    // Which of the rules.
    let rules = json!({"account": "netatmo", "allow": ["GET /api/**", "GTE /x", "GET /y"]});
    let said = told(&owner, "/v1/keys", rules, 422).await;
    assert!(said.contains("did you mean GET?") && said.contains("in rule 2 of 3, \"GTE /x\""), "{said}");
    let said = told(&owner, "/v1/keys", json!({"account": "netatmo", "allow": ["GTE /x"]}), 422).await;
    assert!(said.contains("did you mean GET?") && !said.contains("rule 1"), "{said}");
    // A provider of a connect link, and a name that none of its accounts can have.
    let said = told(&owner, "/v1/connect-links", json!({"provider": "teldus"}), 422).await;
    assert!(said.contains("no provider of this name is served") && said.contains("did you mean \"telldus\"?"), "{said}");
    let said = told(&owner, "/v1/connect-links", json!({"provider": "something-else"}), 422).await;
    assert!(said.contains("GET /v1/providers"), "{said}");
    let said = told(&owner, "/v1/connect-links", json!({"provider": "telldus", "account": "telldus/UP"}), 422).await;
    assert!(said.contains("No account of telldus can be called so") && said.contains("telldus/cabin"), "{said}");
}
