//! The kinds of work that go through lanes.

use std::marker::PhantomData;
use std::sync::Arc;

use diesel::PgConnection;
use diesel::QueryResult;

use crate::ledger;
use crate::ledger::ask::batch::Batch;
use crate::ledger::ask::change::Change;
use crate::ledger::ask::create::Create;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::ask::search::Search;
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::Committed;
use crate::ledger::store::create::Created;
use crate::ledger::store::create_all::CreatedAll;
use crate::ledger::store::find::Wanted;
use crate::ledger::store::history::Events;
use crate::ledger::store::list::Page;
use crate::ledger::store::{self, proof};

/// One kind of work: how jobs of it are done together, by one statement.
pub trait Work: Send + Sync + 'static {
    type Job: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// How many jobs one statement takes.
    const MAX_BATCH: usize;

    /// Whose job it is: a statement is about one owner's rows.
    fn owner(job: &Self::Job) -> &str;

    /// About how many bytes of parameters it binds, where that matters.
    fn bytes(_: &Self::Job) -> usize {
        0
    }

    /// Does the jobs of one owner. `standbys` are those that count as a second copy (see [`Candidate::standbys`]). The answers are in the
    /// order of the jobs; Err: none of them was done.
    ///
    /// [`Candidate::standbys`]: crate::db::Candidate::standbys
    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Self::Job>],
        standbys: &[String],
    ) -> QueryResult<Done<Self::Answer>>;
}

pub struct Done<A> {
    pub answers: Vec<Result<A, ledger::Error>>,
    /// Its commit is on a standby too.
    pub replicated: bool,
}

/// Creates, each on its own.
pub struct Creating;

impl Work for Creating {
    type Job = Create;
    type Answer = Created;
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
        Ok(Done {
            answers: committed.value,
            replicated: committed.replicated,
        })
    }
}

/// Batches that clients made, each atomic by itself: a statement takes one.
pub struct CreatingAll;

impl Work for CreatingAll {
    type Job = Batch;
    type Answer = CreatedAll;
    const MAX_BATCH: usize = 1;

    fn owner(job: &Batch) -> &str {
        &job.caller().owner
    }

    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Batch>],
        standbys: &[String],
    ) -> QueryResult<Done<CreatedAll>> {
        each_committed(jobs, |job| {
            store::create_all::create_all(connection, owner, job, standbys)
        })
    }
}

/// Status changes. One at a time: each waits for a row that others may hold.
pub struct Changing;

impl Work for Changing {
    type Job = Change;
    type Answer = Transaction;
    const MAX_BATCH: usize = 1;

    fn owner(job: &Change) -> &str {
        &job.caller.owner
    }

    fn run(
        connection: &mut PgConnection,
        _: &str,
        jobs: &[Arc<Change>],
        standbys: &[String],
    ) -> QueryResult<Done<Transaction>> {
        each_committed(jobs, |job| store::change::change(connection, job, standbys))
    }
}

fn each_committed<J, A>(
    jobs: &[Arc<J>],
    mut run: impl FnMut(&J) -> QueryResult<Committed<Result<A, ledger::Error>>>,
) -> QueryResult<Done<A>> {
    let mut answers = Vec::new();
    let mut replicated = true;
    for job in jobs {
        let committed = run(job)?;
        replicated &= committed.replicated;
        answers.push(committed.value);
    }
    Ok(Done {
        answers,
        replicated,
    })
}

/// What a read is asked for, and whose it is.
pub struct Asked<T> {
    pub owner: String,
    pub what: T,
    pub tokens: Vec<Token>,
}

/// Reads by id.
pub struct Finding;

impl Work for Finding {
    type Job = Asked<uuid::Uuid>;
    type Answer = Transaction;
    const MAX_BATCH: usize = 64;

    fn owner(job: &Self::Job) -> &str {
        &job.owner
    }

    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Self::Job>],
        _: &[String],
    ) -> QueryResult<Done<Transaction>> {
        let wanted: Vec<Wanted> = jobs
            .iter()
            .map(|job| Wanted {
                id: job.what,
                tokens: &job.tokens,
            })
            .collect();
        read_only(store::find::find(connection, owner, &wanted))
    }
}

/// What is answered by a page.
pub trait Question: Send + Sync + 'static {
    type Page: Send + 'static;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Result<Self::Page, ledger::Error>>;
}

impl Question for Search {
    type Page = Page;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Result<Page, ledger::Error>> {
        store::list::list(connection, self, tokens)
    }
}

impl Question for HistoryPage {
    type Page = Events;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Result<Events, ledger::Error>> {
        store::history::history(connection, self, tokens)
    }
}

/// Searches and histories, page by page. One at a time: a page may be as much work as a hundred reads by id.
pub struct Paging<Q>(PhantomData<Q>);

impl<Q: Question> Work for Paging<Q> {
    type Job = Asked<Q>;
    type Answer = Q::Page;
    const MAX_BATCH: usize = 1;

    fn owner(job: &Self::Job) -> &str {
        &job.owner
    }

    fn run(
        connection: &mut PgConnection,
        _: &str,
        jobs: &[Arc<Self::Job>],
        _: &[String],
    ) -> QueryResult<Done<Q::Page>> {
        let pages = jobs.iter().map(|job| job.what.ask(connection, &job.tokens));
        read_only(pages.collect())
    }
}

fn read_only<A>(answers: QueryResult<Vec<Result<A, ledger::Error>>>) -> QueryResult<Done<A>> {
    Ok(Done {
        answers: answers?,
        replicated: false,
    })
}

/// The same reads, and then a commit that proves that this primary had not been replaced when they were made: one proof for all of a
/// batch (see [`proof::prove`]).
pub struct Proven<W>(PhantomData<W>);

impl<W: Work> Work for Proven<W> {
    type Job = W::Job;
    type Answer = W::Answer;
    const MAX_BATCH: usize = W::MAX_BATCH;

    fn owner(job: &W::Job) -> &str {
        W::owner(job)
    }

    fn bytes(job: &W::Job) -> usize {
        W::bytes(job)
    }

    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<W::Job>],
        standbys: &[String],
    ) -> QueryResult<Done<W::Answer>> {
        let done = W::run(connection, owner, jobs, standbys)?;
        proof::prove(connection)?;
        Ok(done)
    }
}
