//! One refresh for all who need one: in a process, and among processes.

use std::time::Duration;

use keyfob::history::{Event, Fingerprint};
use keyfob::proto::{Secret, Timestamp};
use keyfob::store::{Expected, Hold};
use keyfob::{Error, Health, Session, Store};
use tokio::time::Instant;

use super::house::{House, NOW, tokens};
use super::provider::Act;

async fn token(session: &Session) -> String {
    session.token(0).await.unwrap().expose().to_owned()
}

#[tokio::test(start_paused = true)]
async fn d1_a_thousand_calls_on_an_ended_token_are_one_request() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(1));
    let keyfob = house.keyfob();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let session = house.session_of(&keyfob, "home").await;
        tasks.spawn(async move { token(&session).await });
    }
    assert!(tasks.join_all().await.iter().all(|token| token == "access-2"));
    assert_eq!(house.provider.asked(), ["refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn d1_a_failure_is_shared_too() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(1));
    house.provider.next(Act::Say(503, "{}"));
    let session = house.session().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let session = session.clone();
        tasks.spawn(async move { session.token(0).await.is_err() });
    }
    assert!(tasks.join_all().await.iter().all(|failed| *failed));
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d1_a_caller_who_goes_away_cancels_nothing() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(5));
    let session = house.session().await;
    let gone = tokio::time::timeout(Duration::from_secs(1), session.token(0)).await;
    assert!(gone.is_err());
    drop(session);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(house.refresh_token().await, "refresh-2");
}

#[tokio::test(start_paused = true)]
async fn d3_who_comes_second_uses_what_the_first_one_got() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    // Eight processes, each with its own session.
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let session = house.session().await;
        tasks.spawn(async move { token(&session).await });
    }
    assert!(tasks.join_all().await.iter().all(|token| token == "access-2"));
    assert_eq!(house.provider.asked(), ["refresh-1"]);
    assert_eq!(house.events().await, ["refreshed"]);
}

#[tokio::test(start_paused = true)]
async fn d3_ahead_of_the_end_nobody_waits_for_another_process() {
    let house = House::fresh().await;
    house.clock.turn(1800 - 5);
    let _elsewhere = hold(&house).await;
    let session = house.session().await;
    let begun = Instant::now();
    session.get("/x").send().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    assert!(house.provider.asked().is_empty());
    assert_eq!(house.provider.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn d3_ahead_of_the_end_those_who_come_during_a_refresh_use_the_old_token() {
    let house = House::fresh().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(20));
    house.clock.turn(1800 - 5);
    let session = house.session().await;
    let first = tokio::spawn({
        let session = session.clone();
        async move { session.get("/x").send().await.map(drop) }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    session.get("/x").send().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    first.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "whoever refreshes does not wait longer than the old token lasts");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(session.account().tokens.refresh_token().unwrap().expose(), "refresh-2");
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_does_not_hang_a_call_whose_token_is_good() {
    let house = House::fresh().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(29));
    house.clock.turn(1800 - 59);
    let session = house.session().await;
    let begun = Instant::now();
    session.get("/x").send().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(house.refresh_token().await, "refresh-2", "the refresh went on");
}

#[tokio::test(start_paused = true)]
async fn d3_what_appears_while_waiting_is_used_although_the_account_is_still_held() {
    let house = House::new().await;
    let _elsewhere = hold(&house).await;
    let session = house.session().await;
    let waits = tokio::spawn(async move { token(&session).await });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut account = house.kept().await;
    account.tokens = tokens("9", NOW, Some(NOW + 3600));
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    let written = Instant::now();
    assert_eq!(waits.await.unwrap(), "access-9");
    assert!(written.elapsed() < Duration::from_millis(200), "{:?}", written.elapsed());
}

#[tokio::test(start_paused = true)]
async fn d4_a_holder_that_dies_frees_the_account_at_once() {
    let house = House::new().await;
    let elsewhere = hold(&house).await;
    let session = house.session().await;
    let waits = tokio::spawn(async move { token(&session).await });
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(house.provider.asked().is_empty());
    drop(elsewhere);
    let freed = Instant::now();
    assert_eq!(waits.await.unwrap(), "access-2");
    assert!(freed.elapsed() < Duration::from_millis(200), "{:?}", freed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn d4_a_holder_that_hangs_is_named() {
    let house = House::new().await;
    let _elsewhere = hold(&house).await;
    // It wrote its note before it was stopped.
    let record = house.record().await;
    let mut account = record.value;
    let by = keyfob::history::Actor { host: "attic".to_owned(), pid: 4711, program: "keyfob".to_owned(), instance: None, kernel: None };
    account.spending = Some(Box::new(keyfob::history::Spending {
        token: Fingerprint::of(&Secret::new("refresh-1")),
        grant: None,
        since: Timestamp::from_unix(NOW - 30),
        since_at_server: None,
        by,
        why: "ends soon".to_owned(),
        unanswered: 0,
        over: false,
        not_before: None,
    }));
    house.store.put_account(&account, Expected::Generation(record.generation), None).await.unwrap();
    let session = house.session().await;
    let begun = Instant::now();
    let error = session.token(0).await.unwrap_err();
    assert!(matches!(error, Error::Held { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "the account \"home\" is being refreshed by keyfob (pid 4711 on attic) since 2027-01-15T07:59:30Z, which does not come to an end"
    );
    assert!(error.hint().unwrap().contains("process 4711 on attic"));
    let waited = begun.elapsed().as_secs();
    assert!((61..90).contains(&waited), "longer than a request and its repetition, and not for ever: {waited} s");
    // Whoever comes next is not kept waiting for as long.
    let begun = Instant::now();
    assert!(session.token(0).await.is_err());
    assert!(begun.elapsed().as_millis() < 100);
}

#[tokio::test(start_paused = true)]
async fn d5_new_tokens_are_written_before_anybody_sees_them() {
    let house = House::new().await;
    let session = house.session().await;
    house.log.lock().unwrap().clear();
    *house.store.delay.lock().unwrap() = Duration::from_secs(1);
    let waits = tokio::spawn({
        let session = session.clone();
        async move { token(&session).await }
    });
    // The note takes a second, the answer nothing, the tokens another second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(house.provider.asked(), ["refresh-1"]);
    assert_eq!(session.account().tokens.refresh_token().unwrap().expose(), "refresh-1", "seen before it was written");
    assert!(!waits.is_finished());
    assert_eq!(waits.await.unwrap(), "access-2");
    assert_eq!(house.logged(), ["hold", "read", "Note", "request refresh-1", "Tokens"]);
    let kept = house.kept().await;
    assert_eq!((kept.spending, house.refresh_token().await.as_str()), (None, "refresh-2"));
    let [entry] = &house.history().await[..] else { panic!("one entry") };
    let Event::Refreshed { refresh, received, expires_at } = &entry.event else { panic!("{entry:?}") };
    assert_eq!(refresh.token, Fingerprint::of(&Secret::new("refresh-1")));
    assert_eq!(*received, Some(Fingerprint::of(&Secret::new("refresh-2"))));
    assert_eq!(
        (refresh.why.as_str(), refresh.by.pid, *expires_at),
        ("ends soon", std::process::id(), Some(Timestamp::from_unix(NOW + 3600)))
    );
}

#[tokio::test]
async fn d7_an_answer_without_refresh_token_leaves_the_old_one_and_an_empty_one_is_refused() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.rotates = false);
    let session = house.session().await;
    assert_eq!(token(&session).await, "access-2");
    assert_eq!(house.refresh_token().await, "refresh-1");
    house.provider.next(Act::Say(200, r#"{"access_token":"a","refresh_token":"","token_type":"Bearer"}"#));
    let error = session.refresh().await.unwrap_err();
    assert!(error.to_string().contains("refresh_token"), "{error}");
    assert_eq!((token(&session).await.as_str(), house.refresh_token().await.as_str()), ("access-2", "refresh-1"));
}

#[tokio::test]
async fn a_refused_token_is_looked_up_again_before_a_person_is_asked() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_millis(50));
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let session = house.session().await;
    let waits = tokio::spawn(async move { token(&session).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    // While the request is on its way, a person logs in again.
    let mut account = house.kept().await;
    (account.tokens, account.spending) = (tokens("9", NOW, Some(NOW + 3600)), None);
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    assert_eq!(waits.await.unwrap(), "access-9");
    assert_eq!(house.kept().await.health, Health::Ok);
}

#[tokio::test]
async fn a_new_login_elsewhere_ends_the_need_for_one() {
    let house = House::new().await;
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let session = house.session().await;
    assert!(matches!(session.token(0).await.unwrap_err(), Error::NeedsLogin { .. }));
    assert!(matches!(session.token(0).await.unwrap_err(), Error::NeedsLogin { .. }));
    assert_eq!(house.provider.asked().len(), 1);
    assert_eq!(house.events().await, ["needs login"]);
    let mut account = house.kept().await;
    assert!(matches!(&account.health, Health::NeedsLogin { since, .. } if since.as_unix() == NOW));
    assert_eq!(account.spending, None);
    (account.tokens, account.health) = (tokens("9", NOW, Some(NOW + 3600)), Health::Ok);
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    assert_eq!(token(&session).await, "access-9");
}

#[tokio::test]
async fn a_marked_account_is_not_used_although_its_token_has_not_ended() {
    let house = House::fresh().await;
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let session = house.session().await;
    assert!(matches!(session.refresh().await.unwrap_err(), Error::NeedsLogin { .. }));
    assert!(matches!(session.get("/x").send().await.unwrap_err(), Error::NeedsLogin { .. }));
    assert_eq!(house.provider.calls(), 0);
    let mut account = house.kept().await;
    (account.tokens, account.health) = (tokens("9", NOW, Some(NOW + 3600)), Health::Ok);
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    assert_eq!(token(&session).await, "access-9");
}

/// As another process would.
async fn hold(house: &House) -> Hold {
    house.store.try_hold(&house.kept().await.id).await.unwrap().expect("it is free")
}
