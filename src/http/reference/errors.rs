//! `/errors`.

use actix_web::HttpResponse;

use super::openapi::description::{Answer, Content, Operation, Tag, json_array};
use super::openapi::{examples, shared};
use crate::http::answer::codes::KINDS;
use crate::http::answer::view::ErrorCode;
use crate::http::request::NoQuery;

pub const ERRORS: Operation = Operation {
    method: "GET",
    path: "/errors",
    id: "errors",
    tag: Tag::Reference,
    summary: "Every error code",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "All codes, with status, retryability and outcome.",
        content: Content::Json(json_array::<ErrorCode>("ErrorCode", examples::errors)),
        headers: &[],
    }],
    problems: &[shared::NO_QUERY],
};

pub async fn errors(_: NoQuery) -> HttpResponse {
    let list: Vec<ErrorCode> = KINDS.iter().copied().map(ErrorCode::from).collect();
    HttpResponse::Ok().json(list)
}
