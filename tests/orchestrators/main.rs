//! The service on real clusters of Patroni, pg_auto_failover and repmgr, under load: a planned switchover, maintenance, the loss of the
//! leader, and a leader that hangs; and a region that is left, lost or cut off. Nothing that was acknowledged may be lost, nothing may be
//! there twice.
//!
//! Not run by default. They need Debian's packages and some minutes each:
//!
//!     apt-get install patroni etcd-server postgresql-15-auto-failover pg-auto-failover-cli postgresql-15-repmgr
//!     cargo test --test orchestrators patroni -- --ignored --nocapture
#![allow(clippy::disallowed_methods, reason = "conditions are polled")]

mod cluster;
#[path = "../service/support/distance.rs"]
mod distance;
mod load;
#[path = "../service/support/map.rs"]
#[allow(dead_code, reason = "shared with the tests of the service")]
mod map;
#[path = "../service/support/memory.rs"]
mod memory;
mod network;
mod regions;
mod service;
mod trial;
#[path = "../service/support/wait.rs"]
#[allow(dead_code, reason = "shared with the tests of the service")]
mod wait;

use std::time::{Duration, Instant};

use cluster::Cluster;
use map::Region;
use regions::Regions;
use trial::Trial;

const PATIENCE: Duration = Duration::from_secs(180);

#[test]
#[ignore = "needs the packages patroni and etcd-server, and three minutes: cargo test --test orchestrators patroni -- --ignored"]
fn patroni_loses_nothing_and_doubles_nothing() {
    let mut trial = Trial::on(Cluster::start("patroni"), "60000");
    trial.switch_over().has_no_failure("with default settings");
    trial.maintain();
    trial.lose_the_leader();
    // Without a watchdog, Patroni lets it go on with writes that were lost: docs/failover.md.
    trial.freeze_and_reset_the_leader();
    trial.nothing_is_lost_or_doubled();
}

/// docs/regions.md, "Evacuating a region".
#[test]
#[ignore = "needs root, etcd-server and Patroni 4 (patroni-regions.sh), and six minutes: cargo test --test orchestrators regions -- --ignored"]
fn patroni_over_three_regions_loses_nothing_and_doubles_nothing() {
    let mut regions = Regions::start();
    regions.evacuate_to("us-a");
    regions.evacuate_to("eu-a");
    regions.lose(Region::Eu);
    regions.evacuate_to("eu-a");
    regions.cut_off(Region::Eu);
    regions.nothing_is_lost_or_doubled();
}

#[test]
#[ignore = "needs the packages of pg_auto_failover, and six minutes: cargo test --test orchestrators pg_auto_failover -- --ignored"]
fn pg_auto_failover_loses_nothing_and_doubles_nothing() {
    let mut trial = Trial::on(Cluster::start("pg_auto_failover"), "90000");
    trial.switch_over();
    trial.maintain();
    trial.lose_the_leader();
    trial.freeze_the_leader();
    trial.freeze_the_leaders_server();
    trial.nothing_is_lost_or_doubled();
}

#[test]
#[ignore = "needs the package postgresql-15-repmgr, and three minutes: cargo test --test orchestrators repmgr -- --ignored"]
fn repmgr_loses_nothing_and_doubles_nothing() {
    let mut trial = Trial::on(Cluster::start("repmgr"), "60000");
    trial.switch_over();
    trial.maintain();
    trial.lose_the_leader();
    trial.freeze_the_leader();
    trial.nothing_is_lost_or_doubled();
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
