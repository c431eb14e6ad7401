//! Two lanes for the same work, so that a statement which fails as a whole does not fail every job that shared it.

use std::sync::Arc;

use super::Lane;
use crate::dispatch::Context;
use crate::dispatch::rules::{LaneRules, Target};
use crate::dispatch::work::Work;

/// Two lanes before the same node for the same work. For example: at t = 0 s a shared statement of five jobs fails as a whole, since
/// another session holds a lock that one of them needs. Each of the five is answered "apart" ([`Failure::Apart`]) and goes to the lane
/// `apart`, where it has a statement of its own: four are answered at once, and only the fifth has to wait for the lock.
///
/// [`Failure::Apart`]: crate::dispatch::attempt::Failure::Apart
pub struct Pair<W: Work> {
    pub shared: Arc<Lane<W>>,
    pub apart: Arc<Lane<W>>,
}

impl<W: Work> Pair<W> {
    pub fn new(context: &Arc<Context>, target: Target) -> Pair<W> {
        let lane = |max_batch| {
            let rules = LaneRules::of::<W>(context, target);
            Lane::new(context, LaneRules { max_batch, ..rules })
        };
        let apart = lane(1);
        // Work whose statements take one job each needs one lane only.
        let shared = if W::MAX_BATCH == 1 {
            apart.clone()
        } else {
            lane(W::MAX_BATCH)
        };
        Pair { shared, apart }
    }

    pub fn lane(&self, apart: bool) -> &Arc<Lane<W>> {
        if apart { &self.apart } else { &self.shared }
    }
}
