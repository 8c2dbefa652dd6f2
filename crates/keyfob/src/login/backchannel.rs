//! Logging in without a browser of ours: the server asks the person itself, on a device that it knows (OpenID CIBA Core).

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use keyfob_proto::oauth2::{self, BackchannelRequest};
use keyfob_proto::{App, Flow, Misuse, Received, Settings, Timestamp};
use tokio::sync::Notify;

use super::LoggedIn;
use super::decided::{Heard, decided};
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// A login that somebody is being asked about. Shared between whoever [waits](Self::wait) and whoever hears the server's
/// [notification](Self::notified), where the app is registered for pings.
///
/// ```
/// # use keyfob::{BackchannelLogin, Error, Keyfob, proto::{App, Settings}};
/// use keyfob::proto::oauth2::{AccessRequest, BackchannelRequest, Hint};
///
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
/// let request = BackchannelRequest::new(Hint::Login("robin@example.com".to_owned()), AccessRequest::scopes(["openid"]));
/// let login = BackchannelLogin::begin(keyfob, settings, app, "example", &request).await?;
/// let account = login.wait().await?.account;
/// # Ok(()) }
/// ```
pub struct BackchannelLogin {
    keyfob: Keyfob,
    settings: Settings,
    app: App,
    client: oauth2::Client,
    account: String,
    requested_scopes: Vec<String>,
    login: Mutex<oauth2::BackchannelLogin>,
    /// One at a time asks: two would be told to slow down.
    turn: tokio::sync::Mutex<()>,
    pinged: Notify,
}

impl BackchannelLogin {
    /// Asks the provider to ask somebody. A name that is another provider's is refused before.
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without backchannel authentication endpoint; `TakenName`; and those of the core's
    /// [`backchannel_authentication`](oauth2::Client::backchannel_authentication).
    pub async fn begin(
        keyfob: &Keyfob,
        settings: &Settings,
        app: &App,
        account: &str,
        request: &BackchannelRequest,
    ) -> Result<Self, Error> {
        let Flow::OAuth2(flow) = &settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another")
                .of("OpenID CIBA Core §1")
                .with_hint("log in by the browser: Login::begin")
                .into());
        };
        let requested_scopes = if request.access.scopes.is_empty() { flow.scopes.clone() } else { request.access.scopes.clone() };
        Place { keyfob, settings, client_id: &app.client_id, name: account }.before().await?;
        let client = keyfob.login_client(settings, app)?;
        let asking = client.backchannel_authentication(request, keyfob.entropy())?;
        let answer = keyfob.ask_server(&client, asking.request()).await?;
        let login = asking.receive(&answer, keyfob.now())?;
        tracing::info!(provider = settings.provider, account, "somebody is being asked");
        let (settings, app, account) = (settings.clone(), app.clone(), account.to_owned());
        let (login, turn, pinged) = (Mutex::new(login), tokio::sync::Mutex::new(()), Notify::new());
        Ok(Self { keyfob: keyfob.clone(), settings, app, client, account, requested_scopes, login, turn, pinged })
    }

    /// Whether somebody has decided, whatever has become of it: [`wait`](Self::wait) has nothing more to ask.
    pub fn is_decided(&self) -> bool {
        self.login().is_decided()
    }

    /// When the login ends undecided.
    pub fn expires_at(&self) -> Timestamp {
        self.login().expires_at()
    }

    /// Judges what was posted to our notification endpoint (§10.2), and ends the wait. Answer it with 204, whatever comes of it.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for a notification that this server did not send about this login: nothing has changed then. `Misuse` if no ping was asked for.
    pub fn notified(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
        self.login().notified(headers, body, self.keyfob.now())?;
        self.pinged.notify_one();
        Ok(())
    }

    /// Asks as often as the provider allows, or once it has told us to, until somebody has decided; and keeps the account. Drop the future to give up:
    /// nothing was kept then.
    ///
    /// # Errors
    ///
    /// One that [ends the login](keyfob_proto::Error::ends_login) if somebody said no, or the time is over. After another one (an answer that nobody
    /// understands) it lives on, unless it [was decided](Self::is_decided): call this again.
    pub async fn wait(&self) -> Result<LoggedIn, Error> {
        self.keyfob.prepare_to_verify(&self.settings, &self.app, &self.requested_scopes).await?;
        let received = self.decided().await?;
        let place = Place { keyfob: &self.keyfob, settings: &self.settings, client_id: &self.app.client_id, name: &self.account };
        place.approved(&self.client, &self.app, self.requested_scopes.clone(), received).await
    }

    async fn decided(&self) -> Result<Received, Error> {
        let _turn = self.turn.lock().await;
        let client = &self.client;
        let tell = |heard: Heard<'_>, now| match heard {
            Heard::Nothing => self.login().step(client, now),
            Heard::Answer(answer) => self.login().receive(client, answer, now),
            Heard::Failure(failure) => self.login().unreachable(failure, now),
        };
        // Either way it is the core that says whether to ask.
        let pause = async |longest| drop(tokio::time::timeout(longest, self.pinged.notified()).await);
        decided(&self.keyfob, client, tell, pause).await
    }

    fn login(&self) -> MutexGuard<'_, oauth2::BackchannelLogin> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without what names the login at the server.
impl std::fmt::Debug for BackchannelLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackchannelLogin")
            .field("provider", &self.settings.provider)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
