//! What a request asks of the way to its answer.

use std::time::Duration;

use super::{Dispatch, Error};
use crate::db::Candidate;

/// The client's own limits; without one those of the service hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// A read shows a state that is at most so old.
    ///
    /// For example 500 ms: at t = 0 s a probe saw that a replica had all that the primary had. At t = 0.4 s it may answer. At t = 0.6 s,
    /// had no other probe been answered, nobody would know, and the primary would be asked, though it were far away.
    ///
    /// The primary proves its answer by a commit, as for a strong read. A replica's freshness is what its primary and it said to the last
    /// probes: where both were cut off from the rest, and another node was promoted there, it is wrong until the service hears of that.
    pub max_staleness: Option<Duration>,
    /// The answer is there by then. What could not be done in time is not begun.
    pub deadline: Option<Duration>,
}

/// Which of them nobody could keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Staleness,
    Deadline,
}

impl Dispatch {
    /// No answer is newer, and none is there earlier, than the way to the node takes.
    pub(super) fn refuse_the_impossible(
        &self,
        bounds: Bounds,
        nearest: impl FnOnce() -> Option<Candidate>,
    ) -> Result<(), Error> {
        let primary = || self.context.databases.primary_now();
        below_round_trip(Bound::Deadline, bounds.deadline, nearest)?;
        below_round_trip(Bound::Staleness, bounds.max_staleness, primary)
    }
}

/// Few requests are bounded: the node is looked for only where one is.
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
