//! Writes go to the primary whose commits count, whoever else was promoted, restored, restarted or moved.

use crate::faults::operator::cut_off;
use crate::support::proxy::Mode;
use crate::support::wait::{ms, s};
use crate::support::{App, Cluster, Launch, ask, eventually, holds_for, key, minimal, sql};
use private_postgres::{Server, StopMode, User};
use serde_json::Value;
use std::thread;

fn node(app: &App, at: usize) -> Value {
    app.get("/status").json()["nodes"][at].clone()
}

#[track_caller]
fn until_node_is(app: &App, at: usize, state: &str, cause: &str) {
    eventually(s(10), cause, || {
        let node = node(app, at);
        (&node["state"], &node["cause"]) == (&state.into(), &cause.into())
    });
}

fn rows(server: &Server) -> String {
    ask(server, "SELECT count(*)::text AS value FROM transactions")
}

fn until_replayed(from: &Server, to: &Server) {
    let position = "SELECT pg_current_wal_insert_lsn()::text AS value";
    let question = format!(
        "SELECT (pg_last_wal_replay_lsn() >= '{}')::text AS value",
        ask(from, position)
    );
    eventually(s(10), "all is replayed", || ask(to, &question) == "true");
}

/// node-2 confirms the commits of node-1; somebody promotes node-3.
#[test]
fn a_mistaken_promotion_takes_nothing_from_a_primary_whose_commits_a_standby_confirms() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-1\"");
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 2000)
        .healthy();
    let kept = app.create(&minimal()).expect(201);
    cluster.nodes[2].promote().unwrap();
    let strong = |answer: &crate::support::Answer| app.get_strong(answer.header("Location"));
    for _ in 0..20 {
        app.create(&minimal()).expect(201);
        strong(&kept).expect(200);
    }
    until_node_is(&app, 2, "fenced", "promoted_apart");
    let later = app.create(&minimal()).expect(201);
    assert_eq!(later.header("X-Durability"), "replicated");
    assert_eq!(app.get("/status").json()["timeline"], 1);

    cluster.primary().kill().unwrap();
    eventually(s(5), "the loss is known", || {
        app.get("/status").json()["writes"] == "held"
    });
    app.create(&minimal()).problem(503, "primary_unavailable");
    assert_eq!(rows(&cluster.nodes[2]), "1", "it has what it had");
    cluster
        .replica()
        .reload(&[("synchronous_standby_names", "")])
        .unwrap();
    cluster.replica().promote().unwrap();
    eventually(s(10), "node-2 takes over", || {
        app.create(&minimal()).status == 201
    });
    strong(&later).expect(200);
}

/// It is not rebuilt: it follows nobody, and its control file shows a number above the primary's.
#[test]
fn a_node_that_was_promoted_by_mistake_fences_nobody_when_it_is_restarted_as_a_standby() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-1\"");
    let app = cluster.launch().healthy();
    let promoted = &cluster.nodes[2];
    promoted.promote().unwrap();
    until_node_is(&app, 2, "fenced", "promoted_apart");
    promoted.stop(StopMode::Fast).unwrap();
    promoted.follow(cluster.primary()).unwrap();
    promoted.start().unwrap();
    eventually(s(10), "it is a standby", || {
        node(&app, 2)["role"] == "replica"
    });
    until_node_is(&app, 2, "fenced", "promoted_apart");
    cluster.primary().stop(StopMode::Fast).unwrap();
    eventually(s(5), "the loss is known", || {
        app.get("/status").json()["writes"] == "held"
    });
    cluster.primary().start().unwrap();
    eventually(s(20), "it writes again", || {
        app.create(&minimal()).status == 201
    });
    assert_eq!(app.get("/status").json()["timeline"], 1);
}

/// Just then its answers do not come through, for longer than a probe waits; node-2 says that it streams from it.
#[test]
fn a_primary_that_misses_a_probe_while_another_node_is_promoted_goes_on() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-1\"");
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).healthy();
    app.create(&minimal()).expect(201);
    until_replayed(cluster.primary(), &cluster.nodes[2]);
    proxies[0].set(Mode::Silent);
    eventually(s(5), "it is silent", || node(&app, 0)["state"] == "down");
    cluster.nodes[2].promote().unwrap();
    eventually(s(5), "the promotion is seen", || {
        node(&app, 2)["cause"] == "promotion_in_question"
    });
    proxies[0].heal();
    until_node_is(&app, 2, "fenced", "promoted_apart");
    eventually(s(10), "it writes", || app.create(&minimal()).status == 201);
    assert_eq!(app.get("/status").json()["timeline"], 1);
    assert_eq!(rows(&cluster.nodes[2]), "1");
}

/// Who of the two has what was acknowledged last, nobody can say.
#[test]
fn two_timelines_that_live_are_a_split_brain_until_one_is_gone() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    cluster.nodes[2].promote().unwrap();
    eventually(s(5), "writes are refused", || {
        app.get("/status").json()["writes"] == "refused"
    });
    app.create(&minimal()).problem(503, "split_brain");
    let strong = app.get_with("/transactions", &[("X-Read-Consistency", "strong")]);
    strong.problem(503, "consistency_unavailable");
    cluster.nodes[2].stop(StopMode::Fast).unwrap();
    eventually(s(5), "it writes again", || {
        app.create(&minimal()).status == 201
    });
    assert_eq!(node(&app, 0)["role"], "primary");
}

/// A copy of an old state, promoted, and listed by mistake.
#[test]
fn a_restored_clone_takes_nothing_from_a_primary_whose_commits_a_standby_confirms() {
    let (cluster, clone) = (Cluster::pair(), Cluster::twin());
    cluster.make_synchronous();
    clone.primary().stop(StopMode::Fast).unwrap();
    clone.primary().follow(clone.primary()).unwrap();
    clone.primary().start().unwrap();
    clone.primary().promote().unwrap();
    let urls = cluster.urls().into_iter().chain(clone.urls());
    let app = Launch::on(urls).start();
    eventually(s(10), "it writes", || app.create(&minimal()).status == 201);
    until_node_is(&app, 2, "fenced", "promoted_apart");
    assert_eq!(rows(clone.primary()), "0");
}

/// Its branch has ended: it neither serves a token nor is asked first.
#[test]
fn a_standby_that_was_left_on_the_old_timeline_serves_no_token_and_is_read_last() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    (1..3).for_each(|at| until_replayed(cluster.primary(), &cluster.nodes[at]));
    (1..3).for_each(|at| cut_off(&cluster.nodes[at]));
    cluster.primary().kill().unwrap();
    cluster.replica().promote().unwrap();
    until_node_is(&app, 2, "fenced", "lower_timeline");
    let path = created.header("Location");
    for _ in 0..20 {
        let token = [("X-Consistency-Token", created.token())];
        assert_eq!(
            app.get_with(path, &token).expect(200).served_by(),
            "primary"
        );
        assert_eq!(app.get(path).expect(200).served_by(), "primary");
    }
    assert_eq!(app.get("/health").json()["db_replica"], "disconnected");
    cluster.replica().kill().unwrap();
    eventually(s(5), "it is better than nothing", || {
        app.get(path).status == 200
    });
    let token = [("X-Consistency-Token", created.token())];
    app.get_with(path, &token)
        .problem(503, "consistency_unavailable");
}

#[test]
fn a_url_of_several_hosts_is_refused_with_a_sentence() {
    let launch = Launch::on(["postgres://u@db-1,db-2/d".to_owned()]);
    for command in ["serve", "check", "migrate"] {
        let output = launch.run(&[command]).expect(2);
        assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
        assert!(output.stderr.contains("several hosts"), "{}", output.stderr);
    }
}

/// A name that moves while a pool is being filled: its first connections, and the probe, are still where they were.
#[test]
fn a_new_connection_that_reaches_another_server_ends_the_whole_pool() {
    let (cluster, copy) = (Cluster::alone(), Cluster::twin());
    let (proxies, urls) = cluster.proxies();
    proxies[0].set(Mode::Delay(ms(20)));
    let app = Launch::on(urls)
        .set("database.pool_size", 60)
        .set("database.probe_interval_ms", 3000)
        .healthy();
    proxies[0].lead_to(copy.primary().port());
    // By a new connection of the pool, or by the probe's, whichever comes first.
    eventually(s(20), "it is noticed", || {
        let log = app.log();
        log.contains("cause=another_server") || log.contains("cause=restarted")
    });
    proxies[0].heal();
    eventually(s(10), "it writes", || app.create(&minimal()).status == 201);
    let before = rows(cluster.primary());
    (0..20).for_each(|_| drop(app.create(&minimal()).expect(201)));
    assert_eq!(
        rows(cluster.primary()),
        before,
        "nothing is written in two places"
    );
}

/// Nobody asks between the stop and the start, and no request meets it.
#[test]
fn a_primary_that_was_restarted_between_two_probes_loses_its_pool() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.probe_interval_ms", 3000)
        .healthy();
    let since = node(&app, 0)["since"].clone();
    cluster.primary().stop(StopMode::Fast).unwrap();
    cluster.primary().start().unwrap();
    eventually(s(15), "its pool is made anew", || {
        let node = node(&app, 0);
        node["state"] == "up" && node["since"] != since
    });
    app.create(&minimal()).expect(201);
}

/// node-1 was left behind by a failover and answers at once; node-2 is far away.
#[test]
fn nobody_is_elected_before_every_node_was_heard() {
    let cluster = Cluster::pair();
    cut_off(cluster.replica());
    cluster.replica().promote().unwrap();
    let (proxies, urls) = cluster.proxies();
    proxies[1].set(Mode::Delay(ms(100)));
    let launch = || {
        Launch::on(urls.clone())
            .set("database.probe_timeout_ms", 500)
            .set("database.write_deadline_ms", 8000)
    };
    let migrated = launch().run(&["migrate"]).expect(0).stdout;
    assert!(migrated.contains("node-2"), "{migrated}");
    let checked = launch().run(&["check"]).expect(1).stdout;
    assert!(
        checked.contains("error: node-1") && checked.contains("timeline 2"),
        "{checked}"
    );
    let app = launch().start();
    app.create(&minimal()).expect(201);
    assert_eq!(
        [rows(cluster.primary()), rows(cluster.replica())],
        ["0", "1"]
    );
}

/// While it waits for a new connection to node-1, it is seen that node-2 was promoted beside it; then that connection is there.
#[test]
fn a_write_is_not_sent_to_a_node_that_lost_its_standing_while_it_waited_for_a_connection() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-1\"");
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls)
        .set("database.pool_size", 3)
        .set("database.attempt_timeout_ms", 8000)
        .healthy();
    proxies[1].set(Mode::Silent);
    until_node_is(&app, 1, "down", "no_answer");
    // A new connection of a pool asks first which server it has reached.
    proxies[0].hold_requests("idle_session_timeout", 1);
    proxies[0].reset();
    eventually(s(10), "its pool has one connection", || {
        let node = node(&app, 0);
        node["state"] == "up" && node["pool"]["open"] == 1
    });
    cut_off(cluster.replica());
    cluster.replica().promote().unwrap();
    let in_use = |connections: u32| node(&app, 0)["pool"]["in_use"] == connections;
    thread::scope(|scope| {
        scope.spawn(|| app.create(&minimal()));
        eventually(s(5), "a commit has it, and hangs", || {
            in_use(1) && rows(cluster.primary()) == "1"
        });
        let waiting = scope.spawn(|| app.create(&minimal()));
        eventually(s(5), "the next write waits for another", || in_use(2));
        proxies[1].set(Mode::Pass);
        eventually(s(5), "two branches live", || {
            app.get("/status").json()["writes"] == "refused"
        });
        proxies[0].heal();
        waiting.join().unwrap().problem(503, "split_brain");
        assert_eq!(rows(cluster.primary()), "1", "it was not sent");
    });
}

/// After a power cut node-1, which a failover had left behind, is up a second before node-2.
#[test]
fn a_node_that_refuses_connections_at_the_start_has_its_full_time() {
    let cluster = Cluster::pair();
    cut_off(cluster.replica());
    cluster.replica().promote().unwrap();
    cluster.replica().stop(StopMode::Fast).unwrap();
    // A busy machine may take some seconds to start a server.
    let launch = || cluster.launch().set("database.probe_timeout_ms", 8000);
    let start_later = |is_waiting: &dyn Fn() -> bool| {
        holds_for(s(1), "node-1 is not chosen", is_waiting);
        cluster.replica().start().unwrap();
    };
    let app = launch().set("database.write_deadline_ms", 20_000).start();
    thread::scope(|scope| {
        let create = scope.spawn(|| app.create(&minimal()));
        start_later(&|| app.get("/ready").json()["writes"] == false && !create.is_finished());
        create.join().unwrap().expect(201);
    });
    assert_eq!(
        [rows(cluster.primary()), rows(cluster.replica())],
        ["0", "1"]
    );

    cluster.replica().stop(StopMode::Fast).unwrap();
    thread::scope(|scope| {
        let migrate = scope.spawn(|| launch().run(&["migrate"]));
        start_later(&|| !migrate.is_finished());
        let migrated = migrate.join().unwrap().expect(0).stdout;
        assert!(migrated.contains("node-2"), "{migrated}");
    });
}

#[test]
fn a_service_that_starts_while_a_node_is_down_serves_when_that_has_had_its_time() {
    let cluster = Cluster::pair();
    cluster.replica().stop(StopMode::Fast).unwrap();
    let app = cluster.launch().start();
    app.create(&minimal()).expect(201);
    let ready = app.get("/ready").expect(200).json();
    assert_eq!([&ready["reads"], &ready["writes"]], [true, true]);
}

fn without_schema() -> Cluster {
    let cluster = Cluster::pair();
    sql(
        cluster.primary(),
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION synapse",
    );
    until_replayed(cluster.primary(), cluster.replica());
    cut_off(cluster.replica());
    cluster
}

#[test]
fn a_migration_that_a_failover_lost_is_made_again() {
    let cluster = without_schema();
    let app = cluster.launch().start();
    app.create(&minimal()).expect(201);
    cluster.primary().kill().unwrap();
    cluster.replica().promote().unwrap();
    let key = key();
    app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(rows(cluster.replica()), "1");
}

#[test]
fn a_migration_that_a_failover_lost_is_told_where_it_may_not_be_made_again() {
    let cluster = without_schema();
    let primary = Launch::on([cluster.primary().url(User::Application)]);
    primary.run(&["migrate"]).expect(0);
    let app = cluster
        .launch()
        .set("database.migrate_on_start", false)
        .set("database.write_deadline_ms", 1000)
        .start();
    eventually(s(5), "it writes", || app.create(&minimal()).status == 201);
    cluster.primary().kill().unwrap();
    cluster.replica().promote().unwrap();
    app.logs("missing: migration");
    until_node_is(&app, 1, "down", "schema_not_ready");
    app.create(&minimal()).problem(503, "primary_unavailable");
    cluster.launch().run(&["migrate"]).expect(0);
    eventually(s(20), "it writes again", || {
        app.create(&minimal()).status == 201
    });
}

/// The new primary is dead, the old one is back, and a standby knows better.
#[test]
fn a_service_that_starts_in_an_outage_does_not_elect_a_primary_that_a_standby_has_left() {
    let cluster = Cluster::with_replicas(2);
    sql(
        cluster.primary(),
        "GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO synapse",
    );
    (1..3).for_each(|at| until_replayed(cluster.primary(), &cluster.nodes[at]));
    (1..3).for_each(|at| cut_off(&cluster.nodes[at]));
    cluster.replica().promote().unwrap();
    cluster.nodes[2].follow(cluster.replica()).unwrap();
    cluster.until_streaming(cluster.replica(), 1);
    sql(cluster.replica(), "CREATE TABLE later ()");
    until_replayed(cluster.replica(), &cluster.nodes[2]);
    cluster.replica().kill().unwrap();
    let no_receiver = "SELECT count(*)::text AS value FROM pg_stat_wal_receiver";
    eventually(s(10), "the standby is alone", || {
        ask(&cluster.nodes[2], no_receiver) == "0"
    });
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 500)
        .start();
    until_node_is(&app, 0, "fenced", "lower_timeline");
    eventually(s(10), "it tells its true timeline", || {
        node(&app, 2)["timeline"] == 2
    });
    app.create(&minimal()).problem(503, "primary_unavailable");
    holds_for(s(1), "nothing is written", || {
        rows(cluster.primary()) == "0"
    });
}
