//! How old a state a read may show that bounds it with `X-Max-Staleness-Ms`.

use crate::regional::{delayed, until_rtt};
use crate::support::wait::{ms, s};
use crate::support::{Answer, Cluster, Launch, eventually, holds_for, minimal, sql};
use private_postgres::StopMode;
use serde_json::json;
use std::time::Instant;

#[test]
fn a_read_that_bounds_its_staleness_is_answered_by_who_is_known_to_be_fresh() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.probe_interval_ms", 100)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.text_at("/id"));
    let within = |ms: &str| app.get_with(&path, &[("X-Max-Staleness-Ms", ms)]);
    eventually(s(5), "the replica is fresh enough", || {
        let answer = within("60000");
        answer.status == 200 && answer.served_by() == "replica"
    });
    sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
    app.create(&minimal()).expect(201);
    eventually(
        s(10),
        "the primary answers what the replica is too late for",
        || within("1000").expect(200).served_by() == "primary",
    );
    assert_eq!(within("86400000").expect(200).served_by(), "replica");
    cluster.primary().stop(StopMode::Fast).unwrap();
    eventually(s(10), "nobody is fresh enough", || {
        within("1000").status == 503
    });
    within("1000").problem(503, "consistency_unavailable");
    within("86400000").expect(200);
}

/// That it stands still is seen by the next probe alone, half a second later.
#[test]
fn no_replica_shows_an_older_state_than_a_read_bounds_it_to() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let bound = ms(400);
    let read = || {
        app.get_with(&path, &[("X-Max-Staleness-Ms", "400")])
            .expect(200)
    };
    for status in ["processing", "failed", "pending", "processing", "completed"] {
        let before = eventually_replicated(&read);
        sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
        app.patch(
            created.text_at("/id").as_str(),
            before.header("ETag"),
            &json!({"status": status}),
        )
        .expect(200);
        let changed = Instant::now();
        holds_for(s(1), "it is as fresh as was asked", || {
            let asked = Instant::now();
            read().text_at("/status") == status || asked < changed + bound
        });
        sql(cluster.replica(), "SELECT pg_wal_replay_resume()");
    }
}

/// By the replica, which has what there is.
fn eventually_replicated(read: &impl Fn() -> Answer) -> Answer {
    let mut last = read();
    eventually(s(10), "the replica is fresh enough", || {
        last = read();
        last.served_by() == "replica"
    });
    last
}

#[test]
fn a_primary_proves_that_it_is_as_fresh_as_was_asked() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.text_at("/id"));
    cluster.replica().kill().unwrap();
    let bounded = [("X-Max-Staleness-Ms", "60000")];
    // Its commits hang, as they would if it had been replaced.
    eventually(s(10), "nothing proves it", || {
        app.get_with(&path, &bounded).status == 503
    });
    app.get(&path).expect(200);
    cluster.replica().start().unwrap();
    app.until_healthy(s(20));
    app.get_with(&path, &bounded).expect(200);
}

/// Where commits wait for a standby, and none confirms them, the primary may have been replaced: what its other replicas show has no known age,
/// whatever is required of writes.
#[test]
fn a_replica_of_a_primary_whose_commits_hang_is_not_known_to_be_fresh() {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous_with("\"replica-2\"");
    let app = cluster
        .launch()
        .set("database.probe_interval_ms", 50)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let within = |ms: &str| app.get_with(&path, &[("X-Max-Staleness-Ms", ms)]);
    eventually(s(10), "a replica is fresh enough", || {
        let answer = within("5000");
        answer.status == 200 && answer.served_by() == "replica"
    });
    cluster.nodes[2].kill().unwrap();
    eventually(s(20), "nobody is known to be fresh", || {
        within("1000").status == 503
    });
    within("1000").problem(503, "consistency_unavailable");
    assert_eq!(app.get(&path).expect(200).served_by(), "replica");
    cluster.nodes[2].start().unwrap();
    app.until_healthy(s(20));
    within("1000").expect(200);
}

/// A proof is a round trip of its own, after that of the read: only its own time counts.
#[test]
fn a_proof_by_a_far_primary_makes_the_replica_here_fresh() {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls)
        .set("database.probe_interval_ms", 50)
        .healthy();
    let created = app.create(&minimal()).expect(201);
    let path = format!("/transactions/{}", created.id());
    delayed(&proxies[0], ms(80));
    until_rtt(&app, 0, |rtt| rtt > 150.0);
    // Two round trips take longer.
    let bound = [("X-Max-Staleness-Ms", "300")];
    eventually(s(30), "the replica answers after a proof", || {
        let answer = app.get_with(&path, &bound);
        answer.status == 200 && answer.served_by() == "replica"
    });
}
