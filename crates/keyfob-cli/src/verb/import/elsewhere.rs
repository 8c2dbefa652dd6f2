//! Where other programs keep tokens, recognised by what it looks like: objects of oauthlib and its like, Netatmo scripts' credentials, `.twurlrc`, xurl's file, Home
//! Assistant's storage, exported requests of Postman and Bruno, env-files. All become one object, of the names that `--stdin` takes.

use keyfob_providers::Kind;
use serde_json::{Map, Value};

/// What was found in a file.
pub(super) struct Found {
    /// What kind of file it is, for people.
    pub(super) kind: &'static str,
    /// Tokens and keys, by the names that `--stdin` takes.
    pub(super) object: Map<String, Value>,
}

/// What other programs call things, and what they are called here. `secret` is beside them: what it is depends on the protocol.
const NAMES: [(&str, &[&str]); 9] = [
    ("client_id", &["client_id", "clientid", "consumer_key", "consumerkey", "client_key", "clientkey", "api_key", "public_key"]),
    ("client_secret", &["client_secret", "clientsecret", "consumer_secret", "consumersecret", "private_key"]),
    ("token", &["oauth_token", "resource_owner_key", "token_key", "token"]),
    ("token_secret", &["oauth_token_secret", "access_token_secret", "resource_owner_secret", "tokensecret", "token_secret"]),
    ("access_token", &["access_token", "accesstoken"]),
    ("refresh_token", &["refresh_token", "refreshtoken"]),
    ("expires_at", &["expires_at", "expiration_time", "expiresat"]),
    ("expires_in", &["expires_in", "expire_in", "expiresin"]),
    ("scope", &["scope", "scopes"]),
];

/// Reads a file of another program. `provider` says which of several entries is meant, `kind` what its names mean.
pub(super) fn read(text: &str, provider: &str, kind: Kind) -> Option<Found> {
    let named = |scalars: &[(String, Value)]| named(scalars, kind);
    let found = |kind, object: Map<String, Value>| (!object.is_empty()).then_some(Found { kind, object });
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        return home_assistant(&json, provider, &named)
            .and_then(|object| found("Home Assistant's storage", object))
            .or_else(|| postman(&json, &named).and_then(|object| found("a request of Postman", object)))
            .or_else(|| found("a JSON object", named(&scalars_of(&json))));
    }
    let lines = scalars(text);
    let file = match () {
        () if text.contains("auth:oauth") => "a request of Bruno",
        () if lines.iter().any(|(name, _)| name == "default_profile") || text.contains("profiles:") => "twurl's file",
        () if text.contains("oauth1_token:") || text.contains("oauth2_tokens:") => "xurl's file",
        () => "lines of names and values",
    };
    found(file, named(&lines))
}

/// The first of each name that is known.
pub(crate) fn named(scalars: &[(String, Value)], kind: Kind) -> Map<String, Value> {
    let mut object = Map::new();
    // Beside a token of OAuth 1 it is that token's; in OAuth 2 only the client has one.
    let secret_is = if kind == Kind::OAuth1 { "token_secret" } else { "client_secret" };
    for (ours, theirs) in NAMES {
        let more: &[&str] = if ours == secret_is { &["secret"] } else { &[] };
        let value =
            theirs.iter().chain(more).find_map(|name| scalars.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()));
        if let Some(value) = value {
            object.insert(ours.to_owned(), value);
        }
    }
    // In OAuth 1 what many call the access token is the token.
    if kind == Kind::OAuth1
        && object.contains_key("token_secret")
        && !object.contains_key("token")
        && let Some(token) = object.remove("access_token")
    {
        object.insert("token".to_owned(), token);
    }
    object
}

/// All scalars of JSON, with the names they stand under; in the order of the document's depth, so that an outer one counts first.
fn scalars_of(json: &Value) -> Vec<(String, Value)> {
    /// Deeper than this no program keeps a token.
    const DEEPEST: usize = 8;
    let (mut found, mut level) = (Vec::new(), vec![json]);
    for _ in 0..DEEPEST {
        let mut below = Vec::new();
        for value in level {
            match value {
                Value::Object(members) => {
                    for (name, value) in members {
                        match value {
                            Value::Array(items) if items.iter().all(Value::is_string) => {
                                found.push((name.to_ascii_lowercase(), value.clone()))
                            }
                            Value::Object(_) | Value::Array(_) => below.push(value),
                            Value::Null => {}
                            scalar => found.push((name.to_ascii_lowercase(), scalar.clone())),
                        }
                    }
                }
                Value::Array(items) => below.extend(items),
                _ => {}
            }
        }
        level = below;
    }
    found
}

/// `name: value` and `NAME=value` lines, as YAML, env-files and Bruno have them. Nesting is passed over: the first of a name counts.
fn scalars(text: &str) -> Vec<(String, Value)> {
    let line = |line: &str| {
        let line = line.trim().trim_start_matches("export ").trim_start_matches("- ");
        if line.starts_with('#') {
            return None;
        }
        let at = line.find([':', '='])?;
        let (name, value) = (line[..at].trim(), line[at + 1..].trim().trim_matches(['"', '\'']));
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        is_name.then(|| (name.to_ascii_lowercase(), Value::from(value)))
    };
    text.lines().filter_map(line).filter(|(_, value)| value.as_str().is_some_and(|value| !value.is_empty())).collect()
}

/// Makes of names and values what they are called here.
type Named<'a> = dyn Fn(&[(String, Value)]) -> Map<String, Value> + 'a;

/// `.storage/core.config_entries`, with the keys of `.storage/application_credentials` where both are in one.
fn home_assistant(json: &Value, provider: &str, named: &Named<'_>) -> Option<Map<String, Value>> {
    let data = json.get("data")?;
    let fits = |entry: &&Value| {
        entry.get("domain").and_then(Value::as_str).is_some_and(|domain| domain.starts_with(provider) || provider.starts_with(domain))
    };
    let entries = |name: &str| data.get(name).and_then(Value::as_array).and_then(|entries| entries.iter().find(fits));
    let (entry, keys) = (entries("entries"), entries("items"));
    if entry.is_none() && keys.is_none() {
        return None;
    }
    let mut object = keys.map(|keys| named(&scalars_of(keys))).unwrap_or_default();
    object.extend(entry.and_then(|entry| entry.get("data")).map(|data| named(&scalars_of(data))).unwrap_or_default());
    // What its client is called there is no id of ours.
    Some(object)
}

/// `"auth": {"type": "oauth1", "oauth1": [{"key": "consumerKey", "value": "…"}]}`, wherever in the collection it is.
fn postman(json: &Value, named: &Named<'_>) -> Option<Map<String, Value>> {
    match json {
        Value::Object(members) => {
            if let Some(auth) = members.get("auth")
                && let Some(kind) = auth.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("oauth"))
                && let Some(pairs) = auth.get(kind).and_then(Value::as_array)
            {
                let pair = |pair: &Value| Some((pair.get("key")?.as_str()?.to_ascii_lowercase(), pair.get("value")?.clone()));
                return Some(named(&pairs.iter().filter_map(pair).collect::<Vec<_>>()));
            }
            members.values().find_map(|value| postman(value, named))
        }
        Value::Array(items) => items.iter().find_map(|item| postman(item, named)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(text: &str, kind: Kind) -> Value {
        read(text, "hub", kind).map_or(Value::Null, |found| Value::Object(found.object))
    }

    #[test]
    fn what_other_programs_keep_is_recognised() {
        let oauth1 = json!({"client_id": "ck", "client_secret": "cs", "token": "t", "token_secret": "ts"});
        for text in [
            r#"{"client_key":"ck","client_secret":"cs","resource_owner_key":"t","resource_owner_secret":"ts"}"#,
            r#"{"consumer_key":"ck","consumer_secret":"cs","access_token":"t","access_token_secret":"ts"}"#,
            "---\nprofiles:\n  me:\n    ck:\n      username: me\n      consumer_key: ck\n      consumer_secret: cs\n      token: t\n      secret: ts\nconfiguration:\n  default_profile:\n  - me\n  - ck\n",
            "apps:\n  default:\n    oauth1_token:\n      type: oauth1\n      oauth1:\n        access_token: t\n        token_secret: ts\n        consumer_key: ck\n        consumer_secret: cs\n",
            r#"{"info":{},"item":[{"request":{"auth":{"type":"oauth1","oauth1":[{"key":"consumerKey","value":"ck"},{"key":"consumerSecret","value":"cs"},{"key":"token","value":"t"},{"key":"tokenSecret","value":"ts"}]}}}]}"#,
            "auth:oauth1 {\n  consumer_key: ck\n  consumer_secret: cs\n  access_token: t\n  token_secret: ts\n}\n",
            "# mine\nexport CONSUMER_KEY=ck\nCONSUMER_SECRET='cs'\nOAUTH_TOKEN=\"t\"\nOAUTH_TOKEN_SECRET=ts\n",
        ] {
            assert_eq!(object(text, Kind::OAuth1), oauth1, "{text}");
        }
        assert_eq!(
            object(
                r#"{"access_token":"a","refresh_token":"r","expires_at":1577836800.5,"scope":["x","y"],"token_type":"Bearer"}"#,
                Kind::OAuth2
            ),
            json!({"access_token": "a", "refresh_token": "r", "expires_at": 1577836800.5, "scope": ["x", "y"]})
        );
        assert_eq!(
            object(r#"{"CLIENT_ID":"i","CLIENT_SECRET":"s","REFRESH_TOKEN":"r"}"#, Kind::OAuth2),
            json!({"client_id": "i", "client_secret": "s", "refresh_token": "r"})
        );
        let storage = r#"{"version":1,"data":{"entries":[{"domain":"other","data":{"token":{"access_token":"no"}}},{"domain":"hub","data":{"auth_implementation":"hub","token":{"access_token":"a","refresh_token":"r","expires_at":1.5}}}]}}"#;
        assert_eq!(object(storage, Kind::Oidc), json!({"access_token": "a", "refresh_token": "r", "expires_at": 1.5}));
    }

    #[test]
    fn whose_secret_it_is_depends_on_the_protocol() {
        let text = r#"{"client_id":"i","secret":"s","access_token":"a","refresh_token":"r"}"#;
        for kind in [Kind::OAuth2, Kind::Oidc] {
            let expected = json!({"client_id": "i", "client_secret": "s", "access_token": "a", "refresh_token": "r"});
            assert_eq!(object(text, kind), expected);
        }
        assert_eq!(object(r#"{"access_token":"a","token_secret":"s"}"#, Kind::OAuth2)["access_token"], "a");
        assert_eq!(object(r#"{"token":"t","secret":"s"}"#, Kind::OAuth1), json!({"token": "t", "token_secret": "s"}));
    }

    #[test]
    fn what_is_none_of_them_is_nothing() {
        for text in ["", "\u{0}", "hello", "[]", "{}", "[[[[[[[[[[[[1]]]]]]]]]]]]", r#"{"data":{"entries":7}}"#, "a:b"] {
            assert!(read(text, "hub", Kind::OAuth2).is_none(), "{text}");
        }
    }
}
