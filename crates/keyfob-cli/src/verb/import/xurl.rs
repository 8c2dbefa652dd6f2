//! xurl's file, `~/.xurl`.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

use super::elsewhere::{NotFound, Wanted, one};
use super::names::named;
use super::objects::scalars_of;

/// Whose API xurl calls, whatever is in its file.
const SENT_TO: [&str; 2] = ["https://api.x.com", "https://api.twitter.com"];

/// Apps, each with its keys, a token of OAuth 1 and those of several people of OAuth 2. Before there were apps, the tokens stood alone.
pub(super) fn read(document: &Value, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    let is_app = |app: &Value| app.get("oauth1_token").is_some() || app.get("oauth2_tokens").is_some();
    let apps = match document.get("apps").and_then(Value::as_object) {
        Some(apps) if apps.values().any(is_app) => apps.iter().map(|(name, app)| (name.clone(), app)).collect::<Vec<_>>(),
        _ if is_app(document) => vec![("default".to_owned(), document)],
        _ => return Ok(None),
    };
    wanted.must_be_at(&SENT_TO, "xurl's file", None)?;
    let people = |app: &'_ Value| app.get("oauth2_tokens").and_then(Value::as_object).cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    // An app, a person of the usual app, or both: app/person.
    let (app, person) = match wanted.profile {
        None => (None, None),
        Some(said) if apps.iter().any(|(name, _)| name == said) => (Some(said), None),
        Some(said) => match said.split_once('/') {
            Some((app, person)) => (Some(app), Some(person)),
            None => (None, Some(said)),
        },
    };
    // Tokens of OAuth 1 are an app's, and no person's: a name that no app has is none.
    if wanted.kind() == Kind::OAuth1 && app.is_none() && person.is_some() {
        return Err(NotFound::Several(apps.into_iter().map(|(name, _)| name).collect()));
    }
    let Some(app) = one(apps, app, text(document, "default_app").as_deref())? else { return Ok(Some(Map::new())) };
    let keys = app.as_object().into_iter().flatten().filter(|(name, _)| ["client_id", "client_secret"].contains(&name.as_str()));
    let mut object: Map<String, Value> =
        keys.filter(|(_, value)| value.is_string()).map(|(name, value)| (name.clone(), value.clone())).collect();
    let token = match wanted.kind() {
        // Its own keys stand with it: those beside are of OAuth 2.
        Kind::OAuth1 => app.get("oauth1_token").cloned(),
        _ => one(people(app).into_iter().collect(), person, text(app, "default_user").as_deref())?,
    };
    let token = token.map(|token| named(&scalars_of(&token), wanted.provider)).unwrap_or_default();
    if wanted.kind() == Kind::OAuth1 {
        object.clear();
    }
    object.extend(token);
    Ok(Some(object))
}
