//! How far a replica is behind, in time, and up to when what it shows is settled.
//!
//! `now() - pg_last_xact_replay_timestamp()` grows on an idle primary, and a replica whose receiver has stalled believes that it has
//! everything. So positions are compared: a replica is as late as the oldest position of the primary that it has not replayed yet.
//!
//! *Settled* up to a time means that nothing can appear any more that was stored before it. For example: at t = 1 s a statement stores a row on
//! the primary, and its commit waits for a disk. At t = 2 s another one stores a row and commits, and a probe sees position 70 and the first
//! one under way: what was stored before 1 s is settled, there and on each replica that has replayed 70. At t = 3 s the row *of 1 s* is
//! committed. A reader who had gone on from the row of 2 s would have missed it.

use super::super::probe::{Facts, Heard};
use super::super::role::DbRole;
use chrono::{DateTime, Utc};
use std::collections::VecDeque;
use std::time::Instant;

const KEPT: usize = 256;

#[derive(Default)]
pub struct PrimaryPositions {
    timeline: Option<i32>,
    /// When a primary was seen last.
    last_seen: Option<Instant>,
    /// The last position on the timeline before this one.
    before: Option<i64>,
    /// Positions of the primary, ascending.
    seen: VecDeque<Position>,
}

struct Position {
    /// When it was seen first.
    at: Instant,
    /// When the primary was last asked and was still at this position.
    asked: Instant,
    lsn: i64,
    /// As a probe last saw it at this position.
    settled_until: Option<DateTime<Utc>>,
}

impl PrimaryPositions {
    pub fn record(&mut self, primary: Option<&Heard>, now: Instant) {
        let Some(Heard {
            facts: primary,
            asked,
        }) = primary
        else {
            return;
        };
        if self.timeline != primary.timeline {
            *self = PrimaryPositions {
                timeline: primary.timeline,
                before: self.seen.back().map(|position| position.lsn),
                ..PrimaryPositions::default()
            };
        }
        // On one timeline only a crash goes backwards: it takes back what was not on the disk yet.
        while self.seen.back().is_some_and(|last| last.lsn > primary.lsn) {
            self.seen.pop_back();
        }
        self.last_seen = Some(now);
        if let Some(last) = self.seen.back_mut().filter(|last| last.lsn == primary.lsn) {
            last.settled_until = primary.settled_until.or(last.settled_until);
            last.asked = *asked;
            return;
        }
        if self.seen.len() == KEPT {
            // Every second one is dropped, not the oldest ones: an old position shows how long a standstill has lasted.
            let mut keep = false;
            self.seen.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.seen.push_back(Position {
            at: now,
            asked: *asked,
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
        if self.seen.is_empty() || !self.is_of_this_timeline(facts) {
            // The position of a replica on another timeline means nothing here. It is late at least since this timeline was first seen.
            let since_switch = self.seen.front().map(|first| millis(now - first.at));
            return facts.own_lag_ms.max(since_switch);
        }
        match self.seen.iter().position(|seen| seen.lsn > facts.lsn) {
            // Nothing is missing of what the primary had when it was seen last.
            None => Some(self.last_seen.map_or(0, |at| millis(now - at))),
            // It lacks even the first position that was seen, so it may be later than these positions show.
            Some(0) => facts.own_lag_ms.max(Some(millis(now - self.seen[0].at))),
            Some(first) => Some(millis(now - self.seen[first].at)),
        }
    }

    /// When the primary was last asked and had nothing that this replica has not replayed: the replica shows at least the state of that
    /// time. None: unknown.
    ///
    /// For example: the primary was asked at t = 0 s, at t = 0.5 s and at t = 1 s, and was at 70, at 80 and at 80 again. A replica that
    /// said at t = 0.6 s that it is at 75 shows at least the state of t = 0 s; one that said 80, that of t = 1 s.
    pub fn as_of(&self, replica: &Facts) -> Option<Instant> {
        let mut replayed = self
            .seen
            .iter()
            .rev()
            .filter(|seen| seen.lsn <= replica.lsn);
        let newest = replayed.next().map(|seen| seen.asked);
        newest.filter(|_| self.is_of_this_timeline(replica))
    }

    /// Up to when what this node shows is settled: each statement of the primary that began before and stored a row has ended with its
    /// transaction, and what that committed has been replayed here. None: unknown.
    ///
    /// It may be taken from the last probe: it never becomes wrong, only older than it could be.
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
mod tests;
