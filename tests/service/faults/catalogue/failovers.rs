//! The primary is lost or replaced.

use super::{Fault, any_standby, fault};
use crate::faults::operator::cut_off;
use private_postgres::StopMode;

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
