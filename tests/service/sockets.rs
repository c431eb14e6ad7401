//! Clients that hold sockets and do nothing with them, or little.

use crate::support::wait::{holds_within, s};
use crate::support::{App, Cluster, TENANT, eventually, key, minimal, shared, sql};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

fn socket(app: &App) -> TcpStream {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, app.port())).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    socket
}

/// What has come within the read timeout. None: the connection has ended.
fn read(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = [0; 4096];
    match socket.read(&mut bytes) {
        Ok(0) => None,
        Ok(count) => Some(String::from_utf8_lossy(&bytes[..count]).into_owned()),
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
            Some(String::new())
        }
        Err(_) => None,
    }
}

const END_SESSIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";

/// It may have 200 descriptors, and three times as many sockets want one.
#[test]
fn sockets_that_do_nothing_leave_the_databases_their_descriptors() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.pool_size", 4)
        .with_descriptors(200)
        .healthy();
    // The connection of these requests is kept, and is one of those that were admitted.
    app.create(&minimal()).expect(201);
    let idle: Vec<TcpStream> = (0..600).map(|_| socket(&app)).collect();
    for _ in 0..5 {
        sql(cluster.primary(), END_SESSIONS);
        app.create(&minimal()).expect(201);
    }
    drop(idle);
    eventually(s(20), "new clients are served", || {
        let mut new = socket(&app);
        let request = b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let sent = new.write_all(request).is_ok();
        sent && read(&mut new).is_some_and(|text| text.starts_with("HTTP/1.1 200"))
    });
    app.logs("fewer connections of clients");
}

#[test]
fn with_too_few_descriptors_it_says_what_to_raise_and_does_not_start() {
    let cluster = Cluster::alone();
    let ended = cluster.launch().with_descriptors(80).run(&["serve"]);
    let said = ended.expect(1).stderr;
    assert!(
        said.contains("file descriptors") && said.contains("ulimit -n"),
        "{said}"
    );
}

#[test]
fn a_request_that_trickles_in_is_ended() {
    let app = &shared().app;
    let mut head = socket(app);
    head.write_all(b"GET /live HTTP/1.1\r\n").unwrap();
    let mut body = socket(app);
    let request = format!(
        "POST /transactions HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {}\r\nContent-Length: 1000\r\n\r\n{{",
        TENANT.bearer(),
        key()
    );
    body.write_all(request.as_bytes()).unwrap();
    let (mut head_ended, mut body_answer) = (false, String::new());
    let all_ended = holds_within(s(30), || {
        let sent = head.write_all(b"a").is_ok();
        head_ended |= !sent || read(&mut head).is_none_or(|text| text.contains(" 408 "));
        // The answer comes while the rest is still being sent.
        let _ = body.write_all(b" ");
        body_answer += &read(&mut body).unwrap_or_default();
        head_ended && body_answer.contains("overloaded")
    });
    assert!(all_ended, "{head_ended} {body_answer}");
}

#[test]
fn a_client_that_takes_nothing_of_its_answers_loses_its_connection() {
    let app = &shared().app;
    for _ in 0..30 {
        app.create(&minimal()).expect(201);
    }
    let mut reader = socket(app);
    let request = format!(
        "GET /transactions?limit=100 HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\r\n",
        TENANT.bearer()
    );
    reader.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    let mut is_ended = false;
    // Pipelined requests, whose answers fill the socket's buffers; then nothing can be written either, until the connection ends.
    let ended = holds_within(s(90), || {
        is_ended = match reader.write(request.as_bytes()) {
            Ok(_) => false,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        is_ended
    });
    assert!(ended, "still there after {:?}", begun.elapsed());
}
