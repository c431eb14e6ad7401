//! `check`: what the service would find.

use crate::db::NodeOptions;
use crate::db::cause::Trouble;
use crate::db::probe::Heard;
use crate::db::role::DbRole;
use crate::db::survey::{Standing, Survey, survey};
use crate::settings::Settings;

pub fn check(settings: &Settings) -> Result<(), String> {
    let nodes = &settings.database.nodes;
    for warning in &settings.warnings {
        println!("warning: {warning}");
    }
    if nodes.is_empty() {
        println!(
            "settings: valid; no database is configured, so `serve` starts a private PostgreSQL"
        );
        return Ok(());
    }
    println!("settings: valid");
    let survey = survey(nodes);
    for (node, heard) in nodes.iter().zip(&survey.heard) {
        describe(node, heard);
    }
    let complaints = complaints(nodes, &survey);
    complaints
        .iter()
        .for_each(|complaint| println!("error: {complaint}"));
    match complaints.len() {
        0 => Ok(()),
        n => Err(format!("{n} errors")),
    }
}

fn describe(node: &NodeOptions, heard: &Result<Heard, Trouble>) {
    let (name, address) = (&node.name, node.url.address());
    let facts = match heard {
        Ok(heard) => &heard.facts,
        Err(trouble) => return println!("{name} ({address}): {}", trouble.detail),
    };
    let version = format!(
        "{}.{}",
        facts.server_version / 10_000,
        facts.server_version % 10_000
    );
    let timeline = facts
        .timeline
        .map_or("unknown".into(), |timeline| timeline.to_string());
    let replication = match (facts.role, facts.waits_for > 0) {
        (DbRole::Replica, _) => format!(
            "lag {} ms",
            facts.lag_ms.map_or("unknown".into(), |ms| ms.to_string())
        ),
        (DbRole::Primary, true) => {
            format!(
                "synchronous, {} standbys streaming",
                facts.standbys.values().flatten().count()
            )
        }
        (DbRole::Primary, false) => {
            format!(
                "asynchronous, {} standbys streaming",
                facts.standbys.values().flatten().count()
            )
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

fn complaints(nodes: &[NodeOptions], survey: &Survey) -> Vec<String> {
    let mut complaints = Vec::new();
    let silent = survey.heard.iter().filter(|heard| heard.is_err()).count();
    if silent > 0 {
        complaints.push(format!("{silent} of {} nodes cannot be used", nodes.len()));
    }
    for (node, standing) in nodes.iter().zip(&survey.standings) {
        match standing {
            Standing::Fenced(trouble) => {
                complaints.push(format!("{}: {}", node.name, trouble.detail))
            }
            Standing::Usable(Some(caveat)) => complaints.push(format!("{}: {caveat}", node.name)),
            Standing::Usable(None) => {}
        }
    }
    if let Err(cause) = survey.primary {
        complaints.push(format!("nobody takes writes: {cause}"));
    }
    complaints
}
