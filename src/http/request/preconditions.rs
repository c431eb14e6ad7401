//! `If-Match` and `If-None-Match`.

use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, Header, IfNoneMatch};

use super::one_value;
use crate::http::answer::{Problem, codes};
use crate::ledger::ask::change::{Expected, InvalidIfMatch};
use crate::ledger::model::write::Write;

/// `If-Match` of a change: one strong entity tag, or `*`.
pub fn if_match(request: &HttpRequest) -> Result<Expected, Problem> {
    let invalid = || Problem::new(&codes::INVALID_IF_MATCH, codes::INVALID_IF_MATCH.title);
    let value = one_value(request.headers(), "if-match").map_err(|()| invalid())?;
    let value = value.ok_or_else(|| {
        Problem::new(
            &codes::PRECONDITION_REQUIRED,
            "send If-Match with the ETag of the version that is to be changed, or *",
        )
    })?;
    Expected::parse(&value).map_err(|InvalidIfMatch| invalid())
}

/// Whether the client has this version already: `If-None-Match` names its write (weak comparison, RFC 9110 section 13.1.2). The answer is 304.
pub fn is_not_modified(request: &HttpRequest, write: Write) -> bool {
    let current = EntityTag::new_strong(write.etag().to_string());
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&current)),
        Err(_) => false,
    }
}
