//! The result of one attempt, and the state that a leader's thread shares with the watcher.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::db::error::Error as DbError;
use crate::db::role::DbRole;
use crate::db::status::WhyRefused;
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
    /// The statement took too long, and its thread was given up. Sent.
    NoAnswer,
    /// Writes are refused now, so there is no primary to wait for. Not sent.
    WritesRefused(WhyRefused),
    /// The statement that it shared with others failed as a whole and was rolled back. The job is tried again in a statement of its own.
    Apart,
    /// Its own statement failed, or the connection or the node did, for all jobs of a statement alike.
    Database(DbError),
    /// A bug. It may have been sent.
    Panicked,
}

/// An answer, and what is known of the node that gave it.
#[derive(Debug)]
pub struct Answered<A> {
    pub answer: Result<A, ledger::Error>,
    pub role: DbRole,
    pub lag_ms: Option<u64>,
    /// The state that it shows is at most this old. None: unknown.
    pub staleness: Option<Duration>,
    pub settled_until: Option<DateTime<Utc>>,
    pub region: Option<Arc<str>>,
    pub durability: Durability,
    /// It counts: when it came, no other primary had been seen, the node was still what it had been judged to be, and it is known which
    /// standbys have the commit (enough of them, for a proved read).
    pub current: bool,
}

/// Which servers are known to have a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The primary; no standby is known to have it.
    Local,
    /// A standby that counts, as well as the primary.
    Replicated {
        /// With `durability.require = region` only: the primary's region, and those of the standbys that are known to have it.
        regions: Option<Arc<str>>,
    },
}

pub type Reply<A> = Result<Answered<A>, Failure>;

/// The statement that a leader's thread is running, and the jobs that wait for it. The thread and the watcher share it: whichever takes the
/// replies out first answers the jobs.
///
/// For example: at t = 0 s a statement begins. At t = 5 s the watcher gives the thread up and answers the jobs. At t = 60 s the server
/// answers after all; the thread finds no replies any more, and ends.
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

    /// The thread is about to send a statement. Err: it has been given up, and must not send it.
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

    /// The thread's statement has ended. None: the thread was given up meanwhile, and all jobs have been answered.
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

    /// True once for each statement that has taken this long.
    pub fn becomes_suspicious(&self, after: Duration) -> bool {
        let mut state = self.lock();
        let late =
            |running: &&mut Running<A>| !running.suspected && running.since.elapsed() >= after;
        let running = state.running.as_mut().filter(late);
        running.map(|running| running.suspected = true).is_some()
    }

    /// Stops waiting for the thread, and answers the jobs of its statement with this failure.
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

/// Sending fails only if the client has gone away.
pub(super) fn fail<A>(replies: Vec<oneshot::Sender<Reply<A>>>, failure: &Failure) {
    for reply in replies {
        drop(reply.send(Err(failure.clone())));
    }
}
