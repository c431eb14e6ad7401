//! The kinds of work that go through lanes.

mod reads;
mod writes;

pub use reads::{Asked, Finding, Paging, Proven};
pub use writes::{CallingBack, Changing, Creating, CreatingAll};

use std::sync::Arc;

use diesel::PgConnection;
use diesel::QueryResult;

use crate::ledger;
use crate::ledger::store::Copies;

/// One kind of work: how jobs of it are done together, by one statement.
pub trait Work: Send + Sync + 'static {
    type Job: Send + Sync + 'static;
    type Answer: Send + 'static;
    /// As `/metrics` calls its lanes.
    const NAME: &'static str;
    /// How many jobs one statement takes: `run` is given at least one.
    const MAX_BATCH: usize;
    const WEIGHT: Weight = Weight::Light;
    /// A later page goes on from what this one shows, as in an export: nodes on another branch of the history are skipped, for default reads
    /// too.
    const ONE_HISTORY: bool = false;

    /// Its answers count only where its commit is on a standby that counts, if commits wait for any: where the settings require that.
    const PROVES: bool = false;

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

/// How much a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Milliseconds: whoever waits longer than a moment asks another node.
    Light,
    /// It may take as long as a statement may, and reads so much that one at a time is enough for a node: all jobs of this kind share one
    /// connection there, so they take nothing from the others, and nothing of the others is in line before them. They wait their turn for
    /// as long as one may take.
    Heavy,
}

pub struct Done<A> {
    pub answers: Vec<Result<A, ledger::Error>>,
    /// Who has its commit.
    pub copies: Copies,
    /// Of a read: whether the server was a standby, where that was asked ([`ledger::store::Read`]).
    pub in_recovery: Option<bool>,
}
