//! Answers of the token endpoint (RFC 6749 §5.1): strict, and tolerant by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::client::Client;
use super::identity;
use super::json_answer::{self, Members, kind};
use super::rar::{self, AuthorizationDetail};
use crate::deviation::{Deviation, Tolerated};
use crate::error::{Error, Misbehaved};
use crate::message::Incoming;
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{Identity, OAuth2Tokens, Received, TokenSet};

const SECTION: &str = "RFC 6749 §5.1";

/// A lifetime beyond this is a mistake or an attack on arithmetic; it is cut, not refused: some servers mean "for ever" by it.
const LONGEST_LIFETIME: u64 = 100 * 365 * 86_400;

/// What the request knew that the answer may leave out, or must answer to.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// The scopes that were asked for: granted, where the answer names none (§5.1).
    pub(crate) scopes: Vec<String>,
    /// The authorization details that were asked for (RFC 9396), or, on a refresh, the granted ones.
    pub(crate) details: Vec<AuthorizationDetail>,
    /// The resources that were asked for (RFC 8707).
    pub(crate) resources: Vec<String>,
    pub(crate) refresh: RefreshToken,
    /// Whom the login's ID token named.
    pub(crate) identity: Option<Identity>,
    /// The login's ID token: kept, where a refresh brings no other.
    pub(crate) id_token: Option<Secret>,
    pub(crate) scrubber: Scrubber,
}

/// What a refresh token in the answer is to us.
#[derive(Debug, Default)]
pub(crate) enum RefreshToken {
    /// Kept, where there is one.
    #[default]
    Welcome,
    /// This one was spent; it is still good, where the answer brings no other (§6).
    Spent(Secret),
    /// Dropped: the same request can be made again at any time (§4.4.3), and a secret that nobody needs is one that can only be lost.
    Dropped,
}

/// Reads an answer.
pub(crate) fn read(answer: Incoming<'_>, client: &Client, context: &Context, now: Timestamp) -> Result<Received, Error> {
    let mut tolerated = Tolerated::new();
    let allowed = &client.deviations;
    let object = json_answer::read(answer, SECTION, "tokens", allowed, &context.scrubber, &mut tolerated)?;
    let status = Some(answer.status);
    let mut members = Members { object: &object, section: SECTION, status, allowed, tolerated: &mut tolerated };
    let tokens = tokens(&mut members, client, context, now)?;
    Ok(Received { tokens: TokenSet::OAuth2(tokens), kept: kept(&object, client), tolerated })
}

/// The tokens among these members, wherever they came from.
pub(crate) fn tokens(members: &mut Members<'_>, client: &Client, context: &Context, now: Timestamp) -> Result<OAuth2Tokens, Misbehaved> {
    let access = members.required_token("access_token")?;
    let refresh = match (members.token("refresh_token")?, &context.refresh) {
        (_, RefreshToken::Dropped) => None,
        (None, RefreshToken::Spent(spent)) => Some(spent.clone()),
        (new, _) => new,
    };
    token_type(members, client.proof_key.is_some())?;
    let expires_at = expires_at(members, client, now)?;
    let scopes = scopes(members, &client.settings.scope_separator)?.unwrap_or_else(|| context.scopes.clone());
    let identity = identity::after_refresh(members.object, context.identity.as_ref()).map_err(|error| match members.status {
        Some(status) => error.with_status(status),
        None => error,
    })?;
    let id_token = members.id_token()?.or_else(|| context.id_token.clone());
    let authorization_details = rar::granted(members, &context.details, matches!(context.refresh, RefreshToken::Spent(_)))?;
    let proof_key = client.proof_key.as_ref().map(|key| key.stored().clone());
    let resources = context.resources.clone();
    Ok(OAuth2Tokens {
        access,
        refresh,
        received_at: now,
        expires_at,
        scopes,
        identity,
        id_token,
        authorization_details,
        proof_key,
        resources,
    })
}

/// The values that the provider file asks to keep.
pub(crate) fn kept(object: &Map<String, Value>, client: &Client) -> BTreeMap<String, String> {
    client.keep.iter().filter_map(|name| Some((name.clone(), text_of(object.get(name)?)?))).collect()
}

/// `Bearer`, or `DPoP` where the request came with a proof, in any case (§7.1 compares without case). Never the other one: a token that is not bound
/// where a bound one was asked for would be a downgrade that nobody notices (RFC 9449 §5).
fn token_type(members: &mut Members<'_>, bound: bool) -> Result<(), Misbehaved> {
    let wanted = if bound { "DPoP" } else { "Bearer" };
    match members.object.get("token_type") {
        Some(Value::String(text)) if text.eq_ignore_ascii_case(wanted) => Ok(()),
        None if !bound => members.tolerate(Deviation::MissingTokenType, "token_type", "an answer without it"),
        None => Err(members.missing("token_type")),
        Some(Value::String(_)) => Err(members.broke("token_type", wanted, "another type")),
        Some(other) => Err(members.broke("token_type", wanted, kind(other))),
    }
}

/// When the access token ends, where the answer or the provider file says.
pub(crate) fn expires_at(members: &mut Members<'_>, client: &Client, now: Timestamp) -> Result<Option<Timestamp>, Misbehaved> {
    let lifetime = match (members.object.get("expires_in"), members.object.get("expire_in")) {
        (None, Some(_)) => {
            members.tolerate(Deviation::ExpireIn, "expires_in", "expire_in")?;
            members.seconds("expire_in")?
        }
        _ => members.seconds("expires_in")?,
    };
    let lifetime = lifetime.or(client.settings.default_lifetime.map(u64::from));
    Ok(lifetime.map(|seconds| now.plus(seconds.min(LONGEST_LIFETIME).cast_signed())))
}

/// A string of scopes (§3.3), or, by name, an array.
pub(crate) fn scopes(members: &mut Members<'_>, separator: &str) -> Result<Option<Vec<String>>, Misbehaved> {
    let split = |text: &str| -> Vec<String> {
        text.split(|c: char| c == ' ' || separator.contains(c)).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
    };
    match members.object.get("scope") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(split(text))),
        Some(Value::Array(items)) => {
            members.tolerate(Deviation::ScopeArray, "scope as text", "an array")?;
            let scopes = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
            scopes.map(Some).ok_or_else(|| members.broke("scope", "text in the array", "something else"))
        }
        Some(other) => Err(members.broke("scope", "text", kind(other))),
    }
}

/// A value worth keeping, as text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(crate::scrub::printable(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
