//! The limits that a client sets for its own request: how old the answer may be, and by when it must be there.

use std::time::Duration;

use super::{Dispatch, Error};
use crate::db::Candidate;

/// The highest staleness, in milliseconds, that a client or the settings (`max_replica_lag_ms`) may allow: a day.
pub const MAX_STALENESS_MS: u32 = 86_400_000;
/// The highest deadline, in milliseconds, that a client or the settings (`write_deadline_ms`) may set.
pub const MAX_DEADLINE_MS: u32 = 120_000;

/// The client's own limits. Where one is missing, the service's own rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// A read must show a state that is at most this old.
    ///
    /// For example 500 ms: at t = 0 s a probe found that a replica had everything that the primary had. At t = 0.4 s the replica may
    /// answer. At t = 0.6 s, if no later probe has confirmed it, its state may be older than 500 ms, and the primary is asked, even if it
    /// is far away.
    ///
    /// The primary proves its answer by a commit, as for a strong read. The age of a replica's state is known from what the replica and its
    /// primary answered to the last probes. If both are cut off from the other nodes, and one of those is promoted, that says too little; so
    /// where commits wait for a standby, the last one that did so counts too. With asynchronous replication nothing would tell.
    pub max_staleness: Option<Duration>,
    /// How long the request may take. A statement whose answer could not arrive in time is not sent.
    pub deadline: Option<Duration>,
}

/// Which of the client's limits cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Staleness,
    Deadline,
}

impl Dispatch {
    /// Refuses a deadline that is shorter than a round trip: no answer arrives sooner than one of the nearest node that may give it.
    pub(super) fn refuse_impossible_deadline(
        &self,
        bounds: Bounds,
        nearest: impl FnOnce() -> Option<Candidate>,
    ) -> Result<(), Error> {
        below_round_trip(Bound::Deadline, bounds.deadline, nearest)
    }

    /// Refuses a limit of age that is shorter than a round trip: no state is known to be fresher than the way to the primary takes. Only reads
    /// ask this: clients may send one set of limits with all that they ask, and a write shows the state as of now.
    pub(super) fn refuse_impossible_staleness(&self, bounds: Bounds) -> Result<(), Error> {
        let primary = || self.context.databases.primary_now();
        below_round_trip(Bound::Staleness, bounds.max_staleness, primary)
    }
}

/// Looks for the node only if there is a limit, which few requests have.
fn below_round_trip(
    bound: Bound,
    limit: Option<Duration>,
    node: impl FnOnce() -> Option<Candidate>,
) -> Result<(), Error> {
    let Some((limit, node)) = limit.and_then(|limit| Some((limit, node()?))) else {
        return Ok(());
    };
    let rtt = node.rtt;
    if limit < rtt {
        return Err(Error::BelowRoundTrip { bound, rtt });
    }
    Ok(())
}
