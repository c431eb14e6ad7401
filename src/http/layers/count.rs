//! Counts each answer for `/metrics`, and each request whose client has gone before it.

use super::Answer;
use super::access_log::UNANSWERED;
use super::problems::Code;
use crate::http::Api;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Instant;

pub async fn count(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let mut asked = Asked {
        api,
        method: request.method().clone(),
        pattern: request.match_pattern(),
        started: Instant::now(),
        status: None,
    };
    let response = next.call(request).await?.map_into_boxed_body();
    asked.status = Some(response.status().as_u16());
    if let Some(code) = response.response().extensions().get::<Code>() {
        asked.api.requests.refused(code.0);
    }
    Ok(response)
}

/// A request that is counted when this is dropped: with its answer, or without one because its client has gone.
struct Asked {
    api: Data<Api>,
    method: Method,
    pattern: Option<String>,
    started: Instant,
    /// None: it has no answer yet.
    status: Option<u16>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let (method, pattern) = (self.method.as_str(), self.pattern.as_deref());
        let took = self.started.elapsed();
        let status = self.status.unwrap_or(UNANSWERED);
        self.api.requests.count(method, pattern, status, took);
    }
}
