//! `POST /dashboard/kill-primary`, which exists in embedded mode alone.

use std::sync::mpsc::TrySendError;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::Api;
use crate::http::answer::{Problem, codes};
use crate::http::request::{NoQuery, one_value};

/// A page of another site can make a browser send a POST here, but only one that a plain form could send. For a header of its own the
/// browser first asks this service (a CORS preflight), which never allows it. So the header proves that the request comes from our own
/// page, or from no browser at all.
pub const HEADER: &str = "X-Synapse-Dashboard";

/// Only begins it: an async worker must not wait for a server's death, and the page shows what follows.
pub async fn kill_primary(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
) -> Result<HttpResponse, Problem> {
    let said = one_value(request.headers(), HEADER);
    if said.ok().flatten().as_deref() != Some("1") {
        let detail = "send X-Synapse-Dashboard: 1, which no page of another site can";
        return Err(Problem::new(&codes::FORBIDDEN, detail));
    }
    let Some(embedded) = &api.embedded else {
        return Err(Problem::internal("this route belongs to private databases"));
    };
    match embedded.kill_primary.try_send(()) {
        // Full: it is being killed, and will be once more.
        Ok(()) | Err(TrySendError::Full(())) => Ok(HttpResponse::Accepted().finish()),
        Err(error) => Err(Problem::internal(error)),
    }
}
