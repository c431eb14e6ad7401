//! `/metrics`: what was counted since the start, and what the nodes are at this moment, in Prometheus's text format.

mod page;
mod process;
mod requests;
mod tell;

pub use requests::{Counted, RequestCounts};

use actix_web::HttpResponse;
use actix_web::web::Data;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::registry::Registry;

use super::VERSION;
use crate::db::status::NodeStatus;
use crate::dispatch::LaneStatus;
use crate::http::Api;
use crate::http::answer::Problem;
use crate::http::reference::openapi::description::{Answer, Content, Operation, Tag};
use crate::http::reference::openapi::shared;
use crate::http::request::NoQuery;
use crate::metrics::Distribution;
use process::Process;

/// Everything that a scrape shows, read at one moment.
#[derive(Debug)]
struct Reading {
    requests: Vec<Counted>,
    nodes: Vec<NodeStatus>,
    lanes: Vec<LaneStatus>,
    writes_held: u64,
    failovers: u64,
    write_gaps: Distribution,
    doubts: [(&'static str, u64); 3],
    replays: u64,
    shed: Vec<(&'static str, u64)>,
    unreplicated: u64,
    version: &'static str,
    process: Option<Process>,
}

pub const METRICS: Operation = Operation {
    method: "GET",
    path: "/metrics",
    id: "metrics",
    tag: Tag::Operation,
    summary: "Counters, histograms and gauges for Prometheus",
    description: "",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        description: "Prometheus text format.",
        content: Content::Text(&[CONTENT_TYPE]),
        headers: &[],
    }],
    problems: &[shared::NO_QUERY],
};

pub async fn metrics(api: Data<Api>, _: NoQuery) -> Result<HttpResponse, Problem> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reading::of(&api)));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}

impl Reading {
    fn of(api: &Api) -> Reading {
        let counts = api.dispatch.counts();
        let lanes = api.dispatch.lanes();
        Reading {
            requests: api.requests.read(),
            shed: api.requests.shed(),
            nodes: api.databases.nodes(),
            writes_held: api.writes_held(&lanes),
            lanes: lanes.to_vec(),
            failovers: api.databases.failover_count(),
            write_gaps: api.databases.write_gaps(),
            doubts: [
                ("applied", counts.doubts_applied.value()),
                ("not_applied", counts.doubts_not_applied.value()),
                ("unknown", counts.doubts_unknown.value()),
            ],
            replays: counts.replays.value(),
            unreplicated: counts.unreplicated.value(),
            version: VERSION,
            process: process::process(),
        }
    }
}
