//! Brings work to a node and its answer back. Knows `db` and the ledger's errors; no HTTP, no SQL.
//!
//! The story of a write, second by second, on a primary that is about to die:
//!
//! * t = 0 s: a handler hands over a create. [`Dispatch::create`] puts it into a [`lane`], where it waits its turn as a *job*. It does not
//!   take a thread or a connection yet. The lane has no *leader*, so one is started: a blocking thread with one connection.
//! * t = 0.1 ms: the [`leader`] takes the job, and all others that have gathered, and runs one statement for them. More jobs gather
//!   meanwhile; it goes on until the lane is empty.
//! * t = 1 ms: the primary is killed. The connection breaks, and the statement fails with [`crate::db::error::Error::Lost`]: it may have
//!   been applied. The leader reports the node, which goes down; every job of the batch is in *doubt* ([`verdict::Doubt`]).
//! * t = 1 ms: [`verdict::write`] decides that the same job is sent again. It goes back into the lane. There is no primary, so the lane
//!   *holds* it.
//! * t = 5 s: a standby has been promoted and is verified. A leader starts, and sends the statement again with the same id. It stores the
//!   row, or finds its own id, which the first attempt had stored: either way the answer is 201.
//! * t = 8 s, if no primary has come by then: the deadline has passed. The job is taken out of the lane and answered "may have been
//!   applied", or "not applied" if it had never been sent.
//!
//! A read goes to the best node ([`read`]), and to the next if that fails, in the same way: as a job in a lane before that node.
//!
//! The files, in the order in which a request meets them:
//!
//! * [`bounds`]: what the client itself limits, and which limits cannot be kept; [`error`]: how a request can end without an answer;
//! * [`write`], [`read`], [`export`]: a request from its beginning to its end, attempt after attempt; [`verdict`]: what follows from an
//!   attempt; [`budget`]: how many attempts there may be;
//! * [`work`]: the kinds of work, and the statement of each; [`rules`]: what a lane is for, and its limits;
//! * [`lane`]: where jobs wait. In it: `queue` (in which order, and who makes room), `ticket` (a job that waits, and may be withdrawn),
//!   `pair` (a second lane for jobs that need a statement of their own), `seat` (a leader's place), `pace` (how many leaders, and when),
//!   `floor` (how long a commit takes at least, so that what cannot be in time is not sent);
//! * [`leader`], [`term`]: a thread with a connection, which runs the statements; [`watcher`]: gives it up if the server does not answer;
//! * [`answering`]: whether an answer counts; [`attempt`]: what is handed back to the request;
//! * [`status`]: what an operator sees of all this.

mod answering;
mod attempt;
mod bounds;
mod budget;
mod error;
mod export;
mod lane;
mod leader;
mod read;
mod rules;
mod status;
mod term;
pub mod verdict;
mod watcher;
mod work;
mod write;

pub use attempt::{Durability, Failure, Origin};
pub use bounds::{Bound, Bounds, MAX_DEADLINE_MS, MAX_STALENESS_MS};
pub use error::Error;
pub use export::Export;
pub use read::Served;
pub use rules::Policy;
pub use status::LaneStatus;
pub use write::Written;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use uuid::Uuid;

use crate::db::Databases;
use crate::ledger::ask::batch::Batch;
use crate::ledger::ask::callback::Callback;
use crate::ledger::ask::caller::Caller;
use crate::ledger::ask::change::Change;
use crate::ledger::ask::consistency::Consistency;
use crate::ledger::ask::create::Create;
use crate::ledger::ask::export::ExportPage;
use crate::ledger::ask::history::HistoryPage;
use crate::ledger::ask::search::Search;
use crate::ledger::ask::stats::Stats;
use crate::ledger::model::transaction::Transaction;
use crate::ledger::store::callback::Received;
use crate::ledger::store::change::Changed;
use crate::ledger::store::create::Created;
use crate::ledger::store::create_all::CreatedAll;
use crate::ledger::store::history::Events;
use crate::ledger::store::list::Page;
use crate::ledger::store::stats::Counted;
use budget::RetryBudget;
use lane::Pair;
use read::ReadLanes;
use rules::Target;
use status::Counts;
use watcher::Watcher;
use work::{CallingBack, Changing, Creating, CreatingAll, Finding, Paging};

/// What lanes and leaders share.
struct Context {
    databases: Arc<Databases>,
    policy: Policy,
    /// The runtime on whose blocking threads leaders run.
    runtime: Handle,
    watcher: Arc<Watcher>,
    stopping: AtomicBool,
}

impl Context {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The lanes of all kinds of work.
pub struct Dispatch {
    context: Arc<Context>,
    creating: Pair<Creating>,
    creating_all: Pair<CreatingAll>,
    changing: Pair<Changing>,
    calling_back: Pair<CallingBack>,
    finding: ReadLanes<Finding>,
    listing: ReadLanes<Paging<Search>>,
    histories: ReadLanes<Paging<HistoryPage>>,
    counting: ReadLanes<Paging<Stats>>,
    exporting: ReadLanes<Paging<ExportPage>>,
    read_retries: RetryBudget,
    write_retries: RetryBudget,
    counts: Counts,
    runtime: Mutex<Option<Runtime>>,
}

impl Dispatch {
    pub fn start(databases: Arc<Databases>, policy: Policy) -> std::io::Result<Dispatch> {
        let runtime = leader::runtime(&databases)?;
        let reserve = budget::reserve_for(policy.max_waiting);
        let context = Arc::new(Context {
            databases,
            policy,
            runtime: runtime.handle().clone(),
            watcher: Arc::default(),
            stopping: AtomicBool::new(false),
        });
        runtime.spawn(watcher::look_after_all(context.clone()));
        Ok(Dispatch {
            creating: Pair::new(&context, Target::Writes),
            creating_all: Pair::new(&context, Target::Writes),
            changing: Pair::new(&context, Target::Writes),
            calling_back: Pair::new(&context, Target::Writes),
            finding: ReadLanes::new(&context),
            listing: ReadLanes::new(&context),
            histories: ReadLanes::new(&context),
            counting: ReadLanes::new(&context),
            exporting: ReadLanes::new(&context),
            read_retries: RetryBudget::new(reserve),
            write_retries: RetryBudget::new(reserve),
            counts: Counts::default(),
            runtime: Mutex::new(Some(runtime)),
            context,
        })
    }

    /// Starts no more leaders. Those that are running end by themselves.
    pub fn stop(&self) {
        self.context.stopping.store(true, Ordering::Release);
        let runtime = self.runtime.lock().take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    pub async fn create(&self, create: Create, bounds: Bounds) -> Result<Written<Created>, Error> {
        let written = self.write(&self.creating, create, bounds).await?;
        self.counts.replayed(written.value.how.is_replay());
        Ok(written)
    }

    pub async fn create_all(
        &self,
        batch: Batch,
        bounds: Bounds,
    ) -> Result<Written<CreatedAll>, Error> {
        let written = self.write(&self.creating_all, batch, bounds).await?;
        self.counts.replayed(written.value.how.is_replay());
        Ok(written)
    }

    pub async fn change(&self, change: Change, bounds: Bounds) -> Result<Written<Changed>, Error> {
        self.write(&self.changing, change, bounds).await
    }

    pub async fn call_back(
        &self,
        callback: Callback,
        bounds: Bounds,
    ) -> Result<Written<Received>, Error> {
        let written = self.write(&self.calling_back, callback, bounds).await?;
        self.counts.replayed(written.value.how.is_replay());
        Ok(written)
    }

    pub async fn find(
        &self,
        caller: &Caller,
        id: Uuid,
        consistency: &Consistency,
        bounds: Bounds,
    ) -> Result<Served<Transaction>, Error> {
        let owner = caller.owner.clone();
        self.read(&self.finding, owner, id, consistency, bounds)
            .await
    }

    pub async fn list(
        &self,
        search: Search,
        consistency: &Consistency,
        bounds: Bounds,
    ) -> Result<Served<Page>, Error> {
        let owner = search.owner.clone();
        self.read(&self.listing, owner, search, consistency, bounds)
            .await
    }

    pub async fn history(
        &self,
        page: HistoryPage,
        consistency: &Consistency,
        bounds: Bounds,
    ) -> Result<Served<Events>, Error> {
        let owner = page.owner.clone();
        self.read(&self.histories, owner, page, consistency, bounds)
            .await
    }

    pub async fn count(
        &self,
        stats: Stats,
        consistency: &Consistency,
        bounds: Bounds,
    ) -> Result<Served<Counted>, Error> {
        let owner = stats.owner.clone();
        self.read(&self.counting, owner, stats, consistency, bounds)
            .await
    }
}

impl Drop for Dispatch {
    fn drop(&mut self) {
        self.stop();
    }
}
