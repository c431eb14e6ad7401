//! Probes and status.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::{one_of, or_null};
use crate::db::cause::Cause;

#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(schema_with = healths)]
    pub status: &'static str,
    pub version: &'static str,
    /// Connected: a verified, writable primary exists.
    #[schema(schema_with = connections)]
    pub db_primary: &'static str,
    /// Connected: every other node serves as a replica of it. Null where none is configured.
    #[schema(required, schema_with = connections_or_null)]
    pub db_replica: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct Live {
    #[schema(schema_with = alive)]
    pub status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct Ready {
    #[schema(schema_with = readiness)]
    pub status: &'static str,
    /// The instance is shutting down.
    pub draining: bool,
    pub reads: bool,
    pub writes: bool,
}

/// What the service knows of its databases.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = ServiceStatus)]
pub struct Status {
    pub version: String,
    #[schema(required)]
    pub region: Option<String>,
    /// What a write would get now.
    #[schema(schema_with = writes)]
    pub writes: String,
    #[schema(schema_with = reads)]
    pub reads: String,
    /// The timeline of the history that writes go to; null until a node was seen.
    #[schema(required)]
    pub timeline: Option<i32>,
    pub nodes: Vec<Node>,
    /// The latest first, at most 20.
    pub failovers: Vec<Failover>,
    /// The databases are private ones that the service started itself.
    pub embedded: bool,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Node {
    pub name: String,
    #[schema(required)]
    pub region: Option<String>,
    pub address: String,
    #[schema(schema_with = states)]
    pub state: String,
    /// What it is now, discovered.
    #[schema(schema_with = roles)]
    pub role: String,
    #[schema(required)]
    pub timeline: Option<i32>,
    /// 0 for the primary.
    #[schema(required)]
    pub lag_ms: Option<u64>,
    /// As the primary says of this replica.
    #[schema(required)]
    pub sync_state: Option<String>,
    #[schema(required)]
    pub rtt_ms: Option<f64>,
    pub pool: Pool,
    /// Since when it is in this state.
    #[schema(format = DateTime)]
    pub since: String,
    /// Why it is not of full use: a code that docs/operation.md explains.
    #[schema(required, schema_with = causes_or_null)]
    pub cause: Option<String>,
    /// Attempts to rebuild its pool that have failed in this outage.
    pub attempts: u32,
    #[schema(required)]
    pub next_attempt_in_ms: Option<u64>,
}

/// Connections to a node.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Pool {
    pub max: u32,
    pub open: u32,
    pub in_use: usize,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Failover {
    #[schema(format = DateTime)]
    pub at: String,
    pub from: String,
    pub to: String,
    pub timeline: i32,
    /// Until the first write was acknowledged again, or, where nobody waited, until there was a primary.
    pub write_gap_ms: u64,
    #[schema(schema_with = causes)]
    pub reason: String,
}

fn healths() -> Object {
    one_of(["healthy", "unhealthy"])
}

fn connections() -> Object {
    one_of(["connected", "disconnected"])
}

fn connections_or_null() -> Object {
    or_null(connections())
}

fn alive() -> Object {
    one_of(["alive"])
}

fn readiness() -> Object {
    one_of(["ready", "not_ready"])
}

fn writes() -> Object {
    one_of(["available", "held", "refused"])
}

fn reads() -> Object {
    one_of(["available", "unavailable"])
}

fn states() -> Object {
    one_of(["up", "down", "fenced"])
}

fn roles() -> Object {
    one_of(["primary", "replica", "unknown"])
}

fn causes() -> Object {
    one_of(Cause::ALL.iter().map(|cause| cause.code()))
}

fn causes_or_null() -> Object {
    or_null(causes())
}
