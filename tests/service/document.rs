//! The OpenAPI document. That every answer is as it says, each test of this binary proves by its requests (`support/document.rs`).

use crate::support::document::DOCUMENT;
use crate::support::{Launch, shared};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use synapse_core::url_table::TABLE;

fn document() -> Value {
    shared().app.get("/openapi.json").expect(200).json()
}

#[test]
fn the_command_prints_what_the_service_serves_and_needs_no_settings() {
    let printed = Launch::bare().run(&["openapi"]).expect(0).stdout;
    assert_eq!(printed, shared().app.get("/openapi.json").expect(200).text);
    assert_eq!(document()["openapi"], "3.1.0");
}

/// Each documented operation is served, and no other method of a documented path is. Those of private databases alone are not served here.
#[test]
fn the_operations_are_those_that_are_served() {
    let shared = shared();
    let elsewhere = TABLE.iter().filter(|row| row.embedded_only);
    let elsewhere: BTreeSet<&str> = elsewhere.map(|row| row.path).collect();
    let paths: BTreeSet<String> = DOCUMENT
        .operations()
        .into_iter()
        .map(|(_, path)| path)
        .filter(|path| !elsewhere.contains(path.as_str()))
        .collect();
    for path in paths {
        let path = path.replace("{id}", "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44");
        // Where it is another method, the answer is checked to be a 405 whose Allow names the documented ones.
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PATCH,
            Method::PUT,
            Method::DELETE,
        ] {
            shared.app.send(method, &path, &[], None);
        }
    }
}

#[test]
fn the_codes_are_those_of_the_table_of_errors() {
    let table = shared().app.get("/errors").expect(200).json();
    let table = table.as_array().unwrap().iter();
    let codes = Value::from_iter(table.map(|kind| kind["code"].clone()));
    let document = document();
    let problem = document.pointer("/components/schemas/Problem/allOf/1/properties/code/enum");
    assert_eq!(problem, Some(&codes));
}

#[test]
fn every_example_is_as_its_schema_says() {
    let document = document();
    let mut examples = Vec::new();
    collect_examples(&document, &mut examples);
    assert!(examples.len() > 100, "{}", examples.len());
    DOCUMENT.fit(&examples);
}

/// Each schema that stands beside an example, or examples.
fn collect_examples<'d>(value: &'d Value, found: &mut Vec<(&'d Value, &'d Value)>) {
    match value {
        Value::Object(object) => {
            if let Some(schema) = object.get("schema") {
                let many = object.get("examples").and_then(Value::as_object);
                let many = many.into_iter().flat_map(|many| many.values());
                let examples = many.filter_map(|example| example.get("value"));
                let examples = object.get("example").into_iter().chain(examples);
                found.extend(examples.map(|example| (schema, example)));
            }
            object
                .values()
                .for_each(|value| collect_examples(value, found));
        }
        Value::Array(array) => array
            .iter()
            .for_each(|value| collect_examples(value, found)),
        _ => {}
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_a_summary_and_a_body_example() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{method} {path}"
            );
            let body = operation.pointer("/requestBody/content/application~1json");
            assert!(
                body.is_none_or(|body| body["example"].is_object()),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn the_page_for_people_needs_nothing_from_elsewhere() {
    let page = shared().app.get("/docs").expect(200);
    for elsewhere in ["src=", "<link", "@import", "fonts.g"] {
        assert!(
            !page.text.contains(&format!("{elsewhere}\"http")),
            "{elsewhere}"
        );
    }
    assert!(page.text.contains("SwaggerUIBundle({url: \"openapi.json\""));
    assert!(
        page.header("Content-Security-Policy")
            .starts_with("default-src 'none'; script-src 'sha256-")
    );
}
