//! What every example begins with: the sandbox's strict server, an app that is registered there, and a Keyfob. A real program has a server, a store on
//! disk, and a person with a browser.

use std::sync::Arc;

use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, PrivateKey, Sign};
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::{Answer, Api, App, Endpoint, Flow, OAuth2Tokens, Secret, Settings, TokenSet, oauth1, oauth2};
use keyfob::{Body, HyperTransport, Keyfob, LoggedIn, Login, LoginOptions, MemoryStore, Redirect, Session};
use keyfob_sandbox::{Certificate, Consent, Metadata, Registration, Sandbox};
use serde_json::{Value, json};

use crate::Outcome;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:8123/callback";
/// The account of most examples.
pub(crate) const ACCOUNT: &str = "acme";
pub(crate) const SECRET: &str = "a secret that is long enough for HS256, for sure";

pub(crate) struct House {
    pub(crate) sandbox: Sandbox,
    pub(crate) keyfob: Keyfob,
    pub(crate) app: App,
    pub(crate) settings: Settings,
}

/// An app with a secret.
pub(crate) fn confidential() -> App {
    App::confidential("mine", SECRET)
}

/// An app with a private key in place of a secret, and what it is registered with.
pub(crate) fn keyed(algorithm: Algorithm) -> Outcome<(App, Metadata)> {
    let key = AwsLc.generate(algorithm)?;
    let mut app = App::public("mine");
    (app.private_key, app.private_key_id) = (key.to_pem(), Some("key-1".to_owned()));
    let method = Some("private_key_jwt".to_owned());
    Ok((app, Metadata { token_endpoint_auth_method: method, jwks: Some(jwks(&*signer(algorithm, key)?)), ..Metadata::default() }))
}

/// Who signs with the app's key.
pub(crate) fn signer(algorithm: Algorithm, key: PrivateKey) -> Outcome<Arc<dyn Sign>> {
    Ok(AwsLc.signer(algorithm, &key.named("key-1"))?)
}

fn jwks(signer: &dyn Sign) -> Value {
    let mut jwk = signer.public_key().map(|key| key.to_jwk()).unwrap_or_default();
    jwk.insert("kid".to_owned(), json!("key-1"));
    json!({ "keys": [jwk] })
}

impl House {
    /// The server is asked what it has ([`keyfob::discover()`]): its issuer is all that we know.
    pub(crate) async fn new(app: App, metadata: Metadata, preferences: Preferences) -> Outcome<Self> {
        Self::with(app, preferences, |_| Ok((None, metadata))).await
    }

    /// The same by its door with TLS, where the app shows what `shown` makes.
    pub(crate) async fn with(
        app: App,
        preferences: Preferences,
        shown: impl FnOnce(&Sandbox) -> Outcome<(Option<Certificate>, Metadata)>,
    ) -> Outcome<Self> {
        let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).tls().start().await?;
        let (shown, metadata) = shown(&sandbox)?;
        let transport = HyperTransport::builder().loopback_only(true).authorities(sandbox.authority());
        let transport = match shown {
            Some(own) => transport.client_certificate(own.certificate, Secret::new(own.key)),
            None => transport,
        };
        let client_secret = app.client_secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default();
        let registered = Registration { client_id: app.client_id.clone(), client_secret, metadata, ..sandbox.app("acme") };
        sandbox.register("mine", registered);
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport.build()?));
        let scopes = ["openid", "profile", "echo"].map(str::to_owned).to_vec();
        let preferences = Preferences { scopes, ..preferences };
        let door = if preferences.mtls { sandbox.secure_origin() } else { sandbox.origin("acme") };
        let api = Endpoint::parse(&format!("{door}/api"))?;
        let issuer = sandbox.origin("acme");
        let settings = keyfob::discover(&keyfob, "acme", &issuer, Order::OpenIdFirst, &app, &preferences, api).await?;
        Ok(Self { sandbox, keyfob, app, settings })
    }

    /// The same server's OAuth 1, which no metadata describe.
    pub(crate) async fn oauth1(app: App, metadata: Metadata, change: impl FnOnce(&mut oauth1::Settings)) -> Outcome<Self> {
        let house = Self::new(app, metadata, Preferences::default()).await?;
        let at = |path: &str| Endpoint::parse(&format!("{}/oauth1/{path}", house.sandbox.origin("acme")));
        let mut flow = oauth1::Settings::new(at("request_token")?, at("authorize")?, at("access_token")?);
        change(&mut flow);
        let settings = Settings { api: Api::new(at("api")?), ..Settings::new("acme", Flow::OAuth1(flow), at("api")?) };
        Ok(Self { settings, ..house })
    }

    /// What OAuth 2 is told of the server.
    pub(crate) fn flow(&mut self) -> &mut oauth2::Settings {
        match &mut self.settings.flow {
            Flow::OAuth2(flow) => flow,
            _ => unreachable!("an example of OAuth 2"),
        }
    }

    pub(crate) async fn begin(&self, options: LoginOptions) -> Outcome<Login> {
        let redirect = Redirect::Uri(CALLBACK.to_owned());
        Ok(Login::begin_with(&self.keyfob, &self.settings, &self.app, ACCOUNT, redirect, options).await?)
    }

    /// The person, who goes where they are sent, says yes, and comes back.
    pub(crate) async fn visit(&self, url: &str) -> Outcome<String> {
        let answer = self.keyfob.transport().send(http::Request::get(url).body(Body::empty())?).await?;
        Ok(answer.headers().get("location").ok_or("no way back")?.to_str()?.to_owned())
    }

    /// A whole login.
    pub(crate) async fn log_in(&self, options: LoginOptions) -> Outcome<LoggedIn> {
        let login = self.begin(options).await?;
        let back = self.visit(login.url()).await?;
        let verified = login.judge(Answer::Url(&back)).await?;
        Ok(login.finish(verified).await?)
    }

    pub(crate) async fn session(&self, account: &str) -> Outcome<Session> {
        Ok(self.keyfob.session(self.settings.clone(), self.app.clone(), account).await?)
    }

    /// A call of the API, which has to succeed.
    pub(crate) async fn calls(&self, account: &str, path: &str) -> Outcome<Value> {
        Ok(self.session(account).await?.get(path).send().await?.json().await?)
    }

    /// Whether a request to this path had this parameter.
    pub(crate) fn was_sent(&self, path: &str, name: &str) -> bool {
        self.sandbox.seen("acme").iter().any(|seen| seen.path == path && seen.value(name).is_some())
    }
}

pub(crate) fn tokens(tokens: &TokenSet) -> &OAuth2Tokens {
    match tokens {
        TokenSet::OAuth2(tokens) => tokens,
        _ => unreachable!("an example of OAuth 2"),
    }
}
