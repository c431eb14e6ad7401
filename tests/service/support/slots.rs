//! At most so many clusters at a time, however many threads the test harness has.

use parking_lot::{Condvar, Mutex};

static TAKEN: Mutex<usize> = Mutex::new(0);
static RETURNED: Condvar = Condvar::new();
const MAX: usize = 6;

/// The right to a cluster of one's own. A big one counts for more.
pub struct Slot(usize);

impl Slot {
    pub fn wait(weight: usize) -> Slot {
        let mut taken = TAKEN.lock();
        RETURNED.wait_while(&mut taken, |taken| *taken + weight > MAX);
        *taken += weight;
        Slot(weight)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *TAKEN.lock() -= self.0;
        RETURNED.notify_all();
    }
}
