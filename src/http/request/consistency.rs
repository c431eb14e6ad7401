//! How fresh an answer must be.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};

use super::one_value;
use crate::http::answer::{Problem, codes};
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::token::Token;

impl FromRequest for Consistency {
    type Error = Problem;
    type Future = Ready<Result<Consistency, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(consistency(request.headers()))
    }
}

fn consistency(headers: &HeaderMap) -> Result<Consistency, Problem> {
    let invalid = |detail: &str| Problem::new(&codes::INVALID_CONSISTENCY_TOKEN, detail);
    let level = one_value(headers, "x-read-consistency")
        .map_err(|()| invalid("X-Read-Consistency occurs twice"))?;
    let is_strong = match level.as_deref() {
        None | Some("eventual") => false,
        Some("strong") => true,
        Some(_) => return Err(invalid("X-Read-Consistency is eventual or strong")),
    };
    let tokens = one_value(headers, "x-consistency-token")
        .map_err(|()| invalid("X-Consistency-Token occurs twice"))?;
    let tokens = tokens
        .map_or(Ok(Vec::new()), |list| Token::parse_list(&list))
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(match (is_strong, tokens.is_empty()) {
        (true, _) => Consistency::Strong(tokens),
        (false, false) => Consistency::Session(tokens),
        (false, true) => Consistency::Eventual,
    })
}
