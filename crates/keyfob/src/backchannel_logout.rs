//! Logouts that the provider tells (OpenID Connect Back-Channel Logout 1.0).

use keyfob_proto::jose::Keys;
use keyfob_proto::oidc::LogoutToken;
use keyfob_proto::{App, Error as ProtoError, Flow, Misuse, Settings};

use crate::error::Error;
use crate::id_token::{Verifier, no_issuer_or_keys};
use crate::keyfob::Keyfob;

/// Judges the `logout_token` that a provider has posted to our `backchannel_logout_uri`: signed by its keys, for this app, about a logout, and for the
/// first time in this process. It names a person, a session or both; ending what they have *here* is for whoever signed them in. The tokens of an account
/// are another thing: what works while its person is away goes on (OpenID Connect Core §11), or is ended by [`logout`](crate::logout()).
///
/// Answer the request 200, or 400 on an error, with `Cache-Control: no-store` (§2.7, §2.8).
///
/// ```
/// # use keyfob::{Error, Keyfob, proto::{App, Settings}};
/// # async fn example(keyfob: &Keyfob, settings: &Settings, app: &App, posted: &str) -> Result<(), Error> {
/// let told = keyfob::backchannel_logout(keyfob, settings, app, posted).await?;
/// println!("{:?} is gone (session {:?})", told.subject, told.session_id);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `Misbehaved` for a token that breaks a rule of §2.6, or came before; `Misuse` where the provider's settings name no issuer or keys; `Transport` where the
/// keys cannot be had.
pub async fn backchannel_logout(keyfob: &Keyfob, settings: &Settings, app: &App, logout_token: &str) -> Result<LogoutToken, Error> {
    let (Some(verifier), Flow::OAuth2(flow)) = (Verifier::of(keyfob, settings, app), &settings.flow) else {
        return Err(no_issuer_or_keys("OpenID Connect Back-Channel Logout §2.6").into());
    };
    let issuer = flow.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("OpenID Connect Back-Channel Logout §2.6"))?;
    // As ID tokens are signed (§2.4).
    let algorithms = &flow.id_token_algorithms;
    let judge = |keys: &Keys<'_>| -> Result<LogoutToken, ProtoError> {
        Ok(LogoutToken::judge(logout_token, issuer, &app.client_id, keys, algorithms, keyfob.now())?)
    };
    let token = verifier.signed(algorithms, judge).await?;
    keyfob.seen_logouts().first_time(&token, keyfob.now()).map_err(ProtoError::from)?;
    tracing::info!(issuer, "told of a logout");
    Ok(token)
}
