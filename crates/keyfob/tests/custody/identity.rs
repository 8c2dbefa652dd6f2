//! D11: the tokens of another person are not taken in.

use keyfob::proto::{Identity, TokenSet};
use keyfob::store::Expected;
use keyfob::{Error, Health};

use super::house::House;
use super::provider::Act;

/// `{"iss":"https://login.example","sub":"person-2","aud":"id"}`, as the payload of a token.
const OF_ANOTHER: &str = r#"{"access_token":"access-2","token_type":"Bearer","refresh_token":"refresh-2","expires_in":3600,
    "id_token":"e30.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUiLCJzdWIiOiJwZXJzb24tMiIsImF1ZCI6ImlkIn0.c2ln"}"#;

#[tokio::test]
async fn d11_another_persons_tokens_are_refused_and_the_account_is_marked() {
    let house = House::new().await;
    let mut record = house.record().await;
    let TokenSet::OAuth2(tokens) = &mut record.value.tokens else { panic!("OAuth 2") };
    let [issuer, subject] = ["https://login.example", "person-1"].map(str::to_owned);
    tokens.identity = Some(Box::new(Identity { issuer, subject, audience: vec!["id".to_owned()], verified: false }));
    house.keyfob().store().put_account(&record.value, Expected::Generation(record.generation), None).await.unwrap();
    house.provider.next(Act::Instead(200, OF_ANOTHER));
    let session = house.session().await;
    let error = session.token(0).await.unwrap_err();
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("another person")), "{error}");
    let kept = house.kept().await;
    assert!(matches!(kept.health, Health::NeedsLogin { .. }));
    assert!(kept.tokens.secrets().iter().all(|secret| !secret.expose().ends_with("-2")), "nothing of theirs was kept");
    assert_eq!(house.refresh_token().await, "refresh-1", "and nothing of ours deleted");
    assert_eq!(house.events().await.last(), Some(&"needs login"));
    assert!(session.token(0).await.is_err());
    assert_eq!(house.provider.asked(), ["refresh-1"], "nobody asks again");
}
