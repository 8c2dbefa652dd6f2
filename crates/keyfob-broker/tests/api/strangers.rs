//! Everything of somebody else's is not there (L8): each operation of the document, asked by another person, for what is the owner's.

use std::collections::BTreeMap;

use keyfob::Store as _;
use keyfob_broker::api::document;
use keyfob_store::shelf::Kind;
use serde_json::{Value, json};

use super::{Program, World, id_of};

/// What stands for each name in a path, of what somebody has.
struct Owned {
    account: &'static str,
    key: String,
    token: String,
    webhook: String,
    link: String,
    return_url: String,
}

impl Owned {
    /// One of each that this program's person has, with this account.
    async fn by(program: &Program, account: &'static str) -> Self {
        let make = async |path: &str, body: Value| {
            let made = program.post(path, &body).await;
            assert_eq!(made.status, 201, "{path}: {}", made.text());
            made.json()["id"].as_str().expect("an id").to_owned()
        };
        Self {
            account,
            key: make("/v1/keys", json!({"account": account, "allow": ["GET /**"]})).await,
            token: program.get("/v1/tokens").await.json()["items"][0]["id"].as_str().expect("an id").to_owned(),
            webhook: make("/v1/webhooks", json!({"url": "https://hooks.example/"})).await,
            link: make("/v1/connect-links", json!({"provider": account, "account": format!("{account}/guest")})).await,
            return_url: make("/v1/return-urls", json!({"url": "https://app.example/"})).await,
        }
    }

    fn fill(&self, path: &str) -> String {
        path.replace("{account}", self.account)
            .replace("{key}", &self.key)
            .replace("{token}", &self.token)
            .replace("{webhook}", &self.webhook)
            .replace("{link}", &self.link)
            .replace("{return_url}", &self.return_url)
    }
}

#[tokio::test]
async fn l8_every_operation_on_somebody_elses_things_is_404_and_does_nothing() {
    let world = World::known(&["netatmo", "telldus"]).await;
    let mut browser = world.owner().await;
    browser.connect("netatmo").await;
    let mut ada = world.member(&mut browser, "Ada").await;
    ada.connect("telldus").await;
    let (owner, ada) = (Program::of(&world, "owner").await, Program::of(&world, &id_of(&mut ada).await).await);
    let (owners, adas) = (Owned::by(&owner, "netatmo").await, Owned::by(&ada, "telldus").await);
    let document = document();
    // The one whose house it is has no more of what is a member's than the other way round.
    for (asking, theirs) in [(&ada, &owners), (&owner, &adas)] {
        let before = state(&world).await;
        let mut asked = 0;
        for (path, operations) in document["paths"].as_object().expect("paths") {
            // What a key opens is judged by the key (programs), and people and invitations are the owner's.
            if !path.starts_with("/v1/") || (path.starts_with("/v1/people") && std::ptr::eq(asking, &owner)) {
                continue;
            }
            let names: Vec<&str> = path.split('/').filter(|piece| piece.starts_with('{')).collect();
            for (method, operation) in operations.as_object().expect("operations") {
                let is_named = !names.is_empty() && names != ["{provider}"];
                // Without a name it is about what is one's own; the catalogue is everybody's.
                if !is_named && (method != "get" || path.starts_with("/v1/providers")) {
                    continue;
                }
                let body = sample(&document, operation);
                let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("Content-Type", "application/json")] };
                let reply = asking.send(&method.to_uppercase(), &theirs.fill(path), headers, &body).await;
                if is_named {
                    assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"), "{method} {path}");
                    assert_eq!(state(&world).await, before, "{method} {path}");
                    asked += 1;
                } else {
                    let text = reply.text();
                    assert!(!text.contains(&theirs.key) && !text.contains(theirs.account), "{path}: {text}");
                }
            }
        }
        assert!(asked >= 13, "{asked}");
        // By name in a body, too.
        assert_eq!(asking.post("/v1/keys", &json!({"account": theirs.account, "allow": ["GET /**"]})).await.status, 404);
        assert_eq!(state(&world).await, before);
    }
    for (program, theirs) in [(&owner, &owners), (&ada, &adas)] {
        assert_eq!(program.get(&theirs.fill("/v1/accounts/{account}")).await.status, 200, "and its own person still has it");
    }
}

/// What the vault has of accounts, and the shelf of what a person can have beside them. Not that a token was used, which is whoever's asks.
async fn state(world: &World) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for found in world.store.accounts().await.expect("accounts") {
        state.insert(format!("account {}", found.value.name), format!("{:?} {:?}", found.generation, found.value));
    }
    let shelf = world.shelf.as_ref().expect("a shelf");
    for kind in ["person", "invite", "account", "upstream", "revocation", "key", "webhook", "connect", "return-url"] {
        for item in shelf.items(Kind(kind), None, None, 1000, keyfob::Clock::now(&*world.clock)).await.expect("items") {
            let mut content: Value = serde_json::from_slice(&item.value.content).expect("JSON");
            // How its deliveries go is told whenever one was tried.
            content.as_object_mut().expect("an object").remove("trouble");
            state.insert(format!("{kind} {}", item.value.id), format!("{:?} {content}", item.value.expires_at));
        }
    }
    let tokens = shelf.items(Kind("token"), None, None, 1000, keyfob::Clock::now(&*world.clock)).await.expect("items");
    state.extend(tokens.into_iter().map(|item| (format!("token {}", item.value.id), String::new())));
    state
}

/// A body that fits the schema, as far as this needs one.
fn sample(document: &Value, operation: &Value) -> String {
    let Some(reference) = operation.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str) else {
        return String::new();
    };
    let schema = document.pointer(&reference[1..]).expect("a schema");
    let mut body = serde_json::Map::new();
    for (name, member) in schema["properties"].as_object().expect("members") {
        if schema["required"].as_array().is_some_and(|required| required.contains(&json!(name))) || name == "title" {
            let value = match member["type"].as_str() {
                Some("array") => json!([]),
                Some("integer") => member["minimum"].clone(),
                _ => json!("netatmo"),
            };
            body.insert(name.clone(), value);
        }
    }
    Value::Object(body).to_string()
}
