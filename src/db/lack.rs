//! A server without room: no disk, or no memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For so long after a write was refused for want of room, the next one is expected to be refused too.
const REMEMBERED: Duration = Duration::from_secs(5);
/// How often the log says so: every statement may be refused, and not each one shall write a line.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// The last refusal of a write for want of disk or memory. A server whose disk is full answers probes and serves reads, so only a write
/// finds out.
///
/// t = 0 s: a write is refused (53100), and the log says so. Until t = 5 s `/status` says that writes are refused; each further refusal
/// prolongs that. It does not say so for ever, since a load balancer may send no more writes here, and then none would find that there is
/// room again. A write that succeeds does not end it: a replay needs less room than a create.
#[derive(Default)]
pub struct Lack(Mutex<Met>);

#[derive(Default)]
struct Met {
    /// The node that refused a write last, and when.
    write: Option<(usize, Instant)>,
    told: Option<Instant>,
}

impl Lack {
    /// This node refused a statement. Returns whether the log should say so.
    pub fn refused(&self, node: usize, is_write: bool) -> bool {
        let (now, mut met) = (Instant::now(), self.met());
        if is_write {
            met.write = Some((node, now));
        }
        let is_news = (met.told).is_none_or(|told| now.duration_since(told) >= TOLD_AGAIN);
        if is_news {
            met.told = Some(now);
        }
        is_news
    }

    /// This node is expected to refuse the next write.
    pub fn is_of(&self, node: usize) -> bool {
        let last = self.met().write;
        last.is_some_and(|(refused, at)| refused == node && at.elapsed() < REMEMBERED)
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
