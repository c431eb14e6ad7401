//! Probes every node on a connection of its own, judges what they say, and changes their states accordingly.

use super::event::{Event, Order};
use super::judge::{Judgement, Memory, Writes, judge};
use super::lag::PrimaryPositions;
use super::node::{NOT_PROBED, State};
use super::pool::Pool;
use super::probe::Facts;
use super::prober::Prober;
use super::role::DbRole;
use super::status::FailoverLog;
use super::{NO_NODE, Shared, Topology};
use chrono::Utc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// While writes are held, a promotion should be noticed at once; a node that refuses connections is asked less often.
const EAGER_INTERVAL: Duration = Duration::from_millis(20);
/// A node that comes back should serve within a second.
const INTERVAL_DOWN: Duration = Duration::from_millis(250);
const EAGER_INTERVAL_DOWN: Duration = Duration::from_millis(100);

const SETTLED: chrono::TimeDelta = chrono::TimeDelta::seconds(5);

pub(super) struct Monitor {
    shared: Arc<Shared>,
    orders: Sender<Order>,
    watches: Vec<Watch>,
    memory: Memory,
    positions: PrimaryPositions,
    failovers: FailoverLog,
    started: Instant,
}

/// What the monitor knows of one node.
struct Watch {
    prober: Prober,
    facts: Option<Facts>,
    /// It answered or failed at least once: before that nothing can be said of the whole.
    heard: bool,
    /// It answers again since it was last down: the rebuild need not wait for its schedule.
    wake: bool,
    due: Instant,
    /// What is already in the log.
    warned: Vec<&'static str>,
}

impl Monitor {
    pub fn new(shared: Arc<Shared>, events: Sender<Event>, orders: Sender<Order>) -> Monitor {
        let now = Instant::now();
        let watch = |node| {
            let prober = Prober::new(
                node,
                shared.nodes[node].url.clone(),
                shared.options.probe_timeout,
                events.clone(),
            );
            Watch {
                prober,
                facts: None,
                heard: false,
                wake: false,
                due: now,
                warned: Vec::new(),
            }
        };
        let watches = (0..shared.nodes.len()).map(watch).collect();
        let failovers = FailoverLog::new(shared.clone());
        let positions = PrimaryPositions::default();
        Monitor {
            shared,
            orders,
            watches,
            memory: Memory::default(),
            positions,
            failovers,
            started: now,
        }
    }

    pub fn run(mut self, queue: &Receiver<Event>) {
        for node in 0..self.watches.len() {
            self.order(Order::Start { node });
        }
        loop {
            self.ask_who_is_due(Instant::now());
            let wait = self.next_due().saturating_duration_since(Instant::now());
            let first = match queue.recv_timeout(wait) {
                Err(RecvTimeoutError::Disconnected) => return self.order(Order::Stop),
                first => first.ok(),
            };
            // All that has come in, before anybody is called silent: this thread may have been the one that slept.
            for event in first.into_iter().chain(queue.try_iter()) {
                if matches!(event, Event::Stop) {
                    return self.order(Order::Stop);
                }
                self.take(event);
            }
            self.give_up_overdue(Instant::now());
            self.settle(Instant::now());
        }
    }

    fn order(&self, order: Order) {
        // The rebuild thread outlives this one; were it gone, there would be nobody to tell.
        let _ = self.orders.send(order);
    }

    fn next_due(&self) -> Instant {
        let times = self
            .watches
            .iter()
            .map(|watch| watch.prober.overdue_at().unwrap_or(watch.due));
        times
            .min()
            .unwrap_or_else(|| Instant::now() + self.shared.options.probe_interval)
    }

    fn ask_who_is_due(&mut self, now: Instant) {
        let held = !matches!(self.shared.topology.borrow().writes, Writes::To { .. });
        for watch in &mut self.watches {
            if watch.prober.is_asked() || watch.due > now {
                continue;
            }
            let interval = self.shared.options.probe_interval;
            watch.due = now
                + match (held, &watch.facts) {
                    (true, Some(_)) => interval.min(EAGER_INTERVAL),
                    (true, None) => interval.min(EAGER_INTERVAL_DOWN),
                    (false, Some(_)) => interval,
                    (false, None) => interval.min(INTERVAL_DOWN),
                };
            if let Err(error) = watch.prober.ask(now) {
                log::error!(error:%; "no thread for a probe");
            }
        }
    }

    fn give_up_overdue(&mut self, now: Instant) {
        for node in 0..self.watches.len() {
            if self.watches[node].prober.give_up_overdue(now) {
                let patience = self.shared.options.probe_timeout.as_millis();
                self.hear(
                    node,
                    Err(format!("no answer to a probe within {patience} ms")),
                );
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Probed {
                node,
                generation,
                result,
            } => {
                if self.watches[node]
                    .prober
                    .answered(generation, result.is_ok())
                {
                    self.hear(node, result);
                }
            }
            Event::Failed { node } => {
                let watch = &mut self.watches[node];
                (watch.facts, watch.wake) = (None, false);
                self.order(Order::Start { node });
                self.ask_all_now();
            }
            Event::Suspected { node } => self.watches[node].due = Instant::now(),
            Event::Rebuilt { node, pool, facts } => self.rebuilt(node, pool, facts),
            Event::Stop => {}
        }
    }

    /// What fails may be the first sign of a failover.
    fn ask_all_now(&mut self) {
        let now = Instant::now();
        self.watches.iter_mut().for_each(|watch| watch.due = now);
    }

    fn hear(&mut self, node: usize, result: Result<Facts, String>) {
        let watch = &mut self.watches[node];
        watch.heard = true;
        match result {
            Ok(facts) => {
                watch.wake |= watch.facts.is_none();
                watch.facts = Some(facts);
            }
            Err(cause) => {
                (watch.facts, watch.wake) = (None, false);
                let was_in_use = self.shared.nodes[node].transition(|state| match state {
                    State::Down { cause: known, .. } if known != NOT_PROBED => None,
                    _ => Some(State::down(cause)),
                });
                if was_in_use {
                    self.order(Order::Start { node });
                    self.ask_all_now();
                }
            }
        }
    }

    fn rebuilt(&mut self, node: usize, pool: Arc<Pool>, facts: Facts) {
        self.watches[node].facts = Some(facts.clone());
        let fenced = self.judge().fenced[node].is_some();
        let lag_ms = self.positions.lag_ms(&facts, Instant::now());
        // Only a node that is down needs a pool: a late attempt must not take the place of one that serves.
        let serves_again = self.shared.nodes[node].transition(|state| match state {
            State::Down { .. } if !fenced => Some(State::Up {
                pool,
                facts,
                lag_ms,
                sync_state: None,
                since: Utc::now(),
            }),
            _ => None,
        });
        if serves_again {
            // Where it went down and came back between two looks, the conclusion is the same as before, and nobody would be woken.
            self.shared.topology.send_modify(|_| {});
        }
        self.order(Order::Forget { node });
    }

    /// Once, each time that it begins to hold.
    fn warn(&mut self, node: usize, facts: &Facts) {
        let state = self.shared.nodes[node].state();
        let settled = matches!(&*state, State::Up { since, .. } if Utc::now() - since > SETTLED);
        let warnings = facts.warnings(settled);
        let warned = &mut self.watches[node].warned;
        for warning in warnings.iter().filter(|warning| !warned.contains(warning)) {
            log::warn!(node = self.shared.nodes[node].name.as_str(); "{warning}");
        }
        *warned = warnings;
    }

    fn judge(&mut self) -> Judgement {
        let facts: Vec<_> = self
            .watches
            .iter()
            .map(|watch| watch.facts.as_ref())
            .collect();
        judge(&facts, &mut self.memory)
    }

    /// Draws the conclusions from what is known now.
    fn settle(&mut self, now: Instant) {
        let everyone_heard = self.watches.iter().all(|watch| watch.heard);
        if !everyone_heard && now - self.started < self.shared.options.probe_timeout {
            return; // the first to answer need not be the right one
        }
        let judgement = self.judge();
        let elected = match judgement.writes {
            Writes::To { node, .. } => Some(node),
            _ => None,
        };
        self.shared
            .elected
            .store(elected.unwrap_or(NO_NODE), Ordering::Release);
        if elected
            .and_then(|node| self.watches[node].facts.as_ref())
            .is_some_and(Facts::replicates_synchronously)
        {
            self.shared.last_synchronous.store(Some(Arc::new(now)));
        }
        self.positions.record(
            elected.and_then(|node| self.watches[node].facts.as_ref()),
            now,
        );
        for (node, fenced) in judgement.fenced.into_iter().enumerate() {
            self.settle_node(node, fenced, now);
        }
        let writes = match elected {
            Some(node) if !self.serves_writes(node) => Writes::NoPrimary,
            _ => judgement.writes,
        };
        self.publish(
            Topology {
                writes,
                highest_timeline: self.memory.highest_timeline,
            },
            now,
        );
    }

    fn settle_node(&mut self, node: usize, fenced: Option<String>, now: Instant) {
        let Some(facts) = self.watches[node].facts.clone() else {
            return;
        };
        self.warn(node, &facts);
        let (lag_ms, sync_state) = (self.positions.lag_ms(&facts, now), self.sync_state(&facts));
        let fence = fenced.is_some();
        let mut unfenced = false;
        let changed = self.shared.nodes[node].transition(|state| match (state, fenced) {
            (State::Fenced { since, .. }, Some(cause)) => Some(State::Fenced {
                cause,
                facts,
                since: *since,
            }),
            (_, Some(cause)) => Some(State::Fenced {
                cause,
                facts,
                since: Utc::now(),
            }),
            (State::Up { pool, since, .. }, None) => Some(State::Up {
                pool: pool.clone(),
                facts,
                lag_ms,
                sync_state,
                since: *since,
            }),
            (State::Fenced { .. }, None) => {
                unfenced = true;
                Some(State::down("no longer fenced"))
            }
            (State::Down { .. }, None) => None,
        });
        if fence {
            self.order(Order::Forget { node });
        } else if unfenced {
            self.order(Order::Start { node });
            self.order(Order::Now { node });
        } else if !changed && std::mem::take(&mut self.watches[node].wake) {
            self.order(Order::Now { node });
        }
    }

    fn sync_state(&self, standby: &Facts) -> Option<String> {
        let elected = self
            .watches
            .get(self.shared.elected.load(Ordering::Acquire))?;
        elected
            .facts
            .as_ref()?
            .standbys
            .get(standby.upstream_name.as_ref()?)
            .cloned()
    }

    /// A promoted node serves through the pool it has, but for one that was never prepared: that is the rebuild's business.
    fn serves_writes(&mut self, node: usize) -> bool {
        let State::Up { pool, facts, .. } = &*self.shared.nodes[node].state() else {
            return false;
        };
        if !self.shared.prepared.load(Ordering::Acquire) {
            self.shared.nodes[node].fail(pool, "the schema has not been verified yet");
            self.order(Order::Start { node });
            self.order(Order::Now { node });
            return false;
        }
        facts.role == DbRole::Primary
    }

    fn publish(&mut self, topology: Topology, now: Instant) {
        let before = *self.shared.topology.borrow();
        if before == topology {
            return;
        }
        self.shared.topology.send_replace(topology);
        match topology.writes {
            Writes::To { node, timeline } => self.failovers.found(node, timeline, now),
            Writes::NoPrimary => self.failovers.lost(before.writes, now),
            Writes::SplitBrain => {
                log::error!("two writable primaries: writes are refused until one of them is gone");
                self.failovers.lost(before.writes, now);
            }
        }
    }
}
