//! The kinds of work that go through lanes.

mod reads;
mod writes;

pub use reads::{Asked, Finding, Paging, Proven};
pub use writes::{CallingBack, Changing, Creating, CreatingAll};

use std::sync::Arc;
use std::time::Instant;

use diesel::PgConnection;
use diesel::QueryResult;

use crate::ledger;
use crate::ledger::store::Copies;

/// One kind of work: how jobs of it are done together, by one statement.
pub trait Work: Send + Sync + 'static {
    type Job: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// The name of its lanes in `/metrics`.
    const NAME: &'static str;
    /// How many jobs one statement takes: `run` is given at least one.
    const MAX_BATCH: usize;
    const WEIGHT: Weight = Weight::Light;
    /// A later page goes on from what this one shows, as in an export. So even default reads skip nodes that are on another branch of the
    /// history.
    const ONE_HISTORY: bool = false;
    /// For a write: if another session holds a lock for too long, the client is told that an earlier request with the same handle is in
    /// progress. That is a guess: the lock may also be that of a schema change.
    const LOCK_MEANS_IN_PROGRESS: bool = true;

    /// Whose job it is: a statement is about one owner's rows.
    fn owner(job: &Self::Job) -> &str;

    /// About how many bytes of parameters it binds, where that matters.
    fn bytes(_: &Self::Job) -> usize {
        0
    }

    /// For a write: this success is the last word on the job, whatever becomes of an earlier attempt that still hangs somewhere, as
    /// [`ledger::Error::is_lasting`] says of a refusal. One that is not tells of no write of the job's own.
    fn is_lasting(_: &Self::Answer) -> bool {
        true
    }

    /// Does the jobs of one owner. `standbys` are those that count as a second copy (see [`Candidate::standbys`]). The answers are in the
    /// order of the jobs. Err: the statement failed as a whole, and no job has an answer.
    ///
    /// [`Candidate::standbys`]: crate::db::Candidate::standbys
    fn run(
        connection: &mut PgConnection,
        owner: &str,
        jobs: &[Arc<Self::Job>],
        standbys: &[String],
    ) -> QueryResult<Done<Self::Answer>>;
}

/// How much work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It takes milliseconds. A job that waits longer than a moment goes to another node.
    Light,
    /// It may take as long as a statement may, and reads so much that a lane does one at a time, with one connection. So such jobs leave
    /// the other connections to other work, and wait for each other only, for as long as a statement may take.
    Heavy,
}

pub struct Done<A> {
    pub answers: Vec<Result<A, ledger::Error>>,
    /// Which standbys have its commit.
    pub copies: Copies,
    /// For a read: whether the server was a standby, where that was asked ([`ledger::store::Read`]).
    pub in_recovery: Option<bool>,
    /// For a proved read: when its proof was sent.
    pub proved_at: Option<Instant>,
}

impl<A> Done<A> {
    fn of(answers: Vec<Result<A, ledger::Error>>, copies: Copies) -> Done<A> {
        Done {
            answers,
            copies,
            in_recovery: None,
            proved_at: None,
        }
    }
}
