//! `GET /transactions/{id}`.

use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::view::{etag, say_where_from};
use crate::http::request::{Id, NoQuery, none_match_is_met};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;

pub async fn read_one(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let served = api.dispatch.find(&caller, id.0, &consistency).await?;
    let transaction = &served.value;
    let unchanged = none_match_is_met(&request, transaction.write());
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, etag(transaction.write())));
    say_where_from(&mut response, &served, &consistency);
    Ok(if unchanged {
        response.finish()
    } else {
        response.json(transaction)
    })
}
