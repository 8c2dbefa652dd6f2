//! The OpenAPI document: kept as a file, so that a change of the API is seen where it is reviewed.

use std::path::Path;

use keyfob_broker::api::document;
use serde_json::Value;

use super::{World, send};

#[test]
fn the_document_is_the_one_in_the_repository() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        std::fs::write(&file, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == made, "{} is of another API; KEYFOB_WRITE_DOCS=1 writes it anew", file.display());
}

#[tokio::test]
async fn the_document_is_served_to_whoever_asks() {
    let world = World::known(&["netatmo"]).await;
    let reply = send(world.address, "GET", "/v1/openapi.json", &[], "").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.json(), document());
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_described() {
    let document = document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            let answers = operation["responses"].as_object().expect("answers");
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
        }
    }
}

/// OpenAPI 3.1: what stands for a parameter of a path has no slash in it. What is forwarded has some, and is told in words.
#[test]
fn no_parameter_of_a_path_stands_for_more_than_one_segment() {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.contains_key("/token/{account}") && !paths.keys().any(|path| path.starts_with("/api/")));
    assert!(document["info"]["description"].as_str().is_some_and(|text| text.contains("`/api/ACCOUNT/PATH`")));
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(reference) if name == "$ref" => references.push(reference.to_owned()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
