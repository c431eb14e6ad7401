//! Who may use the connections of a node.
//!
//! A ship's bulkheads keep water that comes in at one place from filling the whole ship. Here they keep commits that hang, waiting for a
//! lost standby, from taking every connection, so that reads go on beside them; and slow reads from keeping writes out. For example, with
//! ten connections: at t = 0 s the only synchronous standby is lost. At t = 1 s eight commits hang, and no other one gets a connection; two
//! are left for reads.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a connection is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Read,
    /// Writes WAL, and may have to wait for a standby.
    Commit,
}

/// The right to one connection; moved into the closure that uses it, so that it is returned when the thread is done.
#[derive(Debug)]
pub struct Permit {
    _one: OwnedSemaphorePermit,
    _share: OwnedSemaphorePermit,
}

/// The node went down: nobody gets in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

pub struct Bulkhead {
    size: usize,
    /// One for each connection.
    all: Arc<Semaphore>,
    /// Fewer than all ([`share`]): the rest is left to the other use.
    reads: Arc<Semaphore>,
    commits: Arc<Semaphore>,
}

impl Bulkhead {
    pub fn new(size: u32) -> Bulkhead {
        let share = share(size);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Bulkhead {
            size: size as usize,
            all: semaphore(size as usize),
            reads: semaphore(share),
            commits: semaphore(share),
        }
    }

    /// None: there is no connection for this use now, or the node is down.
    pub fn try_enter(&self, purpose: Use) -> Option<Permit> {
        let share = self.share_of(purpose).clone().try_acquire_owned().ok()?;
        let one = self.all.clone().try_acquire_owned().ok()?;
        Some(Permit {
            _one: one,
            _share: share,
        })
    }

    /// Waits for a connection; first come, first served.
    pub async fn enter(&self, purpose: Use) -> Result<Permit, Closed> {
        let share = self.share_of(purpose).clone().acquire_owned();
        let share = share.await.map_err(|_| Closed)?;
        let one = self.all.clone().acquire_owned();
        let one = one.await.map_err(|_| Closed)?;
        Ok(Permit {
            _one: one,
            _share: share,
        })
    }

    pub fn close(&self) {
        for semaphore in [&self.all, &self.reads, &self.commits] {
            semaphore.close();
        }
    }

    pub fn in_use(&self) -> usize {
        self.size - self.all.available_permits().min(self.size)
    }

    fn share_of(&self, purpose: Use) -> &Arc<Semaphore> {
        match purpose {
            Use::Read => &self.reads,
            Use::Commit => &self.commits,
        }
    }
}

/// How many connections of a pool of this size one use may have: a fifth is left to the other. A single connection serves both.
pub fn share(size: u32) -> usize {
    (size - size.div_ceil(5)).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_leaves_a_fifth_to_the_other() {
        assert_eq!([1, 2, 3, 5, 10, 11].map(share), [1, 1, 2, 4, 8, 8]);
        let bulkhead = Bulkhead::new(10);
        let commits: Vec<_> = std::iter::from_fn(|| bulkhead.try_enter(Use::Commit)).collect();
        let reads: Vec<_> = std::iter::from_fn(|| bulkhead.try_enter(Use::Read)).collect();
        assert_eq!((commits.len(), reads.len(), bulkhead.in_use()), (8, 2, 10));
        drop(commits);
        assert_eq!(bulkhead.in_use(), 2);
        let more: Vec<_> = std::iter::from_fn(|| bulkhead.try_enter(Use::Read)).collect();
        assert_eq!(more.len(), 6);
    }

    #[test]
    fn nobody_enters_what_is_closed() {
        let bulkhead = Bulkhead::new(2);
        bulkhead.close();
        assert!(bulkhead.try_enter(Use::Read).is_none());
    }
}
