//! The durations and limits of this module. The settings are read elsewhere.

use super::url::DatabaseUrl;
use diesel::PgConnection;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Options {
    pub pool_size: u32,
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub probe_interval: Duration,
    pub probe_timeout: Duration,
    pub max_replica_lag: Duration,
    pub region: Option<String>,
    pub require: Require,
    pub rebuild: RebuildSchedule,
}

/// Where a commit has to be, beside the primary's disk, before the write is acknowledged.
///
/// For example, a primary in eu is followed by eu-b and us-a. At t = 0 s a create is committed, at t = 1 ms eu-b has flushed it, at
/// t = 80 ms us-a has, and at t = 90 ms eu is lost with both its servers. `None` acknowledged it at once, `Node` after 1 ms, and both lost
/// it; `Region` acknowledged it after 80 ms, and us-a has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// Nowhere. The answer says where it is.
    None,
    /// On a standby.
    Node,
    /// On a standby in another region than the primary's.
    Region,
}

#[cfg(test)]
impl Options {
    /// For tests that care for none of the durations.
    pub fn of_a_second(pool_size: u32) -> Options {
        let second = Duration::from_secs(1);
        Options {
            pool_size,
            statement_timeout: second,
            lock_timeout: second,
            probe_interval: second,
            probe_timeout: second,
            max_replica_lag: second,
            region: None,
            require: Require::None,
            rebuild: RebuildSchedule {
                initial: second,
                factor: 2.0,
                max: second,
                attempts: 5,
            },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct RebuildSchedule {
    pub initial: Duration,
    pub factor: f64,
    pub max: Duration,
    /// After so many failed attempts the node is reported as failed. The attempts go on.
    pub attempts: u32,
}

#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub name: String,
    pub region: Option<String>,
    pub url: DatabaseUrl,
}

type Verify = Box<dyn Fn(&mut PgConnection) -> Result<(), String> + Send + Sync>;
type MakeReady = Box<dyn Fn(&DatabaseUrl) -> Result<(), String> + Send + Sync>;

/// How a schema is verified and prepared before a primary serves. That is done once on each branch of the history, since a failover can
/// lose a migration.
pub struct Schema {
    /// Looks whether the schema is the right one. An error: it is prepared.
    pub verify: Verify,
    /// Makes the schema the right one. An error takes the node down, or keeps it down, until the next attempt.
    pub prepare: MakeReady,
}
