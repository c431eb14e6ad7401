//! `POST /callback`: what the word of an anchor changes.

use crate::support::webhook::{SECRET_OF_ANOTHER, SOURCES, now};
use crate::support::{Answer, App, Cluster, Launch, Webhook, ask, full, key, minimal, with};
use serde_json::{Value, json};

pub fn launch(cluster: &Cluster) -> Launch {
    cluster.launch().set("callback.sources", SOURCES)
}

pub fn alone() -> (Cluster, App) {
    let cluster = Cluster::alone();
    let app = launch(&cluster).healthy();
    (cluster, app)
}

pub fn stored(cluster: &Cluster) -> String {
    ask(
        cluster.primary(),
        "SELECT count(*)::text AS value FROM transactions",
    )
}

pub fn status(body: &Value, status: &str) -> Value {
    with(body.clone(), "callback_status", status)
}

#[track_caller]
pub fn events(app: &App, id: &str) -> Vec<Value> {
    let answer = app.get_strong(&format!("/transactions/{id}/events"));
    answer.expect(200).json()["data"]
        .as_array()
        .unwrap()
        .clone()
}

#[track_caller]
pub fn says(answer: &Answer, status: u16, replayed: &str, version: i64, callback_status: &str) {
    let answer = answer.clone().expect(status);
    let json = answer.json();
    assert_eq!(
        (
            &json["version"],
            &json["callback_status"],
            answer.header("Idempotent-Replayed")
        ),
        (&json!(version), &json!(callback_status), replayed),
        "{json}"
    );
    assert!(answer.etag().starts_with(&format!("\"{version}-")));
}

#[test]
fn a_new_callback_makes_a_transaction_of_the_owner_whose_secret_signed_it() {
    let (_cluster, app) = alone();
    let body = full();
    let answer = Webhook::new("msg_1", &body).send(&app).expect(201);
    let json = answer.json();
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(json[field], *value, "{field}");
    }
    says(&answer, 201, "false", 1, "pending_external");
    let path = answer.header("Location");
    let token = [("X-Consistency-Token", answer.token())];
    assert_eq!(app.get_with(path, &token).expect(200).json(), json);
    let event = &events(&app, &answer.id())[0];
    assert_eq!(
        (&event["kind"], &event["actor"]),
        (&json!("created"), &json!("callback:anchor"))
    );
    let bytes = body.to_string().into_bytes();
    let stamp = now().to_string();
    let others = Webhook::signed("msg_1", &stamp, &bytes, SECRET_OF_ANOTHER);
    let others = others.send_to(&app, "/callback/transaction").expect(201);
    assert_ne!(others.id(), answer.id());
    app.get_strong(others.header("Location"))
        .problem(404, "transaction_not_found");
}

#[test]
fn a_repeated_callback_gets_its_first_answer_from_any_instance_even_after_others() {
    let (cluster, app) = alone();
    let other = launch(&cluster).healthy();
    let body = full();
    let created = Webhook::at("msg_1", now() - 60, &body)
        .send(&app)
        .expect(201);
    let changed = Webhook::at("msg_2", now() - 50, &status(&body, "completed")).send(&app);
    says(&changed, 200, "false", 2, "completed");
    app.patch(&created.id(), "*", &json!({"status": "processing"}))
        .expect(200);
    let later = Webhook::new("msg_3", &status(&body, "refunded")).send(&app);
    says(&later, 200, "false", 4, "refunded");
    for app in [&app, &other] {
        // A sender signs each repetition anew.
        let again = Webhook::new("msg_1", &body).send(app).expect(201);
        assert_eq!(
            (again.header("Idempotent-Replayed"), &again.text),
            ("true", &created.text)
        );
        let again = Webhook::new("msg_2", &status(&body, "completed")).send(app);
        says(&again, 200, "true", 2, "completed");
        assert_eq!((&again.text, again.etag()), (&changed.text, changed.etag()));
    }
    assert_eq!(events(&app, &created.id()).len(), 4);
}

#[test]
fn a_callback_id_stands_for_one_body() {
    let (cluster, app) = alone();
    let body = full();
    let created = Webhook::new("msg_1", &body).send(&app).expect(201).id();
    Webhook::new("msg_2", &status(&body, "completed"))
        .send(&app)
        .expect(200);
    for (id, other) in [
        ("msg_1", with(body.clone(), "amount", "7")),
        ("msg_1", status(&body, "completed")),
        ("msg_1", full()),
        ("msg_2", status(&body, "refunded")),
        ("msg_2", full()),
        ("msg_2", with(body.clone(), "callback_status", Value::Null)),
    ] {
        let refused = Webhook::new(id, &other).send(&app);
        let refused = refused.problem(422, "idempotency_key_reused").json();
        assert_eq!(refused["transaction_ids"], json!([created]), "{id} {other}");
    }
    assert_eq!(stored(&cluster), "1");
    assert_eq!(events(&app, &created).len(), 2);
}

/// Its sender signs each repetition anew, so that it would pass for the latest word.
#[test]
fn a_callback_that_said_nothing_new_says_nothing_new_when_it_is_repeated() {
    let (_cluster, app) = alone();
    let body = full();
    let said = |id: &str, at: i64, what: &str| Webhook::at(id, at, &status(&body, what)).send(&app);
    let t = now() - 100;
    let created = said("msg_1", t, "incomplete").expect(201).id();
    let same = said("msg_2", t + 10, "incomplete");
    says(&same, 200, "true", 1, "incomplete");
    let newer = said("msg_3", t + 20, "completed");
    says(&newer, 200, "false", 2, "completed");
    let older = said("msg_4", t + 5, "pending_anchor");
    says(&older, 200, "true", 2, "completed");
    let again = said("msg_2", t + 30, "incomplete");
    says(&again, 200, "true", 2, "completed");
    let again = said("msg_4", t + 40, "pending_anchor");
    says(&again, 200, "true", 2, "completed");
    said("msg_4", t + 50, "refunded").problem(422, "idempotency_key_reused");
    assert_eq!(events(&app, &created).len(), 2);
    let counted = "\nsynapse_replays_total 4\n";
    assert!(
        app.get("/metrics").text.contains(counted),
        "as the headers say"
    );
}

#[test]
fn what_was_said_later_counts_in_whichever_order_it_comes() {
    let (_cluster, app) = alone();
    let body = full();
    let said = |id: &str, at: i64, what: &str| Webhook::at(id, at, &status(&body, what)).send(&app);
    let t = now() - 100;
    let created = said("msg_1", t, "incomplete").expect(201);
    for (id, at, what, replayed, version, now) in [
        ("msg_2", t + 10, "completed", "false", 2, "completed"),
        ("msg_3", t + 5, "pending_anchor", "true", 2, "completed"),
        ("msg_4", t - 5, "pending_anchor", "true", 2, "completed"),
        // The same again, later: no new version, and it is known to have been said then.
        ("msg_5", t + 30, "completed", "true", 2, "completed"),
        ("msg_6", t + 20, "refunded", "true", 2, "completed"),
        // In one second: the one that comes later.
        ("msg_7", t + 30, "refunded", "false", 3, "refunded"),
        ("msg_7", t + 30, "refunded", "true", 3, "refunded"),
        ("msg_8", t + 30, "completed", "false", 4, "completed"),
    ] {
        says(&said(id, at, what), 200, replayed, version, now);
    }
    let history = events(&app, &created.id());
    let told: Vec<_> = history
        .iter()
        .map(|e| (&e["version"], &e["kind"], &e["callback_status"]))
        .collect();
    let expected = [
        (json!(1), json!("created"), json!("incomplete")),
        (json!(2), json!("callback"), json!("completed")),
        (json!(3), json!("callback"), json!("refunded")),
        (json!(4), json!("callback"), json!("completed")),
    ];
    assert_eq!(
        told,
        expected
            .iter()
            .map(|(a, b, c)| (a, b, c))
            .collect::<Vec<_>>()
    );
    assert!(
        history
            .iter()
            .all(|event| event["actor"] == "callback:anchor")
    );
}

#[test]
fn a_callback_of_a_transaction_with_other_fields_is_refused_whatever_its_time() {
    let (_cluster, app) = alone();
    let body = full();
    let created = app.create(&body).expect(201);
    for (field, value) in [
        ("amount", json!("7")),
        ("asset_code", json!("EURC")),
        ("callback_type", json!("withdrawal")),
        ("memo", json!("another")),
        ("metadata", json!({"a": 1})),
    ] {
        for at in [now(), now() - 200] {
            let other = with(status(&body, "completed"), field, value.clone());
            let refused = Webhook::at(&key(), at, &other).send(&app);
            let refused = refused.problem(409, "anchor_transaction_conflict").json();
            assert_eq!(
                (&refused["existing_id"], &refused["conflicting_fields"]),
                (&json!(created.id()), &json!([field]))
            );
        }
    }
    let said = Webhook::at(&key(), now(), &status(&body, "completed"));
    said.send(&app).expect(200);
    let mut other = Webhook::at(&said.id, now(), &with(body, "amount", json!("7")));
    other.send(&app).problem(422, "idempotency_key_reused");
    other.id = key();
    assert_eq!(events(&app, &created.id()).len(), 2);
}

#[test]
fn a_transaction_of_a_client_takes_the_callbacks_of_its_anchor() {
    let (_cluster, app) = alone();
    let body = full();
    let created = app.create(&body).expect(201);
    let silent = with(body.clone(), "callback_status", Value::Null);
    let unchanged = Webhook::new("msg_1", &silent).send(&app);
    says(&unchanged, 200, "true", 1, "pending_external");
    Webhook::new("msg_1", &status(&body, "completed"))
        .send(&app)
        .problem(422, "idempotency_key_reused");
    let changed = Webhook::new("msg_2", &status(&body, "completed")).send(&app);
    says(&changed, 200, "false", 2, "completed");
    let again = Webhook::new("msg_1", &silent).send(&app);
    says(&again, 200, "true", 2, "completed");
    assert_eq!(
        (changed.id(), &changed.json()["status"]),
        (created.id(), &json!("pending"))
    );
    let to = json!({"status": "completed"});
    app.patch(&created.id(), &created.etag(), &to)
        .problem(412, "precondition_failed");
    app.patch(&created.id(), &changed.etag(), &to).expect(200);
    app.get_with(
        changed.header("Location"),
        &[("X-Consistency-Token", changed.token())],
    )
    .expect(200);
}

#[test]
fn a_callback_without_an_anchor_id_is_known_by_its_own_id_alone() {
    let (cluster, app) = alone();
    let created = Webhook::new("msg_1", &minimal()).send(&app).expect(201);
    let again = Webhook::new("msg_1", &minimal()).send(&app).expect(201);
    assert_eq!(
        (again.header("Idempotent-Replayed"), &again.text),
        ("true", &created.text)
    );
    Webhook::new("msg_2", &minimal()).send(&app).expect(201);
    app.create_keyed("msg_1", &minimal()).expect(201);
    app.create_keyed("callback/msg_1", &minimal())
        .problem(400, "invalid_idempotency_key");
    assert_eq!(stored(&cluster), "3");
}
