//! `/health`, `/live`, `/ready`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::db::status::WriteStatus;
use crate::http::Api;
use crate::http::request::NoQuery;

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
