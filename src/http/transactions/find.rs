//! `GET /transactions/{id}`.

use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::headers::{add_read_headers, etag};
use crate::http::reference::openapi::description::{
    Answer, Content, Operation, Parameter, Place, Shape, Tag, json,
};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::{Id, NoQuery, is_not_modified};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::model::transaction::Transaction;

pub const READ_ONE: Operation = Operation {
    method: "GET",
    path: "/transactions/{id}",
    id: "readTransaction",
    tag: Tag::Transactions,
    summary: "Read a transaction",
    description: "",
    parameters: &[
        shared::ID,
        shared::CONSISTENCY,
        shared::BOUNDS,
        IF_NONE_MATCH,
    ],
    body: None,
    answers: &[
        Answer {
            status: 200,
            description: "The transaction.",
            content: Content::Json(json::<Transaction>("Transaction", examples::transaction)),
            headers: &[shared::ENTITY_TAG, shared::READ],
        },
        Answer {
            status: 304,
            description: "It is still the version of `If-None-Match`.",
            content: Content::Nothing,
            headers: &[shared::ENTITY_TAG, shared::READ],
        },
    ],
    problems: &[shared::NO_QUERY, shared::ONE, shared::READS],
};
const IF_NONE_MATCH: &[Parameter] = &[Parameter {
    name: "If-None-Match",
    place: Place::Header,
    required: false,
    description: "ETags that the client has: where the transaction is still one of them, 304 without a body.",
    shape: Shape::Text,
    example: "\"1-1e2b44\"",
}];

pub async fn read_one(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let served = api
        .dispatch
        .find(&caller, id.0, &consistency, bounds)
        .await?;
    let transaction = &served.value;
    let unchanged = is_not_modified(&request, transaction.write());
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, etag(transaction.write())));
    add_read_headers(&mut response, &served.origin, &consistency);
    Ok(if unchanged {
        response.finish()
    } else {
        response.json(transaction)
    })
}
