//! What the threads of the demo share.

use super::checker::{Acknowledged, Findings};
use super::stop::Stop;
use parking_lot::Mutex;
use rand::Rng;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Handles that are held for the checker, 40 bytes each. When there are so many, all are checked, and the older half is let go.
pub const MOST_HELD: usize = 200_000;
/// Readers choose among the tokens of so many latest writes.
const MOST_RECENT: usize = 256;

pub struct Stage<'s> {
    pub stop: &'s Stop,
    /// The name of this run: a part of all its keys, and in the metadata of its transactions.
    pub run: String,
    pub service: String,
    pub began: Instant,
    pub tally: Tally,
    pub seen: Mutex<Seen>,
    findings: Mutex<Findings>,
    held: Mutex<VecDeque<Acknowledged>>,
    recent: Mutex<VecDeque<Written>>,
    first_failure: Mutex<Option<String>>,
    next: AtomicU64,
}

/// What was counted.
#[derive(Default)]
pub struct Tally {
    pub writes: AtomicU64,
    pub replays: AtomicU64,
    /// From the first attempt of a write to its acknowledgement.
    pub longest_write_ms: AtomicU64,
    pub reads: AtomicU64,
    /// Reads with a token that did not show the write which the token names.
    pub stale: AtomicU64,
    /// Attempts after the first one of a request.
    pub repeated: AtomicU64,
    /// Requests, kills and checks that failed in the end.
    pub failed: AtomicU64,
    pub kills: AtomicU64,
    /// Handles that were checked and let go.
    pub let_go: AtomicU64,
}

/// What the service last said about itself.
#[derive(Default)]
pub struct Seen {
    pub timeline: Option<i32>,
    pub primary: Option<String>,
    pub takes_writes: bool,
    pub held: u64,
    /// The write gaps of the latest failovers, the latest first, in milliseconds.
    pub write_gaps: Vec<u64>,
}

/// What a reader needs to know of a write.
#[derive(Clone)]
pub struct Written {
    pub of: Acknowledged,
    pub token: String,
}

impl<'s> Stage<'s> {
    pub fn new(stop: &'s Stop, address: SocketAddr) -> Stage<'s> {
        Stage {
            stop,
            run: format!("{:08x}", rand::rng().random::<u32>()),
            service: format!("http://{address}"),
            began: Instant::now(),
            tally: Tally::default(),
            seen: Mutex::default(),
            findings: Mutex::default(),
            held: Mutex::default(),
            recent: Mutex::default(),
            first_failure: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }

    pub fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub fn key(&self, number: u64) -> String {
        format!("demo-{}-{number}", self.run)
    }

    pub fn acknowledged(&self, written: Written) {
        count(&self.tally.writes);
        self.held.lock().push_back(written.of);
        let mut recent = self.recent.lock();
        recent.truncate(MOST_RECENT - 1);
        recent.push_front(written);
    }

    pub fn any_recent(&self) -> Option<Written> {
        any(&self.recent.lock())
    }

    pub fn any_held(&self) -> Option<Acknowledged> {
        any(&self.held.lock())
    }

    pub fn all_held(&self) -> Vec<Acknowledged> {
        self.held.lock().iter().copied().collect()
    }

    pub fn is_full(&self) -> bool {
        self.held.lock().len() >= MOST_HELD
    }

    /// Forgets the oldest handles, which have been checked.
    pub fn let_go(&self, count: usize) {
        let gone = self.held.lock().drain(..count).count();
        self.tally.let_go.fetch_add(gone as u64, Ordering::Relaxed);
    }

    pub fn found(&self, findings: Findings) {
        self.findings.lock().add(findings);
    }

    pub fn findings(&self) -> Findings {
        self.findings.lock().clone()
    }

    pub fn failed(&self, cause: String) {
        count(&self.tally.failed);
        self.first_failure.lock().get_or_insert(cause);
    }

    pub fn first_failure(&self) -> Option<String> {
        self.first_failure.lock().clone()
    }

    pub fn wrote_in(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.tally.longest_write_ms.fetch_max(ms, Ordering::Relaxed);
    }
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn any<T: Clone>(all: &VecDeque<T>) -> Option<T> {
    let at = rand::rng().random_range(0..all.len().max(1));
    all.get(at).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_is_let_go_is_the_oldest_and_counted() {
        let stop = Stop::default();
        let stage = Stage::new(&stop, ([127, 0, 0, 1], 1).into());
        for number in 1..=1000 {
            let of = Acknowledged {
                number,
                id: Uuid::nil(),
                created_at: chrono::Utc::now(),
            };
            let token = String::new();
            stage.acknowledged(Written { of, token });
        }
        stage.let_go(400);
        let held = stage.all_held();
        assert_eq!((held.len(), held[0].number), (600, 401));
        assert_eq!(stage.tally.let_go.load(Ordering::Relaxed), 400);
        assert_eq!(stage.recent.lock().len(), MOST_RECENT);
    }
}
