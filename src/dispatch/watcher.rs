//! Looks after the leaders' threads, and gives up those that get no answer.
//!
//! libpq cannot be told to stop waiting for a server that is frozen while its kernel still acknowledges, or that waits for a standby for
//! ever. So one task looks at all threads from outside. Who waits for one that is given up is answered at once; the thread is left behind
//! with its connection, and counted, until it ends by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Context;
use super::attempt::{Failure, Watch};
use super::lane::{Lane, Seat};
use super::work::Work;
use crate::db::{Abandoned, Candidate};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// A statement that takes longer makes the keeper look at the node.
const SUSPICION: Duration = Duration::from_millis(200);

/// The terms of all leaders that are under way.
#[derive(Default)]
pub(super) struct Watcher {
    terms: Mutex<Terms>,
}

#[derive(Default)]
struct Terms {
    last_id: u64,
    by_id: HashMap<u64, Arc<dyn Watched>>,
}

/// A term of any kind of work.
pub(super) trait Watched: Send + Sync {
    fn look(&self, attempt_timeout: Duration);
}

impl Watcher {
    /// Until the returned value is dropped.
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

/// Ends with the runtime.
pub(super) async fn look_after_all(context: Arc<Context>) {
    let attempt_timeout = context.policy.attempt_timeout;
    loop {
        tokio::time::sleep(LOOK).await;
        let terms: Vec<_> = context.watcher.lock().by_id.values().cloned().collect();
        terms.iter().for_each(|term| term.look(attempt_timeout));
    }
}

/// One leader's time with one connection.
pub(super) struct Term<W: Work> {
    pub lane: Arc<Lane<W>>,
    pub candidate: Candidate,
    pub watch: Watch<W::Answer>,
    /// Given back in the end, or when the thread is given up, whichever comes first.
    seat: Mutex<Option<Seat<W>>>,
    left_behind: Mutex<Option<Abandoned>>,
}

impl<W: Work> Term<W> {
    pub fn new(seat: Seat<W>, candidate: Candidate) -> Term<W> {
        Term {
            lane: seat.lane().clone(),
            candidate,
            watch: Watch::new(),
            seat: Mutex::new(Some(seat)),
            left_behind: Mutex::new(None),
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

    fn left_behind(&self) -> MutexGuard<'_, Option<Abandoned>> {
        self.left_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, failure: &Failure) {
        let databases = &self.lane.context.databases;
        let mut left_behind = self.left_behind();
        if left_behind.is_none() {
            *left_behind = Some(databases.abandoned(&self.candidate));
            drop(left_behind);
            self.watch.give_up(failure);
            self.give_seat_back();
        }
    }
}

/// Only a node that is down by what a probe or a broken connection said has failed. A commit may wait for a standby for ever, and a
/// large answer take long, on a server that is well: then nobody waits for the thread any more, and the node stays up.
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

/// The thread has ended, be it by a panic.
pub(super) struct Ended<W: Work>(pub Arc<Term<W>>);

impl<W: Work> Drop for Ended<W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::error!("a leader panicked");
            self.0.watch.give_up(&Failure::Panicked);
        }
        self.0.give_seat_back();
        drop(self.0.left_behind().take());
    }
}
