//! Legacy: an access token that comes through the browser (the implicit grant, RFC 6749 §4.2).

use keyfob_proto::oauth2::legacy::{ImplicitPending, authorize_implicit, push_implicit};
use keyfob_proto::oauth2::{AuthorizeRequest, Dpop};
use keyfob_proto::{Answer, App, Flow, Misuse, Settings};
use serde::{Deserialize, Serialize};

use super::keep::Place;
use super::{LoggedIn, check_provider};
use crate::error::Error;
use crate::keyfob::Keyfob;

/// A login by the implicit grant (RFC 6749 §4.2): the access token itself comes back through the browser, where histories and other programs may see it, and
/// nothing in it tells whether it was issued to another app and planted here (RFC 9700 §2.1.2, §4.6). No refresh token comes, and no ID token: whose account it
/// is nobody can verify. For a provider that offers nothing else; everywhere else [`Login`](super::Login).
///
/// ```
/// # use keyfob::{Error, Keyfob, LoggedIn, login::ImplicitLegacyLogin, proto::{Answer, App, Settings}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, back: &str) -> Result<LoggedIn, Error> {
/// let redirect_uri = "https://app.example/callback";
/// let login = ImplicitLegacyLogin::begin(keyfob, settings, app, "example", redirect_uri, vec!["read".into()]).await?;
/// // … the person goes to login.url(), and comes back with a fragment, which a page has to pass on …
/// login.finish(Answer::Url(back)).await
/// # }
/// ```
pub struct ImplicitLegacyLogin {
    keyfob: Keyfob,
    settings: Settings,
    app: App,
    account: String,
    requested_scopes: Vec<String>,
    pending: ImplicitPending,
    url: String,
}

/// An implicit login, as it is kept until the person is back. It holds the `state`: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingImplicitLegacyLogin {
    /// The provider's name in the catalogue.
    pub provider: String,
    /// The account it will become.
    pub account: String,
    /// The scopes that were asked for.
    pub requested_scopes: Vec<String>,
    /// What waits for the answer.
    pub pending: ImplicitPending,
}

impl ImplicitLegacyLogin {
    /// Begins a login. Where the server takes pushed requests (RFC 9126) the request is pushed, as every login's is (A22). A name that is another provider's is
    /// refused before.
    ///
    /// # Errors
    ///
    /// `TakenName`; `Misuse` for a provider of OAuth 1, and for settings that want tokens bound to a key; and those of the core's [`authorize_implicit`] and
    /// [`push_implicit`].
    pub async fn begin(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        redirect_uri: &str,
        scopes: Vec<String>,
    ) -> Result<Self, Error> {
        let Flow::OAuth2(flow) = &settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another")
                .of("RFC 6749 §4.2")
                .with_hint("log in by the browser: Login::begin")
                .into());
        };
        // The key would be proved to the token endpoint, which has no part in this (RFC 9449 §5).
        if flow.dpop == Dpop::Wanted {
            return Err(Misuse::new("tokens that are bound to a key", "a grant that only gives others")
                .of("RFC 9449 §5")
                .with_hint("ask for a code: Login::begin")
                .into());
        }
        let requested_scopes = if scopes.is_empty() { flow.scopes.clone() } else { scopes.clone() };
        Place { keyfob, settings, client_id: &app.client_id, name: account }.before().await?;
        let client = keyfob.login_client(settings, app)?;
        let request = AuthorizeRequest { redirect_uri: redirect_uri.into(), scopes, ..AuthorizeRequest::default() };
        let (now, entropy) = (keyfob.now(), keyfob.entropy());
        let (url, pending) = if flow.pushed.is_some() || flow.pushed_required {
            let pushed = push_implicit(&client, &request, now, entropy)?;
            let answer = keyfob.ask_server(&client, pushed.request()).await?;
            pushed.receive(&answer)?
        } else {
            authorize_implicit(&client, &request, now, entropy)?
        };
        tracing::info!(provider = settings.provider, account, "implicit login begun");
        let (settings, app, account) = (settings.clone(), app.clone(), account.to_owned());
        Ok(Self { keyfob: keyfob.clone(), settings, app, account, requested_scopes, pending, url })
    }

    /// Where the person has to go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What waits for the answer.
    pub fn pending(&self) -> &ImplicitPending {
        &self.pending
    }

    /// The part that a store keeps until the person is back.
    pub fn stored(&self) -> PendingImplicitLegacyLogin {
        let Self { account, requested_scopes, pending, settings, .. } = self;
        let (account, requested_scopes, pending) = (account.clone(), requested_scopes.clone(), pending.clone());
        PendingImplicitLegacyLogin { provider: settings.provider.clone(), account, requested_scopes, pending }
    }

    /// Goes on with a login that a store kept.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is a login with another provider than these settings are of.
    pub fn resume(keyfob: &Keyfob, settings: &Settings, app: &App, login: PendingImplicitLegacyLogin) -> Result<Self, Misuse> {
        let PendingImplicitLegacyLogin { provider, account, requested_scopes, pending } = login;
        check_provider(settings, &provider)?;
        let (settings, app) = (settings.clone(), app.clone());
        Ok(Self { keyfob: keyfob.clone(), settings, app, account, requested_scopes, pending, url: String::new() })
    }

    /// Judges what came back, and keeps its token as an account: in place of an older login of the same name, whose id it goes on with.
    ///
    /// # Errors
    ///
    /// Those of [`ImplicitPending::receive`]; one that does not [end the login](keyfob_proto::Error::ends_login) leaves it alive: call this again. `TakenName`;
    /// `NotKept` if the store fails.
    pub async fn finish(&self, answer: Answer<'_>) -> Result<LoggedIn, Error> {
        let Self { keyfob, settings, app, account, requested_scopes, pending, url: _ } = self;
        let client = keyfob.client(settings, app)?;
        let received = pending.receive(&client, answer, keyfob.now())?;
        let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
        place.keep(Some(&client), requested_scopes.clone(), received, None).await
    }
}

/// Without the URL, which holds the `state`.
impl std::fmt::Debug for ImplicitLegacyLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { settings, account, pending, .. } = self;
        f.debug_struct("ImplicitLegacyLogin")
            .field("provider", &settings.provider)
            .field("account", account)
            .field("pending", pending)
            .finish_non_exhaustive()
    }
}
