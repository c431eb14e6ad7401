//! The transaction endpoints.

use super::Api;
use super::extract::{Id, JsonBody, Key, NoQuery, if_match, none_match_is_met};
use super::problem::{self, Problem, etag};
use crate::dispatch::{Served, Written};
use crate::ledger::ask::batch::{Batch, Drafts};
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::change::{Change, StatusChange};
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::create::{Create, NoHandle};
use crate::ledger::ask::draft::Draft;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::ask::search::Search;
use crate::ledger::ask::token::Token;
use crate::ledger::model::event::Event;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::create::{Created, How};
use crate::ledger::store::create_all::CreatedAll;
use actix_web::http::header::{ETAG, LINK, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

pub async fn create(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::parse(&body.0, &api.rules)?;
    let create = Create::new(draft, key.0, caller, body.0.len())?;
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
        Problem::new(&problem::IDEMPOTENCY_KEY_MISSING, detail)
    })?;
    let batch = Batch::new(drafts, key, &caller);
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

fn replayed(how: How) -> (&'static str, &'static str) {
    let replayed = if how == How::New { "false" } else { "true" };
    ("Idempotent-Replayed", replayed)
}

impl From<NoHandle> for Problem {
    fn from(_: NoHandle) -> Problem {
        let kind = &problem::IDEMPOTENCY_KEY_MISSING;
        Problem::new(kind, kind.title)
    }
}

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

fn answer_write(
    mut response: HttpResponseBuilder,
    transaction: &Transaction,
    replicated: bool,
) -> HttpResponse {
    response.insert_header((ETAG, etag(transaction.write())));
    say_what_was_written(&mut response, transaction, replicated);
    response.json(transaction)
}

fn say_what_was_written(
    response: &mut HttpResponseBuilder,
    transaction: &Transaction,
    replicated: bool,
) {
    let token = Token {
        transaction_id: transaction.id,
        write: transaction.write(),
    };
    let durability = if replicated { "replicated" } else { "local" };
    response.insert_header(("X-Read-Consistency", "strong"));
    response.insert_header(("X-Served-By", "primary"));
    response.insert_header(("X-Consistency-Token", token.to_string()));
    response.insert_header(("X-Durability", durability));
}

pub async fn read_one(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let served = api.dispatch.find(&caller, id.0, &consistency).await?;
    let transaction = &served.value;
    let unchanged = none_match_is_met(&request, transaction.write());
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, etag(transaction.write())));
    say_where_from(&mut response, &served, &consistency);
    Ok(if unchanged {
        response.finish()
    } else {
        response.json(transaction)
    })
}

/// One page of a list.
#[derive(Serialize)]
struct List<'l, T> {
    data: &'l [T],
    meta: Meta,
}

#[derive(Serialize)]
struct Meta {
    next_cursor: Option<String>,
    has_more: bool,
}

pub async fn events(
    api: Data<Api>,
    request: HttpRequest,
    id: Id,
    caller: Caller,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let page = HistoryPage::parse(request.query_string(), &caller.owner, id.0)?;
    let served = api.dispatch.history(page.clone(), &consistency).await?;
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

pub async fn search(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    mut consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let search = Search::parse(request.query_string(), &caller.owner)?;
    if search.idempotency_key.is_some() {
        // A key is read on the primary, never on a replica.
        consistency = consistency.strong();
    }
    let served = api.dispatch.list(search.clone(), &consistency).await?;
    let page = &served.value;
    let next = page.next.map(|cursor| cursor.encode(&search.binding()));
    let link = next.as_deref().map(|cursor| search.next_link_query(cursor));
    Ok(answer_list(
        &request,
        &served,
        &consistency,
        &page.transactions,
        next,
        link,
    ))
}

fn answer_list<T: Serialize, V>(
    request: &HttpRequest,
    served: &Served<V>,
    consistency: &Consistency,
    data: &[T],
    next_cursor: Option<String>,
    next_link_query: Option<String>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    say_where_from(&mut response, served, consistency);
    if let Some(query) = next_link_query {
        let link = format!("<{}?{query}>; rel=\"next\"", request.path());
        response.insert_header((LINK, link));
    }
    let has_more = next_cursor.is_some();
    let meta = Meta {
        next_cursor,
        has_more,
    };
    response.json(List { data, meta })
}

fn say_where_from<T>(
    response: &mut HttpResponseBuilder,
    served: &Served<T>,
    consistency: &Consistency,
) {
    let level = match consistency {
        Consistency::Eventual => "eventual",
        Consistency::Session(_) => "session",
        Consistency::Strong(_) => "strong",
    };
    response.insert_header(("X-Read-Consistency", level));
    response.insert_header(("X-Served-By", served.role.to_string()));
    if let Some(lag_ms) = served.replica_lag_ms() {
        response.insert_header(("X-Replica-Lag-Ms", lag_ms.to_string()));
    }
}
