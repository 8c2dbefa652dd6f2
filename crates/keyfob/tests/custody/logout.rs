//! D9: logging out.

use std::time::Duration;

use keyfob::history::Event;
use keyfob::proto::{App, Timestamp, TokenSet, TransportKind};
use keyfob::{Account, AccountId, Error, Revoked, Store, StoreError};
use tokio::time::Instant;

use super::common::{app, provider};
use super::house::{House, NOW, tokens};
use super::lapsed::{being_spent, elsewhere};
use super::provider::Act;

#[tokio::test(start_paused = true)]
async fn d9_the_account_is_forgotten_here_also_if_the_server_is_down() {
    let house = House::fresh().await;
    house.provider.next(Act::Fail(TransportKind::Connect));
    house.provider.next(Act::Fail(TransportKind::Connect));
    let keyfob = house.keyfob();
    let out = keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", true).await.unwrap();
    assert!(matches!(&out.revoked, Revoked::Failed(Error::Protocol(_))), "{:?}", out.revoked);
    assert_eq!(house.provider.asked(), ["revoke refresh-1", "revoke access-1"]);
    assert!(house.store.account("home").await.unwrap().is_none());
}

/// A server that answers a token which is gone with an error, and not with 200 as RFC 7009 §2.2 has it: what ended with the refresh token is not alive for that.
#[tokio::test(start_paused = true)]
async fn d9_what_was_asked_for_is_so_also_where_the_server_knows_the_token_no_more() {
    const GONE: Act = Act::Say(400, r#"{"error":"invalid_token"}"#);
    const UNABLE: Act = Act::Say(400, "unable to revoke token");
    const STRANGER: Act = Act::Say(401, r#"{"error":"invalid_client"}"#);
    const BUSY: Act = Act::Say(503, "{}");
    const DONE: Act = Act::Say(200, "{}");
    for (refresh, access, is_revoked) in [
        (DONE, GONE, true),
        (DONE, UNABLE, true),
        (GONE, GONE, true),
        (GONE, DONE, true),
        // Nothing ended with a refresh token that is alive.
        (UNABLE, DONE, false),
        (UNABLE, GONE, false),
        (STRANGER, STRANGER, false),
        (DONE, STRANGER, false),
        (DONE, BUSY, false),
        (BUSY, GONE, false),
        (DONE, Act::Fail(TransportKind::Connect), false),
    ] {
        let house = House::fresh().await;
        let case = format!("{refresh:?}, {access:?}");
        house.provider.next(refresh);
        house.provider.next(access);
        let out = keyfob::logout(&house.keyfob(), &provider("https://provider.example"), &app(), "home", true).await.unwrap();
        assert_eq!(matches!(out.revoked, Revoked::Yes), is_revoked, "{case}: {:?}", out.revoked);
        assert_eq!(house.provider.asked(), ["revoke refresh-1", "revoke access-1"], "{case}");
    }
}

/// A clock may be wrong: one that seems to have ended is sent, too. But that it is refused is no news.
#[tokio::test(start_paused = true)]
async fn d9_an_access_token_that_has_ended_may_be_refused_when_it_is_alone() {
    for (ended, status, is_revoked) in [(true, 400, true), (true, 503, false), (false, 400, false)] {
        let house = House::new().await;
        let mut account = house.kept().await;
        let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
        tokens.refresh = None;
        tokens.expires_at = Some(Timestamp::from_unix(if ended { NOW - 60 } else { NOW + 60 }));
        house.put(account).await;
        house.provider.next(Act::Say(status, "unable to revoke token"));
        let out = keyfob::logout(&house.keyfob(), &provider("https://provider.example"), &app(), "home", true).await.unwrap();
        assert_eq!(matches!(out.revoked, Revoked::Yes), is_revoked, "{status}: {:?}", out.revoked);
        assert_eq!(house.provider.asked(), ["revoke access-1"]);
    }
}

/// A server answers 200 for a token that is not the app's, and leaves it alive (RFC 7009 §2.2): nobody may be told that it is revoked.
#[tokio::test(start_paused = true)]
async fn d9_another_apps_tokens_are_not_revoked_with_this_apps_name() {
    for later in [false, true] {
        let house = House::fresh().await;
        let keyfob = house.keyfob();
        let (settings, entered) = (provider("https://provider.example"), App::confidential("another-client-id", "another-secret-not-real"));
        let revoked = if later {
            keyfob::revoke(&keyfob, &settings, &entered, &keyfob::forget_now(&keyfob, "home").await.unwrap()).await
        } else {
            keyfob::logout(&keyfob, &settings, &entered, "home", true).await.unwrap().revoked
        };
        assert!(matches!(&revoked, Revoked::Failed(Error::AnotherApp { .. })), "{revoked:?}");
        assert!(house.provider.asked().is_empty(), "and nothing is sent");
        assert!(house.store.account("home").await.unwrap().is_none(), "but it is forgotten here");
    }
}

#[tokio::test(start_paused = true)]
async fn d9_whoever_listens_hears_whether_the_tokens_were_revoked() {
    for (works, asks, revoked) in [(true, true, true), (false, true, false), (true, false, false)] {
        let house = House::fresh().await;
        if !works {
            house.provider.next(Act::Fail(TransportKind::Connect));
            house.provider.next(Act::Fail(TransportKind::Connect));
        }
        let keyfob = house.keyfob();
        let mut events = keyfob.events();
        keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", asks).await.unwrap();
        let entry = events.next().await.unwrap();
        assert_eq!((entry.account.as_str(), entry.event), ("home", Event::LoggedOut { revoked }));
    }
}

#[tokio::test(start_paused = true)]
async fn d9_a_refresh_under_way_is_waited_for_and_its_tokens_are_revoked() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    let session = house.session().await;
    let refreshes = tokio::spawn(async move { session.token(0).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let keyfob = house.keyfob();
    keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", true).await.unwrap();
    refreshes.await.unwrap().unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1", "revoke refresh-2", "revoke access-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_hangs_does_not_keep_a_person_from_logging_out() {
    let house = House::fresh().await;
    let _elsewhere = house.store.try_hold(&house.kept().await.id).await.unwrap();
    let begun = Instant::now();
    keyfob::logout(&house.keyfob(), &provider("https://provider.example"), &app(), "home", false).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(12));
    assert!(house.store.account("home").await.unwrap().is_none());
}

/// While a logout waits, somebody else logs in under the name: what was meant is gone, and the other stays.
#[tokio::test(start_paused = true)]
async fn d9_an_account_that_took_the_name_meanwhile_is_not_forgotten() {
    for revoke in [false, true] {
        let house = House::fresh().await;
        let meant = house.kept().await;
        let _elsewhere = house.store.try_hold(&meant.id).await.unwrap();
        let keyfob = house.keyfob();
        let leaves =
            tokio::spawn(async move { keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", revoke).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let other = Account { id: AccountId::random(), tokens: tokens("9", NOW, Some(NOW + 3600)), ..meant.clone() };
        let generation = house.record().await.generation;
        house.store.replace_account(&meant.id, generation, &other, None, None).await.unwrap();
        let error = leaves.await.unwrap().map(drop).unwrap_err();
        assert!(matches!(error, Error::Store(StoreError::Conflict)), "{error}");
        assert_eq!(house.kept().await.id, other.id);
        assert!(house.provider.asked().is_empty(), "and its tokens live on");
    }
}

#[tokio::test(start_paused = true)]
async fn d9_what_a_refresh_brings_after_a_logout_that_could_not_wait_is_revoked() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(25));
    let session = house.session().await;
    let refreshes = tokio::spawn(async move { session.token(0).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let keyfob = house.keyfob();
    keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", true).await.unwrap();
    assert!(matches!(refreshes.await.unwrap(), Err(Error::NoAccount { .. })));
    assert_eq!(house.provider.asked(), ["revoke refresh-1", "revoke access-1", "refresh-1", "revoke refresh-2", "revoke access-2"]);
}

#[tokio::test(start_paused = true)]
async fn d9_a_refresh_whose_right_lapsed_is_waited_for_too() {
    let house = being_spent(elsewhere(), 1).await;
    let keyfob = house.keyfob();
    let leaves =
        tokio::spawn(async move { keyfob::logout(&keyfob, &provider("https://provider.example"), &app(), "home", true).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(house.provider.asked().is_empty(), "the token may be spent at this moment");
    let mut account = house.kept().await;
    (account.tokens, account.spending) = (tokens("9", NOW, Some(NOW + 3600)), None);
    house.put(account).await;
    leaves.await.unwrap().unwrap();
    assert_eq!(house.provider.asked(), ["revoke refresh-9", "revoke access-9"]);
}
