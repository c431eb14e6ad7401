//! The network between service and databases breaks: refused, reset, silent, slow, cut in the middle of an answer.

use crate::support::app::App;
use crate::support::load::{all_are, while_asking};
use crate::support::proxy::{Mode, Proxy};
use crate::support::wait::{ms, s};
use crate::support::{Cluster, Launch, account, ask, eventually, key, minimal, with};
use reqwest::Method;
use serde_json::json;
use std::thread;
use std::time::Instant;

/// A service that reaches its primary and its replica through one proxy each.
struct Net {
    app: App,
    primary: Proxy,
    replica: Proxy,
    path: String,
    cluster: Cluster,
}

fn net() -> Net {
    net_with(|launch| launch)
}

fn net_with(settings: impl FnOnce(Launch) -> Launch) -> Net {
    let cluster = Cluster::pair();
    let (mut proxies, urls) = cluster.proxies();
    // So far away that it is not the schedule that heals anything here, but that a node answers again.
    let launch = Launch::on(urls).set("database.rebuild.initial_ms", 20_000);
    let app = settings(launch).healthy();
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    eventually(s(5), "the replica serves it", || {
        app.get(&path).served_by() == "replica"
    });
    let replica = proxies.pop().unwrap();
    Net {
        app,
        primary: proxies.pop().unwrap(),
        replica,
        path,
        cluster,
    }
}

#[test]
fn a_silent_replica_delays_reads_by_less_than_a_second_and_health_by_nothing() {
    let net = net();
    let health = while_asking(
        || net.app.get("/health"),
        || {
            let reads = while_asking(
                || net.app.get(&net.path),
                || {
                    net.replica.set(Mode::Silent);
                    eventually(s(10), "the loss is known", || {
                        net.app.get("/health").status == 503
                    });
                    eventually(s(20), "20 reads take less than a second", || {
                        let start = Instant::now();
                        (0..20).for_each(|_| {
                            let read = net.app.get(&net.path).expect(200);
                            assert_eq!(read.served_by(), "primary");
                        });
                        start.elapsed() < s(1)
                    });
                    net.replica.heal();
                    net.app.until_healthy(s(5));
                },
            );
            all_are(&reads, 200, s(1));
        },
    );
    let slowest = health.iter().map(|asked| asked.took).max().unwrap();
    assert!(slowest < ms(400), "/health took {slowest:?}");
    eventually(s(5), "the replica serves again", || {
        net.app.get(&net.path).expect(200).served_by() == "replica"
    });
}

#[test]
fn a_silent_primary_lets_reads_go_on_and_writes_wait() {
    let net = net_with(|launch| launch.set("database.write_deadline_ms", 1500));
    net.primary.set(Mode::Silent);
    let reads = while_asking(
        || net.app.get(&net.path),
        || {
            eventually(s(10), "the loss is known", || {
                net.app.get("/health").status == 503
            });
            net.app
                .create(&minimal())
                .problem(503, "primary_unavailable");
        },
    );
    all_are(&reads, 200, s(1));
    net.primary.heal();
    net.app.until_healthy(s(5));
    net.app.create(&minimal()).expect(201);
}

/// The statement is swallowed with its connection alive: nobody can know what became of it.
#[test]
fn past_the_deadline_a_swallowed_write_is_of_unknown_outcome_and_repeating_it_tells() {
    let net = net_with(|launch| launch.set("database.write_deadline_ms", 1500));
    let (key, body) = (key(), with(minimal(), "stellar_account", account()));
    net.primary.set(Mode::Silent);
    let answer = net
        .app
        .create_keyed(&key, &body)
        .problem(503, "outcome_unknown");
    assert_eq!(answer.json()["outcome"], "unknown");
    net.primary.heal();
    let created = net.app.create_keyed(&key, &body).expect(201);
    assert_eq!(rows_of(&net, &body), "1");
    assert_eq!(
        net.app.create_keyed(&key, &body).expect(201).text,
        created.text
    );
}

#[test]
fn a_reset_of_all_connections_fails_no_request() {
    let net = net();
    let mut written = Vec::new();
    let reads = while_asking(
        || net.app.get(&net.path),
        || {
            written = while_asking(
                || net.app.create(&minimal()),
                || {
                    for _ in 0..5 {
                        net.primary.reset();
                        net.replica.reset();
                        net.app.create(&minimal()).expect(201);
                        net.app.get(&net.path).expect(200);
                    }
                },
            );
        },
    );
    all_are(&reads, 200, s(2));
    all_are(&written, 201, s(8));
    net.app.until_healthy(s(2));
}

#[test]
fn a_refusing_replica_is_done_without() {
    let net = net();
    let reads = while_asking(
        || net.app.get(&net.path),
        || {
            net.replica.set(Mode::Refuse);
            net.replica.reset();
            eventually(s(10), "the loss is known", || {
                net.app.get("/health").status == 503
            });
            net.app.create(&minimal()).expect(201);
            net.replica.heal();
            net.app.until_healthy(s(5));
        },
    );
    all_are(&reads, 200, s(1));
}

#[test]
fn a_slow_network_is_not_a_dead_one() {
    let net = net();
    net.primary.set(Mode::Delay(ms(40)));
    net.replica.set(Mode::Delay(ms(40)));
    let start = Instant::now();
    while start.elapsed() < s(2) {
        assert_eq!(net.app.get(&net.path).expect(200).served_by(), "replica");
        net.app.create(&minimal()).expect(201);
        assert_eq!(net.app.get("/health").status, 200);
    }
}

fn rows_of(net: &Net, body: &serde_json::Value) -> String {
    let account = body["stellar_account"].as_str().unwrap();
    ask(
        net.cluster.primary(),
        &format!(
            "SELECT count(*)::text AS value FROM transactions WHERE stellar_account = '{account}'"
        ),
    )
}

#[test]
fn a_create_whose_answer_is_cut_off_is_a_fresh_201() {
    for times in [1, 5] {
        let net = net();
        let (key, body) = (key(), with(minimal(), "stellar_account", account()));
        net.primary.cut_answers(&key, times);
        let created = net.app.create_keyed(&key, &body).expect(201);
        assert_eq!(
            (
                net.primary.cuts_left(),
                created.header("Idempotent-Replayed")
            ),
            (0, "false")
        );
        let again = net.app.create_keyed(&key, &body).expect(201);
        assert_eq!(
            (again.text.as_str(), again.header("Idempotent-Replayed")),
            (created.text.as_str(), "true")
        );
        assert_eq!(rows_of(&net, &body), "1");
        net.app.until_healthy(s(2));
    }
}

/// A reserve of four repetitions, and a fifth attempt that is cut off too: the write waits for what others earn, and is not given up in doubt.
#[test]
fn a_create_in_doubt_waits_for_the_retry_budget_until_its_deadline() {
    let net = net_with(|launch| {
        launch
            .set("database.max_waiting", 1)
            .set("database.write_deadline_ms", 20_000)
    });
    let (key, body) = (key(), with(minimal(), "stellar_account", account()));
    net.primary.cut_answers(&key, 5);
    thread::scope(|scope| {
        let in_doubt = scope.spawn(|| net.app.create_keyed(&key, &body));
        eventually(s(10), "the reserve is spent", || {
            net.primary.cuts_left() == 0
        });
        eventually(s(10), "others have earned a repetition", || {
            net.app.create(&minimal());
            in_doubt.is_finished()
        });
        let created = in_doubt.join().unwrap().expect(201);
        assert_eq!(created.header("Idempotent-Replayed"), "false");
    });
    assert_eq!(rows_of(&net, &body), "1");
}

#[test]
fn a_create_that_never_reached_the_database_is_repeated() {
    let net = net();
    let (key, body) = (key(), with(minimal(), "stellar_account", account()));
    net.primary.cut_requests(&key, 3);
    let created = net.app.create_keyed(&key, &body).expect(201);
    assert_eq!(
        (
            net.primary.cuts_left(),
            created.header("Idempotent-Replayed")
        ),
        (0, "false")
    );
    assert_eq!(rows_of(&net, &body), "1");
    net.app.until_healthy(s(2));
}

/// One's own earlier attempt must not look like somebody else's transaction.
#[test]
fn a_create_by_natural_key_whose_answer_is_cut_off_is_no_conflict() {
    let net = net();
    let anchor = format!("cut-{}", key());
    let body = with(minimal(), "anchor_transaction_id", anchor.as_str());
    net.primary.cut_answers(&anchor, 2);
    let created = net.app.create_with(&[], &body).expect(201);
    assert_eq!(
        (
            net.primary.cuts_left(),
            created.header("Idempotent-Replayed")
        ),
        (0, "false")
    );
    assert_eq!(
        net.app.create_with(&[], &body).expect(200).id(),
        created.id()
    );
}

#[test]
fn a_status_change_whose_answer_is_cut_off_is_made_once() {
    let net = net();
    for any_version in [false, true] {
        let created = net.app.create(&minimal()).expect(201);
        let (id, etag) = (created.id(), created.etag());
        let reason = format!("cut {}", key());
        net.primary.cut_answers(&reason, 2);
        let body = json!({"status": "processing", "status_reason": reason});
        let if_match = if any_version { "*" } else { &etag };
        let changed = net.app.patch(&id, if_match, &body).expect(200);
        assert_eq!(net.primary.cuts_left(), 0);
        assert_eq!(changed.json()["version"], 2);
        let events = net
            .app
            .get_strong(&format!("/transactions/{id}/events"))
            .expect(200)
            .json();
        assert_eq!(events["data"].as_array().unwrap().len(), 2);
    }
}

/// Its first attempt arrives after the answer, and after others have changed the status twice.
#[test]
fn a_change_of_any_version_that_is_made_late_was_not_said_to_be_needless() {
    let net = net();
    let id = net.app.create(&minimal()).expect(201).id();
    let change = |status: &str| {
        net.app
            .patch(&id, "*", &json!({"status": status}))
            .expect(200)
            .json()
    };
    change("processing");
    let reason = format!("late {}", key());
    net.primary.hold_one_request(&reason);
    let body = json!({"status": "processing", "status_reason": reason});
    let answer = net.app.patch(&id, "*", &body);
    answer.problem(503, "outcome_unknown");
    change("failed");
    assert_eq!(change("pending")["version"], 4);
    net.primary.heal();
    eventually(s(10), "the first attempt is made", || {
        let now = net.app.get_strong(&format!("/transactions/{id}"));
        now.expect(200).json()["status_reason"] == reason.as_str()
    });
}

/// Its first attempt never arrives. But for all that the service knows, it may still do so, after others have changed the status again.
#[test]
fn a_change_of_any_version_in_doubt_gets_no_answer_that_its_first_attempt_could_make_wrong() {
    let net = net();
    for (stored, wanted, without_doubt, in_doubt) in [
        ("processing", "processing", 200, 503),
        ("processing", "pending", 409, 503),
        ("completed", "completed", 200, 200),
        ("completed", "failed", 409, 409),
    ] {
        let id = net.app.create(&minimal()).expect(201).id();
        net.app
            .patch(&id, "*", &json!({"status": stored}))
            .expect(200);
        let reason = format!("late {}", key());
        let body = json!({"status": wanted, "status_reason": reason});
        net.app.patch(&id, "*", &body).expect(without_doubt);
        net.primary.cut_requests(&reason, 1);
        let headers = [("If-Match", "*"), ("X-Deadline-Ms", "3000")];
        let path = format!("/transactions/{id}");
        let answer = net.app.send(Method::PATCH, &path, &headers, Some(&body));
        assert_eq!(net.primary.cuts_left(), 0);
        assert_eq!(answer.status, in_doubt, "{stored} {wanted}: {answer:?}");
        if in_doubt == 503 {
            answer.problem(503, "outcome_unknown");
        }
    }
}
