//! A server without room: no disk, or no memory.

use super::recent::RecentTrouble;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// How often the log says so: every statement may be refused, and not each one shall write a line.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// The last refusal of a write for want of disk or memory: `/status` says that writes are refused for a while after it. A write that
/// succeeds does not end that: a replay needs less room than a create.
#[derive(Default)]
pub struct Lack {
    write: RecentTrouble,
    told: Mutex<Option<Instant>>,
}

impl Lack {
    /// This node refused a statement. Returns whether the log should say so.
    pub fn refused(&self, node: usize, is_write: bool) -> bool {
        if is_write {
            self.write.met_on(node);
        }
        let now = Instant::now();
        let mut told = self.told.lock();
        let is_news = told.is_none_or(|told| now.duration_since(told) >= TOLD_AGAIN);
        if is_news {
            *told = Some(now);
        }
        is_news
    }

    /// This node is expected to refuse the next write.
    pub fn is_of(&self, node: usize) -> bool {
        self.write.is_of(node)
    }
}
