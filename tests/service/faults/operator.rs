//! What a correct operator does: no promotion while another standby still follows the old primary, and none but of the standby that has
//! the most. With `ANY 1 (*)` that one has every acknowledged write.

use super::Stage;
use super::regions::Promotion;
use crate::support::cluster::program;
use crate::support::wait::s;
use crate::support::{ask, eventually, when};
use private_postgres::{Server, StopMode};
use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

/// It receives nothing from now on, and keeps what it has.
pub fn cut_off(standby: &Server) {
    standby.reload(&[("primary_conninfo", "")]).unwrap();
    let receivers = "SELECT count(*)::text AS value FROM pg_stat_wal_receiver";
    eventually(s(10), "the standby is cut off", || {
        ask(standby, receivers) == "0"
    });
}

pub fn position(standby: &Server) -> u64 {
    let question = "SELECT (greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::bigint::text AS value";
    ask(standby, question).parse().unwrap()
}

/// What it has received, and is not to receive more of. The last record may be there in part: its primary died before it had flushed the rest.
pub fn until_all_is_replayed(standby: &Server) {
    let question = "SELECT (coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), true)
                            OR EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup'
                                        AND wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')))::text AS value";
    eventually(s(60), "all is replayed", || {
        ask(standby, question) == "true"
    });
}

/// A standby that was restarted while nobody sends: what it had received before counts for its position only when it is replayed.
pub fn until_its_own_is_replayed(standby: &Server) {
    let question = "SELECT coalesce((SELECT wait_event IN ('RecoveryWalStream', 'RecoveryRetrieveRetryInterval')
                                       FROM pg_stat_activity WHERE backend_type = 'startup'), false)::text AS value";
    eventually(s(60), "it waits for more than it has", || {
        ask(standby, question) == "true"
    });
}

/// Where a server that was stopped in order has ended: its last checkpoint, as CloudNativePG's demotion token says it.
fn end_of(stopped: &Server) -> String {
    let mut tool = program("pg_controldata");
    let told = tool.env("LC_ALL", "C").arg(stopped.data_dir()).output();
    let told = String::from_utf8(told.unwrap().stdout).unwrap();
    let line = |key: &str| {
        let mut lines = told.lines();
        let value = lines.find_map(|line| line.strip_prefix(key));
        value.unwrap_or_else(|| panic!("{told}")).trim().to_owned()
    };
    assert_eq!(line("Database cluster state:"), "shut down");
    line("Latest checkpoint location:")
}

/// A standby that has replayed the end of its primary has all of it, and that primary can follow it without being rewound.
fn until_replayed(standby: &Server, end: &str) {
    let question = format!("SELECT (pg_last_wal_replay_lsn() > '{end}')::text AS value");
    eventually(s(60), "the end of the primary is replayed", || {
        ask(standby, &question) == "true"
    });
}

/// When it was a primary.
fn promote(standby: &Server) -> Instant {
    let recovering = "SELECT pg_is_in_recovery()::text AS value";
    thread::scope(|scope| {
        let watch = scope.spawn(|| when(standby, recovering, "false"));
        standby.promote().unwrap();
        watch.join().unwrap()
    })
}

impl Stage {
    pub fn now_is_primary(&self, node: usize) {
        self.primary.store(node, Ordering::Release);
    }

    /// Now where it runs, and for its next start.
    pub fn synchronous_names(&self, server: &Server, names: &str) {
        server
            .reload(&[("synchronous_standby_names", names)])
            .unwrap();
        let shown = "SELECT current_setting('synchronous_standby_names') AS value";
        if server.is_running() {
            eventually(s(5), "the names are known", || ask(server, shown) == names);
        }
    }

    /// Whatever the old primary does. Returns which it was.
    pub fn fail_over(&self) -> usize {
        self.fail_over_to(None)
    }

    pub fn fail_over_to(&self, wanted: Option<usize>) -> usize {
        let (old, _, others) = self.take_over(wanted);
        self.follow_the_primary(others);
        old
    }

    pub fn follow_the_primary(&self, standbys: impl IntoIterator<Item = usize>) {
        let primary = self.primary_index();
        let standbys = standbys.into_iter();
        standbys.for_each(|standby| self.cluster.follow(standby, primary));
    }

    /// The other standby stays where it was cut off. Which was the primary, and which that standby is.
    pub fn fail_over_and_leave(&self) -> (usize, usize) {
        let (old, _, others) = self.take_over(None);
        (old, others[0])
    }

    fn take_over(&self, wanted: Option<usize>) -> (usize, Instant, Vec<usize>) {
        let old = self.primary_index();
        let nodes = &self.cluster.nodes;
        let standbys: Vec<usize> = (0..nodes.len())
            .filter(|&node| node != old && nodes[node].is_running())
            .collect();
        let (promoted, others) = self.promote_among(&standbys, wanted, || ());
        (old, promoted, others)
    }

    /// Of these standbys the one that has most, once all have left the primary. When it was promoted, and the others, which follow nobody
    /// yet. `left` is called between the two.
    pub fn promote_among(
        &self,
        standbys: &[usize],
        wanted: Option<usize>,
        left: impl FnOnce(),
    ) -> (Instant, Vec<usize>) {
        let nodes = &self.cluster.nodes;
        standbys.iter().for_each(|&node| cut_off(&nodes[node]));
        // The first of several that have equally much.
        let positions: Vec<(u64, Reverse<usize>)> = standbys
            .iter()
            .map(|&node| (position(&nodes[node]), Reverse(node)))
            .collect();
        let (most, Reverse(mut new)) = *positions.iter().max().unwrap();
        if let Some(wanted) = wanted {
            assert!(
                positions.contains(&(most, Reverse(wanted))),
                "node {wanted} has not all: {positions:?}"
            );
            new = wanted;
        }
        left();
        let promoted = promote(&nodes[new]);
        self.now_is_primary(new);
        let others = standbys.iter().copied().filter(|&node| node != new);
        (promoted, others.collect())
    }

    /// What it did not replicate is thrown away.
    pub fn rewind_and_rejoin(&self, node: usize) {
        let server = &self.cluster.nodes[node];
        server.rewind_to_follow(self.primary()).unwrap();
        self.cluster.follow(node, self.primary_index());
        server.start().unwrap();
    }

    /// After a clean stop: a standby.signal is enough. Same place, same address.
    pub fn switch_over(&self, wanted: Option<usize>) {
        self.switch(wanted);
    }

    pub fn switch_over_to(&self, node: usize) -> Promotion {
        let at = self.switch(Some(node));
        Promotion { node, at }
    }

    fn switch(&self, wanted: Option<usize>) -> Instant {
        self.primary().stop(StopMode::Fast).unwrap();
        if let Some(wanted) = wanted {
            until_replayed(&self.cluster.nodes[wanted], &end_of(self.primary()));
        }
        let (old, promoted, others) = self.take_over(wanted);
        self.follow_the_primary(others.into_iter().chain([old]));
        self.cluster.nodes[old].start().unwrap();
        promoted
    }
}
