//! Availability: which PostgreSQL node serves what, now. Knows Diesel connections; nothing of the ledger or HTTP.
//!
//! Each configured database is a `node::Node` whose state owns its pool. The monitor probes them all, `judge` says from the
//! answers which is the primary and which are fenced, the rebuild thread replaces failed pools, `select` orders candidates for a read.

mod bulkhead;
pub mod connection;
pub mod error;
mod event;
mod judge;
mod lag;
mod monitor;
mod node;
mod pool;
pub mod probe;
mod prober;
mod rebuild;
pub mod role;
pub mod select;
pub mod status;

use arc_swap::ArcSwapOption;
pub use bulkhead::{Permit, Use, share};
use chrono::Utc;
use connection::{DatabaseUrl, SessionLimits};
use event::Event;
use judge::Writes;
use monitor::Monitor;
use node::{Node, State};
pub use pool::{Connection, Pool};
use role::DbRole;
use status::Failover;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Policy, in durations and limits. Where they come from is the settings' business.
#[derive(Clone, Debug)]
pub struct Options {
    pub pool_size: u32,
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
    pub probe_interval: Duration,
    pub probe_timeout: Duration,
    pub max_replica_lag: Duration,
    pub region: Option<String>,
    pub rebuild: RebuildSchedule,
}

#[derive(Clone, Copy, Debug)]
pub struct RebuildSchedule {
    pub initial: Duration,
    pub factor: f64,
    pub max: Duration,
    /// After so many failed attempts the node is reported as failed. It is never given up.
    pub attempts: u32,
}

#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub name: String,
    pub region: Option<String>,
    pub url: DatabaseUrl,
}

/// Run once on the first verified primary, before it serves (migrations). An error keeps the node down until the next attempt.
pub type Prepare = Box<dyn Fn(&DatabaseUrl) -> Result<(), String> + Send + Sync>;

/// What requests see of the monitor's conclusions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Topology {
    writes: Writes,
    highest_timeline: i32,
}

struct Shared {
    nodes: Vec<Node>,
    options: Options,
    topology: watch::Sender<Topology>,
    failovers: Mutex<VecDeque<Failover>>,
    /// The node that was judged to be the primary, whether or not it has a pool yet; `NO_NODE` for none.
    elected: AtomicUsize,
    /// `Prepare` has succeeded.
    prepared: AtomicBool,
    /// When the primary was last seen to replicate synchronously.
    last_synchronous: ArcSwapOption<Instant>,
}

const NO_NODE: usize = usize::MAX;

impl Shared {
    fn session(&self) -> SessionLimits {
        SessionLimits {
            statement_timeout: self.options.statement_timeout,
            lock_timeout: self.options.lock_timeout,
            plans_by_index: true,
        }
    }
}

/// All nodes, and the threads that look after them.
pub struct Databases {
    shared: Arc<Shared>,
    events: Sender<Event>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A node to try, as it was when it was chosen.
#[derive(Clone)]
pub struct Candidate {
    pub node: usize,
    pub pool: Arc<Pool>,
    pub role: DbRole,
    pub lag_ms: Option<u64>,
    pub synchronous: bool,
    /// The configured nodes whose word counts for a commit of this primary, by the `application_name` under which it knows them. None
    /// where it waits for nobody.
    pub standbys: Arc<[String]>,
    timeline: i32,
}

/// Two primaries claim to be the one: no write goes anywhere until one of them is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitBrain;

impl Databases {
    /// Returns at once, whatever the state of the databases.
    pub fn start(
        nodes: Vec<NodeOptions>,
        options: Options,
        prepare: Prepare,
    ) -> std::io::Result<Databases> {
        let nodes = nodes
            .into_iter()
            .map(|n| Node::new(n.name, n.region, n.url))
            .collect();
        let topology = watch::Sender::new(Topology {
            writes: Writes::NoPrimary,
            highest_timeline: 0,
        });
        let shared = Arc::new(Shared {
            nodes,
            options,
            topology,
            failovers: Mutex::default(),
            elected: AtomicUsize::new(NO_NODE),
            prepared: AtomicBool::new(false),
            last_synchronous: ArcSwapOption::empty(),
        });
        let (events, event_queue) = mpsc::channel();
        let (orders, order_queue) = mpsc::channel();
        let rebuild =
            rebuild::Rebuild::new(shared.clone(), prepare, events.clone(), orders.clone());
        let monitor = Monitor::new(shared.clone(), events.clone(), orders);
        let threads = vec![
            std::thread::Builder::new()
                .name("rebuild".into())
                .spawn(move || rebuild.run(&order_queue))?,
            std::thread::Builder::new()
                .name("monitor".into())
                .spawn(move || monitor.run(&event_queue))?,
        ];
        Ok(Databases {
            shared,
            events,
            threads: Mutex::new(threads),
        })
    }

    /// Ends the threads. A probe that hangs on a silent node is left to end by itself.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Stop);
        for thread in self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if thread.join().is_err() {
                log::error!("a background thread of the database layer had panicked");
            }
        }
    }

    /// The nodes that a read may use, best first.
    pub fn read_candidates(&self) -> Vec<Candidate> {
        let states: Vec<_> = self.shared.nodes.iter().map(Node::state).collect();
        let views: Vec<_> = states
            .iter()
            .zip(&self.shared.nodes)
            .enumerate()
            .filter_map(view)
            .collect();
        select::order(
            &views,
            self.shared.options.region.as_deref(),
            self.shared.options.max_replica_lag,
        )
        .into_iter()
        .filter_map(|node| self.candidate(node))
        .collect()
    }

    /// Waits for a verified primary, holding neither thread nor connection, for as long as it takes.
    pub async fn primary(&self) -> Result<Candidate, SplitBrain> {
        let mut topology = self.shared.topology.subscribe();
        loop {
            if topology.borrow_and_update().writes == Writes::SplitBrain {
                return Err(SplitBrain);
            }
            if let Some(primary) = self.primary_now() {
                return Ok(primary);
            }
            if topology.changed().await.is_err() {
                // The sender lives as long as self.
                std::future::pending::<()>().await;
            }
        }
    }

    pub fn primary_now(&self) -> Option<Candidate> {
        match self.shared.topology.borrow().writes {
            Writes::To { node, .. } => self.candidate(node).filter(|c| c.role == DbRole::Primary),
            _ => None,
        }
    }

    /// Whether some node is up, or was until so long ago.
    pub fn lost_within(&self, duration: Duration) -> bool {
        let recently = |state: &State| {
            (Utc::now() - state.since())
                .to_std()
                .is_ok_and(|since| since < duration)
        };
        self.shared
            .nodes
            .iter()
            .map(Node::state)
            .any(|state| matches!(*state, State::Up { .. }) || recently(&state))
    }

    pub fn was_synchronous_within(&self, duration: Duration) -> bool {
        self.shared
            .last_synchronous
            .load()
            .as_ref()
            .is_some_and(|last| last.elapsed() < duration)
    }

    pub fn pool_size(&self) -> u32 {
        self.shared.options.pool_size
    }

    pub fn node_count(&self) -> usize {
        self.shared.nodes.len()
    }

    /// The node, where it is up.
    pub fn candidate(&self, node: usize) -> Option<Candidate> {
        match &*self.shared.nodes[node].state() {
            State::Up {
                pool,
                facts,
                lag_ms,
                ..
            } => Some(Candidate {
                node,
                pool: pool.clone(),
                role: facts.role,
                lag_ms: *lag_ms,
                synchronous: facts.replicates_synchronously(),
                standbys: self.standbys_of(facts),
                timeline: facts.timeline.unwrap_or(0),
            }),
            _ => None,
        }
    }

    fn standbys_of(&self, primary: &probe::Facts) -> Arc<[String]> {
        let names = self
            .shared
            .nodes
            .iter()
            .filter_map(|node| match &*node.state() {
                State::Up { facts, .. } => facts.upstream_name.clone(),
                _ => None,
            });
        names
            .filter(|_| primary.replicates_synchronously())
            .collect()
    }

    /// Whether an answer of this primary still counts: false once a higher timeline or a second primary was seen, when the row
    /// may exist on a branch that is already history.
    pub fn is_current(&self, primary: &Candidate) -> bool {
        let topology = *self.shared.topology.borrow();
        topology.writes != Writes::SplitBrain && topology.highest_timeline <= primary.timeline
    }

    /// An attempt saw the node fail. Only reports: the monitor and the rebuild thread do the work.
    pub fn report_failure(&self, candidate: &Candidate, cause: &str) {
        let node = &self.shared.nodes[candidate.node];
        if node.fail(&candidate.pool, cause) {
            let _ = self.events.send(Event::Failed {
                node: candidate.node,
            });
        }
    }

    /// No answer yet, and it is getting late: look at the node now.
    pub fn suspect(&self, candidate: &Candidate) {
        let _ = self.events.send(Event::Suspected {
            node: candidate.node,
        });
    }

    /// False where too many blocking threads are stuck on this node already.
    pub fn may_start(&self, node: usize) -> bool {
        let stuck = self.shared.nodes[node].abandoned.load(Ordering::Acquire);
        stuck < 2 * self.shared.options.pool_size as usize
    }

    /// Counts a blocking thread that is given up, until it ends.
    pub fn abandoned(&self, candidate: &Candidate) -> Abandoned {
        self.shared.nodes[candidate.node]
            .abandoned
            .fetch_add(1, Ordering::AcqRel);
        Abandoned {
            shared: self.shared.clone(),
            node: candidate.node,
        }
    }
}

/// A blocking thread that nobody waits for any more. Dropped when it has ended.
pub struct Abandoned {
    shared: Arc<Shared>,
    node: usize,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.shared.nodes[self.node]
            .abandoned
            .fetch_sub(1, Ordering::AcqRel);
    }
}

fn view<'a>((node, (state, of)): (usize, (&'a Arc<State>, &'a Node))) -> Option<select::View<'a>> {
    match &**state {
        State::Up {
            pool,
            facts,
            lag_ms,
            ..
        } => Some(select::View {
            node,
            role: facts.role,
            region: of.region.as_deref(),
            lag_ms: *lag_ms,
            rtt: facts.rtt,
            in_use: pool.in_use(),
        }),
        _ => None,
    }
}
