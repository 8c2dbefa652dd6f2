//! How somebody describes a provider: wholly, or by naming an issuer that says the rest.

use crate::app::App;
use crate::error::{Error, Misuse};
use crate::oauth2::metadata::Metadata;
use crate::settings::Settings;

/// A provider as a file (or whatever else) describes it, for an app of it. Whoever can send requests makes [`Settings`] of it: `Keyfob::settings` in the
/// crate `keyfob` does.
pub trait Described {
    /// Whose metadata has to be had first: the issuer of a provider that says itself where its endpoints are. `None` for every other.
    ///
    /// # Errors
    ///
    /// `Misuse` for a value of the app that is missing or fits no URL.
    fn issuer_to_ask(&self, app: &App) -> Result<Option<String>, Misuse>;

    /// The settings where nobody has to be asked.
    ///
    /// # Errors
    ///
    /// `Misuse` for a value of the app that is missing or fits no URL, and for a provider whose issuer has to be asked.
    fn settings_for(&self, app: &App) -> Result<Settings, Misuse>;

    /// The settings by what the issuer says.
    ///
    /// # Errors
    ///
    /// `Misuse` for the metadata of another issuer, and for a server that does not say enough, or takes nothing that this app has.
    fn settings_of(&self, metadata: &Metadata, app: &App) -> Result<Settings, Error>;
}
