//! What an operator sees: nodes, pools, failovers. From memory, never from a database call.

use super::Databases;
use super::candidate::Candidate;
use super::cause::Cause;
use super::conclusions::Writes;
use super::node::{Next, Node, NodeState, Seen};
use super::replication::Replication;
use super::role::DbRole;
use crate::metrics::Distribution;
use chrono::{DateTime, Utc};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Failover {
    pub at: DateTime<Utc>,
    pub from: String,
    pub to: String,
    pub timeline: i32,
    /// From the loss of the primary until a write was acknowledged again, or, if none was waiting, until there was a primary.
    pub write_gap: Duration,
    pub reason: Cause,
}

#[derive(Clone, Debug)]
pub struct NodeStatus {
    pub name: String,
    pub region: Option<String>,
    pub address: String,
    pub state: &'static str,
    pub role: Option<DbRole>,
    pub timeline: Option<i32>,
    pub lag_ms: Option<u64>,
    pub sync_state: Option<String>,
    pub rtt: Option<Duration>,
    pub pool: PoolStatus,
    pub since: DateTime<Utc>,
    pub cause: Option<Cause>,
    pub attempts: u32,
    pub next_attempt_in: Option<Duration>,
    /// How often a rebuild of its pool was begun since the start, whereas `attempts` counts those of this outage.
    pub rebuilds: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct PoolStatus {
    pub max: u32,
    pub open: u32,
    pub in_use: usize,
}

/// What a write would get now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStatus {
    Available,
    /// It would wait.
    Held,
    Refused(WhyRefused),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyRefused {
    SplitBrain,
    /// Replication is required, and no standby would have it.
    NotReplicated,
    /// The primary lacks disk or memory.
    NoRoom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// A verified, writable primary exists.
    pub primary: bool,
    /// Every other configured node serves as a replica of it; None where there is no other.
    pub replicas: Option<bool>,
    /// Some node can serve reads.
    pub reads: bool,
}

impl NodeStatus {
    pub fn role_name(&self) -> &'static str {
        self.role.map_or("unknown", DbRole::as_str)
    }
}

impl Databases {
    /// `patience`: see [`Databases::replication`].
    pub fn writes(&self, patience: Duration) -> WriteStatus {
        let writes = self.shared.conclusions.borrow().writes;
        match (writes, self.replication(patience)) {
            (Writes::SplitBrain, _) => WriteStatus::Refused(WhyRefused::SplitBrain),
            (_, Replication::Missing) => WriteStatus::Refused(WhyRefused::NotReplicated),
            (_, Replication::Awaited) => WriteStatus::Held,
            (_, Replication::There) => match self.primary_now() {
                Some(primary) if self.shared.lack.is_of(primary.node) => {
                    WriteStatus::Refused(WhyRefused::NoRoom)
                }
                Some(primary) if !self.waits_for_standby(&primary) => WriteStatus::Available,
                _ => WriteStatus::Held,
            },
        }
    }

    /// A commit would hang until a standby is back.
    fn waits_for_standby(&self, primary: &Candidate) -> bool {
        primary.waits_for_standby || self.shared.hung_commit.is_of(primary.node)
    }

    pub fn timeline(&self) -> Option<i32> {
        Some(self.shared.conclusions.borrow().timeline).filter(|timeline| *timeline > 0)
    }

    pub fn health(&self) -> Health {
        let states: Vec<_> = self.shared.nodes.iter().map(Node::state).collect();
        let ups = states.iter().filter_map(|state| match &**state {
            NodeState::Up { seen, .. } => Some(seen),
            NodeState::Down { .. } | NodeState::Fenced { .. } => None,
        });
        let follows = |seen: &&Seen| seen.facts.role == DbRole::Replica && seen.is_of_the_history();
        Health {
            primary: self.primary_now().is_some(),
            replicas: (states.len() > 1)
                .then(|| ups.clone().filter(follows).count() >= states.len() - 1),
            reads: ups.count() > 0,
        }
    }

    pub fn nodes(&self) -> Vec<NodeStatus> {
        let max = self.shared.options.pool_size;
        let nodes = self.shared.nodes.iter().enumerate();
        let statuses = nodes.map(|(at, node)| {
            let status = status_of(node, max);
            let (lack, hung) = (&self.shared.lack, &self.shared.hung_commit);
            let no_room = lack.is_of(at).then_some(Cause::NoRoom);
            let hangs = hung.is_of(at) && status.role == Some(DbRole::Primary);
            let no_standby = hangs.then_some(Cause::WaitingForStandby);
            NodeStatus {
                cause: status.cause.or(no_room).or(no_standby),
                ..status
            }
        });
        statuses.collect()
    }

    /// Since the start; `failovers` keeps only the latest.
    pub fn failover_count(&self) -> u64 {
        self.shared.failover_count.value()
    }

    /// How long writes found no primary each time, in seconds.
    pub fn write_gaps(&self) -> Distribution {
        self.shared.write_gaps.read()
    }

    pub fn failovers(&self) -> Vec<Failover> {
        self.shared.failovers.lock().iter().cloned().collect()
    }
}

fn status_of(node: &Node, max: u32) -> NodeStatus {
    let state = node.state();
    let status = NodeStatus {
        name: node.name.clone(),
        region: node.region.as_deref().map(str::to_owned),
        address: node.address.clone(),
        state: state.name(),
        role: state.role(),
        timeline: state.facts().and_then(|facts| facts.timeline),
        lag_ms: None,
        sync_state: None,
        rtt: state.facts().map(|facts| facts.rtt),
        pool: PoolStatus {
            max,
            open: 0,
            in_use: 0,
        },
        since: state.since().wall,
        cause: state.cause(),
        attempts: 0,
        next_attempt_in: None,
        rebuilds: node.rebuilds.value(),
    };
    match &*state {
        NodeState::Up { pool, seen, .. } => NodeStatus {
            lag_ms: seen.lag_ms,
            sync_state: seen.sync_state.clone(),
            pool: PoolStatus {
                max: pool.size(),
                open: pool.open_connections(),
                in_use: pool.in_use(),
            },
            ..status
        },
        NodeState::Down { rebuild, .. } => NodeStatus {
            attempts: rebuild.attempts,
            next_attempt_in: match rebuild.next {
                Next::At(due) => Some(due.saturating_duration_since(Instant::now())),
                Next::Trying { .. } => Some(Duration::ZERO),
            },
            ..status
        },
        NodeState::Fenced { .. } => status,
    }
}
