//! `POST /transactions`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;

use crate::http::Api;
use crate::http::answer::view::{answer_write, replayed};
use crate::http::answer::{Problem, codes};
use crate::http::request::{JsonBody, Key, NoQuery};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::create::{Create, NoHandle};
use crate::ledger::ask::draft::Draft;
use crate::ledger::store::create::{Created, How};

pub async fn create(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::parse(&body.0, &api.rules)?;
    let create = Create::new(draft, key.0, caller, body.0.len())?;
    drop(body);
    let written = api.dispatch.create(create).await?;
    let Created { transaction, how } = &written.value;
    let mut response = match how {
        How::Known => HttpResponse::Ok(),
        How::New | How::Replay => HttpResponse::Created(),
    };
    response.insert_header((LOCATION, format!("/transactions/{}", transaction.id)));
    response.insert_header(replayed(*how));
    Ok(answer_write(response, transaction, written.replicated))
}

impl From<NoHandle> for Problem {
    fn from(_: NoHandle) -> Problem {
        let kind = &codes::IDEMPOTENCY_KEY_MISSING;
        Problem::new(kind, kind.title)
    }
}
