//! How long a write takes at least, where a standby must confirm it.

use std::time::{Duration, Instant};

/// For so long a measurement counts. Then a slower one may replace it, so that a slow moment does not refuse for ever what could be done by
/// now.
const KEPT: Duration = Duration::from_secs(10);

/// The quickest of a lane's latest confirmed commits. What has less time left is not sent: the write would be stored, but its deadline would
/// pass before that could be told.
///
/// For example, in eu, where a standby in us must confirm each commit, 80 ms away: at t = 0 s a create is confirmed after 85 ms. At t = 1 s
/// one comes whose client waits for 50 ms. It is refused as not applied, and not sent, although the primary is near.
#[derive(Default)]
pub(super) struct Floor(Option<Measured>);

#[derive(Clone, Copy)]
struct Measured {
    primary: usize,
    took: Duration,
    at: Instant,
}

impl Floor {
    pub fn learn(&mut self, primary: usize, took: Duration, now: Instant) {
        if self.before(primary, now).is_none_or(|least| took < least) {
            self.0 = Some(Measured {
                primary,
                took,
                at: now,
            });
        }
    }

    /// How long a confirmed commit of this primary takes at least. None: unknown.
    pub fn before(&self, primary: usize, now: Instant) -> Option<Duration> {
        let counts = |last: &Measured| last.primary == primary && now < last.at + KEPT;
        self.0.filter(counts).map(|last| last.took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_confirmation_counts_for_ten_seconds_and_for_its_primary_alone() {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        let start = Instant::now();
        let mut floor = Floor::default();
        assert_eq!(floor.before(0, start), None);
        for took in [300, 85, 120] {
            floor.learn(0, ms(took), start);
        }
        assert_eq!(floor.before(0, start + s(9)), Some(ms(85)));
        assert_eq!(floor.before(1, start), None, "another one is elsewhere");
        assert_eq!(floor.before(0, start + s(10)), None);
        floor.learn(0, ms(170), start + s(10));
        assert_eq!(floor.before(0, start + s(11)), Some(ms(170)));
    }
}
