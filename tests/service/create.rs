//! A create, and what can be read of it afterwards.

use crate::support::app::App;
use crate::support::wait::s;
use crate::support::{Answer, eventually, full, key, minimal, shared, with};
use serde_json::{Value, json};
use uuid::Uuid;

const FIELDS: [&str; 15] = [
    "id",
    "stellar_account",
    "amount",
    "asset_code",
    "callback_type",
    "callback_status",
    "anchor_transaction_id",
    "memo",
    "memo_type",
    "metadata",
    "status",
    "status_reason",
    "version",
    "created_at",
    "updated_at",
];

/// RFC 3339, UTC, microseconds, `Z`.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    shape == "9999-99-99T99:99:99.999999Z" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

#[track_caller]
fn events(app: &App, id: &str) -> Vec<Value> {
    let answer = app
        .get_strong(&format!("/transactions/{id}/events"))
        .expect(200);
    answer.json()["data"].as_array().unwrap().clone()
}

#[test]
fn a_create_answers_with_the_whole_transaction() {
    let it = shared();
    let body = full();
    let created = it.app.create(&body).expect(201).json();
    let names: Vec<&str> = created
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, FIELDS, "all keys, in this order");
    for (field, sent) in body.as_object().unwrap() {
        assert_eq!(&created[field], sent, "{field}");
    }
    assert_eq!(
        Uuid::parse_str(created["id"].as_str().unwrap())
            .unwrap()
            .get_version_num(),
        7
    );
    assert_eq!(
        (
            &created["status"],
            &created["status_reason"],
            &created["version"]
        ),
        (&json!("pending"), &json!(null), &json!(1))
    );
    assert!(
        is_time(&created["created_at"]) && created["created_at"] == created["updated_at"],
        "{created}"
    );
}

#[test]
fn what_was_not_sent_is_null() {
    let created = shared().app.create(&minimal()).expect(201).json();
    for field in [
        "callback_type",
        "callback_status",
        "anchor_transaction_id",
        "memo",
        "memo_type",
        "metadata",
        "status_reason",
    ] {
        assert_eq!(created.get(field), Some(&Value::Null), "{field}");
    }
}

#[test]
fn a_create_answers_with_its_headers() {
    let answer = shared().app.create(&minimal()).expect(201);
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_eq!(
        answer.header("Location"),
        format!("/transactions/{}", answer.id())
    );
    assert!(answer.etag().starts_with("\"1-"), "{}", answer.etag());
    assert_eq!(answer.header("Idempotent-Replayed"), "false");
    assert_eq!(answer.header("X-Read-Consistency"), "strong");
    assert_eq!(
        answer.header("X-Durability"),
        "local",
        "the shared cluster replicates asynchronously"
    );
    assert!(!answer.token().is_empty());
}

#[test]
fn an_amount_keeps_its_scale() {
    let it = shared();
    for amount in ["1", "1.0", "1.50", "1.0000000", "922337203685.4775807"] {
        let created = it
            .app
            .create(&with(minimal(), "amount", amount))
            .expect(201);
        assert_eq!(created.text_at("/amount"), amount);
        let read = it
            .app
            .get_strong(&format!("/transactions/{}", created.id()))
            .expect(200);
        assert_eq!(read.text_at("/amount"), amount);
    }
}

#[test]
fn what_was_created_can_be_read() {
    let it = shared();
    let created = it.app.create(&full()).expect(201);
    let path = format!("/transactions/{}", created.id());
    let strong = it.app.get_strong(&path).expect(200);
    assert_eq!(
        (strong.json(), strong.etag()),
        (created.json(), created.etag())
    );
    let with_token = it
        .other
        .get_with(&path, &[("X-Consistency-Token", created.token())])
        .expect(200);
    assert_eq!(with_token.json(), created.json());
    eventually(s(5), "a default read finds it", || {
        it.app.get(&path).status == 200
    });
    assert_eq!(it.app.get(&path).json(), created.json());
}

#[test]
fn a_read_says_when_nothing_has_changed() {
    let it = shared();
    let created = it.app.create(&minimal()).expect(201);
    let (path, etag) = (format!("/transactions/{}", created.id()), created.etag());
    let read = |etag: &str| {
        it.app.get_with(
            &path,
            &[("If-None-Match", etag), ("X-Read-Consistency", "strong")],
        )
    };
    let (weak, listed) = (format!("W/{etag}"), format!("\"7\", {etag}"));
    for same in [etag.as_str(), &weak, "*", &listed] {
        let answer = read(same).expect(304);
        assert_eq!(
            (answer.text.as_str(), answer.etag()),
            ("", etag.clone()),
            "{same}"
        );
    }
    let another_write = format!(
        "\"1-{}\"",
        if etag.ends_with("0\"") {
            "111111"
        } else {
            "000000"
        }
    );
    for other in ["\"1\"", "\"2-000000\"", "\"\"", &another_write] {
        read(other).expect(200);
    }
}

#[test]
fn what_does_not_exist_is_not_found() {
    let it = shared();
    let id = Uuid::now_v7();
    for path in [
        format!("/transactions/{id}"),
        format!("/transactions/{id}/events"),
    ] {
        it.app.get(&path).problem(404, "transaction_not_found");
        let absent = it
            .app
            .get_strong(&path)
            .problem(404, "transaction_not_found");
        assert_eq!(
            (absent.served_by(), absent.header("X-Read-Consistency")),
            ("primary", "strong")
        );
    }
}

#[test]
fn the_history_begins_with_the_create() {
    let it = shared();
    let headers = [
        ("Idempotency-Key", &*key()),
        ("X-Request-Id", "first-request"),
    ];
    let created = it.app.create_with(&headers, &full()).expect(201);
    let events = events(&it.app, &created.id());
    let expected = json!({
        "version": 1, "kind": "created", "status": "pending", "status_reason": null, "callback_status": "pending_external",
        "actor": events[0]["actor"], "request_id": "first-request", "at": created.json()["created_at"]
    });
    assert_eq!(events, [expected]);
    assert!(
        events[0]["actor"]
            .as_str()
            .is_some_and(|actor| actor.starts_with("api:")),
        "{events:?}"
    );
    let names: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "version",
            "kind",
            "status",
            "status_reason",
            "callback_status",
            "actor",
            "request_id",
            "at"
        ]
    );
}

#[test]
fn a_repeated_create_adds_nothing_to_the_history() {
    let it = shared();
    let (key, body) = (key(), full());
    let id = it.app.create_keyed(&key, &body).expect(201).id();
    it.other.create_keyed(&key, &body).expect(201);
    it.other.create(&body).expect(200);
    assert_eq!(events(&it.app, &id).len(), 1);
}

#[test]
fn a_refused_create_stores_nothing() {
    let it = shared();
    let anchor = format!("refused-{}", key());
    let refused: [Answer; 2] = [
        it.app.create(&with(
            with(minimal(), "anchor_transaction_id", anchor.as_str()),
            "amount",
            "0",
        )),
        it.app.create_with(
            &[("Idempotency-Key", "?")],
            &with(minimal(), "anchor_transaction_id", anchor.as_str()),
        ),
    ];
    refused
        .into_iter()
        .for_each(|answer| drop(answer.expect(400)));
    let found = it
        .app
        .get_strong(&format!("/transactions?anchor_transaction_id={anchor}"))
        .expect(200);
    assert_eq!(found.json()["data"], json!([]));
}
