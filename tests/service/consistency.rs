//! Who serves a read, and what it says of its age.

use crate::support::app::App;
use crate::support::wait::{ms, s};
use crate::support::{Answer, Cluster, ask, eventually, holds_for, key, minimal, shared, sql};
use private_postgres::{Server, StopMode};
use serde_json::json;
use std::thread;

/// A service on a primary and a replica whose replay can be halted.
fn pair() -> (Cluster, App) {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    (cluster, app)
}

/// And the path of a transaction that the replica has.
fn served_by_a_replica_that_may_lag_300_ms() -> (Cluster, App, String) {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.max_replica_lag_ms", 300)
        .set("database.probe_interval_ms", 50)
        .healthy();
    let id = app.create(&minimal()).expect(201).id();
    let path = format!("/transactions/{id}");
    eventually(s(5), "the replica serves", || {
        app.get(&path).served_by() == "replica"
    });
    (cluster, app, path)
}

fn pause_replay(replica: &Server) {
    sql(replica, "SELECT pg_wal_replay_pause()");
}

fn resume_replay(replica: &Server) {
    sql(replica, "SELECT pg_wal_replay_resume()");
}

fn paths(id: &str) -> [String; 3] {
    [
        format!("/transactions/{id}"),
        format!("/transactions/{id}/events"),
        "/transactions?limit=1".to_owned(),
    ]
}

/// Three headers that must agree.
#[track_caller]
fn is_from(answer: &Answer, consistency: &str, served_by: &str) {
    assert_eq!(
        (answer.header("X-Read-Consistency"), answer.served_by()),
        (consistency, served_by),
        "{answer:?}"
    );
    let lag = answer
        .headers
        .get("X-Replica-Lag-Ms")
        .map(|lag| lag.to_str().unwrap().parse::<u64>().unwrap());
    assert_eq!(lag.is_some(), served_by == "replica", "{answer:?}");
}

fn with_token(app: &App, path: &str, token: &str) -> Answer {
    app.get_with(path, &[("X-Consistency-Token", token)])
}

/// 404 of a replica would be a lie about what the primary has acknowledged.
#[test]
fn what_a_replica_does_not_have_yet_is_waited_for_while_the_primary_cannot_answer() {
    let (cluster, app) = pair();
    let first = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    eventually(s(5), "the replica serves", || {
        app.get(&first).served_by() == "replica"
    });
    pause_replay(cluster.replica());
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let holds = "BEGIN; LOCK TABLE transactions; SELECT pg_sleep(0.7); COMMIT";
            sql(cluster.primary(), holds);
        });
        let locks = "SELECT count(*)::text AS value FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                      AND relation = 'transactions'::regclass";
        eventually(s(5), "the table is locked", || {
            ask(cluster.primary(), locks) == "1"
        });
        let found = app.get(&path).expect(200);
        assert_eq!(found.served_by(), "primary");
        stranger.join().unwrap();
    });
    resume_replay(cluster.replica());
}

#[test]
fn a_default_read_is_served_by_the_replica_and_says_how_late_it_is() {
    let (cluster, app) = pair();
    let created = app.create(&minimal()).expect(201);
    for path in paths(&created.id()) {
        eventually(s(5), "the replica serves it", || {
            app.get(&path).expect(200).served_by() == "replica"
        });
        is_from(&app.get(&path), "eventual", "replica");
        is_from(
            &app.get_with(&path, &[("X-Read-Consistency", "eventual")]),
            "eventual",
            "replica",
        );
    }
    drop(cluster);
}

#[test]
fn a_strong_read_is_served_by_the_primary() {
    let (cluster, app) = pair();
    pause_replay(cluster.replica());
    let created = app.create(&minimal()).expect(201);
    for path in paths(&created.id()) {
        is_from(&app.get_strong(&path).expect(200), "strong", "primary");
    }
    assert_eq!(
        app.get_strong("/transactions?limit=1").json()["data"][0],
        created.json()
    );
    resume_replay(cluster.replica());
}

#[test]
fn without_a_replica_the_primary_serves_all_reads() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    for path in paths(&created.id()) {
        is_from(&app.get(&path).expect(200), "eventual", "primary");
        is_from(
            &with_token(&app, &path, created.token()).expect(200),
            "session",
            "primary",
        );
    }
}

#[test]
fn a_client_reads_its_own_write_however_late_the_replica_is() {
    let (cluster, app) = pair();
    let id = app.create(&minimal()).expect(201).id();
    let path = format!("/transactions/{id}");
    eventually(s(5), "the replica has it", || {
        app.get(&path).served_by() == "replica"
    });
    pause_replay(cluster.replica());
    let changed = app
        .patch(&id, &app.etag(&id), &json!({"status": "processing"}))
        .expect(200);
    assert_eq!(
        app.get(&path).expect(200).text_at("/status"),
        "pending",
        "the replica is behind"
    );
    for path in paths(&id) {
        let answer = with_token(&app, &path, changed.token()).expect(200);
        is_from(&answer, "session", "primary");
    }
    assert_eq!(
        with_token(&app, &path, changed.token()).json(),
        changed.json()
    );
    resume_replay(cluster.replica());
    eventually(s(5), "the replica serves the token", || {
        with_token(&app, &path, changed.token()).served_by() == "replica"
    });
    is_from(
        &with_token(&app, &path, changed.token()).expect(200),
        "session",
        "replica",
    );
}

#[test]
fn of_several_tokens_the_latest_decides() {
    let (cluster, app) = pair();
    let old = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", old.id());
    eventually(s(5), "the replica has the first", || {
        with_token(&app, &path, old.token()).served_by() == "replica"
    });
    pause_replay(cluster.replica());
    let new = app.create(&minimal()).expect(201);
    let both = format!("{},{}", old.token(), new.token());
    is_from(
        &with_token(&app, &path, &both).expect(200),
        "session",
        "primary",
    );
    is_from(
        &with_token(&app, &path, old.token()).expect(200),
        "session",
        "replica",
    );
    let strong = app
        .get_with(
            &path,
            &[
                ("X-Consistency-Token", &both),
                ("X-Read-Consistency", "strong"),
            ],
        )
        .expect(200);
    is_from(&strong, "strong", "primary");
    resume_replay(cluster.replica());
}

#[test]
fn a_malformed_token_is_refused() {
    let it = shared();
    let created = it.app.create(&minimal()).expect(201);
    let (path, token) = (format!("/transactions/{}", created.id()), created.token());
    with_token(&it.app, &path, &[token; 8].join(",")).expect(200);
    let in_lines = [
        ("X-Consistency-Token", token),
        ("X-Consistency-Token", token),
    ];
    let session = it.app.get_with(&path, &in_lines).expect(200);
    assert_eq!(session.header("X-Read-Consistency"), "session");
    let nine = [token; 9].join(",");
    let flipped = format!(
        "{}{}",
        if token.starts_with('A') { "B" } else { "A" },
        &token[1..]
    );
    for bad in [
        "x",
        "",
        ",",
        &format!("{token},"),
        &token[1..],
        &token.to_lowercase(),
        &flipped,
        &nine,
        &key(),
    ] {
        with_token(&it.app, &path, bad).problem(400, "invalid_consistency_token");
        with_token(&it.app, "/transactions", bad).problem(400, "invalid_consistency_token");
    }
}

#[test]
fn a_consistency_that_does_not_exist_is_refused() {
    shared()
        .app
        .get_with("/transactions", &[("X-Read-Consistency", "linearizable")])
        .expect(400);
}

#[test]
fn a_token_of_a_lost_write_is_reported() {
    let (cluster, app) = pair();
    let kept = app.create(&minimal()).expect(201);
    let lost = app.create(&minimal()).expect(201);
    let id = lost.id();
    sql(
        cluster.primary(),
        &format!(
            "DELETE FROM transaction_events WHERE transaction_id = '{id}';
             DELETE FROM transactions WHERE id = '{id}'"
        ),
    );
    let path = format!("/transactions/{}", kept.id());
    eventually(s(5), "the replica has lost it too", || {
        with_token(&app, &path, lost.token()).status == 409
    });
    with_token(&app, &path, lost.token()).problem(409, "consistency_token_unknown");
    let both = format!("{},{}", kept.token(), lost.token());
    with_token(&app, "/transactions", &both).problem(409, "consistency_token_unknown");
    with_token(&app, &path, kept.token()).expect(200);
}

/// It has replayed no commit since its start, which is where PostgreSQL tells a replica's lag from.
#[test]
fn a_replica_that_was_restarted_without_a_primary_says_how_late_it_may_be() {
    let (cluster, app) = pair();
    let id = app.create(&minimal()).expect(201).id();
    sql(cluster.primary(), "CHECKPOINT");
    cluster.primary().stop(StopMode::Fast).unwrap();
    sql(cluster.replica(), "CHECKPOINT");
    cluster.replica().stop(StopMode::Fast).unwrap();
    cluster.replica().start().unwrap();
    let replayed = "SELECT coalesce(pg_last_xact_replay_timestamp()::text, 'nothing') AS value";
    assert_eq!(ask(cluster.replica(), replayed), "nothing");
    let started_now = cluster.launch().start();
    let path = format!("/transactions/{id}");
    eventually(s(10), "the replica serves", || {
        started_now.get(&path).status == 200
    });
    is_from(&started_now.get(&path), "eventual", "replica");
}

#[test]
fn a_replica_that_lags_too_much_serves_no_reads_while_there_is_a_primary() {
    let (cluster, app, path) = served_by_a_replica_that_may_lag_300_ms();
    pause_replay(cluster.replica());
    app.create(&minimal()).expect(201);
    eventually(s(5), "the primary serves", || {
        app.get(&path).expect(200).served_by() == "primary"
    });
    holds_for(ms(200), "the primary serves", || {
        app.get(&path).expect(200).served_by() == "primary"
    });
    cluster.primary().stop(StopMode::Immediate).unwrap();
    let answer = app.get(&path).expect(200);
    is_from(&answer, "eventual", "replica");
    let lag = || {
        app.get(&path)
            .expect(200)
            .header("X-Replica-Lag-Ms")
            .parse::<u64>()
            .unwrap()
    };
    eventually(s(5), "its true lag is told", || lag() >= 300);
    cluster.primary().start().unwrap();
    resume_replay(cluster.replica());
    app.until_healthy(s(5));
    eventually(s(5), "the replica serves again", || {
        app.get(&path).expect(200).served_by() == "replica"
    });
}

#[test]
fn without_a_primary_a_read_gets_what_the_replica_has_or_a_refusal() {
    let (cluster, app) = pair();
    let old = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", old.id());
    eventually(s(5), "the replica has it", || {
        with_token(&app, &path, old.token()).served_by() == "replica"
    });
    pause_replay(cluster.replica());
    let new = app
        .patch(&old.id(), &old.etag(), &json!({"status": "processing"}))
        .expect(200);
    cluster.primary().kill().unwrap();
    is_from(&app.get(&path).expect(200), "eventual", "replica");
    let known = with_token(&app, &path, old.token()).expect(200);
    is_from(&known, "session", "replica");
    assert_eq!(known.text_at("/status"), "pending");
    let unknown = with_token(&app, &path, new.token()).problem(503, "consistency_unavailable");
    assert_eq!(unknown.json()["outcome"], "not_applied");
    app.get_strong(&path)
        .problem(503, "consistency_unavailable");
    app.get(&format!("/transactions?idempotency_key={}", key()))
        .problem(503, "consistency_unavailable");
    cluster.primary().start().unwrap();
    resume_replay(cluster.replica());
    app.until_healthy(s(5));
    assert_eq!(
        with_token(&app, &path, new.token())
            .expect(200)
            .text_at("/status"),
        "processing"
    );
}

#[test]
fn without_any_database_reads_are_refused_quickly() {
    let (cluster, app) = pair();
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    cluster
        .nodes
        .iter()
        .rev()
        .for_each(|node| node.kill().unwrap());
    // A read that begins in the first 3 s of an outage looks for a node for 3 s, a later one for 1 s.
    let is_refused_within = |limit, path: &str| {
        let start = std::time::Instant::now();
        app.get(path).problem(503, "read_unavailable");
        start.elapsed() < limit
    };
    eventually(s(5), "reads are refused", || app.get(&path).status == 503);
    eventually(s(10), "they are refused quickly", || {
        is_refused_within(ms(2500), &path)
    });
    eventually(s(10), "so are lists", || {
        is_refused_within(ms(2500), "/transactions")
    });
    cluster.nodes.iter().for_each(|node| node.start().unwrap());
    app.until_healthy(s(5));
    app.get(&path).expect(200);
}

#[test]
fn a_replica_that_nobody_can_correct_says_how_stale_its_absence_is() {
    let (cluster, app) = pair();
    let known = app.create(&minimal()).expect(201);
    let first = format!("/transactions/{}", known.id());
    eventually(s(5), "the replica has it", || {
        app.get(&first).served_by() == "replica"
    });
    pause_replay(cluster.replica());
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    assert_eq!(
        app.get(&path).expect(200).served_by(),
        "primary",
        "absence on a replica is no answer while there is a primary"
    );
    cluster.primary().freeze();
    eventually(s(5), "the replica alone answers", || {
        app.get(&path).status == 404
    });
    is_from(
        &app.get(&path).problem(404, "transaction_not_found"),
        "eventual",
        "replica",
    );
    is_from(
        &with_token(&app, &path, known.token()).problem(404, "transaction_not_found"),
        "session",
        "replica",
    );
    cluster.primary().thaw();
    resume_replay(cluster.replica());
    app.until_healthy(s(5));
    app.get(&path).expect(200);
}

/// Nobody has asked it since, and its connections stay open: it shows a branch that nobody has judged yet.
#[test]
fn a_replica_that_was_promoted_a_moment_ago_answers_for_no_token() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-1\"");
    let urls = cluster.urls();
    let replicas = format!(
        "[{{ url = {:?} }}, {{ url = {:?}, region = \"here\" }}]",
        urls[1], urls[2]
    );
    let app = cluster
        .launch()
        .text("server.region", "here")
        .set("database.replicas", replicas)
        .set("database.probe_interval_ms", 60_000)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let reads = || paths(&created.id()).map(|path| with_token(&app, &path, created.token()));
    eventually(s(5), "the near replica has it", || {
        reads().iter().all(|answer| answer.served_by() == "replica")
    });
    let before = reads().map(|answer| answer.expect(200).json());
    let promoted = &cluster.nodes[2];
    promoted.promote().unwrap();
    let branch = "SET synchronous_commit = local; UPDATE transactions SET status_reason = 'promoted', request_id = 'promoted'";
    sql(promoted, branch);
    for (answer, before) in reads().into_iter().zip(before) {
        assert_eq!(answer.expect(200).json(), before);
    }
    eventually(s(5), "it has been asked what it is", || {
        app.get("/status").json()["nodes"][2]["cause"] == "promoted_apart"
    });
}

/// The next record of an idle primary will stand behind the header of a page that has not begun: no standby has been sent that header.
#[test]
fn a_replica_does_not_lag_where_the_primary_has_finished_a_page_of_the_log_and_is_idle() {
    let (cluster, app, path) = served_by_a_replica_that_may_lag_300_ms();
    sql(cluster.primary(), "SELECT pg_switch_wal()");
    let flushed = ask(
        cluster.primary(),
        "SELECT pg_current_wal_flush_lsn()::text AS value",
    );
    let reached = format!("SELECT (pg_last_wal_replay_lsn() >= '{flushed}')::text AS value");
    eventually(s(5), "it has all of it", || {
        ask(cluster.replica(), &reached) == "true"
    });
    holds_for(ms(1500), "the replica serves", || {
        app.get(&path).expect(200).served_by() == "replica"
    });
}
