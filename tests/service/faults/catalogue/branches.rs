//! More than one branch of the history: standbys that are ahead, left behind, or promoted by mistake.

use super::{Fault, any_standby, fault, hard};
use crate::faults::operator::{cut_off, position, until_all_is_replayed};
use crate::faults::readers::STRANGE;
use crate::support::wait::s;
use crate::support::{ask, eventually, sql};
use private_postgres::{Server, StopMode};

/// Commits wait for one standby alone, which is cut off: it has every acknowledged write, and the other has more, that nobody was told of.
pub const NOT_THE_FURTHEST: Fault = hard(
    "promotion of a standby while another is ahead",
    |stage, _| {
        let old = stage.primary_index();
        let new = stage.index_of(any_standby(stage));
        let nodes = &stage.cluster.nodes;
        let ahead = (0..nodes.len())
            .find(|&node| node != old && node != new)
            .unwrap();
        wait_only_for(&nodes[old], &nodes[new]);
        stage.more_writes(20);
        cut_off(&nodes[new]);
        eventually(s(10), "the other is ahead", || {
            let waiting =
                "SELECT count(*)::text AS value FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
            ask(&nodes[old], waiting) != "0" && position(&nodes[ahead]) > position(&nodes[new])
        });
        nodes[old].kill().unwrap();
        cut_off(&nodes[ahead]);
        until_all_is_replayed(&nodes[ahead]);
        nodes[new].promote().unwrap();
        stage.now_is_primary(new);
        stage.until_fenced(ahead);
        stage.rewind_and_rejoin(ahead);
        stage.more_writes(10);
        stage.synchronous_names(&nodes[old], "ANY 1 (*)");
        stage.rewind_and_rejoin(old);
    },
);

/// The process that sends to the other standby is a new one afterwards: an old one could go by the old names.
fn wait_only_for(primary: &Server, standby: &Server) {
    let names = format!("ANY 1 (\"{}\")", standby.name());
    primary
        .reload(&[("synchronous_standby_names", &names)])
        .unwrap();
    let shown = "SELECT current_setting('synchronous_standby_names') AS value";
    eventually(s(5), "the names are known", || ask(primary, shown) == names);
    sql(
        primary,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_replication",
    );
    let states = "SELECT string_agg(sync_state, ' ' ORDER BY sync_state) AS value
                    FROM (SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'
                          UNION ALL SELECT '') states";
    eventually(s(10), "one is waited for, the other follows", || {
        ask(primary, states).trim() == "async quorum"
    });
}

/// It is the only replica that is left, and its history has ended.
pub const LEFT_BEHIND: Fault = hard(
    "a standby left on the old branch, and read from",
    |stage, _| {
        stage.primary().kill().unwrap();
        let (old, left) = stage.fail_over_and_leave();
        stage.until_fenced(left);
        stage.old_branch.during(|| {
            stage.more_reads(50);
            stage.primary().stop(StopMode::Immediate).unwrap();
            let new = stage.primary_index();
            eventually(s(10), "the loss is known", || {
                stage
                    .apps
                    .iter()
                    .all(|app| stage.shown(app, new).0 == "down")
            });
            stage.more_reads(50);
            stage.primary().start().unwrap();
        });
        stage.cluster.nodes[left].follow(stage.primary()).unwrap();
        stage.more_writes(10);
        stage.rewind_and_rejoin(old);
    },
);

/// Somebody even writes there at once, while the services still take the node for a replica. What he wrote can be told by its versions.
pub const MISTAKEN_PROMOTION: Fault = fault(
    "a mistaken promotion beside a healthy primary",
    |stage, marker| {
        let node = stage.index_of(any_standby(stage));
        let server = &stage.cluster.nodes[node];
        server.promote().unwrap();
        sql(
            server,
            &format!(
                "SET synchronous_commit = local;
                 UPDATE transactions SET version = version + {STRANGE} WHERE metadata->>'marker' LIKE '{marker}%'"
            ),
        );
        stage.more_writes(20);
        stage.more_reads(50);
        stage.until_fenced(node);
        stage.more_writes(20);
        stage.more_reads(50);
        // Copied anew and not rewound: a rewound one was seen to show the timeline of its mistake again when nobody sent to it.
        server.rebuild_to_follow(stage.primary()).unwrap();
        server.start().unwrap();
    },
);
