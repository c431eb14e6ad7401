//! What the settings say to this room.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a write may take altogether.
    pub write_deadline: Duration,
    /// How long a statement may take before nobody waits for it any more.
    pub attempt_timeout: Duration,
    /// How many jobs may wait in a lane.
    pub max_waiting: usize,
}
