//! The faults. Each is told the beginning of all markers of the load, breaks something, and repairs it.

use super::Stage;
use super::operator::cut_off;
use crate::support::proxy::Mode;
use crate::support::wait::{holds_within, ms, s};
use crate::support::{Proxy, eventually, sql};
use private_postgres::{Server, StopMode};
use rand::seq::IndexedRandom;

pub struct Fault {
    pub name: &'static str,
    pub run: fn(&Stage, &str),
    /// The write deadline is long enough for it.
    pub fails_no_write: bool,
    pub needs_proxies: bool,
}

const fn fault(name: &'static str, run: fn(&Stage, &str)) -> Fault {
    Fault {
        name,
        run,
        fails_no_write: true,
        needs_proxies: false,
    }
}

/// Some requests cannot but fail.
const fn hard(name: &'static str, run: fn(&Stage, &str)) -> Fault {
    Fault {
        fails_no_write: false,
        ..fault(name, run)
    }
}

const fn network(name: &'static str, run: fn(&Stage, &str)) -> Fault {
    Fault {
        needs_proxies: true,
        ..fault(name, run)
    }
}

pub const KILL_AND_PROMOTE: Fault = fault("kill -9 of the primary, promotion", |stage, _| {
    stage.primary().kill().unwrap();
    let old = stage.fail_over();
    stage.more_writes(10);
    stage.rewind_and_rejoin(old);
});

pub const IMMEDIATE_STOP: Fault = fault("immediate stop of the primary, promotion", |stage, _| {
    stage.primary().stop(StopMode::Immediate).unwrap();
    let old = stage.fail_over();
    stage.more_writes(10);
    stage.rewind_and_rejoin(old);
});

/// The old primary comes back as a replica in its place: a demotion on the same address.
pub const SWITCHOVER: Fault = fault("planned switchover", |stage, _| stage.switch_over(None));

pub const FREEZE_AND_PROMOTE: Fault =
    fault("SIGSTOP of the primary, promotion, SIGCONT", |stage, _| {
        stage.primary().freeze();
        let old = stage.fail_over();
        stage.more_writes(10);
        stage.cluster.nodes[old].thaw();
        stage.until_fenced(old);
        stage.more_writes(10);
        stage.rewind_and_rejoin(old);
    });

pub const PROMOTE_BESIDE: Fault = fault("promotion beside a running primary", |stage, _| {
    let old = stage.fail_over();
    stage.until_fenced(old);
    stage.more_writes(10);
    stage.rewind_and_rejoin(old);
});

pub const TWO_AND_BACK: Fault = fault("two failovers in a row, and back", |stage, _| {
    let first = stage.primary_index();
    stage.switch_over(None);
    stage.cluster.until_streaming(stage.primary(), 2);
    stage.primary().kill().unwrap();
    let second = stage.fail_over();
    stage.more_writes(10);
    stage.rewind_and_rejoin(second);
    stage.cluster.until_streaming(stage.primary(), 2);
    if stage.primary_index() != first {
        stage.switch_over(Some(first));
    }
});

/// Only the other standby has what was written meanwhile.
pub const CUT_AND_LOSE: Fault = fault("replication cut, then the primary lost", |stage, _| {
    cut_off(any_standby(stage));
    stage.more_writes(20);
    stage.primary().kill().unwrap();
    let old = stage.fail_over();
    stage.rewind_and_rejoin(old);
});

pub const REPLICA_KILLED: Fault = fault("a replica killed", |stage, _| {
    let standby = any_standby(stage);
    standby.kill().unwrap();
    stage.more_writes(20);
    standby.start().unwrap();
});

pub const REPLICA_FROZEN: Fault = fault("a replica frozen", |stage, _| {
    let standby = any_standby(stage);
    standby.freeze();
    stage.more_writes(20);
    standby.thaw();
});

/// It receives, and shows nothing new.
pub const REPLICA_LAGS: Fault = fault("a replica that lags", |stage, _| {
    let standby = any_standby(stage);
    sql(standby, "SELECT pg_wal_replay_pause()");
    stage.more_writes(100);
    sql(standby, "SELECT pg_wal_replay_resume()");
});

pub const PRIMARY_RESTARTS: Fault = fault("the primary crashes and comes back", |stage, _| {
    stage.primary().stop(StopMode::Immediate).unwrap();
    stage.primary().start().unwrap();
});

pub const SESSIONS_END: Fault = fault("all sessions terminated, again and again", |stage, _| {
    for _ in 0..5 {
        let all =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'";
        stage.cluster.nodes.iter().for_each(|node| sql(node, all));
        stage.more_writes(5);
    }
});

pub const ALL_DOWN: Fault = hard("all databases down", |stage, _| {
    stage.reads_excused.during(|| {
        stage
            .cluster
            .nodes
            .iter()
            .for_each(|node| node.kill().unwrap());
        let serves = |app: &crate::support::App| app.get("/ready").status == 200;
        eventually(s(5), "nothing is served", || !stage.apps.iter().any(serves));
        stage.primary().start().unwrap();
        stage
            .standbys()
            .iter()
            .for_each(|node| node.start().unwrap());
        stage.more_writes(5);
    });
});

pub const SERVICE_KILLED: Fault = hard("kill -9 of the service", |stage, _| {
    for (app, excused) in stage.apps.iter().zip(&stage.instance_excused) {
        excused.during(|| app.kill_and_restart());
        stage.more_writes(20);
    }
});

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

pub const ALL: [&Fault; 21] = [
    &KILL_AND_PROMOTE,
    &IMMEDIATE_STOP,
    &SWITCHOVER,
    &FREEZE_AND_PROMOTE,
    &PROMOTE_BESIDE,
    &TWO_AND_BACK,
    &CUT_AND_LOSE,
    &REPLICA_KILLED,
    &REPLICA_FROZEN,
    &REPLICA_LAGS,
    &PRIMARY_RESTARTS,
    &SESSIONS_END,
    &ALL_DOWN,
    &SERVICE_KILLED,
    &PRIMARY_SILENT,
    &REPLICA_SILENT,
    &RESETS,
    &SLOW,
    &ANSWERS_CUT,
    &REQUESTS_CUT,
    &CUT_AND_KILL,
];

fn any_standby(stage: &Stage) -> &Server {
    stage.standbys().choose(&mut rand::rng()).copied().unwrap()
}

fn primary_proxy(stage: &Stage) -> &Proxy {
    &stage.proxies[stage.primary_index()]
}
