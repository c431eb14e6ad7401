//! Status changes. The guard is in the UPDATE itself: no read-then-write.

use super::Error;
use super::create::Caller;
use super::draft::{Status, StatusChange};
use super::durability::{Durability, SYNCHRONOUS};
use super::read;
use super::transaction::{Transaction, TransactionEvent};
use crate::schema::transaction_events;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Untyped, Uuid as SqlUuid};
use std::time::Instant;
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
    status: &'static str,
    from: Vec<&'static str>,
    actor: String,
    request_id: String,
    require_replication: bool,
    /// Made before the first attempt and stored with the event: finding it means that an earlier attempt committed.
    change_id: Uuid,
}

#[derive(Debug)]
pub struct Changed {
    pub transaction: Transaction,
    pub replicated: bool,
}

/// `Status::allowed_next` is the one table of transitions.
fn statuses_before(to: Status) -> Vec<&'static str> {
    Status::ALL
        .into_iter()
        .filter(|from| from.allowed_next().contains(&to))
        .map(Status::as_str)
        .collect()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    changed: bool,
    #[diesel(embed)]
    durability: Durability,
    #[diesel(embed)]
    transaction: Transaction,
}

impl Change {
    pub fn new(
        id: Uuid,
        expected: Expected,
        to: StatusChange,
        caller: Caller,
        require_replication: bool,
    ) -> Change {
        Change {
            id,
            expected,
            status: to.status.as_str(),
            from: statuses_before(to.status),
            to,
            actor: caller.actor(),
            request_id: caller.request_id,
            require_replication,
            change_id: Uuid::now_v7(),
        }
    }

    /// Repeatable at will, on any verified primary.
    pub fn run(&self, connection: &mut PgConnection) -> Result<Changed, Error> {
        let version = match self.expected {
            Expected::Version(version) => version,
            // Pinned, and guarded like any other: an attempt that hangs and is run later finds that others have moved on.
            Expected::Any => match read::find(connection, self.id) {
                Err(Error::NotFound) => return Err(self.nothing_found(connection)?),
                found => found?.version,
            },
        };
        let begun = Instant::now();
        let row: Option<Row> = match (Statement {
            change: self,
            version,
        })
        .get_result(connection)
        .optional()
        {
            Err(error) if is_own_earlier_attempt(&error) => {
                return self.found_own_attempt(connection);
            }
            result => result?,
        };
        let Some(Row {
            changed,
            durability,
            transaction,
        }) = row
        else {
            return Err(self.nothing_found(connection)?);
        };
        let replicated = durability.of_commit(connection, begun, self.require_replication)?;
        if changed || self.is_what_was_asked(version, &transaction) {
            return Ok(Changed {
                transaction,
                replicated,
            });
        }
        // Refused. Unless it was an earlier attempt of this very change that made it so, and others have moved on since.
        match self.earlier_attempt(connection, &transaction)? {
            Some(transaction) => Ok(Changed {
                transaction,
                replicated,
            }),
            None => Err(self.refusal(version, &transaction)),
        }
    }

    /// The row would allow the change once more, but it was made already, and undone by others since.
    fn found_own_attempt(&self, connection: &mut PgConnection) -> Result<Changed, Error> {
        let now = read::find(connection, self.id)?;
        let transaction = self
            .earlier_attempt(connection, &now)?
            .ok_or(Error::LostRace)?;
        let (begun, durability) = (Instant::now(), Durability::now(connection)?);
        read::fence(connection)?;
        Ok(Changed {
            transaction,
            replicated: durability.of_commit(connection, begun, self.require_replication)?,
        })
    }

    fn nothing_found(&self, connection: &mut PgConnection) -> Result<Error, Error> {
        if self.require_replication && !Durability::now(connection)?.is_synchronous() {
            return Ok(Error::NotReplicated);
        }
        read::fence(connection)?; // a primary that has been cut off does not know what is new
        Ok(Error::NotFound)
    }

    /// The status is there already: at the expected version, or by a change whose answer was lost.
    fn is_what_was_asked(&self, version: i32, now: &Transaction) -> bool {
        let lost_response = version.checked_add(1) == Some(now.version)
            && now.status_reason == self.to.status_reason;
        now.status == self.status
            && (now.version == version || (self.expected != Expected::Any && lost_response))
    }

    fn earlier_attempt(
        &self,
        connection: &mut PgConnection,
        now: &Transaction,
    ) -> Result<Option<Transaction>, Error> {
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

    fn refusal(&self, version: i32, now: &Transaction) -> Error {
        match self.expected {
            _ if now.version == version => Error::InvalidTransition {
                from: now.status.clone(),
                to: self.status,
            },
            Expected::Any => Error::LostRace,
            Expected::Version(version) => Error::VersionMismatch {
                current: now.version,
                lasting: now.version > version,
            },
        }
    }
}

fn is_own_earlier_attempt(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
        if info.constraint_name() == Some("transaction_events_change_id_key"))
}

/// With a static `QueryId`, so that it is prepared once per connection.
struct Statement<'a> {
    change: &'a Change,
    version: i32,
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Statement { change, version } = self;
        out.push_sql("WITH request AS MATERIALIZED (SELECT v.*, s.*, s.synchronous OR NOT v.required AS may_write FROM (SELECT ");
        out.push_sql(SYNCHRONOUS);
        out.push_sql(") s, (VALUES (");
        out.push_bind_param::<SqlUuid, _>(&change.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Integer, _>(version)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&change.status)?;
        out.push_sql(", ");
        out.push_bind_param::<Nullable<Text>, _>(&change.to.status_reason)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&change.change_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&change.actor)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&change.request_id)?;
        out.push_sql(", ");
        out.push_bind_param::<Bool, _>(&change.require_replication)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&change.from)?;
        out.push_sql(")) v (id, expected, status, reason, change_id, actor, request_id, required, allowed_from)");
        out.push_sql(include_str!("change.sql"));
        Ok(())
    }
}

/// Marks the statement in the cache of each connection.
struct ChangeStatementId;

impl QueryId for Statement<'_> {
    type QueryId = ChangeStatementId;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for Statement<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_reached_from_where_the_contract_says() {
        assert_eq!(statuses_before(Status::Pending), ["failed"]);
        assert_eq!(statuses_before(Status::Processing), ["pending"]);
        assert_eq!(
            statuses_before(Status::Completed),
            ["pending", "processing"]
        );
        assert_eq!(statuses_before(Status::Failed), ["pending", "processing"]);
    }
}
