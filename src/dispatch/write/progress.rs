//! One write, from its first attempt to its answer.

use std::time::{Duration, Instant};

use super::super::attempt::Failure;
use super::super::verdict::Doubt;

/// One write under way.
pub(super) struct WriteProgress {
    pub deadline: Instant,
    pub doubt: Doubt,
    /// Of the last attempt that gave no answer.
    pub failure: Option<Failure>,
    pub apart: bool,
    pub waits_for_lock_since: Option<Instant>,
    pub pauses: u32,
}

impl WriteProgress {
    /// Waits for a random time (full jitter) of at most 64 ms, since many requests repeat at once after a failover.
    pub async fn pause(&mut self) {
        let cap_ms = 1_u64 << self.pauses.min(6);
        self.pauses += 1;
        let pause = Duration::from_micros(rand::random_range(0..=cap_ms * 1000));
        tokio::time::sleep(pause).await;
    }
}
