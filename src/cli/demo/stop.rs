//! Says when the demo ends.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// The threads of the demo wait here instead of sleeping, so that they notice at once when it ends.
#[derive(Default)]
pub struct Stop {
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    #[default]
    Running,
    /// The load ends: requests under way are finished, and then the checker runs.
    Ending,
    /// Everything ends at once, without waiting for anything, not even for the verdict.
    BrokenOff,
}

impl Stop {
    pub fn end(&self) {
        self.set(Phase::Ending);
    }

    pub fn break_off(&self) {
        self.set(Phase::BrokenOff);
    }

    /// Waits at most so long, and returns whether the load has to end.
    pub fn ends_within(&self, time: Duration) -> bool {
        self.reaches_within(Phase::Ending, time)
    }

    /// Waits at most so long, and returns whether everything has to end.
    pub fn breaks_off_within(&self, time: Duration) -> bool {
        self.reaches_within(Phase::BrokenOff, time)
    }

    fn set(&self, phase: Phase) {
        let mut now = self.phase.lock();
        *now = phase.max(*now);
        self.changed.notify_all();
    }

    fn reaches_within(&self, phase: Phase, time: Duration) -> bool {
        let mut now = self.phase.lock();
        self.changed
            .wait_while_for(&mut now, |now| *now < phase, time);
        *now >= phase
    }
}
