use super::super::cause::Trouble;
use super::super::node::Change;
use super::super::pool::Pool;
use super::super::probe::{Branch, Heard};
use super::rebuild::Rebuilt;
use std::sync::Arc;
use std::time::Instant;

/// What the keeper is told.
pub enum Message {
    /// A prober has its answer.
    Probed {
        node: usize,
        generation: u64,
        answer: Result<Heard, Trouble>,
    },
    /// A request saw the node fail, and has taken it out of service.
    Reported {
        node: usize,
        change: Change,
    },
    /// A request waits long for the node, or has found that it was promoted.
    Suspected {
        node: usize,
    },
    /// The attempt to rebuild the pool that began at this time has ended.
    Attempted {
        node: usize,
        attempt: Instant,
        result: Result<Rebuilt, Trouble>,
    },
    /// The schema of a primary was looked at.
    Prepared {
        node: usize,
        branch: Branch,
        pool: Arc<Pool>,
        result: Result<(), Trouble>,
    },
    /// The first write was acknowledged since there is a primary again.
    Acknowledged {
        at: Instant,
    },
    Stop,
}
