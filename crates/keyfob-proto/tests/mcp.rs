//! The authorization profile of the Model Context Protocol, walked from the first 401 to the authorization URL.

mod common;

use common::*;
use http::Response;
use keyfob_proto::oauth2::challenge::Challenges;
use keyfob_proto::oauth2::client_id_document::ClientIdUrl;
use keyfob_proto::oauth2::mcp::{Clients, KnownClient, Ready, Step, Walk};
use keyfob_proto::oauth2::registration::ClientMetadata;
use keyfob_proto::oauth2::{self, ClientAuth, Dpop};
use keyfob_proto::{Answer, App, Deviations, Error, Flow, Settings};
use proptest::prelude::*;
use serde_json::{Value, json};

const RESOURCE: &str = "https://mcp.example/mcp";
const ISSUER: &str = "https://login.example/tenant";
const PAGE: &str = "https://app.example/client.json";

/// A resource and its authorization server, as a table of what is where.
struct World {
    challenge: &'static str,
    places: Vec<(String, Value)>,
}

fn world() -> World {
    World {
        challenge: r#"Bearer resource_metadata="https://mcp.example/meta", scope="tools:read""#,
        places: vec![
            (
                "https://mcp.example/meta".into(),
                json!({ "resource": RESOURCE, "authorization_servers": [ISSUER], "scopes_supported": ["tools:read", "tools:write"] }),
            ),
            (
                "https://login.example/.well-known/openid-configuration/tenant".into(),
                json!({
                    "issuer": ISSUER, "authorization_endpoint": "https://login.example/tenant/authorize",
                    "token_endpoint": "https://login.example/tenant/token", "registration_endpoint": "https://login.example/tenant/register",
                    "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": true,
                }),
            ),
            (
                "https://login.example/tenant/register".into(),
                json!({ "client_id": "registered-1", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" }),
            ),
        ],
    }
}

impl World {
    fn set(mut self, place: usize, name: &str, value: Value) -> Self {
        self.places[place].1[name] = value;
        self
    }

    fn answer(&self, url: &str) -> Response<Vec<u8>> {
        match self.places.iter().find(|(place, _)| place == url) {
            Some((_, body)) => json_answer(200, body.to_string()),
            None => answer(404, "text/html", "<html>"),
        }
    }

    /// Walks to the end; the URLs that were asked, and what came out.
    fn walk(&self, clients: Clients) -> (Vec<String>, Result<Ready, Error>) {
        let refused = Response::builder().status(401).header("www-authenticate", self.challenge).body(()).expect("an answer");
        let challenges = Challenges::read(refused.headers()).expect("challenges");
        let mut asked = Vec::new();
        let mut walk = match Walk::begin(RESOURCE, &challenges, clients, &Deviations::new()) {
            Ok(walk) => Box::new(walk),
            Err(error) => return (asked, Err(error)),
        };
        loop {
            let url = walk.request().uri().to_string();
            asked.push(url.clone());
            assert!(asked.len() < 10, "the walk ends: {asked:?}");
            match walk.receive(&self.answer(&url), NOW) {
                Ok(Step::Next(next)) => walk = next,
                Ok(Step::Done(ready)) => return (asked, Ok(*ready)),
                Err(error) => return (asked, Err(error)),
            }
        }
    }
}

fn clients() -> Clients {
    let page = ClientIdUrl::parse(PAGE).expect("a URL");
    Clients { client_id_url: Some(page), register_as: Some(ClientMetadata::native("Keyfob", [CALLBACK])), ..Clients::default() }
}

#[test]
fn from_a_401_to_an_authorization_url_by_registration() {
    let (asked, ready) = world().walk(clients());
    assert_eq!(
        asked,
        [
            "https://mcp.example/meta",
            "https://login.example/.well-known/oauth-authorization-server/tenant",
            "https://login.example/.well-known/openid-configuration/tenant",
            "https://login.example/tenant/register",
        ]
    );
    let ready = ready.expect("ready");
    assert_eq!((ready.resource.resource.as_str(), ready.app.client_id.as_str()), (RESOURCE, "registered-1"));
    assert!(ready.registered.is_some());
    assert_eq!(ready.settings.client_auth, ClientAuth::None);
    let request = ready.request(CALLBACK);
    let provider = Settings::new("mcp.example", Flow::OAuth2(ready.settings), endpoint(RESOURCE));
    let client = oauth2::Client::new(&provider, ready.app).expect("a client");
    let (url, pending) = client.authorize(&request, NOW, &Chance::new(1)).expect("a URL");
    assert!(url.starts_with("https://login.example/tenant/authorize?"), "{url}");
    let query = query(&url);
    assert_eq!(query["resource"], RESOURCE);
    let silent = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect_err("no iss, which the server promised");
    assert!(silent.to_string().contains("RFC 9207"), "{silent}");
    let answer = callback2(&pending, "code=code-1&iss=https%3A%2F%2Flogin.example%2Ftenant");
    let exchange = client.exchange(pending.verify(Answer::Url(&answer), NOW).expect("verified")).expect("an exchange");
    assert!(form(exchange.request()).contains(&("resource".to_owned(), RESOURCE.to_owned())), "the token is for this resource alone");
    assert_eq!(
        (query["scope"].as_str(), query["client_id"].as_str(), query["code_challenge_method"].as_str()),
        ("tools:read", "registered-1", "S256")
    );
}

#[test]
fn what_is_known_comes_before_the_page_and_the_page_before_a_registration() {
    let with_page = || world().set(1, "client_id_metadata_document_supported", json!(true));
    let (asked, ready) = with_page().walk(clients());
    let ready = ready.expect("ready");
    assert_eq!((ready.app.client_id.as_str(), ready.registered.is_none(), asked.len()), (PAGE, true, 3));
    let known = KnownClient { app: App::confidential("by-hand", CLIENT_SECRET), client_auth: Some(ClientAuth::Post) };
    let (asked, ready) = with_page().walk(Clients { known: [(ISSUER.to_owned(), known.clone())].into(), ..clients() });
    let ready = ready.expect("ready");
    assert_eq!((ready.app.client_id.as_str(), ready.settings.client_auth, asked.len()), ("by-hand", ClientAuth::Post, 3));
    // A client of one server is nobody at another: its secret goes nowhere.
    let (_, ready) = world().walk(Clients { known: [("https://login.example".to_owned(), known)].into(), ..clients() });
    assert_eq!(ready.expect("ready").app.client_id, "registered-1");
    let (_, nobody) = world().walk(Clients::default());
    let error = nobody.expect_err("no way in");
    assert!(matches!(error, Error::Misuse(_)) && error.hint().contains("by hand"), "{error}");
}

#[test]
fn tokens_are_bound_where_the_resource_or_the_registration_says_so() {
    let dpop = |world: World| world.walk(clients()).1.expect("ready").settings.dpop;
    assert_eq!(dpop(world()), Dpop::Off);
    assert_eq!(dpop(world().set(0, "dpop_bound_access_tokens_required", json!(true))), Dpop::Wanted);
    assert_eq!(dpop(world().set(2, "dpop_bound_access_tokens", json!(true))), Dpop::Wanted);
    assert_eq!(dpop(world().set(2, "dpop_bound_access_tokens", json!(false))), Dpop::Off);
}

#[test]
fn a_server_that_we_know_is_chosen_among_several() {
    let known = KnownClient { app: App::public("by-hand"), client_auth: None };
    let two = world().set(0, "authorization_servers", json!(["https://other.example", ISSUER]));
    let (asked, ready) = two.walk(Clients { known: [(ISSUER.to_owned(), known)].into(), ..Clients::default() });
    assert!(ready.is_ok() && asked.iter().all(|url| !url.contains("other.example")), "{asked:?}");
    let (asked, _) = two.walk(clients());
    assert_eq!(asked[1], "https://other.example/.well-known/oauth-authorization-server");
}

#[test]
fn without_a_named_place_the_well_known_ones_are_asked() {
    let mut world = world();
    world.challenge = "Bearer";
    world.places[0].0 = "https://mcp.example/.well-known/oauth-protected-resource".into();
    let world = world.set(0, "resource", json!("https://mcp.example"));
    let (asked, ready) = world.walk(clients());
    assert_eq!(
        asked[..2],
        ["https://mcp.example/.well-known/oauth-protected-resource/mcp", "https://mcp.example/.well-known/oauth-protected-resource"]
    );
    let ready = ready.expect("ready");
    assert_eq!(ready.resource.resource, "https://mcp.example");
    assert_eq!(ready.settings.scopes, ["tools:read", "tools:write"], "the challenge names none, so all that the resource has");
}

#[test]
fn what_the_profile_refuses() {
    let refused = |world: World, section: &str| match world.walk(clients()) {
        (_, Err(Error::Misbehaved(wrong))) => assert_eq!(wrong.section, section, "{wrong}"),
        (asked, other) => panic!("{section}: {asked:?} led to {other:?}"),
    };
    refused(world().set(0, "authorization_servers", json!([])), "the MCP authorization profile");
    refused(world().set(1, "code_challenge_methods_supported", json!(null)), "the MCP authorization profile");
    refused(world().set(1, "code_challenge_methods_supported", json!(["plain"])), "RFC 7636 §4.2");
    refused(world().set(0, "resource", json!("https://evil.example/mcp")), "RFC 9728 §3.3");
    refused(world().set(0, "authorization_servers", json!(["https://169.254.169.254"])), "RFC 9728 §2");
    refused(world().set(1, "issuer", json!("https://login.example")), "RFC 8414 §3.3");
    refused(world().set(1, "token_endpoint", json!("http://login.example/token")), "RFC 8414 §2");
    refused(world().set(1, "registration_endpoint", json!("https://10.0.0.1/register")), "RFC 8414 §2");
    refused(world().set(2, "client_id", json!(null)), "RFC 7591 §3.2.1");
    let mut inward = world();
    inward.challenge = r#"Bearer resource_metadata="http://127.0.0.1:8080/meta""#;
    refused(inward, "RFC 9728 §5.1");
    let (_, keyed) = world().set(2, "token_endpoint_auth_method", json!("private_key_jwt")).walk(clients());
    assert!(matches!(keyed, Err(Error::Misuse(_))), "{keyed:?}");
}

proptest! {
    /// Whatever stands in whichever document: an answer or a typed error, in few steps.
    #[test]
    fn odd_documents_never_panic(place in 0_usize..3, name in 0_usize..8, text: String, listed: bool) {
        const NAMES: &[&str] = &["resource", "authorization_servers", "issuer", "token_endpoint", "client_id", "redirect_uris", "scopes_supported", "registration_endpoint"];
        let value = if listed { json!([text]) } else { json!(text) };
        let _ = world().set(place, NAMES[name], value).walk(clients());
    }
}
