//! Commits for which no standby answers: they hang, are cut short, or are not made at all.

use crate::durability::durability;
use crate::support::load::{Asked, at_once};
use crate::support::proxy::Mode;
use crate::support::wait::{ms, s};
use crate::support::{Answer, App, Cluster, Launch, ask, eventually, holds_for, key, minimal, sql};
use serde_json::json;
use std::thread;

#[test]
fn where_replication_is_required_nothing_is_written_without_a_standby() {
    let cluster = Cluster::pair();
    cluster.make_durable();
    let app = cluster
        .launch()
        .text("durability.require", "node")
        .set("database.write_deadline_ms", 1500)
        .healthy();
    let key = key();
    let refused = app
        .create_keyed(&key, &minimal())
        .problem(503, "durability_unavailable");
    assert_eq!(refused.json()["outcome"], "not_applied");
    cluster.make_synchronous();
    eventually(s(10), "it writes", || app.create(&minimal()).status == 201);
    let created = app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(
        (
            created.header("Idempotent-Replayed"),
            created.header("X-Durability")
        ),
        ("false", "replicated")
    );
    cluster.replica().kill().unwrap();
    let is_refused = || app.create(&minimal()).json()["code"] == "durability_unavailable";
    eventually(s(5), "the loss of the standby is known", is_refused);
    cluster.replica().start().unwrap();
    eventually(s(5), "it writes again", || {
        app.create(&minimal()).status == 201
    });
    app.until_healthy(s(5));
}

/// Its commits wait for nobody any more.
fn until_it_writes_without_a_standby(cluster: &Cluster, app: &App) {
    cluster.make_asynchronous();
    eventually(s(5), "it writes again", || {
        app.create(&minimal()).status == 201
    });
}

/// Sessions of the service on the server.
fn sessions(cluster: &Cluster) -> u32 {
    ask(
        cluster.primary(),
        "SELECT count(*)::text AS value FROM pg_stat_activity WHERE usename = 'synapse'",
    )
    .parse()
    .unwrap()
}

#[test]
fn writes_that_wait_for_a_standby_that_is_not_there_are_of_unknown_outcome_and_exhaust_nothing() {
    const DEADLINE_MS: u64 = 1500;
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", DEADLINE_MS)
        .set("database.attempt_timeout_ms", 500)
        .healthy();
    let path = app
        .create(&minimal())
        .expect(201)
        .header("Location")
        .to_owned();
    cluster.make_synchronous();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let wave: Vec<String> = (0..40).map(|_| key()).collect();
        let answers = at_once(wave.len(), |at| app.create_keyed(&wave[at], &minimal()));
        for Asked { answer, took } in &answers {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            assert!(
                ["outcome_unknown", "overloaded", "primary_unavailable"].contains(&code.as_str()),
                "{}",
                answer.text
            );
            assert!(*took < ms(DEADLINE_MS + 1000), "{code} after {took:?}");
        }
        let unknown = answers
            .iter()
            .filter(|asked| asked.answer.json()["code"] == "outcome_unknown")
            .count();
        assert!(
            unknown > 0 || !keys.is_empty(),
            "the first that come are sent, the later find all connections waiting"
        );
        app.get(&path).expect(200);
        assert_eq!(app.get("/live").status, 200);
        assert!(sessions(&cluster) < 30, "{} sessions", sessions(&cluster));
        keys.extend(wave);
    }
    until_it_writes_without_a_standby(&cluster, &app);
    keys.iter()
        .for_each(|key| drop(app.create_keyed(key, &minimal()).expect(201)));
    let rows = "SELECT count(*)::text AS value FROM transactions";
    let before: usize = ask(cluster.primary(), rows).parse().unwrap();
    keys.iter().for_each(|key| {
        assert_eq!(
            app.create_keyed(key, &minimal())
                .expect(201)
                .header("Idempotent-Replayed"),
            "true"
        )
    });
    assert_eq!(ask(cluster.primary(), rows), before.to_string());
    app.until_healthy(s(5));
}

/// Each pool that is retired leaves those threads behind that hang in it.
#[test]
fn commits_that_hang_leave_reads_their_threads_however_often_the_pool_is_rebuilt() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.pool_size", 3)
        .set("database.write_deadline_ms", 400)
        .set("database.attempt_timeout_ms", 200)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    cluster.make_synchronous();
    for _ in 0..5 {
        let refused = at_once(6, |_| app.create(&minimal()));
        refused
            .iter()
            .for_each(|asked| assert_eq!(asked.answer.status, 503));
        sql(
            cluster.primary(),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse' AND state = 'idle'",
        );
        eventually(s(5), "reads go on", || {
            app.get(created.header("Location")).status == 200
        });
    }
    until_it_writes_without_a_standby(&cluster, &app);
}

/// Two connections that each need 60 ms for a statement: most of it cannot be done in time.
#[test]
fn load_beyond_capacity_is_refused_quickly_and_no_node_goes_down_for_it() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls)
        .set("database.pool_size", 2)
        .set("database.max_waiting", 10)
        .healthy();
    let since = app.get("/status").json()["nodes"][0]["since"].clone();
    proxies[0].set(Mode::Delay(ms(30)));
    let answers = at_once(300, |_| app.create(&minimal()));
    let refused = answers.into_iter().filter(|Asked { answer, took }| {
        assert!(*took < s(3), "{} after {took:?}", answer.status);
        answer.status != 201
    });
    let refused: Vec<Answer> = refused
        .map(|asked| asked.answer.problem(503, "overloaded"))
        .collect();
    assert!(
        !refused.is_empty() && refused.len() < 300,
        "{} of 300 were refused",
        refused.len()
    );
    let node = app.get("/status").json()["nodes"][0].clone();
    assert_eq!(
        (&node["state"], &node["since"]),
        (&json!("up"), &since),
        "busy is not down"
    );
    app.create(&minimal()).expect(201);
}

/// `statement_timeout` ends a wait for a standby as if it had succeeded.
#[test]
fn a_wait_for_a_standby_that_was_cut_short_is_not_called_local() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    is_held_until_the_replica_is_back(&cluster);
}

/// One of them has it; the other one may be promoted.
#[test]
fn a_wait_for_two_standbys_that_was_cut_short_is_not_called_replicated() {
    let cluster = Cluster::with_replicas(2);
    let both = "FIRST 2 (*)";
    let names = [("synchronous_standby_names", both)];
    cluster.primary().reload(&names).unwrap();
    cluster.until_set(cluster.primary(), names[0].0, both);
    is_held_until_the_replica_is_back(&cluster);
}

fn is_held_until_the_replica_is_back(cluster: &Cluster) {
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 20_000)
        .set("database.attempt_timeout_ms", 500)
        .healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    cluster.replica().freeze();
    thread::scope(|scope| {
        let create = scope.spawn(|| app.create(&minimal()));
        holds_for(s(2), "nobody is told that it is there", || {
            !create.is_finished()
        });
        assert_eq!(app.get("/status").json()["writes"], "held");
        assert_eq!(app.get("/ready").json()["writes"], false);
        cluster.replica().thaw();
        let created = create.join().unwrap().expect(201);
        assert_eq!(created.header("X-Durability"), "replicated");
        assert_eq!(created.header("Idempotent-Replayed"), "false");
    });
    app.until_healthy(s(5));
    assert_eq!(app.get("/status").json()["writes"], "available");
}
