//! Limits how often a client, or an address without a key, may ask, and says so in the headers of draft-ietf-httpapi-ratelimit-headers.

use super::{Answer, Who};
use crate::clients::QuotaLeft;
use crate::http::answer::{Problem, codes};
use crate::http::{Api, Need, TABLE};
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::web::Data;
use std::time::Duration;

pub async fn rate(
    api: Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Answer {
    let Some((policy, left)) = quota_left(&api, &request) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let headers = headers(policy, left);
    if let Some(wait) = left.wait {
        let detail = "more requests than the limit allows; nothing was applied";
        let problem = Problem::new(&codes::RATE_LIMITED, detail);
        let problem = problem.with_header(RETRY_AFTER, whole_seconds(wait).into());
        let add = |problem: Problem, (name, value)| problem.with_header(name, value);
        return Ok(request.error_response(headers.into_iter().fold(problem, add)));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// What the request is counted for (its client or its address), and how much of that limit is left. None: it is not limited.
fn quota_left(api: &Api, request: &ServiceRequest) -> Option<(&'static str, QuotaLeft)> {
    let is_probe = |path| {
        let mut rows = TABLE.iter().filter(|row| row.need == Need::Probe);
        rows.any(|row| row.path == path)
    };
    if is_probe(request.path()) {
        return None;
    }
    let extensions = request.extensions();
    let who = extensions.get::<Who>()?;
    match &who.client {
        Some(client) if api.clients.everybody().is_none() => {
            Some(("client", api.limiter.client(&client.name)?))
        }
        _ => Some(("address", api.limiter.address(who.address)?)),
    }
}

/// `RateLimit-Policy: "client";q=20;w=2`: 20 requests in 2 seconds. `RateLimit: "client";r=19;t=1`: 19 are left, and more in a second.
fn headers(policy: &str, left: QuotaLeft) -> [(HeaderName, HeaderValue); 2] {
    let (burst, window_s) = (left.quota.burst, left.quota.refill_s());
    let more_in_s = whole_seconds(left.wait.unwrap_or_default());
    let text = |text: String| {
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")) // digits and a name
    };
    [
        (
            HeaderName::from_static("ratelimit-policy"),
            text(format!("\"{policy}\";q={burst};w={window_s}")),
        ),
        (
            HeaderName::from_static("ratelimit"),
            text(format!("\"{policy}\";r={};t={more_in_s}", left.remaining)),
        ),
    ]
}

/// At least one: a limit gives at least one request back each second.
fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000))
        .unwrap_or(u64::MAX)
        .max(1)
}
