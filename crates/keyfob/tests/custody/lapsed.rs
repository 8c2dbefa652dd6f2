//! A database server that was started again has forgotten whose turn it was.

use std::time::Duration;

use keyfob::history::{Actor, Fingerprint, Spending};
use keyfob::proto::{Secret, Timestamp, TransportKind};
use keyfob::{Account, Error, Health};

use super::house::{House, NOW, tokens};
use super::provider::Act;
use super::watched::SERVER;

/// The account, with a note of a refresh that somebody began this many seconds ago.
pub async fn being_spent(by: Actor, seconds: i64) -> House {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    house.put(noted(&house, by, seconds).await).await;
    house
}

async fn noted(house: &House, by: Actor, seconds: i64) -> Account {
    let (token, since) = (Fingerprint::of(&Secret::new("refresh-1")), Timestamp::from_unix(NOW - seconds));
    let (since_at_server, why) = (Some(SERVER.plus(-seconds)), "ends soon".to_owned());
    let note = Spending { token, grant: None, since, since_at_server, by, why, unanswered: 0, over: false, not_before: None };
    Account { spending: Some(Box::new(note)), ..house.kept().await }
}

/// The same by a machine whose clock is that far from ours; or by one that did not write down the server's.
async fn noted_elsewhere(seconds: i64, off: i64, knows_server: bool) -> House {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    let mut account = noted(&house, elsewhere(), seconds).await;
    if let Some(note) = &mut account.spending {
        note.since = note.since.plus(off);
        note.since_at_server = note.since_at_server.filter(|_| knows_server);
    }
    house.put(account).await;
    house
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
async fn d2_the_clocks_of_machines_do_not_tell_how_old_a_note_is() {
    for off in [-3600, -71, 71, 3600] {
        waits_for_the_holder(&noted_elsewhere(1, off, true).await).await;
        let old = noted_elsewhere(71, off, true).await;
        assert_eq!(old.session().await.token(0).await.unwrap().expose(), "access-2", "{off}");
    }
    // Where there is nothing else, as in an older version's note, they do.
    waits_for_the_holder(&noted_elsewhere(1, 0, false).await).await;
}

#[tokio::test(start_paused = true)]
async fn d2_a_note_says_when_it_was_begun_by_the_clock_of_the_server_alone() {
    for lapses in [true, false] {
        let house = House::new().await;
        *house.store.lapsing.lock().unwrap() = lapses;
        house.provider.habits(|habits| habits.delay = Duration::from_secs(10));
        let session = house.session().await;
        let under_way = tokio::spawn(async move { session.token(0).await.map(drop) });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(house.kept().await.spending.unwrap().since_at_server, lapses.then_some(SERVER));
        under_way.await.unwrap().unwrap();
    }
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
