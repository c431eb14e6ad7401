//! `anchor_transaction_id`, the natural key: docs/api.md, "Creating, and repeating", row by row.

use crate::support::{Answer, full, key, minimal, shared, with};
use serde_json::{Value, json};
use std::thread;

#[test]
fn a_known_transaction_is_answered_as_it_is_now() {
    let it = shared();
    let body = full();
    let first = it.app.create_with(&[], &body).expect(201);
    it.app
        .patch(&first.id(), &first.etag(), &json!({"status": "processing"}))
        .expect(200);
    let new_key = key();
    for headers in [&[][..], &[("Idempotency-Key", &*new_key)]] {
        let known = it.other.create_with(headers, &body).expect(200);
        assert_eq!(
            (known.id(), known.text_at("/status")),
            (first.id(), "processing".to_owned())
        );
        assert_eq!(
            (known.header("Idempotent-Replayed"), known.header("ETag")),
            ("true", it.app.etag(&first.id()).as_str())
        );
        assert_eq!(known.header("Location"), first.header("Location"));
    }
}

#[test]
fn a_key_that_met_a_known_transaction_created_nothing_and_stays_unused() {
    let it = shared();
    let (body, key) = (full(), key());
    let first = it.app.create_with(&[], &body).expect(201);
    for _ in 0..2 {
        assert_eq!(
            it.other.create_keyed(&key, &body).expect(200).id(),
            first.id()
        );
    }
    let made = it.app.create_keyed(&key, &minimal()).expect(201);
    assert_eq!(made.header("Idempotent-Replayed"), "false");
    it.app
        .create_keyed(&key, &body)
        .problem(422, "idempotency_key_reused");
}

#[test]
fn an_amount_of_another_scale_is_the_same_amount() {
    let it = shared();
    let body = full();
    let first = it.app.create(&body).expect(201);
    let known = it.app.create(&with(body, "amount", "100.5")).expect(200);
    assert_eq!(
        (known.id(), known.text_at("/amount")),
        (first.id(), "100.50".to_owned())
    );
}

type Fields<'a> = &'a [(&'a str, Value)];

#[test]
fn fields_that_differ_are_a_conflict_and_named() {
    let it = shared();
    let body = full();
    let id = it.app.create(&body).expect(201).id();
    let other_account = crate::support::account();
    let table: [(Fields, &[&str]); 6] = [
        (&[("amount", json!("100.51"))], &["amount"]),
        (
            &[
                ("stellar_account", json!(other_account)),
                ("asset_code", json!("EURC")),
            ],
            &["asset_code", "stellar_account"],
        ),
        (&[("callback_type", json!(null))], &["callback_type"]),
        (
            &[("memo", json!("7")), ("memo_type", json!("id"))],
            &["memo", "memo_type"],
        ),
        (&[("metadata", json!({"order": "A-18"}))], &["metadata"]),
        (
            &[
                ("metadata", json!(null)),
                ("memo", json!(null)),
                ("memo_type", json!(null)),
            ],
            &["memo", "memo_type", "metadata"],
        ),
    ];
    for (changes, expected) in table {
        let other = changes.iter().fold(body.clone(), |body, (field, value)| {
            with(body, field, value.clone())
        });
        let answer = it
            .other
            .create(&other)
            .problem(409, "anchor_transaction_conflict")
            .json();
        let mut fields: Vec<&str> = answer["conflicting_fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        fields.sort_unstable();
        assert_eq!(
            (fields.as_slice(), &answer["existing_id"]),
            (expected, &json!(id))
        );
        assert_eq!(answer["retryable"], false);
    }
}

#[test]
fn a_conflict_leaves_its_key_unused() {
    let it = shared();
    let (body, key) = (full(), key());
    it.app.create(&body).expect(201);
    it.app
        .create_keyed(&key, &with(body, "amount", "1"))
        .problem(409, "anchor_transaction_conflict");
    assert_eq!(
        it.app
            .create_keyed(&key, &minimal())
            .expect(201)
            .header("Idempotent-Replayed"),
        "false"
    );
}

#[test]
fn fifty_posts_of_one_natural_key_over_two_instances_make_one_row() {
    let it = shared();
    let body = full();
    let post = |i: usize| {
        let app = if i.is_multiple_of(2) {
            &it.app
        } else {
            &it.other
        };
        if i.is_multiple_of(5) {
            app.create_with(&[], &body)
        } else {
            app.create(&body)
        }
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let posts: Vec<_> = (0..50).map(|i| scope.spawn(move || post(i))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    let of = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!(
        (of(201), of(200)),
        (1, 49),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert!(answers.iter().all(|answer| answer.id() == answers[0].id()));
    let anchor = body["anchor_transaction_id"].as_str().unwrap();
    let found = it
        .app
        .get_strong(&format!("/transactions?anchor_transaction_id={anchor}"))
        .expect(200)
        .json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
}
