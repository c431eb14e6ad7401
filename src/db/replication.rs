//! Whether writes may go to the primary where a standby must confirm them.

use super::Databases;
use super::options::Require;
use super::probe::Branch;
use std::time::{Duration, Instant};

/// Whether the primary replicates as it must where replication is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    There,
    /// It did until a moment ago, as after a failover.
    Awaited,
    Missing,
}

/// How long the standbys of a primary that goes on running may be away before writes are refused, and how long it may take at the start of
/// the service until they are known: long enough for one that is restarted.
const STANDBYS_RETURN: Duration = Duration::from_secs(5);

impl Databases {
    /// `patience`: how long replication may be missing, where it is required, after a failover or a restart of the primary, while standbys
    /// find it. While there is no primary, nothing is missing yet.
    pub fn replication(&self, patience: Duration) -> Replication {
        let primary = self.primary_now();
        if self.requires() == Require::None || primary.is_none_or(|primary| primary.durable) {
            return Replication::There;
        }
        let conclusions = self.shared.conclusions.borrow();
        let is_awaited = |(branch, elected_at): (Branch, Instant)| {
            let (since, patience) = match conclusions.durable {
                // It has not changed, but it may have been out of reach meanwhile, as its standbys were.
                Some(last) if last.branch == branch => {
                    (last.at.max(elected_at), STANDBYS_RETURN.min(patience))
                }
                // After a failover, or a restart of its server.
                Some(_) => (elected_at, patience),
                None => (elected_at, STANDBYS_RETURN.min(patience)),
            };
            since.elapsed() < patience
        };
        if conclusions.branch.is_some_and(is_awaited) {
            Replication::Awaited
        } else {
            Replication::Missing
        }
    }
}
