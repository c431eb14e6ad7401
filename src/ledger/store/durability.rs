//! Whether a commit has waited for a standby.
//!
//! A session's settings say that it will wait. That it did is another matter: PostgreSQL lets those who wait go when replication is made
//! asynchronous, and makes nobody wait before the checkpointer has read new settings (`sync_standbys_defined`, syncrep.c). So a commit
//! that was quick under settings that are not new has waited; for any other a standby's position is the proof.

use std::time::{Duration, Instant};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

/// What a statement answered, and whether its commit is on a standby too.
#[derive(Debug)]
pub struct Committed<T> {
    pub value: T,
    pub replicated: bool,
}

/// The two columns by which a statement tells what its session will wait for: `synchronous` and `new_settings`, written out in each SQL
/// file.
pub(super) type DurabilityColumns = (Bool, Bool);

#[derive(Clone, Copy, Debug, Queryable)]
pub(super) struct Durability {
    /// A commit of this session waits until a standby has it.
    synchronous: bool,
    /// The settings were read so recently that they may not be in force.
    new_settings: bool,
}

/// A statement that took longer may have been let go.
const QUICK: Duration = Duration::from_millis(10);
/// How long a standby may take to confirm what has been sent to it, in how many looks.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Of the statement that was begun at `begun` and returned `told`; None where it returned no row to tell.
///
/// The commit is done, whatever becomes of the proof: a look that fails proves nothing, and takes nothing back.
pub(super) fn is_replicated(
    connection: &mut PgConnection,
    begun: Instant,
    told: Option<Durability>,
) -> bool {
    match proof(connection, begun, told) {
        Ok(replicated) => replicated,
        Err(error) => {
            log::debug!(error:%; "whether a commit is on a standby could not be asked");
            false
        }
    }
}

fn proof(
    connection: &mut PgConnection,
    begun: Instant,
    told: Option<Durability>,
) -> QueryResult<bool> {
    let told = match told {
        Some(told) => told,
        None => now(connection)?,
    };
    let certain = !told.new_settings && begun.elapsed() < QUICK;
    Ok(told.synchronous && (certain || is_confirmed(connection)?))
}

fn now(connection: &mut PgConnection) -> QueryResult<Durability> {
    diesel::select((
        sql::<Bool>(
            "current_setting('synchronous_standby_names') <> ''
             AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply')",
        ),
        sql::<Bool>("now() - pg_conf_load_time() < interval '2 minutes'"),
    ))
    .get_result(connection)
}

/// Everything that this server had written when asked is on a synchronous standby.
#[expect(
    clippy::disallowed_methods,
    reason = "a blocking thread, within the bounds of its attempt"
)]
fn is_confirmed(connection: &mut PgConnection) -> QueryResult<bool> {
    let lsn = sql::<BigInt>("(pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint");
    let lsn: i64 = diesel::select(lsn).get_result(connection)?;
    for _ in 0..LOOKS {
        let confirmed = sql::<Bool>(
            "EXISTS (SELECT FROM pg_stat_replication
                      WHERE sync_state IN ('sync', 'quorum') AND flush_lsn - '0/0'::pg_lsn >= ",
        )
        .bind::<BigInt, _>(lsn)
        .sql(")");
        if diesel::select(confirmed).get_result(connection)? {
            return Ok(true);
        }
        if !now(connection)?.synchronous {
            return Ok(false);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(false)
}
