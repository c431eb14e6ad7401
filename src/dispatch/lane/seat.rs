//! A leader's place in its lane.

use std::sync::Arc;

use super::Lane;
use crate::dispatch::work::Work;

/// One of the places for leaders that a lane has. Dropping it gives the place back, once, whether the thread that led drops it or the
/// watcher that gave this thread up. If jobs have gathered meanwhile, another leader starts.
pub struct Seat<W: Work>(Arc<Lane<W>>);

impl<W: Work> Seat<W> {
    /// For a leader that the lane has counted already.
    pub fn of(lane: Arc<Lane<W>>) -> Seat<W> {
        Seat(lane)
    }

    pub fn lane(&self) -> &Arc<Lane<W>> {
        &self.0
    }
}

impl<W: Work> Drop for Seat<W> {
    fn drop(&mut self) {
        let lane = &self.0;
        let mut queue = lane.queue.lock();
        queue.leaders -= 1;
        if !lane.context.is_stopping() {
            lane.call_a_leader(queue);
        }
    }
}
