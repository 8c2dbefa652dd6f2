//! What verbs print with `--json` is what `keyfob schema` says: nothing less, nothing else, nothing more.

#![allow(missing_docs)]

mod common;

use common::House;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_is_what_the_schema_says() {
    let house = House::new().await;
    let schemas = house.json(&["schema"]).await["$defs"].clone();
    let fits = |verb: &str, value: &Value| {
        let schema = &schemas[verb];
        assert!(schema.is_object(), "there is a schema of {verb}");
        if let Err(why) = judge(schema, value, verb) {
            panic!("{why}\n{value:#}");
        }
    };
    let file = house.file("script.py", "TOKEN_URL = 'https://api.netatmo.com/oauth2/token'\nclient_id = 'example-client-id-123'\n");
    let sound = house.file("mine.toml", "name = \"mine\"\ntitle = \"Mine\"\nkind = \"oauth2\"\n");
    fits("account list", &house.json(&["account", "list"]).await);
    for name in ["acme", "telldus", "netatmo/home"] {
        house.log_in(name).await;
    }
    let commands: &[(&str, &[&str])] = &[
        ("status", &["status"]),
        ("status", &["status", "acme"]),
        ("status", &["status", "telldus"]),
        ("status", &["status", "acme", "--history"]),
        ("account list", &["account", "list"]),
        ("account default", &["account", "default", "netatmo/home"]),
        ("account default", &["account", "default"]),
        ("account rename", &["account", "rename", "netatmo/home", "netatmo/attic"]),
        ("status", &["status", "netatmo", "--history"]),
        ("refresh", &["refresh", "acme"]),
        ("refresh", &["refresh", "--due"]),
        ("status", &["status", "acme", "--history"]),
        ("token", &["token", "acme"]),
        ("header", &["header", "GET", "/api/me", "--account", "acme"]),
        ("env", &["env", "acme"]),
        ("get", &["get", "acme", "/api/me"]),
        ("explain", &["explain", "GET", "telldus", "/json/clients/list", "a==b"]),
        ("explain", &["explain", "GET", "acme", "/api/me"]),
        ("why", &["why", "telldus", "GET", "/json/clients/list"]),
        ("doctor", &["doctor", "--offline"]),
        ("do", &["do", "telldus"]),
        ("do", &["do", "telldus", "devices"]),
        ("app list", &["app", "list"]),
        ("key create", &["key", "create", "--account", "acme", "--allow", "GET /**", "--expires", "7d", "--rate", "10/min"]),
        ("key create", &["key", "create", "--api", "--name", "deploy", "--expires", "30d"]),
        ("key list", &["key", "list"]),
        ("provider list", &["provider", "list"]),
        ("provider show", &["provider", "show", "fitbit"]),
        ("adopt", &["adopt", &file]),
        ("export", &["export"]),
        ("vault status", &["vault", "status"]),
        ("vault check", &["vault", "check"]),
    ];
    for (verb, arguments) in commands {
        fits(verb, &house.json(arguments).await);
    }
    let keys = house.json(&["key", "list"]).await;
    let ids: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(|key| key["id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "a valet key and an API token: {keys}");
    for id in ids {
        fits("key revoke", &house.json(&["key", "revoke", id]).await);
    }
    fits("logout", &house.json(&["logout", "telldus"]).await);
    fits("account rm", &house.json(&["account", "rm", "acme", "--revoke"]).await);
    // What fails says why in one shape, whatever the verb.
    for arguments in
        [&["get", "nobody", "/x"][..], &["schema", "nothing"], &["provider", "check", &sound], &["account", "rename", "telldus", "acme"]]
    {
        let ended = house.run(&[arguments, &["--json"]].concat()).await;
        assert_ne!(ended.code, 0, "{arguments:?}");
        let card = ended.stderr.lines().last().unwrap_or_default();
        let card: Value = serde_json::from_str(card).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stderr));
        fits("error", &card);
        assert_eq!(card["error"]["exit"], ended.code);
        if !ended.stdout.is_empty() {
            fits(&arguments[..2].join(" "), &serde_json::from_str(&ended.stdout).expect("JSON"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_one_verb_stands_alone() {
    let house = House::new().await;
    let schema = house.json(&["schema", "account", "rename"]).await;
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["account", "was", "provider"]));
    let ended = house.run(&["schema", "acount", "rename"]).await.exits(2);
    assert!(ended.stderr.contains("did you mean keyfob schema account rename?"), "{}", ended.stderr);
}

/// The part of JSON Schema that the schemas use. Stricter in one thing: a member that is not named is an error, so that none is printed unsaid.
fn judge(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(any) = schema["anyOf"].as_array() {
        let judged: Vec<_> = any.iter().map(|one| judge(one, value, at)).collect();
        let why = judged.iter().filter_map(|judged| judged.as_ref().err()).cloned().collect::<Vec<_>>().join("; or: ");
        return if judged.iter().any(Result::is_ok) { Ok(()) } else { Err(why) };
    }
    let fits = match schema["type"].as_str() {
        None => return Ok(()),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(other) => return Err(format!("{at}: {other} is no type")),
    };
    if !fits {
        return Err(format!("{at}: expected {}, found {value}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        judge(&schema["items"], item, &format!("{at}[{number}]"))?;
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, member) in members {
        let of = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        judge(of.ok_or_else(|| format!("{at}: {name} is not in the schema"))?, member, &format!("{at}.{name}"))?;
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_seen() {
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "items": {"enum": ["x"], "type": "string"}}}});
    assert_eq!(judge(&schema, &json!({"a": ["x"]}), ""), Ok(()));
    for wrong in [json!({}), json!({"a": "x"}), json!({"a": ["y"]}), json!({"a": [], "b": 1}), json!(1), json!(null)] {
        assert!(judge(&schema, &wrong, "").is_err(), "{wrong}");
    }
}
