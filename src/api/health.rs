//! Probes and status: answered from memory, so that a dead or silent database delays them by nothing.

use super::Api;
use super::extract::NoQuery;
use super::problem::KINDS;
use crate::db::cause::Cause;
use crate::db::status::{Failover, NodeStatus, WriteStatus};
use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub async fn health(api: Data<Api>, _: NoQuery) -> HttpResponse {
    let health = api.databases.health();
    let healthy = health.primary && health.replicas != Some(false);
    let connected = |up: bool| if up { "connected" } else { "disconnected" };
    let mut response = if healthy {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(json!({
        "status": if healthy { "healthy" } else { "unhealthy" },
        "version": VERSION,
        "db_primary": connected(health.primary),
        "db_replica": health.replicas.map(connected),
    }))
}

pub async fn live(_: NoQuery) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

pub async fn ready(api: Data<Api>, _: NoQuery) -> HttpResponse {
    let (reads, draining) = (api.databases.health().reads, api.is_draining());
    let ready = reads && !draining;
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(json!({
        "status": if ready { "ready" } else { "not_ready" },
        "draining": draining,
        "reads": reads,
        "writes": api.databases.writes(api.replication_required) == WriteStatus::Available,
    }))
}

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

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub async fn errors(_: NoQuery) -> HttpResponse {
    let list = KINDS.iter().map(|kind| {
        json!({
            "code": kind.code, "status": kind.status, "type": kind.type_uri(), "title": kind.title,
            "retryable": kind.retryable, "outcome": kind.outcome,
        })
    });
    HttpResponse::Ok().json(list.collect::<Vec<_>>())
}
