//! Status changes. The guard is in the UPDATE itself: no read-then-write.

use super::Error;
use super::create::{Caller, SYNCHRONOUS};
use super::draft::{Status, StatusChange};
use super::read;
use super::transaction::{Transaction, TransactionEvent};
use crate::schema::transaction_events;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

/// What the stored version must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Version(i32),
    /// `If-Match: *`
    Any,
}

pub struct Change {
    id: Uuid,
    expected: Expected,
    to: StatusChange,
    caller: Caller,
    require_replication: bool,
    /// Made before the first attempt and stored with the event: finding it means that an earlier attempt committed.
    change_id: Uuid,
}

#[derive(Debug)]
pub struct Changed {
    pub transaction: Transaction,
    pub replicated: bool,
}

/// `unchanged` writes, although it only looks: a refusal, too, must not come from a primary that has been cut off.
fn statement() -> String {
    format!(
        "WITH request AS MATERIALIZED (
            SELECT v.*, s.synchronous, s.synchronous OR NOT v.required AS may_write
              FROM (SELECT {SYNCHRONOUS} AS synchronous) s,
                   (VALUES ($1, $2, $3, $4, $5, $6, $7, $8)) v (id, expected, status, reason, change_id, actor, request_id, required)
        ), changed AS (
            UPDATE transactions t
               SET status = r.status, status_reason = r.reason, version = t.version + 1, updated_at = now()
              FROM request r
             WHERE t.id = r.id AND r.may_write AND (r.expected IS NULL OR t.version = r.expected)
               AND (t.status, r.status) IN ({allowed})
            RETURNING t.*
        ), history AS (
            INSERT INTO transaction_events
                   (transaction_id, version, kind, status, status_reason, callback_status, actor, request_id, change_id, at)
            SELECT c.id, c.version, 'status_changed', c.status, c.status_reason, c.callback_status,
                   r.actor, r.request_id, r.change_id, c.updated_at
              FROM changed c, request r
        ), unchanged AS (
            UPDATE transactions t SET duplicates = t.duplicates + 1
              FROM request r
             WHERE t.id = r.id AND r.may_write AND NOT EXISTS (SELECT FROM changed)
            RETURNING t.*
        )
        SELECT a.*, r.synchronous
          FROM request r, (SELECT true AS changed, c.* FROM changed c UNION ALL SELECT false, u.* FROM unchanged u) a",
        allowed = allowed_pairs()
    )
}

/// `Status::allowed_next` is the one table of transitions.
fn allowed_pairs() -> String {
    let pairs = Status::ALL.iter().flat_map(|from| from.allowed_next().iter().map(move |to| format!("('{from}', '{to}')")));
    pairs.collect::<Vec<_>>().join(", ")
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    changed: bool,
    #[diesel(sql_type = Bool)]
    synchronous: bool,
    #[diesel(embed)]
    transaction: Transaction,
}

impl Change {
    pub fn new(id: Uuid, expected: Expected, to: StatusChange, caller: Caller, require_replication: bool) -> Change {
        Change { id, expected, to, caller, require_replication, change_id: Uuid::now_v7() }
    }

    /// Repeatable at will, on any verified primary.
    pub fn run(&self, connection: &mut PgConnection) -> Result<Changed, Error> {
        let expected = match self.expected {
            Expected::Version(version) => Some(version),
            Expected::Any => None,
        };
        let row: Option<Row> = diesel::sql_query(statement())
            .bind::<SqlUuid, _>(self.id)
            .bind::<Nullable<Integer>, _>(expected)
            .bind::<Text, _>(self.to.status.as_str())
            .bind::<Nullable<Text>, _>(&self.to.status_reason)
            .bind::<SqlUuid, _>(self.change_id)
            .bind::<Text, _>(self.caller.actor())
            .bind::<Text, _>(&self.caller.request_id)
            .bind::<Bool, _>(self.require_replication)
            .get_result(connection)
            .optional()
            .map_err(own_earlier_attempt)?;
        let Some(Row { changed, synchronous, transaction }) = row else { return Err(self.nothing_found(connection)?) };
        if changed || self.is_what_was_asked(&transaction) {
            return Ok(Changed { transaction, replicated: synchronous });
        }
        // Refused. Unless it was an earlier attempt of this very change that made it so, and others have moved on since.
        match self.earlier_attempt(connection, &transaction)? {
            Some(transaction) => Ok(Changed { transaction, replicated: synchronous }),
            None => Err(self.refusal(&transaction)),
        }
    }

    fn nothing_found(&self, connection: &mut PgConnection) -> Result<Error, Error> {
        if self.require_replication && !read::is_synchronous(connection)? {
            return Ok(Error::NotReplicated);
        }
        read::fence(connection)?; // a primary that has been cut off does not know what is new
        Ok(Error::NotFound)
    }

    /// The status is there already: at the expected version, or by a change whose answer was lost.
    fn is_what_was_asked(&self, now: &Transaction) -> bool {
        let same_status = now.status == self.to.status.as_str();
        match self.expected {
            Expected::Any => same_status,
            Expected::Version(version) if now.version == version => same_status,
            Expected::Version(version) => {
                same_status && now.version == version.saturating_add(1) && now.status_reason == self.to.status_reason
            }
        }
    }

    fn earlier_attempt(&self, connection: &mut PgConnection, now: &Transaction) -> Result<Option<Transaction>, Error> {
        let event: Option<TransactionEvent> = transaction_events::table
            .filter(transaction_events::change_id.eq(self.change_id))
            .select(TransactionEvent::as_select())
            .first(connection)
            .optional()?;
        Ok(event.map(|event| Transaction {
            version: event.version,
            status: event.status,
            status_reason: event.status_reason,
            callback_status: event.callback_status,
            updated_at: event.at,
            ..now.clone()
        }))
    }

    fn refusal(&self, now: &Transaction) -> Error {
        match self.expected {
            Expected::Version(version) if version != now.version => Error::VersionMismatch { current: now.version },
            _ => Error::InvalidTransition { from: now.status.clone(), to: self.to.status.as_str() },
        }
    }
}

fn own_earlier_attempt(error: DieselError) -> Error {
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
            if info.constraint_name() == Some("transaction_events_change_id_key") =>
        {
            Error::LostRace
        }
        _ => Error::Database(error),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_statement_allows_what_the_contract_allows() {
        let pairs = super::allowed_pairs();
        assert_eq!(
            pairs,
            "('pending', 'processing'), ('pending', 'completed'), ('pending', 'failed'), \
             ('processing', 'completed'), ('processing', 'failed'), ('failed', 'pending')"
        );
    }
}
