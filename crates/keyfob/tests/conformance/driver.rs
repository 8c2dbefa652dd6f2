//! The relying party: a session and everything before it, from the issuer's name on.
//!
//! ```text
//!  Rp::new(op)  (discovery) ──► log_in() ──► refresh(), call(), userinfo()
//! ```
//!
//! What a test wants to be otherwise it changes before: settings, app, or what the provider does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oidc::UserInfo;
use keyfob::proto::{Answer, App, Endpoint, Flow, FormPost, Settings, Timestamp, TokenSet, oauth2};
use keyfob::{
    Account, Body, Clock, Error, HyperTransport, Keyfob, LoggedIn, Login, LoginOptions, MemoryStore, OsEntropy, Redirect, Session, Store,
    SystemClock, Transport,
};
use keyfob_sandbox::Flaw;

use crate::op::{CALLBACK, Op};

/// The name of the one account.
pub const ACCOUNT: &str = "robin";

/// A relying party of one provider.
pub struct Rp {
    pub op: Op,
    pub settings: Settings,
    pub app: App,
    pub keyfob: Keyfob,
    pub store: Arc<MemoryStore>,
    /// What its logins ask for besides an account.
    pub options: LoginOptions,
    transport: Arc<HyperTransport>,
    clock: Arc<Shifted>,
}

/// The system's clock, and how far the test has moved it.
struct Shifted(AtomicI64);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.0.load(Ordering::SeqCst))
    }
}

/// What a browser got.
pub struct Visit {
    pub status: u16,
    /// Where it is sent next.
    pub location: Option<String>,
    pub body: String,
}

impl Rp {
    /// One that found everything out by discovery.
    pub async fn new(op: Op) -> Self {
        Self::discover(op, &preferences()).await.expect("a provider that describes itself rightly")
    }

    /// The same where the provider may be wrong about itself.
    pub async fn discover(op: Op, preferences: &Preferences) -> Result<Self, Error> {
        let issuer = op.origin.clone();
        Self::discover_at(op, &issuer, preferences).await
    }

    /// The same by an issuer's name that somebody else told.
    pub async fn discover_at(op: Op, issuer: &str, preferences: &Preferences) -> Result<Self, Error> {
        let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(Shifted(AtomicI64::new(0))));
        let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().expect("a transport"));
        let keyfob = Keyfob::with(store.clone(), transport.clone(), clock.clone(), Arc::new(OsEntropy));
        let app = App::confidential(op.app.client_id.clone(), op.app.client_secret.clone());
        let api = endpoint(&format!("{}/api", op.origin));
        let settings = keyfob::discover(&keyfob, "acme", issuer, Order::OpenIdFirst, &app, preferences, api).await?;
        Ok(Self { op, settings, app, keyfob, store, options: LoginOptions::default(), transport, clock })
    }

    /// The OAuth 2 part of the settings.
    pub fn flow(&mut self) -> &mut oauth2::Settings {
        let Flow::OAuth2(flow) = &mut self.settings.flow else { panic!("OAuth 2") };
        flow
    }

    /// The same, to be read.
    pub fn known(&self) -> &oauth2::Settings {
        let Flow::OAuth2(flow) = &self.settings.flow else { panic!("OAuth 2") };
        flow
    }

    /// Both clocks go on.
    pub fn later(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
        self.op.later(seconds);
    }

    pub async fn begin(&self) -> Result<Login, Error> {
        let redirect = Redirect::Uri(CALLBACK.to_owned());
        Login::begin_with(&self.keyfob, &self.settings, &self.app, ACCOUNT, redirect, self.options.clone()).await
    }

    /// A login from the first step to the last.
    pub async fn log_in(&self) -> Result<LoggedIn, Error> {
        let login = self.begin().await?;
        let visit = self.visit(login.url()).await;
        let verified = match &visit.location {
            Some(back) => login.judge(Answer::Url(back)).await?,
            None => {
                let (headers, form) = visit.form();
                login.judge(Answer::Form(FormPost::read(&http::Method::POST, &headers, form.as_bytes()).unwrap())).await?
            }
        };
        login.finish(verified).await
    }

    /// The account in use.
    pub async fn session(&self) -> Session {
        self.keyfob.session(self.settings.clone(), self.app.clone(), ACCOUNT).await.expect("somebody is logged in")
    }

    /// New tokens, a while after the login.
    pub async fn refresh(&self) -> Result<Account, Error> {
        self.later(600);
        self.session().await.refresh().await
    }

    /// A call of the API with what the login gave.
    pub async fn call(&self) -> Result<serde_json::Value, Error> {
        self.session().await.get("/me").send().await?.json().await
    }

    /// What the provider says about the person.
    pub async fn userinfo(&self) -> Result<UserInfo, Error> {
        self.session().await.userinfo().await
    }

    /// The access token of an account.
    pub fn access(&self, account: &Account) -> String {
        let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
        tokens.access.expose().to_owned()
    }

    /// The account, as it is kept.
    pub async fn kept(&self) -> Option<Account> {
        self.store.account(ACCOUNT).await.unwrap().map(|record| record.value)
    }

    /// With this flaw no login succeeds: the error names this, and nothing is kept.
    #[track_caller]
    pub fn refuses(&self, flaw: Flaw, what: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            self.op.flawed(flaw);
            let error = self.log_in().await.map(drop).expect_err(&format!("{flaw:?} passed ({place})"));
            assert!(error.to_string().contains(what), "{error} ({place})");
            assert!(self.kept().await.is_none(), "nothing of a refused answer is kept ({place})");
        }
    }

    /// What a form that a page posts there gets.
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> String {
        let body = keyfob::proto::encode::form_pairs(form.iter().copied()).into_bytes();
        let request = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded").body(Body::from(body)).unwrap();
        let answer = self.transport.send(request).await.expect("it is there");
        String::from_utf8(answer.into_body().bytes(1 << 20).await.unwrap()).unwrap()
    }

    /// Whether an authorization request had this parameter, pushed or not.
    pub fn asked_for(&self, parameter: &str) -> bool {
        ["/authorize", "/par"].into_iter().flat_map(|path| self.op.seen(path)).any(|seen| seen.value(parameter).is_some())
    }

    /// What a browser gets there.
    pub async fn visit(&self, url: &str) -> Visit {
        let answer = self.transport.send(http::Request::get(url).body(Body::empty()).unwrap()).await.expect("it is there");
        let location = answer.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = String::from_utf8(answer.into_body().bytes(1 << 20).await.unwrap()).unwrap();
        Visit { status, location, body }
    }
}

impl Visit {
    /// The form of a page that posts itself (OAuth 2.0 Form Post Response Mode §2), as the browser would post it.
    pub fn form(&self) -> (http::HeaderMap, String) {
        let inputs = self.body.split("<input type=\"hidden\" ").skip(1).map(|input| {
            let of = |name: &str| input.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap().to_owned();
            (of("name"), of("value"))
        });
        let pairs: Vec<_> = inputs.collect();
        assert!(!pairs.is_empty(), "no redirect, and no form: {} {}", self.status, self.body);
        let form = keyfob::proto::encode::form_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/x-www-form-urlencoded"));
        (headers, form)
    }
}

/// Who the person is, and what is known about her.
pub fn preferences() -> Preferences {
    Preferences { scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(), ..Preferences::default() }
}

/// A parameter of a URL.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).expect("a URL");
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).expect("an endpoint")
}
