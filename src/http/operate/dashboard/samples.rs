//! The last minutes of the service: a ring of points from which the charts are drawn.

use std::collections::VecDeque;
use std::time::Duration;

use actix_web::web::Data;
use chrono::{DateTime, Utc};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clients::Scope;
use crate::http::operate::metrics::Counted;
use crate::http::{Api, Need, TABLE};
use crate::metrics::Distribution;

/// How often held writes are counted: a failover may be over in less than a second.
const LOOK: Duration = Duration::from_millis(250);
/// How many such counts make a point.
const LOOKS: u32 = 8;
pub const SECONDS_PER_POINT: u32 = 2;
/// Five minutes.
pub const MAX_POINTS: usize = 150;

/// What happened in two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub at: DateTime<Utc>,
    /// Requests a second, by the class of their status: success, 4xx (with 499, where the client did not wait for the answer), 5xx.
    pub answers: [f64; 3],
    /// Durations of all requests, in milliseconds. None: there were none.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// The highest number of held writes that was counted.
    pub held: u64,
}

/// What had been counted since the start, at some moment.
struct Total {
    at: Instant,
    answers: [u64; 3],
    durations: Option<Distribution>,
}

/// Takes samples for as long as the service runs.
pub async fn take_samples(api: Data<Api>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Total::of(&api.requests.read());
    loop {
        let mut held = 0;
        for _ in 0..LOOKS {
            looks.tick().await;
            held = api.writes_held(&api.dispatch.lanes()).max(held);
        }
        let now = Total::of(&api.requests.read());
        api.dashboard.push(now.since(&before, held));
        before = now;
    }
}

/// Adds the newest, and forgets the oldest.
pub fn push(points: &mut VecDeque<Point>, point: Point) {
    if points.len() == MAX_POINTS {
        points.pop_front();
    }
    points.push_back(point);
}

/// Whether it is a route of clients. Others do not count, so that somebody who watches the dashboard does not see their own requests.
fn is_work(route: &str) -> bool {
    let of_clients = |need| {
        matches!(
            need,
            Need::Key(Scope::Read | Scope::Write) | Need::Signature
        )
    };
    let mut rows = TABLE.iter();
    rows.any(|row| row.path == route && of_clients(row.need))
}

impl Total {
    fn of(counted: &[Counted]) -> Total {
        let mut total = Total {
            at: Instant::now(),
            answers: [0; 3],
            durations: None,
        };
        for counted in counted.iter().filter(|counted| is_work(counted.route)) {
            for (status, count) in &counted.by_status {
                total.answers[class(status)] += count;
            }
            total.durations = Some(match total.durations.take() {
                Some(durations) => durations.and(&counted.durations),
                None => counted.durations.clone(),
            });
        }
        total
    }

    fn since(&self, before: &Total, held: u64) -> Point {
        let seconds = self.at.duration_since(before.at).as_secs_f64().max(0.001);
        let answers = std::array::from_fn(|class| {
            let count = self.answers[class].saturating_sub(before.answers[class]);
            count as f64 / seconds
        });
        let durations = self.durations.clone().map(|now| match &before.durations {
            Some(before) => now.since(before),
            None => now,
        });
        let quantile = |q| Some(durations.as_ref()?.quantile(q)? * 1e3);
        Point {
            at: Utc::now(),
            answers,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            held,
        }
    }
}

/// A status that is not known counts as a failure of the service.
fn class(status: &str) -> usize {
    match status.as_bytes().first() {
        Some(b'1'..=b'3') => 0,
        Some(b'4') => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::layers::UNANSWERED;
    use crate::http::operate::RequestCounts;

    #[test]
    fn a_point_tells_of_its_own_seconds_and_of_the_work_of_clients_alone() {
        let requests = RequestCounts::of(TABLE.iter().map(|row| row.path));
        let count = |path, status, ms| {
            requests.count("GET", Some(path), status, Duration::from_millis(ms));
        };
        count("/transactions", 200, 900);
        let before = Total::of(&requests.read());
        for _ in 0..10 {
            count("/transactions", 200, 3);
        }
        count("/transactions/{id}", 404, 3);
        count("/transactions", UNANSWERED, 3);
        count("/transactions", 503, 3);
        count("/status", 200, 3);
        count("/dashboard", 200, 3);
        count("/health", 503, 3);
        let mut now = Total::of(&requests.read());
        now.at = before.at + Duration::from_secs(2);
        let point = now.since(&before, 7);
        assert_eq!((point.answers, point.held), ([5.0, 1.0, 0.5], 7));
        let p99 = point.p99_ms.unwrap();
        assert!((2.5..=5.0).contains(&p99), "{p99}");
        now.at = before.at + Duration::from_secs(4);
        let idle = now.since(&Total::of(&requests.read()), 0);
        assert_eq!((idle.answers, idle.p50_ms), ([0.0; 3], None));
    }

    #[test]
    fn the_ring_forgets_the_oldest() {
        let mut points = VecDeque::new();
        for held in 0..=MAX_POINTS as u64 {
            let point = Point {
                held,
                ..Point::default()
            };
            push(&mut points, point);
        }
        assert_eq!((points.len(), points[0].held), (MAX_POINTS, 1));
    }
}
