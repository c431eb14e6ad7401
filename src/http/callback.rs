//! `POST /callback`.

use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};

use super::Api;
use super::answer::Problem;
use super::answer::codes;
use super::answer::headers::{answer_write, location, replayed};
use super::reference::openapi::description::{
    Answer, Content, Header, Operation, Parameter, Place, Shape, Tag, json,
};
use super::reference::openapi::{examples, shared};
use super::request::bodies::CreateTransaction;
use super::request::{NoQuery, Signed};
use crate::dispatch::Bounds;
use crate::ledger::ask::callback::Callback;
use crate::ledger::ask::draft::Draft;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::callback::{How, Received};

pub const CALLBACK: Operation = Operation {
    method: "POST",
    path: "/callback",
    id: "callback",
    tag: Tag::Transactions,
    summary: "A signed callback of an anchor",
    description: "Standard Webhooks 1.0: HMAC-SHA256 over id, timestamp and body, by a secret of the settings, which says whose transaction it \
                  is. The same `webhook-id` is answered with the first answer.",
    parameters: &[WEBHOOK, shared::DEADLINE],
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
            description: "The `anchor_transaction_id` is known: a newer `callback_status` was taken over; or it said nothing newer, and this is the \
                          transaction as it is now, with `Idempotent-Replayed: true`.",
            content: Content::Json(json::<Transaction>("Transaction", examples::transaction)),
            headers: HEADERS,
        },
    ],
    problems: &[
        shared::NO_QUERY,
        shared::BODY,
        shared::HANDLE,
        &[
            &codes::INVALID_SIGNATURE,
            &codes::SIGNATURE_TIMESTAMP_OUT_OF_RANGE,
            &codes::CALLBACK_NOT_CONFIGURED,
        ],
        shared::WRITE,
    ],
};
/// The same on another path.
pub const CALLBACK_TRANSACTION: Operation = Operation {
    path: "/callback/transaction",
    id: "callbackTransaction",
    ..CALLBACK
};
const HEADERS: &[&[Header]] = &[
    shared::LOCATION,
    shared::ENTITY_TAG,
    shared::REPLAYED,
    shared::WRITTEN,
];

const fn webhook(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        place: Place::Header,
        required: true,
        description,
        shape,
        example,
    }
}

#[rustfmt::skip]
const WEBHOOK: &[Parameter] = &[
    webhook("webhook-id", Shape::Pattern("^[!-~]{1,255}$"), "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "Of the callback; a repetition has the same."),
    webhook("webhook-timestamp", Shape::Pattern("^[0-9]+$"), "1763892930", "Seconds since 1970, within 300 of now."),
    webhook("webhook-signature", Shape::Text, "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "One signature or several, separated by blanks."),
];

pub async fn callback(
    api: Data<Api>,
    request: HttpRequest,
    signed: Signed,
) -> Result<HttpResponse, Problem> {
    // Read only after the signature was checked. As arguments of the handler they would be extracted at the same time, and whichever failed
    // first would answer.
    NoQuery::extract(&request).await?;
    let bounds = Bounds::extract(&request).await?;
    let Signed {
        webhook_id,
        said_at,
        caller,
        body,
    } = signed;
    let draft = Draft::parse(&body, &api.rules)?;
    let callback = Callback::new(draft, &webhook_id, said_at, caller, body.len());
    drop(body);
    let written = api.dispatch.call_back(callback, bounds).await?;
    let Received { transaction, how } = &written.value;
    let mut response = match how {
        How::Created | How::CreatedBefore => HttpResponse::Created(),
        How::Changed | How::ChangedBefore | How::Unchanged => HttpResponse::Ok(),
    };
    response.insert_header(location(transaction));
    response.insert_header(replayed(how.is_replay()));
    Ok(answer_write(response, transaction, &written))
}
