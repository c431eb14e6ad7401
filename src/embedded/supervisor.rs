//! Keeps a cluster whole: promotes a trusted replica when the primary dies, brings dead nodes back.
//!
//! It owns all the processes, so it can make sure that an old primary is dead before there is a new one.

use super::Error;
use super::node::Node;
use super::replication;
use super::term::{OBSERVE, Term};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the processes are looked at: a death is noticed within this time.
const TICK: Duration = Duration::from_millis(10);
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// A replica that runs but has not streamed for half a minute needs help.
const MISSED_MAX: u32 = (30_000 / OBSERVE.as_millis()) as u32;

pub(super) struct Supervisor {
    nodes: Vec<Arc<Node>>,
    view: Arc<View>,
    synchronous: bool,
    term: Arc<Term>,
    /// The threads that watch this term, and earlier ones where they hang on a frozen server.
    watchers: Vec<JoinHandle<()>>,
    works: Vec<Work>,
}

/// What others may know, at any time and without waiting.
#[derive(Default)]
pub(super) struct View {
    /// Of the present primary among the nodes.
    pub leader: AtomicUsize,
    /// Whether there is a replica that would be promoted.
    pub trusts: Arc<AtomicBool>,
}

/// What is being done for one node.
struct Work {
    join: Option<Join>,
    failures: u32,
    not_before: Instant,
}

struct Join {
    primary: Arc<Node>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Supervisor {
    pub fn new(nodes: Vec<Arc<Node>>, view: Arc<View>, synchronous: bool) -> Self {
        let work = || Work {
            join: None,
            failures: 0,
            not_before: Instant::now(),
        };
        let works = nodes.iter().map(|_| work()).collect();
        let term = term_of(&nodes, &view, synchronous);
        let watchers = vec![watch(&term)];
        Self {
            nodes,
            view,
            synchronous,
            term,
            watchers,
            works,
        }
    }

    /// Until the other end of the channel is dropped.
    pub fn run(mut self, stop: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(TICK) {
            self.look_after_the_primary();
            for index in 0..self.nodes.len() {
                if index != self.leader() {
                    self.look_after_a_replica(index);
                }
            }
        }
        self.term.end();
        // All of them end by themselves now: the servers are stopped and cannot be started again. What they hold,
        // the lock of the directory, is free when this returns.
        let joins = self.works.into_iter().filter_map(|work| work.join);
        let ends = joins.map(|join| join.thread.join().is_ok());
        let ends = ends.chain(
            self.watchers
                .into_iter()
                .map(|watcher| watcher.join().is_ok()),
        );
        if ends.filter(|ok| !ok).count() > 0 {
            log::error!("a thread of the supervisor panicked");
        }
    }

    fn leader(&self) -> usize {
        self.view.leader.load(Ordering::Relaxed)
    }

    fn look_after_the_primary(&mut self) {
        let leader = Arc::clone(&self.nodes[self.leader()]);
        if leader.server.is_running() || Instant::now() < self.works[self.leader()].not_before {
            return;
        }
        let died = Instant::now();
        log::warn!(node = leader.name(); "the primary has died");
        let successor = self.term.end();
        match self.replace(&leader, successor) {
            Ok(index) => {
                self.view.leader.store(index, Ordering::Relaxed);
                self.works[index].failures = 0;
                let took_ms = died.elapsed().as_millis() as u64;
                log::warn!(from = leader.name(), to = self.nodes[index].name(), took_ms; "there is a primary again");
            }
            Err(error) => {
                let index = self.leader();
                self.works[index].back_off();
                log::error!(node = leader.name(); "no primary: {error}");
            }
        }
        self.begin_term();
    }

    /// The successor where there is one that holds everything, else the old primary itself: it holds everything too.
    fn replace(&self, old: &Arc<Node>, successor: Option<Arc<Node>>) -> Result<usize, Error> {
        // Children of a killed postmaster may still be writing.
        old.server.end_leftovers()?;
        if let Some(successor) =
            successor.filter(|node| node.is_joined() && node.server.is_running())
        {
            match promote(&successor) {
                Ok(()) => return Ok(self.index_of(&successor)),
                Err(error) => log::error!(node = successor.name(); "cannot promote: {error}"),
            }
        }
        old.server.reload(&[("synchronous_standby_names", "")])?;
        old.server.start()?;
        Ok(self.index_of(old))
    }

    fn index_of(&self, node: &Arc<Node>) -> usize {
        // Every node comes from this list.
        self.nodes
            .iter()
            .position(|other| Arc::ptr_eq(other, node))
            .unwrap_or(0)
    }

    /// Whoever followed the old primary is brought to the new one.
    fn begin_term(&mut self) {
        let leader = self.leader();
        if self.term.leader.name() != self.nodes[leader].name() {
            self.nodes.iter().for_each(|node| node.set_joined(false));
        }
        self.term = term_of(&self.nodes, &self.view, self.synchronous);
        self.watchers.retain(|watcher| !watcher.is_finished());
        self.watchers.push(watch(&self.term));
    }

    fn look_after_a_replica(&mut self, index: usize) {
        let node = &self.nodes[index];
        let work = &mut self.works[index];
        if let Some(join) = work.join.take_if(|join| join.thread.is_finished()) {
            // It may have joined the primary of an earlier term, which is worth nothing now.
            let still_primary = Arc::ptr_eq(&join.primary, &self.term.leader);
            node.set_joined(work.finish(node, join) && still_primary);
        }
        let lost = !node.server.is_running() || node.missed() > MISSED_MAX;
        if node.is_joined() && lost {
            self.term.lost(node);
            node.set_joined(false);
            log::warn!(node = node.name(); "the replica was lost");
        }
        let primary = &self.term.leader;
        if !node.is_joined() && work.is_free() && primary.server.is_running() {
            work.join = Some(start_join(primary, node));
        }
    }
}

impl Work {
    fn is_free(&self) -> bool {
        self.join.is_none() && Instant::now() >= self.not_before
    }

    fn finish(&mut self, node: &Node, join: Join) -> bool {
        let result = join.thread.join();
        if let Ok(Ok(())) = result {
            self.failures = 0;
            log::info!(node = node.name(), primary = join.primary.name(); "the replica streams");
            return true;
        }
        self.back_off();
        match result {
            Ok(Err(error)) => {
                log::error!(node = node.name(); "the replica does not come back: {error}")
            }
            _ => {
                log::error!(node = node.name(); "the thread that was starting the replica panicked")
            }
        }
        false
    }

    fn back_off(&mut self) {
        let wait = RETRY_MIN
            .saturating_mul(1 << self.failures.min(6))
            .min(RETRY_MAX);
        self.failures += 1;
        self.not_before = Instant::now() + wait;
    }
}

fn start_join(primary: &Arc<Node>, replica: &Arc<Node>) -> Join {
    let (source, replica) = (Arc::clone(primary), Arc::clone(replica));
    let thread = thread::spawn(move || replication::join(&source.server, &replica.server));
    Join {
        primary: Arc::clone(primary),
        thread,
    }
}

/// Half a promotion is finished or undone, so that there are never two primaries.
fn promote(node: &Node) -> Result<(), Error> {
    let Err(error) = node.server.promote() else {
        return Ok(());
    };
    node.server.kill()?;
    if node.server.is_standby() {
        Err(error)
    } else {
        node.server.start()
    }
}

fn term_of(nodes: &[Arc<Node>], view: &View, synchronous: bool) -> Arc<Term> {
    let leader = view.leader.load(Ordering::Relaxed);
    let others = nodes
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != leader);
    let others = others.map(|(_, node)| Arc::clone(node)).collect();
    Term::new(&nodes[leader], others, synchronous, &view.trusts)
}

fn watch(term: &Arc<Term>) -> JoinHandle<()> {
    let term = Arc::clone(term);
    thread::spawn(move || term.watch())
}
