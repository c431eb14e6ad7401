use uuid::Uuid;

use super::model::status::Status;
use super::model::write::Write;

/// Why the ledger did not do, or did not find, what was asked for. Failures of the database are not among these: a statement that fails
/// returns Diesel's error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the idempotency key stands for another request")]
    KeyReused { transaction_ids: Vec<Uuid> },
    #[error("the anchor_transaction_id stands for a transaction with other fields")]
    AnchorConflict {
        existing_id: Uuid,
        conflicting_fields: Vec<&'static str>,
    },
    /// A batch stores all of its items or none, so none of them may be a transaction that exists already.
    #[error("the anchor_transaction_id of item {index} is known already")]
    KnownInBatch { index: usize, existing_id: Uuid },
    #[error("no such transaction")]
    NotFound,
    #[error("the stored version is {}", .current.version)]
    VersionMismatch { current: Write, lasting: bool },
    #[error("a transaction that is {from} cannot become {to}")]
    InvalidTransition {
        from: Status,
        to: Status,
        lasting: bool,
    },
    /// The row that this write met is gone, so the same request may succeed now.
    #[error("what this write met is gone again")]
    LostRace,
    #[error("a write named by a consistency token is not here")]
    TokenNotVisible,
    #[error("this server has not come as far as the page before was read")]
    Behind,
    #[error("what the page before showed was lost in a failover")]
    HistoryLost,
}

impl Error {
    /// The answer will always be the same: not even an earlier attempt of the same request that still hangs somewhere, and runs later, can
    /// succeed.
    pub fn is_lasting(&self) -> bool {
        match self {
            Error::VersionMismatch { lasting, .. } | Error::InvalidTransition { lasting, .. } => {
                *lasting
            }
            Error::KeyReused { .. }
            | Error::AnchorConflict { .. }
            | Error::KnownInBatch { .. }
            | Error::NotFound => true,
            Error::LostRace | Error::TokenNotVisible | Error::Behind | Error::HistoryLost => false,
        }
    }
}
