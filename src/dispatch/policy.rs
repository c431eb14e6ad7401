//! The settings that this module obeys.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a write may take altogether.
    pub write_deadline: Duration,
    /// How long a statement may take before its thread is given up.
    pub attempt_timeout: Duration,
    /// How many jobs may wait in a lane.
    pub max_waiting: usize,
}
