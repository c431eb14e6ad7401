//! A callback: what an anchor says of a transaction.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::caller::Caller;
use super::create::Create;
use super::draft::Draft;
use super::fingerprint::fingerprint;
use super::key::IdempotencyKey;

/// A request to store what an anchor says, good for any number of attempts.
///
/// Its handle is the webhook's id. It creates a transaction, or changes the `callback_status` of the one that has its
/// `anchor_transaction_id`. So two ids are made before the first attempt, one for each case: an attempt that finds one of them knows that
/// an earlier attempt of this very request committed.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The transaction, if it is created.
    pub create: Create,
    /// The identity of the change, if the transaction is known.
    pub write_id: Uuid,
    /// When the anchor said so: of two callbacks the one that was said later counts.
    pub said_at: DateTime<Utc>,
}

impl Callback {
    pub fn new(
        draft: Draft,
        webhook_id: &str,
        said_at: DateTime<Utc>,
        caller: Caller,
        bytes: usize,
    ) -> Callback {
        let fingerprint = fingerprint("POST", "/callback", std::slice::from_ref(&draft));
        Callback {
            create: Create {
                id: Uuid::now_v7(),
                draft,
                key: Some(IdempotencyKey::of_callback(webhook_id)),
                item: 0,
                fingerprint,
                caller,
                bytes,
            },
            write_id: Uuid::now_v7(),
            said_at,
        }
    }

    pub fn handle(&self) -> &str {
        self.create.key.as_ref().map_or("", |key| key.as_str())
    }
}
