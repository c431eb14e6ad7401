//! insert_all.sql: the rows of a batch, all of them or none.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, Binary, Bool, Json, Nullable, Numeric, SmallInt, Text as SqlText, Timestamptz,
    Uuid as SqlUuid,
};
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::insert::Row;
use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::ask::batch::Batch;

/// The time that the rows have in common. Err(UniqueViolation): a handle exists, and nothing was stored.
pub(super) fn insert_all(
    connection: &mut PgConnection,
    owner: &str,
    batch: &Batch,
    commits_alone: bool,
) -> QueryResult<DateTime<Utc>> {
    let insert = InsertAll::of(owner, batch, commits_alone);
    let stored: Vec<(DateTime<Utc>, Option<String>)> = Run(&insert).load(connection)?;
    let first = stored.into_iter().next();
    first
        .map(|(at, _)| at)
        .ok_or(diesel::result::Error::NotFound)
}

/// Its parameters: what the rows share, and a column for each of the rest.
struct InsertAll<'c> {
    owner: &'c str,
    key: &'c str,
    fingerprint: &'c [u8],
    actor: String,
    request_id: &'c str,
    items: Vec<i16>,
    ids: Vec<Uuid>,
    stellar_accounts: Vec<&'c str>,
    amounts: Vec<Decimal>,
    asset_codes: Vec<&'c str>,
    callback_types: Vec<Option<&'c str>>,
    callback_statuses: Vec<Option<&'c str>>,
    anchor_transaction_ids: Vec<Option<&'c str>>,
    memos: Vec<Option<&'c str>>,
    memo_types: Vec<Option<&'c str>>,
    metadata: Vec<Option<&'c Value>>,
    commits_alone: bool,
}

impl<'c> InsertAll<'c> {
    fn of(owner: &'c str, batch: &'c Batch, commits_alone: bool) -> InsertAll<'c> {
        let creates = batch.creates();
        let mut rows: Vec<Row> = creates.iter().map(Row::of).collect();
        // Two batches that want the same anchor ids lock them in the same order.
        rows.sort_by_key(|row| row.anchor_transaction_id);
        InsertAll {
            owner,
            key: batch.key().as_str(),
            fingerprint: batch.fingerprint(),
            actor: batch.caller().actor(),
            request_id: &batch.caller().request_id,
            items: rows.iter().map(|row| row.item).collect(),
            ids: rows.iter().map(|row| row.id).collect(),
            stellar_accounts: rows.iter().map(|row| row.stellar_account).collect(),
            amounts: rows.iter().map(|row| row.amount).collect(),
            asset_codes: rows.iter().map(|row| row.asset_code).collect(),
            callback_types: rows.iter().map(|row| row.callback_type).collect(),
            callback_statuses: rows.iter().map(|row| row.callback_status).collect(),
            anchor_transaction_ids: rows.iter().map(|row| row.anchor_transaction_id).collect(),
            memos: rows.iter().map(|row| row.memo).collect(),
            memo_types: rows.iter().map(|row| row.memo_type).collect(),
            metadata: rows.iter().map(|row| row.metadata).collect(),
            commits_alone,
        }
    }
}

impl Statement for InsertAll<'_> {
    type Id = InsertAll<'static>;
    type Columns = (Timestamptz, Nullable<SqlText>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("insert_all.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        binds.bind::<SqlText, _>(self.key)?;
        binds.bind::<Binary, _>(self.fingerprint)?;
        binds.bind::<SqlText, _>(&self.actor)?;
        binds.bind::<SqlText, _>(self.request_id)?;
        binds.bind::<Array<SmallInt>, _>(&self.items)?;
        binds.bind::<Array<SqlUuid>, _>(&self.ids)?;
        binds.bind::<Array<SqlText>, _>(&self.stellar_accounts)?;
        binds.bind::<Array<Numeric>, _>(&self.amounts)?;
        binds.bind::<Array<SqlText>, _>(&self.asset_codes)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.callback_types)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.callback_statuses)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.anchor_transaction_ids)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.memos)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.memo_types)?;
        binds.bind::<Array<Nullable<Json>>, _>(&self.metadata)?;
        binds.bind::<Bool, _>(&self.commits_alone)
    }
}
