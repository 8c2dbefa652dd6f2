//! What is asked for twice is done once.

use serde_json::json;

use super::{Program, World, id_of, made_for};

const BODY: &str = r#"{"account":"netatmo","allow":["GET /api/**"]}"#;

async fn make(program: &Program, key: &str, body: &str) -> super::Reply {
    program.send("POST", "/v1/keys", &[("Content-Type", "application/json"), ("Idempotency-Key", key)], body).await
}

async fn keys(program: &Program) -> usize {
    program.get("/v1/keys").await.json()["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_request_with_the_same_key_is_done_once_for_a_day() {
    World::on_each_shelf(&["netatmo"], async |world| {
        let mut browser = world.owner().await;
        browser.connect("netatmo").await;
        let program = Program::of(&world, "owner").await;
        let first = make(&program, "one", BODY).await;
        let again = make(&program, "one", BODY).await;
        assert_eq!((first.status, again.status), (201, 201), "{}", again.text());
        assert_eq!(first.json()["id"], again.json()["id"]);
        assert!(first.json()["key"].is_string() && again.json()["key"].is_null(), "a secret is shown once");
        assert_eq!(keys(&program).await, 1);
        // The same thing, written otherwise, is the same.
        assert_eq!(make(&program, "one", r#"{ "allow": ["GET /api/**"], "account": "netatmo" }"#).await.status, 201);
        let other = make(&program, "one", r#"{"account":"netatmo","allow":["GET /other"]}"#).await;
        assert_eq!((other.status, other.code().as_str()), (422, "idempotency-key-reused"));
        // What was refused may be tried again.
        assert_eq!(make(&program, "two", r#"{"account":"none","allow":["GET /"]}"#).await.status, 404);
        assert_eq!(make(&program, "two", BODY).await.status, 201);
        assert_eq!(keys(&program).await, 2);
        world.advance(24 * 3600 + 1);
        assert_eq!(make(&program, "one", BODY).await.status, 201);
        assert_eq!(keys(&program).await, 3, "a day is over");
        for wrong in ["", "a b", &"x".repeat(256)] {
            assert_eq!(make(&program, wrong, BODY).await.code(), "idempotency-key", "{wrong:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn l22_of_many_at_once_one_counts() {
    World::on_each_shelf(&["netatmo"], async |world| {
        world.owner().await.connect("netatmo").await;
        let program = Program::of(&world, "owner").await;
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let program = program.clone();
            tries.spawn(async move { make(&program, "at-once", BODY).await.status });
        }
        let statuses = tries.join_all().await;
        assert!(statuses.iter().all(|status| [201, 409].contains(status)) && statuses.contains(&201), "{statuses:?}");
        assert_eq!(keys(&program).await, 1);
    })
    .await;
}

#[tokio::test]
async fn l8_somebody_elses_key_is_another_one() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    let mut ada = world.member(&mut owner, "Ada").await;
    let ada = id_of(&mut ada).await;
    let (owner, ada) = (Program::of(&world, "owner").await, Program::of(&world, &ada).await);
    let invite = async |program: &Program| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "one")];
        program.send("POST", "/v1/people/invitations", &headers, &json!({"name": "Bob"}).to_string()).await.status
    };
    assert_eq!(invite(&owner).await, 201);
    assert_eq!(invite(&ada).await, 404);
}

/// What it made went with it: that it is there would be no true answer.
#[tokio::test]
async fn what_another_token_did_is_not_this_ones() {
    let world = World::known(&["netatmo"]).await;
    world.owner().await.connect("netatmo").await;
    let ((own, token), second) = (made_for(&world, "owner").await, Program::of(&world, "owner").await);
    let first = Program { address: world.address, token };
    let made = make(&first, "deploy", BODY).await;
    assert_eq!(second.send("DELETE", &format!("/v1/tokens/{own}"), &[], "").await.status, 200);
    let again = make(&second, "deploy", BODY).await;
    assert_eq!((made.status, again.status), (201, 201), "{}", again.text());
    assert!(again.json()["key"].is_string(), "{}", again.text());
    assert_eq!(keys(&second).await, 1);
}
