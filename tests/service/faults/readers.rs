//! Those who read: what they asked for, and what they were shown.

use super::Stage;
use super::clients::{Board, PACE};
use super::history::{History, Level, Read, Seen};
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Versions from here on are made only by somebody's writes on a branch that was never the service's.
pub const STRANGE: u64 = 1000;

/// What was acknowledged must be seen by whoever asks for it.
pub fn read_consistently(stage: &Stage, board: &Board) -> History {
    let mut history = History::default();
    while !board.is_stopped() {
        pause(PACE);
        let Some(written) = board.any_recent() else {
            continue;
        };
        let path = format!("/transactions/{}", written.id);
        let strong = rand::rng().random_range(0..3) == 0;
        let (level, header) = if strong {
            (Level::Strong, ("X-Read-Consistency", "strong"))
        } else {
            (
                Level::Token,
                ("X-Consistency-Token", written.token.as_str()),
            )
        };
        history
            .reads
            .push(ask(stage, level, written.version, &path, &[header]));
    }
    history
}

pub fn read(stage: &Stage, board: &Board) -> History {
    let mut history = History::default();
    while !board.is_stopped() {
        pause(PACE);
        history
            .reads
            .push(ask(stage, Level::Eventual, 0, "/transactions?limit=3", &[]));
    }
    history
}

pub fn ask(stage: &Stage, level: Level, floor: u64, path: &str, headers: &[(&str, &str)]) -> Read {
    let instance = rand::rng().random_range(0..2);
    let (nodes, service) = (
        stage.reads_excused.now(),
        stage.instance_excused[instance].now(),
    );
    let branch = stage.old_branch.now();
    let start = Instant::now();
    let answer = send(Method::GET, &stage.apps[instance].url(path), headers, None);
    let took = start.elapsed();
    let excused =
        stage.reads_excused.since(nodes) || stage.instance_excused[instance].since(service);
    stage.reads.fetch_add(1, Ordering::AcqRel);
    let header = |name| answer.as_ref().map_or("", |answer| answer.header(name));
    let (by_replica, says_lag) = (
        header("X-Served-By") == "replica",
        !header("X-Replica-Lag-Ms").is_empty(),
    );
    let on_old_branch = by_replica && stage.old_branch.throughout(branch);
    let seen = match answer {
        Ok(answer) if answer.status == 200 => {
            Seen::Version(answer.json()["version"].as_u64().unwrap_or(0))
        }
        _ if excused => Seen::Excused,
        Ok(answer) if is_unavailable(&answer) => Seen::Unavailable,
        Ok(answer) => Seen::Failed(format!("{} {}", answer.status, answer.text)),
        Err(error) => Seen::Failed(format!("{error:?}")),
    };
    Read {
        level,
        instance,
        floor,
        took,
        by_replica,
        says_lag,
        on_old_branch,
        seen,
    }
}

fn is_unavailable(answer: &Answer) -> bool {
    let code = answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    answer.status == 503 && ["consistency_unavailable", "overloaded"].contains(&code.as_str())
}
