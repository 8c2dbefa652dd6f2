//! A server, an app that is registered there, and a clock for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, PrivateKey};
use keyfob::proto::oauth1;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oauth2::{self, ClientAuth, Dpop};
use keyfob::proto::{Answer, Api, App, Endpoint, Flow, OAuth2Tokens, Secret, Settings, Timestamp, TokenSet};
use keyfob::{
    Account, Body, Clock, Error, HyperTransport, Keyfob, LoggedIn, Login, LoginOptions, MemoryStore, OsEntropy, Redirect, Session, Store,
    SystemClock, Transport,
};
use keyfob_sandbox::{Certificate, Consent, Faults, Flaw, Metadata, Registration, Sandbox, Seen};
use serde_json::{Value, json};

use crate::common::endpoint;

pub const CALLBACK: &str = "http://127.0.0.1:8123/callback";
pub const SECRET: &str = "a secret that is long enough for HS256, for sure";

/// The system's, and so many seconds more.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.0.load(Ordering::SeqCst))
    }
}

pub struct House {
    pub sandbox: Sandbox,
    pub origin: String,
    pub app: App,
    pub settings: Settings,
    pub keyfob: Keyfob,
    pub store: Arc<MemoryStore>,
    transport: Arc<HyperTransport>,
    clock: Arc<Ahead>,
}

impl House {
    /// An app with a secret, registered so, at a server that is described by hand.
    pub async fn new(metadata: Metadata, change: impl FnOnce(&mut oauth2::Settings)) -> Self {
        Self::with(App::confidential("mine", SECRET), metadata, change).await
    }

    /// A public client whose tokens are bound to a key: at this server their refresh is, too.
    pub async fn bound() -> Self {
        Self::with(App::public("mine"), Metadata::default(), |flow| flow.dpop = Dpop::Wanted).await
    }

    /// An app that has a private key, in place of a secret.
    pub async fn keyed(metadata: Metadata, change: impl FnOnce(&mut oauth2::Settings)) -> Self {
        let key = AwsLc.generate(Algorithm::ES256).unwrap();
        let mut app = App::public("mine");
        (app.private_key, app.private_key_id) = (key.to_pem(), Some("key-1".to_owned()));
        let method = Some("private_key_jwt".to_owned());
        let metadata = Metadata { token_endpoint_auth_method: method, jwks: Some(jwks(&key.named("key-1"))), ..metadata };
        Self::with(app, metadata, |flow| {
            flow.client_auth = ClientAuth::PrivateKeyJwt;
            change(flow);
        })
        .await
    }

    pub async fn with(app: App, metadata: Metadata, change: impl FnOnce(&mut oauth2::Settings)) -> Self {
        let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.unwrap();
        let client_secret = app.client_secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let demo = sandbox.app("acme");
        sandbox.register("mine", Registration { client_id: "mine".to_owned(), client_secret, metadata, ..demo });
        let origin = sandbox.origin("acme");
        let at = |path: &str| endpoint(&format!("{origin}{path}"));
        let mut flow = oauth2::Settings::new(at("/authorize"), at("/token"));
        (flow.issuer, flow.iss_required, flow.jwks) = (Some(origin.clone()), true, Some(at("/jwks")));
        (flow.revoke, flow.userinfo, flow.end_session) = (Some(at("/revoke")), Some(at("/userinfo")), Some(at("/end_session")));
        flow.scopes = vec!["openid".to_owned(), "profile".to_owned(), "echo".to_owned()];
        change(&mut flow);
        let settings = Settings { api: api(at("/api")), ..Settings::new("acme", Flow::OAuth2(flow), at("/api")) };
        let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap());
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Ahead::default()));
        let keyfob = Keyfob::with(store.clone(), transport.clone(), clock.clone(), Arc::new(OsEntropy));
        Self { sandbox, origin, app, settings, keyfob, store, transport, clock }
    }

    /// An app at the server's door with TLS, found by its metadata. What it shows there, and what it is registered with, is made when there is an
    /// authority.
    pub async fn behind_tls(app: App, client_auth: ClientAuth, made: impl FnOnce(&Sandbox) -> (Option<Certificate>, Metadata)) -> Self {
        let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).tls().start().await.unwrap();
        let (shown, metadata) = made(&sandbox);
        let client_secret = app.client_secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let demo = sandbox.app("acme");
        sandbox.register("mine", Registration { client_id: app.client_id.clone(), client_secret, metadata, ..demo });
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Ahead::default()));
        let transport = showing(&sandbox, shown);
        let keyfob = Keyfob::with(store.clone(), transport.clone(), clock.clone(), Arc::new(OsEntropy));
        let (origin, at) = (sandbox.origin("acme"), endpoint(&format!("{}/api", sandbox.secure_origin())));
        let scopes = ["openid", "profile", "echo"].map(str::to_owned).to_vec();
        let mtls = client_auth == ClientAuth::Tls;
        let preferences = Preferences { scopes, client_auth: Some(client_auth), mtls, ..Preferences::default() };
        let settings = keyfob::discover(&keyfob, "acme", &origin, Order::OpenIdFirst, &app, &preferences, at.clone()).await.unwrap();
        let settings = Settings { api: api(at), ..settings };
        Self { sandbox, origin, app, settings, keyfob, store, transport, clock }
    }

    /// The same house, as somebody sees it who shows another certificate: with the accounts that are there.
    pub fn showing(&self, shown: Option<Certificate>) -> Keyfob {
        Keyfob::with(self.store.clone(), showing(&self.sandbox, shown), self.clock.clone(), Arc::new(OsEntropy))
    }

    /// An app at the same server's OAuth 1: three endpoints and an API of their own.
    pub async fn of_oauth1(app: App, metadata: Metadata, change: impl FnOnce(&mut oauth1::Settings)) -> Self {
        let mut house = Self::with(app, metadata, |_| {}).await;
        let at = |path: &str| endpoint(&format!("{}/oauth1/{path}", house.origin));
        let mut flow = oauth1::Settings::new(at("request_token"), at("authorize"), at("access_token"));
        change(&mut flow);
        house.settings = Settings { api: api(at("api")), ..Settings::new("acme", Flow::OAuth1(flow), at("api")) };
        house
    }

    pub async fn begin(&self, options: LoginOptions) -> Result<Login, Error> {
        Login::begin_with(&self.keyfob, &self.settings, &self.app, "acme", Redirect::Uri(CALLBACK.to_owned()), options).await
    }

    /// Where the server sends the person back to, who says yes.
    pub async fn visit(&self, url: &str) -> String {
        let visit = http::Request::get(url).body(Body::empty()).unwrap();
        let answer = self.transport.send(visit).await.unwrap();
        let location = answer.headers().get("location").map(|url| url.to_str().unwrap().to_owned());
        location.unwrap_or_else(|| panic!("HTTP {}, and no redirect", answer.status()))
    }

    pub async fn log_in(&self, options: LoginOptions) -> Result<LoggedIn, Error> {
        let login = self.begin(options).await?;
        let back = self.visit(login.url()).await;
        let verified = login.judge(Answer::Url(&back)).await?;
        login.finish(verified).await
    }

    /// A login that is refused, with these words, and of which nothing is kept.
    pub async fn refuses(&self, options: LoginOptions, what: &str) {
        let error = self.log_in(options).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(self.store.accounts().await.unwrap().is_empty(), "nothing of a refused answer is kept");
    }

    pub async fn session(&self) -> Session {
        self.keyfob.session(self.settings.clone(), self.app.clone(), "acme").await.unwrap()
    }

    pub async fn account(&self) -> Account {
        self.store.account("acme").await.unwrap().unwrap().value
    }

    pub fn flaw(&self, flaw: Flaw) {
        self.sandbox.faults("acme").update(|faults| faults.flaw = Some(flaw));
    }

    pub fn faults(&self, faults: Faults) {
        self.sandbox.faults("acme").set(faults);
    }

    /// Time passes, here and there.
    pub fn advance(&self, seconds: i64) {
        self.sandbox.advance(seconds);
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// This machine's clock goes wrong by so much.
    pub fn misset(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The requests to this path.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        self.sandbox.seen("acme").into_iter().filter(|seen| seen.path == path).collect()
    }

    /// How each of them was answered.
    pub fn statuses(&self, path: &str) -> Vec<u16> {
        self.seen(path).iter().map(|seen| seen.status).collect()
    }

    /// What follows begins with a clean sheet.
    pub fn forget(&self) {
        self.sandbox.clear_seen();
    }
}

pub fn tokens(account: &Account) -> &OAuth2Tokens {
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    tokens
}

/// The public half of a key, as apps are registered with.
pub fn jwks(key: &PrivateKey) -> Value {
    let signer = AwsLc.signer(Algorithm::ES256, key).unwrap();
    let mut jwk = signer.public_key().unwrap().to_jwk();
    jwk.insert("kid".to_owned(), json!(signer.key_id()));
    json!({ "keys": [jwk] })
}

fn showing(sandbox: &Sandbox, shown: Option<Certificate>) -> Arc<HyperTransport> {
    let builder = HyperTransport::builder().loopback_only(true).authorities(sandbox.authority());
    let builder = match shown {
        Some(shown) => builder.client_certificate(shown.certificate, Secret::new(shown.key)),
        None => builder,
    };
    Arc::new(builder.build().unwrap())
}

fn api(base: Endpoint) -> Api {
    let expired = keyfob::proto::Signal { statuses: vec![401], pointer: None, values: vec![], contains: vec![] };
    Api { expired: vec![expired], ..Api::new(base) }
}
