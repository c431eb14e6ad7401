//! The right to lead.

use std::sync::Arc;

use super::Lane;
use crate::dispatch::work::Work;

/// Given back when dropped: once, be it by the thread that led or by who gave it up. What has gathered meanwhile gets
/// another leader.
pub struct Seat<W: Work>(Arc<Lane<W>>);

impl<W: Work> Seat<W> {
    /// Of a leader that the lane has counted.
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
        let mut queue = lane.lock();
        queue.leaders -= 1;
        if !lane.context.is_stopping() {
            lane.call_a_leader(queue);
        }
    }
}
