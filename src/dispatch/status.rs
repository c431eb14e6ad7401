//! What an operator sees of the work under way: how much waits in the lanes, and what became of it since the start.

use std::sync::Arc;

use super::lane::{Lane, Pair};
use super::read::ReadLanes;
use super::rules::Target;
use super::work::Work;
use super::{Dispatch, Error, Written};
use crate::metrics::{Counter, Distribution};

/// All lanes of one kind of work.
#[derive(Clone, Debug)]
pub struct LaneStatus {
    pub name: &'static str,
    /// Jobs that no leader has taken yet.
    pub waiting: usize,
    /// How many jobs each statement took.
    pub batches: Distribution,
    /// Jobs wait here while there is no primary.
    pub holds: bool,
}

/// What became of writes, since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Writes that were in doubt, by how the doubt ended: with either outcome, or with none known.
    pub doubts_applied: Counter,
    pub doubts_not_applied: Counter,
    pub doubts_unknown: Counter,
    /// Creates and callbacks that changed nothing, and were answered with what an earlier request had stored.
    pub replays: Counter,
    /// Writes that were acknowledged although no standby had them.
    pub unreplicated: Counter,
}

impl Counts {
    pub(super) fn replayed(&self, is_replay: bool) {
        if is_replay {
            self.replays.add_one();
        }
    }

    pub(super) fn doubt_ended<A>(&self, end: &Result<Written<A>, Error>) {
        match end {
            Ok(_) => self.doubts_applied.add_one(),
            Err(Error::OutcomeUnknown) => self.doubts_unknown.add_one(),
            Err(_) => self.doubts_not_applied.add_one(),
        }
    }
}

impl Dispatch {
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn lanes(&self) -> [LaneStatus; 9] {
        [
            of_pair(&self.creating),
            of_pair(&self.creating_all),
            of_pair(&self.changing),
            of_pair(&self.calling_back),
            self.finding.status(),
            self.listing.status(),
            self.histories.status(),
            self.counting.status(),
            self.exporting.status(),
        ]
    }
}

impl<W: Work> ReadLanes<W> {
    fn status(&self) -> LaneStatus {
        let nodes = self.nodes.iter().map(of_pair);
        nodes.fold(of_pair(&self.proven), |all, node| all.and(&node))
    }
}

fn of_pair<W: Work>(pair: &Pair<W>) -> LaneStatus {
    let shared = status(&pair.shared);
    if Arc::ptr_eq(&pair.shared, &pair.apart) {
        shared
    } else {
        shared.and(&status(&pair.apart))
    }
}

fn status<W: Work>(lane: &Lane<W>) -> LaneStatus {
    LaneStatus {
        name: W::NAME,
        waiting: lane.waiting(),
        batches: lane.batches.read(),
        holds: lane.rules.target == Target::Writes,
    }
}

impl LaneStatus {
    fn and(self, other: &LaneStatus) -> LaneStatus {
        LaneStatus {
            waiting: self.waiting + other.waiting,
            batches: self.batches.and(&other.batches),
            ..self
        }
    }
}
