//! `PATCH /transactions/{id}`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dispatch::Written;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::view::answer_write;
use crate::http::request::{Id, JsonBody, NoQuery, if_match};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::change::{Change, StatusChange};

pub async fn change(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    caller: Caller,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let to = StatusChange::parse(&body.0)?;
    let expected = if_match(&request)?;
    let change = Change::new(id.0, expected, to, caller);
    let Written { value, replicated } = api.dispatch.change(change).await?;
    Ok(answer_write(HttpResponse::Ok(), &value, replicated))
}
