//! A failover that loses a write, with asynchronous replication: whoever holds its token or its ETag finds out, also when somebody else
//! has made the same version number anew.

use crate::faults::operator::cut_off;
use crate::support::wait::s;
use crate::support::{Answer, App, Cluster, ask, eventually, holds_for, minimal};
use serde_json::{Value, json};

fn to(status: &str) -> Value {
    json!({"status": status, "status_reason": "for the test"})
}

/// A primary and a replica that has everything but what is written from now on.
fn pair_with_a_replica_that_stays_behind(
    app_of: impl Fn(&Cluster) -> App,
) -> (Cluster, App, Answer) {
    let cluster = Cluster::pair();
    let app = app_of(&cluster);
    let created = app.create(&minimal()).expect(201);
    let known = format!(
        "SELECT count(*)::text AS value FROM transactions WHERE id = '{}'",
        created.id()
    );
    eventually(s(5), "the replica has it", || {
        ask(cluster.replica(), &known) == "1"
    });
    cut_off(cluster.replica());
    (cluster, app, created)
}

fn lose_the_primary(cluster: &Cluster, app: &App) {
    cluster.primary().kill().unwrap();
    cluster.replica().promote().unwrap();
    eventually(s(10), "it writes again", || {
        app.get("/ready").json()["writes"] == true
    });
}

#[test]
fn the_token_and_the_etag_of_a_lost_change_do_not_match_another_change_of_the_same_number() {
    let (cluster, app, created) =
        pair_with_a_replica_that_stays_behind(|cluster| cluster.launch().healthy());
    let (id, path) = (created.id(), created.header("Location").to_owned());
    let lost = app
        .patch(&id, &created.etag(), &to("processing"))
        .expect(200);
    let with_token = || app.get_with(&path, &[("X-Consistency-Token", lost.token())]);
    with_token().expect(200);
    lose_the_primary(&cluster, &app);
    with_token().problem(409, "consistency_token_unknown");

    let other = app.patch(&id, &created.etag(), &to("failed")).expect(200);
    assert_eq!(
        (&lost.json()["version"], &other.json()["version"]),
        (&json!(2), &json!(2))
    );
    assert_ne!(lost.etag(), other.etag());
    with_token().problem(409, "consistency_token_unknown");
    let refused = app.patch(&id, &lost.etag(), &to("completed"));
    assert_eq!(
        refused.problem(412, "precondition_failed").etag(),
        other.etag()
    );
    let not_modified = |etag: &str| {
        app.get_with(
            &path,
            &[("If-None-Match", etag), ("X-Read-Consistency", "strong")],
        )
    };
    not_modified(&lost.etag()).expect(200);
    not_modified(&other.etag()).expect(304);

    let third = app.patch(&id, &other.etag(), &to("pending")).expect(200);
    with_token().problem(409, "consistency_token_unknown");
    for seen in [created.token(), other.token(), third.token()] {
        app.get_with(&path, &[("X-Consistency-Token", seen)])
            .expect(200);
    }
}

#[test]
fn the_token_of_a_lost_create_is_reported_by_lists_and_histories_too() {
    let (cluster, app, kept) =
        pair_with_a_replica_that_stays_behind(|cluster| cluster.launch().healthy());
    let lost = app.create(&minimal()).expect(201);
    lose_the_primary(&cluster, &app);
    let path = kept.header("Location").to_owned();
    for path in [
        path.clone(),
        format!("{path}/events"),
        "/transactions?limit=1".to_owned(),
    ] {
        let with = |token: &str| app.get_with(&path, &[("X-Consistency-Token", token)]);
        with(kept.token()).expect(200);
        with(lost.token()).problem(409, "consistency_token_unknown");
        with(&format!("{},{}", kept.token(), lost.token()))
            .problem(409, "consistency_token_unknown");
    }
}

/// An orchestrator promotes a node while the primary hangs, and rewinds it when that goes on.
#[test]
fn a_promotion_that_is_undone_holds_writes_only_while_somebody_may_still_have_its_timeline() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    cluster.primary().freeze();
    cluster.replica().promote().unwrap();
    // Before, a create could be sent to the one that hangs too, and be done there later.
    eventually(s(10), "the promoted node gets the writes", || {
        app.get("/status").json()["timeline"] == 2
    });
    let lost = app.create(&minimal()).expect(201);
    let path = lost.header("Location").to_owned();
    let with_token = || app.get_with(&path, &[("X-Consistency-Token", lost.token())]);
    with_token().expect(200);

    cluster.replica().kill().unwrap();
    cluster.primary().thaw();
    let writes = || app.get("/ready").json()["writes"] == true;
    eventually(s(5), "the loss is known", || !writes());
    holds_for(s(2), "its timeline may be somewhere", || !writes());
    cluster
        .replica()
        .rewind_to_follow(cluster.primary())
        .unwrap();
    cluster.replica().start().unwrap();
    eventually(s(30), "all are there again, and write", || {
        app.get("/health").status == 200 && writes()
    });
    app.create(&minimal()).expect(201);
    with_token().problem(409, "consistency_token_unknown");
    app.logs("no node has the timeline any more");
}
