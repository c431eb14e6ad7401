//! One question to a node: what are you now? One statement, one round trip.

use super::error::Error;
use super::role::DbRole;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The oldest server that has everything the service asks of it.
pub const OLDEST_SERVER_VERSION: i32 = 130_000;

/// What a node said of itself, and how long it took to say so.
#[derive(Clone, Debug)]
pub struct Facts {
    pub role: DbRole,
    /// A primary that was told `default_transaction_read_only` is not one for us.
    pub writable: bool,
    pub system_id: i64,
    /// With `system_id` it names one running server: two addresses with the same pair are one database.
    pub started_at: DateTime<Utc>,
    pub timeline: Option<i32>,
    /// Insert position of a primary, replay position of a standby.
    pub lsn: i64,
    /// A standby's own estimate. None: it has never replayed anything.
    pub lag_ms: Option<i64>,
    /// The `application_name` under which a standby's receiver is known upstream.
    pub upstream_name: Option<String>,
    /// On a primary: `application_name` → `sync_state` of each standby that streams.
    pub standbys: HashMap<String, String>,
    /// A commit waits for a standby (PostgreSQL 15 manual, 27.2.8).
    pub synchronous: bool,
    pub server_version: i32,
    pub tls: bool,
    /// The connection does not leave the machine.
    pub loopback: bool,
    /// This user may read the views of replication; without, `standbys` and a standby's receiver stay hidden.
    pub sees_replication: bool,
    /// This user may cancel other sessions, and so end their wait for a standby with a false success.
    pub can_cancel_others: bool,
    /// The language of its errors.
    pub lc_messages: String,
    pub rtt: Duration,
}

impl Facts {
    pub fn is_writable_primary(&self) -> bool {
        self.role == DbRole::Primary && self.writable
    }

    /// What an operator should know before a failover teaches it. A standby that starts beside its primary needs a moment to become a
    /// synchronous one: `settled` says that it has had it.
    pub fn warnings(&self, settled: bool) -> Vec<&'static str> {
        let english = ["C", "POSIX", "en"]
            .iter()
            .any(|prefix| self.lc_messages.starts_with(prefix));
        let primary = self.role == DbRole::Primary;
        let table = [
            (
                primary && !self.writable,
                "the primary is read-only (default_transaction_read_only): it gets no writes",
            ),
            (
                settled && primary && self.sees_replication && !self.replicates_synchronously(),
                "a commit waits for no standby: the last writes before a failover can be lost",
            ),
            (
                !self.tls && !self.loopback,
                "the connection is not encrypted (sslmode=verify-full)",
            ),
            (
                primary && self.can_cancel_others,
                "this user may cancel other sessions, and so turn a wait for a standby into a false success",
            ),
            (
                !self.sees_replication,
                "this user cannot see replication (GRANT pg_read_all_stats)",
            ),
            (
                !english,
                "lc_messages is not English: lock and statement timeouts are told as internal errors",
            ),
        ];
        table
            .into_iter()
            .filter(|(applies, _)| *applies)
            .map(|(_, warning)| warning)
            .collect()
    }

    /// A commit waits, and there is somebody to wait for.
    pub fn replicates_synchronously(&self) -> bool {
        let somebody = !self.sees_replication
            || self
                .standbys
                .values()
                .any(|state| state == "sync" || state == "quorum");
        self.synchronous && somebody
    }
}

/// The timeline of a standby is the receiver's; `pg_control_checkpoint` shows the old one until the next restart point.
/// `pg_walfile_name` fails on a standby, which CASE prevents.
const PROBE: &str = "
SELECT s.standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       (SELECT system_identifier FROM pg_control_system()) AS system_id,
       pg_postmaster_start_time() AS started_at,
       CASE WHEN s.standby
            THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (SELECT timeline_id FROM pg_control_checkpoint()))
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int
       END AS timeline,
       (CASE WHEN s.standby THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END
         - '0/0'::pg_lsn)::bigint AS lsn,
       CASE WHEN NOT s.standby THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
            ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint
       END AS lag_ms,
       (SELECT coalesce(substring(conninfo FROM '(?:^| )application_name=(\\S+)'),
                        substring(conninfo FROM 'fallback_application_name=(\\S+)'))
          FROM pg_stat_wal_receiver) AS upstream_name,
       coalesce((SELECT json_object_agg(application_name, sync_state) FROM pg_stat_replication
                  WHERE state = 'streaming' AND application_name IS NOT NULL), '{}')::text AS standbys,
       current_setting('synchronous_standby_names') <> ''
         AND current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply') AS synchronous,
       current_setting('server_version_num')::int AS server_version,
       coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true) AS loopback,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_replication,
       pg_has_role('pg_signal_backend', 'USAGE') AS can_cancel_others,
       current_setting('lc_messages') AS lc_messages,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls
  FROM (SELECT pg_is_in_recovery() AS standby) s";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Bool)]
    standby: bool,
    #[diesel(sql_type = Bool)]
    read_only: bool,
    #[diesel(sql_type = BigInt)]
    system_id: i64,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Integer>)]
    timeline: Option<i32>,
    #[diesel(sql_type = BigInt)]
    lsn: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    lag_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    upstream_name: Option<String>,
    #[diesel(sql_type = Text)]
    standbys: String,
    #[diesel(sql_type = Bool)]
    synchronous: bool,
    #[diesel(sql_type = Integer)]
    server_version: i32,
    #[diesel(sql_type = Bool)]
    tls: bool,
    #[diesel(sql_type = Bool)]
    loopback: bool,
    #[diesel(sql_type = Bool)]
    sees_replication: bool,
    #[diesel(sql_type = Bool)]
    can_cancel_others: bool,
    #[diesel(sql_type = Text)]
    lc_messages: String,
}

pub fn probe(connection: &mut PgConnection) -> Result<Facts, Error> {
    let asked = Instant::now();
    let row: Row = diesel::sql_query(PROBE).get_result(connection)?;
    Ok(Facts {
        role: if row.standby {
            DbRole::Replica
        } else {
            DbRole::Primary
        },
        writable: !row.read_only,
        system_id: row.system_id,
        started_at: row.started_at,
        timeline: row.timeline,
        lsn: row.lsn,
        lag_ms: row.lag_ms,
        upstream_name: row.upstream_name,
        standbys: serde_json::from_str(&row.standbys)
            .map_err(|e| Error::Lost(format!("unreadable answer to a probe: {e}")))?,
        synchronous: row.synchronous,
        server_version: row.server_version,
        tls: row.tls,
        loopback: row.loopback,
        sees_replication: row.sees_replication,
        can_cancel_others: row.can_cancel_others,
        lc_messages: row.lc_messages,
        rtt: asked.elapsed(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Each call is another server of the cluster `system_id`.
    pub fn primary(system_id: i64, timeline: i32) -> Facts {
        static STARTED: AtomicI64 = AtomicI64::new(1);
        let started_at =
            DateTime::from_timestamp(STARTED.fetch_add(1, Ordering::Relaxed), 0).unwrap();
        Facts {
            role: DbRole::Primary,
            writable: true,
            system_id,
            started_at,
            timeline: Some(timeline),
            lsn: 1,
            lag_ms: Some(0),
            upstream_name: None,
            standbys: HashMap::new(),
            synchronous: false,
            server_version: 150_018,
            tls: false,
            loopback: true,
            sees_replication: true,
            can_cancel_others: false,
            lc_messages: "C".into(),
            rtt: Duration::from_millis(1),
        }
    }

    pub fn standby(system_id: i64, timeline: i32) -> Facts {
        Facts {
            role: DbRole::Replica,
            writable: false,
            ..primary(system_id, timeline)
        }
    }
}
