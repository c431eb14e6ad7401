//! Where a standby must confirm each commit: what an instance makes of the confirmations that it gets, and of those that do not come.

use crate::faults::regions::headers::log_statements;
use crate::regional::in_regions;
use crate::support::wait::{ms, s};
use crate::support::{Answer, App, Cluster, Launch, ask, eventually, key, minimal};
use private_postgres::StopMode;
use uuid::Uuid;

/// A create is confirmed by the standby, or refused.
fn with_a_standby_that_must_confirm() -> (Cluster, Launch) {
    let cluster = Cluster::pair();
    cluster.make_durable();
    cluster.make_synchronous();
    let launch = cluster.launch().text("durability.require", "node");
    (cluster, launch)
}

fn creates(app: &App) -> bool {
    app.create(&minimal()).status == 201
}

fn lag_ms(answer: &Answer) -> Option<u64> {
    let lag = answer.headers.get("X-Replica-Lag-Ms")?;
    Some(lag.to_str().unwrap().parse().unwrap())
}

#[test]
fn a_write_that_cannot_be_confirmed_in_time_is_not_sent() {
    let (cluster, launch) = with_a_standby_that_must_confirm();
    let _cable = cluster.follow_over(ms(400));
    let app = launch.start();
    eventually(s(20), "the standby confirms", || creates(&app));
    for _ in 0..3 {
        // So it is known how long that takes at least.
        (0..5).for_each(|_| assert!(creates(&app)));
        let key = key();
        let soon = [("Idempotency-Key", &*key), ("X-Deadline-Ms", "200")];
        let refused = app
            .create_with(&soon, &minimal())
            .problem(503, "overloaded");
        assert_eq!(refused.json()["outcome"], "not_applied");
        let stored = format!(
            "SELECT count(*)::text AS value FROM transactions WHERE idempotency_key = '{key}'"
        );
        assert_eq!(ask(cluster.primary(), &stored), "0");
        let later = [("Idempotency-Key", &*key), ("X-Deadline-Ms", "8000")];
        let created = app.create_with(&later, &minimal()).expect(201);
        assert_eq!(created.header("Idempotent-Replayed"), "false");
    }
}

/// The replica says that it has everything that its primary has. But if both had been cut off, it would say so too.
#[test]
fn a_replica_is_known_to_be_as_fresh_as_the_last_confirmation() {
    let (_cluster, launch) = with_a_standby_that_must_confirm();
    let app = launch.set("database.probe_interval_ms", 100).start();
    eventually(s(20), "the standby confirms", || creates(&app));
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    let served_by = || {
        let bounded = [("X-Max-Staleness-Ms", "1000")];
        app.get_with(&path, &bounded)
            .expect(200)
            .served_by()
            .to_owned()
    };
    for _ in 0..3 {
        eventually(s(20), "a confirmation is young enough", || {
            served_by() == "replica"
        });
        eventually(
            s(20),
            "it is too old, and the primary proves itself",
            || served_by() == "primary",
        );
    }
}

#[test]
fn while_nobody_confirms_default_reads_say_since_when() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_durable();
    cluster.make_synchronous_with("\"replica-2\"");
    let app = cluster.launch().text("durability.require", "node").start();
    eventually(s(20), "the standby confirms", || creates(&app));
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    let until_served_by = |who: &str, is: &dyn Fn(Option<u64>) -> bool| {
        eventually(s(20), "the answer says how old it may be", || {
            let answer = app.get(&path);
            answer.status == 200 && answer.served_by() == who && is(lag_ms(&answer))
        });
    };
    until_served_by("replica", &|lag| lag.is_some_and(|ms| ms < 1000));
    cluster.nodes[2].stop(StopMode::Fast).unwrap();
    until_served_by("replica", &|lag| lag.is_some_and(|ms| ms > 2000));
    cluster.nodes[1].stop(StopMode::Fast).unwrap();
    until_served_by("primary", &|lag| lag.is_some_and(|ms| ms > 2000));
    cluster.nodes[2].start().unwrap();
    until_served_by("replica", &|lag| lag.is_some_and(|ms| ms < 1000));
    assert_eq!(lag_ms(&app.get_strong(&path).expect(200)), None);
}

/// The standby in the other region has all of the log of an idle primary, and another one confirms the commit of the proof.
#[test]
fn what_a_standby_had_before_a_strong_read_proves_nothing() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_durable();
    cluster.make_synchronous_with("\"replica-1\", \"replica-2\"");
    let app = in_regions(cluster.urls(), &["eu", "eu", "us"], "eu")
        .text("durability.require", "region")
        .start();
    eventually(s(20), "the other region confirms", || creates(&app));
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    app.get_strong(&path).expect(200);
    let behind = "SELECT bool_or(flush_lsn < pg_current_wal_insert_lsn())::text AS value FROM pg_stat_replication";
    eventually(s(10), "the standbys have everything", || {
        ask(cluster.primary(), behind) == "false"
    });
    cluster.nodes[2].freeze();
    app.get_strong(&path)
        .problem(503, "consistency_unavailable");
    cluster.nodes[2].thaw();
    eventually(s(20), "the other region confirms again", || {
        app.get_strong(&path).status == 200
    });
}

/// Who is cut off with a primary may set it so, to get on with something else.
#[test]
fn a_primary_whose_commits_wait_for_nobody_proves_nothing() {
    let (cluster, launch) = with_a_standby_that_must_confirm();
    let app = launch.start();
    eventually(s(20), "the standby confirms", || creates(&app));
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    app.get_strong(&path).expect(200);
    let none = [("synchronous_standby_names", "")];
    cluster.primary().reload(&none).unwrap();
    cluster.until_set(cluster.primary(), none[0].0, none[0].1);
    let is_refused = |headers: &[(&str, &str)]| {
        let answer = app.get_with(&path, headers);
        answer.status == 503 && answer.json()["code"] == "consistency_unavailable"
    };
    let strong = [("X-Read-Consistency", "strong")];
    let bounded = [("X-Max-Staleness-Ms", "1000")];
    eventually(s(10), "it is known", || {
        is_refused(&strong) && is_refused(&bounded)
    });
    app.get(&path).expect(200);
    cluster.make_synchronous();
    eventually(s(10), "the standby confirms again", || {
        app.get_strong(&path).status == 200
    });
}

/// They are waited for as long as it takes to restart one, however long a failover may take.
#[test]
fn a_primary_that_has_lost_its_standbys_refuses_writes_long_before_their_deadline() {
    let (cluster, launch) = with_a_standby_that_must_confirm();
    let app = launch.set("database.write_deadline_ms", 120_000).start();
    eventually(s(20), "the standby confirms", || creates(&app));
    cluster.replica().stop(StopMode::Fast).unwrap();
    eventually(s(10), "the loss is known", || {
        app.get("/status").json()["writes"] == "held"
    });
    app.create(&minimal())
        .problem(503, "durability_unavailable");
    cluster.replica().start().unwrap();
    eventually(s(20), "the standby confirms again", || creates(&app));
}

#[test]
fn what_a_replica_lacks_is_asked_of_the_primary_next() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    cluster
        .nodes
        .iter()
        .for_each(|node| log_statements(node, "all"));
    let unknown: Vec<_> = (0..20).map(|_| Uuid::now_v7().to_string()).collect();
    for id in &unknown {
        let absent = app.get(&format!("/transactions/{id}"));
        let absent = absent.problem(404, "transaction_not_found");
        assert_eq!(absent.served_by(), "primary");
    }
    cluster
        .nodes
        .iter()
        .for_each(|node| log_statements(node, "none"));
    let logs: Vec<_> = cluster
        .nodes
        .iter()
        .map(|node| String::from_utf8_lossy(&std::fs::read(node.log_file()).unwrap()).into_owned())
        .collect();
    let (primary, replicas) = logs.split_first().unwrap();
    let asked = |id: &String| replicas.iter().filter(|log| log.contains(id)).count();
    for id in &unknown {
        assert!(primary.contains(id), "the primary was asked for {id}");
        // None where the machine is so busy that the replicas seem to be farther away.
        assert!(asked(id) <= 1, "one replica was asked for {id}");
    }
    assert!(unknown.iter().any(|id| asked(id) == 1));
}
