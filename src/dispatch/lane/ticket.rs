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
        self.lane.queue.lock().remove_id(self.id).is_some()
    }
}

impl<W: Work> Drop for Ticket<W> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
