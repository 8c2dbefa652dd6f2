//! FAPI 1 Advanced: an ID token comes beside the code, and signs the answer. It is judged before the code is spent.

use keyfob::proto::TokenSet;
use keyfob::proto::oauth2::Dpop;
use keyfob_sandbox::{Flaw, Quirk};

use super::Fapi;

#[tokio::test]
async fn a_login() {
    Fapi::one().await.passes().await;
}

#[tokio::test]
async fn metadata_of_another_issuer() {
    super::is_refused_at_discovery(Dpop::Off).await;
}

#[tokio::test]
async fn a_signed_request_is_pushed() {
    let fapi = Fapi::one().await;
    fapi.passes().await;
    let pushed = fapi.rp.op.seen("/par");
    assert_eq!(pushed.len(), 1);
    let names: Vec<&str> = pushed[0].parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert!(names.contains(&"request") && !names.contains(&"redirect_uri"), "{names:?}");
}

#[tokio::test]
async fn an_id_token_that_is_a_week_old() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenOldIat, "made within a day").await;
}

#[tokio::test]
async fn another_algorithm() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenAlgOther, "the algorithm ES256").await;
}

#[tokio::test]
async fn another_audience() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenAud, "a token for this client").await;
}

#[tokio::test]
async fn no_audience() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNoAud, "\"aud\"").await;
}

#[tokio::test]
async fn an_untrusted_audience_as_well() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenExtraAud, "for this client alone").await;
}

#[tokio::test]
async fn hash_of_another_code() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenCHash, "\"c_hash\"").await;
}

#[tokio::test]
async fn hash_of_another_state() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenSHash, "\"s_hash\"").await;
}

#[tokio::test]
async fn no_hash_of_the_state() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNoSHash, "\"s_hash\"").await;
}

#[tokio::test]
async fn no_hash_of_the_access_token_where_none_is_needed() {
    Fapi::one().await.passes_with(Quirk::NoAtHash).await;
}

#[tokio::test]
async fn an_id_token_that_has_ended() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenExp, "has not ended").await;
}

#[tokio::test]
async fn an_id_token_that_never_ends() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNoExp, "\"exp\"").await;
}

#[tokio::test]
async fn another_issuer() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenIss, "the issuer").await;
}

#[tokio::test]
async fn no_issuer() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNoIss, "\"iss\"").await;
}

#[tokio::test]
async fn another_nonce() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNonce, "the nonce that was sent").await;
}

#[tokio::test]
async fn no_nonce() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenNoNonce, "the nonce that was sent").await;
}

#[tokio::test]
async fn no_signature() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenAlgNone, "no signature at all").await;
}

#[tokio::test]
async fn a_signature_of_another_text() {
    Fapi::one().await.refuses_the_answer(Flaw::IdTokenSignature, "RFC 7515 §5.2").await;
}

#[tokio::test]
async fn an_audience_that_is_a_list() {
    Fapi::one().await.passes_with(Quirk::AudienceList).await;
}

#[tokio::test]
async fn tokens_without_scopes_and_lifetime() {
    let account = Fapi::one().await.passes_with(Quirk::BareTokens).await.account;
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    assert_eq!(tokens.scopes, ["openid", "profile"], "those that were asked for");
    assert_eq!(tokens.expires_at, None);
}

#[tokio::test]
async fn a_login_for_a_payment() {
    Fapi::one().await.for_a_payment().passes().await;
}

#[tokio::test]
async fn another_payment() {
    Fapi::one()
        .await
        .for_a_payment()
        .refuses_the_answer(Flaw::IdTokenIntent, "\"openbanking_intent_id\" of the value that was asked for")
        .await;
}
