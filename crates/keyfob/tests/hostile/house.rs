//! Asks one endpoint for one case, the way a program would, and looks at what is kept afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyfob::login::{client_credentials, jwt_bearer, password_legacy, saml_assertion, token_exchange, xauth_legacy};
use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, Crypto};
use keyfob::proto::oauth2::challenge::Challenges;
use keyfob::proto::oauth2::metadata::{Metadata, Order};
use keyfob::proto::oauth2::registration::ClientMetadata;
use keyfob::proto::oauth2::{self, AccessRequest, BackchannelRequest, Hint, LongLived, Renewal, TokenExchangeRequest, TokenType};
use keyfob::proto::oidc::UserInfo;
use keyfob::proto::{
    Answer, App, Endpoint as Url, Error as ProtoError, Flow, Identity, Misbehaved, OAuth2Tokens, Origin, Secret, Settings, Timestamp,
    TokenSet, oauth1,
};
use keyfob::store::Expected;
use keyfob::{
    Account, AccountId, BackchannelLogin, Clock, DeviceLogin, Error, Health, HyperTransport, Keyfob, Login, MemoryStore, OsEntropy, Policy,
    Redirect, Revoked, Store, SystemClock, Transport, find_issuer, logout, sourced_claims,
};
use keyfob_testbed::hostile::Verdict;
use serde_json::json;

use super::SHORT;
use super::endpoint::Endpoint;

/// One of the cases puts this into its error, and the refresh token.
const CLIENT_SECRET: &str = "SECRET-IN-ERROR";
const ACCESS: &str = "access-1-not-real";
const REFRESH: &str = "refresh-1-not-real";
const ASSERTION: &str = "<Assertion>assertion-1-not-real</Assertion>";
const PASSWORD: &str = "password-1-not-real";
const REGISTRATION: &str = "registration-1-not-real";

/// What no error of this endpoint shows: what was sent to it, and what came from it.
pub fn secrets(endpoint: Endpoint) -> Vec<&'static str> {
    let sent: &[&str] = match endpoint {
        Endpoint::Refresh | Endpoint::Revocation | Endpoint::Api | Endpoint::UserInfo | Endpoint::SignedUserInfo => {
            &[CLIENT_SECRET, ACCESS, REFRESH]
        }
        Endpoint::TokenExchange | Endpoint::Introspection | Endpoint::SignedIntrospection => &[CLIENT_SECRET, ACCESS],
        Endpoint::SamlBearer => &[CLIENT_SECRET, ASSERTION],
        Endpoint::Password | Endpoint::XAuth => &[CLIENT_SECRET, PASSWORD],
        // With a token of its own, and nothing else of ours.
        Endpoint::Reading | Endpoint::Management | Endpoint::Deletion => &[REGISTRATION],
        Endpoint::Claims => &[ACCESS],
        // Nobody says there who they are, so what they know of us they have from somewhere else.
        Endpoint::Registration | Endpoint::Metadata | Endpoint::Keys | Endpoint::Resource | Endpoint::WebFinger => &[],
        _ => &[CLIENT_SECRET],
    };
    [sent, &["access-2", "refresh-2", "secret-2", "device-1", "temporary-1", "registration-2", "planted"]].concat()
}

/// Transports are shared: reading the system's certificates a thousand times would take most of the time.
pub struct Transports {
    usual: Arc<HyperTransport>,
    hasty: Arc<HyperTransport>,
}

/// A transport, a deadline other than the product's, and the time.
pub struct Way {
    pub transport: Arc<dyn Transport>,
    pub deadline: Option<Duration>,
    pub clock: Arc<dyn Clock>,
}

impl Transports {
    pub fn new() -> Self {
        let builder = || HyperTransport::builder().loopback_only(true);
        Self { usual: Arc::new(builder().build().unwrap()), hasty: Arc::new(builder().head_deadline(SHORT).build().unwrap()) }
    }

    pub fn usual(&self) -> Way {
        Way { transport: self.usual.clone(), deadline: None, clock: Arc::new(SystemClock) }
    }

    /// For answers without end. All others have the product's own deadline, so that a busy machine is not taken for a slow server.
    pub fn hasty(&self) -> Way {
        Way { transport: self.hasty.clone(), deadline: Some(SHORT), clock: Arc::new(SystemClock) }
    }
}

/// A program with an empty store, at a server that answers as one case says.
pub struct House<'a> {
    origin: &'a str,
    case: &'a str,
    store: Arc<MemoryStore>,
    keyfob: Keyfob,
}

impl<'a> House<'a> {
    pub fn new(origin: &'a str, case: &'a str, Way { transport, deadline, clock }: Way) -> Self {
        let (store, mut policy) = (Arc::new(MemoryStore::new()), Policy::default());
        if let Some(deadline) = deadline {
            (policy.deadline, policy.reading) = (deadline, deadline);
        }
        let keyfob = Keyfob::with(store.clone(), transport, clock, Arc::new(OsEntropy)).with_policy(policy);
        Self { origin, case, store, keyfob }
    }

    /// Where the case is answered.
    fn spoilt(&self, endpoint: Endpoint) -> Url {
        self.at(self.case, endpoint.name())
    }

    /// Where all is well.
    fn good(&self, endpoint: &str) -> Url {
        self.at("ok", endpoint)
    }

    fn at(&self, case: &str, endpoint: &str) -> Url {
        Url::parse(&format!("{}/{case}/{endpoint}", self.origin)).unwrap()
    }

    fn app(&self) -> App {
        App::confidential("example-client-id", CLIENT_SECRET)
    }

    /// A provider whose tokens are good, but for what a test changes.
    fn settings(&self, change: impl FnOnce(&mut oauth2::Settings)) -> Settings {
        let mut flow = oauth2::Settings::new(self.good("authorize"), self.good("token"));
        flow.scopes = vec!["read".to_owned()];
        change(&mut flow);
        Settings::new("pretend", Flow::OAuth2(flow), self.spoilt(Endpoint::Api))
    }

    /// A provider that signs what it says.
    fn signing(&self) -> Settings {
        self.settings(|flow| (flow.issuer, flow.jwks) = (Some(self.good("issuer").to_string()), Some(self.good("claims-keys"))))
    }

    fn now(&self) -> Timestamp {
        self.keyfob.now()
    }

    pub async fn ask(&self, endpoint: Endpoint) -> Result<(), Error> {
        let place = self.spoilt(endpoint);
        let secret = Secret::new(ACCESS);
        match endpoint {
            Endpoint::Token => self.log_in(&self.settings(|flow| flow.token = place)).await,
            Endpoint::Keys => {
                let settings = self.settings(|flow| {
                    flow.issuer = Some(self.good("issuer").to_string());
                    flow.jwks = Some(place);
                    // It grants less than it was asked for: no ID token is due.
                    flow.token = self.good("token-for-less");
                    flow.scopes.push("openid".to_owned());
                });
                self.log_in(&settings).await
            }
            Endpoint::Refresh => {
                self.has_account(ISSUER).await;
                let settings = self.settings(|flow| flow.refresh = Some(place));
                self.keyfob.session(settings, self.app(), "pretend").await?.refresh().await.map(drop)
            }
            Endpoint::Revocation => {
                self.has_account(ISSUER).await;
                let settings = self.settings(|flow| flow.revoke = Some(place));
                match logout(&self.keyfob, &settings, &self.app(), "pretend", true).await?.revoked {
                    Revoked::Failed(error) => Err(error),
                    Revoked::Yes => Ok(()),
                    other => panic!("{other:?}"),
                }
            }
            Endpoint::Pushed => {
                let settings = self.settings(|flow| flow.pushed = Some(place));
                let redirect = Redirect::Uri(REDIRECT.to_owned());
                Login::begin(&self.keyfob, &settings, &self.app(), "pretend", redirect, vec![]).await.map(drop)
            }
            Endpoint::Device => {
                let settings = self.settings(|flow| flow.device_authorization = Some(place));
                DeviceLogin::begin(&self.keyfob, &settings, &self.app(), "pretend", vec![]).await.map(drop)
            }
            Endpoint::Polling => {
                let settings = self.settings(|flow| {
                    flow.device_authorization = Some(self.good("device-in-haste"));
                    flow.token = place;
                });
                DeviceLogin::begin(&self.keyfob, &settings, &self.app(), "pretend", vec![]).await?.wait().await.map(drop)
            }
            Endpoint::Introspection => self.keyfob.introspect(&self.settings(|_| {}), &self.app(), &place, &secret, None).await.map(drop),
            Endpoint::UserInfo => {
                self.has_account(ISSUER).await;
                let settings = self.settings(|flow| {
                    flow.userinfo = Some(place);
                    flow.issuer = Some(ISSUER.to_owned());
                    flow.jwks = Some(self.good("keys"));
                });
                self.keyfob.session(settings, self.app(), "pretend").await?.userinfo().await.map(drop)
            }
            Endpoint::Registration => {
                let server = self.server(place).await?;
                self.keyfob.register_client(&server, &us(), None).await.map(drop)
            }
            Endpoint::Metadata => self.keyfob.metadata(place.as_str(), Order::OAuthFirst).await.map(drop),
            Endpoint::Backchannel => {
                let settings = self.settings(|flow| flow.backchannel_authentication = Some(place));
                let request = BackchannelRequest::new(Hint::Login("person".to_owned()), AccessRequest::scopes(["openid"]));
                BackchannelLogin::begin(&self.keyfob, &settings, &self.app(), "pretend", &request).await.map(drop)
            }
            Endpoint::BackchannelPolling => {
                let settings = self.settings(|flow| {
                    flow.backchannel_authentication = Some(self.good("backchannel-in-haste"));
                    flow.token = place;
                });
                let request = BackchannelRequest::new(Hint::Login("person".to_owned()), AccessRequest::scopes(["openid", "read"]));
                BackchannelLogin::begin(&self.keyfob, &settings, &self.app(), "pretend", &request).await?.wait().await.map(drop)
            }
            Endpoint::ClientCredentials => {
                let settings = self.settings(|flow| flow.token = place);
                client_credentials(&self.keyfob, &settings, &self.app(), "pretend", &AccessRequest::default()).await.map(drop)
            }
            Endpoint::TokenExchange => {
                let settings = self.settings(|flow| flow.token = place);
                let request = TokenExchangeRequest::new(secret, TokenType::AccessToken);
                token_exchange(&self.keyfob, &settings, &self.app(), "pretend", &request).await.map(drop)
            }
            Endpoint::JwtBearer => {
                let settings = self.settings(|flow| (flow.token, flow.issuer) = (place, Some(ISSUER.to_owned())));
                let app = App { private_key: AwsLc.generate(Algorithm::ES256)?.to_pem(), ..self.app() };
                jwt_bearer(&self.keyfob, &settings, &app, "pretend", "person", &AccessRequest::default()).await.map(drop)
            }
            Endpoint::SamlBearer => {
                let settings = self.settings(|flow| flow.token = place);
                let (assertion, request) = (Secret::new(ASSERTION), AccessRequest::default());
                saml_assertion(&self.keyfob, &settings, &self.app(), "pretend", &assertion, &request).await.map(drop)
            }
            Endpoint::Password => {
                let settings = self.settings(|flow| flow.token = place);
                let (word, request) = (Secret::new(PASSWORD), AccessRequest::default());
                password_legacy(&self.keyfob, &settings, &self.app(), "pretend", "robin", &word, &request).await.map(drop)
            }
            Endpoint::LongLived => {
                let longer = LongLived { endpoint: place, grant_type: "exchange_token".to_owned() };
                let renewal = Renewal { grant_type: "refresh_token".to_owned(), long_lived: Some(longer) };
                self.log_in(&self.settings(|flow| flow.renewal = Some(renewal))).await
            }
            Endpoint::SignedIntrospection => {
                let settings = self.signing();
                let algorithms = Algorithms::of([Algorithm::ES256]);
                self.keyfob.introspect_signed(&settings, &self.app(), &place, &secret, &algorithms).await.map(drop)
            }
            Endpoint::SignedUserInfo => {
                let mut settings = self.signing();
                let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
                (flow.userinfo, flow.userinfo_algorithms) = (Some(place), Some(Algorithms::of([Algorithm::ES256])));
                self.has_account(self.good("issuer").as_str()).await;
                self.keyfob.session(settings, self.app(), "pretend").await?.userinfo().await.map(drop)
            }
            Endpoint::Reading | Endpoint::Management | Endpoint::Deletion => {
                let server = self.server(self.good(&format!("managed-{}.{}", self.case, endpoint.name()))).await?;
                let client = self.keyfob.register_client(&server, &us(), None).await?.registration;
                match endpoint {
                    Endpoint::Reading => self.keyfob.read_client(&server, &client).await.map(drop),
                    Endpoint::Deletion => self.keyfob.delete_client(&server, &client).await,
                    _ => self.keyfob.update_client(&server, &client, &client.metadata).await.map(drop),
                }
            }
            Endpoint::Resource => self.keyfob.resource_metadata(place.as_str(), &Challenges::default()).await.map(drop),
            Endpoint::WebFinger => find_issuer(&self.keyfob, place.as_str(), &self.good("home")).await.map(drop),
            Endpoint::Claims => {
                let source = json!({ "endpoint": place.as_str(), "access_token": ACCESS });
                let said = json!({ "sub": "person-1", "_claim_names": { "credit_score": "bank" }, "_claim_sources": { "bank": source } });
                let said = http::Response::builder().header("content-type", "application/json").body(said.to_string()).unwrap();
                let person = UserInfo::judge(&said, ISSUER, "person-1", "example-client-id", None, self.now())?;
                let home = self.good("userinfo");
                let bank = self.good("claims-issuer");
                let told = sourced_claims(&self.keyfob, &person.claims, &home, "example-client-id", &[bank.as_str()]).await?;
                // What is left out has not been taken.
                let left_out = || ProtoError::from(Misbehaved::api("claims by whom we trust", "none"));
                (!told.is_empty()).then_some(()).ok_or_else(|| left_out().into())
            }
            Endpoint::RequestToken => self.log_in(&self.signed(place, self.good("access-token"))).await,
            Endpoint::AccessToken => self.log_in(&self.signed(self.good("request-token"), place)).await,
            Endpoint::XAuth => {
                let settings = self.signed(self.good("request-token"), place);
                xauth_legacy(&self.keyfob, &settings, &self.app(), "pretend", "robin", &Secret::new(PASSWORD)).await.map(drop)
            }
            Endpoint::Api => {
                self.has_account(ISSUER).await;
                let session = self.keyfob.session(self.settings(|_| {}), self.app(), "pretend").await?;
                session.get(place.as_str()).send().await?.json().await.map(drop)
            }
        }
    }

    /// A good server, which registers clients there.
    async fn server(&self, registration: Url) -> Result<Metadata, Error> {
        let mut server = self.keyfob.metadata(self.good("metadata").as_str(), Order::OAuthFirst).await?;
        server.registration_endpoint = Some(registration);
        Ok(server)
    }

    /// A call whose answer is read as it comes, and no further than anybody wants to.
    pub async fn stream(&self) -> Result<(), Error> {
        self.has_account(ISSUER).await;
        let session = self.keyfob.session(self.settings(|_| {}), self.app(), "pretend").await?;
        let mut body = session.get(self.spoilt(Endpoint::Api).as_str()).send().await?.into_http().into_body();
        let mut read = 0;
        while read < 64 << 20
            && let Some(piece) = body.chunk().await?
        {
            read += piece.len();
        }
        Ok(())
    }

    fn signed(&self, request_token: Url, access_token: Url) -> Settings {
        let flow = oauth1::Settings::new(request_token, self.good("authorize"), access_token);
        Settings::new("pretend", Flow::OAuth1(flow), self.good("api"))
    }

    /// A login by a browser that approves at once.
    async fn log_in(&self, settings: &Settings) -> Result<(), Error> {
        let redirect = Redirect::Uri(REDIRECT.to_owned());
        let login = Login::begin(&self.keyfob, settings, &self.app(), "pretend", redirect, vec![]).await?;
        let query = match &settings.flow {
            Flow::OAuth1(_) => "oauth_token=temporary-1&oauth_verifier=verifier-1".to_owned(),
            _ => {
                let url = url::Url::parse(login.url()).unwrap();
                let state = url.query_pairs().find(|(name, _)| name == "state").map(|(_, state)| state.into_owned());
                let issuer = match &settings.flow {
                    Flow::OAuth2(oauth2::Settings { issuer: Some(issuer), .. }) => format!("&iss={issuer}"),
                    _ => String::new(),
                };
                format!("code=code-1&state={}{issuer}", state.unwrap())
            }
        };
        // What a broken answer to the first step led to is an error already.
        let verified = login.verify(Answer::Query(&query))?;
        login.finish(verified).await.map(drop)
    }

    /// Puts an account into the store, as if somebody had logged in.
    async fn has_account(&self, issuer: &str) {
        let tokens = OAuth2Tokens {
            access: Secret::new(ACCESS),
            refresh: Some(Secret::new(REFRESH)),
            received_at: self.now(),
            expires_at: None,
            refresh_expires_at: None,
            scopes: vec!["read".to_owned()],
            identity: Some(Box::new(Identity {
                issuer: issuer.to_owned(),
                subject: "person-1".to_owned(),
                audience: vec![self.app().client_id],
                verified: true,
            })),
            id_token: None,
            authorization_details: vec![],
            proof_key: None,
            resources: vec![],
        };
        let account = Account {
            id: AccountId::random(),
            name: "pretend".to_owned(),
            provider: "pretend".to_owned(),
            client_id: self.app().client_id,
            tokens: TokenSet::OAuth2(tokens),
            kept: BTreeMap::new(),
            origins: vec![Origin::parse(self.origin).unwrap()],
            requested_scopes: vec![],
            tolerated: vec![],
            grant: keyfob::Grant::Approval,
            health: Health::Ok,
            logged_in_at: self.now(),
            spending: None,
            refreshed: None,
        };
        self.store.put_account(&account, Expected::Nothing, None).await.unwrap();
    }

    /// What the store holds that it should not, or lacks that it should hold: nothing of a refused answer, and nothing lost by one.
    pub async fn kept_otherwise(&self, endpoint: Endpoint, expected: Verdict) -> Option<String> {
        let accounts = self.store.accounts().await.unwrap();
        let wrong = |what: &str| Some(format!("{}: {what}", self.case));
        let apps = self.store.apps().await.unwrap();
        if !apps.is_empty() {
            return wrong("an app was kept");
        }
        match (endpoint, accounts.as_slice(), expected) {
            (Endpoint::Refresh, [account], _) => {
                let TokenSet::OAuth2(tokens) = &account.value.tokens else { return wrong("tokens of another protocol") };
                let (access, refresh) = (tokens.access.expose(), tokens.refresh.as_ref().map(Secret::expose));
                let new = (access, refresh) == ("access-2", Some("refresh-2"));
                // Of an answer that is no good otherwise, the next refresh token may be kept (D12).
                let old = access == ACCESS && [Some(REFRESH), Some("refresh-2")].contains(&refresh);
                let as_it_should = if expected == Verdict::Accept { new } else { old };
                (!as_it_should).then(|| format!("{}: the account has {access} and {refresh:?}", self.case))
            }
            (Endpoint::Api | Endpoint::UserInfo | Endpoint::SignedUserInfo, [account], _) => {
                // A 401 of UserInfo is an access token that has ended: there is a new one, and it is asked once more.
                let renewed = endpoint != Endpoint::Api && self.case == "err_echo_secret";
                let due = if renewed { "refresh-2" } else { REFRESH };
                let kept = account.value.tokens.secrets().iter().any(|token| token.expose() == due);
                (!kept).then(|| format!("{}: the account has lost its tokens", self.case))
            }
            (endpoint, [_], Verdict::Accept) if keeps_one(endpoint) => None,
            (endpoint, [], Verdict::Accept) if keeps_one(endpoint) => wrong("nothing was kept"),
            (Endpoint::Refresh | Endpoint::Api | Endpoint::UserInfo | Endpoint::SignedUserInfo, _, _) => {
                wrong("the account is gone, or another")
            }
            (_, [], _) => None,
            (_, accounts, _) => wrong(&format!("{} accounts were kept", accounts.len())),
        }
    }
}

/// Whether a good answer there makes an account.
fn keeps_one(endpoint: Endpoint) -> bool {
    use Endpoint::*;
    endpoint.is_polled()
        || matches!(
            endpoint,
            Token
                | Keys
                | AccessToken
                | RequestToken
                | XAuth
                | Password
                | ClientCredentials
                | TokenExchange
                | JwtBearer
                | SamlBearer
                | LongLived
        )
}

/// What is registered.
fn us() -> ClientMetadata {
    ClientMetadata::native("Keyfob", ["http://127.0.0.1/callback"])
}

/// Whose ID token the account was made with.
const ISSUER: &str = "https://login.example";
const REDIRECT: &str = "http://127.0.0.1:9/callback";
