//! TLS from both sides: whom the transport trusts, and what it shows (RFC 8705).
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use keyfob::proto::{Secret, TransportKind};
use keyfob::transport::HyperTransportBuilder;
use keyfob::{Body, HyperTransport, Transport as _};
use keyfob_testbed::{Authority, ClientCertificate};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A server of this authority that asks its clients for a certificate, trusts this one, and takes clients without. It answers with what it was shown.
fn serve(authority: &Authority, client: &ClientCertificate) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(client.der.clone())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).allow_unauthenticated().build().unwrap();
    let own = authority.server(&["127.0.0.1"]);
    let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            // A client that does not trust us says goodbye here.
            if stream.read(&mut [0; 4096]).is_err() {
                continue;
            }
            let shown = stream.conn.peer_certificates().map(|chain| chain[0].to_vec()).unwrap_or_default();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", shown.len());
            stream.write_all(&[head.as_bytes(), &shown].concat()).unwrap();
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    format!("https://127.0.0.1:{port}/")
}

fn builder() -> HyperTransportBuilder {
    HyperTransport::builder().loopback_only(true)
}

/// What the server was shown.
async fn shown(builder: HyperTransportBuilder, url: &str) -> Result<Vec<u8>, TransportKind> {
    let request = http::Request::get(url).body(Body::empty()).unwrap();
    let answer = builder.build().unwrap().send(request).await.map_err(|error| error.kind)?;
    answer.into_body().bytes(1 << 16).await.map_err(|error| error.kind)
}

#[tokio::test]
async fn g6_a_server_that_asks_is_shown_the_certificate_and_only_where_there_is_one() {
    let (authority, client) = (Authority::new(), ClientCertificate::self_signed("an app"));
    let url = serve(&authority, &client);
    let trusting = builder().authorities(authority.certificate());
    let showing = trusting.clone().client_certificate(client.certificate.clone(), Secret::new(client.key.clone()));
    assert_eq!(shown(showing, &url).await, Ok(client.der));
    assert_eq!(shown(trusting, &url).await, Ok(Vec::new()));
}

#[tokio::test]
async fn c2_nobody_but_the_authorities_that_were_named_is_trusted() {
    let (authority, client) = (Authority::new(), ClientCertificate::self_signed("an app"));
    let url = serve(&authority, &client);
    assert_eq!(shown(builder().authorities(authority.certificate()), &url).await, Ok(Vec::new()));
    assert_eq!(shown(builder().authorities(Authority::new().certificate()), &url).await, Err(TransportKind::Tls));
    assert_eq!(shown(builder(), &url).await, Err(TransportKind::Tls), "the system's store does not have it");
    let other_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(shown(builder().authorities(authority.certificate()), &other_name).await, Err(TransportKind::Tls));
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent_and_no_key_is_shown() {
    let (mine, other) = (ClientCertificate::self_signed("an app"), ClientCertificate::self_signed("another"));
    let cases = [
        (String::new(), mine.key.clone(), "expected certificates in PEM"),
        (mine.key.clone(), mine.key.clone(), "expected certificates in PEM"),
        (mine.certificate.clone(), "kanarienvogel".to_owned(), "expected a private key in PEM"),
        (mine.certificate.clone(), mine.certificate.clone(), "expected a private key in PEM"),
        (mine.certificate.clone(), other.key.clone(), "and its key"),
    ];
    for (chain, key, expected) in cases {
        let builder = builder().client_certificate(chain, Secret::new(key.clone()));
        assert!(!format!("{builder:?}").contains(&key) && !format!("{builder:#?}").contains("PRIVATE"), "{builder:?}");
        let error = builder.build().expect_err("no certificate with its key").to_string();
        assert!(error.contains(expected) && !error.contains("kanarienvogel"), "{error}");
    }
    assert!(builder().authorities("nobody").build().is_err());
}
