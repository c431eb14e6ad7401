//! How far a replica is behind, in time, and up to when what it shows is settled.
//!
//! `now() - pg_last_xact_replay_timestamp()` grows on an idle primary, and a stalled receiver looks caught up to itself. So positions
//! are compared: a replica is as late as the oldest position of the primary that it has not replayed yet.
//!
//! For example: at t = 1 s a transaction begins on the primary; it waits. At t = 2 s another one stores a row and commits, and a probe
//! sees position 70 and the open transaction: settled is what was begun before 1 s, there and on each replica that has replayed 70. At
//! t = 3 s the first one stores a row *of 1 s* and commits: whoever had read up to the row of 2 s would have passed it by.

use super::super::probe::Facts;
use super::super::role::DbRole;
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use std::time::Instant;

const KEPT: usize = 256;

#[derive(Default)]
pub struct PrimaryPositions {
    timeline: Option<i32>,
    /// When there was a primary last.
    last_seen: Option<Instant>,
    before: Option<i64>,
    /// Of the primary, ascending.
    seen: VecDeque<Position>,
}

struct Position {
    /// When it was seen first.
    at: Instant,
    lsn: i64,
    /// As it was seen there last.
    settled_until: Option<DateTime<Utc>>,
}

impl PrimaryPositions {
    pub fn record(&mut self, primary: Option<&Facts>, now: Instant) {
        let Some(primary) = primary else { return };
        if self.timeline != primary.timeline {
            *self = PrimaryPositions {
                timeline: primary.timeline,
                before: self.seen.back().map(|position| position.lsn),
                ..PrimaryPositions::default()
            };
        }
        self.last_seen = Some(now);
        if let Some(last) = self.seen.back_mut().filter(|last| last.lsn >= primary.lsn) {
            if last.lsn == primary.lsn {
                last.settled_until = primary.settled_until.or(last.settled_until);
            }
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
        self.seen.push_back(Position {
            at: now,
            lsn: primary.lsn,
            settled_until: primary.settled_until,
        });
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
        if self.seen.is_empty() || !self.is_of_this_timeline(facts) {
            // On the old branch its position means nothing; it is late at least since the new one was seen.
            let since_switch = self.seen.front().map(|first| millis(now - first.at));
            return own_estimate.max(since_switch);
        }
        match self.seen.iter().position(|seen| seen.lsn > facts.lsn) {
            // Nothing is missing of what the primary had when it was seen last.
            None => Some(self.last_seen.map_or(0, |at| millis(now - at))),
            // It missed something before this monitor looked.
            Some(0) => own_estimate.max(Some(millis(now - self.seen[0].at))),
            Some(first) => Some(millis(now - self.seen[first].at)),
        }
    }

    /// Up to when what this node shows is settled: each transaction of the primary that began before has ended, and what it committed
    /// has been replayed here. Rows are stored with a time after the beginning of their transaction, so none with an earlier one can
    /// appear any more. None: unknown.
    ///
    /// It never becomes wrong, only old. So it may be told by what was seen at the last probe.
    pub fn settled_until(&self, facts: &Facts) -> Option<DateTime<Utc>> {
        if facts.role == DbRole::Primary {
            return facts.settled_until;
        }
        let mut replayed = self.seen.iter().rev().filter(|seen| seen.lsn <= facts.lsn);
        let newest = replayed.find_map(|seen| seen.settled_until);
        newest.filter(|_| self.is_of_this_timeline(facts))
    }

    fn is_of_this_timeline(&self, facts: &Facts) -> bool {
        facts
            .timeline
            .is_none_or(|timeline| Some(timeline) == self.timeline)
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
    fn a_replica_is_settled_up_to_what_the_primary_said_at_the_last_position_that_it_has_replayed()
    {
        let time = |seconds| DateTime::from_timestamp(seconds, 0);
        let mut positions = PrimaryPositions::default();
        let mut says = |lsn, settled_until| {
            let said = Facts {
                settled_until,
                ..at(lsn, primary(1, 1))
            };
            positions.record(Some(&said), Instant::now());
            assert_eq!(positions.settled_until(&said), settled_until);
            let at_replica = |lsn| positions.settled_until(&at(lsn, standby(1, 1)));
            [9, 10, 20, 30].map(at_replica)
        };
        assert_eq!(says(10, time(1)), [None, time(1), time(1), time(1)]);
        assert_eq!(says(20, time(2)), [None, time(1), time(2), time(2)]);
        assert_eq!(says(20, time(3)), [None, time(1), time(3), time(3)]);
        assert_eq!(says(30, None), [None, time(1), time(3), time(3)]);
        assert_eq!(says(30, time(5)), [None, time(1), time(3), time(5)]);
        let old_branch = at(99, standby(1, 0));
        assert_eq!(positions.settled_until(&old_branch), None);
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
