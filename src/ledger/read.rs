//! What can be asked of the ledger.

use super::Error;
use super::cursor::Cursor;
use super::fingerprint::IdempotencyKey;
use super::search::{Order, Search};
use super::token::Token;
use super::transaction::{Transaction, TransactionEvent};
use crate::schema::{idempotency_keys, transaction_events, transactions};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

pub fn find(connection: &mut PgConnection, id: Uuid) -> Result<Transaction, Error> {
    transactions::table
        .find(id)
        .select(Transaction::as_select())
        .first(connection)
        .optional()?
        .ok_or(Error::NotFound)
}

pub fn events(connection: &mut PgConnection, id: Uuid) -> Result<Vec<TransactionEvent>, Error> {
    let events = transaction_events::table
        .filter(transaction_events::transaction_id.eq(id))
        .order(transaction_events::version)
        .select(TransactionEvent::as_select())
        .load(connection)?;
    if events.is_empty() {
        Err(Error::NotFound)
    } else {
        Ok(events)
    }
}

#[derive(Debug)]
pub struct Page {
    pub transactions: Vec<Transaction>,
    /// None on the last page.
    pub next: Option<Cursor>,
}

pub fn search(connection: &mut PgConnection, search: &Search, client: &str) -> Result<Page, Error> {
    let limit = i64::from(search.limit);
    let mut query = filtered(search);
    if let Some(key) = &search.idempotency_key {
        query = query.filter(transactions::id.eq_any(ids_of_key(connection, key, client)?));
    }
    query = match search.order {
        Order::Asc => query.order((transactions::created_at.asc(), transactions::id.asc())),
        Order::Desc => query.order((transactions::created_at.desc(), transactions::id.desc())),
    };
    let mut found: Vec<Transaction> = query
        .select(Transaction::as_select())
        .limit(limit + 1)
        .load(connection)?;
    let has_more = found.len() > search.limit as usize;
    found.truncate(search.limit as usize);
    let last = found.last().filter(|_| has_more);
    Ok(Page {
        next: last.map(|last| Cursor {
            created_at: last.created_at,
            id: last.id,
        }),
        transactions: found,
    })
}

fn filtered(search: &Search) -> transactions::BoxedQuery<'_, Pg> {
    use crate::schema::transactions::{
        amount, anchor_transaction_id, asset_code, callback_type, created_at, status,
        stellar_account,
    };
    let mut query = transactions::table.into_boxed();
    if let Some(cursor) = &search.cursor {
        // A row comparison, so that the index on (created_at, id) is entered at the right place.
        let beyond = if search.order == Order::Asc {
            "(created_at, id) > ("
        } else {
            "(created_at, id) < ("
        };
        let place = sql::<Bool>(beyond)
            .bind::<Timestamptz, _>(cursor.created_at)
            .sql(", ")
            .bind::<SqlUuid, _>(cursor.id);
        query = query.filter(place.sql(")"));
    }
    if !search.status.is_empty() {
        query = query.filter(status.eq_any(search.status.iter().map(|s| s.as_str())));
    }
    if let Some(wanted) = &search.asset_code {
        query = query.filter(asset_code.eq(wanted));
    }
    if let Some(wanted) = &search.stellar_account {
        query = query.filter(stellar_account.eq(wanted));
    }
    if let Some(wanted) = &search.callback_type {
        query = query.filter(callback_type.eq(wanted));
    }
    if let Some(wanted) = &search.anchor_transaction_id {
        query = query.filter(anchor_transaction_id.eq(wanted));
    }
    if let Some(least) = &search.min_amount {
        query = query.filter(amount.ge(least.as_decimal()));
    }
    if let Some(most) = &search.max_amount {
        query = query.filter(amount.le(most.as_decimal()));
    }
    if let Some(from) = search.from_date {
        query = query.filter(created_at.ge(from));
    }
    if let Some(to) = search.to_date {
        query = query.filter(created_at.lt(to));
    }
    query
}

fn ids_of_key(
    connection: &mut PgConnection,
    key: &IdempotencyKey,
    client: &str,
) -> Result<Vec<Uuid>, Error> {
    let ids: Option<Vec<Option<Uuid>>> = idempotency_keys::table
        .find((client, key.as_str()))
        .select(idempotency_keys::transaction_ids)
        .first(connection)
        .optional()?;
    Ok(ids.unwrap_or_default().into_iter().flatten().collect())
}

/// Whether every write that the tokens name can be seen from here. Asked before the read on the same connection: what one node
/// shows never goes back.
pub fn tokens_are_visible(connection: &mut PgConnection, tokens: &[Token]) -> Result<bool, Error> {
    for token in tokens {
        let event = transaction_events::table
            .find((token.id, token.version))
            .select(transaction_events::version);
        let seen: Option<i32> = event.first(connection).optional()?;
        if seen.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Proves that this primary had not been replaced when the statements before were run: a commit record that a synchronous standby
/// must acknowledge. `pg_logical_emit_message` writes one without touching a table; a SELECT alone would be answered by a primary
/// that was cut off long ago. With asynchronous replication it proves nothing, and costs one flush.
pub fn fence(connection: &mut PgConnection) -> Result<(), Error> {
    diesel::sql_query("SELECT pg_logical_emit_message(true, 'synapse', '')").execute(connection)?;
    Ok(())
}
