//! What is written to the log.

use crate::support::wait::s;
use crate::support::{Cluster, ask, eventually, key, minimal, shared};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use private_postgres::User;
use serde_json::Value;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};

#[test]
fn every_request_is_logged_with_its_key_values() {
    let it = shared();
    let id = format!("logged-{}", key());
    let headers = [("X-Request-Id", id.as_str()), ("Idempotency-Key", &key())];
    it.app.create_with(&headers, &minimal()).expect(201);
    let line = || {
        it.app
            .log()
            .lines()
            .find(|line| line.contains(&id))
            .map(str::to_owned)
    };
    eventually(s(10), "the request is logged", || line().is_some());
    let line = line().unwrap();
    for part in ["POST", "route=/transactions", "status=201"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

/// Its create waits for a lock, and is stored when it has it.
#[test]
fn a_client_that_hangs_up_leaves_a_line_and_is_counted() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    stranger
        .batch_execute("BEGIN; LOCK TABLE transactions")
        .unwrap();
    let body = minimal().to_string();
    let request = format!(
        "POST /transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Request-Id: hung-up\r\nIdempotency-Key: k\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, app.port())).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let waits = "SELECT count(*)::text AS value FROM pg_locks WHERE NOT granted";
    eventually(s(5), "it waits for the lock", || {
        ask(cluster.primary(), waits) != "0"
    });
    drop(socket);
    let line = || {
        let log = app.log();
        let line = log.lines().find(|line| line.contains("hung-up"));
        line.is_some_and(|line| line.contains("status=499") && line.contains("unanswered"))
    };
    eventually(s(5), "it is logged", line);
    let counted = r#"method="POST",route="/transactions",status="499"} 1"#;
    assert!(app.get("/metrics").text.contains(counted));
    stranger.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn a_word_that_is_no_method_is_not_written_to_the_log() {
    let app = Cluster::alone().launch().start();
    let word = "A".repeat(5000);
    app.raw(
        format!(
            "{word} /live HTTP/1.1\r\nHost: x\r\nX-Request-Id: odd\r\nConnection: close\r\n\r\n"
        )
        .as_bytes(),
    );
    app.logs("odd");
    assert!(app.log().contains("method=other") && !app.log().contains(&word));
}

#[test]
fn as_json_each_line_is_an_object() {
    let it = shared();
    let app = it.cluster.launch().text("log.format", "json").healthy();
    app.get_with("/transactions", &[("X-Request-Id", "as-json")])
        .expect(200);
    let lines = || {
        app.log()
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect::<Vec<Value>>()
    };
    eventually(s(10), "the request is logged", || {
        lines().iter().any(|line| line["request_id"] == "as-json")
    });
    let all = lines();
    let request = all
        .iter()
        .find(|line| line["request_id"] == "as-json")
        .unwrap();
    assert_eq!(
        (&request["status"], &request["route"], &request["method"]),
        (&200.into(), &"/transactions".into(), &"GET".into())
    );
}

#[test]
fn a_change_of_state_is_one_line() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let changes = |to: &str| {
        let (log, to) = (app.log(), format!("to={to}"));
        log.lines()
            .filter(|line| line.contains("node=node-2") && line.contains(&to))
            .count()
    };
    let before = changes("down");
    cluster.replica().kill().unwrap();
    eventually(s(10), "it was tried twice", || {
        app.get("/status").json()["nodes"][1]["attempts"].as_u64() >= Some(2)
    });
    assert_eq!(changes("down"), before + 1, "however often it was tried");
    let before = changes("up");
    cluster.replica().start().unwrap();
    app.until_healthy(s(10));
    // The log has a thread of its own, which may be late.
    eventually(s(5), "it is told", || changes("up") > before);
    assert_eq!(changes("up"), before + 1);
}

#[test]
fn what_broke_inside_is_in_the_log_with_the_request_id_and_not_in_the_answer() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    crate::support::sql(
        cluster.primary(),
        "ALTER TABLE transactions RENAME COLUMN memo TO note",
    );
    let headers = [("X-Request-Id", "broken-1"), ("Idempotency-Key", &*key())];
    let answer = app
        .create_with(&headers, &minimal())
        .problem(500, "internal_error");
    assert!(
        !answer.text.contains("memo") && !answer.text.contains("column"),
        "{}",
        answer.text
    );
    let is_told = || {
        app.log()
            .lines()
            .any(|line| line.contains("memo") && line.contains("broken-1"))
    };
    eventually(s(10), "the cause is logged with the request id", is_told);
    crate::support::sql(
        cluster.primary(),
        "ALTER TABLE transactions RENAME COLUMN note TO memo",
    );
    app.create(&minimal()).expect(201);
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let it = shared();
    let app = it.cluster.launch().with_a_log_that_nobody_reads().healthy();
    let long = "x".repeat(64);
    for _ in 0..2000 {
        app.get_with("/live", &[("X-Request-Id", long.as_str())])
            .expect(200);
    }
    app.create(&minimal()).expect(201);
}

/// Of more lines than the queue of the log takes, some are dropped.
#[test]
fn dropped_lines_are_told_of_in_a_line_like_all_others() {
    const QUEUE: usize = 10_000;
    let it = shared();
    let launch = it.cluster.launch().with_its_log_in_a_pipe();
    let app = launch.text("log.format", "json").healthy();
    app.log_pipe().stall();
    let request = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n".repeat(999);
    let request = format!("{request}GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // As many again may be in the hands of the thread that writes them.
    for _ in 0..2 * QUEUE / 1000 + 2 {
        app.raw(request.as_bytes());
    }
    app.log_pipe().flow();
    let lines = || -> Vec<Value> {
        let log = app.log();
        let (whole, _) = log.rsplit_once('\n').unwrap_or_default();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        whole.lines().map(parse).collect()
    };
    let is_it = |line: &Value| {
        line["message"]
            .as_str()
            .is_some_and(|m| m.contains("dropped"))
    };
    eventually(s(20), "it is told", || {
        app.get("/live");
        lines().iter().any(is_it)
    });
    let all = lines();
    let line = all.iter().find(|line| is_it(line)).unwrap();
    assert!(line["lines"].as_u64() > Some(0), "{line}");
    assert_eq!(line["level"], "WARN");
    for member in ["time", "target"] {
        assert!(line[member].is_string(), "{line}");
    }
}
