//! `GET /transactions/{id}/events`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dispatch::Bounds;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::answer::headers::answer_list;
use crate::http::reference::openapi::description::{Answer, Content, Operation, Tag, json_list};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::Id;
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::model::event::Event;

pub const EVENTS: Operation = Operation {
    method: "GET",
    path: "/transactions/{id}/events",
    id: "listEvents",
    tag: Tag::Transactions,
    summary: "The history of a transaction",
    description: "Versions 1 to n without gaps, the oldest first.",
    parameters: &[
        shared::ID,
        shared::PAGE,
        shared::CONSISTENCY,
        shared::BOUNDS,
    ],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "One page.",
        content: Content::Json(json_list::<Event>("EventList", examples::events)),
        headers: &[shared::READ, shared::NEXT_PAGE],
    }],
    problems: &[shared::QUERY, shared::ONE, shared::READS],
};

pub async fn events(
    api: Data<Api>,
    request: HttpRequest,
    id: Id,
    caller: Caller,
    consistency: Consistency,
    bounds: Bounds,
) -> Result<HttpResponse, Problem> {
    let page = HistoryPage::parse(request.query_string(), &caller.owner, id.0)?;
    let served = api
        .dispatch
        .history(page.clone(), &consistency, bounds)
        .await?;
    let events: &[Event] = &served.value.events;
    let last = events.last().filter(|_| served.value.has_more);
    let next = last.map(|last| page.cursor_after(last.version));
    let link = next.as_deref().map(|cursor| page.next_link_query(cursor));
    Ok(answer_list(
        &request,
        &served,
        &consistency,
        events,
        next,
        link,
    ))
}
