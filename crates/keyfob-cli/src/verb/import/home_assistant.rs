//! Home Assistant's storage.

use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted, one};
use super::names::named;
use super::objects::scalars_of;

/// `.storage/core.config_entries`, with the keys of `.storage/application_credentials` where both are in one.
pub(super) fn read(json: &Value, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    let Some(data) = json.get("data").filter(|data| ["entries", "items"].iter().any(|list| data.get(*list).is_some_and(Value::is_array)))
    else {
        return Ok(None);
    };
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    // Its names have _ where ours have -, and are the same otherwise: `fitbit` is not `fitbit_bluetooth`.
    let fits = |entry: &&Value| text(entry, "domain").is_some_and(|domain| domain.replace('_', "-") == wanted.provider.name);
    let all = |list: &str| data.get(list).and_then(Value::as_array).into_iter().flatten().filter(fits).collect::<Vec<_>>();
    let called = |entry: &Value| text(entry, "title").or_else(|| text(entry, "entry_id")).unwrap_or_default();
    let entries: Vec<(String, &Value)> = all("entries").into_iter().map(|entry| (called(entry), entry)).collect();
    let entry = one(entries, wanted.profile, None)?;
    // An entry says by which credentials it was made.
    let made_by = entry.and_then(|entry| entry.pointer("/data/auth_implementation")?.as_str());
    let items = all("items").into_iter().map(|item| (text(item, "auth_domain").or_else(|| text(item, "id")).unwrap_or_default(), item));
    let keys = one(items.collect(), wanted.profile.filter(|_| entry.is_none()), made_by)?;
    let mut object = keys.map(|keys| named(&scalars_of(keys), wanted.provider)).unwrap_or_default();
    object.extend(entry.and_then(|entry| entry.get("data")).map(|data| named(&scalars_of(data), wanted.provider)).unwrap_or_default());
    // What its client is called there is no id of ours.
    Ok(Some(object))
}
