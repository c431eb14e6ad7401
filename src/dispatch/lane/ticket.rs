//! A job's place in a lane.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Lane;
use crate::dispatch::attempt::Reply;
use crate::dispatch::work::Work;

/// A job's place in the queue, and the receiver of its answer.
pub type Queued<W> = (Ticket<W>, oneshot::Receiver<Reply<<W as Work>::Answer>>);

/// A job's place in the queue. Dropping it takes the job back.
pub struct Ticket<W: Work> {
    pub lane: Arc<Lane<W>>,
    pub id: u64,
}

impl<W: Work> Ticket<W> {
    /// Takes the job out of the queue. False: a leader has taken it, or it has been answered.
    pub fn withdraw(&self) -> bool {
        let mut queue = self.lane.lock();
        // Ids ascend, and taking entries out keeps their order.
        let at = queue
            .waiting
            .binary_search_by_key(&self.id, |entry| entry.id);
        let entry = at.ok().and_then(|at| queue.waiting.remove(at));
        queue.bytes -= entry.as_ref().map_or(0, |entry| W::bytes(&entry.job));
        entry.is_some()
    }
}

impl<W: Work> Drop for Ticket<W> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
