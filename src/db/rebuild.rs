//! The background thread that replaces failed pools: on an exponential schedule, and at once when a probe sees the node answer again.

use super::connection::connect;
use super::event::{Event, Order};
use super::node::State;
use super::pool::Pool;
use super::probe::{Facts, probe};
use super::{Prepare, RebuildSchedule, Shared};
use retry::delay::Exponential;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

pub(super) struct Rebuild {
    shared: Arc<Shared>,
    prepare: Arc<Prepare>,
    events: Sender<Event>,
    orders: Sender<Order>,
    jobs: HashMap<usize, Job>,
    attempts: u64,
    /// Each attempt in progress holds a clone: a node that swallows attempts gets only so many.
    running: Vec<Arc<()>>,
}

struct Job {
    delays: Box<dyn Iterator<Item = Duration> + Send>,
    attempts: u32,
    due: Instant,
    /// The attempt under way.
    attempt: Option<(u64, Instant)>,
    /// The node answered while an attempt was under way: should that one fail, it was begun too early.
    again: bool,
}

/// An attempt normally ends within the connect timeout; one that takes longer waits on a frozen server, and another may be tried beside it.
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(10);
const MAX_STUCK_ATTEMPTS: usize = 4;

/// 2 s, 4 s, 8 s, 16 s, 32 s, 32 s, … `retry`'s `Exponential` is endless and uncapped, and its `retry()` sleeps uninterruptibly.
fn delays(schedule: RebuildSchedule) -> impl Iterator<Item = Duration> {
    let initial_ms = u64::try_from(schedule.initial.as_millis()).unwrap_or(u64::MAX);
    Exponential::from_millis_with_factor(initial_ms, schedule.factor)
        .map(move |delay| delay.min(schedule.max))
}

impl Rebuild {
    pub fn new(
        shared: Arc<Shared>,
        prepare: Prepare,
        events: Sender<Event>,
        orders: Sender<Order>,
    ) -> Rebuild {
        let running = shared.nodes.iter().map(|_| Arc::new(())).collect();
        Rebuild {
            shared,
            prepare: Arc::new(prepare),
            events,
            orders,
            jobs: HashMap::new(),
            attempts: 0,
            running,
        }
    }

    pub fn run(mut self, queue: &Receiver<Order>) {
        loop {
            let now = Instant::now();
            let due: Vec<usize> = self
                .jobs
                .iter()
                .filter(|(_, job)| job.due <= now)
                .map(|(node, _)| *node)
                .collect();
            for node in due {
                self.attempt(node, now);
            }
            let wait = self
                .jobs
                .values()
                .map(|job| job.due.saturating_duration_since(now))
                .min();
            match queue.recv_timeout(wait.unwrap_or(Duration::from_secs(3600))) {
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Start { node } => {
                self.jobs
                    .insert(node, Job::new(self.shared.options.rebuild, now));
            }
            Order::Now { node } => {
                let job = self
                    .jobs
                    .entry(node)
                    .or_insert_with(|| Job::new(self.shared.options.rebuild, now));
                job.due = now;
                job.again = job.attempt.is_some();
            }
            Order::Forget { node } => {
                self.jobs.remove(&node);
            }
            Order::Failed {
                node,
                attempt,
                cause,
            } => self.failed(node, attempt, &cause, now),
            Order::Stop => {}
        }
    }

    fn failed(&mut self, node: usize, attempt: u64, cause: &str, now: Instant) {
        let limit = self.shared.options.rebuild;
        // An attempt of an earlier outage says nothing of this one.
        let is_this = |job: &&mut Job| job.attempt.is_some_and(|(id, _)| id == attempt);
        let Some(job) = self.jobs.get_mut(&node).filter(is_this) else {
            return;
        };
        job.attempt = None;
        job.attempts += 1;
        let again = std::mem::take(&mut job.again);
        job.due = now
            + if again {
                Duration::ZERO
            } else {
                job.delays.next().unwrap_or(limit.max)
            };
        let (attempts, next_attempt) = (job.attempts, Some(job.due));
        let name = self.shared.nodes[node].name.as_str();
        let known = self.shared.nodes[node].state().cause() == Some(cause);
        let level = match attempts {
            n if n == limit.attempts => log::Level::Error,
            _ if known => log::Level::Debug,
            _ => log::Level::Warn,
        };
        let given_up = if attempts >= limit.attempts {
            "failed"
        } else {
            "down"
        };
        log::log!(level, node = name, attempts, state = given_up, cause; "rebuilding the pool did not succeed");
        self.shared.nodes[node].transition(|state| match state {
            State::Down { since, .. } => Some(State::Down {
                cause: cause.to_owned(),
                attempts,
                next_attempt,
                since: *since,
            }),
            _ => None,
        });
    }

    /// Each attempt has a thread of its own: a node that never answers delays no other.
    fn attempt(&mut self, node: usize, now: Instant) {
        let stuck = Arc::strong_count(&self.running[node]) - 1;
        let Some(job) = self.jobs.get_mut(&node) else {
            return;
        };
        let patience_over = job
            .attempt
            .is_none_or(|(_, started)| now - started > ATTEMPT_PATIENCE);
        job.due = now + ATTEMPT_PATIENCE;
        if !patience_over || stuck >= MAX_STUCK_ATTEMPTS {
            return;
        }
        self.attempts += 1;
        let attempt = self.attempts;
        job.attempt = Some((attempt, now));
        let (shared, prepare, running) = (
            self.shared.clone(),
            self.prepare.clone(),
            self.running[node].clone(),
        );
        let (events, orders) = (self.events.clone(), self.orders.clone());
        let thread = std::thread::Builder::new()
            .name("rebuild-attempt".into())
            .spawn(move || {
                let _running = running;
                match build(&shared, node, &prepare) {
                    Ok((pool, facts)) => {
                        let _ = events.send(Event::Rebuilt { node, pool, facts });
                    }
                    Err(cause) => {
                        let _ = orders.send(Order::Failed {
                            node,
                            attempt,
                            cause,
                        });
                    }
                }
            });
        if let Err(error) = thread {
            self.failed(
                node,
                attempt,
                &format!("no thread for the attempt: {error}"),
                now,
            );
        }
    }
}

impl Job {
    fn new(schedule: RebuildSchedule, now: Instant) -> Job {
        let mut delays = delays(schedule);
        let due = now + delays.next().unwrap_or(schedule.max);
        Job {
            delays: Box::new(delays),
            attempts: 0,
            due,
            attempt: None,
            again: false,
        }
    }
}

/// Verified, then swapped: the pool has answered before it serves. The first connection is made outside the pool because r2d2
/// does not return a refused connect early.
fn build(shared: &Shared, index: usize, prepare: &Prepare) -> Result<(Arc<Pool>, Facts), String> {
    let (node, options) = (&shared.nodes[index], &shared.options);
    let session = shared.session();
    let facts = connect(&node.url, &session)
        .and_then(|mut connection| probe(&mut connection))
        .map_err(|e| e.to_string())?;
    // Only where the monitor has judged this node to be the primary: a fork must not be migrated.
    let elected = shared.elected.load(Ordering::Acquire) == index;
    if elected && facts.is_writable_primary() && !shared.prepared.load(Ordering::Acquire) {
        prepare(&node.url)?;
        shared.prepared.store(true, Ordering::Release);
    }
    let pool = Pool::open(&node.url, &session, options.pool_size, node.workers.clone());
    let facts = pool
        .connection()
        .and_then(|mut connection| probe(&mut connection))
        .map_err(|e| e.to_string())?;
    Ok((Arc::new(pool), facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_doubles_from_two_seconds_and_stays_at_its_cap() {
        let schedule = RebuildSchedule {
            initial: Duration::from_secs(2),
            factor: 2.0,
            max: Duration::from_secs(32),
            attempts: 5,
        };
        let seconds: Vec<u64> = delays(schedule)
            .take(7)
            .map(|delay| delay.as_secs())
            .collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 32, 32]);
    }
}
