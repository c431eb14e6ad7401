//! `[database]`

mod nodes;

use super::durability;
use super::reader::Reader;
use crate::db::{NodeOptions, Options, RebuildSchedule};
use crate::dispatch::{MAX_DEADLINE_MS, MAX_STALENESS_MS, Policy};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Empty: the private PostgreSQL of `[embedded]` is used.
    pub nodes: Vec<NodeOptions>,
    pub availability: Options,
    pub policy: Policy,
    pub migrate_on_start: bool,
}

/// Short: a statement that many jobs share must not wait long for a lock of somebody else. The job that needs the lock is sent again, alone
/// (`dispatch::write`). Where statements themselves have less than twice that time, it is half of theirs: a wait for a lock must end as one,
/// and not as a statement that took too long.
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);

pub(super) fn database(r: &mut Reader, region: Option<String>) -> DatabaseSettings {
    let (write_deadline, attempt_timeout) = times(r);
    let nodes = nodes::nodes(r);
    nodes::check_region(r, &nodes, region.as_deref());
    let require = durability::require(r, &nodes);
    // The server cancels a slow statement before the attempt times out. If it does not answer at all, the service gives up the thread and
    // its connection.
    let statement_timeout = attempt_timeout * 4 / 5;
    let availability = Options {
        pool_size: u32::try_from(r.number("database.pool_size", 10, 1..=500)).unwrap_or(10),
        statement_timeout,
        lock_timeout: LOCK_TIMEOUT.min(statement_timeout / 2),
        probe_interval: r.millis("database.probe_interval_ms", 500, 20..=60_000),
        probe_timeout: r.millis("database.probe_timeout_ms", 500, 20..=60_000),
        max_replica_lag: r.millis(
            "database.max_replica_lag_ms",
            5000,
            0..=MAX_STALENESS_MS.into(),
        ),
        region,
        require,
        rebuild: rebuild(r),
    };
    DatabaseSettings {
        nodes,
        availability,
        policy: Policy {
            write_deadline,
            attempt_timeout,
            max_waiting: usize::try_from(r.number("database.max_waiting", 1000, 1..=100_000))
                .unwrap_or(1000),
        },
        migrate_on_start: r.flag("database.migrate_on_start", true),
    }
}

/// The write deadline, and the attempt timeout. Only an attempt timeout that is set must not exceed the deadline: whoever shortens the
/// deadline alone keeps the default timeout for reads, and writes end at their deadline anyway.
fn times(r: &mut Reader) -> (Duration, Duration) {
    let write_deadline = r.millis(
        "database.write_deadline_ms",
        8000,
        100..=MAX_DEADLINE_MS.into(),
    );
    let attempt_timeout = r.millis_if_set("database.attempt_timeout_ms", 50..=60_000);
    if attempt_timeout.is_some_and(|attempt| attempt > write_deadline) {
        r.problem(
            "database.attempt_timeout_ms",
            "must not be more than database.write_deadline_ms: no write has so long",
        );
    }
    let default = Duration::from_millis(3000);
    (write_deadline, attempt_timeout.unwrap_or(default))
}

fn rebuild(r: &mut Reader) -> RebuildSchedule {
    let schedule = RebuildSchedule {
        initial: r.millis("database.rebuild.initial_ms", 2000, 100..=600_000),
        factor: r.decimal("database.rebuild.factor", 2.0, 1.0..=10.0),
        max: r.millis("database.rebuild.max_ms", 32_000, 100..=3_600_000),
        attempts: u32::try_from(r.number("database.rebuild.attempts", 5, 1..=1000)).unwrap_or(5),
    };
    if schedule.max < schedule.initial {
        r.problem(
            "database.rebuild.max_ms",
            "must not be less than database.rebuild.initial_ms",
        );
    }
    schedule
}
