//! When it was last known that the primary had not been replaced.

use parking_lot::Mutex;
use std::time::Instant;

/// The beginning of the last statement of this instance whose commit a standby that counts has confirmed (of a proved read: of its proof, for
/// which any standby will do where none is required). Then the primary was still the primary, since its standbys leave it before another one
/// is promoted. A primary that has been cut off does not know that it has been replaced, and neither do the replicas that went with it, nor
/// this instance, if it is on that side too.
///
/// For example: at t = 0 s a create begins, which a standby in another region confirms. At t = 1 s this region is cut off, and at t = 5 s
/// another one has a primary. At t = 20 s a replica here has everything that the old primary has: what it shows may be 20 s old.
pub struct Confirmed {
    started: Instant,
    last: Mutex<Option<Instant>>,
}

impl Confirmed {
    pub fn nothing_yet() -> Confirmed {
        Confirmed {
            started: Instant::now(),
            last: Mutex::default(),
        }
    }

    pub fn note(&self, begun: Instant) {
        let mut last = self.last.lock();
        *last = (*last).max(Some(begun));
    }

    pub fn last(&self) -> Option<Instant> {
        *self.last.lock()
    }

    /// Without any confirmation it is not known how old a state may be, but it may be at least as old as this instance.
    pub fn last_or_start(&self) -> Instant {
        self.last().unwrap_or(self.started)
    }
}
