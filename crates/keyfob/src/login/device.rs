//! Logging in on another device (RFC 8628): no browser here, a code to enter there.

use keyfob_proto::oauth2::{self, AccessRequest};
use keyfob_proto::{App, Flow, Misuse, Received, Settings, Timestamp};

use super::LoggedIn;
use super::decided::{Heard, decided};
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// A login that waits for somebody to enter a code on another device.
///
/// ```
/// # use keyfob::{DeviceLogin, Error, Keyfob, proto::{App, Settings}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
/// let mut login = DeviceLogin::begin(keyfob, settings, app, "example", vec![]).await?;
/// println!("If you began this login: enter {} at {}", login.user_code(), login.verification_uri());
/// let account = login.wait().await?.account;
/// # Ok(()) }
/// ```
pub struct DeviceLogin {
    keyfob: Keyfob,
    settings: Settings,
    client: oauth2::Client,
    app: App,
    account: String,
    requested_scopes: Vec<String>,
    login: oauth2::DeviceLogin,
}

impl DeviceLogin {
    /// Asks the provider for a code. A name that is another provider's is refused before.
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without device authorization endpoint; `TakenName`; and those of the core's
    /// [`device_authorization`](oauth2::Client::device_authorization).
    pub async fn begin(keyfob: &Keyfob, settings: &Settings, app: &App, account: &str, scopes: Vec<String>) -> Result<Self, Error> {
        let Flow::OAuth2(flow) = &settings.flow else { return Err(Misuse::new("a provider that speaks OAuth 2", "another").into()) };
        let requested_scopes = if scopes.is_empty() { flow.scopes.clone() } else { scopes.clone() };
        Place { keyfob, settings, client_id: &app.client_id, name: account }.before().await?;
        let client = keyfob.login_client(settings, app)?;
        let request = client.device_authorization(&AccessRequest::scopes(scopes))?;
        let answer = keyfob.ask_server(&client, request.request()).await?;
        let login = request.receive(&answer, keyfob.now())?;
        tracing::info!(provider = settings.provider, account, "login on another device begun");
        let (settings, app, account) = (settings.clone(), app.clone(), account.to_owned());
        Ok(Self { keyfob: keyfob.clone(), settings, client, app, account, requested_scopes, login })
    }

    /// The code to enter. Say beside it that only whoever began this login enters it: codes that are sent to others are a way to steal an approval (§5.4).
    pub fn user_code(&self) -> &str {
        self.login.user_code()
    }

    /// Where it is entered.
    pub fn verification_uri(&self) -> &str {
        self.login.verification_uri()
    }

    /// The same with the code in it, for a link or a QR code.
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.login.verification_uri_complete()
    }

    /// When the login ends undecided.
    pub fn expires_at(&self) -> Timestamp {
        self.login.expires_at()
    }

    /// Whether somebody has decided, whatever has become of it: [`wait`](Self::wait) has nothing more to ask.
    pub fn is_decided(&self) -> bool {
        self.login.is_decided()
    }

    /// Asks as often as the provider allows until somebody has decided, and keeps the account. Drop the future to give up: nothing was kept then.
    ///
    /// # Errors
    ///
    /// One that [ends the login](keyfob_proto::Error::ends_login) if somebody said no, or the time is over. After another one (an answer that nobody
    /// understands) it lives on, unless it [was decided](Self::is_decided): call this again.
    pub async fn wait(&mut self) -> Result<LoggedIn, Error> {
        self.keyfob.prepare_to_verify(&self.settings, &self.app, &self.requested_scopes).await?;
        let received = self.decided().await?;
        let place = Place { keyfob: &self.keyfob, settings: &self.settings, client_id: &self.app.client_id, name: &self.account };
        place.approved(&self.client, &self.app, self.requested_scopes.clone(), received).await
    }

    async fn decided(&mut self) -> Result<Received, Error> {
        let Self { keyfob, client, login, .. } = self;
        let tell = |heard: Heard<'_>, now| match heard {
            Heard::Nothing => login.step(client, now),
            Heard::Answer(answer) => login.receive(client, answer, now),
            Heard::Failure(failure) => login.unreachable(failure, now),
        };
        decided(keyfob, client, tell, tokio::time::sleep).await
    }
}

/// Without the device code.
impl std::fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin").field("provider", &self.settings.provider).field("account", &self.account).finish_non_exhaustive()
    }
}
