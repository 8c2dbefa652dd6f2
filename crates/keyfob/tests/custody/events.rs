//! What is told of tokens: in this process, and across processes.

use std::time::Duration;

use keyfob::history::{Actor, Entry, Event, Watch};
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Expected};
use keyfob::{Error, Store};

use super::common;
use super::house::{House, NOW, account, name};
use super::provider::Act;

#[tokio::test(start_paused = true)]
async fn a_process_hears_what_it_does() {
    let house = House::new().await;
    let (keyfob, other) = (house.keyfob(), house.keyfob());
    let mut events = keyfob.events();
    let session = house.session_of(&keyfob, "home").await;
    house.provider.next(Act::Say(503, "{}"));
    assert!(session.token(0).await.is_err());
    session.refresh().await.unwrap();
    house.session_of(&other, "home").await.refresh().await.unwrap();
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    session.refresh().await.unwrap();
    assert!(session.refresh().await.is_err());
    keyfob::logout(&keyfob, &common::provider("https://provider.example"), &common::app(), "home", false).await.unwrap();
    let mut names = Vec::new();
    for _ in 0..4 {
        let entry = events.next().await.unwrap();
        assert_eq!((entry.account.as_str(), entry.by.pid), ("home", std::process::id()));
        names.push(name(&entry.event));
    }
    assert_eq!(names, ["failed", "refreshed", "needs login", "logged out"], "and not the other's");
    drop((session, keyfob));
    assert_eq!(events.next().await, None);
    assert_eq!(events.missed(), 0);
}

/// Writes an entry that names itself by its host.
async fn enter(house: &House, host: &str) {
    enter_at(house, host, NOW).await;
}

async fn enter_at(house: &House, host: &str, at: i64) {
    let record = house.record().await;
    let by = Actor { host: host.to_owned(), pid: 1, program: "other".to_owned(), instance: None, kernel: None };
    let entry = Entry::new(&record.value, Timestamp::from_unix(at), by, Event::LoggedOut { revoked: false });
    house.store.put_account(&record.value, Expected::Generation(record.generation), Some(&entry)).await.unwrap();
}

/// What a look brings, without waiting for more.
async fn heard(watch: &mut Watch) -> Vec<String> {
    let mut hosts = Vec::new();
    while let Ok(entry) = tokio::time::timeout(Duration::from_secs(3), watch.next()).await {
        hosts.push(entry.unwrap().by.host);
    }
    hosts
}

#[tokio::test(start_paused = true)]
async fn a_watch_hears_all_processes_from_now_on_and_each_entry_once() {
    let house = House::new().await;
    enter(&house, "before").await;
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(1)).await.unwrap();
    assert!(heard(&mut watch).await.is_empty());
    for number in 0..40 {
        enter(&house, &number.to_string()).await;
    }
    // An account keeps 32 entries; a busy one is not followed faster than it forgets.
    let expected: Vec<_> = (8..40).map(|number| number.to_string()).collect();
    assert_eq!(heard(&mut watch).await, expected);
    assert!(heard(&mut watch).await.is_empty());
    // A failing store is told, and nothing is lost by it.
    *house.store.mute.lock().unwrap() = true;
    enter(&house, "last").await;
    assert!(matches!(watch.next().await.unwrap_err(), Error::Store(_)));
    *house.store.mute.lock().unwrap() = false;
    assert_eq!(heard(&mut watch).await, ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_hears_what_becomes_visible_late() {
    let house = House::new().await;
    enter(&house, "first").await;
    // A transaction is under way while the watch begins, another one later.
    *house.store.hidden.lock().unwrap() = vec![EntryNumber(2), EntryNumber(4)];
    enter(&house, "second").await;
    enter(&house, "third").await;
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(1)).await.unwrap();
    enter(&house, "fourth").await;
    enter(&house, "fifth").await;
    assert_eq!(heard(&mut watch).await, ["fifth"]);
    house.store.hidden.lock().unwrap().clear();
    assert_eq!(heard(&mut watch).await, ["second", "fourth"]);
    assert!(heard(&mut watch).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_knows_how_far_it_has_told() {
    let house = House::new().await;
    enter(&house, "before").await;
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(1)).await.unwrap();
    let begun = watch.position();
    *house.store.hidden.lock().unwrap() = vec![EntryNumber(begun + 2)];
    for host in ["one", "late", "three"] {
        enter(&house, host).await;
    }
    assert_eq!(watch.position(), begun, "nobody looked");
    assert_eq!(watch.next().await.unwrap().by.host, "one");
    assert_eq!(watch.position(), begun + 1);
    assert_eq!(watch.next().await.unwrap().by.host, "three");
    assert_eq!(watch.position(), begun + 1, "one that is missing may still come");
    house.store.hidden.lock().unwrap().clear();
    assert_eq!(watch.next().await.unwrap().by.host, "late");
    assert_eq!(watch.position(), begun + 3);
    for host in ["four", "five"] {
        enter(&house, host).await;
    }
    assert_eq!(watch.next().await.unwrap().by.host, "four");
    assert_eq!(watch.position(), begun + 4, "seen is not told");
    assert_eq!(watch.next().await.unwrap().by.host, "five");
    assert_eq!(watch.position(), begun + 5);
}

/// A database that is put back from a backup counts again from where it was then: what happens from now on has numbers that were seen.
#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_where_the_store_is_put_back_to_an_earlier_state() {
    let house = House::new().await;
    enter_at(&house, "first", NOW).await;
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(1)).await.unwrap();
    for (host, at) in [("second", NOW + 1), ("third", NOW + 2), ("fourth", NOW + 3)] {
        enter_at(&house, host, at).await;
    }
    assert_eq!(heard(&mut watch).await, ["second", "third", "fourth"]);
    *house.store.gone.lock().unwrap() = (2, 2);
    assert!(heard(&mut watch).await.is_empty(), "what was there then was told");
    enter_at(&house, "after", NOW + 10).await;
    assert_eq!(heard(&mut watch).await, ["after"]);
    // Seen when as many have happened as are gone, so that the newest number is there.
    *house.store.gone.lock().unwrap() = (2, 3);
    enter_at(&house, "again", NOW + 20).await;
    enter_at(&house, "and again", NOW + 30).await;
    assert_eq!(heard(&mut watch).await, ["again", "and again"]);
    assert!(heard(&mut watch).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watch_says_what_has_come_without_a_wait() {
    let house = House::new().await;
    enter(&house, "before").await;
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(3600)).await.unwrap();
    let begun = tokio::time::Instant::now();
    let hosts = |news: Vec<Entry>| news.into_iter().map(|entry| entry.by.host).collect::<Vec<_>>();
    assert!(watch.news().await.unwrap().is_empty());
    enter(&house, "one").await;
    enter(&house, "two").await;
    assert_eq!(hosts(watch.news().await.unwrap()), ["one", "two"]);
    assert!(watch.news().await.unwrap().is_empty(), "each once");
    // What comes late is waited for by nobody, and comes with a later look.
    *house.store.hidden.lock().unwrap() = vec![EntryNumber(4)];
    enter(&house, "late").await;
    enter(&house, "next").await;
    assert_eq!(hosts(watch.news().await.unwrap()), ["next"]);
    house.store.hidden.lock().unwrap().clear();
    assert_eq!(hosts(watch.news().await.unwrap()), ["late"]);
    *house.store.mute.lock().unwrap() = true;
    enter(&house, "last").await;
    assert!(watch.news().await.is_err());
    *house.store.mute.lock().unwrap() = false;
    assert_eq!(hosts(watch.news().await.unwrap()), ["last"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_over_many_entries() {
    let house = House::empty();
    let mut watch = Watch::begin(&house.keyfob(), Duration::from_secs(1)).await.unwrap();
    for number in 0..700 {
        let account = account(&format!("home/{number}"), "1", NOW, None);
        let entry = house.keyfob().entry(&account, Event::LoggedIn { received: None, imported: false });
        house.store.put_account(&account, Expected::Nothing, Some(&entry)).await.unwrap();
    }
    assert_eq!(heard(&mut watch).await.len(), 700);
}
