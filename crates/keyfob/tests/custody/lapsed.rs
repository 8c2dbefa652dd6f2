//! A database server that was started again has forgotten whose turn it was.

use std::time::Duration;

use keyfob::history::{Actor, Fingerprint, Spending};
use keyfob::proto::{Secret, Timestamp, TransportKind};
use keyfob::{Account, Error, Health};

use super::house::{House, NOW, tokens};
use super::provider::Act;

/// The account, with a note of a refresh that somebody began this many seconds ago.
pub async fn being_spent(by: Actor, seconds: i64) -> House {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    house.put(noted(&house, by, seconds).await).await;
    house
}

async fn noted(house: &House, by: Actor, seconds: i64) -> Account {
    let (token, since) = (Fingerprint::of(&Secret::new("refresh-1")), Timestamp::from_unix(NOW - seconds));
    let note = Spending { token, grant: None, since, by, why: "ends soon".to_owned(), unanswered: 0, over: false, not_before: None };
    Account { spending: Some(note), ..house.kept().await }
}

/// The one that holds the note was alive, and writes what it got: whoever waits gets that, and the token was not spent once more.
async fn waits_for_the_holder(house: &House) {
    let session = house.session().await;
    let waiting = tokio::spawn(async move { session.token(0).await.map(|token| token.expose().to_owned()) });
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(house.provider.asked().is_empty(), "the token may be spent at this moment");
    let mut account = house.kept().await;
    (account.tokens, account.spending) = (tokens("9", NOW, Some(NOW + 3600)), None);
    house.put(account).await;
    assert_eq!(waiting.await.unwrap().unwrap(), "access-9");
    assert!(house.provider.asked().is_empty());
}

pub fn elsewhere() -> Actor {
    Actor { host: "another-machine".to_owned(), pid: 1, program: "example".to_owned(), instance: None, kernel: None }
}

#[tokio::test(start_paused = true)]
async fn d2_a_right_that_lapsed_is_not_taken_while_its_holder_may_be_spending() {
    waits_for_the_holder(&being_spent(elsewhere(), 1).await).await;
}

#[tokio::test(start_paused = true)]
async fn d2_a_right_that_lapsed_before_its_holder_wrote_the_note_is_given_back() {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    let meanwhile = noted(&house, elsewhere(), 0).await;
    house.log.lock().unwrap().clear();
    *house.store.meanwhile.lock().unwrap() = Some(meanwhile);
    waits_for_the_holder(&house).await;
    assert!(house.store.meanwhile.lock().unwrap().is_none(), "the note came");
}

#[tokio::test(start_paused = true)]
async fn d2_a_neighbour_of_the_same_name_and_number_is_somebody_else_who_may_live() {
    let this = Actor::this();
    assert!(this.instance.is_some() && this.kernel.is_some());
    let strangers = [
        // A container beside this one: its process 1 is not ours.
        Actor { instance: Some("another".to_owned()), kernel: Some("beside".to_owned()), ..this.clone() },
        // Another number there, which means nothing here.
        Actor { pid: u32::MAX, instance: Some("another".to_owned()), kernel: Some("beside".to_owned()), ..this.clone() },
        // Nobody knows where: an older version, or no Linux.
        Actor { pid: u32::MAX, instance: None, kernel: None, ..this.clone() },
        Actor { instance: None, kernel: None, ..this },
    ];
    for stranger in strangers {
        waits_for_the_holder(&being_spent(stranger, 1).await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn d4_a_right_whose_holder_cannot_be_spending_any_more_is_taken_at_once() {
    let gone = Actor { pid: u32::MAX, ..Actor::this() };
    // Its number is ours by now.
    let before = Actor { instance: Some("another".to_owned()), ..Actor::this() };
    for house in [being_spent(elsewhere(), 71).await, being_spent(gone, 1).await, being_spent(before, 1).await] {
        assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
        assert_eq!(house.events().await, ["abandoned", "refreshed"]);
    }
}

/// We sent the token, were suspended for so long that our right lapsed, and come back to this answer: somebody else's note is there, and their request is
/// under way. They get new tokens in the end.
async fn comes_back_to(answer: Act) -> (House, Error) {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(10));
    house.provider.next(answer);
    let session = house.session().await;
    let away = tokio::spawn({
        let session = session.clone();
        async move { session.token(0).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(house.kept().await.spending.unwrap().by, Actor::this(), "our own note is written");
    let theirs = noted(&house, elsewhere(), 0).await;
    house.put(theirs.clone()).await;
    let error = away.await.unwrap().unwrap_err();
    assert_eq!(house.provider.asked(), ["refresh-1"], "the token is being spent at this moment");
    let kept = house.kept().await;
    assert_eq!((kept.spending, &kept.health), (theirs.spending.clone(), &Health::Ok), "their note keeps others away");
    house.put(Account { tokens: tokens("9", NOW, Some(NOW + 3600)), spending: None, ..theirs }).await;
    assert_eq!(session.token(0).await.unwrap().expose(), "access-9");
    assert_eq!(house.provider.asked().len(), 1);
    (house, error)
}

#[tokio::test(start_paused = true)]
async fn d2_whoever_comes_back_without_an_answer_leaves_the_note_of_whoever_took_over() {
    for (answer, event) in [(Act::Lose(TransportKind::Timeout), "unanswered"), (Act::Say(503, "{}"), "failed")] {
        let (house, _) = comes_back_to(answer).await;
        assert_eq!(house.events().await, [event]);
    }
}

#[tokio::test(start_paused = true)]
async fn d2_whoever_comes_back_refused_leaves_it_to_whoever_took_over_to_ask_for_a_login() {
    let (house, error) = comes_back_to(Act::Say(400, r#"{"error":"invalid_grant"}"#)).await;
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    assert_eq!(house.events().await, ["failed"]);
}
