//! The idempotency key.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};

use crate::http::answer::{Problem, codes};
use crate::ledger::ask::key::IdempotencyKey;

/// `Idempotency-Key`, alias `X-Idempotency-Key`. It may be there several times, but only with one value.
pub struct Key(pub Option<IdempotencyKey>);

impl FromRequest for Key {
    type Error = Problem;
    type Future = Ready<Result<Key, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request.headers()).map(Key))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let invalid = |detail: &str| Problem::new(&codes::INVALID_IDEMPOTENCY_KEY, detail);
    let mut found: Option<IdempotencyKey> = None;
    for value in headers
        .get_all("idempotency-key")
        .chain(headers.get_all("x-idempotency-key"))
    {
        let text = value.to_str().map_err(|_| invalid("a key is ASCII"))?;
        let key = IdempotencyKey::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if found.as_ref().is_some_and(|first| *first != key) {
            return Err(invalid("two different keys were sent"));
        }
        found = Some(key);
    }
    Ok(found)
}
