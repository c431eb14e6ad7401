//! The limits that a client sets for its own request.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};

use super::one_value;
use crate::dispatch::{Bounds, MAX_DEADLINE_MS, MAX_STALENESS_MS};
use crate::http::answer::{Problem, codes};

impl FromRequest for Bounds {
    type Error = Problem;
    type Future = Ready<Result<Bounds, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(bounds(request.headers()))
    }
}

fn bounds(headers: &HeaderMap) -> Result<Bounds, Problem> {
    Ok(Bounds {
        max_staleness: millis(headers, "X-Max-Staleness-Ms", MAX_STALENESS_MS)?,
        deadline: millis(headers, "X-Deadline-Ms", MAX_DEADLINE_MS)?,
    })
}

fn millis(headers: &HeaderMap, name: &str, max: u32) -> Result<Option<Duration>, Problem> {
    let invalid = || {
        let detail = format!("{name}: one whole number of milliseconds from 1 to {max}");
        Problem::new(&codes::INVALID_PARAMETER, detail)
    };
    let Some(text) = one_value(headers, name).map_err(|()| invalid())? else {
        return Ok(None);
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let ms = text.parse::<u32>().ok();
    let ms = ms.filter(|ms| is_plain && (1..=max).contains(ms));
    ms.map(|ms| Some(Duration::from_millis(ms.into())))
        .ok_or_else(invalid)
}
