//! How many leaders a lane has, and how soon the next one starts.
//!
//! Where a statement takes long, because its node or the standby that must have it is far, all leaders can be away at once. For example,
//! with nine leaders, 80 ms of distance and 128 clients: at t = 0 ms nine of them are sent, each alone, by a leader of its own; the other
//! 119 wait, for up to 80 ms, until one comes back, and then all of them are on the way at the same time again. So leaders of a lane that
//! is crowded in this way start apart, each with all that has come since the one before it: up to 80 / 9 ms, where all but one are away
//! (nobody waits for longer than that, and there is always somebody about to start), and less where more of them are at hand.
//!
//! A leader that has come back then stays for a moment before it takes what has gathered: many of those whom it has just answered ask
//! again at once, and would else have to wait for the next one.
//!
//! It is no batching by a timer: a lane that is not crowded, or is quick, starts a leader for a job at once, and so does a full batch.

use std::time::{Duration, Instant};

/// Leaders of a lane whose statements are quick and take many jobs: while one waits for the disk, the other computes. More of them would only make
/// smaller batches, and each statement has a cost of its own.
const FEW_LEADERS: usize = 2;
/// From here on a statement spends its time waiting (for a distant node, for a standby), and more leaders wait at the same time.
const SLOW: Duration = Duration::from_millis(10);
/// However slow the statements have become.
const MOST_APART: Duration = Duration::from_millis(10);
/// Of a leader that has come back.
const LONGEST_STAY: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(super) struct Pace {
    /// How long a statement takes, as a moving average.
    typical: Duration,
    /// When a batch was taken last.
    taken: Option<Instant>,
    /// When somebody had to wait last, or was not alone.
    crowded: Option<Instant>,
    /// A leader is to start then.
    next: Option<Instant>,
}

/// What stands before a lane.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub waiting: usize,
    pub leaders: usize,
    pub max_leaders: usize,
    pub max_batch: usize,
}

impl Pace {
    /// A statement took so long.
    pub fn learn(&mut self, took: Duration) {
        self.typical = (self.typical * 7 + took) / 8;
    }

    /// A leader has taken so many jobs.
    pub fn took(&mut self, jobs: usize, now: Instant) {
        self.taken = Some(now);
        if jobs > 1 {
            self.crowded = Some(now);
        }
    }

    /// In how long one more leader starts. None: it is not wanted.
    pub fn next_leader(&mut self, line: Line, now: Instant) -> Option<Duration> {
        let together = line.max_batch > 1;
        let is_slow = self.typical >= SLOW;
        let most = if together && !is_slow {
            FEW_LEADERS.min(line.max_leaders)
        } else {
            line.max_leaders
        };
        if line.waiting == 0 {
            return None;
        }
        if line.leaders >= most {
            self.crowded = Some(now);
            return None;
        }
        if !together || !is_slow || line.waiting >= line.max_batch {
            return Some(Duration::ZERO);
        }
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        let pause = self.spacing(line.leaders, most, now);
        self.next = Some(now + pause);
        Some(pause)
    }

    /// How long a leader stays before it takes the next batch, having answered one.
    pub fn stay(&self, now: Instant) -> Duration {
        if self.typical >= SLOW && self.is_crowded(now) {
            (self.typical / 40).min(LONGEST_STAY)
        } else {
            Duration::ZERO
        }
    }

    fn is_crowded(&self, now: Instant) -> bool {
        let is_recent = |since: Instant| now < since + self.typical * 2;
        self.crowded.is_some_and(is_recent)
    }

    fn spacing(&self, away: usize, leaders: usize, now: Instant) -> Duration {
        if !self.is_crowded(now) {
            return Duration::ZERO;
        }
        let scarcity = away as f64 / leaders as f64;
        let spacing = self.typical.mul_f64(scarcity / leaders as f64);
        let spacing = spacing.min(MOST_APART);
        self.taken.map_or(Duration::ZERO, |taken| {
            (taken + spacing).saturating_duration_since(now)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn pace(statement: Duration) -> Pace {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.learn(statement));
        pace
    }

    fn line(waiting: usize, leaders: usize) -> Line {
        Line {
            waiting,
            leaders,
            max_leaders: 8,
            max_batch: 64,
        }
    }

    #[test]
    fn a_lane_that_is_not_crowded_starts_a_leader_at_once() {
        let now = Instant::now();
        let mut pace = pace(ms(80));
        for leaders in 0..8 {
            let next = pace.next_leader(line(1, leaders), now);
            assert_eq!(next, Some(Duration::ZERO));
            pace.took(1, now);
        }
        assert_eq!(pace.next_leader(line(1, 8), now), None, "all are away");
    }

    #[test]
    fn leaders_of_a_crowded_lane_start_apart_unless_a_batch_is_full() {
        let start = Instant::now();
        let mut pace = pace(ms(80));
        pace.took(5, start);
        let soon = start + ms(2);
        let apart = pace.next_leader(line(1, 4), soon).unwrap();
        let millis = apart.as_secs_f64() * 1e3;
        assert!(
            (2.9..=3.0).contains(&millis),
            "half of them are away: 80 / 8 / 2 ms after the last one: {apart:?}"
        );
        assert_eq!(pace.next_leader(line(2, 5), soon), None, "one is to start");
        let full = pace.next_leader(line(64, 5), soon);
        assert_eq!(full, Some(Duration::ZERO));
        let later = start + ms(11);
        assert_eq!(pace.next_leader(line(1, 7), later), Some(Duration::ZERO));
        let calm = start + ms(200);
        assert_eq!(pace.next_leader(line(1, 0), calm), Some(Duration::ZERO));
    }

    #[test]
    fn a_leader_of_a_crowded_lane_stays_for_a_moment() {
        let now = Instant::now();
        let mut far = pace(ms(80));
        assert_eq!(far.stay(now), Duration::ZERO, "nobody waits");
        far.took(5, now);
        let stay = far.stay(now);
        assert!(stay > ms(1) && stay <= ms(2), "{stay:?}");
        let mut near = pace(ms(2));
        near.took(5, now);
        assert_eq!(near.stay(now), Duration::ZERO, "a quick one");
    }

    #[test]
    fn a_quick_lane_has_few_leaders_who_start_at_once() {
        let now = Instant::now();
        let mut pace = pace(ms(2));
        pace.took(5, now);
        assert_eq!(pace.next_leader(line(9, 1), now), Some(Duration::ZERO));
        assert_eq!(pace.next_leader(line(9, 2), now), None);
    }

    #[test]
    fn statements_that_hang_keep_nobody_for_long() {
        let now = Instant::now();
        let mut pace = pace(ms(3000));
        pace.took(5, now);
        let next = pace.next_leader(line(1, 7), now);
        assert_eq!(next, Some(MOST_APART));
    }
}
