use std::time::Duration;

use super::attempt::Origin;
use super::bounds::Bound;
use crate::ledger;

/// What became of a piece of work. Each variant says whether it may have been applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger refused a write.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A read did not find what it asked for.
    #[error("{error}, says the {}", .origin.role)]
    Absent {
        error: ledger::Error,
        /// A replica only while there was no primary that could have known better.
        origin: Origin,
        /// The consistency that the read asked for, and got as far as this node can tell.
        consistency: &'static str,
    },
    /// Too much is waiting already. Not applied.
    #[error("more work than can be done")]
    Overloaded,
    /// The primary lacks disk or memory. Not applied.
    #[error("no room on the primary")]
    NoRoom,
    /// The server cancelled a read that took too long.
    #[error("the query took too long")]
    TooSlow,
    /// No primary could be reached before the deadline, or within the budget of retries. Not applied.
    #[error("no primary")]
    PrimaryUnavailable,
    /// It may have been applied.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// An earlier request with the same handle has not finished. Not applied by this one.
    #[error("an earlier request is still in progress")]
    InProgress,
    /// The client asks for more than the way to the node allows. Not applied.
    #[error("the round trip takes {rtt:?}")]
    BelowRoundTrip { bound: Bound, rtt: Duration },
    #[error("no database answers")]
    ReadUnavailable,
    #[error("no database can answer consistently")]
    ConsistencyUnavailable,
    /// Not applied.
    #[error("no standby would confirm this write")]
    DurabilityUnavailable,
    /// Two primaries. Not applied.
    #[error("two primaries")]
    SplitBrain,
    /// A bug, or a schema that this version does not expect.
    #[error("{0}")]
    Internal(String),
}
