//! Which of the streams that the primary sends are known to be those of configured nodes.
//!
//! The primary knows a standby by its `application_name` alone, and a server that is not configured may have the name of a node: whoever
//! sets none is called `walreceiver`, or as its `cluster_name` says. So a name does not count while there is a stranger under it: a stream
//! that may not be a node's. The streams under a name are known when as many nodes as there are streams have said that they receive under
//! it, since the primary listed these streams and no others. They remain known for as long as they last, also while a node is silent: a
//! busy replica that misses a probe is a second copy nevertheless.
//!
//! An example: node-2 follows as `walreceiver`, and so does a copy that is not configured.
//!
//! * t = 0 s: the primary lists two streams, and one node says that it receives. Nobody knows which stream is the node's.
//! * t = 10 s: the copy stops. One stream is left, node-2 says that it still receives, and commits count as replicated.
//! * t = 20 s: node-2 stops, and the copy is started. The one stream is another one than before, and no node says that it receives, so
//!   what it confirms does not count.
//!
//! If a name has no stream, it counts: the first to connect is believed until the primary is asked again.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::super::probe::{Facts, Heard, Server};
use super::super::role::DbRole;

#[derive(Default)]
pub struct Streams {
    /// The primary that sends them.
    of: Option<Server>,
    by_name: HashMap<String, Listed>,
}

struct Listed {
    pids: BTreeSet<i32>,
    /// When the primary was first heard to list these and no others.
    since: Instant,
    are_known: bool,
}

impl Streams {
    /// Takes what the primary said last, and what the other nodes of this cluster did. True: there are streams now of which no node can have
    /// told yet, so the nodes should be asked.
    pub fn learn(&mut self, primary: &Facts, others: &[&Heard], now: Instant) -> bool {
        if self.of.replace(primary.server) != Some(primary.server) {
            self.by_name.clear();
        }
        let mut before = std::mem::take(&mut self.by_name);
        let mut is_news = false;
        for (name, streams) in &primary.standbys {
            let pids: BTreeSet<i32> = streams.iter().map(|stream| stream.pid).collect();
            let mut listed = match before.remove(name) {
                Some(same) if same.pids == pids => same,
                other => {
                    let are_known =
                        other.is_some_and(|other| other.are_known && pids.is_subset(&other.pids));
                    is_news |= !are_known;
                    Listed {
                        pids,
                        since: now,
                        are_known,
                    }
                }
            };
            let is_of =
                |heard: &&&Heard| heard.asked > listed.since && follows(heard, name, primary);
            // A standby of a standby receives under the name too, but not from the primary.
            let elsewhere = others
                .iter()
                .filter_map(|heard| heard.facts.standbys.get(name));
            let elsewhere: usize = elsewhere.map(Vec::len).sum();
            let nodes = others.iter().filter(is_of).count();
            listed.are_known |= nodes >= listed.pids.len() + elsewhere;
            self.by_name.insert(name.clone(), listed);
        }
        is_news
    }

    /// A stream under this name may not be a node's.
    pub fn has_a_stranger(&self, name: &str) -> bool {
        let listed = self.by_name.get(name);
        listed.is_some_and(|listed| !listed.are_known)
    }
}

/// It receives the history of this primary, under this name.
fn follows(heard: &Heard, name: &str, primary: &Facts) -> bool {
    let facts = &heard.facts;
    facts.role == DbRole::Replica
        && facts.receiving
        && facts.upstream_name.as_deref() == Some(name)
        && facts.timeline == primary.timeline
}

#[cfg(test)]
mod tests {
    use super::super::super::probe::Stream;
    use super::super::super::probe::tests::{primary, standby};
    use super::*;
    use std::time::Duration;

    struct Watched {
        streams: Streams,
        primary: Facts,
        now: Instant,
    }

    impl Watched {
        fn new() -> Watched {
            Watched {
                streams: Streams::default(),
                primary: primary(1, 1),
                now: Instant::now(),
            }
        }

        /// The primary lists these streams under the name `b`, and then so many nodes say that they receive under it, and one of another
        /// name does.
        fn is_known(&mut self, pids: &[i32], nodes: usize) -> bool {
            let follower = |name: &str| Facts {
                upstream_name: Some(name.into()),
                ..standby(1, 1)
            };
            let mut others = vec![follower("b"); nodes];
            others.push(follower("c"));
            self.sees(pids, others)
        }

        fn sees(&mut self, pids: &[i32], others: Vec<Facts>) -> bool {
            let stream = |pid: &i32| Stream {
                pid: *pid,
                sync_state: "sync".into(),
            };
            let streams = pids.iter().map(stream).collect();
            self.primary.standbys = [("b".to_owned(), streams)].into();
            self.now += Duration::from_millis(500);
            let asked = self.now - Duration::from_millis(1);
            let others: Vec<_> = others
                .into_iter()
                .map(|facts| Heard { facts, asked })
                .collect();
            let others: Vec<_> = others.iter().collect();
            self.streams.learn(&self.primary, &others, self.now);
            !self.streams.has_a_stranger("b")
        }
    }

    #[test]
    fn a_stream_is_a_nodes_when_the_node_says_so_after_it_was_listed() {
        let mut it = Watched::new();
        assert!(
            !it.is_known(&[11], 1),
            "the node may have been another stream's"
        );
        assert!(it.is_known(&[11], 1));
        assert!(it.is_known(&[11], 0), "it is silent, and the stream lasts");
        assert!(!it.is_known(&[12], 0), "another stream takes its place");
        assert!(!it.is_known(&[12], 0));
        assert!(it.is_known(&[12], 1), "it was the node's");
        it.primary.server = primary(1, 1).server;
        assert!(
            !it.is_known(&[12], 0),
            "a number means nothing on another server"
        );
    }

    #[test]
    fn more_streams_than_nodes_are_known_of_none() {
        let mut it = Watched::new();
        it.is_known(&[11, 12], 1);
        assert!(!it.is_known(&[11, 12], 1));
        assert!(!it.is_known(&[12], 0), "the node stopped, or the other one");
        let mut it = Watched::new();
        it.is_known(&[11, 12], 2);
        assert!(it.is_known(&[11, 12], 2), "two nodes of one name");
        assert!(it.is_known(&[12], 0), "one of them is left");
        assert!(!it.is_known(&[12, 13], 1), "a third one");
    }

    #[test]
    fn who_receives_from_a_standby_or_on_another_branch_is_not_at_the_end_of_a_stream_of_the_primary()
     {
        let below = Facts {
            upstream_name: Some("b".into()),
            ..standby(1, 1)
        };
        let between = Facts {
            standbys: super::super::super::probe::tests::streams("b", &["async"]),
            upstream_name: Some("c".into()),
            ..standby(1, 1)
        };
        let mut it = Watched::new();
        it.sees(&[11], vec![]);
        assert!(!it.sees(&[11], vec![between, below.clone()]));
        let left_behind = Facts {
            timeline: Some(2),
            ..below
        };
        assert!(!it.sees(&[11], vec![left_behind]));
    }
}
