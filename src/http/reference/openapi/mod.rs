//! `/openapi.json`: what the service offers, for machines (OpenAPI 3.1).
//!
//! Each handler's file describes its operation as plain data ([`Operation`]); here they are listed. The shapes of bodies come from the
//! structs that are sent (`answer/view.rs`, `ledger/model`), the refusals from the table of codes. Tests hold every answer of the
//! black-box tests against the document, and its paths against the URL table.

mod access;
mod assemble;
pub mod description;
pub mod examples;
mod problems;
pub mod shared;

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use crate::http::request::NoQuery;
use crate::http::{callback, export, operate, reference, stats, transactions};
use description::{Answer, Content, Operation, Tag, json_object};

/// Every operation, in the order of the document.
const OPERATIONS: &[&Operation] = &[
    &transactions::CREATE,
    &transactions::LIST,
    &transactions::SEARCH,
    &transactions::CREATE_ALL,
    &transactions::READ_ONE,
    &transactions::CHANGE,
    &transactions::EVENTS,
    &callback::CALLBACK,
    &callback::CALLBACK_TRANSACTION,
    &export::EXPORT,
    &stats::BY_STATUS,
    &stats::BY_DAY,
    &stats::BY_ASSET,
    &operate::HEALTH,
    &operate::LIVE,
    &operate::READY,
    &operate::STATUS,
    &operate::METRICS,
    &operate::dashboard::PAGE,
    &operate::dashboard::STYLE,
    &operate::dashboard::SCRIPT,
    &operate::dashboard::EVENTS,
    &operate::dashboard::OPERATION,
    &operate::dashboard::KILL_PRIMARY,
    &reference::ERRORS,
    &reference::OPENAPI,
    &reference::DOCS,
];

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = assemble::assemble(OPERATIONS, include_str!("description.md"));
    // Serializing a document of texts and numbers never fails.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// The document, as `GET /openapi.json` and the command `openapi` give it.
pub fn document() -> &'static str {
    &DOCUMENT
}

pub const OPENAPI: Operation = Operation {
    method: "GET",
    path: "/openapi.json",
    id: "openapi",
    tag: Tag::Reference,
    summary: "This document",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "OpenAPI 3.1.",
        content: Content::Json(json_object(|| serde_json::Map::new().into())),
        headers: &[],
    }],
    problems: &[shared::NO_QUERY],
};

pub async fn openapi(_: NoQuery) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(document())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::TABLE;

    #[test]
    fn every_row_of_the_url_table_is_described_and_nothing_else() {
        let described = OPERATIONS.iter().map(|of| (of.path, of.method.to_owned()));
        let rows = TABLE.iter().map(|row| (row.path, row.method.to_string()));
        assert_eq!(described.collect::<BTreeSet<_>>(), rows.collect());
    }
}
