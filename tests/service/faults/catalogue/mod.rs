//! The faults. Each is told the beginning of all markers of the load, breaks something, and repairs it.
//!
//! Left out: a full disk (tests/service/outage.rs has one; here it would take a table that is larger than a segment of WAL, on each server),
//! and steps of the clock (they are the whole machine's).

mod branches;
mod durability;
mod failovers;
mod network;
mod servers;
mod service;

pub use branches::*;
pub use durability::*;
pub use failovers::*;
pub use network::*;
pub use servers::*;
pub use service::*;

use super::Stage;
use private_postgres::Server;
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

pub const ALL: [&Fault; 33] = [
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
    &NOT_THE_FURTHEST,
    &LEFT_BEHIND,
    &MISTAKEN_PROMOTION,
    &NAMES_CLEARED,
    &ARCHIVER,
    &ROLE_SAYS_OFF,
    &RESTARTS,
    &ADDRESSES_SWAPPED,
    &STRANGERS,
    &LOG_STALLS,
    &SERVICE_SLEEPS,
    &SERVICE_SLEEPS_THROUGH_A_FAILOVER,
];

fn any_standby(stage: &Stage) -> &Server {
    stage.standbys().choose(&mut rand::rng()).copied().unwrap()
}
