//! Collections and requests of Postman: `"auth": {"type": "oauth1", "oauth1": [{"key": "consumerKey", "value": "…"}]}`, wherever in it that is.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

use super::elsewhere::{self, NotFound, Wanted};

/// What the file says of logins of the protocol that the provider speaks: the one that was named by its request or folder; else the collection's own; else
/// the only one.
pub(super) fn read(json: &Value, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    let mut all = Vec::new();
    gather(json, "collection", wanted.kind, &variables(json), &mut all);
    // One whose logins are of another protocol has none for this one.
    let is_one = json.get("info").is_some() && json.get("item").is_some();
    let usual = all.first().map(|(name, _)| name.clone()).filter(|_| json.get("auth").is_some());
    Ok(elsewhere::one(all, wanted.profile, usual.as_deref())?.or_else(|| is_one.then(Map::new)))
}

fn gather(json: &Value, name: &str, kind: Kind, variables: &[(String, Value)], all: &mut Vec<(String, Map<String, Value>)>) {
    match json {
        Value::Object(members) => {
            let name = members.get("name").and_then(Value::as_str).unwrap_or(name);
            let said = members.get("auth").map(|auth| said(auth, kind, variables)).filter(|said| !said.is_empty());
            // Requests repeat what their folder says.
            if let Some(said) = said.filter(|said| all.iter().all(|(_, known)| known != said)) {
                all.push((name.to_owned(), said));
            }
            let below = members.iter().filter(|(member, _)| *member != "auth");
            below.for_each(|(_, value)| gather(value, name, kind, variables, all));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, name, kind, variables, all)),
        _ => {}
    }
}

/// What an `auth` says; `bearer` has a token and nothing else.
fn said(auth: &Value, kind: Kind, variables: &[(String, Value)]) -> Map<String, Value> {
    let is = auth.get("type").and_then(Value::as_str).unwrap_or_default();
    let is_bearer = is == "bearer" && kind != Kind::OAuth1;
    if !is_bearer && is != elsewhere::protocol(kind) {
        return Map::new();
    }
    let meant = |value: &Value| elsewhere::variable(value).and_then(|name| found(variables, &name)).unwrap_or_else(|| value.clone());
    let pair = |pair: &Value| Some((pair.get("key")?.as_str()?.to_ascii_lowercase(), meant(pair.get("value")?)));
    let pairs: Vec<(String, Value)> = auth.get(is).and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect();
    let named = match is_bearer {
        true => found(&pairs, "token").map(|token| ("access_token".to_owned(), token)).into_iter().collect(),
        false => elsewhere::named(&pairs, kind),
    };
    named.into_iter().filter(|(_, value)| elsewhere::variable(value).is_none()).collect()
}

/// `"variable": [{"key": "token", "value": "…"}]` of a collection.
fn variables(json: &Value) -> Vec<(String, Value)> {
    let known = json.get("variable").and_then(Value::as_array).into_iter().flatten();
    known.filter_map(|variable| Some((variable.get("key")?.as_str()?.to_owned(), variable.get("value")?.clone()))).collect()
}

fn found(pairs: &[(String, Value)], name: &str) -> Option<Value> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value, kind: Kind, profile: Option<&str>) -> Result<Option<Value>, NotFound> {
        super::read(json, Wanted { provider: "hub", kind, profile }).map(|found| found.map(Value::Object))
    }

    fn request(name: &str, token: &str) -> Value {
        json!({"name": name, "request": {"auth": {"type": "oauth1", "oauth1": [
            {"key": "token", "value": token}, {"key": "tokenSecret", "value": format!("{token}-secret")}]}}})
    }

    #[test]
    fn of_several_logins_the_one_that_is_named_is_taken() {
        let all = json!({"info": {"name": "Home"}, "item": [request("one", "t1"), {"name": "more", "item": [request("two", "t2"), request("again", "t2")]}]});
        let Err(NotFound::Several(names)) = read(&all, Kind::OAuth1, None) else { panic!("there are two") };
        assert_eq!(names, ["one", "two"]);
        let two = json!({"token": "t2", "token_secret": "t2-secret"});
        assert_eq!(read(&all, Kind::OAuth1, Some("two")).ok().flatten(), Some(two));
        assert!(matches!(read(&all, Kind::OAuth1, Some("three")), Err(NotFound::Several(_))));
        assert_eq!(read(&all, Kind::OAuth2, None).ok().flatten(), Some(json!({})));
        // What the collection says of itself is what its requests have, unless they say otherwise.
        let mut with_its_own = all;
        with_its_own["auth"] = json!({"type": "oauth1", "oauth1": [{"key": "token", "value": "t0"}]});
        assert_eq!(read(&with_its_own, Kind::OAuth1, None).ok().flatten(), Some(json!({"token": "t0"})));
    }

    #[test]
    fn a_bearer_token_is_one_of_oauth_2_and_variables_are_what_the_collection_says() {
        let bearer = |value: &str| json!({"type": "bearer", "bearer": [{"key": "token", "value": value, "type": "string"}]});
        let token = Some(json!({"access_token": "example-token"}));
        assert_eq!(
            read(&json!({"item": [{"name": "me", "request": {"auth": bearer("example-token")}}]}), Kind::OAuth2, None).ok().flatten(),
            token
        );
        let named = json!({"auth": bearer("{{mine}}"), "variable": [{"key": "mine", "value": "example-token"}]});
        assert_eq!(read(&named, Kind::OAuth2, None).ok().flatten(), token);
        assert_eq!(read(&json!({"auth": bearer("{{elsewhere}}")}), Kind::OAuth2, None).ok().flatten(), None);
        assert_eq!(read(&json!({"auth": bearer("x")}), Kind::OAuth1, None).ok().flatten(), None);
    }
}
