//! insert_all.sql: the rows of a batch, all of them or none.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Nullable, SmallInt, Text as SqlText, Timestamptz};

use super::columns::Columns;
use super::insert::Row;
use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::ask::batch::Batch;

/// Stores the rows of a batch, and returns the time that they have in common. Err(UniqueViolation): a handle exists, and nothing was
/// stored.
pub(super) fn insert_all(
    connection: &mut PgConnection,
    owner: &str,
    batch: &Batch,
    confirmed_later: bool,
) -> QueryResult<DateTime<Utc>> {
    let insert = InsertAll::of(owner, batch, confirmed_later);
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
    columns: Columns<'c>,
    confirmed_later: bool,
}

impl<'c> InsertAll<'c> {
    fn of(owner: &'c str, batch: &'c Batch, confirmed_later: bool) -> InsertAll<'c> {
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
            columns: Columns::of(&rows),
            confirmed_later,
        }
    }
}

impl Statement for InsertAll<'_> {
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
        self.columns.bind(binds)?;
        binds.bind::<Bool, _>(&self.confirmed_later)
    }
}
