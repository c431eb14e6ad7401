//! Troubles of a server that only a write finds.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// For so long after a write met it, the next one is expected to meet it too.
const REMEMBERED: Duration = Duration::from_secs(5);

/// A trouble that a write has met just now, on a server that answers probes and serves reads.
///
/// For example: at t = 0 s the only standby of a synchronous primary freezes. The primary says that it is connected, for up to a minute
/// (`wal_sender_timeout`), and every commit hangs. At t = 3 s a write is given up, and until t = 8 s `/status` says that writes are held;
/// each further one that is given up prolongs that, and one that is acknowledged ends it. It does not say so for ever, since a load
/// balancer may send no more writes here, and then none would find that the standby is back.
#[derive(Default)]
pub struct RecentTrouble(Mutex<Option<Met>>);

struct Met {
    node: usize,
    at: Instant,
}

impl RecentTrouble {
    pub fn met_on(&self, node: usize) {
        let at = Instant::now();
        *self.0.lock() = Some(Met { node, at });
    }

    pub fn is_over(&self) {
        *self.0.lock() = None;
    }

    /// When it was met last, if that was on this node and no write has succeeded since.
    pub fn met_at(&self, node: usize) -> Option<Instant> {
        let last = self.0.lock();
        last.as_ref()
            .filter(|met| met.node == node)
            .map(|met| met.at)
    }

    /// The next write to this node is expected to meet it.
    pub fn is_of(&self, node: usize) -> bool {
        let met_at = self.met_at(node);
        met_at.is_some_and(|at| at.elapsed() < REMEMBERED)
    }
}
