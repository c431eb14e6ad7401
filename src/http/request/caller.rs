//! Who asks.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::http::answer::Problem;
use crate::http::layers::RequestId;
use crate::ledger::ask::caller::Caller;

/// There is no authentication yet: all requests are one client's, and all transactions one owner's.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone());
        ready(match id {
            Some(request_id) => Ok(Caller {
                owner: "default".into(),
                client: "anonymous".into(),
                request_id,
            }),
            None => Err(Problem::internal("a request without an id")),
        })
    }
}
