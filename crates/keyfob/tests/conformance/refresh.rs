//! New tokens, and the ID token that comes with them (OpenID Connect Core §12.2).

use keyfob::{Error, Health};
use keyfob_sandbox::Flaw;

use crate::driver::Rp;
use crate::op::Op;

/// The ID token of the refresh is wrong in this way: the account needs a new login.
async fn refuses(flaw: Flaw, what: &str) {
    let rp = Rp::new(Op::start().await).await;
    rp.log_in().await.unwrap();
    rp.op.flawed(flaw);
    let error = rp.refresh().await.map(drop).expect_err("a wrong ID token");
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains(what)), "{error}");
    assert!(matches!(rp.kept().await.unwrap().health, Health::NeedsLogin { .. }));
}

#[tokio::test]
async fn another_issuer() {
    refuses(Flaw::IdTokenIss, "the same issuer").await;
}

#[tokio::test]
async fn another_person() {
    refuses(Flaw::IdTokenSub, "the same person").await;
}

#[tokio::test]
async fn new_tokens() {
    let rp = Rp::new(Op::start().await).await;
    let before = rp.log_in().await.unwrap().account;
    let after = rp.refresh().await.unwrap();
    assert_ne!(rp.access(&after), rp.access(&before));
    rp.call().await.unwrap();
    assert_eq!(rp.userinfo().await.unwrap().subject, "robin-demo");
}
