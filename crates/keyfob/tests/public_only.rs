//! F4: URLs that somebody else wrote lead to the open internet, or back to where they are written.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::{Arc, Mutex};

use common::{Served, app, endpoint, json, parameter, provider};
use keyfob::proto::{Answer, Flow, TransportKind};
use keyfob::transport::{PublicOnly, Sending};
use keyfob::{Body, HyperTransport, Keyfob, Login, MemoryStore, Redirect, Transport};

#[tokio::test]
async fn f4_a_request_that_is_marked_does_not_reach_this_machine() {
    let server = Served::start(|_| json("200 OK", "{}")).await;
    let transport = HyperTransport::builder().proxies(false).build().unwrap();
    let request = || http::Request::get(format!("{}/", server.origin));
    transport.send(request().body(Body::empty()).unwrap()).await.unwrap();
    for url in [format!("{}/", server.origin), server.origin.replace("127.0.0.1", "localhost") + "/"] {
        let marked = http::Request::get(url).extension(PublicOnly).body(Body::empty()).unwrap();
        let error = transport.send(marked).await.map(drop).unwrap_err();
        assert_eq!(error.kind, TransportKind::Forbidden, "also where the pool has a connection to it");
    }
    assert_eq!(server.asked("GET "), 1);
}

/// Says which requests were marked, and answers none, or sends the first one on.
#[derive(Default)]
struct Watching(Mutex<Vec<(String, bool)>>, Option<&'static str>);

impl Transport for Watching {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        let marked = request.extensions().get::<PublicOnly>().is_some();
        let mut seen = self.0.lock().unwrap();
        let answer = match self.1.filter(|_| seen.is_empty()) {
            Some(place) => http::Response::builder().status(302).header("location", place),
            None => http::Response::builder().status(503),
        };
        seen.push((request.uri().to_string(), marked));
        Box::pin(async { Ok(answer.body(Body::empty()).unwrap()) })
    }
}

#[tokio::test]
async fn f4_keys_at_another_host_than_the_issuers_are_marked() {
    for (keys, marked) in [
        ("https://keys.example/jwks", true),
        ("https://127.0.0.1.nip.io/jwks", true),
        ("https://login.example:8443/jwks", false),
        ("https://login.example/jwks", false),
    ] {
        let transport = Arc::new(Watching::default());
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), transport.clone());
        let mut settings = provider("https://login.example");
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
        (flow.issuer, flow.jwks) = (Some("https://login.example".to_owned()), Some(endpoint(keys)));
        flow.scopes = vec!["openid".to_owned()];
        let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
        let login = Login::begin(&keyfob, &settings, &app(), "pretend", redirect, vec![]).await.unwrap();
        let state = parameter(login.url(), "state");
        let verified = login.verify(Answer::Url(&format!("http://127.0.0.1:8123/callback?code=c&state={state}"))).unwrap();
        assert!(login.finish(verified).await.is_err());
        assert_eq!(*transport.0.lock().unwrap(), [(keys.to_owned(), marked)]);
    }
}

#[tokio::test]
async fn f4_what_a_stranger_types_reaches_no_other_port_of_ours() {
    let (ours, local) = ("https://app.example/callback", "http://127.0.0.1:8123/callback");
    for (home, typed, sent_on, marked) in [
        (ours, "robin@app.example", None, &[false][..]),
        (ours, "robin@app.example:9200", None, &[true]),
        ("https://app.example:8443/callback", "robin@app.example", None, &[true]),
        (ours, "robin@home.example", None, &[true]),
        (ours, "robin@127.0.0.1:9200", None, &[true]),
        (local, "robin@127.0.0.1:9200", None, &[false]),
        (local, "robin@home.example", None, &[true]),
        (ours, "robin@home.example", Some("https://app.example:9200/"), &[true, true]),
        (ours, "robin@home.example", Some("https://app.example/"), &[true, true]),
        (ours, "robin@app.example", Some("https://app.example/elsewhere"), &[false, true]),
        (local, "robin@127.0.0.1:9200", Some("http://127.0.0.1:9201/"), &[false, true]),
    ] {
        let transport = Arc::new(Watching(Mutex::default(), sent_on));
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), transport.clone());
        keyfob::find_issuer(&keyfob, typed, &endpoint(home)).await.unwrap_err();
        let seen: Vec<_> = transport.0.lock().unwrap().iter().map(|(_, marked)| *marked).collect();
        assert_eq!(seen, marked, "{home} {typed} {sent_on:?}");
    }
}
