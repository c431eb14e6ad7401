//! Which nodes may answer a read, best first, and how long to wait for one that lacks a token's write.

use std::time::{Duration, Instant};

use super::super::Dispatch;
use crate::db::Candidate;
use crate::ledger::ask::consistency::Consistency;

impl Dispatch {
    pub(in crate::dispatch) fn candidates(
        &self,
        consistency: &Consistency,
        one_history: bool,
    ) -> Vec<Candidate> {
        let databases = &self.context.databases;
        if consistency.is_strong() {
            return databases.primary_now().into_iter().collect();
        }
        let mut candidates = databases.read_candidates();
        if one_history || *consistency != Consistency::Eventual {
            candidates.retain(Candidate::is_of_the_history);
        }
        candidates
    }

    pub(super) fn is_any_good_enough(&self, candidates: &[Candidate]) -> bool {
        let databases = &self.context.databases;
        candidates
            .iter()
            .any(|candidate| databases.is_good_enough(candidate))
    }

    pub(super) fn retain_fresh(candidates: &mut Vec<Candidate>, max_staleness: Duration) {
        candidates.retain(|candidate| {
            candidate.is_of_the_history() && is_fresh(candidate.staleness(), max_staleness)
        });
    }

    /// How long it is worth waiting for a token's write on this node: as long as the primary's round trip exceeds this node's. A read that
    /// waits in vain loses no more time than that, and not the time that the primary needs to answer `until` then. Zero without a primary, and
    /// where this node's lag is unknown or too great for the write to arrive in that time.
    pub(super) fn worth_waiting(&self, candidate: &Candidate, until: Instant) -> Duration {
        let Some(primary) = self.context.databases.primary_now() else {
            return Duration::ZERO;
        };
        let detour = primary.rtt.saturating_sub(candidate.rtt);
        let far_behind =
            |ms| Duration::from_millis(ms) > detour + self.context.databases.probe_interval();
        if candidate.lag_ms.is_none_or(far_behind) {
            return Duration::ZERO;
        }
        let to_spare = until.saturating_duration_since(Instant::now());
        detour.min(to_spare.saturating_sub(primary.rtt))
    }
}

pub(super) fn is_fresh(staleness: Option<Duration>, max: Duration) -> bool {
    staleness.is_some_and(|staleness| staleness <= max)
}
