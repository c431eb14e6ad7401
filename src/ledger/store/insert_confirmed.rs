//! insert_confirmed.sql: the rows of creates, as many as their handles allow, and which standbys have them.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{
    Array, Binary, Integer, Nullable, Text as SqlText, Timestamptz, Uuid as SqlUuid,
};
use uuid::Uuid;

use super::columns::Columns;
use super::durability::{Copies, answered, is_lost};
use super::insert::Row;
use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::ask::create::Create;
use crate::schema::transactions;

/// Numbers the calls of this process.
static CALLS: AtomicU64 = AtomicU64::new(1);

/// What was stored.
pub(super) struct Stored {
    /// The times of the rows, by their ids.
    pub at: HashMap<Uuid, DateTime<Utc>>,
    /// None: it was not asked, since some of the creates were skipped.
    pub copies: Option<Copies>,
}

/// Stores creates in one round trip. Their rows are committed in the middle of it, so it may fail although they are stored.
pub(super) fn insert_confirmed(
    connection: &mut PgConnection,
    owner: &str,
    creates: &[&Create],
    standbys: &[String],
) -> QueryResult<Stored> {
    let insert = InsertConfirmed::of(owner, creates, standbys);
    let asked = Instant::now();
    let answer = match Run(&insert).get_result(connection) {
        Err(error) => return stored_despite(connection, &insert, error),
        Ok(answer) => answer,
    };
    let (ids, at, confirmed_by, limit_ms): Answer = answer;
    let at = at.unwrap_or_default();
    Ok(Stored {
        at: ids.into_iter().map(|id| (id, at)).collect(),
        copies: confirmed_by.map(|by| answered(by, limit_ms.unwrap_or(0), asked.elapsed())),
    })
}

/// Finds out whether the rows were stored before the error. The procedure notes the number of this call in the session, and commits that
/// together with the rows, so an earlier failure undoes both. If the session cannot be asked, nobody knows, and the error is that of a lost
/// connection.
fn stored_despite(
    connection: &mut PgConnection,
    insert: &InsertConfirmed,
    error: DieselError,
) -> QueryResult<Stored> {
    if is_lost(&error) {
        return Err(error);
    }
    let number = "SELECT coalesce(current_setting('synapse.stored', true), '') AS number";
    let left: SessionNumber = diesel::sql_query(number)
        .get_result(connection)
        .map_err(|_| DieselError::BrokenTransactionManager)?;
    if left.number != insert.number {
        return Err(error);
    }
    let stored: Vec<(Uuid, DateTime<Utc>)> = transactions::table
        .filter(transactions::owner.eq(insert.owner))
        .filter(transactions::id.eq_any(insert.columns.ids()))
        .select((transactions::id, transactions::created_at))
        .load(connection)
        .map_err(|_| DieselError::BrokenTransactionManager)?;
    Ok(Stored {
        at: stored.into_iter().collect(),
        copies: Some(Copies::unknown(&error)),
    })
}

#[derive(QueryableByName)]
struct SessionNumber {
    #[diesel(sql_type = SqlText)]
    number: String,
}

/// The ids of the rows that were stored, their time, and the answer of confirm.sql; no such answer where that was not asked.
type Answer = (
    Vec<Uuid>,
    Option<DateTime<Utc>>,
    Option<Vec<String>>,
    Option<i32>,
);

struct InsertConfirmed<'c> {
    owner: &'c str,
    columns: Columns<'c>,
    keys: Vec<Option<&'c str>>,
    fingerprints: Vec<Option<&'c [u8]>>,
    actors: Vec<String>,
    request_ids: Vec<&'c str>,
    standbys: &'c [String],
    /// The number of this call.
    number: String,
}

impl<'c> InsertConfirmed<'c> {
    fn of(owner: &'c str, creates: &[&'c Create], standbys: &'c [String]) -> InsertConfirmed<'c> {
        let rows = Row::in_order(creates);
        InsertConfirmed {
            owner,
            columns: Columns::of(&rows),
            keys: rows.iter().map(|row| row.key).collect(),
            fingerprints: rows.iter().map(|row| row.fingerprint).collect(),
            request_ids: rows.iter().map(|row| row.request_id).collect(),
            actors: rows.into_iter().map(|row| row.actor).collect(),
            standbys,
            number: CALLS.fetch_add(1, Ordering::Relaxed).to_string(),
        }
    }
}

impl Statement for InsertConfirmed<'_> {
    type Columns = (
        Array<SqlUuid>,
        Nullable<Timestamptz>,
        Nullable<Array<SqlText>>,
        Nullable<Integer>,
    );

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> =
            LazyLock::new(|| Text::of(include_str!("insert_confirmed.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        self.columns.bind(binds)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.keys)?;
        binds.bind::<Array<Nullable<Binary>>, _>(&self.fingerprints)?;
        binds.bind::<Array<SqlText>, _>(&self.actors)?;
        binds.bind::<Array<SqlText>, _>(&self.request_ids)?;
        binds.bind::<Array<SqlText>, _>(self.standbys)?;
        binds.bind::<SqlText, _>(&self.number)
    }
}
