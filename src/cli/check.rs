//! `check`: what the service would find.

use crate::db::NodeOptions;
use crate::db::connection::{SessionLimits, connect};
use crate::db::error::Error;
use crate::db::probe::{Facts, OLDEST_SERVER_VERSION, probe};
use crate::db::role::DbRole;
use crate::settings::Settings;
use std::time::Duration;

const SESSION: SessionLimits = SessionLimits {
    statement_timeout: Duration::from_secs(5),
    lock_timeout: Duration::from_secs(2),
    plans_by_index: false,
};

pub fn check(settings: &Settings) -> Result<(), String> {
    let nodes = &settings.database.nodes;
    if nodes.is_empty() {
        println!(
            "settings: valid; no database is configured, so `serve` starts a private PostgreSQL"
        );
        return Ok(());
    }
    println!("settings: valid");
    let found: Vec<(&NodeOptions, Result<Facts, Error>)> =
        nodes.iter().map(|node| (node, look_at(node))).collect();
    for (node, report) in &found {
        describe(node, report);
    }
    let facts: Vec<&Facts> = found
        .iter()
        .filter_map(|(_, report)| report.as_ref().ok())
        .collect();
    let complaints = complaints(nodes.len(), &facts);
    complaints
        .iter()
        .for_each(|complaint| println!("error: {complaint}"));
    match complaints.len() {
        0 => Ok(()),
        n => Err(format!("{n} errors")),
    }
}

fn look_at(node: &NodeOptions) -> Result<Facts, Error> {
    probe(&mut connect(&node.url, &SESSION)?)
}

fn describe(node: &NodeOptions, report: &Result<Facts, Error>) {
    let (name, address) = (&node.name, node.url.address());
    let facts = match report {
        Ok(facts) => facts,
        Err(error) => return println!("{name} ({address}): {error}"),
    };
    let version = format!(
        "{}.{}",
        facts.server_version / 10_000,
        facts.server_version % 10_000
    );
    let timeline = facts
        .timeline
        .map_or("unknown".into(), |timeline| timeline.to_string());
    let replication = match (facts.role, facts.synchronous) {
        (DbRole::Replica, _) => format!(
            "lag {} ms",
            facts.lag_ms.map_or("unknown".into(), |ms| ms.to_string())
        ),
        (DbRole::Primary, true) => {
            format!("synchronous, {} standbys streaming", facts.standbys.len())
        }
        (DbRole::Primary, false) => {
            format!("asynchronous, {} standbys streaming", facts.standbys.len())
        }
    };
    let tls = if facts.tls { "TLS" } else { "no TLS" };
    println!(
        "{name} ({address}): {}, PostgreSQL {version}, timeline {timeline}, {replication}, {tls}",
        facts.role
    );
    for warning in facts.warnings(true) {
        println!("warning: {name}: {warning}");
    }
}

fn complaints(configured: usize, facts: &[&Facts]) -> Vec<String> {
    let mut complaints = Vec::new();
    if facts.len() < configured {
        complaints.push(format!(
            "{} of {configured} nodes cannot be used",
            configured - facts.len()
        ));
    }
    match facts
        .iter()
        .filter(|node| node.is_writable_primary())
        .count()
    {
        1 => {}
        0 => complaints.push("no writable primary".into()),
        n => complaints.push(format!("{n} writable primaries")),
    }
    if facts
        .iter()
        .any(|node| node.server_version < OLDEST_SERVER_VERSION)
    {
        complaints.push("a server is too old: PostgreSQL 13 is the oldest supported".into());
    }
    let mut system_ids: Vec<_> = facts.iter().map(|node| node.system_id).collect();
    system_ids.sort_unstable();
    system_ids.dedup();
    if system_ids.len() > 1 {
        complaints.push("the nodes belong to different clusters (system identifier)".into());
    }
    let mut servers: Vec<_> = facts
        .iter()
        .map(|report| (report.system_id, report.started_at))
        .collect();
    servers.sort_unstable();
    servers.dedup();
    if servers.len() < facts.len() {
        complaints.push("two nodes are the same server".into());
    }
    complaints
}
