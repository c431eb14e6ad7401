//! A search, page by page, at a cost that does not grow with the table.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Nullable, Numeric, Text as SqlText, Timestamptz, Uuid as SqlUuid,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::statement::{Binds, Run, Statement, Text};
use super::tokens::{Checked, CheckedColumns, Read, TokenParameters};
use crate::ledger::Error;
use crate::ledger::ask::cursor::Cursor;
use crate::ledger::ask::search::{Order, Search};
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};

#[derive(Debug)]
pub struct Page {
    pub transactions: Vec<Transaction>,
    /// The last row that was looked at, if there may be more after it. The page may then hold fewer rows than were asked for, even none,
    /// since rows that were looked at need not match.
    pub next: Option<Cursor>,
}

pub fn list(
    connection: &mut PgConnection,
    search: &Search,
    tokens: &[Token],
) -> QueryResult<Read<Result<Page, Error>>> {
    let rows: Vec<Row> = Run(&Select::of(search, tokens)).load(connection)?;
    let limit = search.limit as usize;
    Ok(Read::of(
        rows,
        |row| &row.checked,
        |rows| Ok(page(rows, limit)),
    ))
}

fn page(rows: Vec<Row>, limit: usize) -> Page {
    let end = rows.iter().find(|row| row.transaction.is_none());
    let mut next = end.and_then(|row| row.place).map(Cursor::from);
    let matches = rows.into_iter().filter_map(|row| row.transaction);
    let mut transactions: Vec<Transaction> = matches.collect();
    if transactions.len() > limit {
        transactions.truncate(limit);
        let last = transactions.last();
        next = last.map(|last| Cursor::from((last.created_at, last.id)));
    }
    Page { transactions, next }
}

impl From<(DateTime<Utc>, Uuid)> for Cursor {
    fn from((created_at, id): (DateTime<Utc>, Uuid)) -> Cursor {
        Cursor { created_at, id }
    }
}

/// By which index a page is read. This file knows which of them serves a filter best, and does not leave that to the planner's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Key,
    AnchorId,
    Account,
    Time,
}

impl By {
    const ALL: [By; 4] = [By::Key, By::AnchorId, By::Account, By::Time];

    fn best_for(search: &Search) -> By {
        if search.anchor_transaction_id.is_some() {
            By::AnchorId
        } else if search.idempotency_key.is_some() {
            By::Key
        } else if search.stellar_account.is_some() {
            By::Account
        } else {
            By::Time
        }
    }

    /// The condition that makes PostgreSQL read by this index: one that no other index serves. A handle names a few rows at most,
    /// which are then sorted; the indexes by account and by time are in the order of the page, and their conditions are predicates
    /// that hold for every row (see the migration).
    fn condition(self) -> &'static str {
        match self {
            By::Key => "t.idempotency_key = $14",
            By::AnchorId => "t.anchor_transaction_id = $13",
            By::Account => "t.stellar_account = $11 AND t.stellar_account > ''",
            By::Time => "t.created_at > '-infinity'",
        }
    }
}

/// list.sql, read by this index, in this order.
fn text(by: By, order: Order) -> Text {
    let file = include_str!("list.sql").replace(By::Time.condition(), by.condition());
    Text::of(&match order {
        Order::Desc => file,
        Order::Asc => file
            .replace("< ($5, $6)", "> ($5, $6)")
            .replace(" DESC", " ASC"),
    })
}

/// list.sql
struct Select<'q> {
    search: &'q Search,
    tokens: TokenParameters,
    after: Cursor,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    statuses: Option<Vec<&'static str>>,
    key: Option<&'q str>,
    min_amount: Option<Decimal>,
    max_amount: Option<Decimal>,
    limit: i64,
}

/// Before and after every time that a row can have (the years 1 to 9999): a bound that was not given is bound to one of these, so that
/// one text, with one plan, serves all.
pub(super) const BEGINNING: DateTime<Utc> = DateTime::from_timestamp(-62_135_596_800, 0).unwrap();
pub(super) const END: DateTime<Utc> = DateTime::from_timestamp(253_402_300_800, 0).unwrap();

/// The last instant before this one, as PostgreSQL counts them.
fn before(time: DateTime<Utc>) -> DateTime<Utc> {
    time - TimeDelta::microseconds(1)
}

impl<'q> Select<'q> {
    fn of(search: &'q Search, tokens: &[Token]) -> Select<'q> {
        let (from, to) = (
            search.from_date.unwrap_or(BEGINNING),
            search.to_date.unwrap_or(END),
        );
        // The first page begins at the bound: from the end of time PostgreSQL would walk to the bound entry by entry.
        let first_page = match search.order {
            Order::Asc => Cursor::from((before(from), Uuid::max())),
            Order::Desc => Cursor::from((to, Uuid::nil())),
        };
        let statuses: Vec<_> = search.status.iter().map(|status| status.as_str()).collect();
        Select {
            search,
            tokens: TokenParameters::of(tokens),
            after: search.cursor.unwrap_or(first_page),
            from,
            to,
            statuses: Some(statuses).filter(|statuses| !statuses.is_empty()),
            key: search.idempotency_key.as_ref().map(|key| key.as_str()),
            min_amount: search.min_amount.map(|amount| amount.as_decimal()),
            max_amount: search.max_amount.map(|amount| amount.as_decimal()),
            limit: i64::from(search.limit) + 1,
        }
    }
}

impl Statement for Select<'_> {
    type Columns = (
        CheckedColumns,
        Nullable<(Timestamptz, SqlUuid)>,
        Nullable<TransactionColumns>,
    );

    fn text(&self) -> &'static Text {
        static TEXTS: LazyLock<[[Text; 2]; 4]> =
            LazyLock::new(|| By::ALL.map(|by| Order::ALL.map(|order| text(by, order))));
        &TEXTS[By::best_for(self.search) as usize][self.search.order as usize]
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        let search = self.search;
        binds.bind::<SqlText, _>(&search.owner)?;
        self.tokens.bind(binds)?;
        binds.bind::<Timestamptz, _>(&self.after.created_at)?;
        binds.bind::<SqlUuid, _>(&self.after.id)?;
        binds.bind::<Timestamptz, _>(&self.from)?;
        binds.bind::<Timestamptz, _>(&self.to)?;
        binds.bind::<Nullable<Array<SqlText>>, _>(&self.statuses)?;
        binds.bind::<Nullable<SqlText>, _>(&search.asset_code)?;
        binds.bind::<Nullable<SqlText>, _>(&search.stellar_account)?;
        binds.bind::<Nullable<SqlText>, _>(&search.callback_type)?;
        binds.bind::<Nullable<SqlText>, _>(&search.anchor_transaction_id)?;
        binds.bind::<Nullable<SqlText>, _>(&self.key)?;
        binds.bind::<Nullable<Numeric>, _>(&self.min_amount)?;
        binds.bind::<Nullable<Numeric>, _>(&self.max_amount)?;
        binds.bind::<BigInt, _>(&self.limit)
    }
}

#[derive(Queryable)]
struct Row {
    checked: Checked,
    place: Option<(DateTime<Utc>, Uuid)>,
    /// None: this is where the look ended, not a row that matches.
    transaction: Option<Transaction>,
}
