//! `POST /callback`: what an anchor says, believed only with its signature, and applied once.

use crate::support::load::at_once;
use crate::support::wait::s;
use crate::support::webhook::{SECOND_SECRET, SECRET, SECRET_OF_ANOTHER, SOURCES, now};
use crate::support::{
    Answer, App, Cluster, Launch, Webhook, ask, eventually, full, key, minimal, with,
};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::thread;

fn launch(cluster: &Cluster) -> Launch {
    cluster.launch().set("callback.sources", SOURCES)
}

fn alone() -> (Cluster, App) {
    let cluster = Cluster::alone();
    let app = launch(&cluster).healthy();
    (cluster, app)
}

fn stored(cluster: &Cluster) -> String {
    ask(
        cluster.primary(),
        "SELECT count(*)::text AS value FROM transactions",
    )
}

fn status(body: &Value, status: &str) -> Value {
    with(body.clone(), "callback_status", status)
}

#[track_caller]
fn events(app: &App, id: &str) -> Vec<Value> {
    let answer = app.get_strong(&format!("/transactions/{id}/events"));
    answer.expect(200).json()["data"]
        .as_array()
        .unwrap()
        .clone()
}

#[track_caller]
fn says(answer: &Answer, status: u16, replayed: &str, version: i64, callback_status: &str) {
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
fn without_a_secret_every_callback_is_refused() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let webhook = Webhook::new("msg_1", &full());
    for path in ["/callback", "/callback/transaction"] {
        webhook
            .send_to(&app, path)
            .problem(503, "callback_not_configured");
        app.post_bytes(path, &[("Content-Type", "text/plain")], b"x")
            .problem(503, "callback_not_configured");
        let allowed = app.get(path).problem(405, "method_not_allowed");
        assert_eq!(allowed.header("Allow"), "POST");
    }
    assert_eq!(stored(&cluster), "0");
}

#[test]
fn a_callback_without_a_right_signature_is_refused_before_it_is_read() {
    let (cluster, app) = alone();
    let right = Webhook::new("msg_1", &full());
    let change = |change: fn(&mut Webhook)| {
        let mut webhook = right.clone();
        change(&mut webhook);
        webhook
    };
    let bytes = full().to_string().into_bytes();
    let stamp = now().to_string();
    let wrong = [
        change(|webhook| webhook.id = "msg_2".into()),
        change(|webhook| webhook.id = String::new()),
        change(|webhook| webhook.timestamp = (now() - 7).to_string()),
        change(|webhook| webhook.timestamp = String::new()),
        change(|webhook| webhook.body.push(b' ')),
        change(|webhook| webhook.body = b"{".to_vec()),
        change(|webhook| webhook.signature = String::new()),
        change(|webhook| webhook.signature = webhook.signature.replace("v1,", "v2,")),
        change(|webhook| webhook.signature = webhook.signature.replace("v1,", "")),
        change(|webhook| webhook.signature = webhook.signature.to_lowercase()),
        change(|webhook| webhook.signature = "v1,".into()),
        Webhook::signed("msg_1", &stamp, &bytes, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        Webhook::signed(&"i".repeat(256), &stamp, &bytes, SECRET),
    ];
    for webhook in &wrong {
        let refused = webhook.send(&app).problem(401, "invalid_signature");
        assert_eq!(refused.json()["retryable"], false);
    }
    for missing in 0..3 {
        let mut headers = vec![
            ("webhook-id", right.id.as_str()),
            ("webhook-timestamp", right.timestamp.as_str()),
            ("webhook-signature", right.signature.as_str()),
        ];
        headers.remove(missing);
        app.post_bytes("/callback", &headers, &right.body)
            .problem(401, "invalid_signature");
    }
    app.send(reqwest::Method::POST, "/callback", &[], Some(&full()))
        .problem(401, "invalid_signature");
    assert_eq!(stored(&cluster), "0");
    right.send(&app).expect(201);
}

#[test]
fn a_signed_time_that_is_too_far_from_now_is_refused() {
    let (cluster, app) = alone();
    for off in [-302, -100_000, 302, 100_000] {
        Webhook::at("msg_1", now() + off, &full())
            .send(&app)
            .problem(401, "signature_timestamp_out_of_range");
    }
    let bytes = full().to_string().into_bytes();
    for stamp in ["x", "-1", "1e9", "99999999999999999999"] {
        Webhook::signed("msg_1", stamp, &bytes, SECRET)
            .send(&app)
            .problem(401, "signature_timestamp_out_of_range");
    }
    assert_eq!(stored(&cluster), "0");
    for off in [-298, 290] {
        let id = format!("msg_{off}");
        Webhook::at(&id, now() + off, &full())
            .send(&app)
            .expect(201);
    }
}

#[test]
fn what_is_signed_is_read_as_strictly_as_a_create() {
    let (cluster, app) = alone();
    let signed =
        |body: &[u8]| Webhook::signed("msg_1", &now().to_string(), body, SECRET).send(&app);
    signed(b"{").problem(400, "malformed_json");
    signed(b"").problem(400, "malformed_json");
    let bad = with(with(full(), "amount", 5), "callback_status", "Pending");
    let refused = signed(bad.to_string().as_bytes()).problem(400, "validation_failed");
    let named = [("/amount", "type"), ("/callback_status", "format")];
    assert_eq!(
        refused.violations(),
        named.map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
    );
    let unknown = with(full(), "timestamp", 1);
    signed(unknown.to_string().as_bytes()).problem(400, "unknown_field");
    signed(" ".repeat(64 * 1024 + 1).as_bytes()).problem(413, "payload_too_large");
    let webhook = Webhook::new("msg_1", &full());
    webhook
        .send_to(&app, "/callback?x=1")
        .problem(400, "unknown_parameter");
    Webhook::signed("msg_1", &now().to_string(), b"{}", "c3RyYW5nZXI=")
        .send_to(&app, "/callback?x=1")
        .problem(401, "invalid_signature");
    assert_eq!(stored(&cluster), "0", "and the id is unused");
    webhook.send(&app).expect(201);
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
fn each_secret_of_a_source_is_good_and_one_right_signature_of_several_is_enough() {
    let (_cluster, app) = alone();
    let (body, stamp) = (full().to_string().into_bytes(), now().to_string());
    let first = Webhook::signed("msg_1", &stamp, &body, SECRET);
    let second = Webhook::signed("msg_1", &stamp, &body, SECOND_SECRET);
    let created = second.send(&app).expect(201);
    let mut both = first.clone();
    both.signature = format!("v1a,AAAA v1,AAAA {} {}", second.signature, first.signature);
    for repeated in [first, both] {
        let again = repeated.send(&app).expect(201);
        assert_eq!(
            (again.header("Idempotent-Replayed"), &again.text),
            ("true", &created.text)
        );
    }
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

#[test]
fn thirty_posts_of_one_callback_over_two_instances_are_applied_once() {
    let (cluster, app) = alone();
    let other = launch(&cluster).healthy();
    let apps = [&app, &other];
    let body = full();
    let mut version = 0;
    for (id, what) in [("msg_1", "incomplete"), ("msg_2", "completed")] {
        let webhook = Webhook::new(id, &status(&body, what));
        let answers = at_once(30, |nth| webhook.send(apps[nth % 2]));
        version += 1;
        let first = |answer: &Answer| answer.header("Idempotent-Replayed") == "false";
        let firsts = answers.iter().filter(|asked| first(&asked.answer));
        assert_eq!(firsts.count(), 1, "{what}");
        for asked in &answers {
            assert!(
                [200, 201].contains(&asked.answer.status),
                "{}",
                asked.answer.text
            );
            assert_eq!(asked.answer.text, answers[0].answer.text);
            assert_eq!(asked.answer.json()["version"], version);
        }
    }
    assert_eq!(stored(&cluster), "1");
}

#[test]
fn many_different_callbacks_of_one_transaction_at_once_end_with_the_latest() {
    let (_cluster, app) = alone();
    let body = full();
    let t = now() - 100;
    let webhook = |nth: usize| {
        let letter = char::from(b'a' + u8::try_from(nth).unwrap());
        let body = status(&body, &format!("state_{letter}"));
        Webhook::at(&key(), t + i64::try_from(nth).unwrap(), &body)
    };
    let answers = at_once(20, |nth| webhook(nth).send(&app));
    let created = answers.iter().filter(|asked| asked.answer.status == 201);
    assert_eq!(created.count(), 1);
    let id = answers[0].answer.id();
    let now = app
        .get_strong(&format!("/transactions/{id}"))
        .expect(200)
        .json();
    assert_eq!(now["callback_status"], "state_t");
    let history = events(&app, &id);
    let told: Vec<&str> = history
        .iter()
        .map(|e| e["callback_status"].as_str().unwrap())
        .collect();
    assert!(
        told.is_sorted(),
        "only what was said later changes it: {told:?}"
    );
    assert_eq!(now["version"], history.len());
}

/// Its own ids tell that an earlier attempt of this very request committed: it is no replay.
#[test]
fn callbacks_whose_answers_are_cut_off_are_applied_once_and_answered_as_new() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    let app = Launch::on(urls).set("callback.sources", SOURCES).healthy();
    let body = full();
    let anchor = body["anchor_transaction_id"].as_str().unwrap();
    proxies[0].cut_answers(anchor, 3);
    let created = Webhook::new("msg_1", &body).send(&app);
    assert_eq!(proxies[0].cuts_left(), 0);
    says(&created, 201, "false", 1, "pending_external");
    proxies[0].cut_answers("callback/msg_two", 4);
    let changed = Webhook::new("msg_two", &status(&body, "completed")).send(&app);
    assert_eq!(proxies[0].cuts_left(), 0);
    says(&changed, 200, "false", 2, "completed");
    assert_eq!(events(&app, &created.id()).len(), 2);
    assert_eq!(stored(&cluster), "1");
}

#[test]
fn a_callback_is_held_while_there_is_no_primary_and_applied_by_the_next_one() {
    let cluster = Cluster::pair();
    let app = launch(&cluster).healthy();
    let body = full();
    let created = Webhook::at("msg_1", now() - 5, &body)
        .send(&app)
        .expect(201);
    let count = "SELECT count(*)::text AS value FROM transactions";
    eventually(s(5), "the replica has it", || {
        ask(cluster.replica(), count) == "1"
    });
    cluster.primary().kill().unwrap();
    eventually(s(5), "the loss is known", || {
        app.get("/health").status == 503
    });
    thread::scope(|scope| {
        let (app, new) = (&app, Webhook::new("msg_2", &full()));
        let change = Webhook::new("msg_3", &status(&body, "completed"));
        let (new, change) = (
            scope.spawn(move || new.send(app)),
            scope.spawn(move || change.send(app)),
        );
        cluster.replica().promote().unwrap();
        new.join().unwrap().expect(201);
        says(&change.join().unwrap(), 200, "false", 2, "completed");
    });
    assert_eq!(events(&app, &created.id()).len(), 2);
}

#[test]
fn sources_that_cannot_be_are_told_at_the_start() {
    let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let source = |rest: &str| format!("[{{ name = \"a\", owner = \"default\", {rest} }}]");
    let twice = format!(
        "[{{ name = \"a\", owner = \"x\", secrets = [\"{good}\"] }}, {{ name = \"b\", owner = \"y\", secrets = [\"{good}\"] }}]"
    );
    let table = [
        (
            source("secrets = [\"MfKQ9r8!\"]"),
            "callback.sources[0].secrets: must be base64",
        ),
        (
            source("secrets = [\"whsec_!\"]"),
            "callback.sources[0].secrets: must be base64",
        ),
        (
            source("secrets = []"),
            "callback.sources[0].secrets: is missing",
        ),
        (
            source("colour = \"red\""),
            "callback.sources[0].colour: is not a known setting",
        ),
        (
            source("secrets_file = \"none\""),
            "callback.sources[0].secrets_file: cannot read",
        ),
        (
            format!("[{{ name = \"a\", secrets = [\"{good}\"] }}]"),
            "callback.sources[0].owner: is missing",
        ),
        (
            format!(
                "[{{ owner = \"a\", secrets = [\"{good}\"] }}, {{ owner = \"a\", secrets = [\"{good}\"] }}]"
            ),
            "callback.sources[1].name: another source has this name, or this owner and no name",
        ),
        (twice, "callback.sources: a secret occurs twice"),
    ];
    for (sources, told) in table {
        let launch = Launch::on(["postgres://nobody@127.0.0.1:1/none".to_owned()]);
        let output = launch.set("callback.sources", &sources).run(&[]).expect(2);
        assert!(output.stderr.contains(told), "{told}: {}", output.stderr);
        assert!(!output.stderr.contains("MfKQ"), "{}", output.stderr);
    }
}

#[test]
fn secrets_may_stand_in_a_file_one_a_line() {
    let cluster = Cluster::alone();
    let launch = cluster.launch();
    let file = launch.dir().join("secrets");
    std::fs::write(&file, format!("whsec_{SECRET}\nwhsec_{SECOND_SECRET}\n")).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let sources = "[{ name = \"anchor\", owner = \"default\", secrets_file = \"secrets\" }]";
    let app = launch.set("callback.sources", sources).healthy();
    let (body, stamp) = (full().to_string().into_bytes(), now().to_string());
    for (id, secret) in [("msg_1", SECRET), ("msg_2", SECOND_SECRET)] {
        let answer = Webhook::signed(id, &stamp, &body, secret).send(&app);
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
    }
    assert!(!app.log().contains(SECRET));
}
