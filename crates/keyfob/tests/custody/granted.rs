//! Accounts whose grant is made once more when their token ends: the app's own (RFC 6749 §4.4). One request at a time, like any refresh.

use std::time::Duration;

use keyfob::history::{Actor, Event, Fingerprint, Spending};
use keyfob::proto::{OAuth2Tokens, Secret, Timestamp, TokenSet, TransportKind};
use keyfob::store::Expected;
use keyfob::upkeep::{self, Outcome, Plan};
use keyfob::{Account, Grant, Health, OwnRequest, Store};

use super::common;
use super::house::{House, NOW, account};
use super::provider::Act;

const GRANT: &str = "client_credentials";

/// The app's own account `home`, whose token ends then.
async fn house(expires_at: i64) -> House {
    let house = House::empty();
    let mut own = account("home", "1", NOW - 3480, Some(expires_at));
    own.grant =
        Grant::ClientCredentials(Box::new(OwnRequest { resources: vec!["https://api.example".to_owned()], ..OwnRequest::default() }));
    own.requested_scopes = vec!["read".to_owned()];
    let TokenSet::OAuth2(tokens) = &mut own.tokens else { panic!("OAuth 2") };
    tokens.refresh = None;
    house.put(own).await;
    house
}

fn tokens(account: &Account) -> &OAuth2Tokens {
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    tokens
}

#[tokio::test(start_paused = true)]
async fn d1_many_processes_ask_once_for_the_same_again() {
    let house = house(NOW - 60).await;
    house.provider.habits(|habits| habits.delay = Duration::from_millis(300));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let keyfob = house.keyfob();
        for _ in 0..50 {
            let session = house.session_of(&keyfob, "home").await;
            callers.spawn(async move { session.token(0).await.unwrap().expose().to_owned() });
        }
    }
    assert!(callers.join_all().await.iter().all(|token| token == "access-2"));
    assert_eq!(house.provider.asked(), [GRANT]);
    assert_eq!(house.provider.bodies(), ["grant_type=client_credentials&scope=read&resource=https%3A%2F%2Fapi.example"]);
    let kept = house.kept().await;
    assert!(tokens(&kept).refresh.is_none(), "what the same request can be made without is not kept (§4.4.3)");
    assert_eq!((kept.spending, kept.grant.asked_again_as()), (None, Some(GRANT)));
    let history = house.history().await;
    let Event::Refreshed { refresh, received: None, .. } = &history[0].event else { panic!("{history:?}") };
    assert_eq!(refresh.grant.as_deref(), Some(GRANT), "the note says by which grant");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_takes_nothing_with_it() {
    let house = house(NOW - 60).await;
    for _ in 0..2 {
        house.provider.next(Act::Lose(TransportKind::Timeout));
    }
    let session = house.session().await;
    session.token(0).await.unwrap_err();
    assert_eq!(house.events().await, ["failed", "failed"], "and not \"unanswered\": there is no token that may be lost");
    let kept = house.kept().await;
    assert_eq!((kept.health, kept.spending), (Health::Ok, None));
    session.refresh().await.unwrap();
    assert_eq!(house.provider.asked(), [GRANT; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_says_expired_is_called_with_a_new_token() {
    let house = house(NOW + 1800).await;
    house.provider.expire("access-1");
    let answer = house.session().await.get("/me").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!((house.provider.asked().len(), house.provider.calls()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn it_is_due_like_any_other() {
    let house = house(NOW + 120).await;
    let known = |_: &Account| Ok((common::provider("https://provider.example"), common::app()));
    let report = upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
    assert!(matches!(&report.accounts[..], [kept] if matches!(kept.outcome, Outcome::Refreshed)), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn d12_a_refused_grant_is_asked_again_and_no_lost_token_is_suspected() {
    let house = house(NOW - 60).await;
    // Somebody was killed while asking.
    let record = house.record().await;
    let mut account = record.value;
    account.spending = Some(Box::new(Spending {
        token: Fingerprint::of(&Secret::new("access-1")),
        grant: Some(GRANT.to_owned()),
        since: Timestamp::from_unix(NOW - 300),
        since_at_server: None,
        by: Actor { host: "attic".to_owned(), pid: 4711, program: "keyfob".to_owned(), instance: None, kernel: None },
        why: "ends soon".to_owned(),
        unanswered: 0,
        over: false,
        not_before: None,
    }));
    house.store.put_account(&account, Expected::Generation(record.generation), None).await.unwrap();
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let session = house.session().await;
    let error = session.token(0).await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("this app")), "{error}");
    assert_eq!((house.kept().await.health, house.provider.asked().len()), (Health::Ok, 1), "no login mends it");
    let history = house.history().await;
    let Some(Event::RefreshFailed { reason, unanswered: false, .. }) = history.last().map(|entry| &entry.event) else {
        panic!("{history:?}")
    };
    assert!(reason.contains("invalid_grant") && reason.contains("clock") && !reason.contains("which nobody has"), "{reason}");
    // Not at once; and then it may be taken.
    session.token(0).await.unwrap_err();
    assert_eq!(house.provider.asked().len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(session.token(0).await.unwrap().expose(), "access-2");
}

#[tokio::test(start_paused = true)]
async fn d13_a_grant_that_stays_refused_is_asked_less_and_less_often() {
    let house = house(NOW - 60).await;
    for _ in 0..200 {
        house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    }
    let session = house.session().await;
    for _ in 0..3600 {
        session.token(0).await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let asked = house.provider.asked().len();
    assert!((15..=30).contains(&asked), "{asked} in an hour");
}

#[test]
fn records_of_before_are_an_approval_and_stay_as_they_were() {
    let old = serde_json::to_string(&account("home", "1", NOW, None)).unwrap();
    assert!(!old.contains("grant"), "{old}");
    assert_eq!(serde_json::from_str::<Account>(&old).unwrap().grant, Grant::Approval);
}

/// As an older version marked it, whose rule took that for the end of a login. Nobody could log in again: there is nobody.
#[tokio::test(start_paused = true)]
async fn a_mark_that_no_version_sets_any_more_is_in_nobody_s_way() {
    let marked = async |reason: &str, by: Grant| {
        let house = house(NOW - 60).await;
        let mut account = house.kept().await;
        account.health = Health::NeedsLogin { reason: reason.to_owned(), since: Timestamp::from_unix(NOW - 30) };
        account.grant = by;
        house.store.put_account(&account, Expected::Anything, None).await.unwrap();
        house
    };
    let own = || Grant::ClientCredentials(Box::default());
    let outdated = "the server refused: invalid_grant (HTTP 400): the assertion has not begun";
    let house = marked(outdated, own()).await;
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
    assert_eq!((house.provider.asked(), house.kept().await.health), (vec![GRANT.to_owned()], Health::Ok));
    // A person approved that one; and whose tokens they are is another question.
    for (reason, by) in [(outdated, Grant::Approval), ("the token answer names another person", own())] {
        let house = marked(reason, by).await;
        house.session().await.token(0).await.unwrap_err();
        assert!(house.provider.asked().is_empty(), "{reason}");
    }
}
