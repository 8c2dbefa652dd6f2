//! TLS at our own port: both versions of HTTP, and certificates that are renewed while it runs.
#![allow(missing_docs)]

mod support;

use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, Method, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};
use keyfob_broker::api::token;
use keyfob_broker::{Limits, Rate, Server, Site, Tls, Who};
use keyfob_sandbox::Sandbox;
use support::gate::{ACCESS, Bare, Vault, ok};
use support::{World, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A certificate for this machine, in files; the certificate, to trust.
fn certificate(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    made.cert.pem()
}

/// A web app with TLS at a port of its own (the world's port has it, too), and that port.
async fn world(tls: &Arc<Tls>) -> (World, u16) {
    world_with(tls, Limits::default()).await
}

async fn world_with(tls: &Arc<Tls>, limits: Limits) -> (World, u16) {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let services = vec![service(&sandbox, "august", None)];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let set_up = |server: Server| server.tls(tls.clone()).limits(limits).listener(listener).expect("a socket");
    (World::served(sandbox, services, Some(format!("https://localhost:{port}")), set_up).await, port)
}

async fn get(trusted: &str, url: &str) -> Result<(u16, Version, HeaderMap, String), keyfob::proto::Transport> {
    ask(trusted, Method::GET, url).await
}

async fn ask(trusted: &str, method: Method, url: &str) -> Result<(u16, Version, HeaderMap, String), keyfob::proto::Transport> {
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).authorities(trusted).build().expect("a transport");
    let request = http::Request::builder().method(method).uri(url).body(Body::empty()).expect("a URL");
    let answer = transport.send(request).await?;
    let (status, version, headers) = (answer.status().as_u16(), answer.version(), answer.headers().clone());
    let text = String::from_utf8_lossy(&answer.into_body().bytes(1 << 20).await?).into_owned();
    Ok((status, version, headers, text))
}

#[tokio::test]
async fn pages_come_by_http2_and_know_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let (_world, port) = world(&tls).await;
    let (status, version, headers, text) = get(&trusted, &format!("https://localhost:{port}/")).await.expect("a page");
    assert_eq!((status, version), (200, Version::HTTP_2), "{text}");
    assert!(text.contains("Connect August"), "{text}");
    assert!(headers.contains_key("strict-transport-security"));
    let cookie = headers.get("set-cookie").and_then(|value| value.to_str().ok()).expect("a cookie");
    assert!(cookie.starts_with("__Host-keyfob=") && cookie.contains("; Secure"), "{cookie}");
    // l1: `:authority` is the name that counts here.
    let other = get(&trusted, &format!("https://localhost:{}/", _world.address.port())).await.expect("a page");
    assert_eq!((other.0, other.1), (421, Version::HTTP_2), "another port is another name");
}

/// Whoever has mistyped `http://` reads a sentence, no bytes of another protocol, and no page in the clear.
#[tokio::test]
async fn what_is_no_handshake_gets_no_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let (_world, port) = world(&tls).await;
    for request in [&*format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text alone");
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\r\n\r\nThis port speaks TLS: ask with https://"), "{answer:?}");
        assert!(!answer.contains("August"), "{answer:?}");
    }
    // What is neither gets no word.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(&[0; 64]).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(get(&trusted, &format!("https://localhost:{port}/")).await.expect("a page").0, 200);
}

#[tokio::test]
async fn a_program_that_asks_for_the_head_gets_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let (_world, port) = world(&tls).await;
    for path in ["/token/august", "/api/august/users/locks/mine"] {
        let url = format!("https://localhost:{port}{path}");
        let (status, _, whole, text) = get(&trusted, &url).await.expect("an answer");
        let (of_head, version, headers, nothing) = ask(&trusted, Method::HEAD, &url).await.expect("an answer");
        assert_eq!((version, of_head, nothing.as_str()), (Version::HTTP_2, status, ""), "{path}");
        assert_eq!(headers.get("content-length"), whole.get("content-length"), "{path}: {text}");
        assert!(!text.is_empty() && headers.contains_key("content-security-policy"), "{path}");
    }
}

/// What programs ask for comes by HTTP/2 like any page, where every target has its authority; and there, too, it is our own name alone.
#[tokio::test]
async fn l1_programs_are_answered_by_http2_under_our_own_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let vault = Vault::default();
    let bare = Bare::start(|came| Box::pin(async move { came.answer(&ok("", "done")).await })).await;
    let service = bare.connected(&vault).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let name = format!("localhost:{}", address.port());
    let mut config = support::config(address, vec![service], vault.keyfob(), Some(format!("https://{name}")));
    config.shelf = Some(vault.shelf.clone());
    let server = Server::new(Site::new(config).expect("a site")).tls(tls).listener(listener).expect("a socket");
    tokio::spawn(server.run(std::future::pending(), std::future::pending()));
    let key = vault.made("bare", &["GET /**"], |new| new.may_see_token = true).await.text.expose().to_owned();
    let token = token::create(&*vault.shelf, "owner", "an app", None, Who::Command, vault.now()).await.expect("a token");
    let mut connection = http2(&trusted, address.port()).await;
    for (path, bearer, answer) in
        [("/api/bare/users", key.as_str(), "done"), ("/token/bare", &key, ACCESS), ("/v1/accounts/bare", token.text.expose(), "\"bare\"")]
    {
        let mut ask = async |authority: &str, host: Option<&str>| {
            let mut request = http::Request::get(format!("https://{authority}{path}")).header("authorization", format!("Bearer {bearer}"));
            if let Some(host) = host {
                request = request.header("host", host);
            }
            connection.ready().await.expect("a connection");
            let answer = connection.send_request(request.body(axum::body::Body::empty()).expect("a request")).await.expect("an answer");
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), 1 << 20).await.expect("a body");
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        for host in [None, Some(name.as_str())] {
            let (status, text) = ask(&name, host).await;
            assert!(status == 200 && text.contains(answer), "{path} {host:?}: {status} {text}");
        }
        // Whoever goes by the one and whoever goes by the other would take it for two different requests (RFC 9113 §8.3.1).
        let evil = "evil.example";
        for (authority, host) in [(name.as_str(), Some(evil)), (evil, Some(name.as_str())), (evil, None), (evil, Some(evil))] {
            assert_eq!(ask(authority, host).await.0, 421, "{path} {authority} {host:?}");
        }
    }
}

/// What came of a request over HTTP/2: status, headers and text. `None`: its stream was reset.
type Came = Option<(u16, HeaderMap, String)>;

/// A web app that speaks HTTP/2, and a connection to it.
struct Second {
    _world: World,
    name: String,
    connection: hyper::client::conn::http2::SendRequest<axum::body::Body>,
}

impl Second {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let trusted = certificate(folder.path());
        let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
        let (world, port) = world_with(&tls, limits).await;
        Self { _world: world, name: format!("localhost:{port}"), connection: http2(&trusted, port).await }
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Came {
        let request = http::Request::builder().method(method).uri(format!("https://{}{path}", self.name));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.connection.ready().await.expect("the connection goes on");
        let answer = self.connection.send_request(request.body(body.into()).expect("a request")).await.ok()?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), 1 << 20).await.ok()?;
        Some((status, headers, String::from_utf8_lossy(&body).into_owned()))
    }

    /// A guest's cookie, and the token of their forms.
    async fn form(&mut self) -> (String, String) {
        let (_, headers, page) = self.ask("GET", "/", &[], vec![]).await.expect("a page");
        let cookie = headers["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
        (cookie, page.split("name=\"form_token\" value=\"").nth(1).expect("a form")[..64].to_owned())
    }
}

/// Where frames say how long a body is, nothing else may say otherwise (RFC 9113 §8.1.1): a proxy that hands it on by HTTP/1.1 would go by that.
#[tokio::test]
async fn l11_http2_bodies_are_as_long_as_they_say() {
    let mut second = Second::start(Limits::default()).await;
    let (cookie, token) = second.form().await;
    let body = format!("form_token={token}");
    let mut post = async |length: usize| {
        let length = length.to_string();
        let form =
            [("cookie", cookie.as_str()), ("content-type", "application/x-www-form-urlencoded"), ("content-length", length.as_str())];
        second.ask("POST", "/connect/august", &form, body.clone().into_bytes()).await.map(|(status, ..)| status)
    };
    assert_eq!(post(body.len()).await, Some(303));
    for length in [0, body.len() - 1, body.len() + 1, 4000] {
        let came = post(length).await;
        assert!(came.is_none_or(|status| status >= 400), "{length}: {came:?}");
    }
    assert_eq!(post(body.len()).await, Some(303), "and others are served");
}

#[tokio::test]
async fn l15_http2_is_counted_by_where_it_comes_from() {
    let mut limits = Limits::default();
    limits.callback = Rate::a_minute(3);
    let mut second = Second::start(limits).await;
    for _ in 0..3 {
        assert_eq!(second.ask("GET", "/callback/august?code=x&state=y", &[], vec![]).await.expect("an answer").0, 403);
    }
    let (status, headers, _) = second.ask("GET", "/callback/august?code=x&state=y", &[], vec![]).await.expect("an answer");
    assert!(status == 429 && headers.contains_key("retry-after"), "{status}");
    assert_eq!(second.ask("GET", "/", &[], vec![]).await.expect("an answer").0, 200);
}

#[tokio::test]
async fn l6_l16_http2_heads_and_bodies_have_an_end() {
    let mut second = Second::start(Limits::default()).await;
    let long = "a".repeat(33 * 1024);
    let many: Vec<(String, &str)> = (0..65).map(|number| (format!("x-{number}"), "a")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    for headers in [vec![("x-long", long.as_str())], many] {
        let (status, headers, text) = second.ask("GET", "/", &headers, vec![]).await.expect("an answer");
        assert_eq!(status, 431, "{text}");
        for header in
            ["content-security-policy", "strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy"]
        {
            assert!(headers.contains_key(header), "no {header}");
        }
    }
    // Beyond twice as much it is not read; the connection may end with it.
    let mut other = Second::start(Limits::default()).await;
    let huge = "a".repeat(15 * 1024);
    let huge: Vec<(String, &str)> = (0..20).map(|number| (format!("x-{number}"), huge.as_str())).collect();
    let huge: Vec<(&str, &str)> = huge.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert!(other.ask("GET", "/", &huge, vec![]).await.is_none_or(|(status, ..)| status == 431));

    let (cookie, token) = second.form().await;
    let form = [("cookie", cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = format!("form_token={token}&x={}", "a".repeat(100_000)).into_bytes();
    assert_eq!(second.ask("POST", "/connect/august", &form, body).await.expect("an answer").0, 413);
    let body = format!("form_token={token}&x=a").into_bytes();
    assert_eq!(second.ask("POST", "/connect/august", &form, body).await.expect("an answer").0, 303);
}

/// A connection that speaks HTTP/2, and says what it is told to.
async fn http2(trusted: &str, port: u16) -> hyper::client::conn::http2::SendRequest<axum::body::Body> {
    let mut config = trusting(trusted);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let name = "localhost".try_into().expect("a name");
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    sender
}

fn trusting(trusted: &str) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(trusted.as_bytes()).expect("a certificate");
    roots.add(der).expect("an authority");
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[tokio::test]
async fn http1_is_spoken_to_whoever_asks_for_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let (_world, port) = world(&tls).await;
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let name = "localhost".try_into().expect("a name");
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(trusting(&trusted))).connect(name, stream).await.expect("a handshake");
    let request = format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Connect August"), "{answer}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = certificate(folder.path());
    let tls = Arc::new(Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).expect("a pair"));
    let (_world, port) = world(&tls).await;
    let url = format!("https://localhost:{port}/healthz");
    assert_eq!(get(&first, &url).await.expect("an answer").0, 200);
    let second = certificate(folder.path());
    assert_eq!(get(&first, &url).await.expect("the old one is still shown").0, 200);
    assert!(tls.reload().expect("a pair"));
    assert_eq!(get(&second, &url).await.expect("an answer").0, 200);
    assert!(get(&first, &url).await.is_err(), "the old one is gone");
}
