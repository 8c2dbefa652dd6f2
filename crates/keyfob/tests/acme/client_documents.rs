//! A client that nobody registered: its id is the URL of a page, which the server reads.

use keyfob::LoginOptions;
use keyfob::proto::App;
use keyfob::proto::oauth2::ClientAuth;
use keyfob::proto::oauth2::challenge::Challenges;
use keyfob::proto::oauth2::client_id_document::ClientIdUrl;
use keyfob::proto::oauth2::mcp::Clients;
use keyfob::proto::oauth2::registration::ClientMetadata;
use keyfob_sandbox::{Metadata, WebPage};

use crate::kit::{CALLBACK, House};

/// A page that says who we are, and a house that has never heard of us.
async fn house(callback: &str) -> (House, WebPage, String) {
    let mut house = House::behind_tls(App::public("nobody"), ClientAuth::None, |_| (None, Metadata::default())).await;
    let page = house.sandbox.web_page("/client.json").unwrap();
    let id = ClientIdUrl::parse(page.url()).unwrap();
    let document = id.document(&ClientMetadata::native("Somebody's program", [callback])).unwrap();
    house.app = id.app();
    (house, page, document)
}

#[tokio::test]
async fn a_client_is_what_its_page_says() {
    let (house, page, document) = house(CALLBACK).await;
    page.write(document);
    house.log_in(LoginOptions::default()).await.unwrap();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
    house.session().await.refresh().await.unwrap();
    assert_eq!(page.reads(), 1, "it is kept for a while");
    house.advance(301);
    house.session().await.refresh().await.unwrap();
    assert_eq!(page.reads(), 2);
}

#[tokio::test]
async fn a_page_that_is_another_s_or_wrong_makes_no_client() {
    let pages: [&dyn Fn(&str) -> String; 4] = [
        &|_| String::new(),
        &|page| page.replace("/client.json", "/another.json"),
        &|page| page.replacen('{', r#"{"client_secret":"x","#, 1),
        &|page| page.replace("none", "client_secret_basic"),
    ];
    for change in pages {
        let (house, page, document) = house(CALLBACK).await;
        page.write(change(&document));
        assert!(house.begin(LoginOptions::default()).await.is_err(), "{document}");
    }
    // A callback that is not on the page is nobody's.
    let (house, page, document) = house("http://127.0.0.1:8123/elsewhere").await;
    page.write(document.clone());
    assert!(house.begin(LoginOptions::default()).await.is_err());
    page.write(document.replace("/elsewhere", "/callback"));
    house.advance(301);
    house.log_in(LoginOptions::default()).await.unwrap();
}

#[tokio::test]
async fn from_a_refusal_to_a_login_by_the_page_alone() {
    let (house, page, document) = house(CALLBACK).await;
    page.write(document);
    let resource = format!("{}/api/me", house.sandbox.secure_origin());
    let refused = house.keyfob.transport().send(http::Request::get(&resource).body(keyfob::Body::empty()).unwrap()).await.unwrap();
    let challenges = Challenges::read(refused.headers()).unwrap();
    let clients = Clients { client_id_url: Some(ClientIdUrl::parse(page.url()).unwrap()), ..Clients::default() };
    let ready = house.keyfob.mcp(&resource, &challenges, clients, &Default::default()).await.unwrap();
    assert_eq!((ready.app.client_id.as_str(), ready.registered.is_some()), (page.url(), false));
    assert_eq!(ready.resource.resource, resource);
}
