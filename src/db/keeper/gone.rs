//! A timeline that is gone.
//!
//! At t = 0 s node-2 is promoted to timeline 2 and gets writes. At t = 10 s an orchestrator changes its mind: it stops node-2, rewinds it
//! (`pg_rewind`), and lets it follow node-1 on timeline 1 again. What was acknowledged on timeline 2 is lost, and to refuse node-1 for ever
//! brings nothing back. So a timeline is given up, with an error in the log, when every configured node answers and none has it, or has
//! heard of it. A node that is silent may have it; so may a standby that follows nobody, whose control file shows an old timeline until its
//! next restart point.

use super::judge::Memory;
use super::look::Look;
use std::time::Instant;

pub fn give_up_what_nobody_has(looks: &[Look], memory: &mut Memory, now: Instant) {
    let lost = memory.timeline;
    let may_have_it = |look: &Look| {
        let known = look.timeline.max(look.facts.heard_of.unwrap_or(0));
        known >= lost || look.follows_nobody()
    };
    let nobody_has = looks.len() == memory.nodes.len() && !looks.iter().any(may_have_it);
    // Their answers must be from the same time, so each node is asked once more.
    memory.gone_since = nobody_has.then(|| memory.gone_since.unwrap_or(now));
    let all_since = |since| looks.iter().all(|look| look.asked >= since);
    if memory.gone_since.is_some_and(all_since) {
        let left = looks.iter().map(|look| look.timeline).max();
        memory.timeline = left.unwrap_or(0);
        (memory.writer, memory.shown, memory.gone_since) = (None, 0, None);
    }
}
