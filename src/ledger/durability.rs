//! Whether a commit has waited for a standby.
//!
//! A session's settings say that it will wait. That it did is another matter: PostgreSQL lets those who wait go when replication is made
//! asynchronous, and makes nobody wait before the checkpointer has read new settings (`sync_standbys_defined`, syncrep.c). So a commit
//! that was quick under settings that are not new has waited; for any other a standby's position is the proof.

use super::Error;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use std::time::{Duration, Instant};

/// Two columns for the relation of a statement.
pub(super) const SYNCHRONOUS: &str = "(current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply')) AS synchronous,
    clock_timestamp() - pg_conf_load_time() < interval '2 minutes' AS new_settings";

/// A statement that took longer may have been let go.
const QUICK: Duration = Duration::from_millis(10);
/// How long a standby may take to confirm what has been sent to it, in how many looks.
const LOOKS: u32 = 100;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, QueryableByName)]
pub(super) struct Durability {
    #[diesel(sql_type = Bool)]
    synchronous: bool,
    #[diesel(sql_type = Bool)]
    new_settings: bool,
}

#[derive(QueryableByName)]
struct Position {
    #[diesel(sql_type = BigInt)]
    lsn: i64,
}

impl Durability {
    pub fn now(connection: &mut PgConnection) -> Result<Durability, Error> {
        Ok(diesel::sql_query(format!("SELECT {SYNCHRONOUS}")).get_result(connection)?)
    }

    pub fn is_synchronous(self) -> bool {
        self.synchronous
    }

    /// Of the statement that was begun at `begun` and returned self. `required`: what has not been replicated is an error.
    pub fn of_commit(
        self,
        connection: &mut PgConnection,
        begun: Instant,
        required: bool,
    ) -> Result<bool, Error> {
        let certain = !self.new_settings && begun.elapsed() < QUICK;
        let replicated = self.synchronous && (certain || is_confirmed(connection)?);
        if required && !replicated {
            Err(Error::Unconfirmed)
        } else {
            Ok(replicated)
        }
    }
}

/// Everything that this server had written when asked is on a synchronous standby.
#[expect(
    clippy::disallowed_methods,
    reason = "a blocking thread, within the bounds of its attempt"
)]
fn is_confirmed(connection: &mut PgConnection) -> Result<bool, Error> {
    let query = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint AS lsn";
    let Position { lsn } = diesel::sql_query(query).get_result(connection)?;
    let confirmed = format!(
        "EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND flush_lsn - '0/0'::pg_lsn >= {lsn})"
    );
    for _ in 0..LOOKS {
        if diesel::select(sql::<Bool>(&confirmed)).get_result(connection)? {
            return Ok(true);
        }
        if !Durability::now(connection)?.synchronous {
            return Ok(false);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(false)
}
