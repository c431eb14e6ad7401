//! `check`: what the service would find.

use crate::db::NodeOptions;
use crate::db::connection::{SessionLimits, connect};
use crate::db::error::Error;
use crate::db::probe::{Facts, OLDEST_SERVER_VERSION, probe};
use crate::db::role::DbRole;
use crate::settings::Settings;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::time::Duration;

const SESSION: SessionLimits = SessionLimits { statement_timeout: Duration::from_secs(5), lock_timeout: Duration::from_secs(2) };

pub fn check(settings: &Settings) -> Result<(), String> {
    let nodes = &settings.database.nodes;
    if nodes.is_empty() {
        println!("settings: valid; no database is configured, so `serve` starts a private PostgreSQL");
        return Ok(());
    }
    println!("settings: valid");
    let found: Vec<(&NodeOptions, Result<Report, Error>)> = nodes.iter().map(|node| (node, look_at(node))).collect();
    for (node, report) in &found {
        describe(node, report);
    }
    let reports: Vec<&Report> = found.iter().filter_map(|(_, report)| report.as_ref().ok()).collect();
    let complaints = complaints(nodes.len(), &reports);
    complaints.iter().for_each(|complaint| println!("error: {complaint}"));
    match complaints.len() {
        0 => Ok(()),
        n => Err(format!("{n} errors")),
    }
}

struct Report {
    facts: Facts,
    can_cancel_others: bool,
}

#[derive(QueryableByName)]
struct CanCancel {
    #[diesel(sql_type = Bool)]
    can_cancel: bool,
}

fn look_at(node: &NodeOptions) -> Result<Report, Error> {
    let mut connection = connect(&node.url, &SESSION)?;
    let facts = probe(&mut connection)?;
    let query = "SELECT pg_has_role('pg_signal_backend', 'USAGE') AS can_cancel";
    let privileges: CanCancel = diesel::sql_query(query).get_result(&mut connection)?;
    Ok(Report { facts, can_cancel_others: privileges.can_cancel })
}

fn describe(node: &NodeOptions, report: &Result<Report, Error>) {
    let (name, address) = (&node.name, node.url.address());
    let Report { facts, can_cancel_others } = match report {
        Ok(report) => report,
        Err(error) => return println!("{name} ({address}): {error}"),
    };
    let version = format!("{}.{}", facts.server_version / 10_000, facts.server_version % 10_000);
    let timeline = facts.timeline.map_or("unknown".into(), |timeline| timeline.to_string());
    let replication = match (facts.role, facts.synchronous) {
        (DbRole::Replica, _) => format!("lag {} ms", facts.lag_ms.map_or("unknown".into(), |ms| ms.to_string())),
        (DbRole::Primary, true) => format!("synchronous, {} standbys streaming", facts.standbys.len()),
        (DbRole::Primary, false) => format!("asynchronous, {} standbys streaming", facts.standbys.len()),
    };
    let tls = if facts.tls { "TLS" } else { "no TLS" };
    println!("{name} ({address}): {}, PostgreSQL {version}, timeline {timeline}, {replication}, {tls}", facts.role);
    if facts.role == DbRole::Primary && !facts.replicates_synchronously() {
        println!("warning: {name}: a commit waits for no standby: the last writes before a failover can be lost");
    }
    if !facts.tls {
        println!("warning: {name}: the connection is not encrypted (sslmode=verify-full)");
    }
    if *can_cancel_others {
        println!("warning: {name}: this user may cancel other sessions, which turns a wait for a standby into a false success");
    }
    if !["C", "POSIX", "en"].iter().any(|prefix| facts.lc_messages.starts_with(prefix)) {
        println!(
            "warning: {name}: lc_messages is {}: set it to C, or lock and statement timeouts are told as internal errors",
            facts.lc_messages
        );
    }
    if facts.timeline.is_none() {
        println!("warning: {name}: this user cannot see replication (GRANT pg_read_all_stats)");
    }
}

fn complaints(configured: usize, reports: &[&Report]) -> Vec<String> {
    let mut complaints = Vec::new();
    if reports.len() < configured {
        complaints.push(format!("{} of {configured} nodes cannot be used", configured - reports.len()));
    }
    match reports.iter().filter(|report| report.facts.is_writable_primary()).count() {
        1 => {}
        0 => complaints.push("no writable primary".into()),
        n => complaints.push(format!("{n} writable primaries")),
    }
    if reports.iter().any(|report| report.facts.server_version < OLDEST_SERVER_VERSION) {
        complaints.push("a server is too old: PostgreSQL 13 is the oldest supported".into());
    }
    let mut system_ids: Vec<_> = reports.iter().map(|report| report.facts.system_id).collect();
    system_ids.dedup();
    if system_ids.len() > 1 {
        complaints.push("the nodes belong to different clusters (system identifier)".into());
    }
    let mut servers: Vec<_> = reports.iter().map(|report| (report.facts.system_id, report.facts.started_at)).collect();
    servers.sort_unstable();
    servers.dedup();
    if servers.len() < reports.len() {
        complaints.push("two nodes are the same server".into());
    }
    complaints
}
