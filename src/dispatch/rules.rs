//! The rules of one lane: which node it stands before, how many jobs may wait in it, and for how long.

use std::time::Instant;

use super::Context;
use super::work::{Weight, Work};
use crate::db::{Use, share};

/// The node that a lane's jobs are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// This one of the configured nodes.
    Node(usize),
    /// The primary, whichever node that is. Jobs are held while there is none.
    PrimaryHolding,
    /// The same, but jobs fail while there is none.
    Primary,
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

pub(super) struct Rules {
    pub target: Target,
    pub purpose: Use,
    pub max_waiting: usize,
    pub max_batch: usize,
    pub max_leaders: usize,
}

impl Rules {
    /// Work whose statements take one job each may use half of the connections that its use may have. The other half is left to work that
    /// shares statements.
    pub fn of<W: Work>(context: &Context, target: Target, purpose: Use) -> Rules {
        let share = share(context.databases.pool_size());
        let max_leaders = match W::WEIGHT {
            Weight::Heavy => 1,
            Weight::Light if W::MAX_BATCH == 1 => share.div_ceil(2),
            Weight::Light => share,
        };
        Rules {
            target,
            purpose,
            max_waiting: context.policy.max_waiting,
            max_batch: W::MAX_BATCH,
            max_leaders,
        }
    }
}
