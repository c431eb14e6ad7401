//! An attempt to bring one node back, and when the next one may begin.

use super::node::Node;
use super::replication;
use crate::Error;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The supervisor has one for each node. It starts a primary itself, and waits for that. A replica joins its primary on a thread of its
/// own, since that can take minutes.
pub(super) struct Recovery {
    join: Option<Join>,
    /// Failed attempts in a row.
    failures: u32,
    not_before: Instant,
}

struct Join {
    primary: Arc<Node>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Recovery {
    pub fn new() -> Self {
        Self {
            join: None,
            failures: 0,
            not_before: Instant::now(),
        }
    }

    /// Whether it is time for another attempt.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.not_before
    }

    /// Whether an attempt to join a replica may begin now.
    pub fn is_free(&self) -> bool {
        self.join.is_none() && self.is_due()
    }

    /// Begins to make `replica` join `primary`.
    pub fn begin(&mut self, replica: &Arc<Node>, primary: &Arc<Node>) {
        let (source, replica) = (Arc::clone(primary), Arc::clone(replica));
        let name = replica.name().to_owned();
        let work = move || replication::join(&source.server, &replica.server);
        match thread::Builder::new().spawn(work) {
            Ok(thread) => {
                let primary = Arc::clone(primary);
                self.join = Some(Join { primary, thread });
            }
            Err(error) => {
                log::error!(node = name.as_str(); "cannot start a thread for the replica: {error}");
                self.failed();
            }
        }
    }

    /// `None` while no attempt has ended. Otherwise whether it made `node` stream from `primary`.
    pub fn ended(&mut self, node: &Node, primary: &Arc<Node>) -> Option<bool> {
        let join = self.join.take_if(|join| join.thread.is_finished())?;
        // It may have joined the primary of an earlier reign, which does not count.
        let still_primary = Arc::ptr_eq(&join.primary, primary);
        Some(self.finish(node, join) && still_primary)
    }

    fn finish(&mut self, node: &Node, join: Join) -> bool {
        let result = join.thread.join();
        if let Ok(Ok(())) = result {
            self.succeeded();
            log::info!(node = node.name(), primary = join.primary.name(); "the replica streams");
            return true;
        }
        self.failed();
        match result {
            Ok(Err(error)) => {
                log::error!(node = node.name(); "the replica does not come back: {error}")
            }
            _ => {
                log::error!(node = node.name(); "the thread that was starting the replica panicked")
            }
        }
        false
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait for the next attempt is twice as long as the one before.
    pub fn failed(&mut self) {
        let wait = RETRY_MIN
            .saturating_mul(1 << self.failures.min(6))
            .min(RETRY_MAX);
        self.failures += 1;
        self.not_before = Instant::now() + wait;
    }

    /// Waits for the thread. False: it panicked.
    pub fn end(self) -> bool {
        self.join.is_none_or(|join| join.thread.join().is_ok())
    }
}
