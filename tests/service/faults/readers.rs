//! Those who read: what they asked for, and what they were shown.

use super::clients::Client;
use super::history::{History, Level, Read, Seen};
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Versions from here on are made only by somebody's writes on a branch that was never the service's.
pub const STRANGE: u64 = 1000;

pub const STRONG: (&str, &str) = ("X-Read-Consistency", "strong");

/// What a read is asked for.
pub struct Wanted {
    pub level: Level,
    pub floor: u64,
    /// The instance whose token it carries.
    pub token_of: Option<usize>,
}

/// What was acknowledged must be seen by whoever asks for it.
pub fn read_consistently(client: &Client) -> History {
    read_recent(client, || rand::rng().random_range(0..3) == 0)
}

pub fn read_with_tokens(client: &Client) -> History {
    read_recent(client, || false)
}

pub fn read_strongly(client: &Client) -> History {
    read_recent(client, || true)
}

fn read_recent(client: &Client, is_strong: impl Fn() -> bool) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        pause(client.stage.pace);
        let Some(written) = client.board.any_recent() else {
            continue;
        };
        let path = format!("/transactions/{}", written.id);
        let (level, token_of, header) = if is_strong() {
            (Level::Strong, None, STRONG)
        } else {
            let token = ("X-Consistency-Token", written.token.as_str());
            (Level::Token, Some(written.instance), token)
        };
        // A token names a write; "now" is the latest that anybody was told of.
        let floor = match level {
            Level::Strong => client.board.latest_version(&written.id),
            _ => written.version,
        };
        let wanted = Wanted {
            level,
            floor,
            token_of,
        };
        history.reads.push(ask(client, wanted, &path, &[header]));
    }
    history
}

pub fn read(client: &Client) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        pause(client.stage.pace);
        let wanted = Wanted {
            level: Level::Eventual,
            floor: 0,
            token_of: None,
        };
        let path = "/transactions?limit=3";
        history.reads.push(ask(client, wanted, path, &[]));
    }
    history
}

pub fn ask(client: &Client, wanted: Wanted, path: &str, headers: &[(&str, &str)]) -> Read {
    let (stage, instance) = (client.stage, client.instance());
    let (nodes, service) = (
        stage.reads_excused.now(),
        stage.instance_excused[instance].now(),
    );
    let branch = stage.old_branch.now();
    let start = Instant::now();
    let answer = send(Method::GET, &stage.apps[instance].url(path), headers, None);
    let end = Instant::now();
    let excused =
        stage.reads_excused.since(nodes) || stage.instance_excused[instance].since(service);
    stage.reads.fetch_add(1, Ordering::AcqRel);
    let header = |name| answer.as_ref().map_or("", |answer| answer.header(name));
    let by_replica = header("X-Served-By") == "replica";
    let lag_ms = header("X-Replica-Lag-Ms").parse().ok();
    let served_in = header("X-Served-By-Region").to_owned();
    let on_old_branch = by_replica && stage.old_branch.throughout(branch);
    let seen = match answer {
        Ok(answer) if answer.status == 200 => {
            Seen::Version(answer.json()["version"].as_u64().unwrap_or(0))
        }
        // Of no use then, but nothing untrue: a 404 or a lost token is never excused.
        Ok(answer) if excused && answer.status == 503 => Seen::Excused,
        Err(_) if excused => Seen::Excused,
        Ok(answer) => unavailable(&answer).map_or_else(
            || Seen::Failed(format!("{} {}", answer.status, answer.text)),
            Seen::Unavailable,
        ),
        Err(error) => Seen::Failed(format!("{error:?}")),
    };
    let Wanted {
        level,
        floor,
        token_of,
    } = wanted;
    Read {
        level,
        instance,
        floor,
        token_of,
        end,
        took: end - start,
        served_in,
        by_replica,
        lag_ms,
        on_old_branch,
        seen,
    }
}

fn unavailable(answer: &Answer) -> Option<String> {
    let allowed = ["consistency_unavailable", "overloaded"];
    let code = answer.json()["code"].as_str()?.to_owned();
    (answer.status == 503 && allowed.contains(&code.as_str())).then_some(code)
}
