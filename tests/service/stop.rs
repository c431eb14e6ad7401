//! Signals: drain, finish, end.

use crate::support::wait::{ms, s};
use crate::support::{Answer, Cluster, ask, eventually, holds_for, minimal, shared};
use nix::sys::signal::Signal;
use serde_json::json;
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Instant;

#[test]
fn it_drains_before_it_ends() {
    let it = shared();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let app = it.cluster.launch().set("server.drain_ms", 4000).healthy();
        let start = Instant::now();
        app.signal(signal);
        eventually(s(10), "it is not ready", || app.get("/ready").status == 503);
        assert_eq!(
            app.get("/ready").json(),
            json!({"status": "not_ready", "draining": true, "reads": true, "writes": true})
        );
        // It serves while it drains.
        for _ in 0..3 {
            assert_eq!(
                app.get("/live").expect(200).header("Connection"),
                "close",
                "the next connection goes elsewhere"
            );
            app.create(&minimal()).expect(201);
            app.get("/transactions?limit=1").expect(200);
        }
        let status = app.until_exit(s(20));
        assert_eq!(status.code(), Some(0), "{}", app.log());
        let took = start.elapsed();
        assert!(took >= s(4) && took < s(15), "{took:?}");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, app.port())).is_err());
    }
}

#[test]
fn without_a_drain_time_it_ends_at_once() {
    let app = shared()
        .cluster
        .launch()
        .set("server.drain_ms", 0)
        .healthy();
    let start = Instant::now();
    app.signal(Signal::SIGTERM);
    assert_eq!(app.until_exit(s(5)).code(), Some(0));
    assert!(start.elapsed() < s(2), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let app = shared()
        .cluster
        .launch()
        .set("server.drain_ms", 60_000)
        .healthy();
    app.signal(Signal::SIGTERM);
    eventually(s(10), "it drains", || app.get("/ready").status == 503);
    let press_again = || app.signal(Signal::SIGTERM);
    eventually(s(10), "it has ended", || {
        app.exit_status().is_some() || (press_again(), false).1
    });
}

#[test]
fn a_database_that_is_down_does_not_keep_it_from_ending() {
    let cluster = Cluster::pair();
    let app = cluster.launch().set("server.drain_ms", 0).healthy();
    cluster.nodes.iter().for_each(|node| node.freeze());
    eventually(s(10), "the loss is known", || {
        app.get("/health").status == 503
    });
    app.signal(Signal::SIGTERM);
    assert_eq!(app.until_exit(s(5)).code(), Some(0));
    cluster.nodes.iter().for_each(|node| node.thaw());
}

/// The request waits for a standby that is not there until the test lets it pass.
#[test]
fn what_is_in_flight_is_finished() {
    let cluster = Cluster::alone();
    let app = cluster.launch().set("server.drain_ms", 0).healthy();
    cluster.make_synchronous();
    let answer: Answer = thread::scope(|scope| {
        let write = scope.spawn(|| app.create(&minimal()));
        let waits =
            "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually(s(5), "the write waits for a standby", || {
            ask(cluster.primary(), waits) == "1"
        });
        app.signal(Signal::SIGTERM);
        holds_for(ms(300), "it still runs", || app.exit_status().is_none());
        cluster.make_asynchronous();
        write.join().unwrap()
    });
    answer.expect(201);
    assert_eq!(app.until_exit(s(5)).code(), Some(0));
}

/// Threads of the database layer may be in the middle of anything.
#[test]
fn however_early_it_is_told_to_stop_it_ends_cleanly() {
    let it = shared();
    for _ in 0..30 {
        let app = it.cluster.launch().set("server.drain_ms", 0).start();
        app.signal(Signal::SIGTERM);
        let status = app.until_exit(s(5));
        assert_eq!(status.code(), Some(0), "{status}: {}", app.log());
    }
}
