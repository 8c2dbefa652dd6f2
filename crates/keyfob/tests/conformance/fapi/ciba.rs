//! The server asks the person itself (OpenID CIBA Core, FAPI-CIBA): whether there is an answer is learnt by asking, or by being told.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyfob::BackchannelLogin;
use keyfob::proto::oauth2::{AccessRequest, BackchannelRequest, Delivery, Dpop, Hint};
use keyfob_sandbox::Metadata;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Fapi;
use crate::driver::{ACCOUNT, Rp};

/// Whoever is not told asks after six intervals of five seconds: by then this login is over.
const EXPIRY: u32 = 25;

async fn begin(rp: &Rp, delivery: Delivery) -> BackchannelLogin {
    let hint = Hint::Login("robin@sandbox.invalid".to_owned());
    let access = AccessRequest::scopes(["openid", "profile"]);
    let request = BackchannelRequest { delivery, requested_expiry: Some(EXPIRY), ..BackchannelRequest::new(hint, access) };
    BackchannelLogin::begin(&rp.keyfob, &rp.settings, &rp.app, ACCOUNT, &request).await.unwrap()
}

/// Waits, and calls the API with what came.
async fn ends_well(rp: &Rp, login: &BackchannelLogin) {
    let logged_in = login.wait().await.unwrap();
    assert_eq!(logged_in.id_token.unwrap().subject, "robin-demo");
    rp.call().await.unwrap();
}

#[tokio::test]
async fn a_login_that_is_polled_for() {
    let fapi = Fapi::registered(Metadata::default(), Dpop::Off).await;
    let login = begin(&fapi.rp, Delivery::Poll).await;
    fapi.rp.later(5);
    ends_well(&fapi.rp, &login).await;
}

#[tokio::test]
async fn a_login_that_is_told_of() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/ping", listener.local_addr().unwrap());
    let metadata = Metadata {
        backchannel_token_delivery_mode: Some("ping".to_owned()),
        backchannel_client_notification_endpoint: Some(endpoint),
        ..Metadata::default()
    };
    let fapi = Fapi::registered(metadata, Dpop::Off).await;
    let login = begin(&fapi.rp, Delivery::Ping).await;
    let (headers, body) = posted(&listener).await;
    login.notified(&headers, b"{\"auth_req_id\":\"another\"}").expect_err("it is about another login");
    login.notified(&HeaderMap::new(), &body).expect_err("anybody could have sent it");
    login.notified(&headers, &body).unwrap();
    ends_well(&fapi.rp, &login).await;
}

#[tokio::test]
async fn a_person_who_says_no() {
    let fapi = Fapi::registered(Metadata::default(), Dpop::Off).await;
    fapi.rp.op.denies();
    let login = begin(&fapi.rp, Delivery::Poll).await;
    fapi.rp.later(5);
    let error = login.wait().await.map(drop).expect_err("access was denied");
    assert!(error.to_string().contains("access_denied"), "{error}");
    assert!(fapi.rp.kept().await.is_none());
}

/// One request that comes in, answered by 204.
async fn posted(listener: &TcpListener) -> (HeaderMap, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: HeaderMap =
            pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())).collect();
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
            return (headers, bytes.split_off(end + 4));
        }
    }
}
