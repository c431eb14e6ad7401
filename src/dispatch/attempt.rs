//! The result of one attempt.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use super::Error;
use crate::db::error::Error as DbError;
use crate::db::role::DbRole;
use crate::db::status::WhyRefused;
use crate::ledger;

/// Why an attempt gave no answer to a job.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There is no place in the queue. Not sent.
    Full,
    /// The job's own deadline has passed.
    OutOfTime { sent: bool },
    /// The node went down while the job waited for its turn, or for its answer.
    NodeDown { sent: bool },
    /// The statement took too long, and its thread was given up. Sent.
    NoAnswer,
    /// Writes are refused now, so there is no primary to wait for. Not sent.
    WritesRefused(WhyRefused),
    /// The statement that it shared with others failed as a whole and was rolled back. The job is tried again in a statement of its own.
    Apart,
    /// Its own statement failed, or the connection or the node did, for all jobs of a statement alike.
    Database(DbError),
    /// A bug. It may have been sent.
    Panicked,
}

/// An answer, and what is known of the node that gave it.
#[derive(Debug)]
pub struct Answered<A> {
    pub answer: Result<A, ledger::Error>,
    pub origin: Origin,
    /// The state that it shows is at most this old. None: unknown.
    pub staleness: Option<Duration>,
    pub settled_until: Option<DateTime<Utc>>,
    pub durability: Durability,
    /// When it came, no other primary had been seen, the node was still what it had been judged to be, and it is known which standbys have
    /// the commit: at least one, where a standby must have it ([`super::answering`]).
    pub counts: bool,
}

/// The node that has answered, as it was then.
#[derive(Clone, Debug)]
pub struct Origin {
    pub role: DbRole,
    pub region: Option<Arc<str>>,
    /// From a replica; from a primary if it is not known that it still is one, and the answer may be too old therefore. None: nothing is
    /// missing, or it is unknown.
    pub lag_ms: Option<u64>,
}

/// Which servers are known to have a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The primary; no standby is known to have it.
    Local,
    /// A standby that counts, as well as the primary.
    Replicated {
        /// With `durability.require = region` only: the primary's region, and those of the standbys that are known to have it.
        regions: Option<Arc<str>>,
    },
}

pub type Reply<A> = Result<Answered<A>, Failure>;

/// The error of a reply that is no answer: what the database said, or that there is a bug.
pub(super) fn internal<A>(reply: &Reply<A>) -> Error {
    match reply {
        Err(Failure::Database(error)) => Error::Internal(error.to_string()),
        _ => Error::Internal("a blocking thread panicked".into()),
    }
}

/// A failure where the table has said that there is an answer: a bug.
pub(super) fn no_answer(failure: &Failure) -> Error {
    Error::Internal(format!("an answer that is none: {failure:?}"))
}

/// Sending fails only if the client has gone away.
pub(super) fn fail<A>(replies: Vec<oneshot::Sender<Reply<A>>>, failure: &Failure) {
    for reply in replies {
        drop(reply.send(Err(failure.clone())));
    }
}
