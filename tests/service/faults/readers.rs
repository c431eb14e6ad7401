//! Those who read: what they asked for, and what they were shown.

use super::board::Acknowledged;
use super::clients::Client;
use super::history::{BOUND, History, Level, Line, Read, Seen, View};
use super::questions::Question;
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Versions from here on are made only by somebody's writes on a branch that was never the service's.
pub const STRANGE: u64 = 1000;

pub const STRONG: (&str, &str) = ("X-Read-Consistency", "strong");

/// What the answer must hold.
pub struct Wanted {
    pub level: Level,
    pub floor: u64,
    /// The instance whose token it carries.
    pub token_of: Option<usize>,
}

impl Wanted {
    const NOTHING: Wanted = Wanted {
        level: Level::Eventual,
        floor: 0,
        token_of: None,
    };

    /// "Now" is the latest that anybody was told of.
    fn now(client: &Client, id: &str) -> Wanted {
        Wanted {
            level: Level::Strong,
            floor: client.board.latest_version(id),
            token_of: None,
        }
    }
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

/// What was acknowledged longer ago than the bound must be seen. Without something that old there is nothing to ask for.
pub fn read_with_a_bound(client: &Client) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        pause(client.stage.pace);
        let Some(written) = client.board.any_older_than(BOUND) else {
            continue;
        };
        let wanted = Wanted {
            level: Level::Bounded,
            floor: written.version,
            token_of: None,
        };
        let bound = BOUND.as_millis().to_string();
        let bound = ("X-Max-Staleness-Ms", bound.as_str());
        history
            .reads
            .push(ask(client, wanted, Question::one(&written.id), &[bound]));
    }
    history
}

fn read_recent(client: &Client, is_strong: impl Fn() -> bool) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        pause(client.stage.pace);
        let Some(written) = client.board.any_recent() else {
            continue;
        };
        let is_about_many = rand::rng().random_range(0..8) == 0;
        history.reads.push(if is_strong() && is_about_many {
            ask_strongly(client, Question::status(client))
        } else if is_strong() {
            ask_strongly(client, Question::any_about(&written))
        } else {
            ask_with_token(client, Question::any_about(&written), &written)
        });
    }
    history
}

pub fn ask_strongly(client: &Client, question: Question) -> Read {
    let wanted = Wanted::now(client, &question.id);
    ask(client, wanted, question, &[STRONG])
}

/// A token names a write.
fn ask_with_token(client: &Client, question: Question, written: &Acknowledged) -> Read {
    let wanted = match question.view {
        View::Key(_) => Wanted::now(client, &written.id),
        _ => Wanted {
            level: Level::Token,
            floor: written.version,
            token_of: Some(written.instance),
        },
    };
    let token = ("X-Consistency-Token", written.token.as_str());
    ask(client, wanted, question, &[token])
}

pub fn read(client: &Client) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        pause(client.stage.pace);
        let recent = client.board.any_recent();
        let about_one = recent.filter(|_| rand::rng().random_range(0..2) == 0);
        let question = about_one.map_or_else(
            || Question::status(client),
            |written| Question::any_about(&written),
        );
        let wanted = match question.view {
            View::Key(_) => Wanted::now(client, &question.id),
            _ => Wanted::NOTHING,
        };
        history.reads.push(ask(client, wanted, question, &[]));
    }
    history
}

fn ask(client: &Client, wanted: Wanted, question: Question, headers: &[(&str, &str)]) -> Read {
    let (stage, instance) = (client.stage, client.instance());
    let (nodes, service) = (
        stage.reads_excused.now(),
        stage.instance_excused[instance].now(),
    );
    let branch = stage.old_branch.now();
    let start = Instant::now();
    let url = stage.apps[instance].url(&question.path);
    let answer = send(Method::GET, &url, headers, None);
    let end = Instant::now();
    let excused =
        stage.reads_excused.since(nodes) || stage.instance_excused[instance].since(service);
    stage.reads.fetch_add(1, Ordering::AcqRel);
    let header = |name| answer.as_ref().map_or("", |answer| answer.header(name));
    let by_replica = header("X-Served-By") == "replica";
    let lag_ms = header("X-Replica-Lag-Ms").parse().ok();
    let served_in = header("X-Served-By-Region").to_owned();
    let on_old_branch = by_replica && stage.old_branch.throughout(branch);
    let (lines, seen) = seen(answer, &question.id, excused);
    let Question { view, id, .. } = question;
    let Wanted {
        level,
        floor,
        token_of,
    } = wanted;
    Read {
        view,
        level,
        instance,
        id,
        floor,
        token_of,
        end,
        took: end - start,
        served_in,
        by_replica,
        lag_ms,
        on_old_branch,
        lines,
        seen,
    }
}

fn seen(answer: reqwest::Result<Answer>, id: &str, excused: bool) -> (Vec<Line>, Seen) {
    let lines = match &answer {
        Ok(answer) if answer.status == 200 => Line::all_of(&answer.json(), id),
        _ => Vec::new(),
    };
    let seen = match answer {
        // There is no such transaction, it says: an answer like others, to be held against what is known.
        Ok(answer) if answer.status == 200 || is_unknown(&answer) => {
            let versions = lines.iter().filter(|line| line.id == id);
            Seen::Version(versions.map(|line| line.version).max().unwrap_or(0))
        }
        // Of no use then, but nothing untrue: a lost token is never excused.
        Ok(answer) if excused && answer.status == 503 => Seen::Excused,
        Err(_) if excused => Seen::Excused,
        Ok(answer) => unavailable(&answer).map_or_else(
            || Seen::Failed(format!("{} {}", answer.status, answer.text)),
            Seen::Unavailable,
        ),
        Err(error) => Seen::Failed(format!("{error:?}")),
    };
    (lines, seen)
}

fn is_unknown(answer: &Answer) -> bool {
    answer.status == 404 && answer.json()["code"] == "transaction_not_found"
}

fn unavailable(answer: &Answer) -> Option<String> {
    let allowed = ["consistency_unavailable", "overloaded"];
    let code = answer.json()["code"].as_str()?.to_owned();
    (answer.status == 503 && allowed.contains(&code.as_str())).then_some(code)
}
