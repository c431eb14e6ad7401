//! How many writes were lost or doubled, and how many reads were older than what they were asked for: the figures of a table. That
//! nothing else is wrong either is for the checker.

use super::history::{Attempt, History, Level, Outcome, Read, Seen, outcome};
use super::truth::Truth;
use std::collections::HashMap;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acknowledged, and not there.
    pub lost: usize,
    /// There more than once.
    pub doubled: usize,
    /// Of the reads that are not default ones.
    pub stale: usize,
}

impl Tally {
    pub fn of(history: &History, truth: &Truth) -> Tally {
        let mut rows: HashMap<&str, usize> = HashMap::new();
        for row in &truth.rows {
            *rows.entry(&row.marker).or_default() += 1;
        }
        let stored = |marker: &str| rows.get(marker).copied().unwrap_or(0);
        let mut tally = Tally::default();
        for create in &history.creates {
            tally.count(&create.attempts, 1, stored(&create.marker));
        }
        for batch in &history.batches {
            tally.count(&batch.attempts, batch.size, stored(&batch.marker));
        }
        for change in &history.changes {
            let events = truth.events.get(&change.id).into_iter().flatten();
            let made = events.filter(|event| event.reason.as_deref() == Some(&change.reason));
            tally.count(&change.attempts, 1, made.count());
        }
        for callback in &history.callbacks {
            let made = truth.callbacks.get(&callback.marker).map_or(0, Vec::len);
            tally.count(&callback.attempts, 1, made);
        }
        tally.stale = history.reads.iter().filter(|read| is_stale(read)).count();
        tally
    }

    fn count(&mut self, attempts: &[Attempt], expected: usize, found: usize) {
        let is_acknowledged = outcome(attempts) == Outcome::Acknowledged;
        self.lost += usize::from(is_acknowledged && found < expected);
        self.doubled += usize::from(found > expected);
    }
}

fn is_stale(read: &Read) -> bool {
    let Seen::Version(version) = read.seen else {
        return false;
    };
    read.level != Level::Eventual && version < read.floor
}
