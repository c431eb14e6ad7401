//! Requests that go on while something breaks.

use super::Answer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub struct Asked {
    pub answer: Answer,
    pub took: Duration,
}

impl Asked {
    pub fn now(ask: impl FnOnce() -> Answer) -> Asked {
        let start = Instant::now();
        Asked {
            answer: ask(),
            took: start.elapsed(),
        }
    }
}

/// Asks again and again on a thread of its own until `work` is done (or has panicked), and at least once after it.
pub fn while_asking(ask: impl Fn() -> Answer + Sync, work: impl FnOnce()) -> Vec<Asked> {
    while_all_ask(1, |_| ask(), work)
}

/// The same with so many clients, who are told their number.
pub fn while_all_ask(
    clients: usize,
    ask: impl Fn(usize) -> Answer + Sync,
    work: impl FnOnce(),
) -> Vec<Asked> {
    let done = AtomicBool::new(false);
    let ask_on = |client: usize| {
        let mut all = Vec::new();
        while !done.load(Ordering::Acquire) {
            all.push(Asked::now(|| ask(client)));
        }
        all.push(Asked::now(|| ask(client)));
        all
    };
    thread::scope(|scope| {
        let ask_on = &ask_on;
        let asking: Vec<_> = (0..clients)
            .map(|client| scope.spawn(move || ask_on(client)))
            .collect();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Release);
        let all = asking.into_iter().flat_map(|one| one.join().unwrap());
        let all = all.collect();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        all
    })
}

/// So many at once, in their order.
pub fn at_once(count: usize, ask: impl Fn(usize) -> Answer + Sync) -> Vec<Asked> {
    thread::scope(|scope| {
        let ask = &ask;
        let all: Vec<_> = (0..count)
            .map(|at| scope.spawn(move || Asked::now(|| ask(at))))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// All were answered with this status, each within this time.
#[track_caller]
pub fn all_are(asked: &[Asked], status: u16, within: Duration) {
    for Asked { answer, took } in asked {
        assert_eq!(answer.status, status, "of {}: {}", asked.len(), answer.text);
        assert!(*took <= within, "one of {} took {took:?}", asked.len());
    }
}

/// All were answered with one of these statuses.
#[track_caller]
pub fn all_answer(asked: &[Asked], statuses: &[u16]) {
    for Asked { answer, .. } in asked {
        assert!(statuses.contains(&answer.status), "{}", answer.text);
    }
}
