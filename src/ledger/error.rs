use uuid::Uuid;

/// What a request to the ledger means; the database's own failures pass through unjudged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the idempotency key stands for another request")]
    KeyReused { transaction_ids: Vec<Uuid> },
    #[error("another request made this change while this one was under way")]
    LostRace,
    #[error("transaction {index} of the request exists with other fields")]
    AnchorConflict { index: usize, existing_id: Uuid, conflicting_fields: Vec<String> },
    #[error("no such transaction")]
    NotFound,
    #[error("the stored version is {current}")]
    VersionMismatch { current: i32 },
    #[error("a transaction that is {from} cannot become {to}")]
    InvalidTransition { from: String, to: &'static str },
    #[error("a write named by a consistency token is not here")]
    TokenNotVisible,
    #[error("the commit would not wait for a standby")]
    NotReplicated,
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}
