//! The transaction endpoints.

use super::Api;
use super::blocking::{self, Consistency, Served};
use super::extract::{Id, JsonBody, Key, NoQuery, if_match, none_match_is_met};
use super::problem::{self, Problem, etag};
use crate::ledger::change::Change;
use crate::ledger::create::{Caller, Create, How};
use crate::ledger::draft::{Draft, StatusChange};
use crate::ledger::read as ledger_read;
use crate::ledger::search::Search;
use crate::ledger::token::Token;
use crate::ledger::transaction::Transaction;
use actix_web::http::header::{ETAG, LINK, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::json;

pub async fn create(
    api: Data<Api>,
    _: NoQuery,
    caller: Caller,
    key: Key,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let draft = Draft::parse(&body.0, &api.rules)?;
    let create = Create::one(draft, key.0, &caller, api.policy.require_replication);
    if !create.has_handle() {
        return Err(Problem::new(
            &problem::IDEMPOTENCY_KEY_MISSING,
            problem::IDEMPOTENCY_KEY_MISSING.title,
        ));
    }
    let in_progress = Some(&problem::IDEMPOTENCY_REQUEST_IN_PROGRESS);
    let created =
        blocking::write(&api, in_progress, move |connection| create.run(connection)).await?;
    let Some(transaction) = created.transactions.first() else {
        return Err(Problem::internal("a create without a transaction"));
    };
    let mut response = if created.how == How::Known {
        HttpResponse::Ok()
    } else {
        HttpResponse::Created()
    };
    response.insert_header((LOCATION, format!("/transactions/{}", transaction.id)));
    response.insert_header((
        "Idempotent-Replayed",
        if created.how == How::New {
            "false"
        } else {
            "true"
        },
    ));
    Ok(written(response, transaction, created.replicated))
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
    let expected = if_match(request.headers())?;
    let change = Change::new(id.0, expected, to, caller, api.policy.require_replication);
    let changed = blocking::write(&api, None, move |connection| change.run(connection)).await?;
    Ok(written(
        HttpResponse::Ok(),
        &changed.transaction,
        changed.replicated,
    ))
}

fn written(
    mut response: HttpResponseBuilder,
    transaction: &Transaction,
    replicated: bool,
) -> HttpResponse {
    let token = Token {
        id: transaction.id,
        version: transaction.version,
    };
    response.insert_header((ETAG, etag(transaction.version)));
    response.insert_header(("X-Read-Consistency", "strong"));
    response.insert_header(("X-Served-By", "primary"));
    response.insert_header(("X-Consistency-Token", token.to_string()));
    response.insert_header((
        "X-Durability",
        if replicated { "replicated" } else { "local" },
    ));
    response.json(transaction)
}

pub async fn read_one(
    api: Data<Api>,
    request: HttpRequest,
    _: NoQuery,
    id: Id,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let served = blocking::read(&api, &consistency, move |connection| {
        ledger_read::find(connection, id.0)
    })
    .await?;
    let transaction = &served.value;
    let unchanged = none_match_is_met(request.headers(), transaction.version);
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response.insert_header((ETAG, etag(transaction.version)));
    say_where_from(&mut response, &served, &consistency);
    Ok(if unchanged {
        response.finish()
    } else {
        response.json(transaction)
    })
}

pub async fn events(
    api: Data<Api>,
    _: NoQuery,
    id: Id,
    consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let served = blocking::read(&api, &consistency, move |connection| {
        ledger_read::events(connection, id.0)
    })
    .await?;
    let mut response = HttpResponse::Ok();
    say_where_from(&mut response, &served, &consistency);
    Ok(response.json(json!({ "data": served.value })))
}

pub async fn search(
    api: Data<Api>,
    request: HttpRequest,
    caller: Caller,
    mut consistency: Consistency,
) -> Result<HttpResponse, Problem> {
    let search = Search::parse(request.query_string())?;
    // A key is read on the primary, never on a replica.
    consistency.strong |= search.idempotency_key.is_some();
    let wanted = search.clone();
    let served = blocking::read(&api, &consistency, move |connection| {
        ledger_read::search(connection, &wanted, &caller.client)
    })
    .await?;
    let next_cursor = served
        .value
        .next
        .map(|cursor| cursor.encode(&search.binding()));
    let mut response = HttpResponse::Ok();
    say_where_from(&mut response, &served, &consistency);
    if let Some(cursor) = &next_cursor {
        response.insert_header((
            LINK,
            format!(
                "<{}?{}>; rel=\"next\"",
                request.path(),
                search.next_link_query(cursor)
            ),
        ));
    }
    let meta = json!({ "next_cursor": next_cursor, "has_more": next_cursor.is_some() });
    Ok(response.json(json!({ "data": served.value.transactions, "meta": meta })))
}

fn say_where_from<T>(
    response: &mut HttpResponseBuilder,
    served: &Served<T>,
    consistency: &Consistency,
) {
    let level = match consistency {
        Consistency { strong: true, .. } => "strong",
        Consistency { tokens, .. } if !tokens.is_empty() => "session",
        _ => "eventual",
    };
    response.insert_header(("X-Read-Consistency", level));
    response.insert_header(("X-Served-By", served.by()));
    if let Some(lag_ms) = served.replica_lag_ms() {
        response.insert_header(("X-Replica-Lag-Ms", lag_ms.to_string()));
    }
}
