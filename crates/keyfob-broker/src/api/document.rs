//! The OpenAPI document, made of the table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cursor;
use super::operation::{Filter, Operation, Shape};
use super::{OPERATIONS, once};

/// What the API is, in general.
const ABOUT: &str = "Accounts at OAuth providers, and who may use them. A program sends an API token (`kft_…`) as `Authorization: Bearer`; it may do \
what the person may who made it. A browser that is signed in may ask, too; what changes something then takes the token of the page's forms in \
`X-Keyfob-CSRF`. What is somebody else's is 404. What is not written as it should be is 400; what is, and cannot be done, is 422. \
Every error is a problem (RFC 9457), with a `code` that programs can look for.\n\n\
With a valet key (`kfk_…`), any request to `/api/ACCOUNT/PATH` is sent on to the account's provider, with its credentials attached or signed: ACCOUNT with \
%2F for a slash, PATH with its slashes as they are, and a query if there is one. The answer is the provider's, as it is, with the header \
`X-Keyfob-Provider`; one without that is a problem of ours. Such a request is for a plain HTTP client, and no operation of this document: a client that was \
generated would encode the slashes.";

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    schemas.insert("Problem".to_owned(), problem());
    for operation in OPERATIONS.iter() {
        for shape in operation.body.iter().chain(&operation.answer) {
            schemas.insert(shape.name.clone(), shape.schema.clone());
        }
        paths.entry(operation.path).or_default().insert(operation.method.as_str().to_lowercase(), described(operation));
    }
    paths.extend(by_key());
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Keyfob", "version": "1", "description": ABOUT, "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token: `kft_…`."},
                "key": {"type": "http", "scheme": "bearer", "description": "A valet key: `kfk_…`."},
            },
            "responses": {
                "Problem": {
                    "description": "It did not work; this is why.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            },
        },
    })
}

/// What a valet key opens, and is no part of the table. What is forwarded is told in words ([`ABOUT`]): it has no shape of ours, and a path of its own with
/// slashes in it, and no parameter of a path may stand for those (OpenAPI 3.1 §4.8.8.2).
fn by_key() -> BTreeMap<&'static str, Map<String, Value>> {
    let account = json!({"name": "account", "in": "path", "required": true, "description": meaning("account"), "schema": {"type": "string", "minLength": 1}});
    let token = json!({
        "type": "object",
        "required": ["access_token", "token_type", "expires_at", "scope"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"const": "Bearer"},
            "expires_at": {"type": ["string", "null"], "format": "date-time"},
            "scope": {"type": "string", "description": "The granted scopes, with a space between them."},
        },
    });
    let mut given = Map::new();
    let mut answers = json!({
        "200": {"description": "A token that is good for a minute at least.", "content": {"application/json": {"schema": token}}},
    });
    // 409: the account has no token that another could use.
    for status in ["401", "403", "404", "409", "429", "default"] {
        answers[status] = json!({"$ref": "#/components/responses/Problem"});
    }
    let operation = json!({
        "operationId": "getAccessToken",
        "summary": "The account's access token, for a key that may see it",
        "security": [{"key": []}],
        "parameters": [account],
        "responses": answers,
    });
    given.insert("get".to_owned(), operation);
    BTreeMap::from([("/token/{account}", given)])
}

fn described(operation: &Operation) -> Value {
    let mut answers = Map::new();
    let answer = operation.answer.as_ref().map(content);
    let mut good = json!({"description": "It worked."});
    if let Some(content) = answer {
        good["content"] = content;
    }
    answers.insert(operation.status.as_str().to_owned(), good);
    let has_body = operation.body.is_some();
    let wrong = [
        (400, true),
        (401, true),
        (403, true),
        (404, true),
        (408, has_body),
        (409, operation.is_once()),
        (413, has_body),
        (415, has_body),
        (422, has_body || operation.is_paged),
    ];
    for (status, _) in wrong.iter().filter(|(_, is_so)| *is_so) {
        answers.insert(status.to_string(), json!({"$ref": "#/components/responses/Problem"}));
    }
    answers.insert("default".to_owned(), json!({"$ref": "#/components/responses/Problem"}));
    let mut described =
        json!({"operationId": operation.id, "summary": operation.about, "parameters": parameters(operation), "responses": answers});
    if let Some(shape) = &operation.body {
        described["requestBody"] = json!({"required": true, "content": content(shape)});
    }
    described
}

fn content(shape: &Shape) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{}", shape.name)}}})
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let mut all: Vec<Value> = operation
        .names()
        .map(|name| json!({"name": name, "in": "path", "required": true, "description": meaning(name), "schema": {"type": "string", "minLength": 1}}))
        .collect();
    if operation.is_paged {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": cursor::MOST});
        all.push(json!({"name": "limit", "in": "query", "description": "How many entries at most.", "schema": limit}));
        // What a cursor looks like is nobody's business, so that no text can be shown to be one.
        let about = "The `next_cursor` of the page before.";
        all.push(json!({"name": "cursor", "in": "query", "description": about, "schema": {"type": "string", "minLength": 1}}));
    }
    for Filter { name, about, choices } in &operation.filters {
        let schema = if choices.is_empty() { json!({"type": "string"}) } else { json!({"type": "string", "enum": choices}) };
        all.push(json!({"name": name, "in": "query", "description": about, "schema": schema}));
    }
    if operation.is_once() {
        let about =
            "Of several requests with the same key, within a day, one counts; the others get its answer, without what is shown once.";
        let schema = json!({"type": "string", "minLength": 1, "maxLength": once::LONGEST, "pattern": "^[!-~]+$"});
        all.push(json!({"name": "Idempotency-Key", "in": "header", "description": about, "schema": schema}));
    }
    all
}

fn meaning(name: &str) -> &'static str {
    match name {
        "account" => "The account's name, with %2F for a slash.",
        "provider" => "The provider's name.",
        _ => "Its number.",
    }
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why it did not work (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "description": "The same in every version, for programs."},
            "detail": {"type": "string"},
            "hint": {"type": "string", "description": "What to do next."},
            "request_id": {"type": "string", "description": "What the log calls the request."},
        },
    })
}
