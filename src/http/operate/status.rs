//! `/status`.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::VERSION;
use crate::db::status::{self, NodeStatus, WriteStatus};
use crate::dispatch::LaneStatus;
use crate::http::Api;
use crate::http::answer::headers::rfc3339;
use crate::http::answer::view::{Failover, Node, Pool, Status};
use crate::http::reference::openapi::description::{Answer, Content, Operation, Tag, json};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::NoQuery;

pub const STATUS: Operation = Operation {
    method: "GET",
    path: "/status",
    id: "status",
    tag: Tag::Operation,
    summary: "Nodes, roles, lag, pools, failovers",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "What the service knows of its databases.",
        content: Content::Json(json::<Status>("ServiceStatus", examples::status)),
        headers: &[],
    }],
    problems: &[shared::NO_QUERY],
};

pub async fn status(api: Data<Api>, _: NoQuery) -> HttpResponse {
    let databases = &api.databases;
    let writes = word(databases.writes(api.write_deadline));
    let reads = if databases.health().reads {
        "available"
    } else {
        "unavailable"
    };
    HttpResponse::Ok().json(Status {
        version: VERSION.to_owned(),
        region: api.region.clone(),
        writes: writes.to_owned(),
        reads: reads.to_owned(),
        timeline: databases.timeline(),
        nodes: databases.nodes().into_iter().map(Node::from).collect(),
        failovers: databases
            .failovers()
            .into_iter()
            .map(Failover::from)
            .collect(),
        embedded: api.embedded.is_some(),
    })
}

pub fn word(writes: WriteStatus) -> &'static str {
    match writes {
        WriteStatus::Available => "available",
        WriteStatus::Held => "held",
        WriteStatus::Refused(_) => "refused",
    }
}

impl Api {
    /// How many writes wait in these lanes because writes are not available now: there is no primary that would take them.
    pub fn writes_held(&self, lanes: &[LaneStatus]) -> u64 {
        if self.databases.writes(self.write_deadline) == WriteStatus::Available {
            return 0;
        }
        let holding = lanes.iter().filter(|lane| lane.holds);
        holding.map(|lane| lane.waiting as u64).sum()
    }
}

impl From<NodeStatus> for Node {
    fn from(node: NodeStatus) -> Node {
        let pool = node.pool;
        Node {
            role: node.role_name().to_owned(),
            name: node.name,
            region: node.region,
            address: node.address,
            state: node.state.to_owned(),
            timeline: node.timeline,
            lag_ms: node.lag_ms,
            sync_state: node.sync_state,
            rtt_ms: node.rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
            pool: Pool {
                max: pool.max,
                open: pool.open,
                in_use: pool.in_use,
            },
            since: rfc3339(node.since),
            cause: node.cause.map(|cause| cause.code().to_owned()),
            attempts: node.attempts,
            next_attempt_in_ms: node.next_attempt_in.map(millis),
        }
    }
}

impl From<status::Failover> for Failover {
    fn from(failover: status::Failover) -> Failover {
        Failover {
            at: rfc3339(failover.at),
            from: failover.from,
            to: failover.to,
            timeline: failover.timeline,
            write_gap_ms: millis(failover.write_gap),
            reason: failover.reason.code().to_owned(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
