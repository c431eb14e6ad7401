//! Notices when another node, or another timeline, takes over the writes, and how long there was no primary.

use super::super::Shared;
use super::super::cause::Cause;
use super::super::conclusions::Writes;
use super::super::node::NodeState;
use super::super::status::Failover;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const KEPT: usize = 20;

pub struct FailoverLog {
    shared: Arc<Shared>,
    last: Option<(usize, i32)>,
    lost: Option<(Instant, Cause)>,
    open: Option<Gap>,
}

/// A time without a primary, which ends with the next write that is acknowledged.
struct Gap {
    since: Instant,
    /// There was a primary before it: waiting for the first one is no gap.
    interrupts: bool,
    /// A failover was listed for it.
    listed: bool,
}

impl FailoverLog {
    pub fn new(shared: Arc<Shared>) -> FailoverLog {
        FailoverLog {
            shared,
            last: None,
            lost: None,
            open: None,
        }
    }

    /// Where writes went last.
    pub fn last(&self) -> Option<(usize, i32)> {
        self.last
    }

    /// How long writes have been held.
    pub fn held_for(&self, now: Instant) -> Option<Duration> {
        self.lost.map(|(since, _)| now - since)
    }

    /// `waited_for`: a write waits for a primary.
    pub fn concluded(&mut self, before: Writes, writes: Writes, waited_for: bool, now: Instant) {
        match writes {
            Writes::To { node, timeline } => self.found(node, timeline, waited_for, now),
            Writes::Held(cause) => self.lost(before, cause, now),
            Writes::SplitBrain => {
                log::error!("two writable primaries: writes are refused until one of them is gone");
                self.lost(before, Cause::SplitBrain, now);
            }
        }
    }

    fn lost(&mut self, before: Writes, why_held: Cause, now: Instant) {
        let Writes::To { node, .. } = before else {
            let reason = self.lost.map_or(why_held, |(_, reason)| reason);
            self.lost.get_or_insert((now, reason));
            if before != Writes::Held(why_held) {
                log::info!(cause = why_held.code(); "writes are held: {why_held}");
            }
            return;
        };
        let state = self.shared.nodes[node].state();
        let cause = match &*state {
            NodeState::Up { .. } if why_held == Cause::NoPrimary => Cause::NoLongerPrimary,
            NodeState::Up { .. } => why_held,
            NodeState::Down { trouble, .. } | NodeState::Fenced { trouble, .. } => trouble.cause,
        };
        let name = self.shared.nodes[node].name.as_str();
        let what = match &*state {
            NodeState::Up { .. } if cause == why_held => "writes are held",
            _ => "the primary is lost, writes are held",
        };
        log::warn!(primary = name, cause = cause.code(); "{what}: {cause}");
        self.lost = Some((now, cause));
    }

    fn found(&mut self, node: usize, timeline: i32, waited_for: bool, now: Instant) {
        let to = self.shared.nodes[node].name.clone();
        let lost = self.lost.take();
        let before = self.last.replace((node, timeline));
        let write_gap = lost.map_or(Duration::ZERO, |(at, _)| now - at);
        log::info!(primary = to.as_str(), timeline, write_gap_ms = write_gap.as_millis(); "a primary is verified, writes go there");
        let from = before.filter(|before| *before != (node, timeline));
        // If no write waits, the gap is over now; otherwise it ends with the first one that is acknowledged.
        self.open = lost.filter(|_| waited_for).map(|(since, _)| Gap {
            since,
            interrupts: before.is_some(),
            listed: from.is_some(),
        });
        if self.open.is_some() {
            self.shared
                .awaits_acknowledgement
                .store(true, Ordering::Release);
        } else if before.is_some() {
            self.shared.write_gaps.observe(write_gap.as_secs_f64());
        }
        let Some((from, _)) = from else { return };
        self.shared.failover_count.add_one();
        let failover = Failover {
            at: chrono::Utc::now(),
            from: self.shared.nodes[from].name.clone(),
            to,
            timeline,
            write_gap,
            reason: lost.map_or(Cause::Promotion, |(_, cause)| cause),
        };
        let mut failovers = self.shared.failovers.lock();
        failovers.truncate(KEPT - 1);
        failovers.push_front(failover);
    }

    /// The first write since there is a primary again has been acknowledged.
    pub fn acknowledged(&mut self, at: Instant) {
        let Some(gap) = self.open.take_if(|gap| gap.since < at) else {
            return;
        };
        let (listed, interrupts) = (gap.listed, gap.interrupts);
        let gap = at - gap.since;
        if interrupts {
            self.shared.write_gaps.observe(gap.as_secs_f64());
        }
        log::info!(write_gap_ms = gap.as_millis(); "writes are acknowledged again");
        let mut failovers = self.shared.failovers.lock();
        if let Some(failover) = failovers.front_mut().filter(|_| listed) {
            failover.write_gap = gap;
        }
    }
}
