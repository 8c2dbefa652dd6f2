//! Tokens that come with an ID token that is refused: nobody will use them, so the server is asked to forget them.

use keyfob::{Error, LoginOptions};
use keyfob_sandbox::{Flaw, Metadata};

use crate::common::endpoint;
use crate::kit::{House, tokens};

#[tokio::test]
async fn tokens_of_a_refused_login_are_revoked() {
    let house = House::new(Metadata::default(), |_| {}).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    assert!(house.seen("/revoke").is_empty());
    for flaw in [Flaw::IdTokenNonce, Flaw::IdTokenSignature, Flaw::IdTokenMissing] {
        let house = House::new(Metadata::default(), |_| {}).await;
        house.flaw(flaw);
        house.refuses(LoginOptions::default(), "").await;
        let hints: Vec<_> = house.seen("/revoke").iter().map(|seen| seen.value("token_type_hint").unwrap().to_owned()).collect();
        assert_eq!(hints, ["refresh_token", "access_token"], "{flaw:?}");
    }
}

#[tokio::test]
async fn a_revocation_that_fails_changes_nothing_about_the_refusal() {
    let nobody = Some(endpoint("http://127.0.0.1:9/revoke"));
    for place in [nobody, None] {
        let house = House::new(Metadata::default(), |flow| flow.revoke = place).await;
        house.flaw(Flaw::IdTokenNonce);
        house.refuses(LoginOptions::default(), "the nonce that was sent").await;
    }
}

#[tokio::test]
async fn d11_tokens_of_a_refused_refresh_are_revoked() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let before = house.log_in(LoginOptions::default()).await.unwrap().account;
    house.flaw(Flaw::IdTokenSignature);
    let session = house.session().await;
    assert!(matches!(session.refresh().await.unwrap_err(), Error::NeedsLogin { .. }));
    assert_eq!(house.statuses("/revoke"), [200, 200]);
    let after = house.account().await;
    assert!(tokens(&after).access.same_as(tokens(&before).access.expose()), "nothing of that answer is kept");
}
