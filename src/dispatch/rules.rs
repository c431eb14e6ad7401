//! What a lane is told: before which node it stands, how much may wait in it, and for how long.

use std::time::Instant;

use super::Context;
use super::work::{Weight, Work};
use crate::db::{Use, share};

/// Which node a lane stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Node(usize),
    /// Jobs are held while there is no primary.
    PrimaryHolding,
    /// Jobs fail while there is no primary.
    Primary,
}

/// How long a job waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// To be taken.
    pub queued_until: Instant,
    /// To be answered.
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
    pub before: Before,
    pub purpose: Use,
    pub max_waiting: usize,
    pub max_batch: usize,
    pub max_leaders: usize,
}

impl Rules {
    /// Work of which one statement does one job alone may have half of what its use may have: the rest is for work that is done together.
    pub fn of<W: Work>(context: &Context, before: Before, purpose: Use) -> Rules {
        let share = share(context.databases.pool_size());
        let max_leaders = match W::WEIGHT {
            Weight::Heavy => 1,
            Weight::Light if W::MAX_BATCH == 1 => share.div_ceil(2),
            Weight::Light => share,
        };
        Rules {
            before,
            purpose,
            max_waiting: context.policy.max_waiting,
            max_batch: W::MAX_BATCH,
            max_leaders,
        }
    }
}
