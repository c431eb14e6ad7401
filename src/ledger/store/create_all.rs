//! The creates of a batch, all of them or none.
//!
//! One plain INSERT stores them. If a handle exists already, it fails as a whole, and the same lookup as for single creates tells what was
//! in the way: the key, used by this very batch or by another request, or the anchor id of an item.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::create::{How, key_reused, new_transaction};
use super::durability::{Committed, copies};
use super::insert_all::insert_all;
use super::lookup::{Existing, look_up};
use crate::ledger::Error;
use crate::ledger::ask::batch::Batch;
use crate::ledger::ask::create::Create;
use crate::ledger::model::transaction::Transaction;

#[derive(Debug, PartialEq)]
pub struct CreatedAll {
    /// In the order of the batch.
    pub transactions: Vec<Transaction>,
    /// `New` or `Replay`: a batch never answers with a transaction that was there before.
    pub how: How,
}

pub type Answer = Result<CreatedAll, Error>;

/// Stores a batch. It may be repeated as often as one likes, on any verified primary.
pub fn create_all(
    connection: &mut PgConnection,
    owner: &str,
    batch: &Batch,
    standbys: &[String],
) -> QueryResult<Committed<Answer>> {
    let confirmed_later = !standbys.is_empty();
    let value = match insert_all(connection, owner, batch, confirmed_later) {
        Ok(at) => {
            let new = batch.creates().iter();
            let transactions = new.map(|create| new_transaction(create, at)).collect();
            Ok(CreatedAll {
                transactions,
                how: How::New,
            })
        }
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            answer_from_what_is_there(connection, owner, batch, confirmed_later)?
        }
        Err(error) => return Err(error),
    };
    let copies = copies(connection, standbys)?;
    Ok(Committed { value, copies })
}

fn answer_from_what_is_there(
    connection: &mut PgConnection,
    owner: &str,
    batch: &Batch,
    confirmed_later: bool,
) -> QueryResult<Answer> {
    let creates: Vec<&Create> = batch.creates().iter().collect();
    let mut met = look_up(connection, owner, &creates, confirmed_later)?;
    met.sort_by_key(|met| met.place);
    let (by_key, by_anchor): (Vec<Existing>, Vec<Existing>) =
        met.into_iter().partition(|met| met.by_key);
    Ok(match (by_key.first(), by_anchor.first()) {
        (Some(first), _) if first.fingerprint.as_deref() != Some(&batch.fingerprint()[..]) => {
            Err(key_reused(connection, owner, batch.key().as_str())?)
        }
        (Some(first), _) => {
            let mine = first.transaction.id == batch.creates()[0].id;
            let as_created = |met: Existing| met.transaction.as_created(met.first_callback_status);
            Ok(CreatedAll {
                how: if mine { How::New } else { How::Replay },
                transactions: by_key.into_iter().map(as_created).collect(),
            })
        }
        (None, Some(first)) => Err(Error::KnownInBatch {
            index: usize::try_from(first.place - 1).unwrap_or(0),
            existing_id: first.transaction.id,
        }),
        (None, None) => Err(Error::LostRace),
    })
}
