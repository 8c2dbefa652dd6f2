//! What is made in the very moment in which its maker is taken back: it goes, too.

use std::sync::Arc;

use keyfob_broker::Who;
use keyfob_broker::api::token;
use keyfob_store::Shelf;
use keyfob_store::shelf::Kind;
use serde_json::{Value, json};

use super::support::disk::Disk;
use super::support::gate::until;
use super::{Program, World, id_of};

/// What a token makes: where, of what kind on the shelf, and with which words.
fn nouns() -> [(&'static str, Kind, Value); 5] {
    [
        ("/v1/keys", Kind("key"), json!({"account": "telldus", "allow": ["GET /**"]})),
        ("/v1/connect-links", Kind("connect"), json!({"provider": "telldus", "account": "telldus/guest"})),
        ("/v1/webhooks", Kind("webhook"), json!({"url": "https://receiver.example/hook"})),
        ("/v1/return-urls", Kind("return-url"), json!({"url": "https://app.example/done"})),
        ("/v1/people/invitations", Kind("invite"), json!({"name": "Robin"})),
    ]
}

/// How many there are of a kind.
async fn count(world: &World, shelf: &Arc<Disk>, kind: Kind) -> usize {
    shelf.items(kind, None, None, 10, keyfob::Clock::now(&*world.clock)).await.expect("the shelf").len()
}

#[tokio::test]
async fn l18_what_a_token_makes_in_the_moment_in_which_it_is_revoked_goes_with_it() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        world.owner().await.connect("telldus").await;
        let now = keyfob::Clock::now(&*world.clock);
        for (path, kind, body) in nouns() {
            for is_once in [false, true] {
                let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
                let program = Program { address: world.address, token: made.text.expose().to_owned() };
                let id = made.token.id.clone();
                // The request was let in, and is about to store.
                disk.before_put(kind, move |behind, _| async move {
                    let revoked = token::revoke(&*behind, "owner", &id, Who::Command, now).await?;
                    assert!(revoked.is_some(), "it was there");
                    Ok(())
                });
                let mut headers = vec![("Content-Type", "application/json")];
                headers.extend(is_once.then_some(("Idempotency-Key", "one")));
                let reply = program.send("POST", path, &headers, &body.to_string()).await;
                assert_eq!((reply.status, reply.code().as_str()), (401, "token-unknown"), "{path}: {}", reply.text());
                assert_eq!(count(&world, &disk, kind).await, 0, "{path}");
            }
            // Whose token is there makes what it likes; also with the key of what was not done.
            let program = Program::of(&world, "owner").await;
            let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "one")];
            let reply = program.send("POST", path, &headers, &body.to_string()).await;
            assert_eq!(reply.status, 201, "{path}: {}", reply.text());
            assert_eq!(count(&world, &disk, kind).await, 1, "{path}");
        }
    })
    .await;
}

/// Whoever asked has it then: nobody else has the text, and a key that nobody has would stay.
#[tokio::test]
async fn l18_what_is_made_is_given_out_where_the_second_look_fails_and_looked_at_again() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        world.owner().await.connect("telldus").await;
        let now = keyfob::Clock::now(&*world.clock);
        for (path, kind, body) in nouns() {
            for is_revoked in [false, true] {
                let before = count(&world, &disk, kind).await;
                let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
                let program = Program { address: world.address, token: made.text.expose().to_owned() };
                let (id, hand) = (made.token.id.clone(), disk.clone());
                disk.before_put(kind, move |behind, _| async move {
                    if is_revoked {
                        token::revoke(&*behind, "owner", &id, Who::Command, now).await?.expect("a token");
                    }
                    hand.cannot_read(Some(Kind("token")));
                    Ok(())
                });
                let headers = [("Content-Type", "application/json"), ("Idempotency-Key", &*made.token.id)];
                let reply = program.send("POST", path, &headers, &body.to_string()).await;
                assert_eq!(reply.status, 201, "{path}: {}", reply.text());
                assert!(["key", "url", "secret", "link"].iter().any(|name| reply.json()[name].is_string()), "{path}: {}", reply.text());
                assert_eq!(count(&world, &disk, kind).await, before + 1, "{path}");
                disk.cannot_read(None);
                if is_revoked {
                    until("it is looked again", async || count(&world, &disk, kind).await == before).await;
                } else {
                    token::revoke(&*disk, "owner", &made.token.id, Who::Command, now).await.expect("the shelf").expect("a token");
                }
                assert_eq!(count(&world, &disk, kind).await, before, "{path}");
            }
        }
    })
    .await;
}

/// They are known to be gone, and get nothing.
#[tokio::test]
async fn l18_what_cannot_be_taken_back_in_that_moment_is_taken_back_later() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        world.owner().await.connect("telldus").await;
        let now = keyfob::Clock::now(&*world.clock);
        let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
        let program = Program { address: world.address, token: made.text.expose().to_owned() };
        let (path, kind, body) = nouns().into_iter().next().expect("keys");
        let hand = disk.clone();
        disk.before_put(kind, move |behind, _| async move {
            token::revoke(&*behind, "owner", &made.token.id, Who::Command, now).await?.expect("a token");
            hand.cannot_read(Some(kind));
            Ok(())
        });
        let reply = program.post(path, &body).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "token-unknown"), "{}", reply.text());
        assert_eq!(count(&world, &disk, kind).await, 1, "it cannot be taken back yet");
        disk.cannot_read(None);
        until("it is taken back", async || count(&world, &disk, kind).await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn l18_a_page_gives_out_what_was_made_where_the_second_look_fails() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        let mut owner = world.owner().await;
        let cases = [
            (Kind("key"), "/keys", vec![("account", "telldus"), ("allow", "GET /**")], "kfk_"),
            (Kind("token"), "/settings/programs/tokens", vec![("name", "an app")], "kft_"),
        ];
        for (kind, path, fields, shown) in cases {
            let mut member = world.member(&mut owner, "Robin").await;
            member.connect("telldus").await;
            let form_token = member.get("/settings").await.form_token();
            let fields: Vec<(&str, &str)> = [("form_token", form_token.as_str())].into_iter().chain(fields).collect();
            let hand = disk.clone();
            disk.before_put(kind, move |_, _| async move {
                hand.cannot_read(Some(Kind("person")));
                Ok(())
            });
            let page = member.post(path, &fields).await;
            assert!(page.status == 200 && page.has(shown), "{path}: {} {}", page.status, page.text);
            disk.cannot_read(None);
        }
    })
    .await;
}

/// A secret of another webhook's that is drawn in that moment is nobody's to have.
#[tokio::test]
async fn l18_a_secret_that_is_drawn_in_the_moment_in_which_its_token_is_revoked_is_not_given_out() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        world.owner().await;
        let now = keyfob::Clock::now(&*world.clock);
        let theirs = Program::of(&world, "owner").await;
        let webhook = theirs.post("/v1/webhooks", &json!({"url": "https://receiver.example/hook"})).await.json();
        let path = format!("/v1/webhooks/{}/rotate-secret", webhook["id"].as_str().expect("a number"));
        for is_once in [false, true] {
            let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
            let program = Program { address: world.address, token: made.text.expose().to_owned() };
            let id = made.token.id.clone();
            disk.before_put(Kind("webhook"), move |behind, _| async move {
                token::revoke(&*behind, "owner", &id, Who::Command, now).await?.expect("a token");
                Ok(())
            });
            let headers: &[_] = if is_once { &[("Idempotency-Key", "one")] } else { &[] };
            let reply = program.send("POST", &path, headers, "").await;
            assert_eq!((reply.status, reply.code().as_str()), (401, "token-unknown"), "{}", reply.text());
        }
        // Whose token is there gets one, also with the key of what was not given out.
        let reply = theirs.send("POST", &path, &[("Idempotency-Key", "one")], "").await;
        assert!(reply.status == 200 && reply.json()["secret"].is_string(), "{}", reply.text());
    })
    .await;
}

/// The token is gone by then, and nobody would look for what was made with it.
#[tokio::test]
async fn l18_what_was_left_when_the_book_was_full_goes_with_the_next_revocation() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        world.owner().await.connect("telldus").await;
        let now = keyfob::Clock::now(&*world.clock);
        for (path, kind, body) in nouns() {
            let before = count(&world, &disk, kind).await;
            let made = token::create(&*disk, "owner", "an app", None, Who::Command, now).await.expect("a token");
            let program = Program { address: world.address, token: made.text.expose().to_owned() };
            let reply = program.send("POST", path, &[("Content-Type", "application/json")], &body.to_string()).await;
            assert_eq!(reply.status, 201, "{path}: {}", reply.text());
            disk.is_full(true);
            let revoked = token::revoke(&*disk, "owner", &made.token.id, Who::Command, now).await;
            assert!(revoked.is_err(), "{path}: {revoked:?}");
            disk.is_full(false);
            assert_eq!(count(&world, &disk, kind).await, before + 1, "{path}");
            let again = token::revoke(&*disk, "owner", &made.token.id, Who::Command, now).await.expect("the shelf");
            assert!(again.is_none(), "it is gone already");
            assert_eq!(count(&world, &disk, kind).await, before, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn l18_what_a_person_makes_in_the_moment_in_which_they_are_removed_goes_with_them() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        let mut owner = world.owner().await;
        let cases = [
            (Kind("key"), "/keys", vec![("account", "telldus"), ("allow", "GET /**")]),
            (Kind("token"), "/settings/programs/tokens", vec![("name", "an app")]),
            (Kind("key"), "/v1/keys", vec![]),
            (Kind("webhook"), "/v1/webhooks", vec![]),
        ];
        for (kind, path, fields) in cases {
            let mut member = world.member(&mut owner, "Robin").await;
            member.connect("telldus").await;
            let id = id_of(&mut member).await;
            let program = Program::of(&world, &id).await;
            let (before, form_token) = (count(&world, &disk, kind).await, member.get("/settings").await.form_token());
            let mut owner = owner.tab();
            let at = format!("/people/{id}/remove");
            disk.before_put(kind, move |_, _| async move {
                assert_eq!(owner.act(&at, &[]).await.location(), "/people");
                Ok(())
            });
            if path.starts_with("/v1/") {
                let (_, _, body) = nouns().into_iter().find(|(noun, ..)| *noun == path).expect("a noun");
                assert_eq!(program.post(path, &body).await.code(), "token-unknown", "{path}");
            } else {
                let fields: Vec<(&str, &str)> = [("form_token", form_token.as_str())].into_iter().chain(fields).collect();
                let page = member.post(path, &fields).await;
                assert!(page.status == 403 && page.has("Sign in first"), "{path}: {} {}", page.status, page.text);
            }
            // Their program's token is gone, too.
            let left = if kind == Kind("token") { before - 1 } else { before };
            assert_eq!(count(&world, &disk, kind).await, left, "{path}");
        }
    })
    .await;
}
