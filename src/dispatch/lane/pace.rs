//! How many leaders a lane has, and how soon the next one starts.
//!
//! If statements take long, because the node or the standby that must confirm them is far away, all leaders can be busy at once. For
//! example, with nine leaders, a round trip of 80 ms and 128 clients: at t = 0 ms nine jobs are sent, each alone, by a leader of its own.
//! The other 119 wait, for up to 80 ms, until one comes back, and then all leaders are busy at the same time again. So the leaders of a
//! lane that is crowded in this way start some time apart, each with all jobs that have come since the one before it. If all leaders but
//! one are busy, that is nearly 80 / 9 ms: no job waits longer than that, and there is always a leader about to start. If more of them are
//! free, it is less.
//!
//! In such a lane a leader that has answered also waits a moment before it takes the jobs that have gathered: many of the clients that it
//! has just answered send their next request at once, and that would otherwise have to wait for the next leader.
//!
//! This is not batching by a timer: a lane that is not crowded, or is quick, starts a leader for a job at once, and so does a full batch.

use std::time::{Duration, Instant};

/// How many leaders a lane has whose statements are quick and take many jobs: while one waits for the disk, the other computes. More of
/// them would only make smaller batches, and each statement has a cost of its own.
const MAX_QUICK_LEADERS: usize = 2;
/// A statement that takes this long spends its time waiting, for a distant node or a standby; then more leaders can wait at the same time.
const SLOW: Duration = Duration::from_millis(10);
/// The longest time between the starts of two leaders, however slow statements are.
const MAX_START_SPACING: Duration = Duration::from_millis(10);
/// The longest time that a leader which has answered waits before it takes more jobs.
const LONGEST_STAY: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(super) struct Pace {
    /// How long a statement takes, as a moving average.
    typical: Duration,
    /// When a batch was taken last.
    taken: Option<Instant>,
    /// When a job last found all leaders busy, or shared a statement.
    crowded: Option<Instant>,
    /// When the next leader is to start.
    next: Option<Instant>,
}

/// How much waits in a lane, and how many leaders work on it.
#[derive(Clone, Copy)]
pub(super) struct LaneLoad {
    pub waiting: usize,
    pub leaders: usize,
    pub max_leaders: usize,
    pub max_batch: usize,
}

impl Pace {
    /// Records how long a statement took.
    pub fn learn(&mut self, took: Duration) {
        self.typical = (self.typical * 7 + took) / 8;
    }

    /// Records that a leader has taken this many jobs.
    pub fn took(&mut self, jobs: usize, now: Instant) {
        self.taken = Some(now);
        if jobs > 1 {
            self.crowded = Some(now);
        }
    }

    /// How soon one more leader starts. None: it is not needed, not allowed, or about to start already.
    pub fn next_leader(&mut self, line: LaneLoad, now: Instant) -> Option<Duration> {
        let together = line.max_batch > 1;
        let is_slow = self.typical >= SLOW;
        let most = if together && !is_slow {
            MAX_QUICK_LEADERS.min(line.max_leaders)
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

    /// How long a leader that has answered waits before it takes the next batch.
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
        let spacing = spacing.min(MAX_START_SPACING);
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

    fn line(waiting: usize, leaders: usize) -> LaneLoad {
        LaneLoad {
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
        assert_eq!(next, Some(MAX_START_SPACING));
    }
}
