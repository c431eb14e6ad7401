//! A create: a draft, and what makes it repeatable.

use uuid::Uuid;

use super::caller::Caller;
use super::draft::Draft;
use super::fingerprint::fingerprint;
use super::key::IdempotencyKey;

/// A request to create one transaction, good for any number of attempts.
///
/// It has at least one *handle*, by which a repetition is recognised: the idempotency key, or the anchor's id. The transaction's id is made
/// here, before the first attempt: an attempt that finds this id under the handle knows that an earlier attempt of this very request
/// committed.
#[derive(Debug, Clone)]
pub struct Create {
    pub id: Uuid,
    pub draft: Draft,
    pub key: Option<IdempotencyKey>,
    /// Its place among the creates that share its key: 0 for a single create, 0 to n-1 in a batch.
    pub item: i16,
    pub fingerprint: [u8; 32],
    pub caller: Caller,
    /// The length of the request's body.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a create needs an idempotency key or an anchor_transaction_id")]
pub struct NoHandle;

impl Create {
    pub fn new(
        draft: Draft,
        key: Option<IdempotencyKey>,
        caller: Caller,
        bytes: usize,
    ) -> Result<Create, NoHandle> {
        if key.is_none() && draft.anchor_transaction_id.is_none() {
            return Err(NoHandle);
        }
        Ok(Create {
            id: Uuid::now_v7(),
            fingerprint: fingerprint("POST", "/transactions", std::slice::from_ref(&draft)),
            draft,
            key,
            item: 0,
            caller,
            bytes,
        })
    }
}
