//! ID tokens of the token endpoint: every rule of OpenID Connect Core §3.1.3.7 that a provider can break.

use keyfob::proto::jose::{Algorithm, Algorithms};
use keyfob_sandbox::{Flaw, Metadata};

use crate::driver::Rp;
use crate::op::Op;

/// A login, and who it was.
async fn passes(op: Op) {
    let rp = Rp::new(op).await;
    let logged_in = rp.log_in().await.unwrap();
    assert_eq!(logged_in.id_token.unwrap().subject, "robin-demo");
    rp.call().await.unwrap();
}

async fn signed_with(algorithm: &str) -> Rp {
    let metadata = Metadata { id_token_signed_response_alg: Some(algorithm.to_owned()), ..Metadata::default() };
    Rp::new(Op::with(metadata).await).await
}

#[tokio::test]
async fn a_login_by_code() {
    passes(Op::start().await).await;
}

#[tokio::test]
async fn another_issuer() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenIss, "the issuer").await;
}

#[tokio::test]
async fn another_audience() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenAud, "for this client (\"aud\")").await;
}

#[tokio::test]
async fn no_audience() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenNoAud, "with one text or several").await;
}

#[tokio::test]
async fn no_issue_time() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenNoIat, "\"iat\"").await;
}

#[tokio::test]
async fn no_subject() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenNoSub, "\"sub\"").await;
}

#[tokio::test]
async fn another_nonce() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenNonce, "the nonce that was sent").await;
}

#[tokio::test]
async fn hash_of_another_access_token() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenAtHash, "at_hash").await;
}

#[tokio::test]
async fn no_signature() {
    Rp::new(Op::start().await).await.refuses(Flaw::IdTokenAlgNone, "no signature at all").await;
}

#[tokio::test]
async fn a_signature_by_rs256() {
    let rp = signed_with("RS256").await;
    rp.log_in().await.unwrap();
}

#[tokio::test]
async fn a_wrong_signature_by_rs256() {
    signed_with("RS256").await.refuses(Flaw::IdTokenSignature, "RFC 7515 §5.2").await;
}

#[tokio::test]
async fn a_signature_by_es256() {
    let rp = signed_with("ES256").await;
    rp.log_in().await.unwrap();
}

#[tokio::test]
async fn a_wrong_signature_by_es256() {
    signed_with("ES256").await.refuses(Flaw::IdTokenSignature, "RFC 7515 §5.2").await;
}

async fn signed_with_the_secret() -> Rp {
    let mut rp = signed_with("HS256").await;
    // Said by whoever registered the app, never by metadata.
    rp.flow().id_token_algorithms = Algorithms::of([Algorithm::HS256]);
    rp
}

#[tokio::test]
async fn a_signature_by_hs256() {
    signed_with_the_secret().await.log_in().await.unwrap();
}

#[tokio::test]
async fn a_wrong_signature_by_hs256() {
    signed_with_the_secret().await.refuses(Flaw::IdTokenSignature, "RFC 7515 §5.2").await;
}
