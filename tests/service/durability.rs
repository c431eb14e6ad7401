//! What `X-Durability` promises.

use crate::faults::operator::{cut_off, position};
use crate::support::wait::{ms, s};
use crate::support::{App, Cluster, Launch, ask, eventually, minimal, sql};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use private_postgres::User;
use serde_json::json;
use std::thread;
use std::time::Instant;

pub fn durability(app: &App) -> String {
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
    eventually(s(10), "commits wait", || durability(&app) == "replicated");
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
        cluster.make_asynchronous();
        assert_eq!(hangs.join().unwrap(), "local");
    });
    cluster.replica().thaw();
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
