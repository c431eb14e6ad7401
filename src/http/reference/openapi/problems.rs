//! The refusals of an operation: for each status the codes that it can have, each with an example.

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{ContentBuilder, Response, ResponseBuilder};

use super::assemble::{headers, narrowed};
use super::description::{Header, Shape};
use super::shared;
use crate::http::Need;
use crate::http::answer::codes::{self, Kind};
use crate::http::answer::view::{Extras, Problem};

const RETRY_AFTER: Header = Header {
    name: "Retry-After",
    description: "Seconds, where the identical request may succeed later.",
    shape: Shape::Number { min: 1, max: None },
    example: "1",
    always: true,
};
const ENTITY_TAG: Header = Header {
    name: "ETag",
    description: "The version that is stored now.",
    shape: Shape::Text,
    example: "\"2-5f2c9a\"",
    always: true,
};

const AUTHENTICATE: Header = Header {
    name: "WWW-Authenticate",
    description: "Send a key: `Authorization: Bearer syn_…`.",
    shape: Shape::Text,
    example: "Bearer",
    always: true,
};

/// `kinds` all have the same status.
pub fn response(kinds: &[&'static Kind], need: Need) -> Response {
    let status = kinds.first().map_or(500, |kind| kind.status);
    let titles: Vec<_> = kinds
        .iter()
        .map(|kind| format!("`{}`: {}.", kind.code, kind.title))
        .collect();
    let examples = kinds.iter().map(|kind| {
        let example = ExampleBuilder::new().summary(kind.title);
        (kind.code, example.value(Some(example_of(kind))))
    });
    let content = ContentBuilder::new()
        .schema(Some(narrowed(status, kinds.iter().map(|kind| kind.code))))
        .examples_from_iter(examples);
    let response = ResponseBuilder::new().description(titles.join(" "));
    let some_retryable = kinds.iter().any(|kind| kind.retryable);
    let retry_after = Header {
        always: kinds.iter().all(|kind| kind.retryable),
        ..RETRY_AFTER
    };
    let special = [
        (some_retryable, retry_after),
        (kinds.contains(&&codes::PRECONDITION_FAILED), ENTITY_TAG),
        (kinds.contains(&&codes::UNAUTHORIZED), AUTHENTICATE),
    ];
    let special = special
        .into_iter()
        .filter_map(|(has, header)| has.then_some(header));
    let of_a_read = shared::READ.iter().map(|header| Header {
        always: false,
        ..*header
    });
    let absent = [
        &codes::TRANSACTION_NOT_FOUND,
        &codes::CONSISTENCY_TOKEN_UNKNOWN,
    ];
    let is_of_a_read = kinds.iter().any(|kind| absent.contains(kind));
    let special: Vec<Header> = special.chain(of_a_read.filter(|_| is_of_a_read)).collect();
    headers(response, &special, need)
        .content("application/problem+json", content.build())
        .build()
}

fn example_of(kind: &'static Kind) -> serde_json::Value {
    let extras = Extras {
        outcome: (kind.status >= 500).then_some(kind.outcome),
        ..Extras::default()
    };
    let problem = Problem {
        type_uri: kind.type_uri(),
        title: kind.title,
        status: kind.status,
        code: kind.code,
        detail: kind.title,
        instance: "/transactions",
        request_id: "0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b45",
        retryable: kind.retryable,
        extras: &extras,
    };
    // Serializing this struct never fails.
    serde_json::to_value(problem).unwrap_or_default()
}
