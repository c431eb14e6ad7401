//! What an operator sees: nodes, pools, failovers. From memory, never from a database call.

use super::judge::Writes;
use super::node::State;
use super::role::DbRole;
use super::{Databases, Shared};
use chrono::{DateTime, Utc};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

const FAILOVERS_KEPT: usize = 20;

#[derive(Clone, Debug)]
pub struct Failover {
    pub at: DateTime<Utc>,
    pub from: String,
    pub to: String,
    pub timeline: i32,
    pub write_gap: Duration,
    pub reason: String,
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
    pub cause: Option<String>,
    pub attempts: u32,
    pub next_attempt_in: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub struct PoolStatus {
    pub max: u32,
    pub open: u32,
    pub in_use: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteStatus {
    Available,
    /// They wait for a primary.
    Held,
    /// Two primaries.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// A verified, writable primary exists.
    pub primary: bool,
    /// Every other configured node serves as a replica; None where there is no other.
    pub replicas: Option<bool>,
    /// Some node can serve reads.
    pub reads: bool,
}

impl Databases {
    pub fn writes(&self) -> WriteStatus {
        match self.shared.topology.borrow().writes {
            Writes::SplitBrain => WriteStatus::Refused,
            _ if self.primary_now().is_some() => WriteStatus::Available,
            _ => WriteStatus::Held,
        }
    }

    pub fn timeline(&self) -> Option<i32> {
        Some(self.shared.topology.borrow().highest_timeline).filter(|timeline| *timeline > 0)
    }

    pub fn health(&self) -> Health {
        let states: Vec<_> = self.shared.nodes.iter().map(|node| node.state()).collect();
        let up = |role| {
            states
                .iter()
                .filter(|s| matches!(***s, State::Up { .. }) && s.role() == Some(role))
                .count()
        };
        Health {
            primary: self.primary_now().is_some(),
            replicas: (states.len() > 1).then(|| up(DbRole::Replica) == states.len() - 1),
            reads: up(DbRole::Replica) + up(DbRole::Primary) > 0,
        }
    }

    pub fn nodes(&self) -> Vec<NodeStatus> {
        let max = self.shared.options.pool_size;
        self.shared
            .nodes
            .iter()
            .map(|node| status_of(node, max))
            .collect()
    }

    pub fn failovers(&self) -> Vec<Failover> {
        self.shared
            .failovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

fn status_of(node: &super::Node, max: u32) -> NodeStatus {
    let state = node.state();
    let (attempts, next_attempt) = match &*state {
        State::Down {
            attempts,
            next_attempt,
            ..
        } => (*attempts, *next_attempt),
        _ => (0, None),
    };
    let (lag_ms, sync_state, pool) = match &*state {
        State::Up {
            pool,
            lag_ms,
            sync_state,
            ..
        } => {
            let pool = PoolStatus {
                max: pool.size(),
                open: pool.open_connections(),
                in_use: pool.in_use(),
            };
            (*lag_ms, sync_state.clone(), pool)
        }
        _ => (
            None,
            None,
            PoolStatus {
                max,
                open: 0,
                in_use: 0,
            },
        ),
    };
    NodeStatus {
        name: node.name.clone(),
        region: node.region.clone(),
        address: node.address.clone(),
        state: state.name(),
        role: state.role(),
        timeline: state.facts().and_then(|facts| facts.timeline),
        lag_ms,
        sync_state,
        rtt: state.facts().map(|facts| facts.rtt),
        pool,
        since: state.since(),
        cause: state.cause().map(str::to_owned),
        attempts,
        next_attempt_in: next_attempt.map(|at| at.saturating_duration_since(Instant::now())),
    }
}

/// Notices when another node, or another timeline, takes the writes over.
pub(super) struct FailoverLog {
    shared: Arc<Shared>,
    last: Option<(usize, i32)>,
    lost: Option<(Instant, String)>,
}

impl FailoverLog {
    pub fn new(shared: Arc<Shared>) -> FailoverLog {
        FailoverLog {
            shared,
            last: None,
            lost: None,
        }
    }

    pub fn lost(&mut self, before: Writes, now: Instant) {
        let Writes::To { node, .. } = before else {
            return;
        };
        let state = self.shared.nodes[node].state();
        let cause = state
            .cause()
            .unwrap_or("it is no longer a primary")
            .to_owned();
        log::warn!(primary = self.shared.nodes[node].name.as_str(), cause = cause.as_str(); "the primary is lost, writes are held");
        self.lost = Some((now, cause));
    }

    pub fn found(&mut self, node: usize, timeline: i32, now: Instant) {
        let to = self.shared.nodes[node].name.clone();
        let lost = self.lost.take();
        let before = self.last.replace((node, timeline));
        let write_gap = lost.as_ref().map_or(Duration::ZERO, |(at, _)| now - *at);
        log::info!(primary = to.as_str(), timeline, write_gap_ms = write_gap.as_millis(); "a primary is verified, writes go there");
        let Some((from, _)) = before.filter(|before| *before != (node, timeline)) else {
            return;
        };
        let reason = lost.map_or_else(
            || "a higher timeline appeared".to_owned(),
            |(_, cause)| cause,
        );
        let from = self.shared.nodes[from].name.clone();
        let mut failovers = self
            .shared
            .failovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        failovers.truncate(FAILOVERS_KEPT - 1);
        failovers.push_front(Failover {
            at: Utc::now(),
            from,
            to,
            timeline,
            write_gap,
            reason,
        });
    }
}
