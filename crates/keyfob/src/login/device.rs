//! Logging in on another device (RFC 8628): no browser here, a code to enter there.

use keyfob_proto::oauth2::{self, AccessRequest, Step};
use keyfob_proto::{App, Flow, Misuse, Received, Settings, Timestamp};
use serde::{Deserialize, Serialize};

use super::decided::{Heard, asked, decided};
use super::keep::Place;
use super::{Approved, LoggedIn, check_provider};
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

/// A login on another device, as it is kept between two questions: by a web application, say, whose page asks. It holds the device code: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingDeviceLogin {
    /// The provider's name in the catalogue.
    pub provider: String,
    /// The account it will become.
    pub account: String,
    /// The scopes that were asked for.
    pub requested_scopes: Vec<String>,
    /// The code, and when it is asked about.
    pub login: oauth2::DeviceLogin,
}

/// What a question brought.
#[derive(Debug)]
#[must_use = "tokens that are not kept live on at the provider, and nobody has them"]
#[non_exhaustive]
pub enum Asked {
    /// Nobody has decided. There is no question before then.
    Waits(Timestamp),
    /// Somebody said yes. Nothing of it is kept yet.
    Approved(Box<Approved>),
}

impl DeviceLogin {
    /// Asks the provider for a code. A name that is another provider's is refused before.
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without device authorization endpoint; `TakenName`; and those of the core's
    /// [`device_authorization`](oauth2::Client::device_authorization).
    pub async fn begin(keyfob: &Keyfob, settings: &Settings, app: &App, account: &str, scopes: Vec<String>) -> Result<Self, Error> {
        let Flow::OAuth2(flow) = &settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another")
                .of("RFC 8628 §1")
                .with_hint("log in by the browser: Login::begin")
                .into());
        };
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

    /// The part that a store keeps between two questions.
    pub fn stored(&self) -> PendingDeviceLogin {
        let Self { account, requested_scopes, login, settings, .. } = self;
        let (account, requested_scopes, login) = (account.clone(), requested_scopes.clone(), login.clone());
        PendingDeviceLogin { provider: settings.provider.clone(), account, requested_scopes, login }
    }

    /// Goes on with a login that a store kept.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is a login with another provider than these settings are of, or a key that is wanted is missing.
    pub fn resume(keyfob: &Keyfob, settings: &Settings, app: &App, login: PendingDeviceLogin) -> Result<Self, Error> {
        let PendingDeviceLogin { provider, account, requested_scopes, login } = login;
        check_provider(settings, &provider)?;
        // The tokens are bound to the key of the question that brings them, so each program that asks may have its own.
        let client = keyfob.login_client(settings, app)?;
        let (settings, app) = (settings.clone(), app.clone());
        Ok(Self { keyfob: keyfob.clone(), settings, client, app, account, requested_scopes, login })
    }

    /// Asks once, if it is time to; for whoever does not stay to [`wait`](Self::wait). Keep [`stored`](Self::stored) again afterwards, also after an
    /// error: it says when the next question may be asked. Of several who go on with one login, one may ask at a time.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), but for the store's.
    pub async fn ask(&mut self) -> Result<Asked, Error> {
        self.keyfob.prepare_to_verify(&self.settings, &self.app, &self.requested_scopes).await?;
        let Self { keyfob, client, login, .. } = self;
        let step = asked(keyfob, client, &mut telling(client, login)).await?;
        match step {
            Step::Done(received) => {
                let Self { keyfob, settings, client, app, account, requested_scopes, .. } = self;
                let place = Place { keyfob, settings, client_id: &app.client_id, name: account };
                let id_token = place.verified(client, app, &received).await?;
                let (keyfob, settings, app, client) = (keyfob.clone(), settings.clone(), app.clone(), Some(client.clone()));
                let (account, requested_scopes) = (account.clone(), requested_scopes.clone());
                Ok(Asked::Approved(Box::new(Approved { keyfob, settings, app, account, requested_scopes, client, received, id_token })))
            }
            Step::WaitUntil(then) => Ok(Asked::Waits(then)),
            Step::Send(_) => Err(Misuse::new("a question, then an answer", "two questions")
                .with_hint("this is a fault of ours: please report it")
                .into()),
        }
    }

    async fn decided(&mut self) -> Result<Received, Error> {
        let Self { keyfob, client, login, .. } = self;
        decided(keyfob, client, telling(client, login), tokio::time::sleep).await
    }
}

/// Tells the core's login what was heard.
fn telling(
    client: &oauth2::Client,
    login: &mut oauth2::DeviceLogin,
) -> impl FnMut(Heard<'_>, Timestamp) -> Result<Step, keyfob_proto::Error> {
    move |heard, now| match heard {
        Heard::Nothing => login.step(client, now),
        Heard::Answer(answer) => login.receive(client, answer, now),
        Heard::Failure(failure) => login.unreachable(failure, now),
    }
}

/// Without the device code.
impl std::fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceLogin").field("provider", &self.settings.provider).field("account", &self.account).finish_non_exhaustive()
    }
}
