//! Servers and sessions end, hang, lag or come back; nobody is promoted.

use super::{Fault, any_standby, fault, hard};
use crate::support::wait::s;
use crate::support::{App, eventually, sql};
use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use private_postgres::{StopMode, User};

pub const REPLICA_KILLED: Fault = fault("a replica killed", |stage, _| {
    let standby = any_standby(stage);
    standby.kill().unwrap();
    stage.more_writes(20);
    standby.start().unwrap();
});

pub const REPLICA_FROZEN: Fault = fault("a replica frozen", |stage, _| {
    let standby = any_standby(stage);
    standby.freeze();
    stage.more_writes(20);
    standby.thaw();
});

/// It receives, and shows nothing new.
pub const REPLICA_LAGS: Fault = fault("a replica that lags", |stage, _| {
    let standby = any_standby(stage);
    sql(standby, "SELECT pg_wal_replay_pause()");
    stage.more_writes(100);
    sql(standby, "SELECT pg_wal_replay_resume()");
});

pub const PRIMARY_RESTARTS: Fault = fault("the primary crashes and comes back", |stage, _| {
    stage.primary().stop(StopMode::Immediate).unwrap();
    stage.primary().start().unwrap();
});

pub const SESSIONS_END: Fault = fault("all sessions terminated, again and again", |stage, _| {
    for _ in 0..5 {
        let all =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";
        stage.cluster.nodes.iter().for_each(|node| sql(node, all));
        stage.more_writes(5);
    }
});

pub const ALL_DOWN: Fault = hard("all databases down", |stage, _| {
    stage.reads_excused.during(|| {
        stage
            .cluster
            .nodes
            .iter()
            .for_each(|node| node.kill().unwrap());
        let serves = |app: &App| app.get("/ready").status == 200;
        eventually(s(5), "nothing is served", || !stage.apps.iter().any(serves));
        stage.primary().start().unwrap();
        stage
            .standbys()
            .iter()
            .for_each(|node| node.start().unwrap());
        stage.more_writes(5);
    });
});

/// A probe may see nothing of it. Between two of them so many writes are acknowledged that everybody has had a turn: who meets three in a
/// row has had no time to write before the deadline, on a machine where a restart takes 3 s.
pub const RESTARTS: Fault = fault("the primary restarted, again and again", |stage, _| {
    for _ in 0..5 {
        stage.primary().stop(StopMode::Immediate).unwrap();
        stage.primary().start().unwrap();
        stage.more_writes(60);
    }
});

/// They take every place that the service's sessions leave.
pub const STRANGERS: Fault = hard("max_connections reached by strangers", |stage, _| {
    let url = stage.primary().url(User::Application);
    let mut strangers = Vec::new();
    // Connected before there is no place left, reserved ones included.
    let mut superuser = PgConnection::establish(&stage.primary().url(User::Superuser)).unwrap();
    let end_of_ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE usename = 'synapse' AND application_name <> 'stranger'";
    eventually(s(30), "nobody gets a connection any more", || {
        while let Ok(mut stranger) = PgConnection::establish(&url) {
            stranger
                .batch_execute("SET application_name = 'stranger'")
                .unwrap();
            strangers.push(stranger);
        }
        superuser.batch_execute(end_of_ours).unwrap();
        stage
            .apps
            .iter()
            .all(|app| app.get("/health").status == 503)
    });
    stage.more_reads(50);
    drop(strangers);
});
