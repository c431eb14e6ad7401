//! At most so many clusters at a time, however many threads the test harness has.

use std::sync::{Condvar, Mutex, PoisonError};

static TAKEN: Mutex<usize> = Mutex::new(0);
static RETURNED: Condvar = Condvar::new();
const MAX: usize = 6;

/// The right to a cluster of one's own. A big one counts for more.
pub struct Slot(usize);

impl Slot {
    pub fn wait(weight: usize) -> Slot {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = RETURNED
            .wait_while(taken, |taken| *taken + weight > MAX)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += weight;
        Slot(weight)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        RETURNED.notify_all();
    }
}
