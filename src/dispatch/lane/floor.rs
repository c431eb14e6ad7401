//! How long a write takes at least, where a standby must confirm it.

use std::time::{Duration, Instant};

/// The quickest one counts of this window and of the one before, so that a slow moment does not refuse what was quick just before it, and
/// does not for long refuse what could be quick again.
const WINDOW: Duration = Duration::from_secs(5);

/// So many confirmed commits must have been measured: a single one may have waited for a standby that has just come back.
const ENOUGH: u32 = 5;

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
    since: Instant,
    window: Window,
    before: Option<Window>,
}

#[derive(Clone, Copy)]
struct Window {
    least: Duration,
    count: u32,
}

impl Floor {
    pub fn learn(&mut self, primary: usize, took: Duration, now: Instant) {
        let this = Window {
            least: took,
            count: 1,
        };
        let last = self.0.filter(|last| last.is_of(primary, now));
        self.0 = Some(match last {
            Some(last) if now < last.since + WINDOW => Measured {
                window: last.window.and(this),
                ..last
            },
            _ => Measured {
                primary,
                since: now,
                window: this,
                before: last.map(|last| last.window),
            },
        });
    }

    /// How long a confirmed commit of this primary takes at least. None: unknown.
    pub fn of(&self, primary: usize, now: Instant) -> Option<Duration> {
        let last = self.0.filter(|last| last.is_of(primary, now))?;
        let both = last
            .before
            .map_or(last.window, |before| before.and(last.window));
        (both.count >= ENOUGH).then_some(both.least)
    }
}

impl Measured {
    fn is_of(&self, primary: usize, now: Instant) -> bool {
        self.primary == primary && now < self.since + 2 * WINDOW
    }
}

impl Window {
    fn and(self, other: Window) -> Window {
        Window {
            least: self.least.min(other.least),
            count: self.count.saturating_add(other.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_confirmation_of_the_last_seconds_counts_and_only_for_its_primary() {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        let start = Instant::now();
        let mut floor = Floor::default();
        assert_eq!(floor.of(0, start), None);
        for took in [300, 85, 120, 120] {
            floor.learn(0, ms(took), start);
        }
        assert_eq!(floor.of(0, start), None, "too few");
        floor.learn(0, ms(120), start);
        assert_eq!(floor.of(0, start + s(9)), Some(ms(85)));
        assert_eq!(floor.of(1, start), None, "another one is elsewhere");
        floor.learn(0, ms(1200), start + s(6));
        assert_eq!(floor.of(0, start + s(6)), Some(ms(85)), "a slow moment");
        floor.learn(0, ms(170), start + s(12));
        assert_eq!(floor.of(0, start + s(12)), None, "too few of late");
        (0..3).for_each(|_| floor.learn(0, ms(180), start + s(12)));
        assert_eq!(floor.of(0, start + s(12)), Some(ms(170)));
        floor.learn(1, ms(900), start + s(12));
        assert_eq!(floor.of(1, start + s(12)), None, "the first of another one");
        assert_eq!(floor.of(0, start + s(22)), None);
    }
}
