//! docs/provider.schema.json: the same as a JSON Schema (2020-12). It knows keys, types, words and forms, and what is said together or not at all
//! (`tight.rs`); names that others have to have (templates, links, jq) are for `keyfob provider check`, which says all of it better.

use serde_json::{Map, Value, json};

use super::{Holds, Section, actions, deviations, keys, sections, tight};

/// The schema.
pub(super) fn schema() -> Value {
    let mut definitions = Map::new();
    for section in sections().into_iter().skip(1) {
        definitions.insert(name(section), table(section));
    }
    let kinds = keys::ENDPOINTS.iter().map(|(kind, endpoints)| {
        // Which keys a protocol has is known only once the protocol is.
        let habits = match *kind {
            "oauth1" => json!({"required": ["oauth1"], "properties": {"oauth2": false, "oauth1": {"required": needed(&keys::OAUTH1)}}}),
            "oauth2" => json!({"required": ["oauth2"], "properties": {"oauth1": false, "oauth2": {"required": ["client_auth"]}}}),
            _ => json!({"properties": {"oauth1": false}}),
        };
        let one_legged = json!({"required": ["oauth1"], "properties": {"oauth1": {"required": ["one_legged"], "properties": {"one_legged": {"const": true}}}}});
        let imported = json!({"required": ["import"]});
        let device_only = json!({"required": ["client"], "properties": {"client": {"required": ["redirect"], "properties": {"redirect": {"required": ["device_only"], "properties": {"device_only": {"const": true}}}}}}});
        // Where keys alone sign, there is nobody to ask; where tokens are imported, nobody who approves.
        let has_endpoints = match *kind {
            "oauth1" => json!({
                "if": {"anyOf": [one_legged, imported]},
                "then": {"properties": {"endpoints": false}},
                "else": {"required": ["endpoints"]},
            }),
            "oauth2" => json!({
                "required": ["endpoints"],
                "if": imported,
                "then": {"properties": {"endpoints": {"properties": {"authorize": false}}}},
                "else": {"if": device_only, "then": {"properties": {"endpoints": {"required": ["device"]}}}, "else": {"properties": {"endpoints": {"required": ["authorize"]}}}},
            }),
            _ => json!({"required": ["endpoints"]}),
        };
        let own = json!({"properties": {"endpoints": {"$ref": reference(endpoints), "required": needed(endpoints)}}});
        json!({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": {"allOf": [own, habits, has_endpoints]}})
    });
    // Tables of a user's file are laid over those of another: what they do not say is said there.
    let alone = json!({
        "if": {"required": ["kind"]},
        "then": {
            "allOf": tight::together(),
            "required": needed(&keys::TOP),
            "properties": {
                "client": {"required": needed(&keys::CLIENT)},
                "api": {"required": needed(&keys::API)},
                "retired": {"required": needed(&keys::RETIRED)},
                "actions": {"additionalProperties": {"required": needed(&actions::ACTION)}},
            },
        },
    });
    let retired =
        json!({"if": {"required": ["status", "kind"], "properties": {"status": {"const": "retired"}}}, "then": {"required": ["retired"]}});
    let mut schema = table(&keys::TOP);
    let more = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keyfob provider file",
        "description": "An OAuth provider as data: endpoints, habits, deviations and actions. Without kind, a file changes members of the embedded provider of its name.",
        "allOf": kinds.chain([alone, retired]).collect::<Vec<_>>(),
        "$defs": definitions,
    });
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
    schema
}

/// A table without what it needs, unless it is an item of an array, which is never laid over another.
fn table(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .keys
        .iter()
        .map(|key| {
            let mut said = holds(key.holds);
            if let Some(said) = said.as_object_mut() {
                said.extend(tight::form(section.path, key.name));
                let default = if key.default.is_empty() { String::new() } else { format!(" (default: {})", key.default) };
                said.insert("description".to_owned(), format!("{}{default}", key.about).replace('`', "").into());
                // A sample for whoever completes; as it is written in TOML.
                if !key.example.is_empty() {
                    said.insert("examples".to_owned(), json!([example(key.example)]));
                }
            }
            (key.name.to_owned(), said)
        })
        .collect();
    let mut table =
        json!({"type": "object", "description": section.about.replace('`', ""), "properties": properties, "additionalProperties": false});
    if let Some(table) = table.as_object_mut() {
        table.extend(tight::table(section.path));
    }
    table
}

fn example(text: &str) -> Value {
    let parsed: toml::Table = toml::from_str(&format!("x = {text}")).expect("examples are TOML");
    plain(&parsed["x"])
}

/// TOML as editors judge it: a date is its text.
pub(super) fn plain(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(moment) => json!(moment.to_string()),
        toml::Value::Array(items) => items.iter().map(plain).collect(),
        toml::Value::Table(members) => members.iter().map(|(key, value)| (key.clone(), plain(value))).collect::<Map<_, _>>().into(),
    }
}

fn holds(holds: Holds) -> Value {
    let one_of = |words: &[&str]| json!({"type": "string", "enum": words});
    let texts = |item: Value| json!({"type": "array", "items": item});
    let pairs = || json!({"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}});
    match holds {
        Holds::Text | Holds::Template | Holds::Jq => json!({"type": "string"}),
        Holds::Url => url(),
        // It may begin with a place for a whole origin.
        Holds::Base => json!({"type": "string", "pattern": "^(https://|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)([:/]|$)|[{])[^?#]*$"}),
        Holds::Pointer => pointer(),
        Holds::Flag => json!({"type": "boolean"}),
        Holds::Whole(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Holds::Wholes(min, max) => json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": min, "maximum": max}}),
        Holds::Number => json!({"type": "number"}),
        Holds::Date => json!({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
        Holds::OneOf(words) => one_of(words),
        Holds::Texts => texts(json!({"type": "string"})),
        Holds::SomeOf(words) => texts(one_of(words)),
        Holds::Pointers => texts(pointer()),
        Holds::Urls => texts(url()),
        Holds::Statuses => json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 100, "maximum": 999}}),
        Holds::Values => json!({"type": "array"}),
        Holds::Pairs => pairs(),
        Holds::NamedTexts => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Holds::PairsOf(words) => {
            let known: Map<String, Value> =
                words.iter().map(|word| ((*word).to_owned(), json!({"type": "string", "minLength": 1}))).collect();
            json!({"type": "object", "properties": known, "additionalProperties": false})
        }
        Holds::Deviations => {
            let known: Map<String, Value> = deviations()
                .into_iter()
                .map(|(name, about)| (name.to_owned(), json!({"type": "string", "pattern": "\\S", "description": about})))
                .collect();
            json!({"type": "object", "properties": known, "additionalProperties": false})
        }
        Holds::Words(words) => json!({"type": "object", "additionalProperties": one_of(words)}),
        Holds::Bits => json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}),
        Holds::Json => json!({}),
        Holds::Attach => {
            json!({"anyOf": [{"const": "bearer"}, {"$ref": reference(&keys::ATTACH), "minProperties": 1, "maxProperties": 1}]})
        }
        Holds::Table(section) => json!({"$ref": reference(section)}),
        Holds::Tables(section) => json!({"type": "array", "items": {"$ref": reference(section), "required": needed(section)}}),
        Holds::Named(section) => json!({"type": "object", "additionalProperties": {"$ref": reference(section)}}),
        // Of which kind, the branches above say; a file that changes another may have any of them.
        Holds::Endpoints => {
            let all = keys::ENDPOINTS.iter().flat_map(|(_, section)| section.keys).map(|key| (key.name.to_owned(), url()));
            json!({"type": "object", "properties": all.collect::<Map<_, _>>(), "additionalProperties": false})
        }
    }
}

fn url() -> Value {
    json!({"type": "string", "pattern": "^(https://|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)([:/]|$))[^#]*$"})
}

fn pointer() -> Value {
    json!({"type": "string", "pattern": "^/"})
}

fn needed(section: &Section) -> Vec<&'static str> {
    section.keys.iter().filter(|key| key.needed).map(|key| key.name).collect()
}

fn name(section: &Section) -> String {
    let kind = keys::ENDPOINTS.iter().find(|(_, known)| known.heading == section.heading).map(|(kind, _)| format!("-{kind}"));
    format!("{}{}", section.path.replace(".*", "").replace('.', "-"), kind.unwrap_or_default())
}

fn reference(section: &Section) -> String {
    format!("#/$defs/{}", name(section))
}
