//! What commits wait for is changed, or somebody else confirms them.

use super::{Fault, fault};
use crate::faults::operator::cut_off;
use crate::support::wait::s;
use crate::support::{ask, eventually, sql};

/// Once before the standbys go, and once while commits hang because they have gone.
pub const NAMES_CLEARED: Fault = fault(
    "synchronous names cleared under load, set again",
    |stage, marker| {
        for hangs_before in [false, true] {
            if hangs_before {
                stage.standbys().into_iter().for_each(cut_off);
                let waiting = "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
                eventually(s(10), "commits hang", || {
                    ask(stage.primary(), waiting) != "0"
                });
            }
            stage.synchronous_names(stage.primary(), "");
            stage.standbys().into_iter().for_each(cut_off);
            stage.more_local_writes(20);
            stage.look_at_the_standbys(marker);
            for standby in stage.standbys() {
                standby.follow(stage.primary()).unwrap();
            }
            stage.synchronous_names(stage.primary(), "ANY 1 (*)");
            stage.more_replicated_writes(20);
        }
    },
);

/// Under `*` it counts for PostgreSQL, and for nobody else.
pub const ARCHIVER: Fault = fault(
    "pg_receivewal confirms while standbys are lost",
    |stage, marker| {
        let archiver = stage.cluster.archiver_of(stage.primary());
        let confirms = "SELECT count(*)::text AS value FROM pg_stat_replication
                         WHERE application_name = 'pg_receivewal' AND sync_state = 'quorum' AND state = 'streaming'";
        eventually(s(10), "the archiver confirms", || {
            ask(stage.primary(), confirms) == "1"
        });
        for standby in stage.standbys() {
            cut_off(standby);
            stage.more_writes(20);
        }
        stage.more_local_writes(20);
        stage.look_at_the_standbys(marker);
        for standby in stage.standbys() {
            standby.follow(stage.primary()).unwrap();
        }
        stage.more_replicated_writes(20);
        drop(archiver);
    },
);

/// What was acknowledged then must survive the primary all the same.
pub const ROLE_SAYS_OFF: Fault = fault(
    "a role with synchronous_commit off, the primary lost",
    |stage, _| {
        sql(
            stage.primary(),
            "ALTER ROLE synapse SET synchronous_commit = off;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'synapse'",
        );
        stage.more_replicated_writes(30);
        stage.primary().kill().unwrap();
        let old = stage.fail_over();
        stage.more_replicated_writes(10);
        sql(
            stage.primary(),
            "ALTER ROLE synapse RESET synchronous_commit",
        );
        stage.rewind_and_rejoin(old);
    },
);
