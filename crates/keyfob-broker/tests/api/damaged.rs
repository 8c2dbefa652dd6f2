//! A record of the vault is damaged: it is left out where it would be listed, and hides no other.

use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob_store::Shelf;
use keyfob_store::shelf::{Item, Kind};
use serde_json::json;

use super::{Program, World, id_of};

/// What the ids of a kind are, the last one last.
async fn ids(shelf: &dyn Shelf, kind: Kind, now: Timestamp) -> Vec<String> {
    shelf.ids(kind, None, None, 100, now).await.expect("the ids")
}

#[tokio::test]
async fn a_damaged_record_hides_no_other_in_a_list() {
    World::on_each_shelf_in_hand(&["telldus", "netatmo"], async |world, disk| {
        let mut owner = world.owner().await;
        owner.connect("telldus").await;
        owner.connect("netatmo").await;
        world.member(&mut owner, "Robin").await;
        world.member(&mut owner, "Kim").await;
        let program = Program::of(&world, "owner").await;
        let now = keyfob::Clock::now(&*world.clock);
        for (path, bodies) in [
            ("/v1/keys", [json!({"account": "telldus", "allow": ["GET /a"]}), json!({"account": "netatmo", "allow": ["GET /b"]})]),
            ("/v1/connect-links", ["a", "b"].map(|label| json!({"provider": "telldus", "account": format!("telldus/{label}")}))),
            ("/v1/webhooks", ["a", "b"].map(|place| json!({"url": format!("https://{place}.example/hook")}))),
            ("/v1/return-urls", ["a", "b"].map(|place| json!({"url": format!("https://{place}.example/done")}))),
            ("/v1/people/invitations", ["Alex", "Sam"].map(|name| json!({"name": name}))),
        ] {
            for body in bodies {
                assert_eq!(program.post(path, &body).await.status, 201, "{path}");
            }
        }
        let spare = super::token_of(&world, "owner").await;
        for (path, kind) in [
            ("/v1/keys", "key"),
            ("/v1/connect-links", "connect"),
            ("/v1/webhooks", "webhook"),
            ("/v1/return-urls", "return-url"),
            ("/v1/people/invitations", "invite"),
            ("/v1/tokens", "token"),
            ("/v1/accounts", "account"),
            ("/v1/people", "person"),
        ] {
            let whole = program.get(path).await.json();
            assert_eq!(whole["unreadable"], 0, "{path}: {whole}");
            // Not whoever asks.
            let own = |id: &String| program.token.contains(id.as_str()) || id == "owner";
            let ids = ids(&*disk, Kind(kind), now).await;
            let one = ids.iter().find(|id| !own(id)).expect("one of several");
            disk.damage(one);
            let reply = program.get(path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            let rest = reply.json();
            let many = |list: &serde_json::Value| list["items"].as_array().expect("a list").len();
            assert_eq!((many(&rest), rest["unreadable"].as_u64()), (many(&whole) - 1, Some(1)), "{path}: {rest}");
            assert!(!rest["items"].to_string().contains(one.as_str()), "{path}: {rest}");
            // Of pages, too: each says it of the whole list.
            let page = program.get(&format!("{path}?limit=1")).await.json();
            assert!(many(&page) <= 1 && page["unreadable"] == 1, "{path}: {page}");
        }
        for page in ["/", "/keys", "/people", "/settings/programs"] {
            assert_eq!(owner.get(page).await.status, 200, "{page}");
        }
        // What opens, and says nothing that we understand, is left out as well.
        let other = ids(&*disk, Kind("key"), now).await.pop().expect("the other key");
        disk.put_item(Kind("key"), &Item::new(&other, *b"{}").owned_by("owner"), Expected::Anything).await.expect("put");
        let keys = program.get("/v1/keys").await.json();
        assert!(keys["items"] == json!([]) && keys["unreadable"] == 2, "{keys}");
        drop(spare);
    })
    .await;
}

/// Whoever leaves takes along what is damaged, too: it would stand in the way for ever.
#[tokio::test]
async fn l23_who_leaves_leaves_nothing_damaged_behind() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        let mut owner = world.owner().await;
        let mut robin = world.member(&mut owner, "Robin").await;
        robin.connect("telldus").await;
        let id = id_of(&mut robin).await;
        let now = keyfob::Clock::now(&*world.clock);
        let things = world.things(&id, "telldus").await;
        for damaged in [&things.key, &things.webhook, &things.link, &things.return_url, &things.token] {
            disk.damage(damaged);
        }
        let account = world.account(&format!("~{id}/telldus")).await.expect("an account");
        disk.damage(account.id.as_str());
        let program = Program::of(&world, "owner").await;
        let reply = program.send("DELETE", &format!("/v1/people/{id}"), &[], "").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(world.account(&format!("~{id}/telldus")).await.is_none(), "no token of theirs stays");
        for kind in ["key", "webhook", "connect", "return-url", "token", "visit", "account"] {
            let left = disk.ids(Kind(kind), Some(&id), None, 100, now).await.expect("the ids");
            assert!(left.is_empty(), "{kind}: {left:?}");
        }
    })
    .await;
}
