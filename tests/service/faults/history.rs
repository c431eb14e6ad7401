//! What the clients saw.

use super::snapshot::Snapshot;
use crate::support::Answer;
use serde_json::Value;
use std::time::{Duration, Instant};

/// One answer to one request, or none.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub instance: usize,
    pub begun: Instant,
    pub end: Instant,
    pub reply: Reply,
}

#[derive(Clone, Debug)]
pub enum Reply {
    /// 2xx to a write.
    Done {
        status: u16,
        replayed: bool,
        /// What `X-Durability` said.
        replicated: bool,
        /// The regions that have it, where it said so.
        durable_in: Vec<String>,
        body: Value,
    },
    /// Repeat it: 503, or 409 in progress. Whether it says that nothing was applied.
    Again { code: String, not_applied: bool },
    /// Another answer, after which nobody repeats.
    Rejected(String),
    /// No answer at all. Excused: the instance was being killed.
    Lost { cause: String, excused: bool },
}

impl Reply {
    pub fn of(answer: &Answer) -> Reply {
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        match answer.status {
            200 | 201 => Reply::Done {
                status: answer.status,
                replayed: answer.header("Idempotent-Replayed") == "true",
                replicated: answer.is_replicated(),
                durable_in: answer.durable_in(),
                body,
            },
            503 if RETRYABLE.contains(&code.as_str())
                && !answer.header("Retry-After").is_empty() =>
            {
                Reply::Again {
                    code,
                    not_applied: body["outcome"] == "not_applied",
                }
            }
            409 if code == "idempotency_request_in_progress" => Reply::Again {
                code,
                not_applied: false,
            },
            status => Reply::Rejected(format!("{status} {}", answer.text)),
        }
    }
}

/// What a write may be told with 503.
const RETRYABLE: [&str; 5] = [
    "primary_unavailable",
    "outcome_unknown",
    "overloaded",
    "split_brain",
    "durability_unavailable",
];

/// What a client knows of its write in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged,
    NotApplied,
    Doubt,
}

pub fn outcome(attempts: &[Attempt]) -> Outcome {
    let is_done = |attempt: &Attempt| matches!(attempt.reply, Reply::Done { .. });
    let changed_nothing = |attempt: &Attempt| {
        matches!(
            attempt.reply,
            Reply::Again {
                not_applied: true,
                ..
            }
        )
    };
    if attempts.iter().any(is_done) {
        Outcome::Acknowledged
    } else if attempts.iter().all(changed_nothing) {
        Outcome::NotApplied
    } else {
        Outcome::Doubt
    }
}

#[derive(Clone, Debug)]
pub struct Create {
    /// Nobody else's; the key and the anchor id are made of it.
    pub marker: String,
    pub key: Option<String>,
    pub anchor: Option<String>,
    pub body: Value,
    pub attempts: Vec<Attempt>,
}

impl Create {
    /// Of its first acknowledgement.
    pub fn id(&self) -> Option<&str> {
        acknowledgements(&self.attempts).next()?["id"].as_str()
    }
}

pub fn acknowledgements(attempts: &[Attempt]) -> impl Iterator<Item = &Value> {
    attempts.iter().filter_map(|attempt| match &attempt.reply {
        Reply::Done { body, .. } => Some(body),
        _ => None,
    })
}

#[derive(Clone, Debug)]
pub struct Change {
    pub id: String,
    /// The version that it changes, and the ETag of that, for `If-Match`.
    pub from: u64,
    pub if_match: String,
    pub to: &'static str,
    /// Nobody else's.
    pub reason: String,
    pub attempts: Vec<Attempt>,
}

/// Several creates under one key, which is the marker of each.
#[derive(Clone, Debug)]
pub struct Batch {
    pub marker: String,
    pub body: Value,
    pub size: usize,
    pub attempts: Vec<Attempt>,
}

/// What an anchor says of a transaction of which it alone speaks.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The webhook's id. Nobody else's.
    pub marker: String,
    pub body: Value,
    /// The version that it makes.
    pub makes: u64,
    pub attempts: Vec<Attempt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Eventual,
    /// With the token of a write.
    Token,
    Strong,
}

#[derive(Clone, Debug)]
pub struct Read {
    pub level: Level,
    pub instance: usize,
    /// The version that it must show at least.
    pub floor: u64,
    /// The instance whose token it carries.
    pub token_of: Option<usize>,
    pub end: Instant,
    pub took: Duration,
    /// Empty where it did not say.
    pub served_in: String,
    pub by_replica: bool,
    /// None: it did not say.
    pub lag_ms: Option<u64>,
    /// By a replica, while all replicas that run are on a branch that has ended.
    pub on_old_branch: bool,
    pub seen: Seen,
}

#[derive(Clone, Debug)]
pub enum Seen {
    Version(u64),
    /// The code of a 503, `consistency_unavailable` or `overloaded`: allowed where consistency was asked for.
    Unavailable(String),
    Failed(String),
    /// It failed while no database, or not this instance, was alive.
    Excused,
}

#[derive(Clone, Debug, Default)]
pub struct History {
    pub creates: Vec<Create>,
    pub changes: Vec<Change>,
    pub batches: Vec<Batch>,
    pub callbacks: Vec<Callback>,
    pub reads: Vec<Read>,
    pub snapshots: Vec<Snapshot>,
}

impl History {
    pub fn add(&mut self, mut other: History) {
        self.creates.append(&mut other.creates);
        self.changes.append(&mut other.changes);
        self.batches.append(&mut other.batches);
        self.callbacks.append(&mut other.callbacks);
        self.reads.append(&mut other.reads);
        self.snapshots.append(&mut other.snapshots);
    }

    /// Of each write, all its attempts.
    pub fn writes(&self) -> impl Iterator<Item = &[Attempt]> {
        let creates = self.creates.iter().map(|create| &create.attempts);
        let changes = self.changes.iter().map(|change| &change.attempts);
        let batches = self.batches.iter().map(|batch| &batch.attempts);
        let callbacks = self.callbacks.iter().map(|callback| &callback.attempts);
        let all = creates.chain(changes).chain(batches).chain(callbacks);
        all.map(Vec::as_slice)
    }

    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.writes().flatten()
    }

    /// Every answer to a write that was not its acknowledgement.
    pub fn failed_writes(&self) -> Vec<&Reply> {
        self.attempts()
            .map(|attempt| &attempt.reply)
            .filter(|reply| !matches!(reply, Reply::Done { .. }))
            .collect()
    }

    pub fn acknowledged(&self) -> usize {
        self.attempts()
            .filter(|attempt| matches!(attempt.reply, Reply::Done { .. }))
            .count()
    }

    /// The longest time in which no write was acknowledged.
    pub fn write_gap(&self) -> Duration {
        let done = self
            .attempts()
            .filter(|attempt| matches!(attempt.reply, Reply::Done { .. }));
        let mut ends: Vec<Instant> = done.map(|attempt| attempt.end).collect();
        ends.sort();
        ends.windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or_default()
    }

    pub fn slowest_read(&self) -> Duration {
        self.reads
            .iter()
            .map(|read| read.took)
            .max()
            .unwrap_or_default()
    }
}
