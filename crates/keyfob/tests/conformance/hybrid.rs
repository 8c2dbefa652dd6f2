//! Logins whose ID token comes through the browser, and holds what comes beside it (OpenID Connect Core §3.3).

use keyfob::LoginOptions;
use keyfob::proto::oauth2::Hybrid;
use keyfob_sandbox::Flaw;

use crate::driver::Rp;
use crate::op::Op;

async fn hybrid(kind: Hybrid) -> Rp {
    let mut rp = Rp::new(Op::start().await).await;
    rp.options = LoginOptions { hybrid: Some(kind), ..LoginOptions::default() };
    rp
}

#[tokio::test]
async fn a_code_and_an_id_token() {
    let rp = hybrid(Hybrid::IdToken).await;
    assert_eq!(rp.log_in().await.unwrap().id_token.unwrap().subject, "robin-demo");
    rp.call().await.unwrap();
}

#[tokio::test]
async fn a_code_an_id_token_and_an_access_token() {
    let rp = hybrid(Hybrid::IdTokenAndToken).await;
    assert_eq!(rp.log_in().await.unwrap().id_token.unwrap().subject, "robin-demo");
}

#[tokio::test]
async fn a_nonce_is_sent_and_comes_back() {
    let rp = hybrid(Hybrid::IdToken).await;
    let id_token = rp.log_in().await.unwrap().id_token.unwrap();
    // Masked in the log; that it was there, and what came back is what was sent, the login has judged.
    assert!(rp.asked_for("nonce"));
    assert!(id_token.claims.text("nonce").is_some_and(|nonce| nonce.len() >= 22));
}

#[tokio::test]
async fn hash_of_another_code() {
    hybrid(Hybrid::IdToken).await.refuses(Flaw::IdTokenCHash, "c_hash").await;
}

#[tokio::test]
async fn no_hash_of_the_code() {
    hybrid(Hybrid::IdToken).await.refuses(Flaw::IdTokenNoCHash, "c_hash").await;
}

#[tokio::test]
async fn no_hash_of_the_access_token() {
    hybrid(Hybrid::IdTokenAndToken).await.refuses(Flaw::IdTokenNoAtHash, "at_hash").await;
}
