//! Keeps a cluster complete: promotes a trusted replica when the primary dies, and brings dead nodes back.
//!
//! The supervisor owns all processes, so it can make sure that an old primary is dead before there is a new one.

use super::lead;
use super::node::Node;
use super::recovery::Recovery;
use super::reign::{OBSERVE, Reign};
use crate::{Error, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the processes are checked: a death is noticed within this time.
const TICK: Duration = Duration::from_millis(10);
/// A replica that runs but has not streamed for half a minute has to join again.
const MISSED_MAX: u32 = (30_000 / OBSERVE.as_millis()) as u32;

pub(super) struct Supervisor {
    nodes: Vec<Arc<Node>>,
    view: Arc<View>,
    synchronous: bool,
    reign: Arc<Reign>,
    /// The threads that watch this reign, and those of earlier reigns that hang on a frozen server.
    watchers: Vec<JoinHandle<()>>,
    /// One for each node.
    recoveries: Vec<Recovery>,
}

/// What other threads can read at any time, without waiting.
#[derive(Default)]
pub(super) struct View {
    /// The index of the present primary among the nodes.
    pub primary: AtomicUsize,
    /// Whether there is a replica that would be promoted.
    pub trusts: Arc<AtomicBool>,
}

impl Supervisor {
    pub fn new(nodes: Vec<Arc<Node>>, view: Arc<View>, synchronous: bool) -> Self {
        let recoveries = nodes.iter().map(|_| Recovery::new()).collect();
        let reign = reign_of(&nodes, &view, synchronous);
        let watchers = watch(&reign).into_iter().collect();
        Self {
            nodes,
            view,
            synchronous,
            reign,
            watchers,
            recoveries,
        }
    }

    /// Runs until the other end of the channel is dropped.
    pub fn run(mut self, stop: &Receiver<()>) {
        while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(TICK) {
            self.look_after_the_primary();
            for index in 0..self.nodes.len() {
                if index != self.primary() {
                    self.look_after_a_replica(index);
                }
            }
        }
        self.reign.end();
        // All threads end by themselves now, since the servers are stopped and cannot be started again. Whatever they hold, such as the
        // lock of the directory, is free when this returns.
        let ends = self.recoveries.into_iter().map(Recovery::end);
        let ends = ends.chain(
            self.watchers
                .into_iter()
                .map(|watcher| watcher.join().is_ok()),
        );
        if ends.filter(|ok| !ok).count() > 0 {
            log::error!("a thread of the supervisor panicked");
        }
    }

    fn primary(&self) -> usize {
        self.view.primary.load(Ordering::Relaxed)
    }

    fn look_after_the_primary(&mut self) {
        let primary = Arc::clone(&self.nodes[self.primary()]);
        if primary.server.is_running() || !self.recoveries[self.primary()].is_due() {
            return;
        }
        let died = Instant::now();
        log::warn!(node = primary.name(); "the primary has died");
        // Children of a killed postmaster may still be writing. As long as they cannot be ended, the reign goes on, and the replica stays
        // trusted.
        if let Err(error) = primary.server.end_leftovers() {
            return self.no_primary(&error);
        }
        let successor = self.reign.end();
        let (index, started) = self.replace(&primary, successor);
        self.view.primary.store(index, Ordering::Relaxed);
        match started {
            Ok(()) => {
                self.recoveries[index].succeeded();
                let took_ms = died.elapsed().as_millis() as u64;
                log::warn!(from = primary.name(), to = self.nodes[index].name(), took_ms; "there is a primary again");
            }
            Err(error) => self.no_primary(&error),
        }
        self.begin_reign();
    }

    fn no_primary(&mut self, error: &Error) {
        let index = self.primary();
        self.recoveries[index].failed();
        log::error!(node = self.nodes[index].name(); "no primary: {error}");
    }

    /// Returns the primary from now on, and whether it could be started. It is the successor, if there is one that holds everything; else
    /// the old primary again, which holds everything too.
    fn replace(&self, old: &Arc<Node>, successor: Option<Arc<Node>>) -> (usize, Result<(), Error>) {
        let fit = |node: &Arc<Node>| node.is_joined() && node.server.is_running();
        if let Some(successor) = successor.filter(fit) {
            match promote(&successor.server) {
                Promotion::Final(started) => return (self.index_of(&successor), started),
                Promotion::Undone(error) => {
                    log::error!(node = successor.name(); "cannot promote: {error}")
                }
            }
        }
        let settled = old.server.reload(&[("synchronous_standby_names", "")]);
        (self.index_of(old), settled.and_then(|()| lead(&old.server)))
    }

    fn index_of(&self, node: &Arc<Node>) -> usize {
        // The node is always in this list.
        self.nodes
            .iter()
            .position(|other| Arc::ptr_eq(other, node))
            .unwrap_or(0)
    }

    /// After a change of the primary every other node has to join it.
    fn begin_reign(&mut self) {
        let primary = self.primary();
        if self.reign.primary.name() != self.nodes[primary].name() {
            self.nodes.iter().for_each(|node| node.set_joined(false));
        }
        self.reign = reign_of(&self.nodes, &self.view, self.synchronous);
        self.watchers.retain(|watcher| !watcher.is_finished());
        self.watchers.extend(watch(&self.reign));
    }

    fn look_after_a_replica(&mut self, index: usize) {
        let node = &self.nodes[index];
        let recovery = &mut self.recoveries[index];
        let primary = &self.reign.primary;
        if let Some(joined) = recovery.ended(node, primary) {
            node.set_joined(joined);
        }
        let lost = !node.server.is_running() || node.missed() > MISSED_MAX;
        if node.is_joined() && lost {
            self.reign.lost(node);
            node.set_joined(false);
            log::warn!(node = node.name(); "the replica was lost");
        }
        if !node.is_joined() && recovery.is_free() && primary.server.is_running() {
            recovery.begin(node, primary);
        }
    }
}

/// The result of an attempt to promote a replica.
enum Promotion {
    /// The server has ended, and is a replica as before: another one may become the primary.
    Undone(Error),
    /// The server is the primary from now on, even if it cannot be started: it may have acknowledged writes that no other server has.
    Final(Result<(), Error>),
}

/// A promoted server removes its standby.signal before its first write. So this file shows how far a failed promotion came, but only once
/// the server has ended: until then the promotion may go on.
fn promote(server: &Server) -> Promotion {
    let Err(error) = server.promote() else {
        return Promotion::Final(Ok(()));
    };
    match server.end_now() {
        Ok(()) if server.is_standby() => Promotion::Undone(error),
        Ok(()) => Promotion::Final(lead(server)),
        Err(error) => Promotion::Final(Err(error)),
    }
}

fn reign_of(nodes: &[Arc<Node>], view: &View, synchronous: bool) -> Arc<Reign> {
    let primary = view.primary.load(Ordering::Relaxed);
    let others = nodes
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != primary);
    let others = others.map(|(_, node)| Arc::clone(node)).collect();
    Reign::new(&nodes[primary], others, synchronous, &view.trusts)
}

/// If the thread cannot be started, no replica is trusted in this reign, and a dead primary is restarted instead of being replaced.
fn watch(reign: &Arc<Reign>) -> Option<JoinHandle<()>> {
    let watched = Arc::clone(reign);
    let thread = thread::Builder::new().spawn(move || watched.watch());
    let failed = |error| log::error!(node = reign.primary.name(); "cannot start a thread that watches replication: {error}");
    thread.map_err(failed).ok()
}
