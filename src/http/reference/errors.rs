//! `/errors`.

use actix_web::HttpResponse;
use serde_json::json;

use crate::http::answer::codes::KINDS;
use crate::http::request::NoQuery;

pub async fn errors(_: NoQuery) -> HttpResponse {
    let list = KINDS.iter().map(|kind| {
        json!({
            "code": kind.code, "status": kind.status, "type": kind.type_uri(), "title": kind.title,
            "retryable": kind.retryable, "outcome": kind.outcome,
        })
    });
    HttpResponse::Ok().json(list.collect::<Vec<_>>())
}
