//! Whom an ID token names (OpenID Connect Core §2), as far as a refresh needs to know: that it stays the same person.
//!
//! Nothing here proves anything about a person: the token is read, not verified. It came from the token endpoint over TLS; a relying party that signs people in has to do more (§3.1.3.7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{self, Json, Object};
use crate::error::Misbehaved;
use crate::token::Identity;

/// Successful refresh response: `iss`, `sub` and `aud` of a new ID token are those of the first.
const SECTION: &str = "OpenID Connect Core §12.2";

/// Whom an answer's `id_token` names, if it has one that can be read.
pub(crate) fn of_answer(answer: &Object<'_>) -> Option<Identity> {
    claims(answer.text("id_token")?)
}

/// After a refresh: the identity that counts, which is the first one. An ID token of somebody else means that the answer is somebody else's.
pub(crate) fn after_refresh(answer: &Object<'_>, before: Option<&Identity>) -> Result<Option<Identity>, Misbehaved> {
    let (Some(before), Some(token)) = (before, answer.get("id_token").filter(|token| !names_nobody(token))) else {
        return Ok(before.cloned().or_else(|| of_answer(answer)));
    };
    let broke = |expected: &str, found: &str| {
        Misbehaved::new(SECTION, format!("an ID token {expected}"), found)
            .with_hint("these tokens were not kept: they may be somebody else's; log in again")
            .of_another_identity()
    };
    let now = token.as_str().and_then(claims).ok_or_else(|| broke("with iss, sub and aud", "one without them"))?;
    let pairs = [
        (now.issuer == before.issuer, "of the same issuer (iss)", "one of another issuer"),
        (now.subject == before.subject, "of the same person (sub)", "one of another person"),
        (now.audience == before.audience, "for the same app (aud)", "one for another app"),
    ];
    match pairs.iter().find(|(same, ..)| !same) {
        Some((_, expected, found)) => Err(broke(expected, found)),
        // Also whether anybody has verified it: of the new token nobody has, so far.
        None => Ok(Some(before.clone())),
    }
}

/// An ID token that is none is not somebody else's.
fn names_nobody(token: &Json<'_>) -> bool {
    token.is_null() || token.as_str() == Some("")
}

/// The claims of a compact JWS that matter here.
fn claims(token: &str) -> Option<Identity> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return None };
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let object = json::members(&payload).ok()?;
    let text = |name| object.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut audience: Vec<String> = match object.get("aud")? {
        Json::Text(one) => vec![one.clone().into_owned()],
        Json::Array(several) => several.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        _ => return None,
    };
    audience.sort();
    Some(Identity { issuer: text("iss")?, subject: text("sub")?, audience, verified: false })
}
