//! Where the reads of one kind wait.

use std::sync::Arc;

use crate::dispatch::Context;
use crate::dispatch::attempt::Reply;
use crate::dispatch::lane::Pair;
use crate::dispatch::rules::{Patience, Target};
use crate::dispatch::work::{Proven, Work};

/// The lanes of one kind of read.
pub struct ReadLanes<W: Work> {
    /// Before each node, in the order of the settings.
    pub nodes: Vec<Pair<W>>,
    /// Before the primary, with a proof for each batch.
    pub proven: Pair<Proven<W>>,
}

impl<W: Work> ReadLanes<W> {
    pub fn new(context: &Arc<Context>) -> ReadLanes<W> {
        let nodes = 0..context.databases.node_count();
        ReadLanes {
            nodes: nodes
                .map(|node| Pair::new(context, Target::Reads(node)))
                .collect(),
            proven: Pair::new(context, Target::ProvedReads),
        }
    }

    pub async fn ask(
        &self,
        node: usize,
        job: Arc<W::Job>,
        how: How,
        patience: Patience,
    ) -> Reply<W::Answer> {
        if how.proven {
            self.proven.lane(how.apart).ask(job, patience).await
        } else {
            self.nodes[node].lane(how.apart).ask(job, patience).await
        }
    }
}

/// How one node is asked.
#[derive(Clone, Copy)]
pub struct How {
    pub proven: bool,
    pub apart: bool,
}
