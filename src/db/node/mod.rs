//! One configured database.

mod cell;
mod state;
mod step;

pub use cell::{Cell, Change, NodeState};
pub use state::{Effect, Input, Judged, Moment, Next, Seen, State};
pub use step::step;

use super::cause::Cause;
use super::threads::Threads;
use super::url::DatabaseUrl;
use super::{NodeOptions, Options};
use scheduled_thread_pool::{OnPoolDropBehavior, ScheduledThreadPool};
use std::sync::Arc;

pub struct Node {
    pub name: String,
    pub region: Option<String>,
    pub address: String,
    pub url: DatabaseUrl,
    pub cell: Cell,
    /// Threads that open and close connections: a few per node, so that a silent node starves no other.
    pub workers: Arc<ScheduledThreadPool>,
    /// Leaders that were given up because nobody answered them.
    pub given_up: Threads,
    /// The keeper's own: attempts to rebuild the pool, and looks at the schema.
    pub attempts: Threads,
}

/// A node that swallows attempts gets only so many.
const MAX_ATTEMPTS: usize = 4;

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
            region: node.region,
            url: node.url,
            cell: Cell::new(State::new(Moment::now(), &options.rebuild)),
            workers: Arc::new(workers),
            given_up: Threads::at_most(2 * options.pool_size as usize),
            attempts: Threads::at_most(MAX_ATTEMPTS),
        }
    }

    pub fn state(&self) -> Arc<NodeState> {
        self.cell.state()
    }
}

impl Seen {
    /// It shows a branch of the history that is not the one that writes go to.
    pub fn is_apart(&self) -> bool {
        matches!(
            self.caveat,
            Some(Cause::LowerTimeline | Cause::PromotedApart)
        )
    }
}
