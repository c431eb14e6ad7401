//! The service on a real Patroni cluster: a planned switchover and the loss of the leader, under load.
//!
//! Not run by default. It needs Debian's packages `patroni`, `etcd-server` and `postgresql`, and one to two minutes:
//!
//!     apt-get install patroni etcd-server
//!     cargo test --test patroni -- --ignored --nocapture
#![allow(clippy::disallowed_methods, reason = "conditions are polled")]

mod cluster;
mod load;
mod service;

use cluster::Patroni;
use load::Load;
use service::Service;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
#[ignore = "needs the packages patroni and etcd-server, and two minutes: cargo test --test patroni -- --ignored"]
fn nothing_is_lost_and_no_read_fails_when_patroni_switches_over_or_loses_its_leader() {
    let patroni = Patroni::start();
    let hasty = Service::start(&patroni, "hasty", &[]);
    let patient = Service::start(
        &patroni,
        "patient",
        &[("SYNAPSE__DATABASE__WRITE_DEADLINE_MS", "60000")],
    );
    let all = [&hasty, &patient];
    all.iter()
        .for_each(|service| service.wait_until_follows(&patroni));

    let load = Load::start("planned", &hasty.url);
    load.wait_for_writes(200);
    let (first, begun) = (patroni.leader(), Instant::now());
    patroni.run("switchover", &[]);
    wait_until("another node leads", || {
        patroni.is_complete() && patroni.leader() != first
    });
    all.iter()
        .for_each(|service| service.wait_until_follows(&patroni));
    load.wait_for_writes(200);
    let planned = load.stop();
    println!(
        "switchover, complete after {:?}: {planned}",
        begun.elapsed()
    );
    assert!(
        planned.failed_writes.is_empty() && planned.failed_reads.is_empty(),
        "with default settings: {planned:?}"
    );

    let load = Load::start("patient", &patient.url);
    // More than the default deadline: here a write may fail, but must say so truly, and its repetition must find it.
    let hasty_load = Load::start("hasty", &hasty.url);
    load.wait_for_writes(200);
    let (lost, begun) = (patroni.leader(), Instant::now());
    patroni.run("kill", &[&lost]);
    wait_until("another node leads", || {
        patroni.leaders().iter().any(|leader| *leader != lost)
    });
    load.wait_for_writes(200);
    println!("leader killed, writes again after {:?}", begun.elapsed());
    patroni.run("revive", &[&lost]);
    wait_until("the old leader is a replica", || {
        patroni.is_complete() && patroni.leader() != lost
    });
    all.iter()
        .for_each(|service| service.wait_until_follows(&patroni));
    let (unplanned, hasty_history) = (load.stop(), hasty_load.stop());
    println!(
        "leader killed and back after {:?}\n  deadline 60 s: {unplanned}\n  deadline  8 s: {hasty_history}",
        begun.elapsed()
    );
    assert!(
        unplanned.failed_writes.is_empty() && unplanned.failed_reads.is_empty(),
        "with a deadline of 60 s: {unplanned:?}"
    );
    assert!(hasty_history.failed_reads.is_empty(), "{hasty_history:?}");
    assert!(
        hasty_history
            .failed_writes
            .iter()
            .all(|answer| answer.starts_with("503 ")),
        "{hasty_history:?}"
    );

    let mut acknowledged = planned.acknowledged;
    acknowledged.extend(unplanned.acknowledged);
    acknowledged.extend(hasty_history.acknowledged);
    // Every write was repeated until it was acknowledged: there is nothing else to be found, nor anything twice.
    assert_eq!(
        patroni.stored(),
        acknowledged,
        "what is stored, and what was acknowledged"
    );
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
