//! Our OAuth 2 client against a provider that others wrote: oidc-provider, certified for OpenID Connect.

use std::collections::BTreeMap;

use keyfob_interop::wire::{self, entropy, now};
use keyfob_interop::{http, peers, person};
use keyfob_proto::oauth2::{AuthorizeRequest, Client, ClientAuth, Exchange, Pending, Settings, TokenKind};
use keyfob_proto::{Answer, Api, App, Body, Code, Endpoint, Error, Flow, OAuth2Tokens, TokenSet};

const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// As in the peer's registrations; these secrets get through only where the encoding of RFC 6749 §2.3.1 is right.
const CLIENTS: [(&str, Option<&str>, ClientAuth); 3] = [
    ("peer-public", None, ClientAuth::None),
    ("peer:web", Some("secret not real:&=+ %/?#"), ClientAuth::Basic),
    ("peer-post", Some("another secret/not+real%"), ClientAuth::Post),
];

#[test]
fn code_with_pkce_then_a_call_for_every_way_to_say_who_the_client_is() {
    let Some(peer) = Peer::start() else { return };
    for (nth, (id, _, _)) in CLIENTS.iter().enumerate() {
        let client = peer.client(nth);
        let tokens = peer.login(&client);
        assert_eq!(tokens.scopes, ["openid", "offline_access", "email"], "{id}");
        assert!(tokens.refresh.is_some(), "{id}");
        let left = tokens.expires_at.expect("a lifetime").since(now());
        assert!((3500..=3600).contains(&left), "{id}: {left}");
        let answer = peer.userinfo(&tokens);
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
        assert_eq!(answer.json()["email"], "robin@peer.example", "{id}");
    }
}

#[test]
fn a_refresh_token_rotates_and_using_it_twice_ends_the_grant() {
    let Some(peer) = Peer::start() else { return };
    for nth in 0..CLIENTS.len() {
        let client = peer.client(nth);
        let first = peer.login(&client);
        let second = tokens(client.refresh(&first).expect("a request")).expect("new tokens");
        let secret = |tokens: &OAuth2Tokens| tokens.refresh.as_ref().expect("a refresh token").expose().to_owned();
        assert_ne!(secret(&first), secret(&second));
        assert_eq!(peer.userinfo(&second).status, 200);

        let error = tokens(client.refresh(&first).expect("a request")).expect_err("spent");
        assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidGrant), "{error}");
        // The server takes a second use for theft: what it gave out since is gone too.
        let error = tokens(client.refresh(&second).expect("a request")).expect_err("the whole grant is gone");
        assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidGrant), "{error}");
        assert_eq!(peer.userinfo(&second).status, 401);
    }
}

#[test]
fn revoking_the_refresh_token_ends_the_access_token() {
    let Some(peer) = Peer::start() else { return };
    for nth in 0..CLIENTS.len() {
        let client = peer.client(nth);
        let tokens = peer.login(&client);
        assert_eq!(peer.userinfo(&tokens).status, 200);
        let refresh = tokens.refresh.as_ref().expect("a refresh token");
        let revocation = client.revoke(refresh, TokenKind::Refresh).expect("a request").expect("an endpoint");
        let answer = wire::send(revocation.request());
        revocation.receive(&answer).expect("revoked");
        assert_eq!(peer.userinfo(&tokens).status, 401);
    }
}

#[test]
fn a_code_is_good_once_and_only_with_its_proof_key() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(0);
    let (pending, redirect) = peer.begin(&client);
    let (others, theirs) = peer.begin(&client);

    // Somebody else's redirect, or a code without its state, does not answer our request.
    let error = others.verify(Answer::Url(&redirect), now()).expect_err("another login's state");
    assert!(!error.ends_login(), "{error}");
    // A bare code does not say whose it is, where the server says that it always does.
    let code = |redirect: &str| http::parameter(redirect, "code").expect("a code");
    let error = others.verify(Answer::Bare(&code(&redirect)), now()).expect_err("it may be another server's");
    assert!(!error.ends_login() && error.to_string().contains("iss"), "{error}");
    // Planted in an answer to another request, a code is held to its own by the proof key alone, and the server sees that it is not the one.
    let planted = theirs.replace(&code(&theirs), &code(&redirect));
    assert_ne!(planted, theirs);
    let verified = others.verify(Answer::Url(&planted), now()).expect("state and issuer are right");
    let error = tokens(client.exchange(verified).expect("a request")).expect_err("not this login's code");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidGrant), "{error}");

    let (pending_again, redirect_again) = peer.begin(&client);
    let exchange = || client.exchange(pending_again.verify(Answer::Url(&redirect_again), now()).expect("ours")).expect("a request");
    tokens(exchange()).expect("tokens");
    let error = tokens(exchange()).expect_err("spent");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidGrant), "{error}");
    drop(pending);
}

#[test]
fn the_issuer_of_the_answer_is_judged() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(0);
    let (pending, redirect) = peer.begin(&client);
    assert_eq!(http::parameter(&redirect, "iss").as_deref(), Some(peer.origin.as_str()), "RFC 9207");
    let other = redirect.replace(&http::encode(&peer.origin), &http::encode("http://127.0.0.1:1"));
    assert_ne!(other, redirect);
    let error = pending.verify(Answer::Url(&other), now()).expect_err("another issuer");
    assert!(matches!(error, Error::Misbehaved(_)), "{error}");
    let without: String = redirect.split('&').filter(|pair| !pair.starts_with("iss=")).collect::<Vec<_>>().join("&");
    pending.verify(Answer::Url(&without), now()).expect_err("no issuer, where the server promises one");
    let _ = pending.verify(Answer::Url(&redirect), now()).expect("the login lived on");
}

#[test]
fn wrong_secrets_are_refused_as_such() {
    let Some(peer) = Peer::start() else { return };
    for nth in [1, 2] {
        let (pending, redirect) = peer.begin(&peer.client(nth));
        let wrong = peer.client_with(nth, App::confidential(CLIENTS[nth].0, "wrong"));
        let verified = pending.verify(Answer::Url(&redirect), now()).expect("ours");
        let error = tokens(wrong.exchange(verified).expect("a request")).expect_err("not the secret");
        assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::InvalidClient), "{error}");
    }
}

#[test]
fn saying_no_is_understood() {
    let Some(peer) = Peer::start() else { return };
    let client = peer.client(0);
    let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["openid".to_owned()], ..Default::default() };
    let (url, pending) = client.authorize(&request, now(), &entropy).expect("a URL");
    let redirect = person::refuse(&url);
    let error = pending.verify(Answer::Url(&redirect), now()).expect_err("a refusal");
    assert!(matches!(&error, Error::Refused(refused) if refused.code == Code::AccessDenied), "{error}");
    assert!(error.ends_login());
}

/// The peer, and our client at it.
struct Peer {
    origin: String,
    _server: peers::Peer,
}

impl Peer {
    fn start() -> Option<Self> {
        let server = peers::oidc(3600)?;
        Some(Self { origin: server.origin.clone(), _server: server })
    }

    fn client(&self, nth: usize) -> Client {
        let (id, secret, _) = CLIENTS[nth];
        self.client_with(nth, secret.map_or_else(|| App::public(id), |secret| App::confidential(id, secret)))
    }

    fn client_with(&self, nth: usize, app: App) -> Client {
        let endpoint = |path: &str| Endpoint::parse(&format!("{}{path}", self.origin)).expect("an endpoint");
        let flow = Settings {
            revoke: Some(endpoint("/token/revocation")),
            issuer: Some(self.origin.clone()),
            iss_required: true,
            client_auth: CLIENTS[nth].2,
            scopes: ["openid", "offline_access", "email"].map(String::from).into(),
            // Without this the server gives no refresh token to a web app that a person has agreed to before.
            authorize_params: vec![("prompt".to_owned(), "consent".to_owned())],
            ..Settings::new(endpoint("/auth"), endpoint("/token"))
        };
        let settings = keyfob_proto::Settings {
            provider: "peer".to_owned(),
            flow: Flow::OAuth2(flow),
            api: self.api(),
            deviations: Default::default(),
            keep: Vec::new(),
            retired: None,
        };
        Client::new(&settings, app).expect("a client")
    }

    fn api(&self) -> Api {
        Api::new(Endpoint::parse(&self.origin).expect("an endpoint"))
    }

    /// A login as far as the redirect that comes back.
    fn begin(&self, client: &Client) -> (Pending, String) {
        let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: Vec::new(), ..Default::default() };
        let (url, pending) = client.authorize(&request, now(), &entropy).expect("a URL");
        let redirect = person::agree(&url);
        assert!(redirect.starts_with(CALLBACK), "{redirect}");
        (pending, redirect)
    }

    /// The whole walk.
    fn login(&self, client: &Client) -> OAuth2Tokens {
        let (pending, redirect) = self.begin(client);
        let verified = pending.verify(Answer::Url(&redirect), now()).expect("an answer to our request");
        tokens(client.exchange(verified).expect("a request")).expect("tokens")
    }

    fn userinfo(&self, tokens: &OAuth2Tokens) -> http::Answer {
        let mut parts = wire::parts("GET", &format!("{}/me", self.origin), None);
        let app = App::public("peer-public");
        keyfob_proto::oauth2::attach(&self.api(), &app, &BTreeMap::new(), tokens, &mut parts, Body::Opaque).expect("a header");
        wire::call(&parts, b"")
    }
}

/// Sends an exchange; nothing is tolerated, because nothing has to be.
fn tokens(exchange: Exchange) -> Result<OAuth2Tokens, Error> {
    let answer = wire::send(exchange.request());
    let received = exchange.receive(&answer, now())?;
    assert!(received.tolerated.is_empty(), "{:?}", received.tolerated);
    match received.tokens {
        TokenSet::OAuth2(tokens) => Ok(tokens),
        other => panic!("{other:?}"),
    }
}
