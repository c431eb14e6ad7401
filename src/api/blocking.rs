//! The only bridge from async to blocking, and the only user of `web::block`: which node, how long, what a failure means, what next.

use super::Api;
use super::problem::{self, Problem};
use crate::db::error::{Error as DbError, Outcome};
use crate::db::role::DbRole;
use crate::db::{Candidate, Permit, Pool};
use crate::ledger::token::Token;
use crate::ledger::{self, read as ledger_read};
use actix_web::web;
use diesel::PgConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long a read looks for a node, and a request waits in line for a connection.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a read waits in line while there is another node to ask.
const IMPATIENCE: Duration = Duration::from_millis(20);
/// An answer that takes longer makes the monitor look at the node.
const SUSPICION: Duration = Duration::from_millis(200);
/// Between two looks for a node that can serve.
const PAUSE: Duration = Duration::from_millis(20);

/// What a read asks of the node that serves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consistency {
    pub strong: bool,
    pub tokens: Vec<Token>,
}

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

/// Why one attempt on one node gave no answer.
#[derive(Debug)]
enum Failure {
    Busy,
    Database(DbError),
    Ledger(ledger::Error),
    Panicked,
}

/// Reads where the consistency allows, best node first; a failure costs one attempt and the next node is asked in the same request.
pub async fn read<T, F>(api: &Api, consistency: &Consistency, query: F) -> Result<Served<T>, Problem>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Clone + Send + 'static,
{
    let deadline = Instant::now() + PATIENCE;
    let mut busy = false;
    let mut last_resort = None;
    loop {
        let candidates = read_candidates(api, consistency);
        for (i, candidate) in candidates.iter().enumerate() {
            let patience = if i + 1 < candidates.len() { IMPATIENCE } else { deadline.saturating_duration_since(Instant::now()) };
            let asked = consistent(consistency.clone(), candidate.role, query.clone());
            match attempt(api, candidate, patience, api.policy.attempt_timeout, asked).await {
                Ok(value) => return Ok(Served { value, role: candidate.role, lag_ms: candidate.lag_ms }),
                Err(Failure::Panicked) => return Err(Problem::internal(PANICKED)),
                // A replica that has not replayed it yet says the same as one where it never was: a better informed node decides.
                Err(Failure::Ledger(error)) if candidate.role == DbRole::Replica => last_resort = Some(error),
                Err(Failure::Ledger(error)) => return Err(error.into()),
                Err(Failure::Busy) => busy = true,
                Err(Failure::Database(error)) if !error.is_retryable() && candidate.role == DbRole::Primary => {
                    return Err(Problem::internal(error));
                }
                // Also what only a replica cannot do: it may not have replayed the latest migration.
                Err(Failure::Database(error)) => log::debug!(error:%; "a read goes to the next node"),
            }
        }
        match last_resort {
            Some(ledger::Error::TokenNotVisible) | None => {}
            Some(error) => return Err(error.into()),
        }
        if Instant::now() >= deadline || (!candidates.is_empty() && !api.retries.take()) {
            return Err(no_read(consistency, busy));
        }
        last_resort = None;
        tokio::time::sleep(PAUSE).await;
    }
}

fn read_candidates(api: &Api, consistency: &Consistency) -> Vec<Candidate> {
    if consistency.strong { api.databases.primary_now().into_iter().collect() } else { api.databases.read_candidates() }
}

fn no_read(consistency: &Consistency, busy: bool) -> Problem {
    if busy {
        Problem::new(&problem::OVERLOADED, "too many requests are waiting for a connection")
    } else if *consistency == Consistency::default() {
        Problem::new(&problem::READ_UNAVAILABLE, "no database answers")
    } else {
        Problem::new(&problem::CONSISTENCY_UNAVAILABLE, "no database that could answer consistently is available")
    }
}

/// The tokens are checked on the node that serves. What a primary says of absence, or of now, is fenced: it may have been cut off.
fn consistent<T>(
    consistency: Consistency,
    role: DbRole,
    query: impl Fn(&mut PgConnection) -> Result<T, ledger::Error>,
) -> impl Fn(&mut PgConnection) -> Result<T, ledger::Error> {
    move |connection| {
        let visible = ledger_read::tokens_are_visible(connection, &consistency.tokens)?;
        let result = if visible { query(connection) } else { Err(ledger::Error::TokenNotVisible) };
        if role == DbRole::Primary && (consistency.strong || !visible) {
            ledger_read::fence(connection)?;
        }
        result
    }
}

/// Runs a repeatable write on the verified primary, again and again while its outcome is in doubt, until the deadline.
/// `in_progress`: the answer where another request holds the lock; without it the write is repeated.
pub async fn write<T, F>(api: &Api, in_progress: Option<&'static problem::Kind>, op: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Send + Sync + 'static,
{
    let op = Arc::new(op);
    let deadline = Instant::now() + api.policy.write_deadline;
    let mut doubt = Doubt::default();
    loop {
        let primary = api.databases.primary(deadline).await.map_err(|none| doubt.or(none.into()))?;
        if api.policy.require_replication && !primary.synchronous && !doubt.any {
            return Err(ledger::Error::NotReplicated.into());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let (op, timeout) = (op.clone(), api.policy.attempt_timeout.min(left));
        match attempt(api, &primary, PATIENCE.min(left), timeout, move |connection| op(connection)).await {
            Ok(value) if api.databases.is_current(&primary) => return Ok(value),
            Ok(_) => doubt.any = true,
            Err(Failure::Ledger(ledger::Error::LostRace)) => {}
            Err(Failure::Ledger(error)) if api.databases.is_current(&primary) => return Err(doubt.unless_known(error)),
            Err(Failure::Ledger(_)) => {}
            Err(Failure::Busy) if !doubt.any => return Err(no_read(&Consistency::default(), true)),
            Err(Failure::Busy) => {}
            Err(Failure::Database(DbError::LockTimeout)) if !doubt.any && in_progress.is_some() => {
                let kind = in_progress.unwrap_or(&problem::OVERLOADED);
                return Err(Problem::new(kind, "the first request with this key has not finished yet"));
            }
            Err(Failure::Database(error)) if !error.is_retryable() => return Err(doubt.or(Problem::internal(error))),
            Err(Failure::Database(error)) => doubt.any |= error.outcome() == Outcome::Unknown,
            Err(Failure::Panicked) => return Err(doubt.or(Problem::internal(PANICKED))),
        }
        if Instant::now() >= deadline || !api.retries.take() {
            return Err(doubt.or(Problem::new(&problem::PRIMARY_UNAVAILABLE, "no attempt succeeded; nothing was applied")));
        }
        doubt.pause().await;
    }
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
        let detail = "the write may have been applied: repeat the same request to learn its outcome";
        Problem::new(&problem::OUTCOME_UNKNOWN, detail)
    }

    /// The ledger's answers hold whatever came before, but for the one that says nothing was tried.
    fn unless_known(&self, error: ledger::Error) -> Problem {
        match error {
            ledger::Error::NotReplicated => self.or(error.into()),
            error => error.into(),
        }
    }

    /// Full jitter, capped: many requests repeat at once after a failover.
    async fn pause(&mut self) {
        let cap_ms = 1_u64 << self.pauses.min(6);
        self.pauses += 1;
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..=cap_ms * 1000))).await;
    }
}

const PANICKED: &str = "a blocking thread panicked";
const WAITING: u8 = 0;
const STARTED: u8 = 1;
const CANCELLED: u8 = 2;

/// One statement on one node, bounded in time. A thread that does not answer is left behind with its connection, and the node's pool
/// is retired.
async fn attempt<T, F>(api: &Api, candidate: &Candidate, patience: Duration, timeout: Duration, op: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error> + Send + 'static,
{
    if !api.databases.may_start(candidate) {
        return Err(Failure::Busy);
    }
    let permit = match candidate.pool.permit(patience).await {
        Ok(permit) => permit,
        Err(_) if candidate.pool.is_retired() => {
            return Err(Failure::Database(DbError::Unreachable("the pool was retired".into())));
        }
        Err(_) => return Err(Failure::Busy),
    };
    let phase = Arc::new(AtomicU8::new(WAITING));
    #[expect(clippy::disallowed_methods, reason = "this is its room")]
    let mut task = Box::pin(web::block(blocking_part(candidate.pool.clone(), permit, phase.clone(), op)));
    let started = tokio::time::Instant::now();
    let mut suspected = false;
    let given_up = loop {
        tokio::select! {
            biased;
            done = &mut task => return finished(api, candidate, done.unwrap_or(Err(Failure::Panicked))),
            () = candidate.pool.retired() => break "the node went down before it answered".to_owned(),
            () = tokio::time::sleep_until(started + timeout) => break format!("no answer within {} ms", timeout.as_millis()),
            () = tokio::time::sleep_until(started + SUSPICION), if !suspected => {
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
    let never_sent = phase.compare_exchange(WAITING, CANCELLED, Ordering::AcqRel, Ordering::Acquire).is_ok();
    let error = if never_sent { DbError::Unreachable(given_up) } else { DbError::Lost(given_up) };
    finished(api, candidate, Err(Failure::Database(error)))
}

fn blocking_part<T, F>(pool: Arc<Pool>, permit: Permit, phase: Arc<AtomicU8>, op: F) -> impl FnOnce() -> Result<T, Failure>
where
    F: Fn(&mut PgConnection) -> Result<T, ledger::Error>,
{
    move || {
        let _permit = permit;
        let mut connection = pool.connection().map_err(Failure::Database)?;
        // Whoever gave up before this point may say that nothing was sent.
        if phase.compare_exchange(WAITING, STARTED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Err(Failure::Database(DbError::Unreachable("given up".into())));
        }
        op(&mut connection).map_err(|error| match error {
            ledger::Error::Database(error) => Failure::Database(error.into()),
            error => Failure::Ledger(error),
        })
    }
}

fn finished<T>(api: &Api, candidate: &Candidate, result: Result<T, Failure>) -> Result<T, Failure> {
    match &result {
        Err(Failure::Database(error)) if error.is_node_failure() => api.databases.report_failure(candidate, &error.to_string()),
        Err(_) => {}
        Ok(_) => api.retries.earn(),
    }
    result
}
