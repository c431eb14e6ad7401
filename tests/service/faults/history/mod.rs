//! What the clients saw.

pub mod attempts;
mod reads;

pub use attempts::{Attempt, Outcome, Reply, acknowledgements, outcome};
pub use reads::{BOUND, Level, Line, Read, Seen, View};

use super::snapshot::Snapshot;
use attempts::IN_PROGRESS;
use serde_json::Value;
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct Create {
    /// Nobody else's; the key and the anchor id are made of it.
    pub marker: String,
    pub key: Option<String>,
    pub anchor: Option<String>,
    pub body: Value,
    /// The code with which it may be refused: others ask for its key at the same time.
    pub refusable: Option<&'static str>,
    /// Of all who send it, by their beginning.
    pub attempts: Vec<Attempt>,
}

impl Create {
    /// Of its first acknowledgement.
    pub fn id(&self) -> Option<&str> {
        acknowledgements(&self.attempts).next()?["id"].as_str()
    }
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
    /// The code with which it may be refused: another changes the same version at the same time, or the step is not allowed.
    pub refusable: Option<&'static str>,
    /// How long each attempt may take, where that is too short for a failover.
    pub deadline: Option<Duration>,
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

/// What a write is answered, though nothing is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Success,
    /// Or that a rival was first.
    Refusal,
    /// Or that its time was too short.
    Again,
}

impl Expected {
    fn of(refusable: Option<&str>) -> Expected {
        refusable.map_or(Expected::Success, |_| Expected::Refusal)
    }
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

    /// Of each write, all its attempts, and what else than success it has to expect.
    fn all_writes(&self) -> impl Iterator<Item = (&[Attempt], Expected)> {
        let creates = self.creates.iter();
        let creates = creates.map(|create| (&create.attempts, Expected::of(create.refusable)));
        let changes = self.changes.iter().map(|change| {
            let expected = Expected::of(change.refusable);
            (
                &change.attempts,
                change.deadline.map_or(expected, |_| Expected::Again),
            )
        });
        let batches = self.batches.iter().map(|batch| &batch.attempts);
        let callbacks = self.callbacks.iter().map(|callback| &callback.attempts);
        let alone = batches.chain(callbacks);
        let alone = alone.map(|attempts| (attempts, Expected::Success));
        let all = creates.chain(changes).chain(alone);
        all.map(|(attempts, expected)| (attempts.as_slice(), expected))
    }

    pub fn writes(&self) -> impl Iterator<Item = &[Attempt]> {
        self.all_writes().map(|(attempts, _)| attempts)
    }

    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.writes().flatten()
    }

    /// Every answer to a write that was neither its acknowledgement nor what it has to expect.
    pub fn failed_writes(&self) -> Vec<&Reply> {
        let mut failed = Vec::new();
        for (attempts, expected) in self.all_writes() {
            let replies = attempts.iter().map(|attempt| &attempt.reply);
            failed.extend(replies.filter(|reply| match reply {
                Reply::Done { .. } => false,
                Reply::Rejected(_) => expected == Expected::Success,
                // The other one takes longer than the service waits for it.
                Reply::Again { code, .. } if code == IN_PROGRESS => expected == Expected::Success,
                Reply::Again { .. } => expected != Expected::Again,
                Reply::Lost { .. } => true,
            }));
        }
        failed
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
