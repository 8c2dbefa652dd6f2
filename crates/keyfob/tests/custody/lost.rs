//! Answers that never came, and processes that never came back.

use std::time::Duration;

use keyfob::history::{Actor, Event, Fingerprint, Spending};
use keyfob::proto::{Secret, Timestamp, TransportKind};
use keyfob::store::Expected;
use keyfob::{Error, Health, Store};

use super::house::{House, NOW};
use super::provider::Act;
use super::watched::Write;

/// A process wrote its note, and was killed.
async fn killed(house: &House) {
    let record = house.record().await;
    let mut account = record.value;
    let by = Actor { host: "attic".to_owned(), pid: 4711, program: "cron-job".to_owned(), instance: None, kernel: None };
    let token = Fingerprint::of(&Secret::new("refresh-1"));
    let since = Timestamp::from_unix(NOW - 10_000);
    account.spending = Some(Box::new(Spending {
        token,
        grant: None,
        since,
        since_at_server: None,
        by,
        why: "ends soon".to_owned(),
        unanswered: 0,
        over: false,
        not_before: None,
    }));
    house.store.put_account(&account, Expected::Generation(record.generation), None).await.unwrap();
}

#[tokio::test]
async fn d12_a_lost_answer_is_asked_for_once_more_and_a_grace_period_gives_it() {
    for kind in [TransportKind::Timeout, TransportKind::Broken] {
        let house = House::new().await;
        house.provider.habits(|habits| habits.grace = true);
        house.provider.next(Act::Lose(kind));
        assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
        assert_eq!(house.provider.asked(), ["refresh-1", "refresh-1"]);
        assert_eq!(house.events().await, ["unanswered", "refreshed"]);
        assert_eq!(house.kept().await.spending, None);
    }
}

#[tokio::test]
async fn d12_without_a_grace_period_a_lost_answer_means_a_new_login_and_the_reason_says_why() {
    let house = House::new().await;
    house.provider.next(Act::Lose(TransportKind::Timeout));
    let session = house.session().await;
    let error = session.token(0).await.unwrap_err();
    let Error::NeedsLogin { reason, .. } = &error else { panic!("{error}") };
    let fingerprint = Secret::new("refresh-1").fingerprint();
    for part in ["invalid_grant", &fingerprint, "was begun at 2027-01-15T08:00:00Z", "very likely the provider gave out a new token"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(session.token(0).await.is_err() && session.refresh().await.is_err());
    assert_eq!(house.provider.asked().len(), 2, "one retry, and never again");
    assert_eq!(house.events().await, ["unanswered", "needs login"]);
}

#[tokio::test]
async fn d12_two_lost_answers_are_an_error_and_no_loop() {
    let house = House::new().await;
    for _ in 0..4 {
        house.provider.next(Act::Fail(TransportKind::Timeout));
    }
    let session = house.session().await;
    for _ in 0..10 {
        let error = session.token(0).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error}");
    }
    assert_eq!(house.provider.asked().len(), 2);
    let note = house.kept().await.spending.unwrap();
    assert_eq!((note.unanswered, note.over), (2, true));
    assert_eq!(house.events().await, ["unanswered", "unanswered"]);
    // Somebody who insists, and a server that has come back: the token was good all the while.
    house.provider.habits(|habits| habits.script.clear());
    session.refresh().await.unwrap();
    assert_eq!(house.kept().await.spending, None);
    assert_eq!(house.provider.asked().len(), 3);
}

#[tokio::test]
async fn d12_what_did_not_leave_is_no_unanswered_request() {
    for act in [Act::Fail(TransportKind::Connect), Act::Fail(TransportKind::Tls), Act::Say(503, "{}"), Act::Say(429, "{}")] {
        let house = House::new().await;
        house.provider.next(act.clone());
        let session = house.session().await;
        assert!(session.token(0).await.is_err());
        assert_eq!(house.provider.asked().len(), 1, "{act:?}");
        assert_eq!(house.kept().await.spending, None, "{act:?}");
        assert_eq!(house.events().await, ["failed"], "{act:?}");
    }
}

#[tokio::test]
async fn d12_an_answer_that_tells_nothing_leaves_the_note() {
    for act in
        [Act::Instead(200, "<html>"), Act::Instead(500, "{}"), Act::Instead(502, "{}"), Act::Instead(200, r#"{"error":"server_error"}"#)]
    {
        let house = House::new().await;
        house.provider.next(act.clone());
        let session = house.session().await;
        assert!(session.token(0).await.is_err(), "{act:?}");
        assert_eq!(house.provider.asked().len(), 1, "{act:?}");
        let note = house.kept().await.spending.expect("a note");
        assert_eq!((note.unanswered, note.over), (1, true), "{act:?}");
        // It had been carried out.
        let error = session.refresh().await.unwrap_err();
        assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("no answer to it was kept")), "{act:?}: {error}");
    }
}

#[tokio::test]
async fn d12_of_an_answer_that_breaks_a_rule_the_next_refresh_token_is_kept() {
    for odd in [
        r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","scope":null}"#,
        r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","expires_in":""}"#,
        r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","id_token":""}"#,
        r#"{"access_token":"access-2","token_type":"mac","refresh_token":"refresh-2"}"#,
    ] {
        let house = House::new().await;
        house.provider.next(Act::Instead(200, odd));
        let session = house.session().await;
        let error = session.token(0).await.unwrap_err();
        let hint = error.hint().unwrap_or_default();
        assert!(matches!(error, Error::Protocol(_)) && hint.contains("was kept") && !hint.contains("try"), "{odd}: {error}; {hint}");
        let kept = house.kept().await;
        assert_eq!((house.refresh_token().await.as_str(), kept.tokens.secrets()[0].expose()), ("refresh-2", "access-1"), "{odd}");
        assert_eq!((kept.spending, house.events().await), (None, vec!["failed"]), "{odd}");
        let Event::RefreshFailed { reason, received, .. } = &house.history().await[0].event else { panic!("{odd}") };
        assert!(reason.contains("RFC") && reason.contains("was kept"), "{reason}");
        assert_eq!(received.as_ref(), Some(&Fingerprint::of(&Secret::new("refresh-2"))), "{odd}");
        // Whoever mends it, here or there, finds the login alive.
        session.refresh().await.unwrap();
        assert_eq!(house.provider.asked(), ["refresh-1", "refresh-2"], "{odd}");
    }
}

/// It is kept as new tokens are: in memory, with the right to refresh, until there is room.
#[tokio::test(start_paused = true)]
async fn d6_the_next_refresh_token_alone_waits_for_a_store_that_cannot_keep_it() {
    let house = House::new().await;
    house.provider.next(Act::Instead(200, r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","scope":null}"#));
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    house.store.fail(&[Write::Other]);
    let error = session.token(0).await.unwrap_err();
    assert!(error.hint().unwrap_or_default().contains("was kept"), "{error}");
    assert_eq!(house.refresh_token().await, "refresh-1");
    assert!(matches!(session.settle(Duration::from_secs(2)).await.unwrap_err(), Error::Unsaved { .. }));
    assert!(house.store.try_hold(&house.kept().await.id).await.unwrap().is_none(), "nobody else may spend the old one");
    house.store.fail(&[]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let kept = house.kept().await;
    assert_eq!((house.refresh_token().await.as_str(), kept.tokens.secrets()[0].expose(), kept.spending), ("refresh-2", "access-1", None));
    assert_eq!(house.events().await, ["failed"]);
    session.refresh().await.unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1", "refresh-2"]);
}

/// Where the clock was set back, how long it has been here is all that tells of an access token's age.
#[tokio::test(start_paused = true)]
async fn d8_an_access_token_is_no_younger_for_a_refresh_token_that_came_alone() {
    let house = House::fresh().await;
    let session = house.session().await;
    session.get("/x").send().await.unwrap();
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    house.clock.set(NOW - 3600);
    house.provider.next(Act::Instead(200, r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","scope":null}"#));
    session.refresh().await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(600)).await;
    session.get("/x").send().await.unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1", "refresh-2"]);
}

/// What another process got is a refresh token and nothing else: whoever waited for it has no token that is good, and goes on with that one.
#[tokio::test]
async fn d12_the_next_refresh_token_alone_is_nobodys_new_token() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_millis(300));
    house.provider.next(Act::Instead(200, r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","scope":null}"#));
    let (one, other) = (house.session().await, house.session().await);
    let (one, other) = tokio::join!(one.token(0), other.token(0));
    let good: Vec<String> = [one, other].into_iter().flatten().map(|token| token.expose().to_owned()).collect();
    assert_eq!((good.len(), house.provider.asked()), (1, vec!["refresh-1".to_owned(), "refresh-2".to_owned()]), "{good:?}");
    assert_ne!(good, ["access-1"]);
}

/// Each is answered so: every answer rotates the token, and none is a reason to begin anew with short pauses.
#[tokio::test(start_paused = true)]
async fn d12_answers_that_break_a_rule_again_and_again_are_asked_for_less_and_less() {
    let house = House::new().await;
    for number in 2..60 {
        let odd = format!(r#"{{"access_token":"access-{number}","token_type":"Bearer","refresh_token":"refresh-{number}","scope":null}}"#);
        house.provider.next(Act::Instead(200, odd.leak()));
    }
    let session = house.session().await;
    for _ in 0..120 {
        assert!(session.token(0).await.is_err());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let asked = house.provider.asked().len();
    assert!((2..=12).contains(&asked), "{asked} times in half a minute");
}

#[tokio::test]
async fn d12_where_a_token_may_be_spent_nobody_is_told_to_try_again() {
    for odd in [r#"{"access_token":"access-2","token_type":"mac"}"#, "<html>"] {
        let house = House::new().await;
        house.provider.next(Act::Instead(200, odd));
        let error = house.session().await.token(0).await.unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("may be spent") && !hint.contains("try")), "{error}: {:?}", error.hint());
    }
}

#[tokio::test]
async fn a_killed_process_is_diagnosed_from_its_note() {
    let house = House::new().await;
    killed(&house).await;
    // The provider had rotated.
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let error = house.session().await.token(0).await.unwrap_err();
    let Error::NeedsLogin { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("was begun at 2027-01-15T05:13:20Z by cron-job (pid 4711 on attic)"), "{reason}");
    assert_eq!(house.events().await, ["abandoned", "needs login"]);
    let Event::NeedsLogin { refresh, .. } = &house.history().await[1].event else { panic!("{:?}", house.history().await) };
    let refresh = refresh.as_ref().expect("a refresh was refused");
    assert_eq!((refresh.unanswered, refresh.by.pid), (1, std::process::id()));
    assert!(matches!(house.kept().await.health, Health::NeedsLogin { .. }));
}

#[tokio::test]
async fn a_killed_process_is_told_once_and_the_token_tried() {
    let house = House::new().await;
    killed(&house).await;
    house.provider.next(Act::Say(503, "{}"));
    let session = house.session().await;
    assert!(session.token(0).await.is_err());
    let note = house.kept().await.spending.expect("what the killed one did is still unclear");
    assert_eq!((note.by.pid, note.unanswered, note.over), (4711, 1, true));
    session.refresh().await.unwrap();
    assert_eq!(house.events().await, ["abandoned", "failed", "refreshed"]);
    assert_eq!(house.kept().await.spending, None);
}

#[tokio::test]
async fn a_note_that_cannot_be_written_keeps_the_token_unspent() {
    let house = House::new().await;
    house.store.fail(&[Write::Note]);
    let session = house.session().await;
    let error = session.token(0).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(house.provider.asked().is_empty());
    house.store.fail(&[]);
    session.refresh().await.unwrap();
}
