//! The service itself.

use super::{Fault, any_standby, fault, hard};
use crate::faults::Stage;
use crate::support::wait::{ms, pause, s};
use crate::support::{eventually, minimal};
use nix::sys::signal::Signal;
use rand::Rng;

pub const SERVICE_KILLED: Fault = hard("kill -9 of the service", |stage, _| {
    for (app, excused) in stage.apps.iter().zip(&stage.instance_excused) {
        excused.during(|| app.kill_and_restart());
        stage.more_writes(20);
    }
});

/// One of the two: the other goes on.
pub const SERVICE_SLEEPS: Fault = fault("SIGSTOP of the service, SIGCONT", |stage, _| {
    for instance in 0..2 {
        asleep(stage, instance, || {
            pause(ms(rand::rng().random_range(1000..3000)));
        });
        stage.more_writes(20);
    }
});

/// It wakes with a judgement, and connections, of a primary that was replaced, and lives.
pub const SERVICE_SLEEPS_THROUGH_A_FAILOVER: Fault =
    fault("SIGSTOP of the service, failover, SIGCONT", |stage, _| {
        let instance = rand::rng().random_range(0..2);
        let old = asleep(stage, instance, || {
            let old = stage.fail_over();
            // Soon all clients wait for the one that sleeps, so the load cannot tell.
            eventually(s(15), "the other writes on the new primary", || {
                stage.apps[1 - instance].create(&minimal()).status == 201
            });
            old
        });
        stage.until_fenced(old);
        stage.more_writes(10);
        stage.rewind_and_rejoin(old);
    });

fn asleep<T>(stage: &Stage, instance: usize, work: impl FnOnce() -> T) -> T {
    stage.instance_excused[instance].during(|| {
        stage.apps[instance].signal(Signal::SIGSTOP);
        let result = work();
        stage.apps[instance].signal(Signal::SIGCONT);
        result
    })
}

/// Of the instance whose log goes through a pipe. A replica is lost meanwhile, which is worth a line.
pub const LOG_STALLS: Fault = fault("the log pipe of one instance stalls", |stage, _| {
    let app = &stage.apps[1];
    app.log_pipe().stall();
    stage.more_writes(100);
    let standby = any_standby(stage);
    standby.kill().unwrap();
    stage.more_writes(100);
    standby.start().unwrap();
    let before = app.log().len();
    app.log_pipe().flow();
    eventually(s(10), "the log goes on", || app.log().len() > before);
});
