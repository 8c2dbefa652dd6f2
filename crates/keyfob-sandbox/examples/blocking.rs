//! The protocol core with a blocking HTTP client, and nothing of the sessions: `cargo run -p keyfob-sandbox --example blocking`.
//!
//! Every step of `keyfob-proto` gives a request and takes an answer; what is in between is [`Blocking::send`], and could be anything. Whoever brings a
//! client of their own has to see to what its comments say.

use std::error::Error;
use std::time::{Duration, SystemTime};

use http::{Method, Request, Response};
use keyfob_proto::oauth1::{self, Callback};
use keyfob_proto::oauth2::{self, AuthorizeRequest};
use keyfob_proto::{
    Answer, App, Body, Deviation, Endpoint, Flow, Origin, Outgoing, Settings, Timestamp, TokenSet, Transport, TransportKind,
};
use keyfob_sandbox::{Consent, Registration, Sandbox};

const CALLBACK: &str = "http://127.0.0.1:47123/callback";

fn main() -> Result<(), Box<dyn Error>> {
    // The pretend providers need a runtime; what follows does not.
    let runtime = tokio::runtime::Runtime::new()?;
    let sandbox = runtime.block_on(Sandbox::builder().consent(Consent::Approve).start())?;
    let client = Blocking::new(Duration::from_secs(30));
    println!("OAuth 2:    {}", oauth2_walk(&client, &sandbox.origin("acme"), &app(&sandbox.app("acme")))?);
    println!("OAuth 1.0a: {}", oauth1_walk(&client, &sandbox.origin("telldus"), &app(&sandbox.app("telldus")))?);
    Ok(())
}

/// A blocking client.
struct Blocking {
    agent: ureq::Agent,
}

impl Blocking {
    fn new(deadline: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            // For the whole exchange: a server that sends a byte now and then must not hold us for ever.
            .timeout_global(Some(deadline))
            // Whoever can redirect a token request chooses who gets the code (RFC 9700 §4.12); the core judges the redirect itself.
            .max_redirects(0)
            // The core reads errors: they say what to do next.
            .http_status_as_error(false)
            // By the environment in earnest. Everything here is on this machine.
            .proxy(None);
        Self { agent: config.build().new_agent() }
    }

    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Transport> {
        let origin = Origin::of(request.uri()).map(|origin| origin.to_string()).unwrap_or_default();
        let failed = |error: ureq::Error| Transport::new(kind(&error), origin.clone()).caused_by(error);
        // What was signed is what has to be sent. This client takes `http::Uri` and writes its target as it is; one that parses URLs anew would not do.
        let (parts, body) = request.into_parts();
        let answer =
            if body.is_empty() { self.agent.run(Request::from_parts(parts, ())) } else { self.agent.run(Request::from_parts(parts, body)) };
        let (parts, mut body) = answer.map_err(&failed)?.into_parts();
        // An endless answer must not fill the memory.
        let body = body.with_config().limit(Outgoing::LARGEST_ANSWER as u64).read_to_vec().map_err(&failed)?;
        Ok(Response::from_parts(parts, body))
    }
}

fn kind(error: &ureq::Error) -> TransportKind {
    match error {
        ureq::Error::Timeout(_) => TransportKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => TransportKind::Connect,
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => TransportKind::Connect,
        ureq::Error::BodyExceedsLimit(_) => TransportKind::TooLarge,
        _ => TransportKind::Broken,
    }
}

/// Login with a code, a call, a refresh, another call.
fn oauth2_walk(client: &Blocking, origin: &str, app: &App) -> Result<String, Box<dyn Error>> {
    let at = |path: &str| Endpoint::parse(&format!("{origin}{path}"));
    let mut flow = oauth2::Settings::new(at("/authorize")?, at("/token")?);
    (flow.issuer, flow.iss_required, flow.scopes) = (Some(origin.to_owned()), true, vec!["profile".to_owned()]);
    let settings = Settings::new("acme", Flow::OAuth2(flow), at("/api")?);
    let ours = oauth2::Client::new(&settings, app.clone())?;

    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), ..AuthorizeRequest::default() };
    let (url, pending) = ours.authorize(&request, now(), &entropy)?;
    let back = visit(client, &url)?;
    let exchange = ours.exchange(pending.verify(Answer::Url(&back), now())?)?;
    let answer = client.send(exchange.request().clone().into_http())?;
    let received = exchange.receive(&answer, now())?;
    let TokenSet::OAuth2(first) = received.tokens else { return Err("OAuth 2 tokens".into()) };

    let refresh = ours.refresh(&first)?;
    let answer = client.send(refresh.request().clone().into_http())?;
    let received = refresh.receive(&answer, now())?;
    let TokenSet::OAuth2(second) = received.tokens else { return Err("OAuth 2 tokens".into()) };
    assert!(!second.access.same_as(first.access.expose()), "a refresh brings another token");

    let (mut parts, ()) = Request::get(format!("{origin}/api/me")).body(())?.into_parts();
    oauth2::attach(&settings.api, app, &received.kept, &second, &mut parts, Body::Bytes(&[]))?;
    said(client.send(Request::from_parts(parts, Vec::new()))?)
}

/// Temporary credentials, approval, token credentials, a signed call.
fn oauth1_walk(client: &Blocking, origin: &str, app: &App) -> Result<String, Box<dyn Error>> {
    let at = |path: &str| Endpoint::parse(&format!("{origin}{path}"));
    let flow = oauth1::Settings::new(at("/oauth/requestToken")?, at("/oauth/authorize")?, at("/oauth/accessToken")?);
    let mut settings = Settings::new("telldus", Flow::OAuth1(flow), Endpoint::parse(origin)?);
    // It says `1` where RFC 5849 §2.1 says `true`: tolerated by name, or not at all.
    settings.deviations.insert(Deviation::CallbackConfirmedOtherwise);
    let ours = oauth1::Client::new(&settings, app.clone())?;

    let request = ours.request_token(Callback::Url(CALLBACK.to_owned()), now(), &entropy)?;
    let answer = client.send(request.request().clone().into_http())?;
    let (url, pending) = request.receive(&answer, now())?;
    let back = visit(client, &url)?;
    let exchange = ours.exchange(pending.verify(Answer::Url(&back), now())?, now(), &entropy)?;
    let answer = client.send(exchange.request().clone().into_http())?;
    let received = exchange.receive(&answer, now())?;
    let TokenSet::OAuth1(tokens) = received.tokens else { return Err("OAuth 1 tokens".into()) };

    let (mut parts, ()) = Request::get(format!("{origin}/json/devices/list?supportedMethods=3")).body(())?.into_parts();
    ours.sign(&tokens, &mut parts, Body::Bytes(&[]), now(), &entropy)?;
    said(client.send(Request::from_parts(parts, Vec::new()))?)
}

/// The person, who always says yes: where their browser is sent back to.
fn visit(client: &Blocking, url: &str) -> Result<String, Box<dyn Error>> {
    let answer = client.send(Request::builder().method(Method::GET).uri(url).body(Vec::new())?)?;
    let back = answer.headers().get("location").ok_or("a redirect")?;
    Ok(back.to_str()?.to_owned())
}

fn said(answer: Response<Vec<u8>>) -> Result<String, Box<dyn Error>> {
    let text = String::from_utf8(answer.body().clone())?;
    if answer.status().is_success() { Ok(text) } else { Err(format!("HTTP {}: {text}", answer.status()).into()) }
}

fn app(demo: &Registration) -> App {
    App::confidential(demo.client_id.clone(), demo.client_secret.clone())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn entropy(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the system has randomness, or nothing of this makes sense");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use keyfob_proto::oauth1::server::SignedRequest;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Answers one request as this function does, and gives what was sent.
    fn served(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> (String, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                assert!(read > 0, "a whole head");
                head.extend_from_slice(&buffer[..read]);
            }
            answer(&mut stream);
            String::from_utf8(head).unwrap()
        });
        (origin, server)
    }

    fn get(url: &str) -> Request<Vec<u8>> {
        Request::get(url).body(Vec::new()).unwrap()
    }

    #[test]
    fn both_protocols_are_walked_without_a_runtime_of_ours() {
        main().unwrap();
    }

    #[test]
    fn i8_the_target_is_sent_as_it_was_signed() {
        let app = App::confidential("us", "sandbox-secret-not-real");
        let tokens = r#"{"kind":"oauth1","token":"token-1","secret":"token-secret-1"}"#;
        let TokenSet::OAuth1(tokens) = serde_json::from_str(tokens).unwrap() else { panic!("OAuth 1") };
        for target in ["/a/%2e%2e/b", "/a/../b", "//x", "/a;b=c", "/it's?q='x'&y=a+b&z=%7e%7E&&", "/?", "/a?b=c;d|e"] {
            let (origin, server) = served(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap());
            let at = |path: &str| Endpoint::parse(&format!("{origin}{path}")).unwrap();
            let flow = oauth1::Settings::new(at("/1"), at("/2"), at("/3"));
            let settings = Settings::new("pretend", Flow::OAuth1(flow), Endpoint::parse(&origin).unwrap());
            let ours = oauth1::Client::new(&settings, app.clone()).unwrap();
            let (mut parts, ()) = Request::get(format!("{origin}{target}")).body(()).unwrap().into_parts();
            ours.sign(&tokens, &mut parts, Body::Bytes(&[]), now(), &entropy).unwrap();
            let headers = parts.headers.clone();
            Blocking::new(PATIENCE).send(Request::from_parts(parts, Vec::new())).unwrap();
            let seen = server.join().unwrap();
            let line = seen.lines().next().unwrap();
            assert_eq!(line, format!("GET {target} HTTP/1.1"));
            let read = SignedRequest::read(&Method::GET, &origin, target, &headers, Body::Bytes(&[])).unwrap();
            assert_eq!(read.verify("sandbox-secret-not-real", "token-secret-1"), Ok(()), "{target}");
        }
    }

    #[test]
    fn i9_a_redirect_is_an_answer_and_no_way_to_go() {
        let (origin, server) = served(|stream| {
            stream.write_all(b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").unwrap()
        });
        let answer = Blocking::new(PATIENCE).send(get(&origin)).unwrap();
        assert_eq!(answer.status(), 307);
        server.join().unwrap();
    }

    #[test]
    fn c4_an_answer_is_read_to_the_cap_and_no_further() {
        let sent = |length: usize| {
            let (origin, server) = served(move |stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
                // Whoever has had enough hangs up.
                drop(stream.write_all(&vec![b' '; length]));
            });
            let answer = Blocking::new(PATIENCE).send(get(&origin));
            server.join().unwrap();
            answer
        };
        assert_eq!(sent(Outgoing::LARGEST_ANSWER).unwrap().body().len(), Outgoing::LARGEST_ANSWER);
        let error = sent(Outgoing::LARGEST_ANSWER + 1).unwrap_err();
        assert_eq!(error.kind, TransportKind::TooLarge, "{error}");
    }

    #[test]
    fn c5_an_answer_that_never_comes_is_not_waited_for() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (origin, server) = served(move |_| held.recv().unwrap_or_default());
        let error = Blocking::new(Duration::from_millis(200)).send(get(&origin)).unwrap_err();
        assert_eq!(error.kind, TransportKind::Timeout, "{error}");
        drop(release);
        server.join().unwrap();
    }

    #[test]
    fn a_server_that_is_not_there_is_told_as_such() {
        // The port of a connection's own end: nobody listens there, and while it is held the system gives it to nobody else.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let origin = format!("http://{}", held.local_addr().unwrap());
        let error = Blocking::new(PATIENCE).send(get(&origin)).unwrap_err();
        assert_eq!((error.kind, error.origin.as_str()), (TransportKind::Connect, origin.as_str()));
    }
}
