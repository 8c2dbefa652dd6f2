//! FAPI 2 Security Profile: a pushed request, an issuer in the answer, an ID token of the token endpoint, tokens that are bound to a key.

use keyfob::proto::TokenSet;
use keyfob::proto::oauth2::Dpop;
use keyfob_sandbox::{DpopNonce, Flaw, Quirk};

use super::Fapi;

#[tokio::test]
async fn a_login() {
    let fapi = Fapi::two().await;
    let account = fapi.passes().await.account;
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    assert!(tokens.proof_key.is_some(), "bound to a key");
    assert_eq!((fapi.rp.op.seen("/par").len(), fapi.rp.op.seen("/token").len()), (1, 1));
}

#[tokio::test]
async fn a_login_where_proofs_need_nonces() {
    let fapi = Fapi::two().await;
    fapi.rp.op.faults(|faults| faults.dpop_nonce = Some(DpopNonce::Both));
    fapi.passes().await;
    assert_eq!((fapi.rp.op.seen("/token").len(), fapi.rp.op.seen("/api/me").len()), (2, 2), "each once without, and once with");
}

#[tokio::test]
async fn a_call_where_proofs_need_a_nonce() {
    let fapi = Fapi::two().await;
    fapi.rp.op.faults(|faults| faults.dpop_nonce = Some(DpopNonce::Resource));
    fapi.passes().await;
}

#[tokio::test]
async fn a_challenge_in_other_letters() {
    let fapi = Fapi::two().await;
    fapi.rp.op.faults(|faults| faults.dpop_nonce = Some(DpopNonce::Resource));
    fapi.passes_with(Quirk::SchemeCase).await;
}

#[tokio::test]
async fn a_token_type_in_other_letters() {
    Fapi::two().await.passes_with(Quirk::TokenTypeCase).await;
}

#[tokio::test]
async fn tokens_without_a_lifetime() {
    let fapi = Fapi::two().await;
    let account = fapi.passes_with(Quirk::NoExpiresIn).await.account;
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    assert_eq!(tokens.expires_at, None);
    assert_eq!(fapi.rp.op.seen("/token").len(), 1, "a token that does not say when it ends was taken for one that has ended");
}

#[tokio::test]
async fn metadata_of_another_issuer() {
    super::is_refused_at_discovery(Dpop::Wanted).await;
}

#[tokio::test]
async fn an_answer_of_another_issuer() {
    Fapi::two().await.refuses_the_answer(Flaw::ResponseIss, "RFC 9207 §2.4").await;
}

#[tokio::test]
async fn an_answer_without_issuer() {
    Fapi::two().await.refuses_the_answer(Flaw::ResponseNoIss, "RFC 9207 §2.4").await;
}

#[tokio::test]
async fn an_answer_with_another_state() {
    Fapi::two().await.refuses_the_answer(Flaw::ResponseState, "RFC 6749 §10.12").await;
}

#[tokio::test]
async fn an_answer_without_state() {
    Fapi::two().await.refuses_the_answer(Flaw::ResponseNoState, "RFC 6749 §10.12").await;
}

#[tokio::test]
async fn another_algorithm() {
    Fapi::two().await.refuses(Flaw::IdTokenAlgOther, "the algorithm ES256").await;
}

#[tokio::test]
async fn another_audience() {
    Fapi::two().await.refuses(Flaw::IdTokenAud, "a token for this client").await;
}

#[tokio::test]
async fn no_audience() {
    Fapi::two().await.refuses(Flaw::IdTokenNoAud, "\"aud\"").await;
}

#[tokio::test]
async fn an_untrusted_audience_as_well() {
    Fapi::two().await.refuses(Flaw::IdTokenExtraAud, "for this client alone").await;
}

#[tokio::test]
async fn an_id_token_that_has_ended() {
    Fapi::two().await.refuses(Flaw::IdTokenExp, "has not ended").await;
}

#[tokio::test]
async fn an_id_token_that_never_ends() {
    Fapi::two().await.refuses(Flaw::IdTokenNoExp, "\"exp\"").await;
}

#[tokio::test]
async fn another_issuer() {
    Fapi::two().await.refuses(Flaw::IdTokenIss, "the issuer").await;
}

#[tokio::test]
async fn no_issuer() {
    Fapi::two().await.refuses(Flaw::IdTokenNoIss, "\"iss\"").await;
}

#[tokio::test]
async fn another_nonce() {
    Fapi::two().await.refuses(Flaw::IdTokenNonce, "the nonce that was sent").await;
}

#[tokio::test]
async fn no_nonce() {
    Fapi::two().await.refuses(Flaw::IdTokenNoNonce, "the nonce that was sent").await;
}

#[tokio::test]
async fn no_signature() {
    Fapi::two().await.refuses(Flaw::IdTokenAlgNone, "no signature at all").await;
}

#[tokio::test]
async fn an_audience_that_is_a_list() {
    Fapi::two().await.passes_with(Quirk::AudienceList).await;
}

#[tokio::test]
async fn a_login_for_a_payment() {
    Fapi::two().await.for_a_payment().passes().await;
}

#[tokio::test]
async fn another_payment() {
    Fapi::two().await.for_a_payment().refuses(Flaw::IdTokenIntent, "\"openbanking_intent_id\" of the value that was asked for").await;
}
