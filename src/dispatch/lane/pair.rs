//! A lane, and the way round a statement that failed for all who shared it.

use std::sync::Arc;

use super::Lane;
use crate::db::Use;
use crate::dispatch::Context;
use crate::dispatch::rules::{Before, Rules};
use crate::dispatch::work::Work;

/// Two lanes before the same node for the same work: at t = 0 s a shared statement of five jobs fails as a whole, since a stranger holds
/// what one of them needs. Each of the five is told "apart", and asks again in the other lane, once, where it has a statement of its own:
/// four are answered at once, and the fifth alone learns that it must wait.
pub struct Pair<W: Work> {
    pub shared: Arc<Lane<W>>,
    apart: Arc<Lane<W>>,
}

impl<W: Work> Pair<W> {
    pub fn new(context: &Arc<Context>, before: Before, purpose: Use) -> Pair<W> {
        let lane = |max_batch| {
            let rules = Rules::of::<W>(context, before, purpose);
            Lane::new(context, Rules { max_batch, ..rules })
        };
        let apart = lane(1);
        // Work of which each job has a statement of its own anyway has one lane.
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
