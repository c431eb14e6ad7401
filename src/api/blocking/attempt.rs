//! One statement on one node, bounded in time whatever the node does.

use super::Api;
use crate::db::error::Error as DbError;
use crate::db::{Candidate, Patience, Permit, Pool, Use};
use crate::ledger;
use actix_web::web;
use diesel::PgConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// An answer that takes longer makes the monitor look at the node.
const SUSPICION: Duration = Duration::from_millis(200);

pub struct Bounds {
    pub patience: Patience,
    /// When the request must be answered.
    pub deadline: Option<Instant>,
    pub purpose: Use,
}

/// Why one attempt on one node gave no answer.
#[derive(Debug)]
pub enum Failure {
    Busy,
    /// Time is up, and nobody waits for it any more. `sent`: it may yet be applied.
    GaveUp {
        sent: bool,
    },
    Database(DbError),
    Ledger(ledger::Error),
    Panicked,
}

enum GivenUp {
    NodeDown,
    OutOfTime,
}

/// A thread that does not answer is left behind with its connection.
pub async fn attempt<T, F>(
    api: &Api,
    candidate: &Candidate,
    bounds: Bounds,
    op: F,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Send + 'static,
{
    if !api.databases.may_start(candidate) {
        return Err(Failure::Busy);
    }
    let permit = match candidate.pool.permit(bounds.purpose, bounds.patience).await {
        Ok(permit) => permit,
        Err(_) if candidate.pool.is_retired() => {
            return Err(Failure::Database(DbError::Unreachable(
                "the pool was retired".into(),
            )));
        }
        Err(_) => return Err(Failure::Busy),
    };
    let phase = Arc::new(AtomicU8::new(WAITING));
    #[expect(clippy::disallowed_methods, reason = "this is its room")]
    let mut task = Box::pin(web::block(blocking_part(
        candidate.pool.clone(),
        permit,
        phase.clone(),
        op,
    )));
    let started = Instant::now();
    let patience_ends = started + api.policy.attempt_timeout;
    let end = bounds
        .deadline
        .map_or(patience_ends, |deadline| deadline.min(patience_ends));
    let mut suspected = false;
    let given_up = loop {
        tokio::select! {
            biased;
            done = &mut task => return report(api, candidate, bounds.purpose, done.unwrap_or(Err(Failure::Panicked))),
            () = candidate.pool.retired() => break GivenUp::NodeDown,
            () = tokio::time::sleep_until(end.into()) => break GivenUp::OutOfTime,
            () = tokio::time::sleep_until((started + SUSPICION).into()), if !suspected => {
                suspected = true;
                api.databases.suspect(candidate);
            }
        }
    };
    let abandoned = api.databases.abandoned(candidate);
    actix_web::rt::spawn(async move {
        let _ = task.await;
        drop(abandoned);
    });
    let sent = phase
        .compare_exchange(WAITING, CANCELLED, Ordering::AcqRel, Ordering::Acquire)
        .is_err();
    report(api, candidate, bounds.purpose, Err(given_up.means(sent)))
}

impl GivenUp {
    /// Only a node that is down by what a probe or a broken connection said has failed. A commit may wait for a standby for ever, and a
    /// large answer take long, on a server that is well.
    fn means(self, sent: bool) -> Failure {
        match self {
            GivenUp::OutOfTime => Failure::GaveUp { sent },
            GivenUp::NodeDown if sent => Failure::Database(DbError::Lost(
                "the node went down before it answered".into(),
            )),
            GivenUp::NodeDown => {
                Failure::Database(DbError::Unreachable("the node went down".into()))
            }
        }
    }
}

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const CANCELLED: u8 = 2;

fn blocking_part<T, F>(
    pool: Arc<Pool>,
    permit: Permit,
    phase: Arc<AtomicU8>,
    op: F,
) -> impl FnOnce() -> Result<T, Failure>
where
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error>,
{
    move || {
        let _permit = permit;
        let mut connection = pool.connection().map_err(failure)?;
        // Whoever gave up before this point may say that nothing was sent.
        if phase
            .compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return Err(Failure::GaveUp { sent: false });
        }
        op(&mut connection).map_err(|error| match error {
            ledger::Error::Database(error) => failure(error.into()),
            error => Failure::Ledger(error),
        })
    }
}

fn failure(error: DbError) -> Failure {
    if matches!(error, DbError::Busy) {
        Failure::Busy
    } else {
        Failure::Database(error)
    }
}

fn report<T>(
    api: &Api,
    candidate: &Candidate,
    purpose: Use,
    result: Result<T, Failure>,
) -> Result<T, Failure> {
    match &result {
        Ok(_) | Err(Failure::Ledger(_)) => candidate.pool.count_answer(purpose),
        Err(Failure::Database(error)) if error.is_node_failure() => {
            api.databases.report_failure(candidate, &error.to_string())
        }
        _ => {}
    }
    result
}
