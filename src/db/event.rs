//! What the threads of this layer tell each other.

use super::pool::Pool;
use super::probe::Facts;
use std::sync::Arc;

/// To the monitor.
pub(super) enum Event {
    /// A prober has its answer.
    Probed {
        node: usize,
        generation: u64,
        result: Result<Facts, String>,
    },
    /// A request saw the node fail, and has already taken it out of service.
    Failed {
        node: usize,
    },
    /// A request has waited long for the node.
    Suspected {
        node: usize,
    },
    Rebuilt {
        node: usize,
        pool: Arc<Pool>,
        facts: Facts,
    },
    Stop,
}

/// To the rebuild thread.
pub(super) enum Order {
    /// The node went down: start its schedule.
    Start {
        node: usize,
    },
    /// It answers again: do not wait for the schedule.
    Now {
        node: usize,
    },
    /// It is up, or fenced: no pool is wanted.
    Forget {
        node: usize,
    },
    /// An attempt did not succeed; one that did is an [`Event::Rebuilt`].
    Failed {
        node: usize,
        attempt: u64,
        cause: String,
    },
    Stop,
}
