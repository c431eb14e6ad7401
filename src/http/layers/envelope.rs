//! What every response carries: a request id, `Cache-Control: no-store`, problems as RFC 9457, and a line in the access log.

use crate::http::Api;
use crate::http::answer::Problem;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};
use std::time::Instant;
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of this request: the client's, where it is a proper one.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

fn request_id(request: &ServiceRequest) -> RequestId {
    let sent = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let proper = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    RequestId(
        sent.filter(proper)
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned),
    )
}

pub async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(id.clone());
    let mut response = next.call(request).await?.map_into_boxed_body();
    let problem = response.response_mut().extensions_mut().remove::<Problem>();
    let code = match problem
        .or_else(|| made_by_framework(&response).then(|| Problem::of_status(response.status())))
    {
        Some(problem) => {
            let code = problem.kind.code;
            if let Some(api) = api(&response) {
                api.requests.refused(problem.kind);
            }
            if let Some(cause) = problem.cause() {
                log::error!(cause, request_id = id.0.as_str(); "a request failed");
            }
            let rendered = problem.render(response.request().path(), &id.0);
            response = keep_headers(response, rendered);
            code
        }
        None => "-",
    };
    log_access(&response, code, &id, started);
    if api(&response).is_some_and(|api| api.is_draining()) {
        // The client opens its next connection elsewhere, instead of losing a request on this one.
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(X_REQUEST_ID, id);
    }
    Ok(response)
}

fn api(response: &ServiceResponse) -> Option<&Data<Api>> {
    response.request().app_data::<Data<Api>>()
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
) -> ServiceResponse {
    for (name, value) in response.headers() {
        if !rendered.headers().contains_key(name) && name != CONTENT_LENGTH {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response.into_response(rendered)
}

fn log_access(response: &ServiceResponse, code: &str, id: &RequestId, started: Instant) {
    let request = response.request();
    let pattern = request.match_pattern();
    if let Some(api) = api(response) {
        let (method, status) = (request.method().as_str(), response.status().as_u16());
        api.requests
            .count(method, pattern.as_deref(), status, started.elapsed());
    }
    let route = pattern.unwrap_or_else(|| "-".into());
    let served_by = response
        .headers()
        .get("x-served-by")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("-");
    log::info!(target: "access", method = request.method().as_str(), route = route.as_str(), status = response.status().as_u16(),
        code, served_by, duration_us = started.elapsed().as_micros(), request_id = id.0.as_str(); "request");
}
