//! receive.sql and callback.sql.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Nullable, Text as SqlText, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::ledger::ask::callback::Callback;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};
use crate::ledger::store::insert::Row;
use crate::ledger::store::statement::{Binds, Statement, Text};

/// receive.sql, which answers the time of the row, if that was stored.
pub struct Receive<'c> {
    callback: &'c Callback,
    row: Row<'c>,
    confirmed_later: bool,
}

impl<'c> Receive<'c> {
    pub fn of(callback: &'c Callback, confirmed_later: bool) -> Receive<'c> {
        Receive {
            callback,
            row: Row::of(&callback.create),
            confirmed_later,
        }
    }
}

impl Statement for Receive<'_> {
    type Columns = (Timestamptz, Nullable<SqlText>);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("../receive.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(&self.callback.create.caller.owner)?;
        self.row.bind(binds)?;
        binds.bind::<Timestamptz, _>(&self.callback.said_at)?;
        binds.bind::<Bool, _>(&self.confirmed_later)
    }
}

/// callback.sql
pub struct Change<'c> {
    pub callback: &'c Callback,
    pub transaction_id: Uuid,
    pub actor: String,
    pub confirmed_later: bool,
}

/// The transaction, locked, and whether this statement changed it.
#[derive(Queryable)]
pub struct Locked {
    pub changed: bool,
    pub stored: Transaction,
}

impl Statement for Change<'_> {
    type Columns = (Bool, TransactionColumns);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("../callback.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        let create = &self.callback.create;
        binds.bind::<SqlText, _>(&create.caller.owner)?;
        binds.bind::<SqlUuid, _>(&self.transaction_id)?;
        binds.bind::<Nullable<SqlText>, _>(&create.draft.callback_status)?;
        binds.bind::<Timestamptz, _>(&self.callback.said_at)?;
        binds.bind::<SqlUuid, _>(&self.callback.write_id)?;
        binds.bind::<SqlText, _>(&self.actor)?;
        binds.bind::<SqlText, _>(&create.caller.request_id)?;
        binds.bind::<SqlText, _>(self.callback.handle())?;
        binds.bind::<Binary, _>(&create.fingerprint[..])?;
        binds.bind::<Bool, _>(&self.confirmed_later)
    }
}
