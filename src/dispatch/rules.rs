//! The settings that this module obeys, and the rules of one lane: what it is for, how many jobs may wait in it, and for how long.

use std::time::{Duration, Instant};

use super::Context;
use super::work::{Weight, Work};
use crate::db::{Use, share};

/// The settings that this module obeys.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a write may take altogether.
    pub write_deadline: Duration,
    /// How long a statement may take before its thread is given up.
    pub attempt_timeout: Duration,
    /// How many jobs may wait in a lane.
    pub max_waiting: usize,
}

/// What the jobs of a lane are, and so which node they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Reads, for this one of the configured nodes.
    Reads(usize),
    /// Reads for the primary, whichever node that is, with a commit that proves them ([`super::work::Proven`]). They fail while there is none.
    ProvedReads,
    /// Writes, for the primary, whichever node that is. They are held while there is none.
    Writes,
}

impl Target {
    pub fn purpose(self) -> Use {
        match self {
            Target::Reads(_) => Use::Read,
            Target::ProvedReads | Target::Writes => Use::Commit,
        }
    }
}

/// How long a job waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until then it waits in the queue for a leader.
    pub queued_until: Instant,
    /// Until then it waits for its answer.
    pub until: Instant,
}

impl Patience {
    pub fn until(deadline: Instant) -> Patience {
        Patience {
            queued_until: deadline,
            until: deadline,
        }
    }
}

pub(super) struct LaneRules {
    pub target: Target,
    pub max_waiting: usize,
    pub max_batch: usize,
    pub max_leaders: usize,
}

impl LaneRules {
    /// Work whose statements take one job each may use half of the connections that its use may have. The other half is left to work that
    /// shares statements.
    pub fn of<W: Work>(context: &Context, target: Target) -> LaneRules {
        let share = share(context.databases.pool_size());
        let max_leaders = match W::WEIGHT {
            Weight::Heavy => 1,
            Weight::Light if W::MAX_BATCH == 1 => share.div_ceil(2),
            Weight::Light => share,
        };
        LaneRules {
            target,
            max_waiting: context.policy.max_waiting,
            max_batch: W::MAX_BATCH,
            max_leaders,
        }
    }
}
