//! Virtual time, and chance that does not depend on what else happens.

use chrono::{DateTime, Utc};
use std::time::{Duration, Instant};
use synapse_core::db::decisions::Moment;

/// Microseconds since the simulation began.
pub type Time = u64;

pub const MS: Time = 1000;
pub const SECOND: Time = 1_000_000;

/// Makes the `Instant`s that production code needs; only their differences matter.
#[derive(Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn new() -> Clock {
        // Some time after the beginning of the machine's clock, so that production code may subtract.
        Clock {
            start: Instant::now(),
        }
    }

    pub fn instant(&self, at: Time) -> Instant {
        self.start + Duration::from_micros(at)
    }

    pub fn moment(&self, at: Time) -> Moment {
        Moment {
            at: self.instant(at),
            wall: wall(at),
        }
    }

    pub fn time(&self, at: Instant) -> Time {
        let since = at.saturating_duration_since(self.start);
        Time::try_from(since.as_micros()).unwrap_or(Time::MAX)
    }
}

pub fn wall(at: Time) -> DateTime<Utc> {
    let micros = i64::try_from(at).unwrap_or(i64::MAX / 2);
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// Chance as a function of what it is asked for. With a stream of random numbers, everything after an event that shrinking takes out would
/// change, and the schedule that is left would tell another story.
#[derive(Clone, Copy)]
pub struct Chance(pub u64);

impl Chance {
    pub fn of(self, what: &str, who: u64, at: Time) -> u64 {
        let mut hash = self.0 ^ 0x9E37_79B9_7F4A_7C15;
        for byte in what.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        mix(mix(hash ^ who) ^ at)
    }

    /// A time from `low` to `high`, both included.
    pub fn between(self, low: Time, high: Time, what: &str, who: u64, at: Time) -> Time {
        low + self.of(what, who, at) % (high - low + 1)
    }

    /// True once in so many.
    pub fn once_in(self, many: u64, what: &str, who: u64, at: Time) -> bool {
        self.of(what, who, at).is_multiple_of(many)
    }
}

/// The finalizer of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
