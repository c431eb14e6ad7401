//! What the jobs in a lane owe each other: a place at once or a refusal at once, and no wait for what one of them waits for.

use crate::support::bodies::ACCOUNT;
use crate::support::load::{Asked, all_are, at_once, while_asking};
use crate::support::wait::{ms, s};
use crate::support::{Answer, App, Cluster, ask, eventually, full, key, minimal, with};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use private_postgres::User;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

const PLACES: usize = 20;

/// A pair that has lost its primary, and a service with few places in its lanes.
fn without_primary() -> (Cluster, App, Answer) {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .set("database.max_waiting", PLACES)
        .set("database.write_deadline_ms", 30_000)
        .healthy();
    let known = app.create(&minimal()).expect(201);
    eventually(s(5), "the replica serves it", || {
        app.get(known.header("Location")).served_by() == "replica"
    });
    cluster.primary().kill().unwrap();
    eventually(s(10), "the loss is known", || {
        app.get("/status").json()["writes"] == "held"
    });
    (cluster, app, known)
}

/// That the primary does not know a token is proved by a commit, which hangs while the standby is lost.
#[test]
fn made_up_tokens_leave_reads_their_connections_while_commits_hang() {
    let (cluster, elsewhere) = (Cluster::pair(), Cluster::twin());
    cluster.make_synchronous();
    let app = cluster.launch().set("database.pool_size", 2).healthy();
    let created = app.create(&minimal()).expect(201);
    let path = created.header("Location");
    let other = elsewhere.launch().healthy();
    let made_up = |_| other.create(&minimal()).expect(201).token().to_owned();
    let made_up: Vec<String> = (0..20).map(made_up).collect();
    cluster.replica().freeze();
    eventually(s(5), "the standby is lost", || {
        app.get("/status").json()["nodes"][1]["state"] == "down"
    });
    thread::scope(|scope| {
        let ask_with = |token: &String| app.get_with(path, &[("X-Consistency-Token", token)]);
        let asked: Vec<_> = made_up
            .iter()
            .map(|token| scope.spawn(move || ask_with(token)))
            .collect();
        let hang =
            "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually(s(5), "a proof hangs", || {
            ask(cluster.primary(), hang) != "0"
        });
        all_are(&at_once(20, |_| app.get(path)), 200, s(2));
        assert_ne!(ask(cluster.primary(), hang), "0");
        cluster.replica().thaw();
        for asked in asked {
            let status = asked.join().unwrap().status;
            assert!([409, 503].contains(&status), "{status}");
        }
    });
}

/// Refused at once; None where it would wait.
fn refused(app: &App) -> bool {
    let answer = Asked::now(|| app.create(&minimal()));
    assert!(answer.took < s(2), "a refusal took {:?}", answer.took);
    answer.answer.problem(503, "overloaded");
    true
}

#[test]
fn what_finds_a_full_lane_is_refused_at_once_and_nobody_else_is() {
    let (cluster, app, known) = without_primary();
    let to = json!({"status": "processing"});
    thread::scope(|scope| {
        let creates: Vec<_> = (0..3 * PLACES)
            .map(|_| scope.spawn(|| Asked::now(|| app.create(&minimal()))))
            .collect();
        let ended = || creates.iter().filter(|create| create.is_finished()).count();
        eventually(s(10), "those without a place are refused", || {
            ended() == 2 * PLACES
        });
        let change = scope.spawn(|| app.patch(&known.id(), &known.etag(), &to));
        let path = known.header("Location");
        let reads = while_asking(
            || app.get(path),
            || (0..10).for_each(|_| assert!(refused(&app))),
        );
        all_are(&reads, 200, s(2));
        assert_eq!(ended(), 2 * PLACES, "the others still wait");
        assert!(
            !change.is_finished(),
            "the change waits in a lane of its own"
        );
        cluster.primary().start().unwrap();
        let mut stored = 0;
        for create in creates {
            let Asked { answer, took } = create.join().unwrap();
            if answer.status == 201 {
                stored += 1;
            } else {
                assert!(took < s(5), "a refusal took {took:?}");
                let refused = answer.problem(503, "overloaded");
                assert_eq!(refused.json()["outcome"], "not_applied");
            }
        }
        assert_eq!(stored, PLACES);
        change.join().unwrap().expect(200);
    });
}

/// A create by a client of its own connection, who goes away without waiting for the answer.
fn sent_create(app: &App, key: &str) -> TcpStream {
    let body = minimal().to_string();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, app.port())).unwrap();
    let request = format!(
        "POST /transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// It was answered within a moment, with this status. None: it waits.
fn answered(mut stream: &TcpStream) -> Option<u16> {
    stream.set_read_timeout(Some(ms(300))).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let status = std::str::from_utf8(&head[9..]).unwrap();
    Some(status.parse().unwrap())
}

#[test]
fn clients_that_go_away_while_they_wait_leave_their_places_to_others() {
    let (cluster, app, _) = without_primary();
    let all: Vec<TcpStream> = (0..PLACES + 1).map(|_| sent_create(&app, &key())).collect();
    let refused = all.iter().filter_map(answered).collect::<Vec<_>>();
    assert_eq!(refused, [503], "the lane is full");
    drop(all);
    let mut waiting = Vec::new();
    eventually(s(10), "their places are free", || {
        let stream = sent_create(&app, &key());
        match answered(&stream) {
            None => waiting.push(stream),
            Some(status) => assert_eq!(status, 503),
        }
        waiting.len() == PLACES
    });
    cluster.primary().start().unwrap();
    for stream in &waiting {
        eventually(s(10), "it is answered", || answered(stream) == Some(201));
    }
}

fn in_use(app: &App) -> Value {
    app.get("/status").json()["nodes"][0]["pool"]["in_use"].clone()
}

/// They wait for a standby that is not there: taken, and not answered.
#[test]
fn clients_that_go_away_while_their_creates_are_stored_take_nothing_from_the_others() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    cluster.make_synchronous();
    let keys: Vec<String> = (0..64).map(|_| key()).collect();
    let (gone, waiting) = keys.split_at(32);
    let answers = thread::scope(|scope| {
        let gone: Vec<TcpStream> = gone.iter().map(|key| sent_create(&app, key)).collect();
        let waiting = scope.spawn(|| {
            at_once(waiting.len(), |at| {
                app.create_keyed(&waiting[at], &minimal())
            })
        });
        let question = "SELECT (count(*) > 0)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually(s(5), "commits hang", || {
            ask(cluster.primary(), question) == "true"
        });
        drop(gone);
        cluster.make_asynchronous();
        waiting.join().unwrap()
    });
    all_are(&answers, 201, s(10));
    for key in keys {
        app.create_keyed(&key, &minimal()).expect(201);
    }
    eventually(s(5), "no connection is in use", || in_use(&app) == 0);
    all_are(&at_once(128, |_| app.create(&full())), 201, s(5));
    eventually(s(5), "no connection is in use", || in_use(&app) == 0);
}

/// Another session, which stores a transaction and does not commit.
fn stranger(cluster: &Cluster, anchor: &str) -> PgConnection {
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    stranger
        .batch_execute(&format!(
            "BEGIN;
             INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, actor, request_id)
             SELECT 'default', id, id, '{ACCOUNT}', 100.50, 'USDC', '{anchor}', 'api:test', 'test' FROM gen_random_uuid() AS id"
        ))
        .unwrap();
    stranger
}

/// How long the slowest of many creates takes, which are all stored.
fn slowest_of_many(app: &App) -> Duration {
    let created = at_once(64, |_| app.create(&full()));
    all_are(&created, 201, s(20));
    created.iter().map(|asked| asked.took).max().unwrap()
}

/// As a client does: again, while another request with the same handle is in progress.
fn create_at_last(app: &App, body: &Value) -> Answer {
    loop {
        let answer = app.create(body);
        if answer.status != 409 {
            return answer;
        }
        answer.problem(409, "idempotency_request_in_progress");
    }
}

/// Without limit the wait for a stranger would be all the others' wait too: here it is compared with how long they take without one.
#[test]
fn creates_are_not_held_up_by_those_that_meet_a_lock_of_a_stranger() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let usual = slowest_of_many(&app).max(slowest_of_many(&app));
    for end in ["COMMIT", "ROLLBACK"] {
        let anchor = key();
        let known = with(minimal(), "anchor_transaction_id", anchor.as_str());
        let mut stranger = stranger(&cluster, &anchor);
        let blocked = thread::scope(|scope| {
            let blocked: Vec<_> = (0..12)
                .map(|_| scope.spawn(|| create_at_last(&app, &known)))
                .collect();
            let slowest = slowest_of_many(&app);
            assert!(
                slowest < usual * 2 + s(1),
                "the slowest took {slowest:?}, without the stranger {usual:?}"
            );
            assert!(blocked.iter().all(|create| !create.is_finished()));
            stranger.batch_execute(end).unwrap();
            let blocked = blocked.into_iter().map(|create| create.join().unwrap());
            blocked.collect::<Vec<_>>()
        });
        let ids: BTreeSet<String> = blocked.iter().map(Answer::id).collect();
        assert_eq!(ids.len(), 1, "they speak of one transaction");
        let of_status = |status| {
            blocked
                .iter()
                .filter(|answer| answer.status == status)
                .count()
        };
        let stored = usize::from(end == "ROLLBACK");
        assert_eq!(
            (of_status(201), of_status(200)),
            (stored, 12 - stored),
            "{end}"
        );
    }
}

#[test]
fn changes_are_not_held_up_by_those_that_meet_a_lock_of_a_stranger() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let rows: Vec<Answer> = (0..40)
        .map(|_| app.create(&minimal()).expect(201))
        .collect();
    let (held, others) = rows.split_at(8);
    let ids: Vec<String> = held.iter().map(|row| format!("'{}'", row.id())).collect();
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    let lock = format!(
        "BEGIN; SELECT FROM transactions WHERE id IN ({}) FOR UPDATE",
        ids.join(",")
    );
    stranger.batch_execute(&lock).unwrap();
    let change = |row: &Answer| app.patch(&row.id(), &row.etag(), &json!({"status": "processing"}));
    thread::scope(|scope| {
        let blocked: Vec<_> = held.iter().map(|row| scope.spawn(|| change(row))).collect();
        let changed = at_once(others.len(), |at| change(&others[at]));
        all_are(&changed, 200, s(5));
        assert!(blocked.iter().all(|change| !change.is_finished()));
        stranger.batch_execute("COMMIT").unwrap();
        for change in blocked {
            change.join().unwrap().expect(200);
        }
    });
}

/// There is a primary: what it waited for is somebody's lock. At the deadline it either waits its turn, or an attempt of it is under way,
/// which may get the lock yet.
#[test]
fn a_change_whose_row_stays_locked_is_not_told_that_there_is_no_primary() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 1000)
        .healthy();
    let row = app.create(&minimal()).expect(201);
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    let lock = format!(
        "BEGIN; SELECT FROM transactions WHERE id = '{}' FOR UPDATE",
        row.id()
    );
    stranger.batch_execute(&lock).unwrap();
    let change = || app.patch(&row.id(), &row.etag(), &json!({"status": "processing"}));
    for _ in 0..5 {
        let refused = change().expect(503).json();
        let told = (refused["code"].as_str(), refused["outcome"].as_str());
        assert!(
            [
                (Some("overloaded"), Some("not_applied")),
                (Some("outcome_unknown"), Some("unknown"))
            ]
            .contains(&told),
            "{refused}"
        );
    }
    stranger.batch_execute("COMMIT").unwrap();
    change().expect(200);
}
