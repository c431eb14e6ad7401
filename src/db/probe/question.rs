//! The statements of a probe, and how their answers become [`Facts`].

use super::super::error::Error;
use super::super::role::DbRole;
use super::{Facts, Server};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use std::time::Instant;

const QUESTION: &str = include_str!("question.sql");

/// A standby whose upstream is gone shows in its control file the timeline of its last restart point, which may have ended. What it has
/// received since then stands in `pg_wal`: a segment of timeline 2 is there only where the standby has followed 2, and a history file of 2
/// says that 2 exists, even if this standby could not follow it.
const WAL_FILES: &str = "
SELECT max(('x' || left(name, 8))::bit(32)::int) FILTER (WHERE name ~ '^[0-9A-F]{24}$') AS followed,
       max(('x' || left(name, 8))::bit(32)::int) FILTER (WHERE name ~ '^[0-9A-F]{8}[.]history$') AS heard_of
  FROM pg_ls_waldir()";

/// It also keeps the server from ending a session that is not used for a while: the next statement would fail, and with it the whole pool.
/// The setting exists since PostgreSQL 14, and could not be named in the options of a connection to 13.
const SERVER: &str = "SELECT system_identifier AS system_id, pg_postmaster_start_time() AS started_at,
    CASE WHEN current_setting('idle_session_timeout', true) IS NOT NULL THEN set_config('idle_session_timeout', '0', false) END
    FROM pg_control_system()";

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
    #[diesel(sql_type = Nullable<Timestamptz>)]
    settled_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    upstream_name: Option<String>,
    #[diesel(sql_type = Text)]
    standbys: String,
    #[diesel(sql_type = Bool)]
    receiving: bool,
    #[diesel(sql_type = Integer)]
    waits_for: i32,
    #[diesel(sql_type = Bool)]
    sees_wal_files: bool,
    #[diesel(sql_type = Bool)]
    waits_for_flush: bool,
    #[diesel(sql_type = Bool)]
    fsync: bool,
    #[diesel(sql_type = Bool)]
    full_page_writes: bool,
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

#[derive(QueryableByName, Default)]
struct WalFiles {
    #[diesel(sql_type = Nullable<Integer>)]
    followed: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    heard_of: Option<i32>,
}

#[derive(QueryableByName)]
struct ServerRow {
    #[diesel(sql_type = BigInt)]
    system_id: i64,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
}

/// Which server a connection has reached.
pub fn server_of(connection: &mut PgConnection) -> QueryResult<Server> {
    let row: ServerRow = diesel::sql_query(SERVER).get_result(connection)?;
    Ok(Server {
        system_id: row.system_id,
        started_at: row.started_at,
    })
}

pub fn probe(connection: &mut PgConnection) -> Result<Facts, Error> {
    let asked = Instant::now();
    let row: Row = diesel::sql_query(QUESTION).get_result(connection)?;
    let rtt = asked.elapsed();
    let files = if row.standby && !row.receiving && row.sees_wal_files {
        diesel::sql_query(WAL_FILES).get_result(connection)?
    } else {
        WalFiles::default()
    };
    let role = if row.standby {
        DbRole::Replica
    } else {
        DbRole::Primary
    };
    Ok(Facts {
        role,
        writable: !row.read_only,
        server: Server {
            system_id: row.system_id,
            started_at: row.started_at,
        },
        timeline: row.timeline.max(files.followed),
        heard_of: files.heard_of,
        lsn: row.lsn,
        own_lag_ms: row.lag_ms.map(|ms| u64::try_from(ms).unwrap_or(0)),
        settled_until: row.settled_until,
        receiving: row.receiving,
        upstream_name: row.upstream_name,
        standbys: serde_json::from_str(&row.standbys)
            .map_err(|e| Error::Statement(format!("unreadable answer to a probe: {e}")))?,
        waits_for: u32::try_from(row.waits_for).unwrap_or(0),
        server_version: row.server_version,
        tls: row.tls,
        loopback: row.loopback,
        sees_replication: row.sees_replication,
        sees_wal_files: row.sees_wal_files,
        can_cancel_others: row.can_cancel_others,
        waits_for_flush: row.waits_for_flush,
        survives_crashes: row.fsync && row.full_page_writes,
        lc_messages: row.lc_messages,
        rtt,
    })
}
