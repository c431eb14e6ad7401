//! What became of a write: each of its attempts, and all of them together.

use crate::support::Answer;
use serde_json::Value;
use std::time::Instant;

/// One answer to one request, or none.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub instance: usize,
    pub begun: Instant,
    pub end: Instant,
    pub reply: Reply,
}

impl Attempt {
    /// It was told so.
    pub fn changed_nothing(&self) -> bool {
        matches!(
            self.reply,
            Reply::Again {
                not_applied: true,
                ..
            }
        )
    }
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
    Rejected(Refusal),
    /// No answer at all. Excused: the instance was being killed.
    Lost { cause: String, excused: bool },
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub body: Value,
}

impl Refusal {
    /// The request was read and declined. After a 5xx nobody can say so.
    fn is_final(&self) -> bool {
        (400..500).contains(&self.status)
    }
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
            409 if code == IN_PROGRESS => Reply::Again {
                code,
                not_applied: false,
            },
            status => Reply::Rejected(Refusal { status, code, body }),
        }
    }
}

pub(super) const IN_PROGRESS: &str = "idempotency_request_in_progress";

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
    // What stands in its way now was there before any attempt of it that still hangs somewhere: the key of another request, or a later
    // version.
    let is_refused =
        |attempt: &Attempt| matches!(&attempt.reply, Reply::Rejected(why) if why.is_final());
    if attempts.iter().any(is_done) {
        Outcome::Acknowledged
    } else if attempts.iter().any(is_refused) || attempts.iter().all(Attempt::changed_nothing) {
        Outcome::NotApplied
    } else {
        Outcome::Doubt
    }
}

pub fn acknowledgements(attempts: &[Attempt]) -> impl Iterator<Item = &Value> {
    attempts.iter().filter_map(|attempt| match &attempt.reply {
        Reply::Done { body, .. } => Some(body),
        _ => None,
    })
}
