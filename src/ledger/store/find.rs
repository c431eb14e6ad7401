//! Transactions by their ids.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text as SqlText, Uuid as SqlUuid};
use uuid::Uuid;

use super::statement::{Binds, Run, Statement, Text};
use super::tokens::{TokenParameters, VisibleColumn};
use crate::ledger::Error;
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};

/// One transaction, of a state in which the writes that the tokens name can be seen.
pub struct Wanted {
    pub id: Uuid,
    pub tokens: Vec<Token>,
}

/// Finds transactions of one owner, any number in one round trip. The answers are in the order of what was wanted.
pub fn find(
    connection: &mut PgConnection,
    owner: &str,
    wanted: &[&Wanted],
) -> Result<Vec<Result<Transaction, Error>>, Error> {
    let statement = Find {
        owner,
        tokens: TokenParameters::of(wanted.iter().flat_map(|wanted| &wanted.tokens)),
        ids: wanted.iter().map(|wanted| wanted.id).collect(),
    };
    let rows: Vec<Row> = Run(&statement).load(connection)?;
    let visible = rows.first().map_or(Vec::new(), |row| row.visible.clone());
    let mut found: Vec<Option<Transaction>> = wanted.iter().map(|_| None).collect();
    for row in rows {
        let place = row.place.and_then(|place| usize::try_from(place - 1).ok());
        if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
            *slot = row.transaction;
        }
    }
    let mut visible = visible.into_iter();
    let answers = wanted.iter().zip(found).map(|(wanted, transaction)| {
        let of_this: Vec<bool> = visible.by_ref().take(wanted.tokens.len()).collect();
        if of_this.contains(&false) {
            return Err(Error::TokenNotVisible);
        }
        transaction.ok_or(Error::NotFound)
    });
    Ok(answers.collect())
}

/// As this server shows it now.
pub(super) fn one(
    connection: &mut PgConnection,
    owner: &str,
    id: Uuid,
) -> QueryResult<Option<Transaction>> {
    let statement = Find {
        owner,
        tokens: TokenParameters::default(),
        ids: vec![id],
    };
    let row: Row = Run(&statement).get_result(connection)?;
    Ok(row.transaction)
}

/// find.sql
struct Find<'q> {
    owner: &'q str,
    tokens: TokenParameters,
    ids: Vec<Uuid>,
}

#[derive(Queryable)]
struct Row {
    visible: Vec<bool>,
    /// Which of the ids, from 1. Without ids that exist there is one row, which tells of the tokens alone.
    place: Option<i64>,
    transaction: Option<Transaction>,
}

impl Statement for Find<'_> {
    type Id = Find<'static>;
    type Columns = (
        VisibleColumn,
        Nullable<BigInt>,
        Nullable<TransactionColumns>,
    );

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("find.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        self.tokens.bind(binds)?;
        binds.bind::<Array<SqlUuid>, _>(&self.ids)
    }
}
