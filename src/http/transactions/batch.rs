//! `POST /transactions/batch`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::dispatch::Written;
use crate::http::Api;
use crate::http::answer::view::{replayed, say_what_was_written};
use crate::http::answer::{Problem, codes};
use crate::http::request::{JsonBody, Key, NoQuery};
use crate::ledger::ask::batch::{Batch, Drafts};
use crate::ledger::ask::caller::Caller;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::create_all::CreatedAll;

#[derive(Serialize)]
struct BatchAnswer<'t> {
    data: &'t [Transaction],
}

pub async fn create_all(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let drafts = Drafts::parse(&body.0, &api.rules)?;
    let key = key.0.ok_or_else(|| {
        let detail = "a batch needs an Idempotency-Key, whatever its items have";
        Problem::new(&codes::IDEMPOTENCY_KEY_MISSING, detail)
    })?;
    let batch = Batch::new(drafts, key, &caller, body.0.len());
    drop(body); // it may have to wait, and needs it no more
    let Written { value, replicated } = api.dispatch.create_all(batch).await?;
    let CreatedAll { transactions, how } = value;
    let mut response = HttpResponse::Created();
    response.insert_header(replayed(how));
    // They were stored by one commit: who sees the one that the token names sees them all.
    if let Some(first) = transactions.first() {
        say_what_was_written(&mut response, first, replicated);
    }
    let data = &transactions;
    Ok(response.json(BatchAnswer { data }))
}
