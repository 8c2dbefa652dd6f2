//! OAuth 1 without tokens ("one-legged"): an account that is the app's keys and nothing else.

use keyfob_proto::{App, Settings};

use super::LoggedIn;
use super::keep::Place;
use crate::error::Error;
use crate::keyfob::Keyfob;

/// Keeps an account at a provider whose calls the app's own keys sign alone. Nobody is asked for anything, neither a person nor the server: the first call
/// shows whether the keys are good.
///
/// ```
/// # use keyfob::{Error, Keyfob, login, proto::{App, Settings}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App) -> Result<(), Error> {
/// login::one_legged(keyfob, settings, app, "shop").await?;
/// let session = keyfob.session(settings.clone(), app.clone(), "shop").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `Misuse` for a provider that gives tokens ([`oauth1::Settings::one_legged`](keyfob_proto::oauth1::Settings::one_legged)); `TakenName`; and the store's.
pub async fn one_legged(keyfob: &Keyfob, settings: &Settings, app: &App, account: &str) -> Result<LoggedIn, Error> {
    let received = keyfob.oauth1_client(settings, app)?.without_tokens()?;
    Place { keyfob, settings, client_id: &app.client_id, name: account }.of_keys_alone(received).await
}
