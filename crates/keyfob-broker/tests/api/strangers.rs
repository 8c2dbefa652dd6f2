//! Everything of somebody else's is not there (L8): each operation of the document, asked by another person, for what is the owner's.

use keyfob_broker::api::document;
use serde_json::{Value, json};

use super::{Program, World, id_of};

/// What stands for each name in a path, of what the owner has.
struct Owned {
    key: String,
    token: String,
    webhook: String,
    link: String,
    return_url: String,
}

impl Owned {
    fn fill(&self, path: &str) -> String {
        path.replace("{account}", "netatmo")
            .replace("{key}", &self.key)
            .replace("{token}", &self.token)
            .replace("{webhook}", &self.webhook)
            .replace("{link}", &self.link)
            .replace("{return_url}", &self.return_url)
    }
}

#[tokio::test]
async fn l8_every_operation_on_somebody_elses_things_is_404_and_does_nothing() {
    let world = World::known(&["netatmo"]).await;
    let mut browser = world.owner().await;
    browser.connect("netatmo").await;
    let mut ada = world.member(&mut browser, "Ada").await;
    let (owner, ada) = (Program::of(&world, "owner").await, id_of(&mut ada).await);
    let ada = Program::of(&world, &ada).await;
    let key = owner.post("/v1/keys", &json!({"account": "netatmo", "allow": ["GET /**"]})).await.json();
    let tokens = owner.get("/v1/tokens").await.json();
    let id = |of: &Value| of["id"].as_str().expect("an id").to_owned();
    let webhook = owner.post("/v1/webhooks", &json!({"url": "https://hooks.example/"})).await.json();
    let link = owner.post("/v1/connect-links", &json!({"provider": "netatmo"})).await.json();
    let listed = owner.post("/v1/return-urls", &json!({"url": "https://app.example/"})).await.json();
    let owned = Owned { key: id(&key), token: id(&tokens["items"][0]), webhook: id(&webhook), link: id(&link), return_url: id(&listed) };
    let before = world.account("netatmo").await.expect("there");
    let document = document();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let names: Vec<&str> = path.split('/').filter(|piece| piece.starts_with('{')).collect();
        for (method, operation) in operations.as_object().expect("operations") {
            let target = owned.fill(path);
            let body = sample(&document, operation);
            let headers: &[(&str, &str)] = if body.is_empty() { &[] } else { &[("Content-Type", "application/json")] };
            let reply = ada.send(&method.to_uppercase(), &target, headers, &body).await;
            // What is named, and is the owner's, is not there. The catalogue is everybody's.
            if !names.is_empty() && names != ["{provider}"] {
                assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"), "{method} {path}");
                asked += 1;
            } else if method == "get" && reply.status == 200 && !path.starts_with("/v1/providers") {
                let text = reply.text();
                assert!(!text.contains(&owned.key) && !text.contains("netatmo"), "{path}: {text}");
            }
        }
    }
    assert!(asked >= 7, "{asked}");
    // By name in a body, too.
    assert_eq!(ada.post("/v1/keys", &json!({"account": "netatmo", "allow": ["GET /**"]})).await.status, 404);
    // Nothing happened.
    let after = world.account("netatmo").await.expect("still there");
    assert_eq!((after.id, after.tokens.expires_at()), (before.id, before.tokens.expires_at()));
    assert_eq!(owner.get("/v1/keys").await.json()["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(owner.get("/v1/accounts/netatmo").await.json()["title"], json!(null));
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
