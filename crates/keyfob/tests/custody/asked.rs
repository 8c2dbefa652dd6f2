//! A refresh that somebody asks for in so many words, where there can be none.

use keyfob::proto::{Error as ProtoError, Flow, OAuth1Tokens, Secret, TokenSet, oauth1};
use keyfob::{Account, Error};

use super::common::{app, endpoint, provider};
use super::house::{House, NOW, account};

/// An account whose access token was all that came.
pub async fn without_refresh_token(house: &House, expires_at: i64) {
    let mut account = account("home", "1", NOW - 3600, Some(expires_at));
    let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
    tokens.refresh = None;
    house.put(account).await;
}

#[tokio::test]
async fn without_a_refresh_token_nobody_is_told_to_log_in_while_the_access_token_is_good() {
    let house = House::empty();
    without_refresh_token(&house, NOW + 600).await;
    let session = house.session().await;
    let error = session.refresh().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an account with a refresh token (RFC 6749 §6), but found one without, whose access token has not ended"
    );
    assert!(matches!(error, Error::Protocol(ProtoError::Misuse(_))), "{error:?}");
    assert_eq!(session.token(0).await.unwrap().expose(), "access-1");
    house.clock.turn(600);
    let error = session.refresh().await.unwrap_err();
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("has ended")), "{error}");
    assert!(house.provider.asked().is_empty());
}

#[tokio::test]
async fn oauth1_tokens_are_not_refreshed_and_that_is_no_reason_to_log_in() {
    let mut settings = provider("https://provider.example");
    let at = |path: &str| endpoint(&format!("https://provider.example{path}"));
    settings.flow = Flow::OAuth1(oauth1::Settings::new(at("/request"), at("/authorize"), at("/access")));
    let house = House::empty();
    let signed = OAuth1Tokens { token: Secret::new("t"), secret: Secret::new("s") };
    house.put(Account { tokens: TokenSet::OAuth1(signed), ..account("home", "1", NOW, None) }).await;
    let session = house.keyfob().session(settings, app(), "home").await.unwrap();
    let error = session.refresh().await.unwrap_err();
    assert!(error.to_string().contains("this account speaks OAuth 1, whose tokens are not refreshed"), "{error}");
    assert!(matches!(error, Error::Protocol(ProtoError::Misuse(_))), "{error:?}");
}
