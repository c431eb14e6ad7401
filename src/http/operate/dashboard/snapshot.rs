//! All that the page shows, read at one moment, from memory.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::samples::Point;
use super::state::{Facts, State};
use crate::db::role::DbRole;
use crate::db::status::{Failover, NodeStatus, WriteStatus};
use crate::dispatch::LaneStatus;
use crate::http::Api;

pub struct Snapshot {
    pub at: DateTime<Utc>,
    pub state: State,
    pub writes: WriteStatus,
    pub reads: bool,
    pub region: Option<String>,
    pub embedded: bool,
    pub draining: bool,
    pub timeline: Option<i32>,
    pub nodes: Vec<NodeStatus>,
    pub max_lag: Duration,
    pub lanes: Vec<LaneStatus>,
    pub held: u64,
    /// The latest first.
    pub failovers: Vec<Failover>,
    pub failover_count: u64,
    pub points: VecDeque<Point>,
}

impl Snapshot {
    pub fn of(api: &Api) -> Snapshot {
        let databases = &api.databases;
        let (nodes, lanes) = (databases.nodes(), api.dispatch.lanes());
        let writes = databases.writes(api.write_deadline);
        let health = databases.health();
        let max_lag = databases.max_replica_lag();
        let facts = Facts {
            reads: health.reads,
            writes,
            all_in_place: health.replicas != Some(false)
                && nodes.iter().all(|node| !needs_a_look(node, max_lag)),
        };
        Snapshot {
            at: Utc::now(),
            state: State::of(facts),
            writes,
            reads: health.reads,
            region: api.region.clone(),
            embedded: api.embedded.is_some(),
            draining: api.is_draining(),
            timeline: databases.timeline(),
            nodes,
            max_lag,
            held: api.writes_held(&lanes),
            lanes: lanes.to_vec(),
            failovers: databases.failovers(),
            failover_count: databases.failover_count(),
            points: api.dashboard.points.lock().clone(),
        }
    }

    /// Nodes that an operator should do something about.
    pub fn troubled(&self) -> impl Iterator<Item = &NodeStatus> {
        let max_lag = self.max_lag;
        let nodes = self.nodes.iter();
        nodes.filter(move |node| needs_a_look(node, max_lag))
    }

    /// None where there is no primary, or more than one.
    pub fn primary(&self) -> Option<&NodeStatus> {
        let mut primaries = self.nodes.iter().filter(|node| is_primary(node));
        let first = primaries.next();
        first.filter(|_| primaries.next().is_none())
    }
}

pub fn is_primary(node: &NodeStatus) -> bool {
    node.state == "up" && node.role == Some(DbRole::Primary)
}

pub fn is_late(node: &NodeStatus, max_lag: Duration) -> bool {
    let is_over = |lag_ms: u64| u128::from(lag_ms) > max_lag.as_millis();
    node.state == "up" && node.lag_ms.is_some_and(is_over)
}

fn needs_a_look(node: &NodeStatus, max_lag: Duration) -> bool {
    node.cause.is_some() || is_late(node, max_lag)
}
