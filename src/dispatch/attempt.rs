//! What became of one attempt, and what a leader's thread shares with who watches it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::db::error::Error as DbError;
use crate::db::role::DbRole;
use crate::ledger;

/// Why an attempt gave no answer to a job.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There is no place in the queue. Not sent.
    Full,
    /// The job's own deadline has passed.
    OutOfTime { sent: bool },
    /// The node went down while the job waited for its turn, or for its answer.
    NodeDown { sent: bool },
    /// Nobody waits for the thread any more. Sent.
    NoAnswer,
    /// Two primaries. Not sent.
    SplitBrain,
    /// The statement that it shared with others failed as a whole. Rolled back.
    Apart,
    /// Its own statement failed.
    Database(DbError),
    /// A bug. It may have been sent.
    Panicked,
}

/// An answer, and what is known of where it is from.
#[derive(Debug)]
pub struct Answered<A> {
    pub answer: Result<A, ledger::Error>,
    pub role: DbRole,
    pub lag_ms: Option<u64>,
    /// How old the state may be at most that it shows. None: nobody knows.
    pub staleness: Option<Duration>,
    pub settled_until: Option<DateTime<Utc>>,
    pub region: Option<Arc<str>>,
    pub durability: Durability,
    /// No other primary had been seen when it was answered, and the node was what it had been judged to be.
    pub current: bool,
}

/// Where a write is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the primary, for all that is known.
    Local,
    /// On a standby too, of those that count.
    Replicated {
        /// Told where another region must have it: the primary's, and those of the standbys that are known to have it.
        regions: Option<Arc<str>>,
    },
}

pub type Reply<A> = Result<Answered<A>, Failure>;

/// What is being run, and for whom: shared by the thread and by who watches it.
pub(super) struct Watch<A> {
    state: Mutex<State<A>>,
}

struct State<A> {
    given_up: bool,
    running: Option<Running<A>>,
}

struct Running<A> {
    since: Instant,
    suspected: bool,
    replies: Vec<oneshot::Sender<Reply<A>>>,
}

impl<A> Watch<A> {
    pub fn new() -> Watch<A> {
        let state = State {
            given_up: false,
            running: None,
        };
        Watch {
            state: Mutex::new(state),
        }
    }

    /// The thread: a statement begins. Err: it was given up before, and nothing is sent.
    pub fn begin(
        &self,
        replies: Vec<oneshot::Sender<Reply<A>>>,
    ) -> Result<(), Vec<oneshot::Sender<Reply<A>>>> {
        let mut state = self.lock();
        if state.given_up {
            return Err(replies);
        }
        state.running = Some(Running {
            since: Instant::now(),
            suspected: false,
            replies,
        });
        Ok(())
    }

    /// The thread: it has ended. None: it was given up meanwhile, and everybody has been answered.
    pub fn end(&self) -> Option<Vec<oneshot::Sender<Reply<A>>>> {
        self.lock().running.take().map(|running| running.replies)
    }

    /// How long the statement that runs now has taken.
    pub fn running_for(&self) -> Option<Duration> {
        let state = self.lock();
        state
            .running
            .as_ref()
            .map(|running| running.since.elapsed())
    }

    /// True once for each statement that takes longer than this.
    pub fn becomes_suspicious(&self, after: Duration) -> bool {
        let mut state = self.lock();
        let late =
            |running: &&mut Running<A>| !running.suspected && running.since.elapsed() >= after;
        let running = state.running.as_mut().filter(late);
        running.map(|running| running.suspected = true).is_some()
    }

    /// Nobody waits for the thread any more. Who waited for its statement is told.
    pub fn give_up(&self, failure: &Failure) {
        let mut state = self.lock();
        state.given_up = true;
        if let Some(running) = state.running.take() {
            fail(running.replies, failure);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A receiver that is gone is a client that has gone away.
pub(super) fn fail<A>(replies: Vec<oneshot::Sender<Reply<A>>>, failure: &Failure) {
    for reply in replies {
        drop(reply.send(Err(failure.clone())));
    }
}
