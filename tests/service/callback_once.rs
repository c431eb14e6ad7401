//! Callbacks that come at once, again, or in the middle of a failover are applied once.

use crate::callback::{alone, events, launch, says, status, stored};
use crate::support::load::at_once;
use crate::support::wait::s;
use crate::support::webhook::{SOURCES, now};
use crate::support::{Answer, Cluster, Launch, Webhook, ask, eventually, full, key};
use std::thread;

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
