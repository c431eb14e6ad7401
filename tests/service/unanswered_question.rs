//! The commit is made, and the question which standbys have it is not answered.

use crate::durability::durability;
use crate::support::wait::s;
use crate::support::{Cluster, ask, eventually, key, minimal, sql};
use reqwest::Method;
use serde_json::json;
use std::thread;

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
