//! One configured database.

mod cell;
mod state;
mod step;

pub use cell::{Cell, Change, NodeState};
pub use state::{Effect, Input, Judged, Moment, Next, Seen, State};
pub use step::step;

use super::probe::MAX_PROBES;
use super::threads::Threads;
use super::url::DatabaseUrl;
use super::{NodeOptions, Options};
use crate::metrics::Counter;
use scheduled_thread_pool::{OnPoolDropBehavior, ScheduledThreadPool};
use std::sync::Arc;

pub struct Node {
    pub name: String,
    pub region: Option<Arc<str>>,
    pub address: String,
    pub url: DatabaseUrl,
    pub cell: Cell,
    /// Threads that open and close connections: a few per node, so that a silent node starves no other.
    pub workers: Arc<ScheduledThreadPool>,
    /// Leaders that were given up because nobody answered them.
    pub given_up: Threads,
    /// Threads of the keeper: attempts to rebuild the pool, and looks at the schema.
    pub attempts: Threads,
    /// How often a rebuild of its pool was begun.
    pub rebuilds: Counter,
}

/// How many of the keeper's threads may be stuck on one node.
const MAX_ATTEMPTS: usize = 4;

/// How many connections to one node there may be at once: its pool, the connections of leaders that were given up, those of probes, and
/// those of attempts.
pub fn max_connections(options: &Options) -> usize {
    max_leaders(options) + MAX_PROBES + MAX_ATTEMPTS
}

/// How many leaders there may be on one node at once, with those that were given up.
pub fn max_leaders(options: &Options) -> usize {
    options.pool_size as usize + max_given_up(options)
}

fn max_given_up(options: &Options) -> usize {
    2 * options.pool_size as usize
}

impl Node {
    pub fn new(node: NodeOptions, options: &Options) -> Node {
        let workers = ScheduledThreadPool::builder()
            .num_threads(4)
            .thread_name_pattern("connect-{}")
            .on_drop_behavior(OnPoolDropBehavior::DiscardPendingScheduled)
            .build();
        Node {
            address: node.url.address(),
            name: node.name,
            region: node.region.map(Arc::from),
            url: node.url,
            cell: Cell::new(State::new(Moment::now(), &options.rebuild)),
            workers: Arc::new(workers),
            given_up: Threads::at_most(max_given_up(options)),
            attempts: Threads::at_most(MAX_ATTEMPTS),
            rebuilds: Counter::default(),
        }
    }

    pub fn state(&self) -> Arc<NodeState> {
        self.cell.state()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/operation.md tells operators the same for `max_connections` and `LimitNOFILE`.
    #[test]
    fn a_node_gets_three_times_the_pool_and_nine_more_connections_at_most() {
        assert_eq!(max_connections(&Options::of_a_second(10)), 3 * 10 + 9);
    }
}
