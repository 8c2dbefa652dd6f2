//! Logging in: from "who?" to an account in the store.
//!
//! ```text
//!  Login::begin ──► url() ──► the person approves ──► judge(answer) ──► finish(verified) ──► Account, stored
//!       │                                                ▲
//!       └── stored() ──► a store ──► resume() ───────────┘      (web applications: two requests, perhaps two machines)
//! ```
//!
//! [`loopback`] waits for the browser on this machine; [`DeviceLogin`] and [`BackchannelLogin`] need none here; [`client_credentials`] and
//! [`jwt_bearer`] need no person; [`exchanged`] and [`token_exchange`]
//! make an account of another one's token. What is called legacy ([`password_legacy`], [`xauth_legacy`], [`ImplicitLegacyLogin`]) is for providers that offer
//! nothing else (RFC 9700 §2.1.2, §2.4).

mod approved;
mod asserted;
mod authorize;
mod backchannel;
mod by_reference;
mod client_credentials;
mod decided;
mod device;
mod exchange;
mod implicit_legacy;
mod judge;
mod jwt_bearer;
mod keep;
mod long_lived;
pub mod loopback;
mod one_legged;
mod options;
mod password_legacy;
mod pending;

use keyfob_proto::oidc::IdToken;
use keyfob_proto::{App, Flow, Misuse, Received, Settings, TokenSet, Tolerated, oauth1, oauth2};

pub use approved::Approved;
pub use asserted::{jwt_assertion, saml_assertion};
pub use backchannel::BackchannelLogin;
pub use client_credentials::client_credentials;
pub use device::{Asked, DeviceLogin, PendingDeviceLogin};
pub use exchange::{exchanged, token_exchange};
pub use implicit_legacy::{ImplicitLegacyLogin, PendingImplicitLegacyLogin};
pub use jwt_bearer::jwt_bearer;
use keep::Place;
pub use one_legged::one_legged;
pub use options::LoginOptions;
pub use password_legacy::{password_legacy, xauth_legacy};
pub use pending::Pending;

use crate::account::{Account, AccountId, PendingLogin};
use crate::error::Error;
use crate::id_token::Verifier;
use crate::keyfob::Keyfob;

/// A login under way.
pub struct Login {
    keyfob: Keyfob,
    settings: Settings,
    app: App,
    account: String,
    requested_scopes: Vec<String>,
    pending: Pending,
    url: String,
}

/// Where the provider shall send the person back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// This URL, registered with the provider.
    Uri(String),
    /// Nowhere: the provider shows a PIN (OAuth 1 `oob`).
    OutOfBand,
}

/// Proof that an answer is to our request, of either protocol. Only [`Login::verify`] and [`Login::judge`] make one.
#[must_use = "a verified login is finished with Login::finish"]
#[derive(Debug)]
pub struct Verified(VerifiedKind);

#[derive(Debug)]
enum VerifiedKind {
    OAuth1(oauth1::Verified),
    /// With the ID token that came through the browser, where one did.
    OAuth2(Box<oauth2::Verified>, Option<Box<IdToken>>),
}

/// A login that succeeded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The account, as it is in the store now.
    pub account: Account,
    /// Whether it took the place of an older login of the same name.
    pub replaced: bool,
    /// The id of that older login, where it is known to have been another person's: the account has one of its own then, and what was made for the old
    /// one (keys, rules) opens nothing any more.
    pub ended: Option<AccountId>,
    /// The deviations that were needed.
    pub tolerated: Tolerated,
    /// Who the person is, where the provider says so: verified, every rule of OpenID Connect Core §3.1.3.7. `None` where the provider's settings name
    /// no issuer or no keys, or `openid` was not granted.
    pub id_token: Option<IdToken>,
    /// What the members of the provider's answer are called, where it lacks a value that is to be kept (`Settings::keep`); else none.
    pub members: Vec<String>,
}

impl Login {
    /// Begins a login: for OAuth 1 this asks the provider for temporary credentials.
    ///
    /// # Errors
    ///
    /// As [`begin_with`](Self::begin_with).
    pub async fn begin(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        redirect: Redirect,
        scopes: Vec<String>,
    ) -> Result<Self, Error> {
        Self::begin_with(keyfob, settings, app, account, redirect, LoginOptions::scopes(scopes)).await
    }

    /// Begins a login that asks for more than scopes. Where the server takes pushed requests (RFC 9126) this sends one, and where the settings want
    /// tokens bound to a key (RFC 9449) it makes one.
    ///
    /// ```
    /// # use keyfob::{Error, Keyfob, Login, LoginOptions, Redirect, proto::{App, Settings}};
    /// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<Login, Error> {
    /// let options = LoginOptions { resources: vec!["https://api.example/files".into()], ..LoginOptions::scopes(["read"]) };
    /// Login::begin_with(keyfob, settings, app, "example", Redirect::Uri("https://app.example/callback".into()), options).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for what this provider or protocol has not: a private key that is wanted and missing, OAuth 1 where something of OpenID Connect is asked
    /// for, a question that only an ID token answers where there will be none. `Refused` and `Misbehaved` for the answer of a server that was asked first.
    pub async fn begin_with(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        redirect: Redirect,
        options: LoginOptions,
    ) -> Result<Self, Error> {
        let now = keyfob.now();
        let (url, pending, requested_scopes) = match (&settings.flow, redirect) {
            (Flow::OAuth1(flow), redirect) => {
                options.check_none_but_scopes()?;
                let callback = match redirect {
                    Redirect::Uri(uri) => oauth1::Callback::Url(uri),
                    Redirect::OutOfBand => oauth1::Callback::OutOfBand,
                };
                let client = keyfob.oauth1_client(settings, app)?;
                let origin = flow.request_token.origin();
                let offset = keyfob.clock_offset(&origin);
                let mut request = client.request_token(callback, offset.apply(now), keyfob.entropy())?;
                let mut answer = keyfob.exchange(request.request()).await?;
                if keyfob.learn_clock(&origin, offset, &answer) {
                    request = request.signed_again(keyfob.clock_offset(&origin).apply(keyfob.now()), keyfob.entropy())?;
                    answer = keyfob.exchange(request.request()).await?;
                }
                // The login's age is told by our own clock.
                let (url, pending) = request.receive(&answer, now)?;
                (url, Pending::OAuth1(pending), options.scopes)
            }
            (Flow::OAuth2(flow), Redirect::Uri(redirect_uri)) => {
                let requested = if options.scopes.is_empty() { flow.scopes.clone() } else { options.scopes.clone() };
                let (hybrid, api_judges, request) = (options.hybrid, options.api_judges, options.request(redirect_uri));
                let (url, pending) = authorize::authorize(keyfob, settings, app, &request, hybrid, api_judges).await?;
                (url, pending, requested)
            }
            (_, Redirect::OutOfBand) => {
                return Err(Misuse::new("a redirect URI", "none: only OAuth 1 shows a PIN instead")
                    .of("RFC 6749 §3.1.2")
                    .with_hint("give a redirect URI, on loopback for a program on this machine")
                    .into());
            }
            _ => {
                return Err(Misuse::new("a provider of a kind this version speaks", "another kind")
                    .with_hint("install a newer version")
                    .into());
            }
        };
        tracing::info!(provider = settings.provider, account, "login begun");
        let (settings, app, account) = (settings.clone(), app.clone(), account.to_owned());
        Ok(Self { keyfob: keyfob.clone(), settings, app, account, requested_scopes, pending, url })
    }

    /// Where the person has to go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What waits for the answer.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// The part that a store keeps until the person is back.
    pub fn stored(&self) -> PendingLogin {
        PendingLogin {
            provider: self.settings.provider.clone(),
            account: self.account.clone(),
            requested_scopes: self.requested_scopes.clone(),
            pending: self.pending.clone(),
            crowd: None,
            is_new: false,
        }
    }

    /// Goes on with a login that a store kept.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is a login with another provider than these settings are of: issuer, token endpoint and client id may be the same for both, and the
    /// account would be kept as one of the wrong provider.
    pub fn resume(keyfob: &Keyfob, settings: &Settings, app: &App, login: PendingLogin) -> Result<Self, Misuse> {
        let PendingLogin { provider, account, requested_scopes, pending, crowd: _, is_new: _ } = login;
        check_provider(settings, &provider)?;
        let (settings, app) = (settings.clone(), app.clone());
        Ok(Self { keyfob: keyfob.clone(), settings, app, account, requested_scopes, pending, url: String::new() })
    }

    /// Exchanges the proof for tokens, and keeps the account: in place of an older login of the same name, whose id it goes on with.
    /// A name that is taken is refused before the code is spent. An ID token that does not verify keeps nothing: neither account nor tokens, which the
    /// provider is asked to forget as well, where it can. So it is with a name that another provider's account takes while the code is exchanged, and with a
    /// store that fails.
    ///
    /// It goes on in a task of its own: a caller that goes away after the code has left (a browser that closes its connection, say) loses no login.
    ///
    /// # Errors
    ///
    /// `TakenName`; `NotKept` if the store fails after somebody approved, `Store` before; those of the exchange.
    pub async fn finish(self, verified: Verified) -> Result<LoggedIn, Error> {
        let account = self.account.clone();
        let task = tokio::spawn(async move {
            let place = Place { keyfob: &self.keyfob, settings: &self.settings, client_id: &self.app.client_id, name: &self.account };
            place.before().await?;
            self.exchange(verified).await?.keep().await
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Err(Error::Stopped { account }),
            },
        }
    }

    /// Exchanges the proof, and keeps nothing yet: for whoever wants to know first whose account it is.
    ///
    /// A future that is dropped after the code has left takes the tokens with it, which then live on at the provider, and nobody has them. Where that can
    /// happen (whoever answers requests of a browser), spawn this together with what keeps them.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish), but for the store's.
    pub async fn exchange(self, verified: Verified) -> Result<Approved, Error> {
        let (received, id_token, client) = self.exchanged(verified).await?;
        let Self { keyfob, settings, app, account, requested_scopes, .. } = self;
        Ok(Approved { keyfob, settings, app, account, requested_scopes, client, received, id_token })
    }

    /// With the key that the login was begun with, where its tokens will be bound to one.
    fn client(&self) -> Result<oauth2::Client, Error> {
        let client = self.keyfob.client(&self.settings, &self.app)?;
        Ok(match self.pending.proof_key() {
            Some(stored) => {
                let key = self.keyfob.proof_key(client.settings(), stored)?;
                client.with_proof_key(key)
            }
            None => client,
        })
    }

    /// What the proof is exchanged for; with the client of OAuth 2, which can ask the provider to forget it.
    async fn exchanged(&self, Verified(verified): Verified) -> Result<(Received, Option<IdToken>, Option<oauth2::Client>), Error> {
        let now = self.keyfob.now();
        Ok(match verified {
            VerifiedKind::OAuth1(verified) => {
                let client = self.keyfob.oauth1_client(&self.settings, &self.app)?;
                let keyfob = &self.keyfob;
                let origin = match &self.settings.flow {
                    Flow::OAuth1(flow) => flow.access_token.origin(),
                    _ => self.settings.api.base.origin(),
                };
                let offset = keyfob.clock_offset(&origin);
                let mut exchange = client.exchange(verified, offset.apply(now), keyfob.entropy())?;
                let mut answer = keyfob.exchange(exchange.request()).await?;
                if keyfob.learn_clock(&origin, offset, &answer) {
                    exchange = exchange.signed_again(keyfob.clock_offset(&origin).apply(keyfob.now()), keyfob.entropy())?;
                    answer = keyfob.exchange(exchange.request()).await?;
                }
                (exchange.receive(&answer, now)?, None, None)
            }
            VerifiedKind::OAuth2(verified, from_browser) => {
                let client = self.client()?;
                let exchange = client.exchange(*verified)?;
                let verifier = Verifier::of(&self.keyfob, &self.settings, &self.app);
                // Where no nonce was drawn, nobody asked for an ID token: one that comes all the same is still verified.
                let terms = exchange.expected().cloned().unwrap_or_default();
                if let Some(verifier) = verifier.filter(|_| terms.nonce().is_some()) {
                    verifier.prepare().await?;
                }
                let answer = self.keyfob.ask_server(&client, exchange.request()).await?;
                let received = exchange.receive(&answer, self.keyfob.now())?;
                let TokenSet::OAuth2(short) = &received.tokens else { return Ok((received, None, Some(client))) };
                let short = short.clone();
                let longer = long_lived::long_lived(&self.keyfob, &client, received).await;
                let received = self.keyfob.or_revoked(&client, &short, longer).await?;
                let TokenSet::OAuth2(tokens) = &received.tokens else { return Ok((received, None, Some(client))) };
                let judged = match verifier {
                    Some(verifier) => verifier.login(tokens, &terms, from_browser.as_deref()).await,
                    None => Ok(None),
                };
                let id_token = self.keyfob.or_revoked(&client, tokens, judged).await?;
                (received, id_token, Some(client))
            }
        })
    }
}

/// That a login which a store kept goes on with the settings that it was begun with.
fn check_provider(settings: &Settings, provider: &str) -> Result<(), Misuse> {
    if provider == settings.provider {
        return Ok(());
    }
    Err(Misuse::new(format!("a login with \"{}\", whose settings these are", settings.provider), format!("one with \"{provider}\""))
        .with_hint("go on with the settings of the provider that it was begun with"))
}

/// Without the URL, which holds the `state` or the temporary token.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { settings, account, pending, .. } = self;
        f.debug_struct("Login")
            .field("provider", &settings.provider)
            .field("account", account)
            .field("pending", pending)
            .finish_non_exhaustive()
    }
}
