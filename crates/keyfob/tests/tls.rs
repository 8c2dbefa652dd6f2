//! Servers that cannot prove their name (C2).
//!
//! The transport trusts whom the system trusts, which is read from the environment when it is made: so the client is a process of its own, whose
//! system trusts one authority.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use keyfob::proto::TransportKind;
use keyfob::{Body, HyperTransport, Transport};
use keyfob_testbed::{Authority, ServerCertificate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// For the process that asks.
const SERVERS: &str = "KEYFOB_TEST_TLS_SERVERS";

#[test]
fn c2_who_cannot_prove_its_name_is_not_talked_to() {
    let (trusted, other) = (Authority::new(), Authority::new());
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("authority-{}.pem", std::process::id()));
    std::fs::write(&file, trusted.certificate()).unwrap();
    let servers = [
        ("good", serve(trusted.server(&["localhost"]))),
        ("good-address", serve(trusted.server(&["127.0.0.1"]))),
        ("signed-by-somebody", serve(other.server(&["localhost"]))),
        ("expired", serve(trusted.expired_server(&["localhost"]))),
        ("another-name", serve(trusted.server(&["login.example"]))),
        ("tls-1.1", before_tls12()),
    ]
    .map(|(name, port)| format!("{name}={port}"));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "in_a_process_of_its_own", "--nocapture"]).env(SERVERS, servers.join(","));
    command.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
    // What turns checks off elsewhere turns nothing off here.
    for off in ["NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONHTTPSVERIFY", "SSL_VERIFY", "REQUESTS_VERIFY", "GIT_SSL_VERIFY"] {
        command.env(off, "0");
    }
    for off in ["CURL_INSECURE", "GIT_SSL_NO_VERIFY", "SSL_NO_VERIFY", "INSECURE", "KEYFOB_INSECURE"] {
        command.env(off, "1");
    }
    let output = command.output().unwrap();
    let _ = std::fs::remove_file(&file);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("6 were asked"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Nothing by itself: the other half of the test above.
#[tokio::test]
async fn in_a_process_of_its_own() {
    let Ok(servers) = std::env::var(SERVERS) else { return };
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    let mut asked = 0;
    for (name, port) in servers.split(',').map(|server| server.split_once('=').unwrap()) {
        let host = if name == "good-address" { "127.0.0.1" } else { "localhost" };
        let request = http::Request::get(format!("https://{host}:{port}/")).body(Body::empty()).unwrap();
        match transport.send(request).await {
            Ok(answer) => assert!(name.starts_with("good") && answer.status() == 200, "{name}: {}", answer.status()),
            Err(error) => assert!(!name.starts_with("good") && error.kind == TransportKind::Tls, "{name}: {error:?}"),
        }
        asked += 1;
    }
    println!("{asked} were asked");
}

/// A server with this certificate; says its port.
fn serve(shows: ServerCertificate) -> u16 {
    let chain = vec![CertificateDer::from_pem_slice(shows.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(shows.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    listen(move |stream| {
        let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(config.clone()).unwrap(), stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if !matches!(stream.read(&mut byte), Ok(1)) {
                return;
            }
            head.push(byte[0]);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

/// A server that speaks TLS 1.1 at best: its ServerHello says so (RFC 4346 §7.4.1.3).
fn before_tls12() -> u16 {
    listen(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let hello = [&[0x03, 0x02][..], &[7; 32], &[0], &[0x00, 0x2f], &[0]].concat();
        let message = [&[0x02, 0, 0, u8::try_from(hello.len()).unwrap()][..], &hello].concat();
        let record = [&[0x16, 0x03, 0x02, 0, u8::try_from(message.len()).unwrap()][..], &message].concat();
        let _ = stream.write_all(&record);
        let _ = stream.read(&mut [0; 4096]);
    })
}

fn listen(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || socket.incoming().flatten().for_each(answer));
    port
}
