//! Who asks, as the ledger wants to know it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::http::answer::Problem;
use crate::http::layers::{Acting, RequestId};
use crate::ledger::ask::caller::{Author, Caller};

/// A route that asks for it must have a need in the URL table: without, nobody was asked who it is, and there is none.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get::<Acting>() {
            Some(acting) => Ok(Caller {
                owner: acting.owner.clone(),
                author: Author::Client(acting.client.clone()),
                request_id: RequestId::of(request),
            }),
            None => Err(Problem::internal("nobody was asked who it is")),
        })
    }
}
