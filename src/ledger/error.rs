use uuid::Uuid;

/// What a request to the ledger means; the database's own failures pass through unjudged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the idempotency key stands for another request")]
    KeyReused { transaction_ids: Vec<Uuid> },
    #[error("another request made this change while this one was under way")]
    LostRace,
    #[error("transaction {index} of the request exists with other fields")]
    AnchorConflict {
        index: usize,
        existing_id: Uuid,
        conflicting_fields: Vec<String>,
    },
    #[error("no such transaction")]
    NotFound,
    #[error("the stored version is {current}")]
    VersionMismatch { current: i32, lasting: bool },
    #[error("a transaction that is {from} cannot become {to}")]
    InvalidTransition { from: String, to: &'static str },
    #[error("a write named by a consistency token is not here")]
    TokenNotVisible,
    #[error("the commit would not wait for a standby")]
    NotReplicated,
    /// Stored on this primary, but replication was switched off while the commit waited for it.
    #[error("the commit was to wait for a standby, and did not")]
    Unconfirmed,
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}

impl Error {
    /// The answer will be the same for ever: not even a repeat of the same request that arrives late can be accepted.
    pub fn is_lasting(&self) -> bool {
        match self {
            Error::VersionMismatch { lasting, .. } => *lasting,
            Error::NotReplicated | Error::Unconfirmed | Error::LostRace => false,
            _ => true,
        }
    }
}
