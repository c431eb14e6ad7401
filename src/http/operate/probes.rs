//! `/health`, `/live`, `/ready`.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::db::status::WriteStatus;
use crate::http::Api;
use crate::http::answer::view::{Health, Live, Ready};
use crate::http::reference::openapi::description::{Answer, Content, Operation, Tag, json};
use crate::http::reference::openapi::{examples, shared};
use crate::http::request::NoQuery;

pub const HEALTH: Operation = Operation {
    method: "GET",
    path: "/health",
    id: "health",
    tag: Tag::Operation,
    summary: "Are all databases there?",
    description: "For alerts. Not for a load balancer, nor to restart by: it is 503 while any configured database is down.",
    parameters: &[],
    body: None,
    answers: &[
        Answer {
            status: 200,
            description: "All are connected.",
            content: Content::Json(json::<Health>("Health", examples::health)),
            headers: &[],
        },
        Answer {
            status: 503,
            description: "One is not.",
            content: Content::Json(json::<Health>("Health", examples::unhealthy)),
            headers: &[],
        },
    ],
    problems: &[shared::NO_QUERY],
};

pub const LIVE: Operation = Operation {
    method: "GET",
    path: "/live",
    id: "live",
    tag: Tag::Operation,
    summary: "Does the process answer?",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "It does.",
        content: Content::Json(json::<Live>("Live", examples::live)),
        headers: &[],
    }],
    problems: &[shared::NO_QUERY],
};

pub const READY: Operation = Operation {
    method: "GET",
    path: "/ready",
    id: "ready",
    tag: Tag::Operation,
    summary: "Should it get requests?",
    description: "For load balancers.",
    parameters: &[],
    body: None,
    answers: &[
        Answer {
            status: 200,
            description: "At least reads can be served.",
            content: Content::Json(json::<Ready>("Ready", examples::ready)),
            headers: &[],
        },
        Answer {
            status: 503,
            description: "No database answers, or the instance is shutting down.",
            content: Content::Json(json::<Ready>("Ready", examples::not_ready)),
            headers: &[],
        },
    ],
    problems: &[shared::NO_QUERY],
};

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
    response.json(Health {
        status: if healthy { "healthy" } else { "unhealthy" },
        version: VERSION,
        db_primary: connected(health.primary),
        db_replica: health.replicas.map(connected),
    })
}

pub async fn live(_: NoQuery) -> HttpResponse {
    HttpResponse::Ok().json(Live { status: "alive" })
}

pub async fn ready(api: Data<Api>, _: NoQuery) -> HttpResponse {
    let (reads, draining) = (api.databases.health().reads, api.is_draining());
    let ready = reads && !draining;
    let mut response = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(Ready {
        status: if ready { "ready" } else { "not_ready" },
        draining,
        reads,
        writes: api.databases.writes(api.write_deadline) == WriteStatus::Available,
    })
}
