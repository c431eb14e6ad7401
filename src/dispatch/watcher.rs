//! Watches the leaders' threads, and gives up those that get no answer.
//!
//! libpq cannot be told to stop waiting for a server that is frozen while its kernel still acknowledges, or that waits for a standby for
//! ever. So one task looks at all threads from outside. The jobs of a thread that is given up are answered at once; the thread is left
//! behind with its connection, and counted, until it ends by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Context;

/// How often all threads are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The terms of all leaders that are running.
#[derive(Default)]
pub(super) struct Watcher {
    terms: Mutex<Terms>,
}

#[derive(Default)]
struct Terms {
    last_id: u64,
    by_id: HashMap<u64, Arc<dyn Watched>>,
}

/// A term, whatever its kind of work.
pub(super) trait Watched: Send + Sync {
    fn look(&self, attempt_timeout: Duration);
}

impl Watcher {
    /// Watches this term until the returned value is dropped.
    pub fn watch(self: &Arc<Self>, term: Arc<dyn Watched>) -> Registration {
        let mut terms = self.terms.lock();
        terms.last_id += 1;
        let id = terms.last_id;
        terms.by_id.insert(id, term);
        Registration {
            watcher: self.clone(),
            id,
        }
    }
}

pub(super) struct Registration {
    watcher: Arc<Watcher>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let term = self.watcher.terms.lock().by_id.remove(&self.id);
        drop(term); // outside the lock
    }
}

/// Runs until the runtime is shut down.
pub(super) async fn look_after_all(context: Arc<Context>) {
    let attempt_timeout = context.policy.attempt_timeout;
    loop {
        tokio::time::sleep(LOOK).await;
        let terms: Vec<_> = context
            .watcher
            .terms
            .lock()
            .by_id
            .values()
            .cloned()
            .collect();
        terms.iter().for_each(|term| term.look(attempt_timeout));
    }
}
