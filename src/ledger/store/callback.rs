//! Callbacks, none of which is applied twice.
//!
//! A callback of an unknown transaction is a create, whose key is the webhook's id. One of a transaction that is known by its anchor id is
//! a change of `callback_status`, or says nothing new, and leaves a receipt with the webhook's id. Each is one statement, which the unique
//! indexes keep from happening twice, whatever is repeated, given up or sent to two instances at the same time.
//!
//! For example, A and B are callbacks of one transaction, of t = 1 s and t = 2 s. A is applied, which makes version 2; B is delayed on its
//! way. At t = 3 s a third one, C, is applied: version 3. Then B comes, which is older: the transaction stays as it is. A is sent again,
//! and its receipt is found: the answer is that of t = 1 s. When B is sent and signed once more, its receipt is found too, so it still
//! changes nothing.

mod statements;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use uuid::Uuid;

use super::create::{self, conflicting_fields, met_by_key, new_transaction};
use super::durability::{Committed, copies};
use super::find;
use super::history;
use super::lookup::{Existing, look_up};
use super::proof::prove_and_see;
use super::statement::Run;
use crate::ledger::Error;
use crate::ledger::ask::callback::Callback;
use crate::ledger::model::transaction::Transaction;
use crate::schema::callback_receipts as receipts;
use statements::{Change, Locked, Receive};

#[derive(Debug, PartialEq)]
pub struct Received {
    pub transaction: Transaction,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Stored by this request, in this attempt or an earlier one.
    Created,
    /// The first answer to this callback, again: it created the transaction.
    CreatedBefore,
    Changed,
    /// The first answer to this callback, again: it changed the transaction.
    ChangedBefore,
    /// It says nothing new, and this is the transaction as it is now.
    Unchanged,
}

impl How {
    /// Whether the answer tells of what an earlier request stored, and this one stored nothing about the transaction.
    pub fn is_replay(self) -> bool {
        match self {
            How::Created | How::Changed => false,
            How::CreatedBefore | How::ChangedBefore | How::Unchanged => true,
        }
    }
}

pub type Answer = Result<Received, Error>;

fn received(transaction: Transaction, how: How) -> Answer {
    Ok(Received { transaction, how })
}

/// Stores or applies a callback. It may be repeated as often as one likes, on any verified primary.
pub fn receive(
    connection: &mut PgConnection,
    callback: &Callback,
    standbys: &[String],
) -> QueryResult<Committed<Answer>> {
    let create = &callback.create;
    let confirmed_later = !standbys.is_empty();
    let stored: Option<(DateTime<Utc>, Option<String>)> =
        Run(&Receive::of(callback, confirmed_later))
            .get_result(connection)
            .optional()?;
    if let Some((at, _)) = stored {
        return Ok(Committed {
            value: received(new_transaction(create, at), How::Created),
            copies: copies(connection, standbys)?,
        });
    }
    let met = look_up(connection, &create.caller.owner, &[create], confirmed_later)?;
    let (by_key, by_anchor): (Vec<Existing>, Vec<Existing>) =
        met.into_iter().partition(|met| met.by_key);
    let value = match (by_key.into_iter().next(), by_anchor.into_iter().next()) {
        (Some(met), _) => met_by_handle(connection, callback, met)?,
        (None, Some(met)) => {
            let conflicting_fields = conflicting_fields(&create.draft, &met.transaction);
            if conflicting_fields.is_empty() {
                return change(connection, callback, met.transaction.id, standbys);
            }
            // The same webhook id may have been used before, for something else.
            let conflict = Error::AnchorConflict {
                existing_id: met.transaction.id,
                conflicting_fields,
            };
            earlier(connection, callback)?.unwrap_or(Err(conflict))
        }
        // Neither handle is there: it was skipped because of a receipt, and that is of another transaction.
        (None, None) => earlier(connection, callback)?.unwrap_or(Err(Error::LostRace)),
    };
    let copies = copies(connection, standbys)?;
    Ok(Committed { value, copies })
}

fn met_by_handle(
    connection: &mut PgConnection,
    callback: &Callback,
    met: Existing,
) -> QueryResult<Answer> {
    let create = &callback.create;
    let answer = met_by_key(connection, &create.caller.owner, create, met)?;
    Ok(answer.map(|created| Received {
        transaction: created.transaction,
        how: match created.how {
            create::How::New => How::Created,
            create::How::Replay | create::How::Known => How::CreatedBefore,
        },
    }))
}

fn change(
    connection: &mut PgConnection,
    callback: &Callback,
    transaction_id: Uuid,
    standbys: &[String],
) -> QueryResult<Committed<Answer>> {
    let statement = Change {
        callback,
        transaction_id,
        actor: callback.create.caller.actor(),
        confirmed_later: !standbys.is_empty(),
    };
    let row: Option<Locked> = match Run(&statement).get_result(connection).optional() {
        Err(error) if is_of_an_earlier_attempt(&error) => None,
        row => row?,
    };
    let value = match row {
        Some(Locked {
            changed: true,
            stored,
        }) => received(stored, How::Changed),
        Some(Locked { stored, .. }) => received(stored, How::Unchanged),
        // Nothing was changed. What is read now is answered as the outcome of a write, so it must be as durable as one.
        None => {
            prove_and_see(connection)?;
            earlier(connection, callback)?.unwrap_or(Err(Error::LostRace))
        }
    };
    let copies = copies(connection, standbys)?;
    Ok(Committed { value, copies })
}

/// What this callback was answered before, by the receipt that it left. None: it has left none, or what the receipt tells of is gone.
fn earlier(connection: &mut PgConnection, callback: &Callback) -> QueryResult<Option<Answer>> {
    let owner = &callback.create.caller.owner;
    let found: Option<(Vec<u8>, Uuid, Option<Uuid>)> = receipts::table
        .find((owner, callback.handle()))
        .select((
            receipts::fingerprint,
            receipts::transaction_id,
            receipts::write_id,
        ))
        .first(connection)
        .optional()?;
    let Some((fingerprint, transaction_id, write_id)) = found else {
        return Ok(None);
    };
    if fingerprint != callback.create.fingerprint {
        let transaction_ids = vec![transaction_id];
        return Ok(Some(Err(Error::KeyReused { transaction_ids })));
    }
    let Some(now) = find::one(connection, owner, transaction_id)? else {
        return Ok(None);
    };
    let Some(write_id) = write_id else {
        return Ok(Some(received(now, How::Unchanged)));
    };
    let event = history::of_write(connection, owner, transaction_id, write_id)?;
    let how = if write_id == callback.write_id {
        How::Changed
    } else {
        How::ChangedBefore
    };
    Ok(event.map(|event| received(now.as_of(write_id, event), how)))
}

fn is_of_an_earlier_attempt(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
        if matches!(info.constraint_name(), Some("callback_receipts_pkey" | "transaction_events_write_key")))
}
