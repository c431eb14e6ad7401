//! Creates, none of which is applied twice.
//!
//! A create is one row, with its handles in it, so one plain INSERT is atomic, and the unique indexes decide. A create that it skips has
//! met a handle that exists already; a second statement, which commits too, looks up whose. There is no "processing" state and nothing to
//! clean up: when an attempt's answer is lost, the same create is sent again, and finds either nothing (it is stored now) or its own id.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use uuid::Uuid;

use super::durability::{Committed, Copies, copies as confirmed_by};
pub use super::insert::MAX_BATCH;
use super::insert::insert;
use super::insert_confirmed::{Stored, insert_confirmed};
use super::lookup::{Existing, look_up};
use crate::ledger::Error;
use crate::ledger::ask::create::Create;
use crate::ledger::ask::draft::Draft;
use crate::ledger::model::metadata::Metadata;
use crate::ledger::model::status::Status;
use crate::ledger::model::transaction::Transaction;
use crate::schema::transactions;

#[derive(Debug, PartialEq)]
pub struct Created {
    pub transaction: Transaction,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Stored by this request, in this attempt or an earlier one.
    New,
    /// An earlier request had the same key: this is its answer, again.
    Replay,
    /// A transaction with the same anchor id, and the same fields, was there already.
    Known,
}

impl How {
    /// Whether the answer tells of what an earlier request stored, and this one stored nothing.
    pub fn is_replay(self) -> bool {
        self != How::New
    }
}

pub type Answer = Result<Created, Error>;

/// Stores creates of one owner, at most [`MAX_BATCH`], each on its own: one that is refused changes nothing for the others. The answers are
/// in the order of the creates. It may be repeated as often as one likes, on any verified primary.
pub fn create(
    connection: &mut PgConnection,
    owner: &str,
    creates: &[&Create],
    standbys: &[String],
) -> QueryResult<Committed<Vec<Answer>>> {
    let Stored { at: stored, copies } = if standbys.is_empty() {
        let at = insert(connection, owner, creates)?;
        let copies = Some(Copies::NONE);
        Stored { at, copies }
    } else {
        insert_confirmed(connection, owner, creates, standbys)?
    };
    let skipped: Vec<&Create> = creates
        .iter()
        .filter(|create| !stored.contains_key(&create.id))
        .copied()
        .collect();
    let mut met = HashMap::new();
    if !skipped.is_empty() {
        let confirmed_later = !standbys.is_empty();
        match answer_from_what_is_there(connection, owner, &skipped, confirmed_later) {
            Ok(answers) => met = answers,
            // The others are stored, and must be answered so. Those that were skipped are answered `LostRace`, and sent again.
            Err(error) if !stored.is_empty() => {
                log::debug!(error:%; "what creates have met could not be looked up");
            }
            Err(error) => return Err(error),
        }
    }
    let answers = creates.iter().map(|create| match stored.get(&create.id) {
        Some(at) => Ok(Created {
            transaction: new_transaction(create, *at),
            how: How::New,
        }),
        None => met.remove(&create.id).unwrap_or(Err(Error::LostRace)),
    });
    let value = answers.collect();
    let copies = match copies {
        Some(copies) => copies,
        None => confirmed_by(connection, standbys)?,
    };
    Ok(Committed { value, copies })
}

pub(super) fn new_transaction(create: &Create, at: DateTime<Utc>) -> Transaction {
    let Draft {
        stellar_account,
        amount,
        asset_code,
        callback_type,
        callback_status,
        anchor_transaction_id,
        memo,
        metadata,
    } = create.draft.clone();
    let (memo, memo_type) = memo
        .map(|memo| (memo.value, memo.kind.as_str().to_owned()))
        .unzip();
    Transaction {
        id: create.id,
        stellar_account,
        amount: amount.as_decimal(),
        asset_code,
        callback_type,
        callback_status,
        anchor_transaction_id,
        memo,
        memo_type,
        metadata,
        status: Status::Pending,
        status_reason: None,
        version: 1,
        write_id: create.id,
        created_at: at,
        updated_at: at,
    }
}

/// The answers of those that insert.sql skipped, by their ids. One that is missing has met a row that is gone again.
fn answer_from_what_is_there(
    connection: &mut PgConnection,
    owner: &str,
    skipped: &[&Create],
    confirmed_later: bool,
) -> QueryResult<HashMap<Uuid, Answer>> {
    let found = look_up(connection, owner, skipped, confirmed_later)?;
    let mut answers = HashMap::new();
    // The row with the key decides; only if there is none, the one with the anchor id counts.
    for (by_key, place, met) in sorted_by_key_first(found) {
        let Some(create) = skipped.get(place) else {
            continue;
        };
        if let Entry::Vacant(answer) = answers.entry(create.id) {
            answer.insert(if by_key {
                met_by_key(connection, owner, create, met)?
            } else {
                met_by_anchor(create, met)
            });
        }
    }
    Ok(answers)
}

fn sorted_by_key_first(mut found: Vec<Existing>) -> impl Iterator<Item = (bool, usize, Existing)> {
    found.sort_by_key(|met| !met.by_key);
    let place = |met: &Existing| usize::try_from(met.place - 1).unwrap_or(usize::MAX);
    found
        .into_iter()
        .map(move |met| (met.by_key, place(&met), met))
}

pub(super) fn met_by_key(
    connection: &mut PgConnection,
    owner: &str,
    create: &Create,
    met: Existing,
) -> QueryResult<Answer> {
    let mine = met.transaction.id == create.id;
    if !mine && met.fingerprint.as_deref() != Some(&create.fingerprint[..]) {
        let key = create.key.as_ref().map_or("", |key| key.as_str());
        return Ok(Err(key_reused(connection, owner, key)?));
    }
    Ok(Ok(Created {
        transaction: met.transaction.as_created(met.first_callback_status),
        how: if mine { How::New } else { How::Replay },
    }))
}

/// The refusal of a key that stands for another request, with all transactions of that request.
pub(super) fn key_reused(
    connection: &mut PgConnection,
    owner: &str,
    key: &str,
) -> QueryResult<Error> {
    let transaction_ids = transactions::table
        .filter(transactions::owner.eq(owner))
        .filter(transactions::idempotency_key.eq(key))
        .order(transactions::item)
        .select(transactions::id)
        .load(connection)?;
    Ok(Error::KeyReused { transaction_ids })
}

fn met_by_anchor(create: &Create, met: Existing) -> Answer {
    if met.transaction.id == create.id {
        return Ok(Created {
            transaction: met.transaction.as_created(met.first_callback_status),
            how: How::New,
        });
    }
    let conflicting_fields = conflicting_fields(&create.draft, &met.transaction);
    if conflicting_fields.is_empty() {
        return Ok(Created {
            transaction: met.transaction,
            how: How::Known,
        });
    }
    Err(Error::AnchorConflict {
        existing_id: met.transaction.id,
        conflicting_fields,
    })
}

/// The fields in which they differ, of those that no later write changes.
pub(super) fn conflicting_fields(asked: &Draft, stored: &Transaction) -> Vec<&'static str> {
    let memo = asked.memo.as_ref();
    let metadata = |metadata: &Option<Metadata>| metadata.as_ref().map(Metadata::canonical);
    let table = [
        (
            "stellar_account",
            asked.stellar_account == stored.stellar_account,
        ),
        ("amount", asked.amount.as_decimal() == stored.amount),
        ("asset_code", asked.asset_code == stored.asset_code),
        ("callback_type", asked.callback_type == stored.callback_type),
        ("memo", memo.map(|memo| &memo.value) == stored.memo.as_ref()),
        (
            "memo_type",
            memo.map(|memo| memo.kind.as_str()) == stored.memo_type.as_deref(),
        ),
        (
            "metadata",
            metadata(&asked.metadata) == metadata(&stored.metadata),
        ),
    ];
    let differ = table.into_iter().filter(|(_, same)| !same);
    differ.map(|(name, _)| name).collect()
}
