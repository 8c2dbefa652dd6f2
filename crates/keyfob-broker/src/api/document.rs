//! The OpenAPI document, made of the table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::cursor;
use super::operation::{Operation, Shape};
use super::{OPERATIONS, once};

/// What the API is, in general.
const ABOUT: &str = "Accounts at OAuth providers, and who may use them. A program sends an API token (`kft_…`) as `Authorization: Bearer`; it may do \
what the person may who made it. A browser that is signed in may ask, too; what changes something then takes the token of the page's forms in \
`X-Keyfob-CSRF`. What is somebody else's is 404. What is not written as it should be is 400; what is, and cannot be done, is 422. \
Every error is a problem (RFC 9457), with a `code` that programs can look for.";

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
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Keyfob", "version": "1", "description": ABOUT, "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "An API token: `kft_…`."}},
            "responses": {
                "Problem": {
                    "description": "It did not work; this is why.",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            },
        },
    })
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
    for (name, about) in &operation.filters {
        all.push(json!({"name": name, "in": "query", "description": about, "schema": {"type": "string"}}));
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
