//! Reads.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use diesel::PgConnection;
use diesel::QueryResult;

use super::{Done, Weight, Work};
use crate::ledger;
use crate::ledger::ask::export::ExportPage;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::ask::search::Search;
use crate::ledger::ask::stats::Stats;
use crate::ledger::ask::token::Token;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::export::Exported;
use crate::ledger::store::find::Wanted;
use crate::ledger::store::history::Events;
use crate::ledger::store::list::Page;
use crate::ledger::store::stats::Counted;
use crate::ledger::store::{self, Copies, Read, proof};

/// What a read asks for, whose it is, and the tokens whose writes it must show.
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
    const NAME: &'static str = "find";
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
        let found = store::find::find(connection, owner, &wanted)?;
        Ok(read_only(found.value, found.in_recovery))
    }
}

/// A question that is answered with one page.
pub trait Question: Send + Sync + 'static {
    type Page: Send + 'static;
    const NAME: &'static str;
    const WEIGHT: Weight = Weight::Light;
    const ONE_HISTORY: bool = false;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Read<Result<Self::Page, ledger::Error>>>;
}

impl Question for Search {
    type Page = Page;
    const NAME: &'static str = "list";

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Read<Result<Page, ledger::Error>>> {
        store::list::list(connection, self, tokens)
    }
}

impl Question for HistoryPage {
    type Page = Events;
    const NAME: &'static str = "history";

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Read<Result<Events, ledger::Error>>> {
        store::history::history(connection, self, tokens)
    }
}

impl Question for ExportPage {
    type Page = Exported;
    const NAME: &'static str = "export";
    const WEIGHT: Weight = Weight::Heavy;
    const ONE_HISTORY: bool = true;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Read<Result<Exported, ledger::Error>>> {
        store::export::export(connection, self, tokens)
    }
}

impl Question for Stats {
    type Page = Counted;
    const NAME: &'static str = "stats";
    const WEIGHT: Weight = Weight::Heavy;

    fn ask(
        &self,
        connection: &mut PgConnection,
        tokens: &[Token],
    ) -> QueryResult<Read<Result<Counted, ledger::Error>>> {
        store::stats::count(connection, self, tokens)
    }
}

/// Searches, histories, exports and statistics, page by page. One at a time: a page may be as much work as a hundred reads by id.
pub struct Paging<Q>(PhantomData<Q>);

impl<Q: Question> Work for Paging<Q> {
    type Job = Asked<Q>;
    type Answer = Q::Page;
    const NAME: &'static str = Q::NAME;
    const MAX_BATCH: usize = 1;
    const WEIGHT: Weight = Q::WEIGHT;
    const ONE_HISTORY: bool = Q::ONE_HISTORY;

    fn owner(job: &Self::Job) -> &str {
        &job.owner
    }

    fn run(
        connection: &mut PgConnection,
        _: &str,
        jobs: &[Arc<Self::Job>],
        _: &[String],
    ) -> QueryResult<Done<Q::Page>> {
        let job = &jobs[0];
        let page = job.what.ask(connection, &job.tokens)?;
        Ok(read_only(vec![page.value], page.in_recovery))
    }
}

fn read_only<A>(answers: Vec<Result<A, ledger::Error>>, in_recovery: Option<bool>) -> Done<A> {
    Done {
        in_recovery,
        ..Done::of(answers, Copies::NONE)
    }
}

/// The same reads, and then a commit that proves that this primary had not been replaced when they were made: one proof for all of a
/// batch (see [`proof::prove`]).
pub struct Proven<W>(PhantomData<W>);

impl<W: Work> Work for Proven<W> {
    type Job = W::Job;
    type Answer = W::Answer;
    const NAME: &'static str = W::NAME;
    const MAX_BATCH: usize = W::MAX_BATCH;
    const WEIGHT: Weight = W::WEIGHT;
    const ONE_HISTORY: bool = W::ONE_HISTORY;

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
        let proved_at = Some(Instant::now());
        let copies = proof::prove_to(connection, standbys)?;
        Ok(Done {
            copies,
            proved_at,
            ..done
        })
    }
}
