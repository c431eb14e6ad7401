//! `POST /transactions`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::headers::{answer_write, location, replayed};
use crate::http::answer::{Problem, codes};
use crate::http::reference::openapi::description::{Answer, Content, Header, Operation, Tag, json};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::bodies::CreateTransaction;
use crate::http::request::{JsonBody, Key, NoQuery};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::create::{Create, NoHandle};
use crate::ledger::ask::draft::Draft;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::create::{Created, How};

pub const CREATE: Operation = Operation {
    method: "POST",
    path: "/transactions",
    id: "createTransaction",
    tag: Tag::Transactions,
    summary: "Create a transaction",
    description: "Repeatable under its `Idempotency-Key` (or its `anchor_transaction_id`): there is one transaction, whatever is \
                  retried, killed or failed over.",
    parameters: &[shared::IDEMPOTENCY_KEY, shared::DEADLINE],
    body: Some(json::<CreateTransaction>(
        "CreateTransaction",
        examples::draft,
    )),
    answers: &[
        Answer {
            status: 201,
            description: "Created; or the first answer again, with `Idempotent-Replayed: true`.",
            content: Content::Json(json::<Transaction>("Transaction", examples::transaction)),
            headers: HEADERS,
        },
        Answer {
            status: 200,
            description: "The `anchor_transaction_id` is known, with the same fields: the transaction as it is now, with `Idempotent-Replayed: true`.",
            content: Content::Json(json::<Transaction>("Transaction", examples::transaction)),
            headers: HEADERS,
        },
    ],
    problems: &[
        shared::NO_QUERY,
        shared::BODY,
        shared::KEY,
        shared::HANDLE,
        shared::WRITE,
    ],
};
const HEADERS: &[&[Header]] = &[
    shared::LOCATION,
    shared::ENTITY_TAG,
    shared::REPLAYED,
    shared::WRITTEN,
];

pub async fn create(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    bounds: Bounds,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::parse(&body.0, &api.rules)?;
    let create = Create::new(draft, key.0, caller, body.0.len())?;
    drop(body);
    let written = api.dispatch.create(create, bounds).await?;
    let Created { transaction, how } = &written.value;
    let mut response = match how {
        How::Known => HttpResponse::Ok(),
        How::New | How::Replay => HttpResponse::Created(),
    };
    response.insert_header(location(transaction));
    response.insert_header(replayed(how.is_replay()));
    Ok(answer_write(response, transaction, &written))
}

impl From<NoHandle> for Problem {
    fn from(_: NoHandle) -> Problem {
        let kind = &codes::IDEMPOTENCY_KEY_MISSING;
        Problem::new(kind, kind.title)
    }
}
