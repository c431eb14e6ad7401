//! `POST /transactions/batch`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::headers::{replayed, say_what_was_written};
use crate::http::answer::view::Created;
use crate::http::answer::{Problem, codes};
use crate::http::reference::openapi::description::{
    Answer, Content, Operation, Parameter, Tag, json,
};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::bodies::CreateBatch;
use crate::http::request::{JsonBody, Key, NoQuery};
use crate::ledger::ask::batch::{Batch, Drafts};
use crate::ledger::ask::caller::Caller;
use crate::ledger::store::create_all::CreatedAll;

pub const CREATE_ALL: Operation = Operation {
    method: "POST",
    path: "/transactions/batch",
    id: "createTransactions",
    tag: Tag::Transactions,
    summary: "Create 1 to 1000 transactions, all of them or none",
    description: "One `Idempotency-Key` for all of them. A bad item refuses the whole batch, with pointers such as \
                  `/transactions/3/amount`.",
    parameters: &[KEY_OF_ALL, shared::DEADLINE],
    body: Some(json::<CreateBatch>("CreateBatch", examples::drafts)),
    answers: &[Answer {
        status: 201,
        description: "All created, in the order of the batch; or the first answer again, with `Idempotent-Replayed: true`.",
        content: Content::Json(json::<Created>("CreatedBatch", examples::created_batch)),
        headers: &[shared::REPLAYED, shared::WRITTEN],
    }],
    problems: &[
        shared::NO_QUERY,
        shared::BODY,
        &[&codes::DUPLICATE_IN_BATCH],
        shared::KEY,
        shared::HANDLE,
        shared::WRITE,
    ],
};
const KEY_OF_ALL: &[Parameter] = &[Parameter {
    required: true,
    ..shared::IDEMPOTENCY_KEY_PARAMETER
}];

pub async fn create_all(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    bounds: Bounds,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let drafts = Drafts::parse(&body.0, &api.rules)?;
    let key = key.0.ok_or_else(|| {
        let detail = "a batch needs an Idempotency-Key, whatever its items have";
        Problem::new(&codes::IDEMPOTENCY_KEY_MISSING, detail)
    })?;
    let batch = Batch::new(drafts, key, &caller, body.0.len());
    drop(body); // the batch may have to wait, and no longer needs it
    let written = api.dispatch.create_all(batch, bounds).await?;
    let CreatedAll { transactions, how } = &written.value;
    let mut response = HttpResponse::Created();
    response.insert_header(replayed(how.is_replay()));
    // They were stored by one commit, so a read that shows the one that the token names shows them all.
    if let Some(first) = transactions.first() {
        say_what_was_written(&mut response, first, &written);
    }
    Ok(response.json(Created { data: transactions }))
}
