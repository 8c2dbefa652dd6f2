//! Our side: a relying party with a store of its own, at a server of its own.

use std::sync::Arc;

use keyfob::proto::jose::{AwsLc, KeySet};
use keyfob::proto::oauth2::ClientAuth;
use keyfob::proto::oauth2::metadata::{Metadata, Order, Preferences};
use keyfob::proto::{Answer, App, Code, Endpoint, Error as ProtoError, Flow, OAuth2Tokens, Settings, TokenSet, oauth2};
use keyfob::{Account, Error, HyperTransport, Keyfob, LoggedIn, Login, LoginOptions, MemoryStore, Redirect, Session};
use keyfob_interop::peers::{self, Peer};
use keyfob_interop::{http, person};

/// As in the server's registrations: where no listener is needed, nobody listens there.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";
/// This secret gets through only where the encoding of RFC 6749 §2.3.1 is right.
pub(crate) const WEB: (&str, &str) = ("peer:web", "secret not real:&=+ %/?#");
/// The account that tests log in.
pub(crate) const ACCOUNT: &str = "peer";

pub(crate) struct Rp {
    pub(crate) peer: Peer,
    pub(crate) keyfob: Keyfob,
}

impl Rp {
    /// `None` after saying that the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        Some(Self::at(peers::oidc_features(None)?, HyperTransport::builder().loopback_only(true).build().expect("a transport")))
    }

    pub(crate) fn at(peer: Peer, transport: HyperTransport) -> Self {
        Self { peer, keyfob: Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport)) }
    }

    /// What the server says about itself.
    pub(crate) async fn metadata(&self) -> Metadata {
        self.keyfob.metadata(&self.peer.origin, Order::OpenIdFirst).await.expect("metadata")
    }

    /// The settings that come of it, for an app that chooses how it says who it is from the server's list.
    pub(crate) async fn settings(&self, app: &App) -> Settings {
        self.settings_with(app, None, |_| {}).await
    }

    /// The same where that was agreed on, with habits of the test's own.
    pub(crate) async fn settings_with(
        &self,
        app: &App,
        client_auth: Option<ClientAuth>,
        change: impl FnOnce(&mut oauth2::Settings),
    ) -> Settings {
        let scopes = ["openid", "offline_access", "email"].map(String::from).into();
        let preferences = Preferences { client_auth, scopes, ..Preferences::default() };
        let mut settings = self.discover(app, &preferences).await;
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OpenID Connect is OAuth 2") };
        // The server takes pushed requests, so a session pushes; what is in a request is looked at where it is not.
        flow.pushed = None;
        // Without this the server gives no refresh token where a person has agreed before (OpenID Connect Core §11).
        flow.authorize_params.push(("prompt".to_owned(), "consent".to_owned()));
        change(flow);
        settings
    }

    pub(crate) async fn discover(&self, app: &App, preferences: &Preferences) -> Settings {
        let api = Endpoint::parse(&self.peer.origin).expect("an endpoint");
        let found = keyfob::discover(&self.keyfob, ACCOUNT, &self.peer.origin, Order::OpenIdFirst, app, preferences, api).await;
        found.expect("settings")
    }

    pub(crate) async fn begin(&self, settings: &Settings, app: &App) -> Login {
        self.begin_with(settings, app, LoginOptions::default()).await
    }

    pub(crate) async fn begin_with(&self, settings: &Settings, app: &App, options: LoginOptions) -> Login {
        let redirect = Redirect::Uri(CALLBACK.to_owned());
        Login::begin_with(&self.keyfob, settings, app, ACCOUNT, redirect, options).await.expect("a login")
    }

    /// The whole walk.
    pub(crate) async fn login(&self, settings: &Settings, app: &App) -> LoggedIn {
        let login = self.begin(settings, app).await;
        finish(login, person::agree).await.expect("a person who agreed")
    }

    pub(crate) async fn session(&self, settings: &Settings, app: &App) -> Session {
        self.keyfob.session(settings.clone(), app.clone(), ACCOUNT).await.expect("a session")
    }

    /// A login, and the session at its account.
    pub(crate) async fn logged_in(&self, settings: &Settings, app: &App) -> Session {
        self.login(settings, app).await;
        self.session(settings, app).await
    }

    /// The server's keys.
    pub(crate) async fn keys(&self) -> KeySet {
        let place = self.metadata().await.jwks_uri.expect("a place for keys");
        KeySet::read(&http::visit(place.as_str()).body, Arc::new(AwsLc)).expect("keys")
    }
}

/// The end of a login, by a person who does this.
pub(crate) async fn finish(login: Login, person: impl FnOnce(&str) -> String) -> Result<LoggedIn, Error> {
    let back = person(login.url());
    assert!(back.starts_with(CALLBACK), "{back}");
    let verified = login.judge(Answer::Url(&back)).await?;
    login.finish(verified).await
}

pub(crate) fn web() -> App {
    App::confidential(WEB.0, WEB.1)
}

/// The access token of an account, for those who use it in their own way.
pub(crate) fn access(account: &Account) -> &OAuth2Tokens {
    match &account.tokens {
        TokenSet::OAuth2(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

/// The code of a refusal.
pub(crate) fn refusal(error: &Error) -> Option<&Code> {
    match error {
        Error::Protocol(ProtoError::Refused(refused)) => Some(&refused.code),
        _ => None,
    }
}
