//! Logout: asked for by us, and told to us.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use keyfob::backchannel_logout;
use keyfob::proto::App;
use keyfob_interop::http;
use keyfob_interop::person::Person;

use crate::clients::register;
use crate::rp::{Rp, finish};

const AFTERWARDS: &str = "http://127.0.0.1:9/logged-out";

#[tokio::test(flavor = "multi_thread")]
async fn logout_by_us_is_told_to_us() {
    let Some(rp) = Rp::start() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("http://{}/logout", listener.local_addr().expect("an address"));
    let told = thread::spawn(move || one_request(&listener));
    let registration = register(&rp, "client_secret_basic", |client| {
        client.more.insert("backchannel_logout_uri".to_owned(), place.into());
        client.more.insert("post_logout_redirect_uris".to_owned(), vec![AFTERWARDS].into());
    })
    .await
    .registration;
    let app = registration.app.clone();
    let settings = rp.settings_with(&app, registration.client_auth(), |_| {}).await;
    let mut person = Person::default();
    let logged_in = finish(rp.begin(&settings, &app).await, |url| person.agree(url)).await.expect("tokens");
    let id_token = logged_in.id_token.expect("verified");

    let session = rp.session(&settings, &app).await;
    let (url, pending) = session.end_session(Some(AFTERWARDS)).expect("it has an endpoint");
    let back = person.agree(url.expose());
    assert!(back.starts_with(AFTERWARDS), "{back}");
    pending.returned(back.split_once('?').expect("a state").1).expect("from this logout");
    assert!(pending.returned("state=another").is_err());

    let body = told.join().expect("somebody knocked");
    let token = http::parameter(&format!("?{body}"), "logout_token").unwrap_or_else(|| panic!("Back-Channel Logout §2.5: {body}"));
    let other = App { client_id: "another-app".to_owned(), ..app.clone() };
    assert!(backchannel_logout(&rp.keyfob, &settings, &other, &token).await.is_err(), "for another app");
    let logout = backchannel_logout(&rp.keyfob, &settings, &app, &token).await.expect("it keeps to every rule");
    assert_eq!(logout.subject.as_deref(), Some(id_token.subject.as_str()));
    assert!(backchannel_logout(&rp.keyfob, &settings, &app, &token).await.is_err(), "it is told once");
}

/// The body of the next request, which is thanked for.
fn one_request(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut text = String::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).expect("a request");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if read == 0 || length.is_some_and(|length: usize| body.len() >= length) {
            let body = body.to_owned();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("an answer");
            return body;
        }
    }
}
