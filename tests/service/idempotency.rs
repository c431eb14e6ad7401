//! Keys: docs/api.md, "Creating, and repeating", row by row.

use crate::support::wait::{ms, s};
use crate::support::{Answer, Cluster, account, ask, full, key, minimal, shared, sql, with};
use serde_json::{Value, json};
use std::thread;
use std::time::Instant;

#[track_caller]
fn is_replay(answer: &Answer) -> bool {
    match answer.header("Idempotent-Replayed") {
        "true" => true,
        "false" => false,
        other => panic!("Idempotent-Replayed: {other:?}"),
    }
}

#[test]
fn a_repeated_request_gets_the_first_answer_from_any_instance() {
    let it = shared();
    let (key, body) = (key(), full());
    let first = it.app.create_keyed(&key, &body).expect(201);
    assert!(!is_replay(&first));
    for app in [&it.app, &it.other] {
        let again = app.create_keyed(&key, &body).expect(201);
        assert!(is_replay(&again));
        assert_eq!(again.text, first.text);
        for header in ["Location", "ETag", "X-Consistency-Token"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
    }
}

#[test]
fn a_replay_shows_the_first_state_even_after_the_status_moved_on() {
    let it = shared();
    let (key, body) = (key(), full());
    let first = it.app.create_keyed(&key, &body).expect(201);
    it.app
        .patch(
            &first.id(),
            &first.etag(),
            &json!({"status": "processing", "status_reason": "picked up"}),
        )
        .expect(200);
    let again = it.other.create_keyed(&key, &body).expect(201);
    assert_eq!(
        (again.text.as_str(), again.etag()),
        (first.text.as_str(), first.etag())
    );
    assert!(is_replay(&again));
}

#[test]
fn requests_that_mean_the_same_are_the_same() {
    let it = shared();
    let key = key();
    let first = it
        .app
        .create_keyed(
            &key,
            &with(
                minimal(),
                "metadata",
                json!({"a": 1, "b": {"c": 2, "d": 3}}),
            ),
        )
        .expect(201);
    let account = minimal()["stellar_account"].clone();
    let same = [
        format!(
            r#"{{"metadata":{{"b":{{"d":3,"c":2}},"a":1}},"asset_code":"USDC","amount":"100.50","stellar_account":{account}}}"#
        ),
        format!(
            "\n{{ \"stellar_account\" : {account},\t\"amount\":\"100.5\", \"asset_code\":\"USDC\", \"memo\":null, \"memo_type\":null, \
             \"callback_type\":null, \"callback_status\":null, \"anchor_transaction_id\":null, \"metadata\":{{\"a\":1,\"b\":{{\"c\":2,\"d\":3}}}}}} "
        ),
        format!(
            r#"{{"stellar_account":{account},"amount":"100.5000000","asset_code":"\u0055SDC","metadata":{{"a":1,"b":{{"c":2,"d":3}}}}}}"#
        ),
    ];
    for body in same {
        let again = it
            .app
            .post_bytes(
                "/transactions",
                &[("Idempotency-Key", &key)],
                body.as_bytes(),
            )
            .expect(201);
        assert_eq!(
            again.text, first.text,
            "with the amount as it was sent first"
        );
    }
}

#[test]
fn numbers_that_are_written_otherwise_are_the_same_request() {
    let it = shared();
    let post = |key: &str, number: &str| {
        let account = minimal()["stellar_account"].clone();
        let body = format!(
            r#"{{"stellar_account":{account},"amount":"1","asset_code":"USDC","metadata":{{"n":{number}}}}}"#
        );
        it.app.post_bytes(
            "/transactions",
            &[("Idempotency-Key", key)],
            body.as_bytes(),
        )
    };
    for same in [["1", "1.0"], ["100", "1e2"], ["0.5", "5E-1"], ["0", "-0.0"]] {
        let key = key();
        let first = post(&key, same[0]).expect(201);
        let again = post(&key, same[1]).expect(201);
        assert_eq!(
            (again.text.as_str(), is_replay(&again)),
            (first.text.as_str(), true),
            "{same:?}"
        );
        post(&key, "7").problem(422, "idempotency_key_reused");
    }
}

#[test]
fn another_request_under_a_used_key_is_refused() {
    let it = shared();
    let (key, body) = (key(), full());
    let id = it.app.create_keyed(&key, &body).expect(201).id();
    let others = [
        with(body.clone(), "amount", "100.51"),
        with(body.clone(), "memo", "Payment ref"),
        with(body.clone(), "metadata", json!({"order": "A-18"})),
        with(body.clone(), "callback_status", Value::Null),
        with(body.clone(), "anchor_transaction_id", Value::Null),
        minimal(),
    ];
    for other in others {
        let answer = it
            .other
            .create_keyed(&key, &other)
            .problem(422, "idempotency_key_reused");
        assert_eq!(answer.json()["transaction_ids"], json!([id]));
        assert_eq!(answer.json()["retryable"], false);
    }
    assert!(
        is_replay(&it.app.create_keyed(&key, &body).expect(201)),
        "the key still stands for the first"
    );
}

#[test]
fn a_key_may_be_quoted_and_its_header_has_an_alias() {
    let it = shared();
    let (key, body) = (key(), minimal());
    let id = it.app.create_keyed(&key, &body).expect(201).id();
    let quoted = format!("\"{key}\"");
    let ways: [&[(&str, &str)]; 5] = [
        &[("Idempotency-Key", &quoted)],
        &[("X-Idempotency-Key", &key)],
        &[("X-Idempotency-Key", &quoted)],
        &[("Idempotency-Key", &key), ("X-Idempotency-Key", &key)],
        &[("Idempotency-Key", &quoted), ("X-Idempotency-Key", &key)],
    ];
    for headers in ways {
        let answer = it.app.create_with(headers, &body).expect(201);
        assert_eq!(
            (answer.id(), is_replay(&answer)),
            (id.clone(), true),
            "{headers:?}"
        );
    }
}

#[test]
fn a_bad_key_is_refused() {
    let it = shared();
    let bad = [
        "",
        "\"\"",
        "a b",
        "a,b",
        "a/b",
        "\"a",
        "a\"",
        "a;b",
        &"x".repeat(256),
    ];
    for key in bad {
        it.app
            .create_with(&[("Idempotency-Key", key)], &full())
            .problem(400, "invalid_idempotency_key");
    }
    let two: [&[(&str, &str)]; 2] = [
        &[("Idempotency-Key", "a"), ("X-Idempotency-Key", "b")],
        &[("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    ];
    for headers in two {
        it.app
            .create_with(headers, &full())
            .problem(400, "invalid_idempotency_key");
    }
    let longest = format!("{}._:-{}", key(), "x".repeat(255 - 36 - 4));
    it.app.create_keyed(&longest, &minimal()).expect(201);
}

#[test]
fn a_create_without_a_handle_is_refused() {
    let it = shared();
    it.app
        .create_with(&[], &minimal())
        .problem(400, "idempotency_key_missing");
    it.app.create_with(&[], &full()).expect(201);
}

#[test]
fn a_refused_request_leaves_its_key_unused() {
    let it = shared();
    let key = key();
    it.app
        .create_keyed(&key, &with(minimal(), "amount", "0"))
        .problem(400, "validation_failed");
    let headers = [("Idempotency-Key", &*key)];
    it.app
        .post_bytes("/transactions", &headers, b"{")
        .problem(400, "malformed_json");
    it.app
        .post_bytes("/transactions", &headers, " ".repeat(70_000).as_bytes())
        .problem(413, "payload_too_large");
    assert!(!is_replay(
        &it.app.create_keyed(&key, &minimal()).expect(201)
    ));
}

#[test]
fn fifty_posts_of_one_key_over_two_instances_make_one_row() {
    let it = shared();
    let (key, body) = (key(), with(minimal(), "stellar_account", account()));
    let post = |i: usize| {
        if i.is_multiple_of(2) {
            it.app.create_keyed(&key, &body)
        } else {
            it.other.create_keyed(&key, &body)
        }
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let posts: Vec<_> = (0..50).map(|i| scope.spawn(move || post(i))).collect();
        posts
            .into_iter()
            .map(|post| post.join().unwrap().expect(201))
            .collect()
    });
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    assert_eq!(
        answers.iter().filter(|answer| !is_replay(answer)).count(),
        1,
        "one is the first"
    );
    let account = body["stellar_account"].as_str().unwrap();
    let found = it
        .app
        .get_strong(&format!("/transactions?stellar_account={account}"))
        .expect(200)
        .json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let count = format!(
        "SELECT count(*)::text AS value FROM transactions WHERE owner = 'tenant' AND stellar_account = '{account}'"
    );
    assert_eq!(ask(it.cluster.primary(), &count), "1");
}

/// The first waits for a standby that is not there: as slow as a request can be.
#[test]
fn a_key_whose_first_request_is_in_flight_is_waited_for_and_then_refused() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let (key, body) = (key(), minimal());
    cluster.make_synchronous();
    thread::scope(|scope| {
        let first = scope.spawn(|| app.create_keyed(&key, &body));
        let waits =
            "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        crate::support::eventually(s(5), "the first waits for a standby", || {
            ask(cluster.primary(), waits) == "1"
        });
        let soon = [("Idempotency-Key", &*key), ("X-Deadline-Ms", "700")];
        app.create_with(&soon, &body)
            .problem(409, "idempotency_request_in_progress");
        let start = Instant::now();
        let second = app
            .create_keyed(&key, &body)
            .problem(409, "idempotency_request_in_progress");
        assert!(
            start.elapsed() > ms(1500) && start.elapsed() < ms(3500),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(
            (second.header("Retry-After"), &second.json()["retryable"]),
            ("1", &json!(true))
        );
        cluster.make_asynchronous();
        let first = first.join().unwrap().expect(201);
        let again = app.create_keyed(&key, &body).expect(201);
        assert_eq!(
            (again.text.as_str(), is_replay(&again)),
            (first.text.as_str(), true)
        );
    });
}

/// A key is read on the primary: a replica that has not seen it changes nothing.
#[test]
fn a_replay_does_not_depend_on_a_replica() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    sql(cluster.replica(), "SELECT pg_wal_replay_pause()");
    let (key, body) = (key(), full());
    let first = app.create_keyed(&key, &body).expect(201);
    let again = app.create_keyed(&key, &body).expect(201);
    assert_eq!(
        (again.text.as_str(), is_replay(&again)),
        (first.text.as_str(), true)
    );
    sql(cluster.replica(), "SELECT pg_wal_replay_resume()");
}
