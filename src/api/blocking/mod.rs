//! The only bridge from async to blocking: which node, how long, what a failure means, what next.

mod attempt;
mod retries;

pub use retries::RetryBudget;

use super::Api;
use super::problem::{self, Problem};
use crate::db::error::{Error as DbError, Outcome};
use crate::db::role::DbRole;
use crate::db::{Candidate, Patience, Use};
use crate::ledger;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::store::{Committed, proof};
use attempt::{Bounds, Failure, attempt};
use diesel::PgConnection;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a read looks for a node, and a request waits in line for a connection while the line moves.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a default read looks for a node where one was up until just now: all pools may have to be rebuilt at once.
const BLIP_PATIENCE: Duration = Duration::from_secs(3);
/// How long a read waits in line while there is another node to ask.
const IMPATIENCE: Duration = Duration::from_millis(20);
/// Between two looks for a node that can serve.
const PAUSE: Duration = Duration::from_millis(20);
/// A write that took longer to find a primary was held.
const HELD: Duration = Duration::from_millis(20);

const PANICKED: &str = "a blocking thread panicked";

/// An answer, and where it is from.
#[derive(Debug)]
pub struct Served<T> {
    pub value: T,
    role: DbRole,
    lag_ms: Option<u64>,
}

impl<T> Served<T> {
    pub fn by(&self) -> String {
        self.role.to_string()
    }

    /// None from the primary, and where nobody knows.
    pub fn replica_lag_ms(&self) -> Option<u64> {
        self.lag_ms.filter(|_| self.role == DbRole::Replica)
    }
}

/// Reads where the consistency allows, best node first; a failure costs one attempt and the next node is asked in the same request.
pub async fn read<T, F>(
    api: &Api,
    consistency: &Consistency,
    query: F,
) -> Result<Served<T>, Problem>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Clone + Send + 'static,
{
    // A blip of all nodes at once is waited out for longer than an outage that goes on.
    let blip = *consistency == Consistency::Eventual && api.databases.lost_within(BLIP_PATIENCE);
    let deadline = Instant::now() + if blip { BLIP_PATIENCE } else { PATIENCE };
    loop {
        let mut absent = None;
        let mut busy = 0;
        let candidates = read_candidates(api, consistency);
        for (i, candidate) in candidates.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = if i + 1 < candidates.len() {
                IMPATIENCE
            } else {
                PATIENCE.min(left)
            };
            match ask(api, candidate, patience, consistency, query.clone()).await {
                Ok(value) => {
                    api.read_retries.earn();
                    return Ok(Served {
                        value,
                        role: candidate.role,
                        lag_ms: candidate.lag_ms,
                    });
                }
                Err(Failure::Panicked) => return Err(Problem::internal(PANICKED)),
                // A replica that has not replayed it yet says the same as one where it never was: a better informed node decides.
                Err(Failure::Ledger(error)) if candidate.role == DbRole::Replica => {
                    absent = Some((error, candidate.lag_ms))
                }
                Err(Failure::Ledger(error)) => return Err(error.into()),
                Err(Failure::Busy) => busy += 1,
                // A strong read that no standby confirms, or an answer too large.
                Err(Failure::GaveUp { .. }) => {}
                Err(Failure::Database(DbError::Cancelled(_))) => return Err(too_slow()),
                Err(Failure::Database(error @ DbError::Statement(_)))
                    if candidate.role == DbRole::Primary =>
                {
                    return Err(Problem::internal(error));
                }
                // Also what only a replica cannot do: it may not have replayed the latest migration.
                Err(Failure::Database(_)) if !api.read_retries.take() => {
                    return Err(no_read(consistency, busy > 0));
                }
                Err(Failure::Database(error)) => {
                    log::debug!(error:%; "a read goes to the next node")
                }
            }
        }
        match absent {
            Some((ledger::Error::TokenNotVisible, _)) | None => {}
            Some((error, lag_ms)) => return Err(Problem::from(error).said_by_replica(lag_ms)),
        }
        let all_busy = busy > 0 && busy == candidates.len();
        if all_busy || Instant::now() >= deadline {
            return Err(no_read(consistency, busy > 0));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn read_candidates(api: &Api, consistency: &Consistency) -> Vec<Candidate> {
    if consistency.is_strong() {
        api.databases.primary_now().into_iter().collect()
    } else {
        api.databases.read_candidates()
    }
}

/// The tokens are checked on the node that serves. What a primary says of absence, or of now, is fenced, and counts only if no other
/// primary has been seen meanwhile.
async fn ask<T, F>(
    api: &Api,
    candidate: &Candidate,
    patience: Duration,
    consistency: &Consistency,
    query: F,
) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Send + 'static,
{
    let strong = consistency.is_strong();
    let on_primary = candidate.role == DbRole::Primary;
    let purpose = if on_primary && strong {
        Use::Commit
    } else {
        Use::Read
    };
    let bounds = Bounds {
        patience: Patience::of(patience),
        deadline: None,
        purpose,
    };
    let result = attempt(api, candidate, bounds, move |connection| {
        let result = query(connection);
        if on_primary && (strong || matches!(result, Err(ledger::Error::TokenNotVisible))) {
            proof::prove(connection)?;
        }
        result
    });
    let result = result.await;
    let claims_now =
        strong || matches!(result, Err(Failure::Ledger(ledger::Error::TokenNotVisible)));
    if on_primary && claims_now && !api.databases.is_current(candidate) {
        return Err(Failure::Database(DbError::ReadOnly));
    }
    result
}

fn no_read(consistency: &Consistency, busy: bool) -> Problem {
    if busy {
        Problem::new(
            &problem::OVERLOADED,
            "too many requests are waiting for a connection",
        )
    } else if *consistency == Consistency::Eventual {
        Problem::new(&problem::READ_UNAVAILABLE, "no database answers")
    } else {
        Problem::new(
            &problem::CONSISTENCY_UNAVAILABLE,
            "no database that could answer consistently is available",
        )
    }
}

fn too_slow() -> Problem {
    Problem::new(
        &problem::OVERLOADED,
        "the query took too long and was cancelled: ask for less",
    )
}

/// What a write came to, and whether it is on a standby too.
#[derive(Debug)]
pub struct Written<T> {
    pub value: T,
    pub replicated: bool,
}

/// Runs a repeatable write on the verified primary, again and again while its outcome is in doubt, until the deadline.
/// `in_progress`: the answer where another request holds the lock; without it the write is repeated.
pub async fn write<T, F>(
    api: &Api,
    in_progress: Option<&'static problem::Kind>,
    op: F,
) -> Result<Written<T>, Problem>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<Committed<Result<T, ledger::Error>>, ledger::Error>
        + Send
        + Sync
        + 'static,
{
    let op = Arc::new(op);
    let started = Instant::now();
    let deadline = started + api.policy.write_deadline;
    let required = api.policy.require_replication;
    let mut doubt = Doubt::default();
    loop {
        let primary = api
            .databases
            .primary(deadline)
            .await
            .map_err(|none| doubt.or(none.into()))?;
        if required && !primary.synchronous && !doubt.any {
            // A new primary is alone for a moment after a failover.
            if Instant::now() < deadline
                && api
                    .databases
                    .was_synchronous_within(api.policy.write_deadline)
            {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return Err(not_durable());
        }
        let bounds = bounds(started, deadline, &doubt);
        let op = op.clone();
        let result = attempt(api, &primary, bounds, move |connection| op(connection)).await;
        match result {
            Ok(Committed { value, replicated }) => {
                let counts = api.databases.is_current(&primary) && (replicated || !required);
                match value {
                    Ok(value) if counts => {
                        api.write_retries.earn();
                        return Ok(Written { value, replicated });
                    }
                    Ok(_) => doubt.any = true,
                    Err(ledger::Error::LostRace) => {}
                    // A refusal holds, unless an earlier attempt that still hangs somewhere could be accepted later.
                    Err(error) if counts && (error.is_lasting() || !doubt.any) => {
                        return Err(error.into());
                    }
                    Err(_) => {}
                }
            }
            Err(Failure::Ledger(error)) => return Err(doubt.or(error.into())),
            Err(Failure::Busy) if !doubt.any => {
                return Err(no_read(&Consistency::Eventual, true));
            }
            Err(Failure::Busy) => {}
            Err(Failure::GaveUp { sent }) => doubt.any |= sent,
            Err(Failure::Panicked) => return Err(doubt.or(Problem::internal(PANICKED))),
            Err(Failure::Database(error)) => {
                doubt.after(error, in_progress, &api.write_retries)?;
            }
        }
        if Instant::now() >= deadline {
            return Err(doubt.or(not_applied()));
        }
        doubt.pause().await;
    }
}

fn bounds(started: Instant, deadline: Instant, doubt: &Doubt) -> Bounds {
    let left = deadline.saturating_duration_since(Instant::now());
    // Those who were held all come at once: they may wait for each other.
    let moving = if doubt.any || started.elapsed() > HELD {
        left
    } else {
        PATIENCE.min(left)
    };
    Bounds {
        patience: Patience {
            moving,
            until: deadline,
        },
        deadline: Some(deadline),
        purpose: Use::Commit,
    }
}

fn not_durable() -> Problem {
    Problem::new(
        &problem::DURABILITY_UNAVAILABLE,
        "no standby would confirm this write; nothing was applied",
    )
}

fn not_applied() -> Problem {
    Problem::new(
        &problem::PRIMARY_UNAVAILABLE,
        "no attempt succeeded; nothing was applied",
    )
}

/// Whether an earlier attempt may have been applied. From then on no answer may say that nothing happened.
#[derive(Default)]
struct Doubt {
    any: bool,
    pauses: u32,
}

impl Doubt {
    fn or(&self, problem: Problem) -> Problem {
        if !self.any {
            return problem;
        }
        let detail =
            "the write may have been applied: repeat the same request to learn its outcome";
        Problem::new(&problem::OUTCOME_UNKNOWN, detail)
    }

    /// Err: the end. Ok: repeat.
    fn after(
        &mut self,
        error: DbError,
        in_progress: Option<&'static problem::Kind>,
        budget: &RetryBudget,
    ) -> Result<(), Problem> {
        match (&error, in_progress) {
            (DbError::LockTimeout, Some(kind)) if !self.any => {
                return Err(Problem::new(
                    kind,
                    "another request holds the key, or the table is locked: it has not finished yet",
                ));
            }
            (DbError::Statement(_), _) => return Err(self.or(Problem::internal(error))),
            _ => self.any |= error.outcome() == Outcome::Unknown,
        }
        if budget.take() {
            Ok(())
        } else {
            Err(self.or(not_applied()))
        }
    }

    /// Full jitter, capped: many requests repeat at once after a failover.
    async fn pause(&mut self) {
        let cap_ms = 1_u64 << self.pauses.min(6);
        self.pauses += 1;
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..=cap_ms * 1000))).await;
    }
}
