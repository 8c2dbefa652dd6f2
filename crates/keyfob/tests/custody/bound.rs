//! D10: tokens go to the origins of the login, and nowhere else.

use keyfob::proto::Flow;
use keyfob::{Error, Session};

use super::common::{app, endpoint, provider};
use super::house::House;

const ELSEWHERE: [&str; 14] = [
    "https://provider.example.evil.example/x",
    "https://evilprovider.example/x",
    "https://evil.example/provider.example/x",
    "https://api.provider.example/x",
    "https://provider.example:8443/x",
    "https://provider.example:80/x",
    "http://provider.example/x",
    "https://provider.example@evil.example/x",
    "https://provider.example:443@evil.example/x",
    "https://evil.example#@provider.example/x",
    "https://evil.example?@provider.example/x",
    "https://evil.example\\@provider.example/x",
    "https://xn--provder-9za.example/x",
    "https://pro\u{2024}vider.example/x",
];

#[tokio::test]
async fn d10_no_trick_with_hosts_carries_a_token_away() {
    let house = House::fresh().await;
    let session = house.session().await;
    for url in ELSEWHERE {
        let error = session.get(url).send().await.err().unwrap_or_else(|| panic!("{url} was called"));
        assert!(matches!(error, Error::Unbound { .. } | Error::Protocol(_)), "{url}: {error}");
    }
    assert_eq!(house.provider.calls(), 0);
    session.get("https://provider.example/x").send().await.unwrap();
    session.get("https://provider.example:443/x").send().await.unwrap();
    assert_eq!(house.provider.calls(), 2, "these are the same place");
}

#[tokio::test]
async fn d10_a_token_endpoint_that_was_changed_later_gets_no_refresh_token() {
    for at in ["https://provider.example.evil.example/token", "https://evil.example/token", "https://provider.example:8443/token"] {
        let house = House::new().await;
        let mut settings = provider("https://provider.example");
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
        flow.token = endpoint(at);
        let session: Session = house.keyfob().session(settings, app(), "home").await.unwrap();
        let error = session.token(0).await.unwrap_err();
        assert!(matches!(error, Error::Unbound { .. }), "{at}: {error}");
        assert!(house.provider.asked().is_empty(), "{at}");
        assert_eq!(house.kept().await.spending, None, "{at}: no note of what is not sent");
    }
}
