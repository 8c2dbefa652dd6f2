//! D12 against a server that rotates, over sockets: answers that break off in the middle.

use std::sync::Arc;

use keyfob::history::Event;
use keyfob::proto::{Answer, App, Flow, Settings};
use keyfob::{Body, Error, HyperTransport, Keyfob, Login, MemoryStore, Redirect, Session, Store, Transport};
use keyfob_sandbox::{At, Consent, Faults, Sandbox};

use super::common::provider;
use super::house::name;

struct House {
    sandbox: Sandbox,
    store: Arc<MemoryStore>,
    session: Session,
}

async fn house() -> House {
    let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.unwrap();
    let demo = sandbox.app("acme");
    let app = App::confidential(demo.client_id, demo.client_secret);
    let settings = settings(&sandbox.origin("acme"));
    let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap());
    let store = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), transport.clone());
    let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
    let login = Login::begin(&keyfob, &settings, &app, "acme", redirect, vec![]).await.unwrap();
    let visit = http::Request::get(login.url()).body(Body::empty()).unwrap();
    let back = transport.send(visit).await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let verified = login.verify(Answer::Url(&back)).unwrap();
    login.finish(verified).await.unwrap();
    let session = keyfob.session(settings, app, "acme").await.unwrap();
    House { sandbox, store, session }
}

fn settings(origin: &str) -> Settings {
    let mut settings = provider(origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    (flow.issuer, flow.iss_required, flow.scopes) = (Some(origin.to_owned()), true, vec!["profile".to_owned()]);
    settings
}

impl House {
    async fn events(&self) -> Vec<&'static str> {
        let id = self.session.account().id;
        self.store.history(&id).await.unwrap().iter().map(|entry| name(&entry.event)).collect()
    }
}

#[tokio::test]
async fn d12_an_answer_that_breaks_off_is_had_again_from_a_server_with_a_grace_period() {
    let house = house().await;
    house.sandbox.faults("acme").set(Faults { at: At::Token, truncated: 1, refresh_grace: Some(60), ..Faults::default() });
    house.session.refresh().await.unwrap();
    assert_eq!(house.events().await, ["logged in", "unanswered", "refreshed"]);
    assert!(house.session.get("/me").send().await.unwrap().json().await.unwrap().is_object());
}

#[tokio::test]
async fn d12_without_one_the_login_is_lost_and_the_history_says_by_what() {
    let house = house().await;
    house.sandbox.faults("acme").set(Faults { at: At::Token, truncated: 1, ..Faults::default() });
    let error = house.session.refresh().await.unwrap_err();
    assert!(
        matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("very likely the provider gave out a new token")),
        "{error}"
    );
    assert_eq!(house.events().await, ["logged in", "unanswered", "needs login"]);
    let history = house.store.history(&house.session.account().id).await.unwrap();
    let Event::RefreshFailed { reason, .. } = &history[1].event else { panic!("{history:?}") };
    assert!(reason.contains("a broken answer from http://127.0.0.1"), "{reason}");
}

#[tokio::test]
async fn d12_a_page_in_place_of_an_answer_is_told_and_the_next_attempt_diagnosed() {
    let house = house().await;
    house.sandbox.faults("acme").set(Faults { at: At::Token, html: 1, ..Faults::default() });
    let error = house.session.refresh().await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error}");
    assert!(house.session.account().spending.is_some_and(|note| note.over && note.unanswered == 1));
    assert!(matches!(house.session.refresh().await.unwrap_err(), Error::NeedsLogin { .. }));
    assert_eq!(house.events().await, ["logged in", "unanswered", "needs login"]);
}
