//! Collections and requests of Postman: `"auth": {"type": "oauth1", "oauth1": [{"key": "consumerKey", "value": "…"}]}`, wherever in it that is.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

use super::elsewhere::{self, NotFound, Wanted, filled};
use super::login::{Login, not_elsewhere};
use super::names::named;

/// What the file says of logins of the protocol that the provider speaks: the one that was named by its request or folder; else the collection's own; else
/// the only one.
pub(super) fn read(json: &Value, wanted: Wanted<'_>) -> Result<Option<Map<String, Value>>, NotFound> {
    const COLLECTION: &str = "collection";
    let mut found = Requests { wanted, variables: variables(json), logins: Vec::new(), called: Vec::new() };
    found.walk(json, COLLECTION, None);
    // One whose logins are of another protocol has none for this one.
    let is_one = json.get("info").is_some() && json.get("item").is_some();
    let usual = json.get("auth").and_then(|auth| found.login(auth, COLLECTION)).map(|at| found.logins[at].name.clone());
    let ours = not_elsewhere(found.logins, &found.called, "a request of Postman", wanted)?;
    Ok(elsewhere::one(ours, wanted.profile, usual.as_deref())?.or_else(|| is_one.then(Map::new)))
}

/// What was found in a file.
struct Requests<'a> {
    wanted: Wanted<'a>,
    variables: Vec<(String, Value)>,
    logins: Vec<Login>,
    /// Where requests go, with a login or without.
    called: Vec<String>,
}

impl Requests<'_> {
    /// `login` is that of the folder, which its requests have that say nothing else.
    fn walk(&mut self, json: &Value, name: &str, login: Option<usize>) {
        match json {
            Value::Object(members) => {
                let name = members.get("name").and_then(Value::as_str).unwrap_or(name);
                let login = match members.get("auth") {
                    None | Some(Value::Null) => login,
                    Some(auth) => self.login(auth, name),
                };
                // A request that is nothing else is its URL.
                for url in ["url", "request"].iter().filter_map(|member| url(members.get(*member)?)) {
                    let url = filled(url, |name| found(&self.variables, name));
                    login.into_iter().for_each(|at| self.logins[at].sent_to.push(url.clone()));
                    self.called.push(url);
                }
                // What was answered once has the request once more.
                let below = members.iter().filter(|(member, _)| !["auth", "response"].contains(&member.as_str()));
                below.for_each(|(_, value)| self.walk(value, name, login));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, name, login)),
            _ => {}
        }
    }

    /// What an `auth` says, if it is of the provider's protocol. Requests repeat what their folder says.
    fn login(&mut self, auth: &Value, name: &str) -> Option<usize> {
        let (object, made_at) = self.said(auth)?;
        if let Some(at) = self.logins.iter().position(|known| known.object == object) {
            return Some(at);
        }
        self.logins.push(Login { name: name.to_owned(), object, made_at, sent_to: Vec::new() });
        Some(self.logins.len() - 1)
    }

    /// Tokens and keys, and where they are made; `bearer` has a token and nothing else.
    fn said(&self, auth: &Value) -> Option<(Map<String, Value>, Option<String>)> {
        let (is, kind) = (auth.get("type").and_then(Value::as_str)?, self.wanted.kind());
        let is_bearer = is == "bearer" && kind != Kind::OAuth1;
        if !is_bearer && is != elsewhere::protocol(kind) {
            return None;
        }
        let meant =
            |value: &Value| elsewhere::variable(value).and_then(|name| found(&self.variables, &name)).unwrap_or_else(|| value.clone());
        let pair = |pair: &Value| Some((pair.get("key")?.as_str()?.to_ascii_lowercase(), meant(pair.get("value")?)));
        let pairs: Vec<(String, Value)> = auth.get(is).and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect();
        let object: Map<String, Value> = match is_bearer {
            true => found(&pairs, "token").map(|token| ("access_token".to_owned(), token)).into_iter().collect(),
            false => named(&pairs, self.wanted.provider),
        };
        let object: Map<String, Value> = object.into_iter().filter(|(_, value)| elsewhere::variable(value).is_none()).collect();
        let made_at = found(&pairs, "accesstokenurl").and_then(|url| Some(filled(url.as_str()?, |name| found(&self.variables, name))));
        (!object.is_empty()).then_some((object, made_at))
    }
}

/// `"url": "https://…"`, or with its parts beside it.
fn url(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("raw")?.as_str())
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
        crate::verb::import::elsewhere::tests::at_hub(kind, profile, |wanted| super::read(json, wanted))
            .map(|found| found.map(Value::Object))
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
    #[test]
    fn a_request_has_the_login_of_its_folder_unless_it_says_another() {
        let bearer = |token: &str| json!({"type": "bearer", "bearer": [{"key": "token", "value": token}]});
        let token = |json: &Value| {
            let catalogue = keyfob_providers::Catalogue::embedded();
            let provider = catalogue.get("netatmo").expect("embedded");
            let found = super::read(json, Wanted { provider, catalogue: &catalogue, profile: None });
            found.map(|found| found.unwrap_or_default().get("access_token").and_then(Value::as_str).map(str::to_owned))
        };
        let ours = json!({"name": "ours", "request": {"url": {"raw": "https://api.netatmo.com/api/{{what}}", "host": ["api"]}}});
        let theirs = json!({"name": "theirs", "request": {"url": "{{base}}/user", "auth": bearer("theirs")}});
        let variable = json!([{"key": "base", "value": "https://api.github.com"}]);
        let all = json!({"info": {}, "item": [ours.clone(), theirs.clone()], "variable": variable.clone()});
        assert!(matches!(token(&all), Err(NotFound::SentElsewhere { urls, .. }) if urls == ["https://api.github.com"]));
        // The folder's is sent with what says nothing, and not where a request says another, or none.
        let none = json!({"request": {"url": "https://api.netatmo.com/x", "auth": {"type": "noauth"}}});
        let folder = |item: &Value| json!({"info": {}, "variable": variable.clone(), "item": [{"name": "f", "auth": bearer("mine"), "item": [item, theirs, none]}]});
        assert_eq!(token(&folder(&ours)), Ok(Some("mine".to_owned())));
        assert!(token(&folder(&json!({"request": "https://api.github.com/user"}))).is_err());
        let once =
            json!({"request": {"url": "https://api.github.com/"}, "response": [{"originalRequest": {"url": "https://api.netatmo.com/"}}]});
        assert!(token(&folder(&once)).is_err());
    }
}
