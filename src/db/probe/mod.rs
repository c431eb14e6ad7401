//! One question to a node: what are you now?

mod prober;
mod question;
mod stream;
mod warnings;

pub use prober::{MAX_PROBES, Prober, Silence};
pub use question::{probe, server_of};
pub use stream::Stream;

use super::role::DbRole;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The oldest server that has everything the service asks of it.
pub const OLDEST_SERVER_VERSION: i32 = 130_000;

/// Identifies one running server. Two addresses with the same `Server` lead to one database; an address that has another one than before
/// leads to another server, or to a restarted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    pub system_id: i64,
    pub started_at: DateTime<Utc>,
}

/// A branch of the history: a primary writes one, and another one after each promotion. The number of the timeline alone identifies none,
/// since two promotions may make the same number. (A restarted primary is taken for another branch, too, and its schema is verified again.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    pub server: Server,
    pub timeline: i32,
}

/// What a node said, and when it was asked.
#[derive(Clone, Debug)]
pub struct Heard {
    pub facts: Facts,
    pub asked: Instant,
}

/// What a node said of itself, and how long it took to say so.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    pub role: DbRole,
    /// False on a standby, and on a primary with `default_transaction_read_only`, which is no primary for this service.
    pub writable: bool,
    pub server: Server,
    pub timeline: Option<i32>,
    /// For a standby that receives nothing: the newest timeline that it has heard of, by the history files in its `pg_wal`.
    pub heard_of: Option<i32>,
    /// Insert position of a primary, replay position of a standby.
    pub lsn: i64,
    /// How far a standby believes itself behind: on an idle primary that grows, and a stalled receiver is not noticed, so positions are compared
    /// instead where that can be done (`keeper/lag.rs`). None: it has never replayed anything.
    pub own_lag_ms: Option<u64>,
    /// On a primary: what was stored by statements that began before this time has been committed before `lsn`, or never will be
    /// (`question.sql`). None: unknown, for example since this user may not see what other sessions do.
    pub settled_until: Option<DateTime<Utc>>,
    /// A standby is connected to the server that it follows.
    pub receiving: bool,
    /// The `application_name` under which a standby is known upstream.
    pub upstream_name: Option<String>,
    /// By `application_name`: those to whom this server sends its log.
    pub standbys: HashMap<String, Vec<Stream>>,
    /// For how many standbys a commit waits (PostgreSQL 15 manual, 27.2.8); 0: for none.
    pub waits_for: u32,
    pub server_version: i32,
    pub tls: bool,
    /// The connection does not leave the machine.
    pub loopback: bool,
    /// This user may read the views of replication; otherwise `standbys` and a standby's receiver stay hidden.
    pub sees_replication: bool,
    /// This user may list `pg_wal`.
    pub sees_wal_files: bool,
    /// This user may cancel other sessions, and so end their wait for a standby with a false success.
    pub can_cancel_others: bool,
    /// A commit of this session waits until a standby has flushed it, where it waits for one (`synchronous_commit`).
    pub waits_for_flush: bool,
    /// A crash of the server loses nothing that was committed (`fsync`, `full_page_writes`).
    pub survives_crashes: bool,
    /// The language of its errors.
    pub lc_messages: String,
    pub rtt: Duration,
}

impl Facts {
    pub fn is_writable_primary(&self) -> bool {
        self.role == DbRole::Primary && self.writable
    }

    /// Of a primary: the branch that it writes.
    pub fn branch(&self) -> Option<Branch> {
        let timeline = self.timeline?;
        let server = self.server;
        (self.role == DbRole::Primary).then_some(Branch { server, timeline })
    }

    /// A commit waits for standbys, and enough of them are connected.
    pub fn replicates_synchronously(&self) -> bool {
        self.waits_for > 0 && !self.waits_for_standby()
    }

    /// What it acknowledges is on one of these standbys too, and outlives a crash of this server.
    pub fn is_durable_with(&self, standbys: &[String]) -> bool {
        let confirms = standbys.iter().any(|name| self.is_synchronous(name));
        confirms && self.replicates_synchronously() && self.waits_for_flush && self.survives_crashes
    }

    /// Each commit hangs until more standbys are connected. False where this user cannot see replication, since then nobody knows.
    pub fn waits_for_standby(&self) -> bool {
        let streams = self.standbys.values().flatten();
        let there = streams.filter(|stream| stream.may_confirm()).count();
        self.sees_replication && there < self.waits_for as usize
    }

    /// The commits of this primary wait for a standby of this name, alone or with others.
    pub fn is_synchronous(&self, standby: &str) -> bool {
        let streams = self.standbys.get(standby);
        self.waits_for > 0 && streams.is_some_and(|streams| streams.iter().any(Stream::may_confirm))
    }

    /// None: it is unknown, or several have this name and are in different states.
    pub fn sync_state_of(&self, standby: &str) -> Option<&str> {
        let mut states = self
            .standbys
            .get(standby)?
            .iter()
            .map(|stream| &stream.sync_state);
        let first = states.next()?;
        states.all(|state| state == first).then_some(first)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Each call is another server of the cluster `system_id`.
    pub fn primary(system_id: i64, timeline: i32) -> Facts {
        static STARTED: AtomicI64 = AtomicI64::new(1);
        let started_at =
            DateTime::from_timestamp(STARTED.fetch_add(1, Ordering::Relaxed), 0).unwrap();
        Facts {
            role: DbRole::Primary,
            writable: true,
            server: Server {
                system_id,
                started_at,
            },
            heard_of: None,
            receiving: false,
            timeline: Some(timeline),
            lsn: 1,
            own_lag_ms: Some(0),
            settled_until: None,
            upstream_name: None,
            standbys: HashMap::new(),
            waits_for: 0,
            waits_for_flush: true,
            survives_crashes: true,
            sees_wal_files: false,
            server_version: 150_018,
            tls: false,
            loopback: true,
            sees_replication: true,
            can_cancel_others: false,
            lc_messages: "C".into(),
            rtt: Duration::from_millis(1),
        }
    }

    /// Of one name, with these states; their processes are numbered from 1.
    pub fn streams(name: &str, states: &[&str]) -> HashMap<String, Vec<Stream>> {
        let stream = |(pid, state): (i32, &&str)| Stream {
            pid,
            sync_state: (*state).to_owned(),
        };
        let streams = (1..).zip(states).map(stream).collect();
        [(name.to_owned(), streams)].into()
    }

    #[test]
    fn what_is_durable_waits_for_a_flush_of_a_configured_standby_and_survives_a_crash() {
        let durable = Facts {
            waits_for: 1,
            standbys: streams("b", &["quorum"]),
            ..primary(1, 1)
        };
        let cases = [
            (true, durable.clone(), "b"),
            (false, durable.clone(), "archiver"),
            (
                false,
                Facts {
                    waits_for_flush: false,
                    ..durable.clone()
                },
                "b",
            ),
            (
                false,
                Facts {
                    survives_crashes: false,
                    ..durable
                },
                "b",
            ),
        ];
        for (is_durable, facts, standby) in cases {
            assert_eq!(facts.is_durable_with(&[standby.to_owned()]), is_durable);
        }
    }

    #[test]
    fn two_standbys_of_one_name_are_two() {
        let facts = Facts {
            waits_for: 2,
            standbys: streams("b", &["quorum", "quorum"]),
            ..primary(1, 1)
        };
        assert!(!facts.waits_for_standby());
        assert_eq!(facts.sync_state_of("b"), Some("quorum"));
        let facts = Facts {
            waits_for: 1,
            standbys: streams("b", &["sync", "potential"]),
            ..facts
        };
        assert!(facts.is_synchronous("b") && facts.replicates_synchronously());
        assert_eq!(facts.sync_state_of("b"), None, "which of them is which");
    }

    pub fn standby(system_id: i64, timeline: i32) -> Facts {
        Facts {
            role: DbRole::Replica,
            writable: false,
            receiving: true,
            ..primary(system_id, timeline)
        }
    }
}
