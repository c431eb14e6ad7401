//! insert.sql: the rows of creates, as many as their handles allow.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Binary, Json, Nullable, Numeric, Text as SqlText, Timestamptz, Uuid as SqlUuid,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::ask::create::Create;
use crate::ledger::model::metadata::Metadata;

/// One text is prepared for each of these numbers of rows. Fewer rows are padded with the last one, which the statement skips. `unnest` of
/// one array a column, as in insert_confirmed.sql, needs one text for all, but was slower here when it was tried, most of all for single
/// rows, and on Citus goes through the coordinator in two phases instead of one on the worker.
const SIZES: [usize; 4] = [1, 4, 16, 64];
pub const MAX_BATCH: usize = SIZES[SIZES.len() - 1];

/// Stores the creates whose handles are free, and returns the times of their rows, by their ids.
pub(super) fn insert(
    connection: &mut PgConnection,
    owner: &str,
    creates: &[&Create],
) -> QueryResult<HashMap<Uuid, DateTime<Utc>>> {
    let mut rows = Row::in_order(creates);
    let size = size_for(rows.len());
    if let Some(last) = rows.last().cloned() {
        rows.resize(rows.len().max(SIZES[size]), last);
    }
    let stored: Vec<(Uuid, DateTime<Utc>)> = Run(&Insert { owner, rows }).load(connection)?;
    Ok(stored.into_iter().collect())
}

/// Which of the sizes is enough.
fn size_for(rows: usize) -> usize {
    let size = SIZES.iter().position(|size| *size >= rows);
    size.unwrap_or(SIZES.len() - 1)
}

/// The parameters of one row of insert.sql or insert_all.sql.
#[derive(Clone)]
pub(super) struct Row<'c> {
    pub item: i16,
    pub id: Uuid,
    pub stellar_account: &'c str,
    pub amount: Decimal,
    pub asset_code: &'c str,
    pub callback_type: Option<&'c str>,
    pub callback_status: Option<&'c str>,
    pub anchor_transaction_id: Option<&'c str>,
    pub memo: Option<&'c str>,
    pub memo_type: Option<&'c str>,
    pub metadata: Option<&'c Metadata>,
    pub key: Option<&'c str>,
    pub fingerprint: Option<&'c [u8]>,
    pub actor: String,
    pub request_id: &'c str,
}

impl<'c> Row<'c> {
    /// Sorted by handle, so that two statements that want the same handles lock them in the same order: by anchor id first, since one
    /// anchor id comes with several keys wherever a client makes a new key for a repeat. No order helps two statements that want the same
    /// *keys* with different anchor ids, crosswise, which is a mistake of the clients: they can still deadlock. But the wait for a lock is
    /// short, and each of their creates is then sent in a statement of its own, which holds nothing that another one waits for.
    pub fn in_order(creates: &[&'c Create]) -> Vec<Row<'c>> {
        let mut rows: Vec<Row> = creates.iter().map(|create| Row::of(create)).collect();
        rows.sort_by_key(|row| (row.anchor_transaction_id, row.key));
        rows
    }

    pub fn of(create: &'c Create) -> Row<'c> {
        let Create {
            id,
            item,
            draft,
            key,
            fingerprint,
            caller,
            ..
        } = create;
        Row {
            item: *item,
            id: *id,
            stellar_account: &draft.stellar_account,
            amount: draft.amount.as_decimal(),
            asset_code: &draft.asset_code,
            callback_type: draft.callback_type.as_deref(),
            callback_status: draft.callback_status.as_deref(),
            anchor_transaction_id: draft.anchor_transaction_id.as_deref(),
            memo: draft.memo.as_ref().map(|memo| memo.value.as_str()),
            memo_type: draft.memo.as_ref().map(|memo| memo.kind.as_str()),
            metadata: draft.metadata.as_ref(),
            key: key.as_ref().map(|key| key.as_str()),
            fingerprint: key.as_ref().map(|_| &fingerprint[..]),
            actor: caller.actor(),
            request_id: &caller.request_id,
        }
    }

    pub fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlUuid, _>(&self.id)?;
        binds.bind::<SqlText, _>(self.stellar_account)?;
        binds.bind::<Numeric, _>(&self.amount)?;
        binds.bind::<SqlText, _>(self.asset_code)?;
        binds.bind::<Nullable<SqlText>, _>(&self.callback_type)?;
        binds.bind::<Nullable<SqlText>, _>(&self.callback_status)?;
        binds.bind::<Nullable<SqlText>, _>(&self.anchor_transaction_id)?;
        binds.bind::<Nullable<SqlText>, _>(&self.memo)?;
        binds.bind::<Nullable<SqlText>, _>(&self.memo_type)?;
        binds.bind::<Nullable<Json>, _>(&self.metadata)?;
        binds.bind::<Nullable<SqlText>, _>(&self.key)?;
        binds.bind::<Nullable<Binary>, _>(&self.fingerprint)?;
        binds.bind::<SqlText, _>(&self.actor)?;
        binds.bind::<SqlText, _>(self.request_id)
    }
}

/// insert.sql
struct Insert<'c> {
    owner: &'c str,
    rows: Vec<Row<'c>>,
}

impl Statement for Insert<'_> {
    type Columns = (SqlUuid, Timestamptz);

    fn text(&self) -> &'static Text {
        static TEXTS: LazyLock<[Text; SIZES.len()]> = LazyLock::new(|| SIZES.map(of_rows));
        &TEXTS[size_for(self.rows.len())]
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(self.owner)?;
        self.rows.iter().try_for_each(|row| row.bind(binds))
    }
}

/// The parameters of a row, all but the owner, which the rows share.
const ROW_PARAMETERS: usize = 14;

/// insert.sql with its row repeated.
fn of_rows(rows: usize) -> Text {
    let file = include_str!("insert.sql");
    let (before, rest) = file.split_once("VALUES\n").unwrap_or((file, ""));
    let (row, after) = rest.split_once("\nON CONFLICT").unwrap_or((rest, ""));
    let rows: Vec<String> = (0..rows)
        .map(|nth| renumbered(row, nth * ROW_PARAMETERS))
        .collect();
    Text::of(&format!(
        "{before}VALUES\n{}\nON CONFLICT{after}",
        rows.join(",\n")
    ))
}

/// The same row with every parameter but $1 so much higher.
fn renumbered(row: &str, by: usize) -> String {
    let mut parts = row.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = part[..digits].parse().unwrap_or(1);
        let number = if number == 1 { 1 } else { number + by };
        text.push_str(&format!("${number}{}", &part[digits..]));
    }
    text
}
