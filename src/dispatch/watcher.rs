//! Watches the leaders' threads, and gives up those that get no answer.
//!
//! libpq cannot be told to stop waiting for a server that is frozen while its kernel still acknowledges, or that waits for a standby for
//! ever. So one task looks at all threads from outside. The jobs of a thread that is given up are answered at once; the thread is left
//! behind with its connection, and counted, until it ends by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Context;
use super::attempt::{Failure, Watch};
use super::lane::{Lane, Seat};
use super::rules::Target;
use super::work::Work;
use crate::db::{Candidate, GivenUpThread};

/// How often all threads are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// A statement that takes longer makes the keeper probe the node at once.
const SUSPICION: Duration = Duration::from_millis(200);

/// The terms of all leaders that are running.
#[derive(Default)]
pub(super) struct Watcher {
    terms: Mutex<Terms>,
}

#[derive(Default)]
struct Terms {
    last_id: u64,
    by_id: HashMap<u64, Arc<dyn Watched>>,
}

/// A term, whatever its kind of work.
pub(super) trait Watched: Send + Sync {
    fn look(&self, attempt_timeout: Duration);
}

impl Watcher {
    /// Watches this term until the returned value is dropped.
    pub fn watch(self: &Arc<Self>, term: Arc<dyn Watched>) -> Registration {
        let mut terms = self.lock();
        terms.last_id += 1;
        let id = terms.last_id;
        terms.by_id.insert(id, term);
        Registration {
            watcher: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Terms> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Registration {
    watcher: Arc<Watcher>,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let term = self.watcher.lock().by_id.remove(&self.id);
        drop(term); // outside the lock
    }
}

/// Runs until the runtime is shut down.
pub(super) async fn look_after_all(context: Arc<Context>) {
    let attempt_timeout = context.policy.attempt_timeout;
    loop {
        tokio::time::sleep(LOOK).await;
        let terms: Vec<_> = context.watcher.lock().by_id.values().cloned().collect();
        terms.iter().for_each(|term| term.look(attempt_timeout));
    }
}

/// One leader's time with one connection. For example: at t = 0 ms a leader gets a connection and begins its first statement. At t = 100 ms
/// jobs still wait, but its term is over: it gives the connection back, and the lane's next leader queues for one.
pub(super) struct Term<W: Work> {
    pub lane: Arc<Lane<W>>,
    pub candidate: Candidate,
    pub watch: Watch<W::Answer>,
    /// Given back when the thread ends or is given up, whichever comes first.
    seat: Mutex<Option<Seat<W>>>,
    given_up: Mutex<Option<GivenUpThread>>,
}

impl<W: Work> Term<W> {
    pub fn new(seat: Seat<W>, candidate: Candidate) -> Term<W> {
        Term {
            lane: seat.lane().clone(),
            candidate,
            watch: Watch::new(),
            seat: Mutex::new(Some(seat)),
            given_up: Mutex::new(None),
        }
    }

    fn give_seat_back(&self) {
        let seat = self
            .seat
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(seat); // outside the lock: it may start another leader
    }

    fn given_up(&self) -> MutexGuard<'_, Option<GivenUpThread>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, failure: &Failure) {
        let databases = &self.lane.context.databases;
        let mut given_up = self.given_up();
        if given_up.is_none() {
            *given_up = Some(databases.count_given_up(&self.candidate));
            let is_commit = self.lane.rules.target == Target::PrimaryHolding;
            let is_silent = matches!(failure, Failure::NoAnswer);
            if is_silent && is_commit && self.candidate.commits_wait {
                databases.commit_hung(&self.candidate);
            }
            drop(given_up);
            self.watch.give_up(failure);
            self.give_seat_back();
        }
    }
}

/// A thread that is given up does not take its node down. Only a probe or a broken connection does: on a healthy server, too, a commit may
/// wait for a standby for ever, and a large answer take long.
impl<W: Work> Watched for Term<W> {
    fn look(&self, attempt_timeout: Duration) {
        let running_for = self.watch.running_for().unwrap_or_default();
        if self.candidate.pool.is_retired() {
            self.give_up(&Failure::NodeDown { sent: true });
        } else if running_for >= attempt_timeout {
            self.give_up(&Failure::NoAnswer);
        } else if self.watch.becomes_suspicious(SUSPICION) {
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
            self.0.watch.give_up(&Failure::Panicked);
        }
        self.0.give_seat_back();
        drop(self.0.given_up().take());
    }
}
