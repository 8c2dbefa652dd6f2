//! `.twurlrc`.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted, one, protocol};
use super::names::named;
use super::objects::scalars_of;

/// Whose API twurl calls, whatever is in its file.
const SENT_TO: [&str; 2] = ["https://api.twitter.com", "https://api.x.com"];

/// Profiles by person and consumer key, and which of them is the usual one.
pub(super) fn read(document: &Value, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    let Some(people) = document.get("profiles").and_then(Value::as_object) else { return Ok(None) };
    wanted.must_be_at(&SENT_TO, "twurl's file", Some(protocol(Kind::OAuth1)))?;
    let mut profiles = Vec::new();
    for (person, keys) in people {
        let keys = keys.as_object().into_iter().flatten();
        profiles.extend(keys.map(|(key, profile)| (format!("{person}/{key}"), profile)));
    }
    let usual: Vec<&str> = document
        .pointer("/configuration/default_profile")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let usual = (!usual.is_empty()).then(|| usual.join("/"));
    // Of a person who was named: the usual one, or the only one.
    let is_of_person = |(name, _): &(String, &Value)| name.split('/').next() == wanted.profile;
    let asked = match profiles.iter().any(is_of_person) {
        true => {
            profiles.retain(is_of_person);
            None
        }
        false => wanted.profile,
    };
    let profile = one(profiles, asked, usual.as_deref())?;
    Ok(Some(profile.map(|profile| named(&scalars_of(profile), wanted.provider)).unwrap_or_default()))
}
