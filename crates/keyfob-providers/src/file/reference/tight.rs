//! What the JSON Schema says beyond keys, types and words: the forms of texts, and what is said together or not at all. A file that changes another says a part
//! of what that one says, so what belongs together is asked only of files that stand on their own.

use keyfob_proto::Deviation;
use serde_json::{Map, Value, json};

use crate::file;
use crate::provider::Field;

/// RFC 9110 §5.6.2.
const HEADER: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
const NAME: &str = "^[a-z][a-z0-9_-]{0,63}$";
/// Names that are written without encoding.
const VISIBLE: &str = "^[!-~]+$";
const FRAMING: &str = "^(?!([Hh][Oo][Ss][Tt]|[Cc]ontent-[Ll]ength|[Tt]ransfer-[Ee]ncoding|[Cc]onnection|[Uu]pgrade|[Tt][Ee]|[Tt]railer|[Pp]roxy-[Aa]uthorization|[Cc]ookie|[Ee]xpect)$)";
/// RFC 6749 §3.3.
const SCOPE: &str = "^[!#-\\[\\]-~]+$";
const ORIGIN: &str = "^(https://[^/?#@]+|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)(:[0-9]+)?)/?$";

/// The form of one key's value.
pub(super) fn form(table: &str, key: &str) -> Map<String, Value> {
    let form = match (table, key) {
        ("", "name") => json!({"pattern": NAME}),
        ("", "keep") => json!({"items": {"type": "string", "not": {"enum": keyfob_proto::Settings::NEVER_KEPT}}}),
        ("" | "actions.*", "title" | "about") | ("import", "help") | ("sources", "about") => json!({"pattern": "\\S"}),
        ("", "scopes") => {
            json!({"propertyNames": {"pattern": SCOPE}, "additionalProperties": {"type": "string", "pattern": "\\S"}})
        }
        ("", "origins") => json!({
            "propertyNames": {"pattern": "^(\\*|https?://[^/?#@]+/?)$"},
            "additionalProperties": {"type": "string", "pattern": ORIGIN},
        }),
        ("sources" | "import", "url") | ("", "homepage") | ("client", "register_url") => json!({"pattern": "^https?://[^/?#\\s]\\S*$"}),
        ("client.fields", "name") => {
            json!({"pattern": NAME, "not": {"enum": keyfob_proto::Settings::NEVER_KEPT.iter().filter(|name| **name != "client_secret").collect::<Vec<_>>()}})
        }
        ("oauth1", "authorize_params" | "request_token_params" | "access_token_params") => {
            json!({"propertyNames": {"pattern": "^(?!oauth_)"}})
        }
        ("oauth2", "authorize_params") => json!({"propertyNames": {"not": {"enum": file::OF_AUTHORIZE}}}),
        ("oauth2", "token_params") => json!({"propertyNames": {"not": {"enum": file::OF_TOKEN}}}),
        ("oauth2" | "actions.*", "scopes") => json!({"items": {"type": "string", "pattern": SCOPE}}),
        ("oauth2", "refresh_expires_in") => json!({"pattern": "\\S", "not": {"const": "refresh_token_expires_in"}}),
        ("oauth2", "scope_separator") => json!({"minLength": 1}),
        ("endpoints", "issuer") => json!({"pattern": "^(https://|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)([:/]|$))[^?#]*$"}),
        ("client", "token_env") => json!({"pattern": "^[A-Za-z0-9_]+$"}),
        ("client.fields", "env") => json!({"items": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"}}),
        ("client.redirect", "suggested") => {
            json!({"items": {"type": "string", "pattern": "^(https://|http://(127\\.0\\.0\\.1|\\[::1\\]|localhost)([:/]|$))"}})
        }
        ("oauth2", "authorize_fragment") => json!({"pattern": "^[A-Za-z0-9._~=&/-]+$"}),
        ("oauth2", "token_type") => {
            json!({"not": {"enum": ["", "bearer", "Bearer", "BEARER", "DPoP", "dpop", "PoP", "pop", "mac", "MAC", "N_A", "n_a"]}})
        }
        ("api", "hosts") => {
            json!({"minItems": 1, "items": {"type": "string", "pattern": "^(\\*\\.[A-Za-z0-9-]+|[A-Za-z0-9-]+)(\\.[A-Za-z0-9-]+)+$"}})
        }
        ("api" | "api.attach", "headers") => json!({"propertyNames": {"allOf": [{"pattern": HEADER}, {"pattern": FRAMING}]}}),
        ("actions.*", "headers") => {
            json!({"propertyNames": {"allOf": [{"pattern": HEADER}, {"pattern": FRAMING}, {"pattern": "^(?![Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz][Aa][Tt][Ii][Oo][Nn]$)"}]}})
        }
        ("api", "more_origins") => json!({"items": {"type": "string", "pattern": ORIGIN.replace("[^/?#@]", "[^/?#@*]")}}),
        ("api", "method_override") => {
            json!({"items": {"type": "string", "pattern": VISIBLE, "not": {"enum": ["_method", "X-HTTP-Method-Override", "x-http-method-override"]}}})
        }
        ("api.batch", "fields") => json!({"items": {"type": "string", "pattern": VISIBLE}}),
        ("api.batch", "calls") => json!({"items": {"type": "string", "pattern": "^(GET|POST|PUT|PATCH) /\\S*$"}}),
        ("api.limits" | "api.limits.reads", "limit" | "remaining" | "usage" | "reset" | "structured" | "policy") => {
            json!({"pattern": HEADER})
        }
        ("api", "revoked") | ("oauth2", "grant_ended") => {
            json!({"allOf": [{"items": {"anyOf": [{"required": ["values"]}, {"required": ["contains"]}]}}]})
        }
        ("api.expired", "contains") => json!({"items": {"type": "string", "minLength": 1}}),
        ("api.limits", "periods") => json!({"uniqueItems": true}),
        ("actions.*", "path") => json!({"pattern": "^/"}),
        ("actions.*.parameters", "name") => json!({"pattern": NAME}),
        _ => return Map::new(),
    };
    members(form)
}

/// What holds for a table wherever it stands: no other lies over it, or what it says alone says nothing anywhere.
pub(super) fn table(path: &str) -> Map<String, Value> {
    let held = match path {
        // Items of arrays are never laid over others.
        "api.expired" => json!({
            "dependentRequired": {"values": ["pointer"]},
            "if": {"not": {"anyOf": [{"required": ["pointer"]}, {"required": ["contains"]}]}},
            "then": {"properties": {"status": {"items": {"not": {"minimum": 200, "maximum": 299}}}}},
        }),
        "actions.*.parameters" => json!({
            "not": {"required": ["required", "default"], "properties": {"required": {"const": true}}},
            "dependentSchemas": of_types(),
        }),
        "actions.*.columns" => json!({"dependentRequired": {"units": ["each"], "kinds": ["each"]}}),
        "client.fields" => json!({
            "not": {"required": ["required", "default"], "properties": {"required": {"const": true}}},
            "dependentSchemas": {"default": {"properties": {
                "name": {"not": {"enum": Field::OF_EACH_APP}},
                "secret": {"const": false},
            }}},
            "if": {"properties": {"name": {"enum": ["client_secret", "private_key"]}}},
            "then": {"properties": {"secret": {"const": true}}, "required": ["secret"]},
        }),
        "api.batch" | "api.limits" | "api.limits.reads" => json!({"minProperties": 1}),
        _ => return Map::new(),
    };
    members(held)
}

/// What is said of a parameter has its type. Where none is said, it is text.
fn of_types() -> Value {
    let types = file::OF_TYPES.iter().map(|(key, types)| {
        let needed: &[&str] = if types.contains(&"text") { &[] } else { &["type"] };
        ((*key).to_owned(), json!({"required": needed, "properties": {"type": {"enum": types}}}))
    });
    Value::Object(types.collect())
}

/// What belongs together in a file that stands on its own.
pub(super) fn together() -> Vec<Value> {
    let both = |table: &[&str], pairs: Value| below(table, json!({"dependentRequired": pairs}));
    let with = |table: &[&str], when: Value, then: Value| below(table, json!({"if": when, "then": then}));
    let says = |key: &str, value: Value| json!({"required": [key], "properties": {key: {"const": value}}});
    let deviates = |key: &str, name: &str| {
        let has = below(&["oauth2"], json!({"required": [key]}));
        json!({"if": {"required": ["oauth2"], "allOf": [has]}, "then": {"required": ["deviations"], "properties": {"deviations": {"required": [name]}}}})
    };
    let set = |name: &str, key: &str| {
        let has = below(&["deviations"], json!({"required": [name]}));
        json!({"if": {"required": ["deviations"], "allOf": [has]}, "then": {"required": ["oauth2"], "properties": {"oauth2": {"required": [key]}}}})
    };
    let foreign = |is_of_oauth1: bool| {
        let names = Deviation::ALL.iter().filter(|deviation| deviation.is_of_oauth1() == is_of_oauth1).map(|deviation| deviation.name());
        below(&["deviations"], json!({"propertyNames": {"not": {"enum": names.collect::<Vec<_>>()}}}))
    };
    // One key of [oauth2] needs another of [endpoints].
    let endpoint = |when: Value, endpoint: &str| {
        json!({
            "if": {"required": ["oauth2"], "properties": {"oauth2": when}},
            "then": {"properties": {"endpoints": {"required": [endpoint]}}},
        })
    };
    let of_kind = |kind: &str, then: Value| json!({"if": says("kind", kind.into()), "then": then});
    vec![
        json!({"properties": {"sources": {"minItems": 1}, "client": {"properties": {"fields": {"contains": {
            "required": ["name"], "properties": {"name": {"const": "client_id"}},
        }}}}}}),
        both(&["endpoints"], json!({"jwks": ["issuer"]})),
        both(&["oauth2"], json!({"refresh_lifetime": ["refresh_lifetime_from"], "refresh_lifetime_from": ["refresh_lifetime"]})),
        both(&["oauth2", "renewal"], json!({"long_lived": ["long_lived_grant_type"], "long_lived_grant_type": ["long_lived"]})),
        below(&["oauth2", "token_error"], json!({"required": ["code", "invalid_grant"]})),
        with(&["oauth2"], says("pkce", "off".into()), json!({"required": ["pkce_reason"]})),
        with(&["oauth2"], says("client_auth", "signed-secret".into()), json!({"required": ["signed_secret"]})),
        with(&["oauth2"], json!({"required": ["signed_secret"]}), says("client_auth", "signed-secret".into())),
        endpoint(says("iss_required", true.into()), "issuer"),
        endpoint(says("request_object", true.into()), "issuer"),
        endpoint(
            json!({
                "required": ["client_auth"],
                "properties": {"client_auth": {"enum": ["client_secret_jwt", "private_key_jwt"]}},
                "not": {"required": ["assertion_audience"]},
            }),
            "issuer",
        ),
        with(
            &["oauth2"],
            json!({"required": ["assertion_audience"]}),
            json!({"properties": {"client_auth": {"enum": ["client_secret_jwt", "private_key_jwt"]}}}),
        ),
        // One by the app's secret stands alone.
        below(
            &["oauth2"],
            json!({"properties": {"id_token_algorithms": {
                "if": {"contains": {"enum": ["HS256", "HS384", "HS512"]}}, "then": {"maxItems": 1},
            }}}),
        ),
        endpoint(json!({"required": ["renewal"]}), "refresh"),
        endpoint(json!({"required": ["pin"]}), "device"),
        of_kind("oauth2", endpoint(says("par_required", true.into()), "par")),
        deviates("token_error", "own-error"),
        set("own-error", "token_error"),
        set("nested-tokens", "tokens_at"),
        set("other-token-type", "token_type"),
        of_kind("oauth1", foreign(false)),
        of_kind("oauth2", foreign(true)),
        of_kind("oidc", foreign(true)),
        both(&["oauth2"], json!({"pkce_reason": ["pkce"]})),
        with(&["oauth2"], json!({"required": ["pkce_reason"]}), json!({"properties": {"pkce": {"const": "off"}}})),
        deviates("tokens_at", "nested-tokens"),
        deviates("token_type", "other-token-type"),
        json!({"properties": {"deviations": {"not": {"required": ["no-verifier", "denial-without-verifier"]}}}}),
        both(&["api", "limits"], json!({"reset": ["reset_in"], "reset_in": ["reset"], "usage": ["limit"], "policy": ["structured"]})),
        both(&["api", "limits", "reads"], json!({"usage": ["limit"]})),
        below(
            &["api", "limits"],
            json!({"not": {"anyOf": [
                {"required": ["usage", "remaining"]},
                {"required": ["periods", "reset"]},
                {"required": ["structured", "limit"]},
                {"required": ["structured", "remaining"]},
                {"required": ["structured", "usage"]},
                {"required": ["structured", "reset"]},
                {"required": ["structured", "periods"]},
                {"required": ["structured", "reads"]},
            ]}}),
        ),
        below(
            &["api", "pages"],
            json!({"oneOf": [
                {"required": ["next"], "properties": {"cursor": false, "counts": false, "parameter": false, "items": false}},
                {"required": ["cursor", "parameter"], "properties": {"next": false, "counts": false, "items": false}},
                {"required": ["counts", "parameter"], "properties": {"next": false, "cursor": false}},
            ]}),
        ),
        json!({"properties": {"actions": {"additionalProperties": {
            "if": {"required": ["method"], "properties": {"method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]}}},
            "then": {"required": ["acts"]},
        }}}}),
    ]
}

/// The same for a table further down, if it is there.
fn below(path: &[&str], held: Value) -> Value {
    path.iter().rev().fold(held, |held, key| json!({"properties": {*key: held}}))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
