//! Availability: which PostgreSQL node serves what, now. Knows Diesel connections; nothing of the ledger or HTTP.
//!
//! Each configured database is a `node::Node` whose state owns its pool. The `keeper` probes them all, judges from the answers which
//! is the primary and which are fenced, and has failed pools replaced; requests read its `Conclusions`, and `select` orders the nodes
//! for a read.

mod candidate;
pub mod cause;
mod conclusions;
mod confirmed;
pub mod error;
mod keeper;
mod lack;
mod node;
mod options;
mod pool;
pub mod probe;
mod recent;
mod replication;
mod requests;
pub mod role;
pub mod select;
pub mod status;
pub mod survey;
mod threads;
mod unreachable;
pub mod url;

pub use candidate::Candidate;
pub use conclusions::{Standby, Standbys};
pub use options::{NodeOptions, Options, RebuildSchedule, Require, Schema};
pub use pool::bulkhead::{Permit, Use, share};
pub use pool::{Connection, Pool};
pub use threads::Counted as GivenUpThread;

/// The pure decisions, for the simulator (tests/simulation): it drives them in virtual time, against a model of PostgreSQL.
pub mod decisions {
    pub use super::conclusions::{Conclusions, Writes};
    pub use super::keeper::cluster::Cluster;
    pub use super::keeper::judge::{Judgement, Memory, Standing, judge};
    pub use super::keeper::{PrimaryPositions, Situation, interval};
    pub use super::node::{Effect, Input, Judged, Moment, Seen, State, step};
}

use crate::metrics::{Counter, Histogram};
use conclusions::Conclusions;
use confirmed::Confirmed;
use keeper::{Keeper, Message};
use lack::Lack;
use node::Node;
use parking_lot::Mutex;
use recent::RecentTrouble;
use status::Failover;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use tokio::sync::watch;
use url::SessionLimits;

struct Shared {
    nodes: Vec<Node>,
    options: Options,
    schema: Schema,
    conclusions: watch::Sender<Conclusions>,
    failovers: Mutex<VecDeque<Failover>>,
    /// The keeper wants to know of the next write that is acknowledged.
    awaits_acknowledgement: AtomicBool,
    confirmed: Confirmed,
    lack: Lack,
    /// A commit waited for a standby in vain.
    hung_commit: RecentTrouble,
    failover_count: Counter,
    /// How long there was no primary, in seconds.
    write_gaps: Histogram,
}

/// Buckets from a blip to a slow orchestrator.
const WRITE_GAPS_S: &[f64] = &[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
];

impl Shared {
    fn session(&self) -> SessionLimits {
        SessionLimits {
            statement_timeout: self.options.statement_timeout,
            lock_timeout: self.options.lock_timeout,
            plans_by_index: true,
        }
    }
}

/// All nodes, and the thread that looks after them.
pub struct Databases {
    shared: Arc<Shared>,
    messages: Sender<Message>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

impl Databases {
    /// Returns at once, whatever the state of the databases.
    pub fn start(
        nodes: Vec<NodeOptions>,
        options: Options,
        schema: Schema,
    ) -> std::io::Result<Databases> {
        let nodes = nodes.into_iter().map(|node| Node::new(node, &options));
        let shared = Arc::new(Shared {
            nodes: nodes.collect(),
            options,
            schema,
            conclusions: watch::Sender::new(Conclusions::none()),
            failovers: Mutex::default(),
            awaits_acknowledgement: AtomicBool::new(false),
            confirmed: Confirmed::nothing_yet(),
            lack: Lack::default(),
            hung_commit: RecentTrouble::default(),
            failover_count: Counter::default(),
            write_gaps: Histogram::new(WRITE_GAPS_S),
        });
        let (messages, queue) = mpsc::channel();
        let keeper = Keeper::new(shared.clone(), messages.clone());
        let keeper = std::thread::Builder::new()
            .name("keeper".into())
            .spawn(move || keeper.run(&queue))?;
        Ok(Databases {
            shared,
            messages,
            keeper: Mutex::new(Some(keeper)),
        })
    }

    /// Ends the keeper. A thread that hangs on a silent node is left to end by itself.
    pub fn stop(&self) {
        self.tell(Message::Stop);
        let keeper = self.keeper.lock().take();
        if keeper.is_some_and(|keeper| keeper.join().is_err()) {
            log::error!("the keeper of the databases had panicked");
        }
    }

    /// Sending fails only if the keeper has ended, which needs no message any more.
    fn tell(&self, message: Message) {
        drop(self.messages.send(message));
    }
}
