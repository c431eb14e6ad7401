//! How often nodes are asked. Pure.

use std::time::Duration;

/// How often a node that answers is asked while a write waits for a primary, so that a promotion is noticed at once. The longer that lasts,
/// the less does a moment more count: the interval grows to a 200th of the outage, from 4 s on, but never beyond the usual one.
const EAGER: Duration = Duration::from_millis(20);
/// The same while no write waits: reads go on, and the questions of all instances together would slow them down.
const HELD: Duration = Duration::from_millis(100);
const OF_THE_OUTAGE: u32 = 200;
/// How often a node that does not answer is asked: more often while writes are held, as is one that answers but is not of full use. It
/// should serve within a second when it comes back; if it refuses connections, each question costs a connection attempt. The longer that
/// lasts, the longer are the intervals.
const DOWN: Duration = Duration::from_millis(250);
const DOWN_EAGER: Duration = Duration::from_millis(100);
const OF_BEING_DOWN: u32 = 40;

/// What matters of the moment.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// How long writes have been held; None: they are not.
    pub held_for: Option<Duration>,
    /// A write waits until they are held no longer.
    pub waited_for: bool,
    /// How long the node has been unusable, or not usable for everything; None: it is of full use.
    pub down_for: Option<Duration>,
    pub answers: bool,
}

/// `jitter` from 0 to 1, so that instances that lost the same node at the same time do not go on asking it at the same time.
pub fn interval(usual: Duration, now: Situation, jitter: f64) -> Duration {
    let down_for = now.down_for.unwrap_or_default();
    let eager = if now.waited_for { EAGER } else { HELD };
    let interval = match (now.held_for, now.answers, now.down_for) {
        (Some(held_for), true, _) => (held_for / OF_THE_OUTAGE).max(eager),
        (Some(_), false, _) => (down_for / OF_BEING_DOWN).max(DOWN_EAGER),
        (None, true, Some(_)) => (down_for / OF_BEING_DOWN).max(DOWN_EAGER),
        (None, false, Some(_)) => (down_for / OF_BEING_DOWN).max(DOWN),
        (None, _, None) => usual,
    };
    interval.min(usual).mul_f64(0.75 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_eager_in_a_failover_and_fewer_the_longer_an_outage_lasts() {
        let usual = Duration::from_millis(500);
        let s = |seconds| Some(Duration::from_secs(seconds));
        let table = [
            (None, None, true, 500),
            (s(1), None, true, 20),
            (s(4), None, true, 20),
            (s(20), None, true, 100),
            (s(600), None, true, 500),
            (s(1), s(1), false, 100),
            (s(10), s(10), false, 250),
            (s(600), s(600), false, 500),
            (None, s(1), true, 100),
            (None, s(1), false, 250),
            (None, s(600), false, 500),
        ];
        for (held_for, down_for, answers, ms) in table {
            let now = Situation {
                held_for,
                waited_for: true,
                down_for,
                answers,
            };
            assert_eq!(
                interval(usual, now, 0.5),
                Duration::from_millis(ms),
                "{now:?}"
            );
        }
        let nobody_waits = Situation {
            held_for: s(1),
            waited_for: false,
            down_for: None,
            answers: true,
        };
        assert_eq!(
            interval(usual, nobody_waits, 0.5),
            Duration::from_millis(100)
        );
        let quick = Duration::from_millis(20);
        let now = Situation {
            held_for: None,
            waited_for: false,
            down_for: s(5),
            answers: false,
        };
        assert_eq!(
            interval(quick, now, 0.5),
            quick,
            "who wants it often gets it"
        );
    }

    #[test]
    fn instances_do_not_ask_in_step() {
        let usual = Duration::from_millis(400);
        let now = Situation {
            held_for: None,
            waited_for: false,
            down_for: None,
            answers: true,
        };
        let between = [0.0, 1.0].map(|jitter| interval(usual, now, jitter).as_millis());
        assert_eq!(between, [300, 500]);
    }
}
