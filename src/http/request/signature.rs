//! The signature of a callback (Standard Webhooks 1.0), checked over the body as it came, before anything in it is read.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};
use futures_util::future::LocalBoxFuture;

use super::{JsonBody, one_value};
use crate::clients::{self, signatures};
use crate::http::Api;
use crate::http::answer::{Problem, codes};
use crate::http::layers::{Principal, RequestId, Who};
use crate::ledger::ask::caller::{Author, Caller};

/// How far the signed time may be from now, in the past or the future. Both are whole seconds, as the libraries of Standard Webhooks compare
/// them.
const TOLERANCE_S: u64 = 300;
const MAX_ID_BYTES: usize = 255;

/// A callback whose signature was verified, and so whose sender is known.
pub struct Signed {
    pub webhook_id: String,
    pub said_at: DateTime<Utc>,
    pub caller: Caller,
    pub body: Bytes,
}

impl FromRequest for Signed {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Signed, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let body = JsonBody::from_request(&request, payload);
        Box::pin(async move {
            let Some(api) = request.app_data::<Data<Api>>() else {
                return Err(Problem::internal("a request without the service"));
            };
            if api.sources.is_empty() {
                let detail = "no source of callbacks is configured here";
                return Err(Problem::new(&codes::CALLBACK_NOT_CONFIGURED, detail));
            }
            let body = body.await?.0;
            verified(api, &request, body).inspect_err(|problem| audit(api, &request, problem))
        })
    }
}

fn verified(api: &Api, request: &HttpRequest, body: Bytes) -> Result<Signed, Problem> {
    let headers = request.headers();
    let id = header(headers, "webhook-id")?;
    let timestamp = header(headers, "webhook-timestamp")?;
    let sent = header(headers, "webhook-signature")?;
    let signed = clients::Signed {
        id: &id,
        timestamp: &timestamp,
        body: &body,
    };
    let source = api.sources.signer(signed, &signatures(&sent));
    let is_usable = id.len() <= MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic());
    let source = source.filter(|_| is_usable).ok_or_else(invalid)?;
    let said_at = said_at(&timestamp, Utc::now())?;
    let caller = Caller {
        owner: source.owner.clone(),
        author: Author::Source(source.name.clone()),
        request_id: RequestId::of(request),
    };
    request.extensions_mut().insert(Principal {
        client: caller.actor(),
        owner: caller.owner.clone(),
    });
    Ok(Signed {
        said_at,
        caller,
        webhook_id: id,
        body,
    })
}

fn header(headers: &HeaderMap, name: &str) -> Result<String, Problem> {
    let value = one_value(headers, name).map_err(|()| invalid())?;
    value.filter(|value| !value.is_empty()).ok_or_else(invalid)
}

/// The answer is the same whatever part of the signature is wrong or missing.
fn invalid() -> Problem {
    let detail = "send webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks 1.0 says, signed with a known secret";
    Problem::new(&codes::INVALID_SIGNATURE, detail)
}

/// In whole seconds since 1970.
fn said_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    let seconds: Option<i64> = text
        .parse()
        .ok()
        .filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let near = seconds.filter(|seconds| seconds.abs_diff(now.timestamp()) <= TOLERANCE_S);
    let time = near.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.ok_or_else(|| {
        let detail = format!(
            "the signed time must be within {TOLERANCE_S} seconds of now: check the clocks, and sign a repetition anew"
        );
        Problem::new(&codes::SIGNATURE_TIMESTAMP_OUT_OF_RANGE, detail)
    })
}

fn audit(api: &Api, request: &HttpRequest, problem: &Problem) {
    if let Some(who) = request.extensions().get::<Who>() {
        let id = RequestId::of(request);
        api.audit.refused("-", who.address, problem.kind.code, &id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_time_is_good_for_five_minutes_before_and_after_it() {
        let now = DateTime::from_timestamp(1_700_000_000, 900_000_000).expect("a time");
        let is_good = |text: &str| said_at(text, now).is_ok();
        assert!(is_good("1700000000") && is_good("1699999700") && is_good("1700000300"));
        for text in [
            "1699999699",
            "1700000301",
            "",
            "-1700000000",
            "+1700000000",
            "1700000000.0",
            "1700000000000",
            "99999999999999999999",
        ] {
            assert!(!is_good(text), "{text}");
        }
    }
}
