//! `POST /transactions/batch`: all of it or nothing, and never twice.

use crate::support::wait::s;
use crate::support::{
    Answer, App, Cluster, Launch, account, ask, eventually, full, key, minimal, shared, with,
};
use serde_json::{Value, json};
use std::thread;

const PATH: &str = "/transactions/batch";

fn post(app: &App, key: &str, items: &[Value]) -> Answer {
    let body = json!({ "transactions": items });
    app.send(
        reqwest::Method::POST,
        PATH,
        &[("Idempotency-Key", key)],
        Some(&body),
    )
}

/// Items of one account that nobody else uses, so that they can be counted.
fn items(count: usize) -> (String, Vec<Value>) {
    let account = account();
    let item = |nth: usize| {
        let item = with(full(), "stellar_account", account.as_str());
        with(item, "amount", format!("{}.5", nth + 1))
    };
    let items = (0..count).map(item).collect();
    (account, items)
}

fn stored(cluster: &Cluster, account: &str) -> String {
    let count = format!(
        "SELECT count(*)::text AS value FROM transactions WHERE owner <> 'twin' AND stellar_account = '{account}'"
    );
    ask(cluster.primary(), &count)
}

#[track_caller]
fn data(answer: &Answer) -> Vec<Value> {
    answer.json()["data"].as_array().unwrap().clone()
}

fn ids(answer: &Answer) -> Vec<Value> {
    data(answer).iter().map(|one| one["id"].clone()).collect()
}

#[test]
fn a_batch_is_created_as_a_whole_and_answered_in_its_order() {
    let it = shared();
    let (account, items) = items(5);
    let answer = post(&it.app, &key(), &items).expect(201);
    for (sent, got) in items.iter().zip(data(&answer)) {
        for (field, value) in sent.as_object().unwrap() {
            assert_eq!(got[field], *value, "{field}");
        }
        assert_eq!(
            (&got["status"], &got["version"]),
            (&json!("pending"), &json!(1))
        );
        let path = format!("/transactions/{}", got["id"].as_str().unwrap());
        let read = it
            .app
            .get_with(&path, &[("X-Consistency-Token", answer.token())]);
        assert_eq!(
            read.expect(200).json(),
            got,
            "the token stands for all of them"
        );
    }
    assert_eq!(data(&answer).len(), 5);
    assert_eq!(stored(&it.cluster, &account), "5");
    for (header, value) in [
        ("Idempotent-Replayed", "false"),
        ("X-Read-Consistency", "strong"),
        ("X-Served-By", "primary"),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }
    assert!(["local", "replicated"].contains(&answer.header("X-Durability")));
}

#[test]
fn a_repeated_batch_gets_the_first_answer_from_any_instance_even_after_a_status_moved_on() {
    let it = shared();
    let (account, items) = items(3);
    let key = key();
    let first = post(&it.app, &key, &items).expect(201);
    let moved = first.json()["data"][1]["id"].as_str().unwrap().to_owned();
    it.app
        .patch(&moved, "*", &json!({"status": "processing"}))
        .expect(200);
    for app in [&it.app, &it.other] {
        let again = post(app, &key, &items).expect(201);
        assert_eq!(
            (again.text.as_str(), again.header("Idempotent-Replayed")),
            (first.text.as_str(), "true")
        );
    }
    assert_eq!(stored(&it.cluster, &account), "3");
}

#[test]
fn a_key_stands_for_one_request_be_it_a_batch_or_a_single_create() {
    let it = shared();
    let (_, items) = items(3);
    let of_batch = key();
    let batch = post(&it.app, &of_batch, &items).expect(201);
    let shorter = post(&it.app, &of_batch, &items[..1]);
    let single = it.app.create_keyed(&of_batch, &items[0]);
    for reused in [shorter, single] {
        let reused = reused.problem(422, "idempotency_key_reused").json();
        assert_eq!(reused["transaction_ids"], json!(ids(&batch)));
    }
    let of_single = key();
    let single = it.app.create_keyed(&of_single, &minimal()).expect(201);
    let reused = post(&it.app, &of_single, &[minimal(), minimal()])
        .problem(422, "idempotency_key_reused")
        .json();
    assert_eq!(reused["transaction_ids"], json!([single.id()]));
    post(&it.app, &of_single, &[minimal()]).problem(422, "idempotency_key_reused");
}

#[test]
fn every_bad_item_is_named_with_its_place_and_nothing_is_stored() {
    let it = shared();
    let (account, mut items) = items(5);
    items[1]["amount"] = json!(5);
    items[3]["amount"] = json!("0.12345678");
    items[3]["asset_code"] = json!(null);
    items[4]["amuont"] = json!("1");
    let key = key();
    let refused = post(&it.app, &key, &items).problem(400, "validation_failed");
    let named = [
        ("/transactions/1/amount", "type"),
        ("/transactions/3/amount", "amount_precision"),
        ("/transactions/3/asset_code", "required"),
        ("/transactions/4/amuont", "unknown_field"),
    ];
    assert_eq!(
        refused.violations(),
        named.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    assert_eq!(stored(&it.cluster, &account), "0");
    let used = post(&it.app, &key, &[minimal()]).expect(201);
    assert_eq!(used.header("Idempotent-Replayed"), "false");
}

#[test]
fn at_most_twenty_violations_are_told() {
    let bad = vec![json!({}); 100];
    let refused = post(&shared().app, &key(), &bad).problem(400, "validation_failed");
    assert_eq!(refused.violations().len(), 20);
}

#[test]
fn what_is_no_batch_is_refused_with_its_rule() {
    let it = shared();
    let table = [
        (json!({}), "validation_failed", "/transactions", "required"),
        (
            json!({"transactions": null}),
            "validation_failed",
            "/transactions",
            "required",
        ),
        (
            json!({"transactions": {}}),
            "validation_failed",
            "/transactions",
            "type",
        ),
        (
            json!({"transactions": []}),
            "validation_failed",
            "/transactions",
            "length",
        ),
        (
            json!({"transactions": vec![minimal(); 1001]}),
            "validation_failed",
            "/transactions",
            "length",
        ),
        (
            json!({"transactions": [7]}),
            "validation_failed",
            "/transactions/0",
            "type",
        ),
        (
            json!({"transactions": [minimal()], "atomic": true}),
            "unknown_field",
            "/atomic",
            "unknown_field",
        ),
        (json!([minimal()]), "validation_failed", "", "type"),
    ];
    for (body, code, pointer, rule) in table {
        let headers = [("Idempotency-Key", &*key())];
        let refused = it
            .app
            .send(reqwest::Method::POST, PATH, &headers, Some(&body))
            .problem(400, code);
        assert_eq!(
            refused.violations(),
            [(pointer.to_owned(), rule.to_owned())]
        );
    }
}

#[test]
fn a_batch_needs_a_key_whatever_its_items_have() {
    let it = shared();
    let body = json!({"transactions": [full()]});
    it.app
        .send(reqwest::Method::POST, PATH, &[], Some(&body))
        .problem(400, "idempotency_key_missing");
    let allowed = it.app.get(PATH).problem(405, "method_not_allowed");
    assert_eq!(allowed.header("Allow"), "POST");
}

#[test]
fn one_anchor_id_twice_in_a_batch_is_refused_with_the_place_of_the_second() {
    let it = shared();
    let (account, mut items) = items(4);
    items[3]["anchor_transaction_id"] = items[1]["anchor_transaction_id"].clone();
    let refused = post(&it.app, &key(), &items).problem(400, "duplicate_in_batch");
    let place = "/transactions/3/anchor_transaction_id".to_owned();
    assert_eq!(
        refused.violations(),
        [(place, "duplicate_in_batch".to_owned())]
    );
    assert_eq!(stored(&it.cluster, &account), "0");
}

#[test]
fn a_known_anchor_id_refuses_the_whole_batch_and_leaves_its_key_unused() {
    let it = shared();
    let (account, items) = items(4);
    let known = it.app.create(&items[2]).expect(201);
    let key = key();
    let refused = post(&it.app, &key, &items)
        .problem(409, "anchor_transaction_conflict")
        .json();
    assert_eq!(
        (&refused["index"], &refused["existing_id"]),
        (&json!(2), &json!(known.id()))
    );
    assert_eq!(stored(&it.cluster, &account), "1");
    let others = [items[0].clone(), items[1].clone()];
    post(&it.other, &key, &others).expect(201);
    assert_eq!(stored(&it.cluster, &account), "3");
}

#[test]
fn a_thousand_items_are_taken_and_a_body_over_two_mebibytes_is_not() {
    let it = shared();
    let (account, items) = items(1000);
    let answer = post(&it.app, &key(), &items).expect(201);
    assert_eq!(
        (data(&answer).len(), stored(&it.cluster, &account)),
        (1000, "1000".to_owned())
    );
    let headers = [("Idempotency-Key", &*key())];
    let too_large = " ".repeat(2 * 1024 * 1024 + 1);
    it.app
        .post_bytes(PATH, &headers, too_large.as_bytes())
        .problem(413, "payload_too_large");
}

#[test]
fn thirty_posts_of_one_batch_over_two_instances_make_it_once() {
    let it = shared();
    let (account, items) = items(20);
    let key = key();
    let apps = [&it.app, &it.other];
    let answers: Vec<Answer> = thread::scope(|scope| {
        let (key, items) = (&key, &items);
        let posts = (0..30).map(|nth| scope.spawn(move || post(apps[nth % 2], key, items)));
        let posts: Vec<_> = posts.collect();
        let answers = posts.into_iter().map(|post| post.join().unwrap());
        answers.map(|answer| answer.expect(201)).collect()
    });
    let is_first = |answer: &&Answer| answer.header("Idempotent-Replayed") == "false";
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));
    assert_eq!(answers.iter().filter(is_first).count(), 1);
    assert_eq!(stored(&it.cluster, &account), "20");
}

/// Each wants what the other has: in whichever order they come, one is stored and the other is told of it.
#[test]
fn batches_that_want_each_others_anchor_ids_are_stored_one_by_one() {
    let it = shared();
    let deadlocks =
        "SELECT deadlocks::text AS value FROM pg_stat_database WHERE datname = current_database()";
    let before = ask(it.cluster.primary(), deadlocks);
    for _ in 0..10 {
        let (account, items) = items(50);
        let backwards: Vec<Value> = items.iter().rev().cloned().collect();
        let statuses: Vec<u16> = thread::scope(|scope| {
            let one = scope.spawn(|| post(&it.app, &key(), &items).status);
            let other = scope.spawn(|| post(&it.other, &key(), &backwards).status);
            let mut both = vec![one.join().unwrap(), other.join().unwrap()];
            both.sort_unstable();
            both
        });
        assert_eq!(statuses, [201, 409]);
        assert_eq!(stored(&it.cluster, &account), "50");
    }
    assert_eq!(ask(it.cluster.primary(), deadlocks), before);
}

/// Its own ids under the key tell that an earlier attempt of this very request committed: it is no replay.
#[test]
fn a_batch_whose_answers_are_cut_off_is_stored_once_and_answered_as_new() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).healthy();
    let (account, items) = items(30);
    proxies[0].cut_answers(&account, 3);
    let answer = post(&app, &key(), &items).expect(201);
    assert_eq!(proxies[0].cuts_left(), 0);
    assert_eq!(answer.header("Idempotent-Replayed"), "false");
    assert_eq!(data(&answer).len(), 30);
    assert_eq!(stored(&cluster, &account), "30");
}

#[test]
fn a_batch_is_held_while_there_is_no_primary_and_stored_by_the_next_one() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let (account, items) = items(10);
    cluster.primary().kill().unwrap();
    eventually(s(5), "the loss is known", || {
        app.get("/health").status == 503
    });
    thread::scope(|scope| {
        let held = scope.spawn(|| post(&app, &key(), &items));
        cluster.replica().promote().unwrap();
        let answer = held.join().unwrap().expect(201);
        assert_eq!(data(&answer).len(), 10);
    });
    let count = format!(
        "SELECT count(*)::text AS value FROM transactions WHERE owner <> 'twin' AND stellar_account = '{account}'"
    );
    assert_eq!(ask(cluster.replica(), &count), "10");
}
