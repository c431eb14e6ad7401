//! How far a replica is behind, in time.
//!
//! `now() - pg_last_xact_replay_timestamp()` grows on an idle primary, and a stalled receiver looks caught up to itself. So positions
//! are compared: a replica is as late as the oldest position of the primary that it has not replayed yet.

use super::super::probe::Facts;
use super::super::role::DbRole;
use std::collections::VecDeque;
use std::time::Instant;

const KEPT: usize = 256;

#[derive(Default)]
pub struct PrimaryPositions {
    timeline: Option<i32>,
    /// When there was a primary last.
    last_seen: Option<Instant>,
    before: Option<i64>,
    /// (when, insert position) of the primary, ascending.
    seen: VecDeque<(Instant, i64)>,
}

impl PrimaryPositions {
    pub fn record(&mut self, primary: Option<&Facts>, now: Instant) {
        let Some(primary) = primary else { return };
        if self.timeline != primary.timeline {
            *self = PrimaryPositions {
                timeline: primary.timeline,
                before: self.seen.back().map(|(_, lsn)| *lsn),
                ..PrimaryPositions::default()
            };
        }
        self.last_seen = Some(now);
        if self.seen.back().is_some_and(|(_, lsn)| *lsn >= primary.lsn) {
            return;
        }
        if self.seen.len() == KEPT {
            // Thinned out rather than cut off: an old position says how long a standstill has lasted.
            let mut keep = false;
            self.seen.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.seen.push_back((now, primary.lsn));
    }

    /// Where the primary of the timeline before this one was last.
    pub fn of_the_last_timeline(&self) -> Option<i64> {
        self.before
    }

    /// Where no primary was ever seen, the replica's own estimate is all there is. None: unknown.
    pub fn lag_ms(&self, facts: &Facts, now: Instant) -> Option<u64> {
        if facts.role == DbRole::Primary {
            return Some(0);
        }
        let own_estimate = facts.lag_ms.map(|ms| u64::try_from(ms).unwrap_or(0));
        let follows_primary = facts
            .timeline
            .is_none_or(|timeline| Some(timeline) == self.timeline);
        if self.seen.is_empty() || !follows_primary {
            // On the old branch its position means nothing; it is late at least since the new one was seen.
            let since_switch = self.seen.front().map(|(at, _)| millis(now - *at));
            return own_estimate.max(since_switch);
        }
        match self.seen.iter().position(|(_, lsn)| *lsn > facts.lsn) {
            // Nothing is missing of what the primary had when it was seen last.
            None => Some(self.last_seen.map_or(0, |at| millis(now - at))),
            // It missed something before this monitor looked.
            Some(0) => own_estimate.max(Some(millis(now - self.seen[0].0))),
            Some(first) => Some(millis(now - self.seen[first].0)),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::super::probe::tests::{primary, standby};
    use super::*;
    use std::time::Duration;

    fn at(lsn: i64, facts: Facts) -> Facts {
        Facts { lsn, ..facts }
    }

    fn positions(start: Instant, seen: &[(u64, i64)]) -> PrimaryPositions {
        let mut positions = PrimaryPositions::default();
        for (seconds, lsn) in seen {
            positions.record(
                Some(&at(*lsn, primary(1, 1))),
                start + Duration::from_secs(*seconds),
            );
        }
        positions
    }

    #[test]
    fn a_replica_that_replayed_the_last_position_does_not_lag_however_long_the_primary_is_idle() {
        let start = Instant::now();
        let idle = Facts {
            lag_ms: Some(3_600_000),
            ..at(20, standby(1, 1))
        };
        let positions = positions(start, &[(0, 10), (1, 20), (60, 20)]);
        assert_eq!(
            positions.lag_ms(&idle, start + Duration::from_secs(60)),
            Some(0)
        );
        assert_eq!(
            positions.lag_ms(&idle, start + Duration::from_secs(90)),
            Some(30_000),
            "once the primary is gone"
        );
    }

    #[test]
    fn a_replica_lags_since_the_oldest_position_that_it_misses() {
        let start = Instant::now();
        let stalled = Facts {
            lag_ms: Some(0),
            ..at(10, standby(1, 1))
        };
        let positions = positions(start, &[(0, 10), (1, 20), (2, 30)]);
        assert_eq!(
            positions.lag_ms(&stalled, start + Duration::from_secs(9)),
            Some(8000)
        );
    }

    #[test]
    fn a_replica_that_stalled_before_the_service_started_is_not_taken_for_a_fresh_one() {
        let start = Instant::now();
        let stalled = Facts {
            lag_ms: Some(3_600_000),
            ..at(5, standby(1, 1))
        };
        assert_eq!(
            positions(start, &[(0, 10)]).lag_ms(&stalled, start + Duration::from_millis(80)),
            Some(3_600_000)
        );
    }

    #[test]
    fn a_replica_of_the_old_timeline_falls_behind_from_the_switch_on() {
        let start = Instant::now();
        let old_branch = Facts {
            lag_ms: Some(0),
            ..at(99, standby(1, 0))
        };
        let positions = positions(start, &[(0, 10)]);
        assert_eq!(
            positions.lag_ms(&old_branch, start + Duration::from_secs(7)),
            Some(7000)
        );
    }

    #[test]
    fn where_no_primary_was_seen_the_replicas_own_estimate_counts() {
        let positions = PrimaryPositions::default();
        assert_eq!(
            positions.lag_ms(
                &Facts {
                    lag_ms: Some(77),
                    ..standby(1, 1)
                },
                Instant::now()
            ),
            Some(77)
        );
        assert_eq!(
            positions.lag_ms(
                &Facts {
                    lag_ms: None,
                    ..standby(1, 1)
                },
                Instant::now()
            ),
            None
        );
    }
}
