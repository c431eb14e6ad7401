//! `PATCH /transactions/{id}`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::codes;
use crate::http::answer::headers::answer_write;
use crate::http::reference::openapi::description::{
    Answer, Content, Operation, Parameter, Place, Shape, Tag, json,
};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::bodies::ChangeStatus;
use crate::http::request::{Id, JsonBody, NoQuery, if_match};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::change::{Change, StatusChange};
use crate::ledger::model::transaction::Transaction;

pub const CHANGE: Operation = Operation {
    method: "PATCH",
    path: "/transactions/{id}",
    id: "changeTransaction",
    tag: Tag::Transactions,
    summary: "Change the status",
    description: "Only of the version that the client has seen. A repeat of a change whose answer was lost is answered with 200.",
    parameters: &[shared::ID, IF_MATCH, shared::DEADLINE],
    body: Some(json::<ChangeStatus>(
        "ChangeStatus",
        examples::status_change,
    )),
    answers: &[Answer {
        status: 200,
        description: "The transaction as it is now.",
        content: Content::Json(json::<Transaction>("Transaction", examples::transaction)),
        headers: &[shared::ENTITY_TAG, shared::WRITTEN],
    }],
    problems: &[
        shared::NO_QUERY,
        shared::BODY,
        shared::ONE,
        &[
            &codes::INVALID_IF_MATCH,
            &codes::INVALID_STATUS_TRANSITION,
            &codes::PRECONDITION_FAILED,
            &codes::PRECONDITION_REQUIRED,
        ],
        shared::WRITE,
    ],
};
const IF_MATCH: &[Parameter] = &[Parameter {
    name: "If-Match",
    place: Place::Header,
    required: true,
    description: "The `ETag` of the version that is to be changed, as it came; `*` for any version.",
    shape: Shape::Pattern(r#"^(\*|"[^"]*")$"#),
    example: "\"1-1e2b44\"",
}];

pub async fn change(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    caller: Caller,
    bounds: Bounds,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let to = StatusChange::parse(&body.0)?;
    let expected = if_match(&request)?;
    let change = Change::new(id.0, expected, to, caller);
    let written = api.dispatch.change(change, bounds).await?;
    let transaction = &written.value.transaction;
    Ok(answer_write(HttpResponse::Ok(), transaction, &written))
}
