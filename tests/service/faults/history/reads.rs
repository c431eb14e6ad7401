//! What was read: what for, and what was shown.

use serde_json::Value;
use std::time::{Duration, Instant};

/// How old the state may be that a read with a bound shows.
pub const BOUND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Eventual,
    /// At most [`BOUND`] old.
    Bounded,
    /// With the token of a write.
    Token,
    Strong,
}

/// In which way a transaction, or several, were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    One,
    /// All its versions.
    History,
    /// A search that finds it: by its account, or by its anchor id.
    Search,
    /// A search for all that a key made, which is always strong.
    Key(String),
    /// A page of those of one status, whichever they are.
    Status(&'static str),
}

/// A version of a transaction, as a row of a list or a line of its history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: String,
    pub version: u64,
    pub status: String,
    pub reason: Option<String>,
}

impl Line {
    /// The lines of a history do not say whose they are.
    fn of(json: &Value, id: &str) -> Line {
        let text = |field: &str| json[field].as_str().map(str::to_owned);
        Line {
            id: text("id").unwrap_or_else(|| id.to_owned()),
            version: json["version"].as_u64().unwrap_or(0),
            status: text("status").unwrap_or_default(),
            reason: text("status_reason"),
        }
    }

    /// Of an answer to a question about this transaction.
    pub fn all_of(answer: &Value, id: &str) -> Vec<Line> {
        match answer["data"].as_array() {
            Some(data) => data.iter().map(|json| Line::of(json, id)).collect(),
            None => vec![Line::of(answer, id)],
        }
    }
}

#[derive(Clone, Debug)]
pub struct Read {
    pub view: View,
    pub level: Level,
    pub instance: usize,
    /// The transaction that it is about. Empty: none in particular.
    pub id: String,
    /// The version of it that it must show at least.
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
    /// None where it was not answered, or with 404.
    pub lines: Vec<Line>,
    pub seen: Seen,
}

#[derive(Clone, Debug)]
pub enum Seen {
    /// The latest version that it showed of its transaction. 0: none.
    Version(u64),
    /// The code of a 503, `consistency_unavailable` or `overloaded`: allowed where consistency was asked for.
    Unavailable(String),
    Failed(String),
    /// It failed while no database, or not this instance, was alive.
    Excused,
}
