//! Conditions instead of sleeps.

use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(5);

/// Returns as soon as the condition holds, with the time that took; panics when it does not within the limit.
#[track_caller]
pub fn eventually(within: Duration, what: &str, condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    assert!(
        holds_within(within, condition),
        "not within {} ms: {what}",
        within.as_millis()
    );
    start.elapsed()
}

pub fn holds_within(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + within;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        pause(POLL);
    }
}

/// The condition holds now and for as long as it is watched.
#[track_caller]
pub fn holds_for(time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(condition(), "no longer: {what}");
        pause(POLL);
    }
}

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub const fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Not for synchronisation.
#[expect(
    clippy::disallowed_methods,
    reason = "between two looks, and for a network that is slow"
)]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
