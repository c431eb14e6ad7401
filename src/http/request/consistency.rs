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
    let tokens = tokens(headers).map_err(|detail| invalid(&detail))?;
    Ok(match (is_strong, tokens.is_empty()) {
        (true, _) => Consistency::Strong(tokens),
        (false, false) => Consistency::Session(tokens),
        (false, true) => Consistency::Eventual,
    })
}

/// A list may be sent over several lines of the header (RFC 9110, section 5.3).
fn tokens(headers: &HeaderMap) -> Result<Vec<Token>, String> {
    let lines = headers.get_all("x-consistency-token");
    let lines: Vec<&str> = lines
        .map(|line| line.to_str())
        .collect::<Result<_, _>>()
        .map_err(|_| "X-Consistency-Token is no text")?;
    match &lines[..] {
        [] => Ok(Vec::new()),
        lines => Token::parse_list(&lines.join(",")).map_err(|error| error.to_string()),
    }
}
