//! Turns every answer that is not a success into a problem as RFC 9457 describes it, including those that actix makes.

use super::{Answer, RequestId, Trace};
use crate::http::answer::Problem;
use actix_web::HttpMessage;
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
        let extensions = response.request().extensions();
        let trace_id = extensions
            .get::<Trace>()
            .map_or("-", |trace| trace.id.as_str());
        log::error!(cause, request_id = id.as_str(), trace_id; "a request failed");
    }
    let code = Code(problem.kind.code);
    let mut rendered = problem.render(response.request().path(), &id);
    rendered.extensions_mut().insert(code);
    Ok(keep_headers(response, rendered))
}

/// An answer that is not a success and has no JSON body was made by actix. (A probe that answers 503 has a JSON body.)
fn made_by_framework(response: &ServiceResponse) -> bool {
    let failed = response.status().is_client_error() || response.status().is_server_error();
    failed
        && response
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|media_type| media_type != "application/json")
}

/// Headers that were set where the problem arose, such as `Allow` of a 405, are kept.
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
