//! What `/status`, `/health`, `/ready` and the log say is what is.

use crate::faults::operator::cut_off;
use crate::support::wait::{ms, s};
use crate::support::{App, Cluster, Launch, ask, eventually, holds_for, minimal, sql};
use serde_json::Value;
use std::thread;
use std::time::Instant;

fn status(app: &App) -> Value {
    app.get("/status").json()
}

#[track_caller]
fn until_node_says(app: &App, at: usize, cause: &str) {
    eventually(s(10), cause, || status(app)["nodes"][at]["cause"] == cause);
}

#[test]
fn a_node_that_answers_its_probe_with_an_error_says_so_and_heals() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let right = "EXECUTE ON FUNCTION pg_control_system()";
    sql(cluster.primary(), &format!("REVOKE {right} FROM PUBLIC"));
    until_node_says(&app, 0, "probe_failed");
    app.logs("permission denied for function pg_control_system");
    sql(cluster.primary(), &format!("GRANT {right} TO PUBLIC"));
    app.until_healthy(s(10));
    app.create(&minimal()).expect(201);
}

#[test]
fn a_synchronous_primary_without_a_standby_waits_for_one_and_says_so() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 500)
        .healthy();
    cluster.replica().kill().unwrap();
    until_node_says(&app, 0, "waiting_for_standby");
    assert_eq!(status(&app)["writes"], "held");
    assert_eq!(app.get("/ready").json()["writes"], false);
    assert_eq!(app.get("/health").json()["db_primary"], "connected");
    app.create(&minimal()).problem(503, "outcome_unknown");
    app.logs("its commits wait for a standby");
    let log = app.log();
    assert!(!log.contains("a commit waits for no standby"), "{log}");
    cluster.replica().start().unwrap();
    app.until_healthy(s(5));
    app.create(&minimal()).expect(201);
}

#[test]
fn a_read_only_primary_says_so_and_writes_are_held() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 300)
        .healthy();
    cluster
        .primary()
        .reload(&[("default_transaction_read_only", "on")])
        .unwrap();
    until_node_says(&app, 0, "read_only");
    assert_eq!(status(&app)["writes"], "held");
    app.create(&minimal()).problem(503, "primary_unavailable");
    app.logs("default_transaction_read_only");
}

#[test]
fn a_standby_that_follows_nobody_is_not_connected() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cut_off(cluster.replica());
    until_node_says(&app, 1, "follows_nobody");
    let health = app.get("/health").expect(503).json();
    assert_eq!(
        (&health["db_primary"], &health["db_replica"]),
        (&"connected".into(), &"disconnected".into())
    );
    cluster.replica().follow(cluster.primary()).unwrap();
    app.until_healthy(s(10));
}

/// The primary of a cluster need not be in the settings of an instance that serves reads.
#[test]
fn where_only_replicas_are_configured_all_of_them_are_connected() {
    let cluster = Cluster::with_replicas(2);
    let mut urls = cluster.urls();
    let app = Launch::on(urls.split_off(1)).start();
    eventually(s(10), "both are", || {
        let health = app.get("/health").expect(503).json();
        (&health["db_primary"], &health["db_replica"])
            == (&"disconnected".into(), &"connected".into())
    });
}

/// A setting of the server, since PostgreSQL 14.
#[test]
fn connections_that_nobody_uses_are_not_ended_by_the_server() {
    let cluster = Cluster::alone();
    let known =
        "SELECT count(*)::text AS value FROM pg_settings WHERE name = 'idle_session_timeout'";
    if ask(cluster.primary(), known) == "0" {
        return;
    }
    let timeout = [("idle_session_timeout", "2s")];
    cluster.primary().reload(&timeout).unwrap();
    let app = cluster.launch().healthy();
    let unused = "SELECT count(*)::text AS value FROM pg_stat_activity
                   WHERE usename = 'synapse' AND state = 'idle' AND state_change < now() - interval '4 s'";
    eventually(s(15), "they live on", || {
        ask(cluster.primary(), unused) != "0"
    });
    app.create(&minimal()).expect(201);
    assert!(!app.log().contains("to=down"), "{}", app.log());
}

#[test]
fn writes_are_told_as_they_would_be_answered_where_replication_is_required() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .text("durability.require", "node")
        .set("database.write_deadline_ms", 500)
        .healthy();
    let is_refused = || {
        app.create(&minimal())
            .problem(503, "durability_unavailable");
        assert_eq!(app.get("/ready").json()["writes"], false);
        assert_eq!(status(&app)["writes"], "refused");
    };
    is_refused();
    cluster.make_synchronous();
    eventually(s(5), "it replicates", || {
        status(&app)["nodes"][1]["sync_state"] == "quorum"
    });
    is_refused();
    app.logs("fsync or full_page_writes is off");
    cluster.make_durable();
    eventually(s(5), "it writes", || {
        app.get("/ready").json()["writes"] == true
    });
    assert_eq!(
        app.create(&minimal()).expect(201).header("X-Durability"),
        "replicated"
    );
    assert_eq!(status(&app)["writes"], "available");
}

#[test]
fn a_failover_is_told_with_the_gap_until_the_first_write_and_both_positions() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    thread::scope(|scope| {
        cluster.primary().kill().unwrap();
        eventually(s(5), "the loss is known", || {
            status(&app)["writes"] == "held"
        });
        let start = Instant::now();
        let write = scope.spawn(|| app.create(&minimal()));
        holds_for(ms(300), "the write is held", || !write.is_finished());
        // Commits of the new primary wait until somebody follows it.
        let names = [("synchronous_standby_names", "ANY 1 (*)")];
        cluster.replica().reload(&names).unwrap();
        cluster.replica().promote().unwrap();
        until_node_says(&app, 1, "waiting_for_standby");
        holds_for(ms(300), "no commit is acknowledged", || {
            !write.is_finished()
        });
        cluster
            .replica()
            .reload(&[("synchronous_standby_names", "")])
            .unwrap();
        write.join().unwrap().expect(201);
        let gap = start.elapsed();
        eventually(s(5), "the failover is told", || {
            let failovers = status(&app)["failovers"].clone();
            let told = failovers[0]["write_gap_ms"].as_u64();
            told.is_some_and(|told| ms(told) >= ms(600) && ms(told) <= gap + s(5))
        });
    });
    let failover = status(&app)["failovers"][0].clone();
    assert_eq!(
        (&failover["from"], &failover["to"]),
        (&"node-1".into(), &"node-2".into())
    );
    let reason = failover["reason"].as_str().unwrap();
    assert!(
        [
            "connection_lost",
            "connection_refused",
            "no_answer",
            "shutting_down"
        ]
        .contains(&reason),
        "{failover}"
    );
    app.logs("a new timeline counts");
    let log = app.log();
    let line = log
        .lines()
        .find(|line| line.contains("a new timeline counts"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(" position=0/") && line.contains("old_position=0/"),
        "{line}"
    );
}

/// Texts of PostgreSQL and libpq hold names of users, hosts and files.
#[test]
fn status_tells_causes_by_their_codes() {
    let cluster = Cluster::pair();
    cluster.replica().kill().unwrap();
    let wrong = format!("{}_of_nobody", cluster.urls()[0]);
    let urls = [cluster.urls()[0].clone(), cluster.urls()[1].clone(), wrong];
    let app = Launch::on(urls).start();
    until_node_says(&app, 1, "connection_refused");
    until_node_says(&app, 2, "database_missing");
    sql(cluster.primary(), "ALTER ROLE synapse NOLOGIN");
    let sessions =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";
    sql(cluster.primary(), sessions);
    until_node_says(&app, 0, "authentication_failed");
    let count = "SELECT count(*)::text AS value FROM pg_stat_activity WHERE usename = 'synapse'";
    assert_eq!(ask(cluster.primary(), count), "0");
}

#[test]
fn a_database_url_that_is_blank_is_refused_in_one_line() {
    let launch = Launch::bare()
        .set("embedded.enabled", true)
        .env("DATABASE_URL", "");
    let output = launch.run(&["serve"]).expect(2);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("DATABASE_URL"), "{}", output.stderr);
}

#[test]
fn the_private_postgresql_is_served_on_this_machine_alone() {
    let launch = Launch::bare()
        .set("embedded.enabled", true)
        .text("server.bind", "0.0.0.0:3000");
    let output = launch.run(&["serve"]).expect(2);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("loopback"), "{}", output.stderr);
}
