//! Whether writes may go to the primary where a standby must confirm them.

use super::Databases;
use super::options::Require;
use std::time::{Duration, Instant};

/// Whether the primary replicates as it must where replication is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    There,
    /// It did until a moment ago, as after a failover.
    Awaited,
    Missing,
}

impl Databases {
    /// `patience`: how long replication may be missing, where it is required, after a failover or a restart of the primary, while standbys
    /// find it. While there is no primary, nothing is missing yet.
    pub fn replication(&self, patience: Duration) -> Replication {
        let primary = self.primary_now();
        if self.requires() == Require::None || primary.is_none_or(|primary| primary.durable) {
            return Replication::There;
        }
        let conclusions = self.shared.conclusions.borrow();
        if conclusions.awaits_standbys(patience, Instant::now()) {
            Replication::Awaited
        } else {
            Replication::Missing
        }
    }
}
