//! What `X-Durability` promises, and what happens where no standby answers.

use crate::faults::operator::{cut_off, position};
use crate::support::load::{Asked, at_once};
use crate::support::proxy::Mode;
use crate::support::wait::{ms, s};
use crate::support::{Answer, App, Cluster, Launch, ask, eventually, holds_for, key, minimal, sql};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use private_postgres::{Server, StopMode, User};
use reqwest::Method;
use serde_json::json;
use std::thread;
use std::time::Instant;

fn durability(app: &App) -> String {
    app.create(&minimal())
        .expect(201)
        .header("X-Durability")
        .to_owned()
}

#[test]
fn durability_is_what_the_commit_waited_for() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    assert_eq!(durability(&app), "local");
    cluster.make_synchronous();
    eventually(s(2), "commits wait", || durability(&app) == "replicated");
    let id = app.create(&minimal()).expect(201).id();
    let changed = app
        .patch(&id, &app.etag(&id), &json!({"status": "failed"}))
        .expect(200);
    assert_eq!(changed.header("X-Durability"), "replicated");
    let again = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";
    let role = "ALTER ROLE synapse SET synchronous_commit = local";
    sql(cluster.primary(), role);
    sql(cluster.primary(), again);
    assert_eq!(
        durability(&app),
        "replicated",
        "these sessions wait, whatever the role was told"
    );
    let local = |url: String| format!("{url}?options=-c%20synchronous_commit%3Dlocal");
    let app = Launch::on(cluster.urls().into_iter().map(local)).healthy();
    assert_eq!(
        durability(&app),
        "local",
        "but for what the operator says to the service"
    );
}

#[test]
fn replication_that_the_url_forbids_cannot_be_required() {
    let weak = |url: String| format!("{url}?options=-c%20synchronous_commit%3Dremote_write");
    let launch =
        Launch::on([weak("postgres://u@db-1/d".to_owned())]).text("durability.require", "node");
    let output = launch.run(&["serve"]).expect(2);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("remote_write"), "{}", output.stderr);
}

/// Each commit waits for both.
#[test]
fn two_standbys_with_one_name_are_two() {
    let cluster = Cluster::with_replicas(2);
    name_like_the_first_standby(&cluster, &cluster.nodes[2]);
    for node in &cluster.nodes {
        node.reload(&[("synchronous_standby_names", "ANY 2 (\"replica-1\")")])
            .unwrap();
    }
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    eventually(s(5), "writes go on", || {
        app.get("/status").json()["writes"] == "available"
    });
    let status = app.get("/status").json();
    assert_eq!(status["nodes"][1]["sync_state"], "quorum");
    assert!(
        app.log()
            .contains("several standbys have one application_name")
    );
}

/// The second standby.
pub fn name_like_the_first_standby(cluster: &Cluster, namesake: &Server) {
    let conninfo = ask(
        namesake,
        "SELECT current_setting('primary_conninfo') AS value",
    );
    let renamed = conninfo.replace("application_name=replica-2", "application_name=replica-1");
    assert_ne!(conninfo, renamed);
    namesake.reload(&[("primary_conninfo", &renamed)]).unwrap();
    let named = "SELECT count(*)::text AS value FROM pg_stat_replication WHERE application_name = 'replica-1' AND state = 'streaming'";
    eventually(s(10), "both have one name", || {
        ask(cluster.primary(), named) == "2"
    });
}

/// A copy for disasters, which goes on confirming when the node of its name has stopped.
#[test]
fn what_only_an_unlisted_namesake_of_a_node_has_confirmed_is_not_called_replicated() {
    let cluster = Cluster::with_replicas(2);
    let copy = &cluster.nodes[2];
    cluster.make_durable();
    name_like_the_first_standby(&cluster, copy);
    cluster.make_synchronous();
    let listed = || Launch::on(cluster.urls().into_iter().take(2));
    let app = listed().healthy();
    let strict = listed()
        .text("durability.require", "node")
        .set("database.write_deadline_ms", 1500)
        .healthy();
    let is_all_local = || (0..20).all(|_| durability(&app) == "local");
    assert!(is_all_local(), "nobody can tell which of the two it was");
    cluster.replica().kill().unwrap();
    assert!(is_all_local(), "the node has stopped");
    eventually(s(5), "the loss of the node is known", || {
        app.get("/health").status == 503
    });
    assert!(is_all_local());
    strict
        .create(&minimal())
        .problem(503, "durability_unavailable");

    copy.stop(StopMode::Fast).unwrap();
    cluster.replica().start().unwrap();
    eventually(s(10), "the node confirms", || {
        durability(&app) == "replicated"
    });
    eventually(s(10), "the other service sees that", || {
        strict.create(&minimal()).status == 201
    });
    copy.start().unwrap();
    cluster.until_streaming(cluster.primary(), 2);
    assert!(is_all_local(), "the copy has come back");
}

#[test]
fn what_a_standby_can_lose_in_a_crash_is_not_called_replicated() {
    let cluster = Cluster::pair();
    cluster.make_durable();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    cluster.replica().reload(&[("fsync", "off")]).unwrap();
    eventually(s(5), "it is seen", || durability(&app) == "local");
    cluster.make_durable();
    eventually(s(5), "it counts again", || durability(&app) == "replicated");
}

/// The primary knows the two by their names alone.
#[test]
fn what_a_namesake_can_lose_in_a_crash_is_not_called_replicated() {
    let cluster = Cluster::with_replicas(2);
    let namesake = &cluster.nodes[2];
    cluster.make_durable();
    name_like_the_first_standby(&cluster, namesake);
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(10), "commits wait", || durability(&app) == "replicated");
    let no_fsync = [("fsync", "off")];
    namesake.reload(&no_fsync).unwrap();
    eventually(s(10), "it is seen", || durability(&app) == "local");
    cluster.replica().kill().unwrap();
    for _ in 0..20 {
        assert_eq!(durability(&app), "local");
    }
    namesake.reload(&[("fsync", "on")]).unwrap();
    eventually(s(10), "it counts again", || {
        durability(&app) == "replicated"
    });
}

/// Only the service has lost sight of it: it still follows, over the same connection.
#[test]
fn a_standby_that_does_not_answer_the_service_confirms_what_it_receives() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    proxies[1].set(Mode::Silent);
    eventually(s(5), "it is down for the service", || {
        app.get("/status").json()["nodes"][1]["state"] == "down"
    });
    for _ in 0..20 {
        assert_eq!(durability(&app), "replicated");
    }
}

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
    eventually(s(2), "it writes", || app.create(&minimal()).status == 201);
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
    cluster
        .primary()
        .reload(&[("synchronous_standby_names", "")])
        .unwrap();
    eventually(s(5), "it writes again", || {
        app.create(&minimal()).status == 201
    });
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
    cluster
        .primary()
        .reload(&[("synchronous_standby_names", "")])
        .unwrap();
    eventually(s(5), "it writes again", || {
        app.create(&minimal()).status == 201
    });
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

/// PostgreSQL makes nobody wait before its checkpointer has read the new settings, whatever the sessions see.
#[test]
fn what_no_standby_has_confirmed_is_not_called_replicated() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let checkpointer =
        "SELECT pid::text AS value FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let checkpointer = Pid::from_raw(ask(cluster.primary(), checkpointer).parse().unwrap());
    kill(checkpointer, Signal::SIGSTOP).unwrap();
    cluster.make_synchronous();
    cluster.replica().freeze();
    let while_frozen = durability(&app);
    cluster.replica().thaw();
    kill(checkpointer, Signal::SIGCONT).unwrap();
    assert_eq!(while_frozen, "local");
    eventually(s(5), "commits wait again", || {
        durability(&app) == "replicated"
    });
    app.until_healthy(s(5));
}

const WAITING: &str =
    "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

/// `'*'` is content with anybody who receives the WAL, and a directory of WAL cannot be promoted.
#[test]
fn what_only_an_archiver_has_confirmed_is_not_called_replicated() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cluster.replica().kill().unwrap();
    let archiver = cluster.archiver();
    cluster
        .primary()
        .reload(&[("synchronous_standby_names", "*")])
        .unwrap();
    let confirms =
        "SELECT count(*)::text AS value FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually(s(10), "commits wait for the archiver", || {
        ask(cluster.primary(), confirms) == "1"
    });
    for _ in 0..20 {
        assert_eq!(durability(&app), "local");
    }
    cluster.replica().start().unwrap();
    drop(archiver);
    eventually(s(10), "the standby confirms", || {
        durability(&app) == "replicated"
    });
}

#[test]
fn what_a_standby_has_not_flushed_is_not_called_replicated() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let written = |url: String| format!("{url}?options=-c%20synchronous_commit%3Dremote_write");
    let plain = cluster.launch().healthy();
    eventually(s(10), "the standby flushes what it is sent", || {
        durability(&plain) == "replicated"
    });
    let app = Launch::on(cluster.urls().into_iter().map(written)).healthy();
    for _ in 0..5 {
        assert_eq!(durability(&app), "local");
    }
}

#[test]
fn commits_that_were_let_go_without_a_standby_are_not_called_replicated() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    cluster.replica().freeze();
    thread::scope(|scope| {
        let hangs = scope.spawn(|| durability(&app));
        eventually(s(5), "it waits for the standby", || {
            ask(cluster.primary(), WAITING) == "1"
        });
        cluster
            .primary()
            .reload(&[("synchronous_standby_names", "")])
            .unwrap();
        assert_eq!(hangs.join().unwrap(), "local");
    });
    cluster.replica().thaw();
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

/// The rows are committed, and then an error keeps the service from asking who has them.
#[test]
fn an_error_between_the_commit_and_the_question_who_has_it_leaves_doubt_until_it_heals() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 30_000)
        .healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    let rename = |from: &str, to: &str| {
        let statement = format!("ALTER PROCEDURE {from}(text[], text[], integer) RENAME TO {to}");
        sql(cluster.primary(), &statement);
    };
    let stored = |key: &str| {
        let count = format!(
            "SELECT count(*)::text AS value FROM transactions WHERE idempotency_key = '{key}'"
        );
        ask(cluster.primary(), &count)
    };
    let (forsaken, patient) = (key(), key());
    rename("confirm_commits", "away");
    let soon = [("Idempotency-Key", &*forsaken), ("X-Deadline-Ms", "1500")];
    app.create_with(&soon, &minimal())
        .problem(503, "outcome_unknown");
    thread::scope(|scope| {
        let create = scope.spawn(|| app.create_keyed(&patient, &minimal()));
        eventually(s(10), "it is stored", || stored(&patient) == "1");
        rename("away", "confirm_commits");
        let created = create.join().unwrap().expect(201);
        assert_eq!(created.header("X-Durability"), "replicated");
        assert_eq!(created.header("Idempotent-Replayed"), "false");
    });
    let replay = app.create_keyed(&forsaken, &minimal()).expect(201);
    assert_eq!(replay.header("Idempotent-Replayed"), "true");
    assert_eq!(stored(&forsaken), "1");
}

/// Whoever finds the status there already has stored nothing, so there is nothing to be in doubt of, whoever has the commits.
#[test]
fn an_error_in_the_question_who_has_a_status_that_was_there_leaves_no_doubt() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(5), "commits wait", || durability(&app) == "replicated");
    let rename = |from: &str, to: &str| {
        let statement = format!("ALTER PROCEDURE {from}(text[], text[], integer) RENAME TO {to}");
        sql(cluster.primary(), &statement);
    };
    let id = app.create(&minimal()).expect(201).id();
    let processing = json!({"status": "processing"});
    app.patch(&id, "*", &processing).expect(200);
    rename("confirm_commits", "away");
    let headers = [("If-Match", "*"), ("X-Deadline-Ms", "500")];
    let path = format!("/transactions/{id}");
    // Now and then the deadline passes within an attempt: then there is a doubt indeed.
    eventually(s(20), "it is told that nothing was applied", || {
        let answer = app.send(Method::PATCH, &path, &headers, Some(&processing));
        answer.expect(503).json()["outcome"] == "not_applied"
    });
    rename("away", "confirm_commits");
    let answer = app.patch(&id, "*", &processing).expect(200);
    assert_eq!(answer.header("X-Durability"), "replicated");
}

/// What is looked for on the standby is the own commit. With a second of distance, to wait for what others commit meanwhile would cost
/// another second.
#[test]
fn what_others_commit_meanwhile_is_not_waited_for() {
    let cluster = Cluster::pair();
    let _cable = cluster.follow_over(s(1));
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    eventually(s(20), "commits wait", || durability(&app) == "replicated");
    let others = "DO $$ BEGIN
        SET synchronous_commit = local;
        FOR i IN 1..3000 LOOP
            PERFORM pg_logical_emit_message(true, '', ''); COMMIT; PERFORM pg_sleep(0.002);
        END LOOP; END $$";
    thread::scope(|scope| {
        let others = scope.spawn(|| sql(cluster.primary(), others));
        let took = (0..3).map(|_| {
            let start = Instant::now();
            assert_eq!(durability(&app), "replicated");
            start.elapsed()
        });
        let quickest = took.min().unwrap();
        assert!(!others.is_finished(), "others commit all the time");
        assert!(quickest < ms(1900), "{quickest:?}");
    });
}

/// Nothing can be seen then, so nothing is claimed, and nothing is waited for.
#[test]
fn without_the_right_to_see_replication_writes_are_called_local_and_are_not_slow() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    sql(cluster.primary(), "REVOKE pg_monitor FROM synapse");
    let app = cluster.launch().healthy();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(durability(&app), "local");
    }
    let took = start.elapsed();
    assert!(
        took < s(8),
        "20 writes took {took:?}, half a second each is too long"
    );
}

#[derive(QueryableByName)]
struct Confirmed {
    #[diesel(sql_type = Array<Text>)]
    confirmed_by: Vec<String>,
}

/// It asks the new primary for more of the timeline that has ended, again and again. For a moment each time the primary shows it as a standby
/// that has flushed up to its own old position, which is beyond everything that the primary has, and lets commits go.
#[test]
fn a_standby_that_was_left_on_an_ended_timeline_confirms_nothing() {
    let cluster = Cluster::with_replicas(2);
    drop(cluster.launch().healthy());
    let (behind, ahead) = (&cluster.nodes[1], &cluster.nodes[2]);
    cut_off(behind);
    let filling = "SELECT pg_logical_emit_message(true, 'filling', repeat('x', 300000))";
    sql(cluster.primary(), filling);
    eventually(s(10), "it is ahead of the other one", || {
        position(ahead) > position(behind) + 200_000
    });
    cluster.primary().kill().unwrap();
    behind.promote().unwrap();
    let names = "ANY 1 (\"replica-2\")";
    behind
        .reload(&[("synchronous_standby_names", names)])
        .unwrap();
    cluster.until_set(behind, "synchronous_standby_names", names);
    cluster.follow(2, 1);
    let ask_often = || {
        let mut session = PgConnection::establish(&behind.url(User::Superuser)).unwrap();
        session
            .batch_execute("SET statement_timeout = '2s'")
            .unwrap();
        for _ in 0..15 {
            let question = "CALL confirm_commits(ARRAY['replica-2'], NULL, NULL)";
            let answer: Confirmed = diesel::sql_query(question)
                .get_result(&mut session)
                .unwrap();
            assert!(answer.confirmed_by.is_empty(), "{:?}", answer.confirmed_by);
        }
    };
    thread::scope(|scope| (0..20).for_each(|_| drop(scope.spawn(ask_often))));
}
