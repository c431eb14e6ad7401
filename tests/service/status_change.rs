//! PATCH, in the order of its checks.

use crate::support::app::App;
use crate::support::wait::s;
use crate::support::{Answer, Cluster, ask, eventually, full, minimal, shared, sql};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use private_postgres::User;
use reqwest::Method;
use serde_json::{Value, json};
use std::thread;
use uuid::Uuid;

fn to(status: &str) -> Value {
    json!({"status": status, "status_reason": format!("made {status}")})
}

/// A transaction that has gone this way, and the ETags of its versions.
fn in_status(app: &App, status: &str) -> (String, Vec<String>) {
    let created = app.create(&full()).expect(201);
    let (id, mut etags) = (created.id(), vec![created.etag()]);
    if status != "pending" {
        etags.push(app.patch(&id, &etags[0], &to(status)).expect(200).etag());
    }
    (id, etags)
}

fn versions(app: &App, id: &str) -> Vec<Value> {
    let events = app
        .get_strong(&format!("/transactions/{id}/events"))
        .expect(200)
        .json();
    events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["version"].clone())
        .collect()
}

#[test]
fn a_status_changes_with_a_new_version_and_event() {
    let it = shared();
    let (id, etags) = in_status(&it.app, "pending");
    let before = it
        .app
        .get_strong(&format!("/transactions/{id}"))
        .expect(200)
        .json();
    let body = json!({"status": "processing", "status_reason": "picked up"});
    let headers = [
        ("If-Match", etags[0].as_str()),
        ("X-Request-Id", "second-request"),
    ];
    let answer = it
        .other
        .send(
            Method::PATCH,
            &format!("/transactions/{id}"),
            &headers,
            Some(&body),
        )
        .expect(200);
    let after = answer.json();
    assert_eq!(
        (
            answer.header("X-Read-Consistency"),
            answer.header("X-Durability")
        ),
        ("strong", "local")
    );
    assert!(answer.etag().starts_with("\"2-"), "{}", answer.etag());
    let mut expected = before;
    for (field, value) in [
        ("status", json!("processing")),
        ("status_reason", json!("picked up")),
        ("version", json!(2)),
    ] {
        expected[field] = value;
    }
    expected["updated_at"] = after["updated_at"].clone();
    assert_eq!(after, expected);
    assert!(after["updated_at"].as_str() > after["created_at"].as_str());
    let read = it
        .app
        .get_with(
            &format!("/transactions/{id}"),
            &[("X-Consistency-Token", answer.token())],
        )
        .expect(200);
    assert_eq!(read.json(), after);
    let events = it
        .app
        .get_strong(&format!("/transactions/{id}/events"))
        .expect(200)
        .json();
    let event = json!({
        "version": 2, "kind": "status_changed", "status": "processing", "status_reason": "picked up",
        "callback_status": "pending_external", "actor": events["data"][0]["actor"], "request_id": "second-request",
        "at": after["updated_at"]
    });
    assert_eq!(events["data"][1], event);
}

#[test]
fn every_transition_is_allowed_or_forbidden_as_the_contract_says() {
    let it = shared();
    let all = ["pending", "processing", "completed", "failed"];
    let allowed = |from: &str| match from {
        "pending" => vec!["completed", "failed", "processing"],
        "processing" => vec!["completed", "failed"],
        "failed" => vec!["pending"],
        _ => vec![],
    };
    for from in all {
        for wanted in all.into_iter().filter(|wanted| *wanted != from) {
            let (id, etags) = in_status(&it.app, from);
            let answer = it.app.patch(&id, etags.last().unwrap(), &to(wanted));
            if allowed(from).contains(&wanted) {
                assert_eq!(
                    answer.expect(200).json()["version"],
                    etags.len() + 1,
                    "{from} → {wanted}"
                );
                continue;
            }
            let problem = answer.problem(409, "invalid_status_transition").json();
            let mut next: Vec<&str> = problem["allowed"]
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s.as_str().unwrap())
                .collect();
            next.sort_unstable();
            assert_eq!(
                (&problem["from"], &problem["to"], next),
                (&json!(from), &json!(wanted), allowed(from))
            );
            assert_eq!(versions(&it.app, &id).len(), etags.len());
        }
    }
}

#[test]
fn the_same_status_again_changes_nothing() {
    let it = shared();
    let (id, etags) = in_status(&it.app, "processing");
    let answer = it
        .app
        .patch(
            &id,
            &etags[1],
            &json!({"status": "processing", "status_reason": "again"}),
        )
        .expect(200);
    assert_eq!(
        (answer.etag(), answer.text_at("/status_reason").as_str()),
        (etags[1].clone(), "made processing")
    );
    assert_eq!(versions(&it.app, &id), [1, 2]);
}

#[test]
fn a_lost_response_can_be_asked_for_again() {
    let it = shared();
    let (id, etags) = in_status(&it.app, "processing");
    let again = it
        .other
        .patch(&id, &etags[0], &to("processing"))
        .expect(200);
    assert_eq!(
        (again.etag(), versions(&it.app, &id)),
        (etags[1].clone(), vec![json!(1), json!(2)])
    );
}

/// As one that a failover took back, or that nobody was ever given.
#[test]
fn an_etag_of_a_write_that_is_not_there_matches_nothing() {
    let it = shared();
    let (id, etags) = in_status(&it.app, "processing");
    let unknown = |version: u8| format!("\"{version}-zzzzzz\"");
    for (if_match, wanted) in [
        (unknown(1), "processing"),
        (unknown(2), "processing"),
        (unknown(2), "completed"),
    ] {
        let refused = it.app.patch(&id, &if_match, &to(wanted));
        let refused = refused.problem(412, "precondition_failed");
        assert_eq!(refused.etag(), etags[1], "{if_match} {wanted}");
    }
    let third = it.app.patch(&id, &etags[1], &to("failed")).expect(200);
    it.app
        .patch(&id, &unknown(2), &to("failed"))
        .problem(412, "precondition_failed");
    let again = it.app.patch(&id, &etags[1], &to("failed")).expect(200);
    assert_eq!(again.etag(), third.etag());
}

/// Each attempt so far was answered: the lock was not to be had. So nothing may have been applied.
#[test]
fn a_change_that_waits_for_a_lock_until_its_deadline_was_not_applied() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let id = created.id();
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    let lock = format!("BEGIN; SELECT FROM transactions WHERE id = '{id}' FOR UPDATE");
    stranger.batch_execute(&lock).unwrap();
    for deadline_ms in ["700", "1500"] {
        let headers = [("If-Match", "*"), ("X-Deadline-Ms", deadline_ms)];
        let path = format!("/transactions/{id}");
        app.send(Method::PATCH, &path, &headers, Some(&to("processing")))
            .problem(503, "overloaded");
    }
    stranger.batch_execute("ROLLBACK").unwrap();
    app.patch(&id, &created.etag(), &to("processing"))
        .expect(200);
}

#[test]
fn another_version_fails_the_precondition() {
    let it = shared();
    let (id, mut etags) = in_status(&it.app, "processing");
    let third = it.app.patch(&id, &etags[1], &to("failed")).expect(200);
    etags.push(third.etag());
    let write = &etags[2][3..9];
    let of_another_write = format!(
        "\"3-{}\"",
        if write == "000000" {
            "111111"
        } else {
            "000000"
        }
    );
    for (if_match, wanted) in [
        (etags[0].as_str(), "failed"),
        (&etags[1], "completed"),
        (&format!("\"4-{write}\""), "pending"),
        (&etags[0], "processing"),
        (&of_another_write, "pending"),
        ("\"3\"", "pending"),
        ("\"x\"", "pending"),
    ] {
        let answer = it
            .app
            .patch(&id, if_match, &to(wanted))
            .problem(412, "precondition_failed");
        assert_eq!(answer.etag(), etags[2], "{if_match} {wanted}");
    }
    assert_eq!(versions(&it.app, &id), [1, 2, 3]);
}

#[test]
fn any_version_will_do_where_the_client_says_so() {
    let it = shared();
    let (id, _) = in_status(&it.app, "processing");
    let completed = it.app.patch(&id, "*", &to("completed")).expect(200);
    it.app
        .patch(&id, "*", &to("failed"))
        .problem(409, "invalid_status_transition");
    assert_eq!(
        it.app.patch(&id, "*", &to("completed")).expect(200).etag(),
        completed.etag()
    );
}

#[test]
fn the_body_is_checked_first() {
    let it = shared();
    let path = format!("/transactions/{}", Uuid::now_v7());
    let patch = |body: &Value| it.app.send(Method::PATCH, &path, &[], Some(body));
    let table = [
        (json!({}), vec![("/status", "required")]),
        (json!({"status": "done"}), vec![("/status", "enum")]),
        (
            json!({"status": 1, "status_reason": 2}),
            vec![("/status", "type"), ("/status_reason", "type")],
        ),
        (
            json!({"status": "failed", "status_reason": "a\0"}),
            vec![("/status_reason", "nul_character")],
        ),
        (
            json!({"status": "failed", "reason": "x"}),
            vec![("/reason", "unknown_field")],
        ),
    ];
    for (body, expected) in table {
        let found = patch(&body).expect(400).violations();
        let expected: Vec<(String, String)> = expected
            .into_iter()
            .map(|(p, c)| (p.to_owned(), c.to_owned()))
            .collect();
        assert_eq!(found, expected, "{body}");
    }
    patch(&to("failed")).problem(428, "precondition_required");
    for bad in ["W/\"1\"", "\"1\", \"2\"", "1", "\"1", "*, *"] {
        it.app
            .send(
                Method::PATCH,
                &path,
                &[("If-Match", bad)],
                Some(&to("failed")),
            )
            .problem(400, "invalid_if_match");
    }
    it.app
        .send(
            Method::PATCH,
            &path,
            &[("If-Match", "\"1-5f2c9a\"")],
            Some(&to("failed")),
        )
        .problem(404, "transaction_not_found");
}

#[test]
fn of_many_changes_at_a_time_each_version_is_made_once() {
    let it = shared();
    let created = it.app.create(&minimal()).expect(201);
    let (id, etag) = (created.id(), created.etag());
    let statuses = ["processing", "completed", "failed"];
    let answers: Vec<Answer> = thread::scope(|scope| {
        let patch = |i: usize| {
            let app = if i.is_multiple_of(2) {
                &it.app
            } else {
                &it.other
            };
            app.patch(&id, &etag, &to(statuses[i % 3]))
        };
        let patches: Vec<_> = (0..24).map(|i| scope.spawn(move || patch(i))).collect();
        patches
            .into_iter()
            .map(|patch| patch.join().unwrap())
            .collect()
    });
    let now = it
        .app
        .get_strong(&format!("/transactions/{id}"))
        .expect(200);
    let winner = now.text_at("/status");
    for (i, answer) in answers.into_iter().enumerate() {
        let expected = if statuses[i % 3] == winner { 200 } else { 412 };
        assert_eq!(answer.expect(expected).etag(), now.etag());
    }
    assert_eq!(versions(&it.app, &id), [1, 2]);
}

#[test]
fn a_migration_that_adds_a_column_breaks_no_prepared_statement() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let change = || {
        let created = app.create(&minimal()).expect(201);
        let id = created.id();
        app.patch(&id, &created.etag(), &json!({"status": "processing"}))
            .expect(200);
        app.get(&format!("/transactions/{id}")).expect(200);
    };
    (0..20).for_each(|_| change());
    sql(
        cluster.primary(),
        "ALTER TABLE transactions ADD COLUMN extra integer",
    );
    (0..20).for_each(|_| change());
}

/// A create whose standby does not answer is shown by another replica already, and nobody was told that it is there.
#[test]
fn a_transaction_that_only_a_replica_shows_yet_can_be_changed_once_it_is_durable() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    cluster.make_synchronous_with("\"replica-1\"");
    cluster.replica().freeze();
    let (key, app) = (crate::support::key(), &app);
    thread::scope(|scope| {
        let first = scope.spawn(|| app.create_keyed(&key, &full()));
        let question = format!(
            "SELECT coalesce(max(id::text), '') AS value FROM transactions WHERE idempotency_key = '{key}'"
        );
        let mut id = String::new();
        eventually(s(5), "the other replica shows it", || {
            id = ask(&cluster.nodes[2], &question);
            !id.is_empty()
        });
        let second = scope.spawn(move || app.patch(&id, "*", &to("processing")));
        let proves =
            "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually(s(5), "the second waits too", || {
            ask(cluster.primary(), proves).parse::<u32>().unwrap() >= 2
        });
        cluster.replica().thaw();
        first.join().unwrap().expect(201);
        assert_eq!(second.join().unwrap().expect(200).json()["version"], 2);
    });
    app.until_healthy(s(5));
}

/// With a synchronous standby that does not answer, another replica shows version 2 already: its ETag is a true one, and whoever changes
/// it waits for the standby like the write that made it, instead of being refused.
#[test]
fn a_state_that_only_a_replica_shows_yet_can_be_changed_once_it_is_durable() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    let created = app.create(&minimal()).expect(201);
    let (id, path) = (created.id(), created.header("Location").to_owned());
    cluster.make_synchronous_with("\"replica-1\"");
    cluster.replica().freeze();
    thread::scope(|scope| {
        let first = scope.spawn(|| app.patch(&id, &created.etag(), &to("processing")));
        let shown = || app.get(&path).json()["version"] == 2;
        eventually(s(5), "the other replica shows version 2", shown);
        let etag = app.get(&path).expect(200).etag();
        let (app, id) = (&app, &id);
        let second = scope.spawn(move || app.patch(id, &etag, &to("completed")));
        // Where the service does not know yet that commits wait, the first still has the row locked.
        let waits = "SELECT count(*)::text AS value FROM pg_stat_activity \
                     WHERE wait_event = 'SyncRep' OR wait_event_type = 'Lock'";
        eventually(
            s(5),
            "the second waits for the standby, or for the first",
            || ask(cluster.primary(), waits) == "2",
        );
        assert!(!first.is_finished() && !second.is_finished());
        cluster.replica().thaw();
        assert_eq!(first.join().unwrap().expect(200).json()["version"], 2);
        assert_eq!(second.join().unwrap().expect(200).json()["version"], 3);
    });
    app.until_healthy(s(5));
}
