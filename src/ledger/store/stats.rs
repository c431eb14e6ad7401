//! Counts and sums, from one snapshot.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Nullable, Text as SqlText, Timestamptz};

use super::list::{BEGINNING, END};
use super::statement::{Binds, Run, Statement, Text};
use super::tokens::{Checked, CheckedColumns, Read, TokenParameters};
use crate::ledger::Error;
use crate::ledger::ask::stats::{Grouping, Stats};
use crate::ledger::ask::token::Token;
use crate::ledger::model::stats::Group;

/// How many assets are listed. Nobody reads a longer list, and clients can invent any number of asset codes, unless the operator says which
/// there are.
const MAX_ASSETS: i64 = 1000;
const MAX_ASSETS_A_DAY: i64 = 50;

#[derive(Debug)]
pub struct Counted {
    pub groups: Vec<Group>,
    /// There are more assets than these, with fewer transactions.
    pub truncated: bool,
}

pub fn count(
    connection: &mut PgConnection,
    stats: &Stats,
    tokens: &[Token],
) -> QueryResult<Read<Result<Counted, Error>>> {
    let statement = Select::of(stats, tokens);
    let rows: Vec<Row> = Run(&statement).load(connection)?;
    let max_assets = statement.max_assets;
    Ok(Read::of(
        rows,
        |row| &row.checked,
        |rows| Ok(counted(rows, max_assets)),
    ))
}

fn counted(rows: Vec<Row>, max_assets: i64) -> Counted {
    let mut groups: Vec<Group> = rows.into_iter().filter_map(|row| row.group).collect();
    let all = groups.len();
    groups.retain(|group| group.place <= max_assets);
    Counted {
        truncated: groups.len() < all,
        groups,
    }
}

/// stats.sql
struct Select<'q> {
    owner: &'q str,
    tokens: TokenParameters,
    by_day: bool,
    by_asset: bool,
    by_status: bool,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    max_assets: i64,
    /// One more, which tells whether there are more.
    wanted_assets: i64,
}

impl<'q> Select<'q> {
    fn of(stats: &'q Stats, tokens: &[Token]) -> Select<'q> {
        let (from, to) = stats.bounds().unwrap_or((BEGINNING, END));
        let max_assets = match stats.by {
            Grouping::Day => MAX_ASSETS_A_DAY,
            Grouping::Status | Grouping::Asset => MAX_ASSETS,
        };
        Select {
            owner: &stats.owner,
            tokens: TokenParameters::of(tokens),
            by_day: stats.by == Grouping::Day,
            by_asset: stats.by != Grouping::Status,
            by_status: stats.by != Grouping::Day,
            from,
            to,
            max_assets,
            wanted_assets: max_assets + 1,
        }
    }
}

#[derive(Queryable)]
struct Row {
    checked: Checked,
    /// None: nothing was counted.
    group: Option<Group>,
}

impl Statement for Select<'_> {
    type Columns = (
        CheckedColumns,
        Nullable<(
            Nullable<Date>,
            Nullable<SqlText>,
            Nullable<SqlText>,
            BigInt,
            SqlText,
            BigInt,
            SqlText,
            BigInt,
            BigInt,
        )>,
    );

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("stats.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        self.tokens.bind(binds)?;
        binds.bind::<Bool, _>(&self.by_day)?;
        binds.bind::<Bool, _>(&self.by_asset)?;
        binds.bind::<Bool, _>(&self.by_status)?;
        binds.bind::<Timestamptz, _>(&self.from)?;
        binds.bind::<Timestamptz, _>(&self.to)?;
        binds.bind::<BigInt, _>(&self.wanted_assets)
    }
}
