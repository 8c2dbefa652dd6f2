//! Signed answers to authorization requests (JARM): one parameter `response`, whose claims are what would have been parameters.

use crate::error::Misbehaved;
use crate::jose::jwt::{Claims, Rules};
use crate::jose::{Algorithms, Jws, Keys};
use crate::time::Timestamp;

/// Financial-grade API: JWT Secured Authorization Response Mode, §4.4.
pub(crate) const SECTION: &str = "JARM §4.4";

/// Judges a `response` (§4.4): that it is signed by the issuer, from it, for us, and of now. Gives its claims that are text, which are the
/// parameters of the answer.
///
/// # Errors
///
/// `Misbehaved` naming what does not hold; [`Misbehaved::is_unknown_key`] where fetching the keys again may help.
pub(crate) fn read(
    response: &str,
    issuer: &str,
    client_id: &str,
    keys: &Keys<'_>,
    algorithms: &Algorithms,
    now: Timestamp,
) -> Result<Vec<(String, String)>, Misbehaved> {
    let jws = Jws::read(response)?;
    if jws.header.media_type.as_deref().is_some_and(|kind| kind != "jwt") {
        return Err(Misbehaved::new("RFC 8725 §3.11", "an authorization response (\"typ\" of JWT, or none)", "another kind"));
    }
    let claims = Claims::read(&jws.verify(keys, algorithms)?, SECTION)?;
    claims.judge(&Rules { section: SECTION, issuer, audience: client_id, addressee: "this client", now })?;
    let text = claims.iter().filter_map(|(name, value)| value.as_str().map(|text| (name.to_owned(), text.to_owned())));
    Ok(text.filter(|(name, _)| name != "aud").collect())
}
