//! One leader's time with one connection, and what its thread shares with the watcher.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::attempt::{Failure, Reply, fail};
use super::lane::{Lane, Seat};
use super::rules::Target;
use super::watcher::Watched;
use super::work::Work;
use crate::db::{Candidate, GivenUpThread};

/// A statement that takes longer makes the keeper probe the node at once.
const SUSPICION: Duration = Duration::from_millis(200);

/// One leader's time with one connection. For example: at t = 0 ms a leader gets a connection and begins its first statement. At t = 100 ms
/// jobs still wait, but its term is over: it gives the connection back, and the lane's next leader queues for one.
///
/// A statement that gets no answer: at t = 0 s it begins. At t = 5 s the watcher gives its thread up, answers the jobs, and gives the seat
/// back. At t = 60 s the server answers after all; the thread finds no replies to answer any more, and ends.
pub(super) struct Term<W: Work> {
    pub lane: Arc<Lane<W>>,
    pub candidate: Candidate,
    state: Mutex<State<W>>,
}

/// The senders of the answers of a statement's jobs. Whoever takes them out of the state, the thread or the watcher, answers the jobs.
type Replies<A> = Vec<oneshot::Sender<Reply<A>>>;

enum State<W: Work> {
    /// Between two statements.
    Idle(Seat<W>),
    Running {
        seat: Seat<W>,
        since: Instant,
        is_suspected: bool,
        replies: Replies<W::Answer>,
    },
    /// The thread is left behind with its connection, and counted, until it ends by itself.
    GivenUp {
        _counted: GivenUpThread,
    },
    Ended,
}

impl<W: Work> Term<W> {
    pub fn new(seat: Seat<W>, candidate: Candidate) -> Term<W> {
        Term {
            lane: seat.lane().clone(),
            candidate,
            state: Mutex::new(State::Idle(seat)),
        }
    }

    /// The thread is about to send a statement. Err: it has been given up, and must not send it.
    pub fn begin(&self, replies: Replies<W::Answer>) -> Result<(), Replies<W::Answer>> {
        let mut state = self.state.lock();
        match mem::replace(&mut *state, State::Ended) {
            State::Idle(seat) => {
                *state = State::Running {
                    seat,
                    since: Instant::now(),
                    is_suspected: false,
                    replies,
                };
                Ok(())
            }
            other => {
                *state = other;
                Err(replies)
            }
        }
    }

    /// The thread's statement has ended. None: the thread was given up meanwhile, and all jobs have been answered.
    pub fn end(&self) -> Option<Replies<W::Answer>> {
        let mut state = self.state.lock();
        match mem::replace(&mut *state, State::Ended) {
            State::Running { seat, replies, .. } => {
                *state = State::Idle(seat);
                Some(replies)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// Stops waiting for the thread, and answers the jobs of its statement with this failure.
    fn give_up(&self, mut state: MutexGuard<State<W>>, failure: &Failure) {
        let (seat, replies) = match mem::replace(&mut *state, State::Ended) {
            State::Idle(seat) => (seat, Vec::new()),
            State::Running { seat, replies, .. } => (seat, replies),
            other => {
                *state = other;
                return;
            }
        };
        let databases = &self.lane.context.databases;
        *state = State::GivenUp {
            _counted: databases.count_given_up(&self.candidate),
        };
        drop(state);
        let is_write = self.lane.rules.target == Target::Writes;
        let is_silent = matches!(failure, Failure::NoAnswer);
        if is_silent && is_write && self.candidate.commits_wait {
            databases.commit_hung(&self.candidate);
        }
        fail(replies, failure);
        drop(seat); // outside the lock: it may start another leader
    }
}

/// A thread that is given up does not take its node down. Only a probe or a broken connection does: on a healthy server, too, a commit may
/// wait for a standby for ever, and a large answer take long.
impl<W: Work> Watched for Term<W> {
    fn look(&self, attempt_timeout: Duration) {
        let mut state = self.state.lock();
        if self.candidate.pool.is_retired() {
            return self.give_up(state, &Failure::NodeDown { sent: true });
        }
        let State::Running {
            since,
            is_suspected,
            ..
        } = &mut *state
        else {
            return;
        };
        let running_for = since.elapsed();
        if running_for >= attempt_timeout {
            self.give_up(state, &Failure::NoAnswer);
        } else if running_for >= SUSPICION && !mem::replace(is_suspected, true) {
            drop(state);
            self.lane.context.databases.suspect(&self.candidate);
        }
    }
}

/// Dropped when the thread ends, even by a panic.
pub(super) struct Ended<W: Work>(pub Arc<Term<W>>);

impl<W: Work> Drop for Ended<W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::error!("a leader panicked");
        }
        let state = mem::replace(&mut *self.0.state.lock(), State::Ended);
        // Outside the lock: with the state the seat is dropped, which may start another leader.
        if let State::Running { seat, replies, .. } = state {
            fail(replies, &Failure::Panicked);
            drop(seat);
        }
    }
}
