//! The keeper: the one background thread that looks after the nodes. It asks each what it is, judges who is the primary, changes their
//! states and does what follows (attempts to rebuild a pool, log lines), and publishes its conclusions. It never waits for a node: whatever
//! can hang is done by threads that may be given up (see [`super::threads`]), which send it messages.

mod branches;
pub mod cluster;
mod failovers;
mod following;
mod gone;
pub mod judge;
mod lag;
mod look;
mod message;
mod pace;
mod rebuild;
mod settle;
mod silence;
mod streams;
mod watch;

pub use lag::PrimaryPositions;
pub use message::Message;
pub use pace::{Situation, interval};

use super::Shared;
use super::cause::{Cause, Trouble};
use super::node::{Change, Effect, Input, Judged, NodeState};
use super::pool::Pool;
use super::probe::Branch;
use failovers::FailoverLog;
use judge::Memory;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;
use streams::Streams;
use watch::Watch;

pub struct Keeper {
    shared: Arc<Shared>,
    messages: Sender<Message>,
    watches: Vec<Watch>,
    memory: Memory,
    positions: PrimaryPositions,
    streams: Streams,
    failovers: FailoverLog,
    /// The pool whose schema is being looked at, and the branch that its node writes.
    preparing: Option<(Arc<Pool>, Branch)>,
}

impl Keeper {
    pub fn new(shared: Arc<Shared>, messages: Sender<Message>) -> Keeper {
        let now = Instant::now();
        let watches = (0..shared.nodes.len()).map(|node| Watch::new(node, &shared, &messages, now));
        Keeper {
            watches: watches.collect(),
            failovers: FailoverLog::new(shared.clone()),
            shared,
            messages,
            memory: Memory::default(),
            positions: PrimaryPositions::default(),
            streams: Streams::default(),
            preparing: None,
        }
    }

    pub fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let now = Instant::now();
            for node in 0..self.watches.len() {
                self.apply(node, Input::Time);
            }
            self.retire_pools_that_reached_another_server(now);
            self.ask_who_is_due(now);
            let wait = self.next_due(now).saturating_duration_since(now);
            let first = match queue.recv_timeout(wait) {
                Err(RecvTimeoutError::Disconnected) => return,
                first => first.ok(),
            };
            // Takes all messages before any node counts as silent: it may have been this thread that was held up.
            for message in first.into_iter().chain(queue.try_iter()) {
                if matches!(message, Message::Stop) {
                    return;
                }
                self.take(message);
                self.settle(Instant::now());
            }
            self.give_up_overdue(Instant::now());
            self.settle(Instant::now());
        }
    }

    fn next_due(&self, now: Instant) -> Instant {
        let probes = self.watches.iter().enumerate();
        let probes = probes.map(|(node, watch)| watch.next_due(self.silence(node)));
        let attempts = self
            .shared
            .nodes
            .iter()
            .filter_map(|node| node.state().due());
        let next = probes.chain(attempts).min();
        next.unwrap_or(now + self.shared.options.probe_interval)
    }

    fn ask_who_is_due(&mut self, now: Instant) {
        let (held_for, waited_for) = (self.failovers.held_for(now), self.is_waited_for());
        for (watch, node) in self.watches.iter_mut().zip(&self.shared.nodes) {
            if watch.is_due(now) {
                watch.ask(
                    &node.state(),
                    held_for,
                    waited_for,
                    self.shared.options.probe_interval,
                    now,
                );
            }
        }
    }

    /// Takes a node down when a new connection of its pool has reached another server than the pool is for.
    fn retire_pools_that_reached_another_server(&mut self, now: Instant) {
        for node in 0..self.watches.len() {
            let state = self.shared.nodes[node].state();
            if let NodeState::Up { pool, .. } = &*state
                && pool.has_strayed()
            {
                let (pool, trouble) = (pool.clone(), Cause::AnotherServer.into());
                self.apply(node, Input::Failed { pool, trouble });
                self.watches[node].start_afresh(now);
            }
        }
    }

    fn take(&mut self, message: Message) {
        let now = Instant::now();
        match message {
            Message::Probed {
                node,
                generation,
                answer,
            } => {
                let watch = &mut self.watches[node];
                if watch.prober.answered(generation, answer.is_ok()) {
                    match answer {
                        // A standby receives nothing any more: the primary that it followed may be gone.
                        Ok(heard) if watch.has_lost_its_primary(&heard) => {
                            watch.hear(heard);
                            self.look_around(now);
                        }
                        Ok(heard) => watch.hear(heard),
                        Err(trouble) => self.unanswered(node, trouble),
                    }
                }
            }
            Message::Reported { node, change } => self.reported(node, change, now),
            Message::Suspected { node } => self.watches[node].due = now,
            Message::Attempted {
                node,
                attempt,
                result,
            } => self.attempted(node, attempt, result),
            Message::Prepared {
                node,
                branch,
                pool,
                result,
            } => {
                self.preparing.take_if(|(of, _)| *of == pool);
                match result {
                    Ok(()) => self.conclude(|conclusions| conclusions.prepared = Some(branch)),
                    Err(trouble) => self.apply(node, Input::Failed { pool, trouble }),
                }
            }
            Message::Acknowledged { at } => self.failovers.acknowledged(at),
            Message::Stop => {}
        }
    }

    fn unanswered(&mut self, node: usize, trouble: Trouble) {
        self.watches[node].silent();
        self.apply(node, Input::Unanswered(trouble));
    }

    /// A request has taken the node down. What the node said before that says nothing of now.
    fn reported(&mut self, node: usize, change: Change, now: Instant) {
        let state = self.shared.nodes[node].state();
        let reached_another_server = state.cause() == Some(Cause::AnotherServer);
        let watch = &mut self.watches[node];
        if let NodeState::Down { since, .. } = &*state {
            watch.forget_before(since.at);
        }
        if reached_another_server {
            watch.start_afresh(now);
        }
        self.carry_out(node, change);
    }

    fn apply(&mut self, node: usize, input: Input<Arc<Pool>>) {
        let schedule = &self.shared.options.rebuild;
        let change = self.shared.nodes[node].cell.apply(input, schedule);
        self.carry_out(node, change);
    }

    fn carry_out(&mut self, node: usize, mut change: Change) {
        let of = &self.shared.nodes[node];
        change.log(&of.name, &of.address);
        for effect in std::mem::take(&mut change.effects) {
            match effect {
                Effect::Retire(pool) => pool.retire(),
                Effect::Attempt(attempt) => self.attempt(node, attempt),
                Effect::LookAround => self.look_around(Instant::now()),
                Effect::TellAttempt { attempts, known } => self.tell_attempt(node, attempts, known),
            }
        }
    }

    fn look_around(&mut self, now: Instant) {
        self.watches.iter_mut().for_each(|watch| watch.due = now);
    }

    /// What a node's last answer means in the light of what the others say.
    fn judged(&self, node: usize, judgement: &judge::Judgement, now: Instant) -> Option<Judged> {
        let facts = self.watches[node].heard.as_ref()?.facts.clone();
        Some(match &judgement.standings[node] {
            judge::Standing::Fenced(trouble) => Judged::Fenced(trouble.clone(), facts),
            judge::Standing::Usable(caveat) => Judged::Usable(super::node::Seen {
                lag_ms: self.positions.lag_ms(&facts, now),
                as_of: self.positions.as_of(&facts),
                settled_until: self.positions.settled_until(&facts),
                sync_state: self.sync_state(&facts, judgement.elected),
                caveat: *caveat,
                facts,
            }),
        })
    }
}
