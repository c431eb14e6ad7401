//! Rows that are stored together, as an array for each column, so that one text of the statement takes any number of them.

use diesel::prelude::*;
use diesel::sql_types::{Array, Json, Nullable, Numeric, Text as SqlText, Uuid as SqlUuid};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::insert::Row;
use super::statement::Binds;
use crate::ledger::model::metadata::Metadata;

/// The columns of transactions, from the id to the metadata.
pub(super) struct Columns<'c> {
    ids: Vec<Uuid>,
    stellar_accounts: Vec<&'c str>,
    amounts: Vec<Decimal>,
    asset_codes: Vec<&'c str>,
    callback_types: Vec<Option<&'c str>>,
    callback_statuses: Vec<Option<&'c str>>,
    anchor_transaction_ids: Vec<Option<&'c str>>,
    memos: Vec<Option<&'c str>>,
    memo_types: Vec<Option<&'c str>>,
    metadata: Vec<Option<&'c Metadata>>,
}

impl<'c> Columns<'c> {
    pub fn of(rows: &[Row<'c>]) -> Columns<'c> {
        Columns {
            ids: rows.iter().map(|row| row.id).collect(),
            stellar_accounts: rows.iter().map(|row| row.stellar_account).collect(),
            amounts: rows.iter().map(|row| row.amount).collect(),
            asset_codes: rows.iter().map(|row| row.asset_code).collect(),
            callback_types: rows.iter().map(|row| row.callback_type).collect(),
            callback_statuses: rows.iter().map(|row| row.callback_status).collect(),
            anchor_transaction_ids: rows.iter().map(|row| row.anchor_transaction_id).collect(),
            memos: rows.iter().map(|row| row.memo).collect(),
            memo_types: rows.iter().map(|row| row.memo_type).collect(),
            metadata: rows.iter().map(|row| row.metadata).collect(),
        }
    }

    pub fn ids(&self) -> &[Uuid] {
        &self.ids
    }

    pub fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlUuid>, _>(&self.ids)?;
        binds.bind::<Array<SqlText>, _>(&self.stellar_accounts)?;
        binds.bind::<Array<Numeric>, _>(&self.amounts)?;
        binds.bind::<Array<SqlText>, _>(&self.asset_codes)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.callback_types)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.callback_statuses)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.anchor_transaction_ids)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.memos)?;
        binds.bind::<Array<Nullable<SqlText>>, _>(&self.memo_types)?;
        binds.bind::<Array<Nullable<Json>>, _>(&self.metadata)
    }
}
