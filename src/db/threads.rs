//! Threads that wait for a node and may be given up.
//!
//! libpq cannot be told to stop waiting for a server that is frozen while its kernel still acknowledges. So whoever waits for a thread
//! stops waiting, and leaves the thread behind with its connection until it ends by itself. An example: at t = 0 s a node freezes, at
//! t = 0.5 s its probe is given up, and a new thread with a new connection asks again; at t = 60 s the node thaws, and both threads end.
//! They are counted, so that a node that swallows threads gets only so many.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct Threads {
    counted: Arc<AtomicUsize>,
    limit: usize,
}

/// Counts one thread, until it is dropped.
pub struct Counted(Arc<AtomicUsize>);

#[derive(Debug, thiserror::Error)]
pub enum NoThread {
    #[error("too many threads wait for this node already")]
    TooMany,
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Threads {
    pub fn at_most(limit: usize) -> Threads {
        let counted = Arc::default();
        Threads { counted, limit }
    }

    pub fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// How many more threads may be started.
    pub fn room(&self) -> usize {
        let counted = self.counted.load(Ordering::Acquire);
        self.limit.saturating_sub(counted)
    }

    pub fn count(&self) -> Counted {
        self.counted.fetch_add(1, Ordering::AcqRel);
        Counted(self.counted.clone())
    }

    /// Counted from its start: any of them may turn out to hang.
    pub fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), NoThread> {
        if !self.has_room() {
            return Err(NoThread::TooMany);
        }
        let counted = self.count();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let _counted = counted;
                work();
            })?;
        Ok(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_node_that_swallows_threads_gets_only_so_many() {
        let threads = Threads::at_most(2);
        let (release, held) = mpsc::channel::<()>();
        threads
            .start("one", move || {
                let _ = held.recv();
            })
            .unwrap();
        let other = threads.count();
        assert!(matches!(
            threads.start("three", || {}),
            Err(NoThread::TooMany)
        ));
        drop((release, other));
        while !threads.has_room() {
            std::thread::yield_now();
        }
        threads.start("three", || {}).unwrap();
    }
}
