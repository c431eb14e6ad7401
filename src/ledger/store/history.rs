//! The history of a transaction, page by page.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text as SqlText, Uuid as SqlUuid};
use uuid::Uuid;

use super::statement::{Binds, Run, Statement, Text};
use super::tokens::{Checked, CheckedColumns, Read, TokenParameters};
use crate::ledger::Error;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::ask::token::Token;
use crate::ledger::model::event::{Event, EventColumns};
use crate::schema::transaction_events as events;

#[derive(Debug)]
pub struct Events {
    pub events: Vec<Event>,
    /// There are more after the last of these.
    pub has_more: bool,
}

pub fn history(
    connection: &mut PgConnection,
    page: &HistoryPage,
    tokens: &[Token],
) -> QueryResult<Read<Result<Events, Error>>> {
    let statement = Select {
        page,
        tokens: TokenParameters::of(tokens),
        limit: i64::from(page.limit) + 1,
    };
    let rows: Vec<Row> = Run(&statement).load(connection)?;
    Ok(Read::of(
        rows,
        |row| &row.checked,
        |rows| events_of(rows, page),
    ))
}

/// Which write made this version, from the second on. None: there is no such version.
pub fn write_of(
    connection: &mut PgConnection,
    owner: &str,
    transaction_id: Uuid,
    version: i32,
) -> QueryResult<Option<Uuid>> {
    events::table
        .find((owner, transaction_id, version))
        .select(events::write_id)
        .first(connection)
        .optional()
}

/// The event that this write has left in the history. None: it left none.
pub fn of_write(
    connection: &mut PgConnection,
    owner: &str,
    transaction_id: Uuid,
    write_id: Uuid,
) -> QueryResult<Option<Event>> {
    events::table
        .filter(events::owner.eq(owner))
        .filter(events::transaction_id.eq(transaction_id))
        .filter(events::write_id.eq(write_id))
        .select((
            events::version,
            events::kind,
            events::status,
            events::status_reason,
            events::callback_status,
            events::actor,
            events::request_id,
            events::at,
        ))
        .first(connection)
        .optional()
}

fn events_of(rows: Vec<Row>, page: &HistoryPage) -> Result<Events, Error> {
    let mut events: Vec<Event> = rows.into_iter().filter_map(|row| row.event).collect();
    if events.is_empty() {
        return Err(Error::NotFound);
    }
    events.retain(|event| event.version > page.after);
    events.sort_by_key(|event| event.version);
    let has_more = events.len() > page.limit as usize;
    events.truncate(page.limit as usize);
    Ok(Events { events, has_more })
}

/// history.sql
struct Select<'q> {
    page: &'q HistoryPage,
    tokens: TokenParameters,
    limit: i64,
}

#[derive(Queryable)]
struct Row {
    checked: Checked,
    event: Option<Event>,
}

impl Statement for Select<'_> {
    type Columns = (CheckedColumns, Nullable<EventColumns>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("history.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(&self.page.owner)?;
        self.tokens.bind(binds)?;
        binds.bind::<SqlUuid, _>(&self.page.transaction_id)?;
        binds.bind::<Integer, _>(&self.page.after)?;
        binds.bind::<BigInt, _>(&self.limit)
    }
}
