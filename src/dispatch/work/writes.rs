//! Writes.

use std::sync::Arc;

use diesel::PgConnection;
use diesel::QueryResult;

use super::{Done, Work};
use crate::ledger;
use crate::ledger::ask::batch::Batch;
use crate::ledger::ask::callback::Callback;
use crate::ledger::ask::change::Change;
use crate::ledger::ask::create::Create;
use crate::ledger::store::callback::Received;
use crate::ledger::store::change::Changed;
use crate::ledger::store::create::Created;
use crate::ledger::store::create_all::CreatedAll;
use crate::ledger::store::{self, Committed};

/// Creates, each on its own.
pub struct Creating;

impl Work for Creating {
    type Job = Create;
    type Answer = Created;
    const NAME: &'static str = "create";
    const MAX_BATCH: usize = store::create::MAX_BATCH;

    fn owner(job: &Create) -> &str {
        &job.caller.owner
    }

    fn bytes(job: &Create) -> usize {
        job.bytes
    }

    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Create>],
        standbys: &[String],
    ) -> QueryResult<Done<Created>> {
        let creates: Vec<&Create> = jobs.iter().map(Arc::as_ref).collect();
        let committed = store::create::create(connection, owner, &creates, standbys)?;
        Ok(Done::of(committed.value, committed.copies))
    }
}

/// Batches that clients made, each atomic by itself: a statement takes one.
pub struct CreatingAll;

impl Work for CreatingAll {
    type Job = Batch;
    type Answer = CreatedAll;
    const NAME: &'static str = "create_all";
    const MAX_BATCH: usize = 1;

    fn owner(job: &Batch) -> &str {
        &job.caller().owner
    }

    fn bytes(job: &Batch) -> usize {
        job.bytes
    }

    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Batch>],
        standbys: &[String],
    ) -> QueryResult<Done<CreatedAll>> {
        store::create_all::create_all(connection, owner, &jobs[0], standbys).map(one)
    }
}

/// Status changes. One at a time: each waits for a row that others may hold.
pub struct Changing;

impl Work for Changing {
    type Job = Change;
    type Answer = Changed;
    const NAME: &'static str = "change";
    const MAX_BATCH: usize = 1;
    const LOCK_MEANS_IN_PROGRESS: bool = false;

    fn owner(job: &Change) -> &str {
        &job.caller.owner
    }

    fn is_lasting(answer: &Changed) -> bool {
        answer.lasting
    }

    fn run(
        connection: &mut PgConnection,
        _: &str,
        jobs: &[Arc<Change>],
        standbys: &[String],
    ) -> QueryResult<Done<Changed>> {
        store::change::change(connection, &jobs[0], standbys).map(one)
    }
}

/// Callbacks. One at a time: each may wait for a row that others hold.
pub struct CallingBack;

impl Work for CallingBack {
    type Job = Callback;
    type Answer = Received;
    const NAME: &'static str = "callback";
    const MAX_BATCH: usize = 1;

    fn owner(job: &Callback) -> &str {
        &job.create.caller.owner
    }

    fn bytes(job: &Callback) -> usize {
        job.create.bytes
    }

    fn run(
        connection: &mut PgConnection,
        _: &str,
        jobs: &[Arc<Callback>],
        standbys: &[String],
    ) -> QueryResult<Done<Received>> {
        store::callback::receive(connection, &jobs[0], standbys).map(one)
    }
}

/// The answer of a statement that does one job.
fn one<A>(committed: Committed<Result<A, ledger::Error>>) -> Done<A> {
    Done::of(vec![committed.value], committed.copies)
}
