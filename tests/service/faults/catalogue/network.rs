//! The network between the service and the databases.

use super::{Fault, any_standby, network};
use crate::faults::Stage;
use crate::support::proxy::Mode;
use crate::support::wait::{holds_within, ms, s};
use crate::support::{Proxy, eventually};

pub const PRIMARY_SILENT: Fault = network("silent drop before the primary", |stage, _| {
    let proxy = primary_proxy(stage);
    proxy.set(Mode::Silent);
    eventually(s(5), "the loss is known", || {
        stage
            .apps
            .iter()
            .all(|app| app.get("/health").status == 503)
    });
    proxy.heal();
});

pub const REPLICA_SILENT: Fault = network("silent drop before the replicas", |stage, _| {
    let others: Vec<_> = (0..stage.proxies.len())
        .filter(|&node| node != stage.primary_index())
        .collect();
    others
        .iter()
        .for_each(|&node| stage.proxies[node].set(Mode::Silent));
    stage.more_writes(20);
    others.iter().for_each(|&node| stage.proxies[node].heal());
});

pub const RESETS: Fault = network("resets of all connections", |stage, _| {
    for _ in 0..5 {
        stage.proxies.iter().for_each(Proxy::reset);
        stage.more_writes(5);
    }
});

pub const SLOW: Fault = network("a slow network", |stage, _| {
    stage
        .proxies
        .iter()
        .for_each(|proxy| proxy.set(Mode::Delay(ms(20))));
    stage.more_writes(30);
    stage.proxies.iter().for_each(Proxy::heal);
});

/// Of creates, by their markers.
pub const ANSWERS_CUT: Fault = network("answers of creates cut off", |stage, marker| {
    for times in [1, 5] {
        let proxy = primary_proxy(stage);
        proxy.cut_answers(marker, times);
        eventually(s(10), "the answers are cut", || proxy.cuts_left() == 0);
        stage.more_writes(10);
    }
});

pub const REQUESTS_CUT: Fault = network("requests of creates cut off", |stage, marker| {
    let proxy = primary_proxy(stage);
    proxy.cut_requests(marker, 5);
    eventually(s(10), "the requests are cut", || proxy.cuts_left() == 0);
});

/// The worst that can be known of a write: its answer is lost, and with it the primary.
pub const CUT_AND_KILL: Fault = network(
    "an answer cut off, and the primary killed",
    |stage, marker| {
        let proxy = primary_proxy(stage);
        proxy.cut_answers(marker, 50);
        holds_within(s(10), || proxy.cuts_left() < 50);
        stage.primary().kill().unwrap();
        proxy.heal();
        let old = stage.fail_over();
        stage.rewind_and_rejoin(old);
    },
);

/// Names that lead elsewhere, and back. Connections that exist stay where they are until the network ends them.
pub const ADDRESSES_SWAPPED: Fault = network("two addresses swapped, and back", |stage, _| {
    let (primary, standby) = (stage.primary_index(), stage.index_of(any_standby(stage)));
    for (leads_to, writable) in [([standby, primary], standby), ([primary, standby], primary)] {
        for (at, server) in [primary, standby].into_iter().zip(leads_to) {
            stage.proxies[at].lead_to(stage.cluster.nodes[server].port());
        }
        stage.more_writes(20);
        stage.proxies[standby].reset();
        stage.proxies[primary].reset();
        for app in &stage.apps {
            eventually(s(15), "the primary is found at its new address", || {
                stage.shown(app, writable) == ("up".to_owned(), "primary".to_owned())
            });
        }
        stage.more_writes(20);
    }
});

fn primary_proxy(stage: &Stage) -> &Proxy {
    &stage.proxies[stage.primary_index()]
}
