//! lookup.sql: the rows that kept creates from being stored.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Nullable, SmallInt, Text as SqlText};

use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::ask::create::Create;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};

/// A row that has a handle of a create. The fields are in the order of the columns.
#[derive(Queryable)]
pub(super) struct Existing {
    /// Which of the creates, from 1.
    pub place: i64,
    /// It has the create's key; otherwise it has its anchor id.
    pub by_key: bool,
    pub fingerprint: Option<Vec<u8>>,
    pub first_callback_status: Option<String>,
    pub transaction: Transaction,
}

pub(super) fn look_up(
    connection: &mut PgConnection,
    owner: &str,
    creates: &[&Create],
    confirmed_later: bool,
) -> QueryResult<Vec<Existing>> {
    Run(&LookUp::of(owner, creates, confirmed_later)).load(connection)
}

struct LookUp<'c> {
    owner: &'c str,
    keys: Vec<Option<&'c str>>,
    anchor_transaction_ids: Vec<Option<&'c str>>,
    items: Vec<i16>,
    confirmed_later: bool,
}

impl<'c> LookUp<'c> {
    fn of(owner: &'c str, creates: &[&'c Create], confirmed_later: bool) -> LookUp<'c> {
        let handles = creates.iter().map(|create| {
            let key = create.key.as_ref().map(|key| key.as_str());
            (key, create.draft.anchor_transaction_id.as_deref())
        });
        let (keys, anchor_transaction_ids) = handles.unzip();
        LookUp {
            owner,
            keys,
            anchor_transaction_ids,
            items: creates.iter().map(|create| create.item).collect(),
            confirmed_later,
        }
    }
}

impl Statement for LookUp<'_> {
    type Columns = (
        BigInt,
        Bool,
        Nullable<Binary>,
        Nullable<SqlText>,
        TransactionColumns,
    );

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("lookup.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Bool, _>(&self.confirmed_later)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.keys)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.anchor_transaction_ids)?;
        binds.bind::<Array<SmallInt>, _>(&self.items)?;
        binds.bind::<SqlText, _>(self.owner)
    }
}
