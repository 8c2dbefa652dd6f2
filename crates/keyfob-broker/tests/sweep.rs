//! What is over is cleared away: else shelf and book grow until the disk is full.
#![allow(missing_docs)]

mod support;

use keyfob::history::{Entry, Event};
use keyfob::proto::Timestamp;
use keyfob::store::Expected;
use keyfob::{Account, AccountId, Store as _};
use keyfob_store::shelf::{Act, Item, Kind};
use support::World;
use support::gate::until;

const KIND: Kind = Kind("test");
const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn l17_what_is_over_leaves_the_shelf_and_old_lines_leave_the_book() {
    let world = World::known(&["netatmo"]).await;
    let shelf = world.shelf.clone().expect("a shelf");
    let now = keyfob::Clock::now(&*world.clock);
    for (id, until) in [("over", Some(now.plus(DAY))), ("later", Some(now.plus(1000 * DAY))), ("always", None)] {
        let item = Item { expires_at: until, ..Item::new(id, *b"x") };
        shelf.put_item(KIND, &item, Expected::Nothing).await.expect("kept");
    }
    let line = |at: Timestamp, text: &str| Act { at, owner: None, content: text.as_bytes().to_vec().into() };
    // The newest of all stays, however old it is.
    shelf.record(vec![line(now, "old"), line(now.plus(2 * DAY), "young"), line(now.plus(2 * DAY), "newest")]).await.expect("written");
    world.advance(401 * DAY);
    // Whoever starts looks at once.
    let _next = world.another().await;
    // The past sees what has expired as long as it is there.
    let ids = async || -> Vec<String> {
        let items = shelf.items(KIND, None, None, 10, Timestamp::from_unix(0)).await.expect("items");
        items.into_iter().map(|item| item.value.id).collect()
    };
    let book = async || -> Vec<String> {
        let acts = shelf.acts(None, None, 100).await.expect("the book");
        acts.into_iter().map(|(_, act)| String::from_utf8_lossy(&act.content).into_owned()).collect()
    };
    until("what is over is gone", async || ids().await == ["always", "later"]).await;
    until("an old line is gone", async || !book().await.contains(&"old".to_owned())).await;
    assert_eq!(book().await, ["newest", "young"]);
}

/// Nor do logins that come and go leave something behind for ever.
#[tokio::test]
async fn old_histories_of_accounts_that_are_gone_are_forgotten() {
    let world = World::known(&["netatmo"]).await;
    let mut owner = world.owner().await;
    owner.connect("netatmo").await;
    let old = world.account("netatmo").await.expect("an account");
    let young = Account { id: AccountId::random(), ..old.clone() };
    for (account, days) in [(&old, 0), (&young, 2)] {
        world.store.put_account(account, Expected::Anything, None).await.expect("kept");
        let entry = world.keyfob().entry(account, Event::LoggedOut { revoked: false });
        let entry = Entry { at: entry.at.plus(days * DAY), ..entry };
        assert!(world.store.remove_account("netatmo", Some(&entry)).await.expect("removed"));
    }
    owner.connect("netatmo").await;
    let there = world.account("netatmo").await.expect("an account");
    world.advance(401 * DAY);
    let _next = world.another().await;
    let is_left = async |account: &Account| !world.store.history(&account.id).await.expect("the history").is_empty();
    until("the old one is forgotten", async || !is_left(&old).await).await;
    assert!(is_left(&young).await, "who removed it can be looked up for a year");
    assert!(is_left(&there).await);
}
