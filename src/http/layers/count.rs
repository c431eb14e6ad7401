//! Counts each answer for `/metrics`.

use super::Answer;
use super::problems::Code;
use crate::http::Api;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Instant;

pub async fn count(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let started = Instant::now();
    let response = next.call(request).await?.map_into_boxed_body();
    let (method, pattern) = (
        response.request().method(),
        response.request().match_pattern(),
    );
    let (status, took) = (response.status().as_u16(), started.elapsed());
    api.requests
        .count(method.as_str(), pattern.as_deref(), status, took);
    if let Some(code) = response.response().extensions().get::<Code>() {
        api.requests.refused(code.0);
    }
    Ok(response)
}
