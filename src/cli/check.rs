//! `check`: says what `serve` would find.

mod advice;
mod asked;
mod durability;
mod standby_names;

use durability::Durability;

use crate::db::cause::Trouble;
use crate::db::probe::Heard;
use crate::db::role::DbRole;
use crate::db::survey::{Standing, Survey, survey};
use crate::db::{NodeOptions, Require};
use crate::migrations::{self, Unready};
use crate::server::Certificate;
use crate::settings::{DatabaseSettings, ServerSettings, Settings};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

/// A certificate that expires within this time gets a warning.
const SOON: Duration = Duration::from_secs(30 * DAY_S);
const DAY_S: u64 = 24 * 3600;

/// Prints everything that is missing now (errors), or will cause trouble later (warnings). Err: there are errors.
pub fn check(settings: &Settings, certificate: Option<&Certificate>) -> Result<(), String> {
    let nodes = &settings.database.nodes;
    for warning in &settings.warnings {
        say!("warning: {warning}");
    }
    let mut complaints = transport(&settings.server, certificate);
    if nodes.is_empty() {
        say!("no database is configured, so `serve` starts a private PostgreSQL");
    } else {
        complaints.extend(databases(&settings.database));
    }
    complaints
        .iter()
        .for_each(|complaint| say!("error: {complaint}"));
    match complaints.len() {
        0 => Ok(()),
        n => Err(format!("{n} errors")),
    }
}

/// Checks how HTTP is served: in clear text, or with which certificate. Returns the errors.
fn transport(server: &ServerSettings, certificate: Option<&Certificate>) -> Vec<String> {
    let Some((files, certificate)) = server.tls.as_ref().zip(certificate) else {
        if !server.bind.ip().is_loopback() {
            say!(
                "warning: server.tls: keys and amounts cross the network in clear text, unless a proxy before the service encrypts"
            );
        }
        return Vec::new();
    };
    let valid = match certificate.validity() {
        Ok(valid) => valid,
        Err(complaint) => return vec![complaint],
    };
    let file = files.certificate.display();
    match validity(&valid, SystemTime::now()) {
        Validity::NotYet => {
            return vec![format!("server.tls.certificate: {file} is not valid yet")];
        }
        Validity::Over => return vec![format!("server.tls.certificate: {file} has expired")],
        Validity::Days(days) => {
            say!("warning: server.tls.certificate: {file} expires in {days} days");
        }
        Validity::Long => say!("certificate: valid"),
    }
    Vec::new()
}

#[derive(Debug, PartialEq)]
enum Validity {
    NotYet,
    Over,
    /// The days that are left, if there is less than [`SOON`].
    Days(u64),
    Long,
}

fn validity(valid: &RangeInclusive<SystemTime>, now: SystemTime) -> Validity {
    if now < *valid.start() {
        return Validity::NotYet;
    }
    match valid.end().duration_since(now) {
        Err(_) => Validity::Over,
        Ok(left) if left < SOON => Validity::Days(left.as_secs() / DAY_S),
        Ok(_) => Validity::Long,
    }
}

fn databases(settings: &DatabaseSettings) -> Vec<String> {
    let nodes = &settings.nodes;
    let survey = survey(nodes, settings.availability.probe_timeout);
    for (node, heard) in nodes.iter().zip(&survey.heard) {
        describe(node, heard);
    }
    let mut complaints = complaints(nodes, &survey);
    complaints.extend(below_round_trip(settings, &survey));
    if let Ok(primary) = survey.primary {
        let node = &nodes[primary];
        match migrations::verify_at(&node.url) {
            Ok(()) => say!("{}: the schema is there, and may be used", node.name),
            Err(pending @ Unready::Pending(_)) if settings.migrate_on_start => {
                say!("{}: {pending}: `serve` will try to migrate", node.name);
            }
            Err(unready) => complaints.push(format!("{}: {unready}", node.name)),
        }
        if settings.availability.require != Require::None {
            complaints.extend(durability(settings, &survey, primary));
        }
    }
    complaints
}

/// Returns the errors.
fn durability(settings: &DatabaseSettings, survey: &Survey, primary: usize) -> Vec<String> {
    let (nodes, mut errors) = asked::ask(&settings.nodes, survey);
    let durability = Durability {
        require: settings.availability.require,
        here: settings.availability.region.as_deref(),
        primary,
        nodes: &nodes,
    };
    errors.extend(durability.check());
    errors
}

fn describe(node: &NodeOptions, heard: &Result<Heard, Trouble>) {
    let (name, address) = (&node.name, node.url.address());
    let facts = match heard {
        Ok(heard) => &heard.facts,
        Err(trouble) => return say!("{name} ({address}): {}", trouble.detail),
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
            facts
                .own_lag_ms
                .map_or("unknown".into(), |ms| ms.to_string())
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
    say!(
        "{name} ({address}): {}, PostgreSQL {version}, timeline {timeline}, {replication}, {tls}",
        facts.role
    );
    for warning in facts.warnings(true) {
        say!("warning: {name}: {warning}");
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

/// Times in which the answer of a node cannot come, since the way there and back takes longer.
fn below_round_trip(settings: &DatabaseSettings, survey: &Survey) -> Vec<String> {
    let (limits, policy) = (&settings.availability, &settings.policy);
    // Of an attempt, a statement has a part.
    let (attempt, statement) = (policy.attempt_timeout, limits.statement_timeout);
    let (write, probe) = (policy.write_deadline, limits.probe_timeout);
    let times = [
        ("database.attempt_timeout_ms", attempt, statement),
        ("database.write_deadline_ms", write, write),
        ("database.probe_timeout_ms", probe, probe),
    ];
    let nodes = settings.nodes.iter().zip(&survey.heard);
    let rtts = nodes.filter_map(|(node, heard)| Some((node, heard.as_ref().ok()?.facts.rtt)));
    let too_short = rtts.flat_map(|(node, rtt)| {
        let short = times.iter().filter(move |(.., time)| *time < rtt);
        short.map(move |(key, set, _)| {
            let (set, rtt) = (set.as_millis(), rtt.as_millis());
            let name = &node.name;
            format!("{key} = {set} is too short: {name} answers after {rtt} ms")
        })
    });
    too_short.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_in_its_last_thirty_days() {
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        let until = |end: SystemTime| validity(&(now - hour..=end), now);
        let in_days = |days: u64| until(now + Duration::from_secs(days * DAY_S));
        assert_eq!(in_days(31), Validity::Long);
        assert_eq!(in_days(30), Validity::Long);
        assert_eq!(in_days(29), Validity::Days(29));
        assert_eq!(in_days(0), Validity::Days(0));
        assert_eq!(until(now - Duration::from_secs(1)), Validity::Over);
        assert_eq!(validity(&(now + hour..=now + hour), now), Validity::NotYet);
    }
}
