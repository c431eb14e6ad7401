//! Status changes. The statement that changes the status also checks what the client expects, so nothing can happen in between.

use std::sync::LazyLock;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text as SqlText, Uuid as SqlUuid};

use super::durability::{Committed, copies};
use super::find;
use super::history;
use super::proof::prove_and_see;
use super::statement::{Binds, Run, Statement, Text};
use crate::ledger::Error;
use crate::ledger::ask::change::{Change, Expected};
use crate::ledger::model::event::Event;
use crate::ledger::model::status::Status;
use crate::ledger::model::transaction::{Transaction, TransactionColumns};
use crate::ledger::model::write::{ETag, Write};

/// The transaction as this change has made it, or found it.
#[derive(Debug)]
pub struct Changed {
    pub transaction: Transaction,
    /// This remains the right answer, whatever becomes of an earlier attempt of this change that still hangs somewhere
    /// ([`Error::is_lasting`] says the same of a refusal). False where the status was there already, by another write, and such an attempt
    /// may yet make a version of its own.
    pub lasting: bool,
}

pub type Answer = Result<Changed, Error>;

/// Changes a status. It may be repeated as often as one likes, on any verified primary.
pub fn change(
    connection: &mut PgConnection,
    change: &Change,
    standbys: &[String],
) -> QueryResult<Committed<Answer>> {
    let update = Update::of(change, !standbys.is_empty());
    let row: Option<Row> = match Run(&update).get_result(connection).optional() {
        Err(error) if is_own_earlier_attempt(&error) => None,
        row => row?,
    };
    let Some(row) = row else {
        return nothing_changed(connection, change, standbys);
    };
    let value = if row.changed {
        made(row.stored)
    } else {
        not_changed_now(connection, change, row.stored)?
    };
    let copies = copies(connection, standbys)?;
    Ok(Committed { value, copies })
}

/// No row was locked. Either an earlier attempt has made this change, and others have changed the status since; or there is no such
/// transaction; or its create is being committed right now, which a lock cannot wait for, since the row is not visible yet.
///
/// What was only read is answered as the outcome of a write, so it must be as durable as one. Therefore the proof comes first, and what is
/// visible after it decides. (If the primary still waits for its standby with a create that a replica shows already, the proof has waited
/// for that create.) Which standbys have all this is asked last.
fn nothing_changed(
    connection: &mut PgConnection,
    change: &Change,
    standbys: &[String],
) -> QueryResult<Committed<Answer>> {
    prove_and_see(connection)?;
    let now = find::one(connection, &change.caller.owner, change.transaction_id)?;
    let value = match (now, earlier_attempt(connection, change)?) {
        (Some(now), Some(event)) => made(now.as_of(change.write_id, event)),
        (Some(_), None) => Err(Error::LostRace),
        (None, _) => Err(Error::NotFound),
    };
    let copies = copies(connection, standbys)?;
    Ok(Committed { value, copies })
}

/// The row was locked, and this attempt has not changed it. Either an earlier attempt of this very change has, and others may have changed
/// the row since; or the status is there already; or the change is refused. The lock is committed by now; which standbys have that is asked
/// afterwards.
fn not_changed_now(
    connection: &mut PgConnection,
    change: &Change,
    now: Transaction,
) -> QueryResult<Answer> {
    if let Some(event) = earlier_attempt(connection, change)? {
        return Ok(made(now.as_of(change.write_id, event)));
    }
    if !is_what_was_asked(connection, change, &now)? {
        return Ok(Err(refusal(change, &now)));
    }
    Ok(Ok(Changed {
        lasting: !may_be_made_later(change, now.status),
        transaction: now,
    }))
}

/// This change is in the history, so none of its attempts can make it again.
fn made(transaction: Transaction) -> Answer {
    Ok(Changed {
        transaction,
        lasting: true,
    })
}

/// Whether an earlier attempt of this change that still hangs may be accepted after this answer.
///
/// For example, with `If-Match: *`: at t = 0 s the change to `processing` is sent, and hangs on its way. At t = 1 s it is sent again, and
/// finds `processing`, which somebody else has made. Others change that to `failed` and then to `pending`. At t = 5 s the first attempt
/// arrives after all, and makes a version of which the client was never told. With the ETag of a version it could not, since versions only
/// grow, nor where the status is one that nothing leaves.
fn may_be_made_later(change: &Change, now: Status) -> bool {
    change.expected == Expected::Any && !now.allowed_next().is_empty()
}

/// The status is there already: at the expected version, or one later, as by a change whose answer was lost, so that the client repeats it.
fn is_what_was_asked(
    connection: &mut PgConnection,
    change: &Change,
    stored: &Transaction,
) -> QueryResult<bool> {
    if stored.status != change.to.status {
        return Ok(false);
    }
    match &change.expected {
        Expected::Exactly(etag)
            if etag.version.checked_add(1) == Some(stored.version)
                && stored.status_reason == change.to.status_reason =>
        {
            was_made(connection, change, etag)
        }
        _ => Ok(is_expected(change, stored)),
    }
}

/// The write that this ETag names made its version. Otherwise the client has it from a branch of the history that a failover took back.
fn was_made(connection: &mut PgConnection, change: &Change, etag: &ETag) -> QueryResult<bool> {
    let (id, version) = (change.transaction_id, etag.version);
    let write_id = match version {
        1 => Some(id),
        _ => history::write_of(connection, &change.caller.owner, id, version)?,
    };
    Ok(write_id.is_some_and(|id| Write { version, id }.etag() == *etag))
}

fn is_expected(change: &Change, stored: &Transaction) -> bool {
    match &change.expected {
        Expected::Any => true,
        Expected::Exactly(etag) => *etag == stored.write().etag(),
        Expected::Nothing => false,
    }
}

fn refusal(change: &Change, stored: &Transaction) -> Error {
    if is_expected(change, stored) {
        return Error::InvalidTransition {
            from: stored.status,
            to: change.to.status,
            lasting: !may_be_made_later(change, stored.status),
        };
    }
    // Versions only grow: one that has been passed never comes back.
    let lasting = match &change.expected {
        Expected::Exactly(etag) => stored.version >= etag.version,
        Expected::Any | Expected::Nothing => true,
    };
    Error::VersionMismatch {
        current: stored.write(),
        lasting,
    }
}

fn earlier_attempt(connection: &mut PgConnection, change: &Change) -> QueryResult<Option<Event>> {
    let (id, write_id) = (change.transaction_id, change.write_id);
    history::of_write(connection, &change.caller.owner, id, write_id)
}

fn is_own_earlier_attempt(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
        if info.constraint_name() == Some("transaction_events_write_key"))
}

/// change.sql
struct Update<'c> {
    change: &'c Change,
    any_version: bool,
    version: Option<i32>,
    identity: Option<&'c str>,
    from: Vec<&'static str>,
    actor: String,
    confirmed_later: bool,
}

impl<'c> Update<'c> {
    fn of(change: &'c Change, confirmed_later: bool) -> Update<'c> {
        let etag: Option<&ETag> = match &change.expected {
            Expected::Exactly(etag) => Some(etag),
            Expected::Any | Expected::Nothing => None,
        };
        Update {
            change,
            any_version: change.expected == Expected::Any,
            version: etag.map(|etag| etag.version),
            identity: etag.map(|etag| etag.identity.as_str()),
            from: change
                .to
                .status
                .allowed_before()
                .map(|from| from.as_str())
                .collect(),
            actor: change.caller.actor(),
            confirmed_later,
        }
    }
}

#[derive(Queryable)]
struct Row {
    changed: bool,
    stored: Transaction,
}

impl Statement for Update<'_> {
    type Columns = (Bool, TransactionColumns);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("change.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<SqlText, _>(&self.change.caller.owner)?;
        binds.bind::<SqlUuid, _>(&self.change.transaction_id)?;
        binds.bind::<SqlText, _>(self.change.to.status.as_str())?;
        binds.bind::<Nullable<SqlText>, _>(&self.change.to.status_reason)?;
        binds.bind::<SqlUuid, _>(&self.change.write_id)?;
        binds.bind::<Bool, _>(&self.any_version)?;
        binds.bind::<Nullable<Integer>, _>(&self.version)?;
        binds.bind::<Nullable<SqlText>, _>(&self.identity)?;
        binds.bind::<Array<SqlText>, _>(&self.from)?;
        binds.bind::<SqlText, _>(&self.actor)?;
        binds.bind::<SqlText, _>(&self.change.caller.request_id)?;
        binds.bind::<Bool, _>(&self.confirmed_later)
    }
}
