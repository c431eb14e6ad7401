//! `/status`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::VERSION;
use crate::db::cause::Cause;
use crate::db::status::{Failover, NodeStatus, WriteStatus};
use crate::http::Api;
use crate::http::answer::view::rfc3339;
use crate::http::request::NoQuery;

pub async fn status(api: Data<Api>, _: NoQuery) -> HttpResponse {
    let nodes = api.databases.nodes();
    let writes = match api.databases.writes(api.replication_required) {
        WriteStatus::Available => "available",
        WriteStatus::Held => "held",
        WriteStatus::Refused => "refused",
    };
    HttpResponse::Ok().json(json!({
        "version": VERSION,
        "region": api.region,
        "writes": writes,
        "reads": if api.databases.health().reads { "available" } else { "unavailable" },
        "timeline": api.databases.timeline(),
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "failovers": api.databases.failovers().iter().map(failover).collect::<Vec<_>>(),
        "embedded": api.embedded,
    }))
}

fn node(node: &NodeStatus) -> Value {
    json!({
        "name": node.name,
        "region": node.region,
        "address": node.address,
        "state": node.state,
        "role": node.role.map_or("unknown".to_owned(), |role| role.to_string()),
        "timeline": node.timeline,
        "lag_ms": node.lag_ms,
        "sync_state": node.sync_state,
        "rtt_ms": node.rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1e3),
        "pool": { "max": node.pool.max, "open": node.pool.open, "in_use": node.pool.in_use },
        "since": rfc3339(node.since),
        "cause": node.cause.map(Cause::code),
        "attempts": node.attempts,
        "next_attempt_in_ms": node.next_attempt_in.map(|wait| wait.as_millis()),
    })
}

fn failover(failover: &Failover) -> Value {
    json!({
        "at": rfc3339(failover.at),
        "from": failover.from,
        "to": failover.to,
        "timeline": failover.timeline,
        "write_gap_ms": failover.write_gap.as_millis(),
        "reason": failover.reason.code(),
    })
}
