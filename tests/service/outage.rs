//! A database goes and comes back.

use crate::support::app::App;
use crate::support::load::{all_are, while_asking};
use crate::support::wait::{ms, s};
use crate::support::{Answer, Cluster, ask, eventually, holds_for, key, minimal, sql};
use private_postgres::StopMode;
use std::thread;
use std::time::Instant;

const HEALING: std::time::Duration = s(5);
/// So far away that it is not the schedule that heals anything here, but that a node answers again.
const SCHEDULE_MS: u64 = 20_000;

/// A pair, a service, and a transaction that both databases have.
fn pair() -> (Cluster, App, String) {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .healthy();
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    eventually(s(5), "the replica serves it", || {
        app.get(&path).served_by() == "replica"
    });
    (cluster, app, path)
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_fails_writes_alone_is_told_and_heals() {
    let (cluster, app, path) = pair();
    sql(
        cluster.primary(),
        "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, actor, request_id)
         SELECT 'other', gen_random_uuid(), gen_random_uuid(), repeat('G', 56), 1, 'USDC', 'anchor-' || n, 'api:test', 'test'
           FROM generate_series(1, 120000) n",
    );
    let size = ask(
        cluster.primary(),
        "SELECT pg_relation_size('transactions')::text AS value",
    );
    let size: u64 = size.parse().unwrap();
    assert!(size > 16 << 20, "larger than a file of WAL: {size}");
    cluster.primary().limit_files(Some(size)).unwrap();
    let (mut refused, mut refused_key) = (None, String::new());
    eventually(s(60), "the last page is full", || {
        refused_key = key();
        refused = Some(app.create_keyed(&refused_key, &minimal())).filter(|it| it.status != 201);
        refused.is_some()
    });
    let refused = refused.unwrap().problem(503, "overloaded");
    assert_eq!(refused.json()["outcome"], "not_applied");
    app.logs("could not extend file");
    let status = app.get("/status").json();
    assert_eq!(status["writes"], "refused");
    assert_eq!(status["nodes"][0]["cause"], "no_room");
    assert_eq!(app.get("/ready").expect(200).json()["writes"], false);
    app.get(&path).expect(200);
    app.get_strong(&path).expect(200);
    cluster.primary().limit_files(None).unwrap();
    let created = app.create_keyed(&refused_key, &minimal()).expect(201);
    assert_eq!(created.header("Idempotent-Replayed"), "false");
    app.until_healthy(HEALING);
    eventually(s(10), "/status says so", || {
        app.get("/status").json()["writes"] == "available"
    });
}

#[test]
fn when_the_replica_is_killed_reads_go_on_and_it_heals() {
    let (cluster, app, path) = pair();
    let reads = while_asking(
        || app.get(&path),
        || {
            cluster.replica().kill().unwrap();
            eventually(s(10), "the loss is known", || {
                app.get("/health").status == 503
            });
            assert_eq!(app.get(&path).expect(200).served_by(), "primary");
            app.create(&minimal()).expect(201);
            cluster.replica().start().unwrap();
            app.until_healthy(HEALING);
            eventually(s(5), "the replica serves again", || {
                app.get(&path).expect(200).served_by() == "replica"
            });
        },
    );
    all_are(&reads, 200, s(1));
}

#[test]
fn when_the_primary_is_killed_reads_go_on_and_writes_are_refused_after_their_deadline() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .set("database.write_deadline_ms", 500)
        .healthy();
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    eventually(s(5), "the replica serves it", || {
        app.get(&path).served_by() == "replica"
    });
    let key = key();
    let reads = while_asking(
        || app.get(&path),
        || {
            cluster.primary().kill().unwrap();
            eventually(s(10), "the loss is known", || {
                app.get("/health").status == 503
            });
            let start = Instant::now();
            let refused = app
                .create_keyed(&key, &minimal())
                .problem(503, "primary_unavailable");
            assert!(
                start.elapsed() >= ms(450) && start.elapsed() < ms(1500),
                "held for {:?}",
                start.elapsed()
            );
            assert_eq!(refused.json()["outcome"], "not_applied");
            cluster.primary().start().unwrap();
            app.until_healthy(HEALING);
        },
    );
    all_are(&reads, 200, s(1));
    let created = app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(
        created.header("Idempotent-Replayed"),
        "false",
        "what was not applied left nothing behind"
    );
}

#[test]
fn a_write_that_finds_no_primary_is_held_until_there_is_one() {
    let (cluster, app, _) = pair();
    cluster.primary().kill().unwrap();
    eventually(s(10), "the loss is known", || {
        app.get("/health").status == 503
    });
    thread::scope(|scope| {
        let write = scope.spawn(|| app.create(&minimal()));
        holds_for(ms(300), "the write is held", || !write.is_finished());
        cluster.primary().start().unwrap();
        let start = Instant::now();
        assert_eq!(
            write
                .join()
                .unwrap()
                .expect(201)
                .header("Idempotent-Replayed"),
            "false"
        );
        assert!(start.elapsed() < HEALING, "{:?}", start.elapsed());
    });
    app.until_healthy(HEALING);
}

#[test]
fn a_restart_of_the_primary_under_load_fails_no_request() {
    for mode in [StopMode::Fast, StopMode::Immediate] {
        let (cluster, app, path) = pair();
        let writes = || {
            while_asking(
                || app.create(&minimal()),
                || {
                    cluster.primary().stop(mode).unwrap();
                    cluster.primary().start().unwrap();
                    app.until_healthy(s(5));
                },
            )
        };
        let mut written = Vec::new();
        let reads = while_asking(|| app.get(&path), || written = writes());
        all_are(&written, 201, s(8));
        all_are(&reads, 200, s(1));
        let replayed = written
            .iter()
            .filter(|write| write.answer.header("Idempotent-Replayed") != "false")
            .count();
        assert_eq!(replayed, 0, "the service's own repetition is no replay");
    }
}

/// One for the probe, and the one over which the node was verified: the pool begins with that, and makes no other first.
#[test]
fn a_server_that_has_two_connections_left_is_used() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .healthy();
    let limited = "ALTER ROLE synapse CONNECTION LIMIT 2";
    sql(cluster.primary(), limited);
    cluster.primary().kill().unwrap();
    cluster.primary().start().unwrap();
    app.create(&minimal()).expect(201);
    sql(cluster.primary(), "ALTER ROLE synapse CONNECTION LIMIT -1");
    app.until_healthy(HEALING);
}

#[test]
fn it_starts_without_the_replica_and_heals() {
    let cluster = Cluster::pair();
    cluster.replica().kill().unwrap();
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .start();
    eventually(s(5), "it reads and writes", || {
        app.get("/ready").json()["writes"] == true
    });
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    assert_eq!(app.get(&path).expect(200).served_by(), "primary");
    assert_eq!(app.get("/health").json()["db_replica"], "disconnected");
    cluster.replica().start().unwrap();
    app.until_healthy(HEALING);
}

#[test]
fn it_starts_without_the_primary_and_heals() {
    let cluster = Cluster::pair();
    cluster.primary().kill().unwrap();
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .set("database.write_deadline_ms", 300)
        .start();
    eventually(s(5), "it reads", || app.get("/transactions").status == 200);
    assert_eq!(app.get("/transactions").served_by(), "replica");
    app.create(&minimal()).problem(503, "primary_unavailable");
    assert_eq!(app.get("/health").json()["db_primary"], "disconnected");
    cluster.primary().start().unwrap();
    app.until_healthy(HEALING);
    app.create(&minimal()).expect(201);
}

#[test]
fn it_starts_without_any_database_and_heals() {
    let cluster = Cluster::pair();
    cluster
        .nodes
        .iter()
        .rev()
        .for_each(|node| node.kill().unwrap());
    let app = cluster
        .launch()
        .set("database.rebuild.initial_ms", SCHEDULE_MS)
        .set("database.write_deadline_ms", 300)
        .start();
    assert_eq!(app.get("/health").expect(503).json()["status"], "unhealthy");
    app.create(&minimal()).problem(503, "primary_unavailable");
    app.get("/transactions").problem(503, "read_unavailable");
    cluster.primary().start().unwrap();
    eventually(HEALING, "it writes", || {
        app.get("/ready").json()["writes"] == true
    });
    app.create(&minimal()).expect(201);
    cluster.replica().start().unwrap();
    app.until_healthy(HEALING);
}

/// The first failed attempt may be long ago: what counts is when the database is back, not the schedule.
#[test]
fn after_a_long_outage_it_heals_as_fast_as_after_a_short_one() {
    let (cluster, app, _) = pair();
    cluster
        .nodes
        .iter()
        .rev()
        .for_each(|node| node.kill().unwrap());
    let waits = |node: usize| {
        app.get("/status").json()["nodes"][node]["next_attempt_in_ms"].as_u64() > Some(10_000)
    };
    eventually(s(10), "the next attempts are far", || waits(0) && waits(1));
    cluster.primary().start().unwrap();
    let start = Instant::now();
    let write: Answer = app.create(&minimal()).expect(201);
    assert!(start.elapsed() < HEALING, "{:?}", start.elapsed());
    cluster.replica().start().unwrap();
    app.until_healthy(HEALING);
    app.get(write.header("Location")).expect(200);
}

#[test]
fn terminating_all_sessions_again_and_again_fails_no_request() {
    let (cluster, app, path) = pair();
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";
    let mut written = Vec::new();
    let reads = while_asking(
        || app.get(&path),
        || {
            written = while_asking(
                || app.create(&minimal()),
                || {
                    for _ in 0..5 {
                        cluster
                            .nodes
                            .iter()
                            .for_each(|node| crate::support::sql(node, all));
                        app.create(&minimal()).expect(201);
                        app.get(&path).expect(200);
                    }
                },
            );
        },
    );
    all_are(&written, 201, s(8));
    all_are(&reads, 200, s(2));
    app.until_healthy(s(2));
}

/// Then it is rather the machine that is busy, and there is nobody to go to instead.
#[test]
fn where_all_are_silent_none_is_taken_for_dead_so_soon() {
    let (cluster, app, path) = pair();
    let up = || {
        let status = app.get("/status").json();
        let nodes = status["nodes"].as_array().unwrap().clone();
        nodes.iter().all(|node| node["state"] == "up")
    };
    cluster.nodes.iter().for_each(|node| node.freeze());
    holds_for(ms(1200), "both are up", up);
    cluster.nodes.iter().for_each(|node| node.thaw());
    app.get(&path).expect(200);
    cluster.nodes.iter().for_each(|node| node.freeze());
    eventually(s(10), "both are down in the end", || {
        app.get("/health").json()["db_primary"] == "disconnected"
    });
    cluster.nodes.iter().for_each(|node| node.thaw());
    app.until_healthy(s(20));
}
