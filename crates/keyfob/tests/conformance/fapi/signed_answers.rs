//! Signed authorization answers (JARM): what comes through the browser is believed for its signature, and nothing in it before.

use keyfob_sandbox::Flaw;

use super::Fapi;

#[tokio::test]
async fn a_login() {
    Fapi::two_with_signed_answers().await.passes().await;
}

#[tokio::test]
async fn no_signature() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmAlgNone, "no signature at all").await;
}

#[tokio::test]
async fn a_signature_of_another_text() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmSignature, "RFC 7515 §5.2").await;
}

#[tokio::test]
async fn one_that_has_ended() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmExp, "JARM §4.4").await;
}

#[tokio::test]
async fn one_that_never_ends() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmNoExp, "\"exp\"").await;
}

#[tokio::test]
async fn for_another_client() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmAud, "\"aud\"").await;
}

#[tokio::test]
async fn for_nobody() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmNoAud, "\"aud\"").await;
}

#[tokio::test]
async fn from_another_issuer() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmIss, "iss").await;
}

#[tokio::test]
async fn from_nobody() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmNoIss, "iss").await;
}

#[tokio::test]
async fn one_that_is_not_signed_though_that_was_asked_for() {
    Fapi::two_with_signed_answers().await.refuses_the_answer(Flaw::JarmUnsigned, "JARM §4.4").await;
}
