//! Create, and never twice: key, transactions and first events in one statement, which is atomic by itself and takes one round trip.
//!
//! The statement decides from its snapshot and inserts plainly. Whoever loses a race against another request gets a unique violation:
//! everything is rolled back, the winner has committed, and the same statement, repeated, sees what the winner did.

use super::Error;
use super::draft::Draft;
use super::durability::{Durability, SYNCHRONOUS};
use super::fingerprint::{IdempotencyKey, fingerprint};
use super::transaction::Transaction;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Jsonb, Nullable, Numeric, Text, Untyped, Uuid as SqlUuid,
};
use rust_decimal::Decimal;
use serde_json::Value;
use std::time::Instant;
use uuid::Uuid;

/// Who asks, for the history.
#[derive(Clone, Debug)]
pub struct Caller {
    pub client: String,
    pub request_id: String,
}

impl Caller {
    pub fn actor(&self) -> String {
        format!("api:{}", self.client)
    }
}

/// A request to create. The ids are made here, before the first attempt: finding one's own id in the answer means "I did that".
pub struct Create {
    drafts: Vec<Draft>,
    key: Option<IdempotencyKey>,
    /// One transaction alone may turn out to be one that exists (natural key); one of several may not.
    single: bool,
    ids: Vec<Uuid>,
    statement: Statement,
}

#[derive(Debug, PartialEq)]
pub struct Created {
    pub transactions: Vec<Transaction>,
    pub how: How,
    /// The commit waited for a standby.
    pub replicated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Stored by this request, in this attempt or an earlier one.
    New,
    /// The first answer to this key, again.
    Replay,
    /// The natural key was known already.
    Known,
}

impl Create {
    pub fn one(
        draft: Draft,
        key: Option<IdempotencyKey>,
        caller: &Caller,
        require_replication: bool,
    ) -> Create {
        let fingerprint = fingerprint("POST", "/transactions", std::slice::from_ref(&draft));
        let drafts = vec![draft];
        let ids = vec![Uuid::now_v7()];
        let statement = Statement::new(
            &drafts,
            &ids,
            key.as_ref(),
            fingerprint,
            true,
            caller,
            require_replication,
        );
        Create {
            drafts,
            key,
            single: true,
            ids,
            statement,
        }
    }

    pub fn has_handle(&self) -> bool {
        self.key.is_some()
            || self
                .drafts
                .iter()
                .all(|draft| draft.anchor_transaction_id.is_some())
    }

    /// Repeatable at will, on any verified primary.
    pub fn run(&self, connection: &mut PgConnection) -> Result<Created, Error> {
        let begun = Instant::now();
        let rows: Vec<Row> = self.statement.load(connection).map_err(lost_race)?;
        let Some(first) = rows.first() else {
            return Err(Error::NotReplicated);
        };
        let replicated =
            first
                .durability
                .of_commit(connection, begun, self.statement.require_replication)?;
        let mine = first.transaction.id == self.ids[0];
        let how = match first.origin.as_str() {
            "created" => How::New,
            "used" if first.fingerprint.as_deref() != Some(&self.statement.fingerprint[..]) => {
                return Err(Error::KeyReused {
                    transaction_ids: rows.iter().map(|row| row.transaction.id).collect(),
                });
            }
            _ if mine => How::New,
            "used" if first.key_created => How::Replay,
            "used" => How::Known,
            _ if self.single && first.conflicting.is_empty() => How::Known,
            _ => {
                return Err(Error::AnchorConflict {
                    index: usize::try_from(first.ord - 1).unwrap_or(0),
                    existing_id: first.transaction.id,
                    conflicting_fields: first.conflicting.clone(),
                });
            }
        };
        let answered = rows
            .into_iter()
            .zip(&self.drafts)
            .map(|(row, draft)| match how {
                How::Known => row.transaction,
                How::New | How::Replay => as_first_answered(row.transaction, draft),
            });
        Ok(Created {
            transactions: answered.collect(),
            how,
            replicated,
        })
    }
}

/// Version 1 is what does not change, and what the same request said. No history has to be read for it.
fn as_first_answered(now: Transaction, draft: &Draft) -> Transaction {
    Transaction {
        status: "pending".into(),
        status_reason: None,
        callback_status: draft.callback_status.clone(),
        version: 1,
        updated_at: now.created_at,
        ..now
    }
}

/// Each of these names was free in the snapshot: another request took it meanwhile.
fn lost_race(error: DieselError) -> Error {
    const RACED_FOR: [&str; 3] = [
        "idempotency_keys_pkey",
        "transactions_anchor_transaction_id_key",
        "transactions_pkey",
    ];
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
            if info
                .constraint_name()
                .is_some_and(|name| RACED_FOR.contains(&name)) =>
        {
            Error::LostRace
        }
        _ => Error::Database(error),
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = BigInt)]
    ord: i64,
    #[diesel(sql_type = Array<Text>)]
    conflicting: Vec<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    fingerprint: Option<Vec<u8>>,
    #[diesel(sql_type = Bool)]
    key_created: bool,
    #[diesel(embed)]
    durability: Durability,
    #[diesel(embed)]
    transaction: Transaction,
}

/// The binds, by column. `sql_query` is not statement-cached; a static `QueryId` is, so this is prepared once per connection.
struct Statement {
    ids: Vec<Uuid>,
    stellar_accounts: Vec<String>,
    amounts: Vec<Decimal>,
    asset_codes: Vec<String>,
    callback_types: Vec<Option<String>>,
    callback_statuses: Vec<Option<String>>,
    anchor_transaction_ids: Vec<Option<String>>,
    memos: Vec<Option<String>>,
    memo_types: Vec<Option<String>>,
    metadata: Vec<Option<Value>>,
    client: String,
    key: Option<String>,
    fingerprint: [u8; 32],
    actor: String,
    request_id: String,
    single: bool,
    require_replication: bool,
}

impl Statement {
    fn new(
        drafts: &[Draft],
        ids: &[Uuid],
        key: Option<&IdempotencyKey>,
        fingerprint: [u8; 32],
        single: bool,
        caller: &Caller,
        require_replication: bool,
    ) -> Statement {
        let texts = |field: fn(&Draft) -> Option<&str>| {
            drafts.iter().map(|d| field(d).map(str::to_owned)).collect()
        };
        Statement {
            ids: ids.to_vec(),
            stellar_accounts: drafts.iter().map(|d| d.stellar_account.clone()).collect(),
            amounts: drafts.iter().map(|d| d.amount.as_decimal()).collect(),
            asset_codes: drafts.iter().map(|d| d.asset_code.clone()).collect(),
            callback_types: texts(|d| d.callback_type.as_deref()),
            callback_statuses: texts(|d| d.callback_status.as_deref()),
            anchor_transaction_ids: texts(|d| d.anchor_transaction_id.as_deref()),
            memos: texts(|d| d.memo.as_ref().map(|memo| memo.value.as_str())),
            memo_types: texts(|d| d.memo.as_ref().map(|memo| memo.kind.as_str())),
            metadata: drafts.iter().map(|d| d.metadata.clone()).collect(),
            client: caller.client.clone(),
            key: key.map(|key| key.as_str().to_owned()),
            fingerprint,
            actor: caller.actor(),
            request_id: caller.request_id.clone(),
            single,
            require_replication,
        }
    }
}

const DECIDE_AND_STORE: &str = include_str!("create.sql");

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH item AS MATERIALIZED (SELECT * FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.stellar_accounts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Numeric>, _>(&self.amounts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.asset_codes)?;
        for column in [
            &self.callback_types,
            &self.callback_statuses,
            &self.anchor_transaction_ids,
            &self.memos,
            &self.memo_types,
        ] {
            out.push_sql(", ");
            out.push_bind_param::<Array<Nullable<Text>>, _>(column)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Jsonb>>, _>(&self.metadata)?;
        out.push_sql(
            ") WITH ORDINALITY AS i (id, stellar_account, amount, asset_code, callback_type, callback_status,
                anchor_transaction_id, memo, memo_type, metadata, ord)
            ), request AS MATERIALIZED (SELECT v.*, s.*, s.synchronous OR NOT v.required AS may_write FROM (SELECT ",
        );
        out.push_sql(SYNCHRONOUS);
        out.push_sql(") s, (VALUES (");
        out.push_bind_param::<Text, _>(&self.client)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&self.key)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(&self.fingerprint)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.actor)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.request_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.single)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&self.require_replication)?;
        out.push_sql(")) v (client, key, fingerprint, actor, request_id, single, required)");
        out.push_sql(DECIDE_AND_STORE);
        Ok(())
    }
}

/// Marks the statement in the cache of each connection.
pub struct CreateStatementId;

impl QueryId for Statement {
    type QueryId = CreateStatementId;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for &Statement {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for &Statement {}
