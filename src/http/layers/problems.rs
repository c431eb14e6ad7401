//! Answers that are no success become problems as RFC 9457 writes them, those of the framework included.

use super::{Answer, RequestId};
use crate::http::answer::Problem;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::middleware::Next;

/// The code of the problem, for the access log.
pub struct Code(pub &'static str);

pub async fn problems(request: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Answer {
    let mut response = next.call(request).await?.map_into_boxed_body();
    let told = response.response_mut().extensions_mut().remove::<Problem>();
    let made_here = || made_by_framework(&response).then(|| Problem::of_status(response.status()));
    let Some(problem) = told.or_else(made_here) else {
        return Ok(response);
    };
    let id = RequestId::of(response.request());
    if let Some(cause) = problem.cause() {
        log::error!(cause, request_id = id.as_str(); "a request failed");
    }
    let code = Code(problem.kind.code);
    let mut rendered = problem.render(response.request().path(), &id);
    rendered.extensions_mut().insert(code);
    Ok(keep_headers(response, rendered))
}

/// A probe that answers 503 has a body of its own.
fn made_by_framework(response: &ServiceResponse) -> bool {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    failed
        && response
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|media_type| media_type != "application/json")
}

/// `Allow` of a 405, for one, was set where the problem arose.
fn keep_headers(
    response: ServiceResponse,
    mut rendered: actix_web::HttpResponse,
) -> ServiceResponse<BoxBody> {
    for (name, value) in response.headers() {
        if !rendered.headers().contains_key(name) && name != CONTENT_LENGTH {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response.into_response(rendered)
}
