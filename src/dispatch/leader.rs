//! A leader: takes what has gathered in a lane, runs one statement, answers each job, and goes on until the queue is empty.
//!
//! That is natural batching, without a timer: alone, a job waits for nobody, since a leader starts at once; under load a statement takes
//! as many jobs as have come while the one before it ran.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web;
use tokio::runtime::{Builder, Runtime};

use super::answering::{answer, standbys_to_ask};
use super::attempt::{Failure, fail};
use super::lane::{Lane, Seat, Taken};
use super::rules::Target;
use super::term::{Ended, Term};
use super::work::Work;
use crate::db::error::Error as DbError;
use crate::db::{Candidate, Databases, Permit};

/// How long a leader keeps its connection. Then the next leader of the lane queues for one: lanes share the connections of a node, and one
/// that is never empty must not keep the others from them.
const TERM: Duration = Duration::from_millis(100);
/// How long a leader waits before it checks again whether threads that were given up have ended.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a leader that waits for a primary looks whether jobs still wait for it.
const LOOK: Duration = Duration::from_secs(1);

/// The runtime on whose blocking threads leaders run: a thread for every connection, and for every one that may be left behind (see
/// [`Databases::may_start`]).
pub(super) fn runtime(databases: &Databases) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(databases.max_leaders())
        .thread_name("dispatch")
        .enable_time()
        .build()
}

/// Starts a leader after this pause. The lane has counted it already.
pub(super) fn start_in<W: Work>(pause: Duration, lane: Arc<Lane<W>>) {
    let seat = Seat::of(lane);
    if pause.is_zero() {
        return start(seat);
    }
    let runtime = seat.lane().context.runtime.clone();
    drop(runtime.spawn(async move {
        tokio::time::sleep(pause).await;
        start(seat);
    }));
}

/// Starts the thread at once if the node is usable and a connection is free. Otherwise a task waits for both, which occupies no thread.
fn start<W: Work>(seat: Seat<W>) {
    let lane = seat.lane().clone();
    let purpose = lane.rules.target.purpose();
    let candidate = lane
        .candidate_now()
        .filter(|candidate| may_start(&lane, candidate));
    let entered = candidate.and_then(|candidate| {
        let permit = candidate.pool.bulkhead().try_enter(purpose)?;
        Some((candidate, permit))
    });
    match entered {
        Some((candidate, permit)) => lead(seat, candidate, permit),
        None => drop(lane.context.runtime.spawn(wait_and_lead(seat))),
    }
}

fn may_start<W: Work>(lane: &Lane<W>, candidate: &Candidate) -> bool {
    let (databases, purpose) = (&lane.context.databases, lane.rules.target.purpose());
    databases.may_start(candidate.node, purpose)
}

async fn wait_and_lead<W: Work>(seat: Seat<W>) {
    let lane = seat.lane().clone();
    let purpose = lane.rules.target.purpose();
    loop {
        let found = match lane.rules.target {
            Target::Writes => {
                let primary = lane.primary_for_writes();
                match tokio::time::timeout(LOOK, primary).await {
                    Ok(primary) => primary.map_err(Failure::WritesRefused),
                    // The jobs have been withdrawn. Whoever waits here tells the keeper that writes are waiting.
                    Err(_) if lane.waiting() == 0 => return,
                    Err(_) => continue,
                }
            }
            Target::Reads(_) | Target::ProvedReads => {
                let is_down = Failure::NodeDown { sent: false };
                lane.candidate_now().ok_or(is_down)
            }
        };
        let candidate = match found {
            Ok(candidate) => candidate,
            Err(failure) => return lane.fail_all(&failure),
        };
        if !may_start(&lane, &candidate) {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        match candidate.pool.bulkhead().enter(purpose).await {
            // The node may have gone down, or have been replaced, during the wait.
            Ok(permit) if still(&lane, &candidate).is_some() => {
                return lead(seat, candidate, permit);
            }
            _ => {}
        }
    }
}

/// The node as it is judged now, if it is still the one to use, with the same pool. Asked after each wait and before each statement.
fn still<W: Work>(lane: &Lane<W>, candidate: &Candidate) -> Option<Candidate> {
    let same_pool = |now: &Candidate| Arc::ptr_eq(&now.pool, &candidate.pool);
    lane.candidate_now().filter(same_pool)
}

/// Starts the thread, and has it watched.
fn lead<W: Work>(seat: Seat<W>, candidate: Candidate, permit: Permit) {
    let context = seat.lane().context.clone();
    let term = Arc::new(Term::new(seat, candidate));
    let watched = context.watcher.watch(term.clone());
    let thread = move || {
        // Dropped when the thread ends or panics: first the permit, which the next leader may need, last the registration with the watcher.
        let _watched = watched;
        let _ended = Ended(term.clone());
        let _permit = permit;
        serve(&term);
    };
    let _in_its_threads = context.runtime.enter();
    #[expect(clippy::disallowed_methods, reason = "this is its room")]
    let detached = web::block(thread);
    drop(detached);
}

/// Runs on a blocking thread, with one connection, until the lane is empty, the term is over, or the node is no longer the one to use.
fn serve<W: Work>(term: &Term<W>) {
    let (lane, candidate) = (&term.lane, &term.candidate);
    let mut connection = match candidate.pool.connection() {
        Ok(connection) => connection,
        Err(error) => return without_connection(lane, candidate, error),
    };
    let term_ends = Instant::now() + TERM;
    while let Some(candidate) = still(lane, candidate).filter(|_| Instant::now() < term_ends) {
        let Some(Taken { jobs, replies }) = lane.take(candidate.node, candidate.rtt) else {
            return;
        };
        if let Err(replies) = term.begin(replies) {
            return fail(replies, &Failure::NodeDown { sent: false });
        }
        let begun = Instant::now();
        let owner = W::owner(&jobs[0]);
        let standbys = standbys_to_ask(lane, &candidate);
        let result = W::run(&mut connection, owner, &jobs, standbys).map_err(DbError::from);
        // Reported before the jobs are answered, so that none of them is sent to this node again.
        report(lane, &candidate, &result);
        let Some(replies) = term.end() else { return };
        let is_confirmed = result.as_ref().is_ok_and(|done| done.copies.is_any());
        let is_write = lane.rules.target == Target::Writes;
        let confirmed_on = (is_write && is_confirmed).then_some(candidate.node);
        lane.learn(begun.elapsed(), confirmed_on);
        match result {
            Ok(done) => {
                answer(lane, &candidate, done, begun, replies);
                stay(lane);
            }
            Err(error) => {
                let is_shared = replies.len() > 1 && !error.is_node_failure();
                let failure = if is_shared {
                    Failure::Apart
                } else {
                    Failure::Database(error)
                };
                fail(replies, &failure);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
fn stay<W: Work>(lane: &Lane<W>) {
    std::thread::sleep(lane.stay());
}

fn report<T, W: Work>(lane: &Lane<W>, candidate: &Candidate, result: &Result<T, DbError>) {
    if let Err(error) = result
        && error.is_node_failure()
    {
        let databases = &lane.context.databases;
        databases.report_failure(candidate, error);
    }
    if let Err(error @ DbError::Resources(_)) = result {
        let is_write = lane.rules.target == Target::Writes;
        lane.context
            .databases
            .has_no_room(candidate, is_write, error);
    }
}

/// There is no connection, and no job has been taken yet. Writes stay in the lane; reads fail, and go to another node.
fn without_connection<W: Work>(lane: &Lane<W>, candidate: &Candidate, error: DbError) {
    report::<(), W>(lane, candidate, &Err(error.clone()));
    if lane.rules.target != Target::Writes {
        lane.fail_all(&Failure::Database(error));
    }
}
