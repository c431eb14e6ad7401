//! The parameters by which find_seen.sql, list.sql, history.sql and stats.sql take consistency tokens, and what they answer.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Uuid as SqlUuid};
use uuid::Uuid;

use super::statement::Binds;
use crate::ledger::Error;
use crate::ledger::ask::token::Token;

/// What a statement read, and from what kind of server.
#[derive(Debug)]
pub struct Read<T> {
    pub value: T,
    /// Whether the server was a standby when it was asked, in the snapshot that was read or later; None: it was not asked. A connection to
    /// a standby stays open when that is promoted, perhaps by mistake, and shows another branch of the history from then on.
    pub in_recovery: Option<bool>,
}

impl<T> Read<Result<T, Error>> {
    /// What these rows answer, unless they lack a token's write.
    pub(super) fn of<R>(
        rows: Vec<R>,
        checked: impl Fn(&R) -> &Checked,
        value: impl FnOnce(Vec<R>) -> Result<T, Error>,
    ) -> Read<Result<T, Error>> {
        let in_recovery = rows.first().map(|row| checked(row).in_recovery);
        let lacks = |row: &R| checked(row).visible.contains(&false);
        let value = if rows.iter().any(lacks) {
            Err(Error::TokenNotVisible)
        } else {
            value(rows)
        };
        Read { value, in_recovery }
    }
}

pub(super) type CheckedColumns = (Array<Bool>, Bool);

#[derive(Queryable)]
pub(super) struct Checked {
    /// For each token whether the write that it names can be seen, in the order of the tokens.
    pub visible: Vec<bool>,
    pub in_recovery: bool,
}

#[derive(Default)]
pub(super) struct TokenParameters {
    transaction_ids: Vec<Uuid>,
    versions: Vec<i32>,
    write_ids: Vec<Uuid>,
}

impl TokenParameters {
    pub fn of<'t>(tokens: impl IntoIterator<Item = &'t Token>) -> TokenParameters {
        let mut parameters = TokenParameters::default();
        for token in tokens {
            parameters.transaction_ids.push(token.transaction_id);
            parameters.versions.push(token.write.version);
            parameters.write_ids.push(token.write.id);
        }
        parameters
    }

    pub fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlUuid>, _>(&self.transaction_ids)?;
        binds.bind::<Array<Integer>, _>(&self.versions)?;
        binds.bind::<Array<SqlUuid>, _>(&self.write_ids)
    }
}
