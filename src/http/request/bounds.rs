//! The limits that a client sets for its own request.

use std::future::{Ready, ready};
use std::ops::RangeInclusive;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};

use super::one_value;
use crate::dispatch::Bounds;
use crate::http::answer::{Problem, codes};

/// The same range as that of `database.max_replica_lag_ms`.
const STALENESS_MS: RangeInclusive<u64> = 1..=86_400_000;
/// The same range as that of `database.write_deadline_ms`.
const DEADLINE_MS: RangeInclusive<u64> = 1..=120_000;

impl FromRequest for Bounds {
    type Error = Problem;
    type Future = Ready<Result<Bounds, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(bounds(request.headers()))
    }
}

fn bounds(headers: &HeaderMap) -> Result<Bounds, Problem> {
    Ok(Bounds {
        max_staleness: millis(headers, "X-Max-Staleness-Ms", STALENESS_MS)?,
        deadline: millis(headers, "X-Deadline-Ms", DEADLINE_MS)?,
    })
}

fn millis(
    headers: &HeaderMap,
    name: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<Duration>, Problem> {
    let invalid = || {
        let (min, max) = (range.start(), range.end());
        let detail = format!("{name}: one whole number of milliseconds from {min} to {max}");
        Problem::new(&codes::INVALID_PARAMETER, detail)
    };
    let Some(text) = one_value(headers, name).map_err(|()| invalid())? else {
        return Ok(None);
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = text
        .parse()
        .ok()
        .filter(|ms| is_plain && range.contains(ms));
    ms.map(|ms| Some(Duration::from_millis(ms)))
        .ok_or_else(invalid)
}
