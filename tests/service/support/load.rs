//! Requests that go on while something breaks.

use super::Answer;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub struct Asked {
    pub answer: Answer,
    pub took: Duration,
}

/// Asks again and again on a thread of its own until `work` is done (or has panicked), and at least once after it.
pub fn while_asking(ask: impl Fn() -> Answer + Sync, work: impl FnOnce()) -> Vec<Asked> {
    let done = AtomicBool::new(false);
    let once = || {
        let start = Instant::now();
        Asked {
            answer: ask(),
            took: start.elapsed(),
        }
    };
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut all = Vec::new();
            while !done.load(Ordering::Acquire) {
                all.push(once());
            }
            all.push(once());
            all
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Release);
        let all = asking.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        all
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
