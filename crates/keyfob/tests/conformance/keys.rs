//! Which of the provider's keys has signed, and what happens when they are changed.

use keyfob_sandbox::Flaw;

use crate::driver::Rp;
use crate::op::Op;

#[tokio::test]
async fn no_name_and_one_key_that_fits() {
    let rp = Rp::new(Op::start().await).await;
    rp.op.flawed(Flaw::IdTokenNoKid);
    rp.log_in().await.unwrap();
}

#[tokio::test]
async fn no_name_and_several_keys_that_fit() {
    let op = Op::start().await;
    // Those before stay published; the new ones sign, and come first.
    op.rotates_keys();
    op.rotates_keys();
    let rp = Rp::new(op).await;
    rp.op.flawed(Flaw::IdTokenNoKid);
    rp.log_in().await.unwrap();
    assert_eq!(rp.op.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn new_keys_at_the_second_login() {
    let rp = Rp::new(Op::start().await).await;
    rp.log_in().await.unwrap();
    rp.log_in().await.unwrap();
    assert_eq!(rp.op.seen("/jwks").len(), 1, "they are kept while they are good");
    rp.op.rotates_keys();
    rp.log_in().await.unwrap();
    assert_eq!(rp.op.seen("/jwks").len(), 2);
}

#[tokio::test]
async fn new_keys_just_before_signing() {
    let rp = Rp::new(Op::start().await).await;
    // Fetched a moment ago, and changed between that and the signature.
    rp.log_in().await.unwrap();
    let login = rp.begin().await.unwrap();
    let back = rp.visit(login.url()).await.location.unwrap();
    let verified = login.verify(keyfob::proto::Answer::Url(&back)).unwrap();
    rp.op.rotates_keys();
    login.finish(verified).await.unwrap();
    assert_eq!(rp.op.seen("/jwks").len(), 2, "the same minute");
}

#[tokio::test]
async fn a_name_that_is_nobodys() {
    let rp = Rp::new(Op::start().await).await;
    rp.refuses(Flaw::IdTokenUnknownKid, "RFC 7515 §6").await;
    for _ in 0..3 {
        rp.log_in().await.map(drop).unwrap_err();
    }
    assert_eq!(rp.op.seen("/jwks").len(), 2, "and no way to storm the provider");
}
