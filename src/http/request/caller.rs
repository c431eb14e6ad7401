//! Who sends a request, in the form that the ledger takes.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::http::answer::Problem;
use crate::http::layers::{Principal, RequestId};
use crate::ledger::ask::caller::{Author, Caller};

/// A route whose handler takes a `Caller` must need a key in the URL table. Otherwise no layer has found out who the caller is.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get::<Principal>() {
            Some(acting) => Ok(Caller {
                owner: acting.owner.clone(),
                author: Author::Client(acting.client.clone()),
                request_id: RequestId::of(request),
            }),
            None => Err(Problem::internal("nobody was asked who it is")),
        })
    }
}
