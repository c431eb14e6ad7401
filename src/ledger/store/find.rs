//! Transactions by their ids.

use std::collections::HashMap;
use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text as SqlText, Uuid as SqlUuid};
use uuid::Uuid;

use super::statement::{Binds, Run, Statement, Text};
use super::tokens::{Checked, CheckedColumns, Read, TokenParameters};
use crate::ledger::Error;
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};

/// One transaction, to be read in a state that shows the writes which the tokens name.
pub struct Wanted<'t> {
    pub id: Uuid,
    pub tokens: &'t [Token],
}

/// Finds transactions of one owner, any number in one round trip. The answers are in the order of what was wanted. Whether the server is a
/// standby is asked only if there are tokens.
pub fn find(
    connection: &mut PgConnection,
    owner: &str,
    wanted: &[Wanted],
) -> QueryResult<Read<Vec<Result<Transaction, Error>>>> {
    let ids: Vec<Uuid> = wanted.iter().map(|wanted| wanted.id).collect();
    let tokens = TokenParameters::of(wanted.iter().flat_map(|wanted| wanted.tokens));
    if wanted.iter().all(|wanted| wanted.tokens.is_empty()) {
        let found = Run(&Find { owner, ids }).load(connection)?;
        return Ok(Read {
            value: answers(wanted, &[], found),
            in_recovery: None,
        });
    }
    let rows: Vec<Row> = Run(&FindSeen { owner, tokens, ids }).load(connection)?;
    let first = rows.first().map(|row| &row.checked);
    let in_recovery = first.map(|checked| checked.in_recovery);
    let visible = first.map_or(Vec::new(), |checked| checked.visible.clone());
    let found = rows.into_iter().filter_map(|row| row.transaction);
    Ok(Read {
        value: answers(wanted, &visible, found.collect()),
        in_recovery,
    })
}

/// `visible`: for each token of all that is wanted, in this order, whether its write can be seen.
fn answers(
    wanted: &[Wanted],
    visible: &[bool],
    found: Vec<Transaction>,
) -> Vec<Result<Transaction, Error>> {
    let found: HashMap<Uuid, Transaction> =
        found.into_iter().map(|found| (found.id, found)).collect();
    let mut visible = visible.iter();
    let answer = |wanted: &Wanted| {
        let of_this: Vec<&bool> = visible.by_ref().take(wanted.tokens.len()).collect();
        if of_this.contains(&&false) {
            return Err(Error::TokenNotVisible);
        }
        found.get(&wanted.id).cloned().ok_or(Error::NotFound)
    };
    wanted.iter().map(answer).collect()
}

/// As this server shows it now.
pub(super) fn one(
    connection: &mut PgConnection,
    owner: &str,
    id: Uuid,
) -> QueryResult<Option<Transaction>> {
    let ids = vec![id];
    Run(&Find { owner, ids }).get_result(connection).optional()
}

/// find.sql
struct Find<'q> {
    owner: &'q str,
    ids: Vec<Uuid>,
}

impl Statement for Find<'_> {
    type Columns = TransactionColumns;

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("find.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlUuid>, _>(&self.ids)?;
        binds.bind::<SqlText, _>(self.owner)
    }
}

/// find_seen.sql
struct FindSeen<'q> {
    owner: &'q str,
    tokens: TokenParameters,
    ids: Vec<Uuid>,
}

/// If none of the ids exists, there is one row, which tells only of the tokens.
#[derive(Queryable)]
struct Row {
    checked: Checked,
    transaction: Option<Transaction>,
}

impl Statement for FindSeen<'_> {
    type Columns = (CheckedColumns, Nullable<TransactionColumns>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("find_seen.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        self.tokens.bind(binds)?;
        binds.bind::<Array<SqlUuid>, _>(&self.ids)
    }
}
