//! `POST /callback`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;

use super::Api;
use super::answer::Problem;
use super::answer::view::answer_write;
use super::request::{NoQuery, Signed};
use crate::ledger::ask::callback::Callback;
use crate::ledger::ask::draft::Draft;
use crate::ledger::store::callback::{How, Received};

pub async fn callback(api: Data<Api>, signed: Signed, _: NoQuery) -> Result<HttpResponse, Problem> {
    let Signed {
        webhook_id,
        said_at,
        caller,
        body,
    } = signed;
    let draft = Draft::parse(&body, &api.rules)?;
    let callback = Callback::new(draft, &webhook_id, said_at, caller, body.len());
    drop(body);
    let written = api.dispatch.call_back(callback).await?;
    let Received { transaction, how } = &written.value;
    let (mut response, replayed) = match how {
        How::Created => (HttpResponse::Created(), "false"),
        How::CreatedBefore => (HttpResponse::Created(), "true"),
        How::Changed => (HttpResponse::Ok(), "false"),
        How::ChangedBefore | How::Unchanged => (HttpResponse::Ok(), "true"),
    };
    response.insert_header((LOCATION, format!("/transactions/{}", transaction.id)));
    response.insert_header(("Idempotent-Replayed", replayed));
    Ok(answer_write(response, transaction, written.replicated))
}
