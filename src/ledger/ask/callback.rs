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
/// Its handle is the webhook's id. It creates a transaction, or changes the `callback_status` of one that is known by its
/// `anchor_transaction_id`; so there are two ids that are made before the first attempt, one for each: whoever finds one of them knows
/// that an earlier attempt of this very request committed.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The transaction as it would be made.
    pub create: Create,
    /// The change that it would be.
    pub write_id: Uuid,
    /// When the anchor said so: what was said later counts.
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
