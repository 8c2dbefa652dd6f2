//! People sign in to our web app at an issuer that others wrote: the owner, who came with a link first, and somebody whom they invite.

use std::sync::Arc;

use keyfob::proto::{App, Origin, Secret};
use keyfob::{HyperTransport, Keyfob, MemoryStore};
use keyfob_broker::{Config, Service, SignIn, Site, serve};
use keyfob_interop::http::Answer;
use keyfob_interop::person::Person;
use keyfob_interop::{http, peers};
use keyfob_providers::Catalogue;
use keyfob_sandbox::{Consent, Sandbox};
use keyfob_store::MemoryShelf;
use tokio::runtime::Runtime;

/// A web app where people sign in at the peer, with August to connect.
struct House {
    origin: String,
    first_run: String,
    // Dropped in this order: the providers, then the threads they run on.
    _sandbox: Sandbox,
    _runtime: Runtime,
}

impl House {
    fn start(issuer: &str) -> Self {
        let runtime = Runtime::new().expect("threads");
        let (sandbox, origin, first_run) = runtime.block_on(async {
            let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("a sandbox");
            let transport = HyperTransport::builder().loopback_only(true).proxies(false).build().expect("a transport");
            let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let mut config = Config::new(address, vec![service(&sandbox)], keyfob);
            config.shelf = Some(Arc::new(MemoryShelf::default()));
            let client_secret = Some(Secret::new("a third secret, not real"));
            config.sign_in = Some(SignIn {
                issuer: issuer.to_owned(),
                client_id: "peer-sign-in".to_owned(),
                client_secret,
                trusted_audiences: Vec::new(),
                allow: Vec::new(),
            });
            let site = Site::new(config).expect("a site");
            let first_run = site.first_run_link().await.expect("the shelf").expect("nobody was here");
            tokio::spawn(serve(site, listener, std::future::pending()));
            (sandbox, format!("http://{address}"), first_run)
        });
        Self { origin, first_run, _sandbox: sandbox, _runtime: runtime }
    }

    fn get(&self, person: &mut Person, path: &str) -> Answer {
        person.send(&self.at(path), None)
    }

    /// A form of a page, with these fields more.
    fn post(&self, person: &mut Person, page: &str, action: &str, more: &[(&str, &str)]) -> Answer {
        let text = self.get(person, page).text();
        let form_token =
            text.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form on {page}: {text}")).1[..64].to_owned();
        let fields: Vec<(&str, &str)> = [("form_token", form_token.as_str())].into_iter().chain(more.iter().copied()).collect();
        person.send(&self.at(action), Some(&fields))
    }

    /// Signs in at the peer, where the answer sends them, and comes back.
    fn by_the_issuer(&self, person: &mut Person, answer: &Answer) -> Answer {
        let back = person.agree(answer.location());
        assert!(back.starts_with(&self.at("/sign-in/callback?")), "{back}");
        person.send(&back, None)
    }

    fn at(&self, path: &str) -> String {
        if path.starts_with('/') { format!("{}{path}", self.origin) } else { path.to_owned() }
    }
}

fn service(sandbox: &Sandbox) -> Service {
    let app = sandbox.app("august");
    let origin = Origin::parse(&sandbox.origin(&app.service)).expect("an origin");
    let provider = Catalogue::embedded().get("august").expect("a provider").at_origin(&origin);
    let fields = app.fields.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect();
    let app = App { client_id: app.client_id, client_secret: Some(Secret::new(app.client_secret)), fields, ..App::default() };
    Service { provider, app, account: "august".to_owned(), redirect_uri: None, scopes: Vec::new() }
}

/// What a link's button does.
fn enter(house: &House, person: &mut Person, link: &str) -> Answer {
    let (path, token) = link.split_once("?token=").expect("a token");
    house.post(person, link, path, &[("token", token)])
}

#[test]
fn l19_the_owner_links_a_person_and_a_second_one_is_invited_and_each_sees_their_own() {
    let Some(peer) = peers::oidc(3600) else { return };
    let house = House::start(&peer.origin);
    // Whom nobody knows comes in by no sign-in, whatever the issuer says of them.
    let mut stranger = Person::called("mallory");
    let answer = house.post(&mut stranger, "/sign-in", "/sign-in", &[]);
    assert_eq!(house.by_the_issuer(&mut stranger, &answer).status, 403);

    // The owner comes with the first link, and says at the issuer who they are there.
    let mut owner = Person::called("robin");
    assert_eq!(enter(&house, &mut owner, &house.first_run).location(), "/");
    let answer = house.post(&mut owner, "/people", "/sign-in/link", &[]);
    assert_eq!(house.by_the_issuer(&mut owner, &answer).location(), "/");
    // From then on they are the owner in any browser.
    let mut elsewhere = Person::called("robin");
    let answer = house.post(&mut elsewhere, "/sign-in", "/sign-in", &[]);
    assert_eq!(house.by_the_issuer(&mut elsewhere, &answer).location(), "/");
    assert_eq!(house.get(&mut elsewhere, "/people").status, 200);

    // Somebody whom they invite; the link is spent when they come back from the issuer, and names them from then on.
    let invited = house.post(&mut owner, "/people", "/people/invite", &[("name", "Kim")]).text();
    let link = invited.split_once("id=\"f-link\"").and_then(|(_, rest)| rest.split_once("value=\"")).expect("a link").1;
    let link = link.split('"').next().expect("an end").replace("&#38;", "&").replace("&amp;", "&");
    let mut kim = Person::called("kim");
    let answer = enter(&house, &mut kim, &link);
    assert!(answer.location().starts_with(&peer.origin), "{answer:?}");
    assert_eq!(house.by_the_issuer(&mut kim, &answer).location(), "/");
    assert!(house.get(&mut kim, "/").text().contains("You are signed in as Kim."));
    assert_eq!(house.get(&mut kim, "/people").status, 404, "a member");
    assert_eq!(house.get(&mut stranger, &link).status, 403, "it is spent");

    // Each has what they connected, and nothing of the other's.
    connect(&house, &mut owner);
    let theirs = house.get(&mut owner, "/accounts/august").text();
    assert!(theirs.contains("Front Door"), "{theirs}");
    assert!(house.get(&mut elsewhere, "/accounts/august").text().contains("Front Door"), "in any browser");
    let nothing = house.get(&mut kim, "/accounts/august");
    assert!(nothing.status != 200 && !nothing.text().contains("Front Door"), "{nothing:?}");
    connect(&house, &mut kim);
    assert!(house.get(&mut kim, "/accounts/august").text().contains("Front Door"));
    let accounts = |person: &mut Person| {
        let list = house.get(person, "/v1/accounts").json();
        list["items"].as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|one| one["id"].to_string()).collect::<Vec<_>>()
    };
    let (of_owner, of_kim) = (accounts(&mut owner), accounts(&mut kim));
    assert_eq!((of_owner.len(), of_kim.len()), (1, 1));
    assert_ne!(of_owner, of_kim);
    assert_eq!(accounts(&mut elsewhere), of_owner);
    // Who signs out is out, whatever the issuer still knows.
    assert_eq!(house.post(&mut kim, "/", "/sign-out", &[]).location(), "/sign-in");
    assert_eq!(house.get(&mut kim, "/").location(), "/sign-in");
}

/// The provider approves by script.
fn connect(house: &House, person: &mut Person) {
    let answer = house.post(person, "/", "/connect/august", &[]);
    let back = http::visit(answer.location()).location().to_owned();
    assert_eq!(person.send(&back, None).location(), "/accounts/august");
}
