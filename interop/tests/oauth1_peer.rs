//! Our OAuth 1.0a client against a provider that others wrote: oauthlib's server side.

use keyfob_interop::http::{self, Answer};
use keyfob_interop::oauth1::{self, AWKWARD, PLACEMENTS, PLAIN, SHAPES, Shape};
use keyfob_interop::peers;
use keyfob_interop::wire::{self, entropy, now};
use keyfob_proto::oauth1::{Body, Callback, Client, Pending, Placement, SignatureMethod, rsa};
use keyfob_proto::{Code, Error, OAuth1Tokens, TokenSet};
use serde_json::json;

const CALLBACK: &str = "http://127.0.0.1:9/callback?x=1&y=z";
#[test]
fn every_signature_method_in_every_place_signs_every_shape() {
    let (Some(awkward), Some(plain)) = (Peer::start(), Peer::start_with("plain")) else { return };
    for method in SignatureMethod::ALL.iter().copied() {
        for placement in PLACEMENTS {
            // See the server: only its header can carry secrets that have to be encoded as they are.
            let in_plain_sight = method == SignatureMethod::Plaintext && placement != Placement::Header;
            let (peer, key, secret) = if in_plain_sight { (&plain, PLAIN.0, PLAIN.1) } else { (&awkward, AWKWARD.0, AWKWARD.1) };
            let client = peer.client(method, placement, key, secret);
            let tokens = peer.login(&client);
            for shape in &SHAPES {
                let answer = peer.call(&client, &tokens, shape);
                let which = format!("{} in {placement:?}: {} {}", method.name(), shape.method, shape.target);
                assert_eq!(answer.status, 200, "{which}: {}", answer.text());
                let understood = answer.json();
                assert_eq!(understood["signature_method"], method.name(), "{which}");
                assert_eq!(understood["method"], shape.method, "{which}");
                let path = shape.target.split('?').next().expect("a path");
                assert_eq!(understood["path"], path, "{which}: the path arrives as it was signed");
            }
        }
    }
    let counts = [&awkward, &plain].map(|peer| http::visit(&format!("{}/counts", peer.origin)).json());
    // Three of HMAC and three of RSA in three places, and PLAINTEXT in the header; in the two others it is the plain one's.
    assert_eq!(counts, [json!({ "accepted": 19 * SHAPES.len(), "refused": 0 }), json!({ "accepted": 2 * SHAPES.len(), "refused": 0 })]);
}

#[test]
fn protocol_parameters_are_where_they_were_asked_for() {
    let Some(peer) = Peer::start() else { return };
    let shape = &SHAPES[2];
    for placement in PLACEMENTS {
        let client = peer.client(SignatureMethod::HmacSha1, placement, AWKWARD.0, AWKWARD.1);
        let understood = peer.call(&client, &peer.login(&client), shape).json();
        let holds = |place: &str| understood[place].to_string().contains("oauth_signature");
        assert_eq!((holds("query"), holds("form")), (placement == Placement::Query, placement == Placement::Body), "{placement:?}");
        assert!(understood["form"].to_string().contains("Hello Ladies + Gentlemen! é"), "{understood}");
    }
}

#[test]
fn a_pin_is_a_verifier() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(SignatureMethod::HmacSha1, Placement::Header, AWKWARD.0, AWKWARD.1);
    let (url, pending) = peer.begin(&client, Callback::OutOfBand);
    let pin = http::visit(&url).text();
    let tokens = peer.finish(&client, &pending, keyfob_proto::Answer::read(&pin)).expect("token credentials");
    assert_eq!(peer.call(&client, &tokens, &SHAPES[0]).status, 200);
}

#[test]
fn a_denial_ends_the_login_and_somebody_elses_does_not() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(SignatureMethod::HmacSha1, Placement::Header, AWKWARD.0, AWKWARD.1);
    let (url, pending) = peer.begin(&client, Callback::Url(CALLBACK.to_owned()));
    let (others_url, _) = peer.begin(&client, Callback::Url(CALLBACK.to_owned()));

    let others = http::visit(&format!("{others_url}&deny=1"));
    let error = pending.verify(keyfob_proto::Answer::Url(others.location()), now()).expect_err("not our denial");
    assert!(!error.ends_login(), "{error}");
    let denial = http::visit(&format!("{url}&deny=1"));
    let error = pending.verify(keyfob_proto::Answer::Url(denial.location()), now()).expect_err("a denial");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::AccessDenied), "{error}");
    assert!(error.ends_login());
}

#[test]
fn tampering_is_refused() {
    let Some(peer) = Peer::start() else { return };
    let shape = &SHAPES[2];
    type Change = fn(&mut ::http::request::Parts, &mut Vec<u8>);
    let changes: [(&str, Change); 7] = [
        ("a parameter more", |parts, _| parts.uri = format!("{}&b=2", parts.uri).parse().expect("a URL")),
        ("another value", |parts, _| parts.uri = parts.uri.to_string().replace("a=2", "a=3").parse().expect("a URL")),
        ("another path", |parts, _| parts.uri = parts.uri.to_string().replace("/api/form", "/api/Form").parse().expect("a URL")),
        ("another method", |parts, _| parts.method = ::http::Method::PUT),
        ("another body", |_, body| body.extend_from_slice(b"&b=2")),
        ("another host", |parts, _| {
            parts.uri = parts.uri.to_string().replace("127.0.0.1", "localhost").parse().expect("a URL");
        }),
        ("another signature", |parts, body| {
            let flip = |text: &str| {
                let at = text.find("oauth_signature=").expect("a signature") + "oauth_signature=".len();
                let at = at + usize::from(text.as_bytes()[at] == b'"');
                let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{other}{}", &text[..at], &text[at + 1..])
            };
            if let Some(header) = parts.headers.get("authorization") {
                let value = flip(header.to_str().expect("text"));
                parts.headers.insert("authorization", value.parse().expect("a value"));
            } else if parts.uri.to_string().contains("oauth_signature=") {
                parts.uri = flip(&parts.uri.to_string()).parse().expect("a URL");
            } else {
                *body = flip(std::str::from_utf8(body).expect("text")).into_bytes();
            }
        }),
    ];
    // PLAINTEXT signs nothing.
    for method in SignatureMethod::ALL.iter().copied().filter(|method| *method != SignatureMethod::Plaintext) {
        for placement in PLACEMENTS {
            let client = peer.client(method, placement, AWKWARD.0, AWKWARD.1);
            let tokens = peer.login(&client);
            for (what, change) in &changes {
                let (mut parts, mut body) = peer.signed(&client, &tokens, shape);
                change(&mut parts, &mut body);
                let answer = wire::call(&parts, &body);
                assert_eq!(answer.status, 401, "{} in {placement:?}, {what}: {}", method.name(), answer.text());
            }
            // The very same request, untouched, is good: it was the change that was refused.
            let (parts, body) = peer.signed(&client, &tokens, shape);
            assert_eq!(wire::call(&parts, &body).status, 200);
        }
    }
}

#[test]
fn a_request_is_good_once() {
    let Some(peer) = Peer::start() else { return };
    for method in SignatureMethod::ALL.iter().copied() {
        let client = peer.client(method, Placement::Header, AWKWARD.0, AWKWARD.1);
        let tokens = peer.login(&client);
        let (parts, body) = peer.signed(&client, &tokens, &SHAPES[0]);
        assert_eq!(wire::call(&parts, &body).status, 200);
        assert_eq!(wire::call(&parts, &body).status, 401, "{}: replayed", method.name());
        // Signed anew, in the same second, it has a nonce of its own.
        assert_eq!(peer.call(&client, &tokens, &SHAPES[0]).status, 200, "{}", method.name());
    }
}

#[test]
fn wrong_verifiers_and_spent_tokens_are_refused() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(SignatureMethod::HmacSha1, Placement::Header, AWKWARD.0, AWKWARD.1);
    let refused = |result: Result<OAuth1Tokens, Error>| match result {
        Err(Error::Refused(refused)) => assert_eq!(refused.status.map(|status| status.as_u16()), Some(401), "{refused}"),
        other => panic!("{other:?}"),
    };

    let (url, pending) = peer.begin(&client, Callback::OutOfBand);
    refused(peer.finish(&client, &pending, keyfob_proto::Answer::Bare("before-the-person-said-yes")));
    let pin = http::visit(&url).text();
    refused(peer.finish(&client, &pending, keyfob_proto::Answer::Bare("not-the-verifier")));
    peer.finish(&client, &pending, keyfob_proto::Answer::read(&pin)).expect("the right one is still good");
    refused(peer.finish(&client, &pending, keyfob_proto::Answer::read(&pin)));
}

#[test]
fn strangers_are_refused() {
    let Some(peer) = Peer::start() else { return };
    let client = |key, secret| peer.client(SignatureMethod::HmacSha256, Placement::Header, key, secret);
    let ours = client(AWKWARD.0, AWKWARD.1);
    let tokens = peer.login(&ours);
    let get = |client: &Client, tokens: &OAuth1Tokens| peer.call(client, tokens, &SHAPES[0]).status;
    assert_eq!(get(&ours, &tokens), 200);
    assert_eq!(get(&client("nobody", AWKWARD.1), &tokens), 401, "unknown consumer key");
    assert_eq!(get(&client("peer-key", "wrong"), &tokens), 401, "wrong consumer secret");
    assert_eq!(get(&client("other-key", "other-secret-not-real"), &tokens), 401, "another consumer's token");
    let wrong = OAuth1Tokens { token: tokens.token.clone(), secret: "wrong".into() };
    assert_eq!(get(&ours, &wrong), 401, "wrong token secret");

    // RSA knows no shared secrets: there the key alone tells.
    let rsa = |key| peer.client(SignatureMethod::RsaSha256, Placement::Header, key, "no secret at all");
    let ours = rsa("peer-key");
    let tokens = peer.login(&ours);
    assert_eq!(get(&ours, &tokens), 200);
    assert_eq!(
        get(&ours.clone().with_rsa_key(rsa::private_key(&oauth1::private_key(1), SignatureMethod::RsaSha256).expect("a key")), &tokens),
        401
    );
    assert_eq!(get(&rsa("other-key"), &tokens), 401, "another consumer's token, with that consumer's key");

    let request = client("peer-key", "wrong").request_token(Callback::OutOfBand, now(), &entropy).expect("a request");
    let error = request_token_error(request);
    assert!(matches!(&error, Error::Refused(refused) if refused.status.map(|status| status.as_u16()) == Some(401)), "{error:?}");
}

#[test]
fn old_timestamps_are_refused() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(SignatureMethod::HmacSha1, Placement::Header, AWKWARD.0, AWKWARD.1);
    let tokens = peer.login(&client);
    for (seconds, status) in [(0, 200), (-60, 200), (-3600, 401), (3600, 401)] {
        let mut parts = wire::parts("GET", &format!("{}/api/x", peer.origin), None);
        client.sign(&tokens, &mut parts, Body::Opaque, now().plus(seconds), &entropy).expect("a signature");
        let answer = wire::call(&parts, b"");
        assert_eq!(answer.status, status, "{seconds} seconds off: {}", answer.text());
    }
}

/// The peer, and our client at it.
struct Peer {
    origin: String,
    _server: peers::Peer,
}

impl Peer {
    fn start() -> Option<Self> {
        Self::start_with("awkward")
    }

    fn start_with(tokens: &str) -> Option<Self> {
        let server = peers::oauth1(tokens)?;
        Some(Self { origin: server.origin.clone(), _server: server })
    }

    fn client(&self, signature: SignatureMethod, placement: Placement, key: &str, secret: &str) -> Client {
        Client::new(&oauth1::settings(&self.origin, signature, placement), oauth1::app(key, secret)).expect("a client")
    }

    fn begin(&self, client: &Client, callback: Callback) -> (String, Pending) {
        let request = client.request_token(callback, now(), &entropy).expect("a request");
        let answer = wire::send(request.request());
        request.receive(&answer, now()).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(answer.body())))
    }

    fn finish(&self, client: &Client, pending: &Pending, answer: keyfob_proto::Answer<'_>) -> Result<OAuth1Tokens, Error> {
        let exchange = client.exchange(pending.verify(answer, now())?, now(), &entropy)?;
        let answer = wire::send(exchange.request());
        match exchange.receive(&answer, now())?.tokens {
            TokenSet::OAuth1(tokens) => Ok(tokens),
            other => panic!("{other:?}"),
        }
    }

    /// The whole walk, strictly: nothing was tolerated.
    fn login(&self, client: &Client) -> OAuth1Tokens {
        let (url, pending) = self.begin(client, Callback::Url(CALLBACK.to_owned()));
        let back = http::visit(&url);
        assert!(back.location().starts_with(CALLBACK), "{back:?}");
        self.finish(client, &pending, keyfob_proto::Answer::Url(back.location())).expect("token credentials")
    }

    fn signed(&self, client: &Client, tokens: &OAuth1Tokens, shape: &Shape) -> (::http::request::Parts, Vec<u8>) {
        let mut parts = wire::parts(shape.method, &format!("{}{}", self.origin, shape.target), shape.content_type);
        let body = shape.body.as_bytes();
        let what = Body::of(&parts.headers, body);
        let changed = client.sign(tokens, &mut parts, what, now(), &entropy).expect("a signature");
        (parts, changed.unwrap_or_else(|| body.to_vec()))
    }

    fn call(&self, client: &Client, tokens: &OAuth1Tokens, shape: &Shape) -> Answer {
        let (parts, body) = self.signed(client, tokens, shape);
        wire::call(&parts, &body)
    }
}

fn request_token_error(request: keyfob_proto::oauth1::RequestToken) -> Error {
    let answer = wire::send(request.request());
    request.receive(&answer, now()).expect_err("a refusal")
}
