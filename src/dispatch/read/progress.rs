//! One read, from its first look for a node to its answer.

use std::time::{Duration, Instant};

use super::super::Error;
use super::super::attempt::Answered;
use super::candidates::is_fresh;
use crate::ledger::ask::consistency::Consistency;

/// One read under way.
pub(super) struct ReadProgress<'c> {
    pub consistency: &'c Consistency,
    pub max_staleness: Option<Duration>,
    /// Until then a node is looked for.
    pub deadline: Instant,
    /// Until then the one that was found may answer.
    pub until: Instant,
    /// What a replica said is absent ([`Error::Absent`]).
    pub absent: Option<Error>,
    /// How many nodes were too busy in this round.
    pub busy: usize,
    /// In some round a node failed for another reason than being too busy.
    pub other_reason: bool,
}

impl ReadProgress<'_> {
    /// At most as long as an answer may take.
    pub async fn pause(&self, pause: Duration) {
        let end = (Instant::now() + pause).min(self.until);
        tokio::time::sleep_until(end.into()).await;
    }

    /// Not every state will do, as it does for a default read without a limit of its age.
    pub fn bounds_age(&self) -> bool {
        *self.consistency != Consistency::Eventual || self.max_staleness.is_some()
    }

    /// The answer is too old now, although its node was fresh enough when it was chosen.
    pub fn is_too_old<A>(&self, answered: &Answered<A>) -> bool {
        let max = self.max_staleness;
        max.is_some_and(|max| !is_fresh(answered.staleness, max))
    }

    pub fn no_node(&self) -> Error {
        if self.busy > 0 && !self.other_reason {
            Error::Overloaded
        } else if self.bounds_age() {
            Error::ConsistencyUnavailable
        } else {
            Error::ReadUnavailable
        }
    }
}
