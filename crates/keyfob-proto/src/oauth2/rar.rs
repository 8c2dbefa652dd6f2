//! Rich authorization requests (RFC 9396): what may be done, said in JSON where a scope is too small for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::json::{self, Json};
use super::json_answer::{Members, kind};
use crate::error::{Misbehaved, Misuse};

/// One element of `authorization_details` (RFC 9396 §2): a JSON object with a `type`, whose other members that type defines. Kept as it is,
/// but for how numbers are spelled: `123.50` is `123.5`, and of more digits than a `u64` or `f64` holds the rest is lost, so that APIs have amounts as text.
/// Made to be stored, with the tokens it was granted to. It holds what is allowed, not a secret.
///
/// ```
/// use keyfob_proto::oauth2::AuthorizationDetail;
///
/// let detail = AuthorizationDetail::parse(r#"{"type":"account_information","actions":["list_accounts"]}"#)?;
/// assert_eq!(detail.type_name(), "account_information");
/// assert!(AuthorizationDetail::parse(r#"{"actions":["list_accounts"]}"#).is_err());
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct AuthorizationDetail(Map<String, Value>);

impl AuthorizationDetail {
    /// Reads one JSON object.
    ///
    /// # Errors
    ///
    /// `Misuse` if it is no JSON object with every member once, or has no `type` (§2 requires one).
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        json::object(text.as_bytes())
            .map_err(|found| {
                Misuse::new("authorization details as JSON objects", found)
                    .of("RFC 9396 §2")
                    .with_hint("write each as {\"type\": \"…\", …}")
            })?
            .try_into()
    }

    /// `type`: what kind of access this is about (§2).
    pub fn type_name(&self) -> &str {
        self.0.get("type").and_then(Value::as_str).expect("checked when it was made")
    }

    /// The object as JSON text.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl TryFrom<Map<String, Value>> for AuthorizationDetail {
    type Error = Misuse;

    fn try_from(object: Map<String, Value>) -> Result<Self, Misuse> {
        match object.get("type") {
            Some(Value::String(name)) if !name.is_empty() => Ok(Self(object)),
            _ => Err(Misuse::new("authorization details with a type", "one without it")
                .of("RFC 9396 §2")
                .with_hint("give each its type, by the words of the API")),
        }
    }
}

impl From<AuthorizationDetail> for Map<String, Value> {
    fn from(detail: AuthorizationDetail) -> Self {
        detail.0
    }
}

/// The value of the request parameter: a JSON array (§2). `None` where nothing is asked for.
pub(crate) fn parameter(details: &[AuthorizationDetail]) -> Option<String> {
    let array = || details.iter().map(|detail| Value::Object(detail.0.clone())).collect();
    (!details.is_empty()).then(|| Value::Array(array()).to_string())
}

/// What was granted. A server that was asked must say (§7); on a refresh, what was granted before stays where it does not. It may say more
/// about an object than we did (§7.1), or grant less, but nothing of a type that nobody asked for.
pub(crate) fn granted(
    members: &Members<'_>,
    asked: &[AuthorizationDetail],
    refreshing: bool,
) -> Result<Vec<AuthorizationDetail>, Misbehaved> {
    const SECTION: &str = "RFC 9396 §7";
    let broke = |expected: &str, found: String| {
        let misbehaved = Misbehaved::new(SECTION, expected, found);
        members.status.into_iter().fold(misbehaved, Misbehaved::with_status)
    };
    let items = match members.object.get("authorization_details") {
        None if asked.is_empty() || refreshing => return Ok(asked.to_vec()),
        None => return Err(broke("authorization_details as granted", "an answer without them".to_owned())),
        // Nobody asked, so nobody reads it (RFC 6749 §5.1: unknown members are ignored).
        Some(_) if asked.is_empty() => return Ok(Vec::new()),
        Some(Json::Array(items)) => items,
        Some(other) => return Err(broke("authorization_details as an array", kind(other).to_owned())),
    };
    let read = |item: &Json<'_>| match item {
        Json::Object(object) => AuthorizationDetail::try_from(object.to_map()).map_err(|misuse| broke(&misuse.expected, misuse.found)),
        other => Err(broke("authorization_details as objects", kind(other).to_owned())),
    };
    let details = items.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match details.iter().find(|detail| asked.iter().all(|asked| asked.type_name() != detail.type_name())) {
        Some(stranger) => {
            let name = crate::scrub::printable(stranger.type_name());
            Err(broke("authorization_details of the types that were asked for", format!("one of the type \"{name}\"")))
        }
        None => Ok(details),
    }
}
