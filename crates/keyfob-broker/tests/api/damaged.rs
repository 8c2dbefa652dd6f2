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

/// A newer version's, say, while that is put in place.
#[tokio::test]
async fn a_login_that_cannot_be_read_counts_as_one_that_waits_and_keeps_nobody_else_from_beginning() {
    World::on_each_shelf_in_hand(&["acme"], async |world, disk| {
        let mut owner = world.owner().await;
        let ends = keyfob::Clock::now(&*world.clock).plus(600);
        let strange = async |number: usize, owner: &str| {
            let item = Item::new(format!("{number:032x}"), *b"{}").owned_by(owner).until(ends);
            disk.put_item(Kind("waiting"), &item, Expected::Nothing).await.expect("put");
        };
        strange(0, "somebody").await;
        let begun = owner.begin_as("acme", "code").await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        for number in 1..20 {
            strange(number, "owner").await;
        }
        assert_eq!(owner.begin_as("acme", "code").await.status, 429, "with the one before they are as many as may wait");
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

/// A line that cannot be read is left out of the book, and no page of it is without an end.
#[tokio::test]
async fn a_damaged_line_hides_no_other_of_the_book() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        let mut owner = world.owner().await;
        owner.connect("telldus").await;
        let program = Program::of(&world, "owner").await;
        for key in 0..4 {
            let body = json!({"account": "telldus", "name": format!("key {key}"), "allow": ["GET /a"]});
            assert_eq!(program.post("/v1/keys", &body).await.status, 201);
        }
        let whole = program.get("/v1/activity").await.json()["items"].as_array().expect("lines").clone();
        let numbers = disk.numbers(Some("owner"), None, 100).await.expect("the numbers");
        assert_eq!(numbers.len(), whole.len());
        for damaged in [vec![0], vec![1], vec![0, 1], vec![2, 4], (0..numbers.len()).collect()] {
            disk.whole();
            damaged.iter().for_each(|at| disk.damage_line(numbers[*at]));
            let left: Vec<_> = (0..whole.len()).filter(|at| !damaged.contains(at)).map(|at| whole[at].clone()).collect();
            for limit in [1, 2, 3, whole.len() - 1, whole.len(), whole.len() + 1] {
                let (mut seen, mut unreadable, mut cursor) = (Vec::new(), 0, String::new());
                for pages in 0.. {
                    assert!(pages <= whole.len(), "it has an end");
                    let page = program.get(&format!("/v1/activity?limit={limit}{cursor}")).await;
                    assert_eq!(page.status, 200, "{}", page.text());
                    let page = page.json();
                    seen.extend(page["items"].as_array().expect("lines").clone());
                    unreadable += page["unreadable"].as_u64().expect("a number");
                    let Some(next) = page["next_cursor"].as_str() else { break };
                    cursor = format!("&cursor={next}");
                }
                assert_eq!((seen, unreadable), (left.clone(), damaged.len() as u64), "{damaged:?}, {limit} a page");
            }
            let page = owner.get("/activity").await;
            assert_eq!(page.status, 200);
            assert!(page.text.contains("damaged in the vault and cannot be read"), "{}", page.text);
        }
    })
    .await;
}

/// A key whose record is damaged opens nothing; whoever takes it back wants to see it gone, and nobody takes back somebody else's.
#[tokio::test]
async fn a_damaged_key_can_be_taken_back_by_its_number() {
    World::on_each_shelf_in_hand(&["telldus"], async |world, disk| {
        let mut owner = world.owner().await;
        owner.connect("telldus").await;
        let mut robin = world.member(&mut owner, "Robin").await;
        let program = Program::of(&world, "owner").await;
        let other = Program::of(&world, &id_of(&mut robin).await).await;
        let made = program.post("/v1/keys", &json!({"account": "telldus", "name": "cron", "allow": ["GET /a"]})).await.json();
        let id = made["id"].as_str().expect("a number");
        disk.damage(id);
        assert_eq!(other.send("DELETE", &format!("/v1/keys/{id}"), &[], "").await.status, 404);
        let now = keyfob::Clock::now(&*world.clock);
        assert_eq!(ids(&*disk, Kind("key"), now).await, [id]);
        let reply = program.send("DELETE", &format!("/v1/keys/{id}"), &[], "").await;
        assert_eq!((reply.status, reply.json()["id"].as_str()), (200, Some(id)), "{}", reply.text());
        assert!(ids(&*disk, Kind("key"), now).await.is_empty());
        let line = &program.get("/v1/activity?limit=1").await.json()["items"][0];
        assert_eq!((line["act"].as_str(), line["key"].as_str()), (Some("key-revoked"), Some(id)), "{line}");
        // The command does it for anybody, and it stands in the owner's book.
        let made = program.post("/v1/keys", &json!({"account": "telldus", "allow": ["GET /a"]})).await.json();
        let id = made["id"].as_str().expect("a number");
        disk.damage(id);
        let revoked = keyfob_broker::keys::revoke(&*disk, None, id, keyfob_broker::Who::Command, now).await.expect("revoked");
        assert_eq!(revoked.expect("a key").shown(), id);
        let line = &program.get("/v1/activity?limit=1").await.json()["items"][0];
        assert_eq!((line["who"].as_str(), line["key"].as_str()), (Some("command"), Some(id)), "{line}");
    })
    .await;
}
