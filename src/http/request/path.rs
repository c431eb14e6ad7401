//! What is taken out of the URL.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use uuid::Uuid;

use crate::http::answer::{Problem, codes};

/// For a resource without query parameters: any parameter is refused as unknown.
pub struct NoQuery;

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<NoQuery, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        ready(
            match query.split(['&', '=']).find(|name| !name.is_empty()) {
                None => Ok(NoQuery),
                Some(_) => Err(Problem::new(
                    &codes::UNKNOWN_PARAMETER,
                    "this resource takes no query parameters",
                )),
            },
        )
    }
}

/// `{id}` of the path, in the hyphenated form of RFC 9562.
pub struct Id(pub Uuid);

impl FromRequest for Id {
    type Error = Problem;
    type Future = Ready<Result<Id, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get("id").unwrap_or_default();
        let id = (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok())
            .flatten();
        ready(id.map(Id).ok_or_else(|| {
            Problem::new(
                &codes::INVALID_ID,
                "an id looks like 0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44",
            )
        }))
    }
}
