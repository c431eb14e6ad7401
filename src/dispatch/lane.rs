//! A lane: the queue of one kind of work before one node, or before the primary, whichever node that is.
//!
//! A job is queued, taken or answered, and nothing else. Queued means that it was not sent: giving it up then is "not applied". Taken means
//! that a leader runs it: giving it up then is *doubt*. The lane's lock decides which of the two it is.
//!
//! A lane before the primary holds its jobs while there is none: at t = 0 s the primary dies, at t = 1 s a job is queued, at t = 5 s the
//! next primary is verified and a leader takes the job. Its length, in jobs and bytes, is the one limit on waiting.

mod floor;
mod pace;
mod pair;
mod queue;
mod seat;
#[cfg(test)]
mod tests;
mod ticket;

use pace::LaneLoad;
pub(super) use pair::Pair;
use queue::{Entry, Queue};
pub(super) use seat::Seat;
use ticket::{Queued, Ticket};

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::Context;
use super::attempt::{Failure, Reply, fail};
use super::leader;
use super::rules::{LaneRules, Patience, Target};
use super::work::Work;
use crate::db::Candidate;
use crate::db::status::WhyRefused;
use crate::metrics::Histogram;

/// How many bytes of parameters the jobs of one statement may have together. A single job that is larger goes alone.
const MAX_BATCH_BYTES: usize = 256 * 1024;
/// Buckets for the number of jobs of a statement, up to the most that one takes.
const BATCH_SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// How far into the queue a leader looks for jobs of the same owner.
const LOOK_AHEAD: usize = 256;

pub(super) struct Lane<W: Work> {
    pub context: Arc<Context>,
    pub rules: LaneRules,
    pub batches: Histogram,
    queue: Mutex<Queue<W>>,
}

/// Jobs of one owner that a leader has taken.
pub(super) struct Taken<W: Work> {
    pub jobs: Vec<Arc<W::Job>>,
    pub replies: Vec<oneshot::Sender<Reply<W::Answer>>>,
}

impl<W: Work> Lane<W> {
    pub fn new(context: &Arc<Context>, rules: LaneRules) -> Arc<Lane<W>> {
        let queue = Mutex::new(Queue::new(rules.max_waiting));
        Arc::new(Lane {
            context: context.clone(),
            rules,
            batches: Histogram::new(BATCH_SIZES),
            queue,
        })
    }

    /// Queues a job and waits for its answer. If the future is dropped while it waits (the client has gone), the job is taken back, unless
    /// a leader has taken it.
    pub async fn ask(self: &Arc<Self>, job: Arc<W::Job>, patience: Patience) -> Reply<W::Answer> {
        let (ticket, mut answer) = self.queue_up(job, patience.until)?;
        let mut until = patience.queued_until.min(patience.until);
        loop {
            match tokio::time::timeout_at(until.into(), &mut answer).await {
                Ok(Ok(reply)) => return reply,
                Ok(Err(_)) => return Err(Failure::Panicked),
                Err(_) if ticket.withdraw() => return Err(Failure::OutOfTime { sent: false }),
                Err(_) if until < patience.until => until = patience.until,
                // It may have been answered in this very moment.
                Err(_) => {
                    let sent = Err(Failure::OutOfTime { sent: true });
                    return answer.try_recv().unwrap_or(sent);
                }
            }
        }
    }

    fn queue_up(self: &Arc<Self>, job: Arc<W::Job>, until: Instant) -> Result<Queued<W>, Failure> {
        let (reply, answer) = oneshot::channel();
        let mut queue = self.queue.lock();
        queue.last_id += 1;
        let id = queue.last_id;
        let entry = Entry {
            id,
            job,
            until,
            reply,
        };
        if !queue.push(entry) {
            return Err(Failure::Full);
        }
        self.call_a_leader(queue);
        let lane = self.clone();
        Ok((Ticket { lane, id }, answer))
    }

    /// Starts one more leader, if there is work for it.
    fn call_a_leader(self: &Arc<Self>, mut queue: MutexGuard<Queue<W>>) {
        let line = LaneLoad {
            waiting: queue.len(),
            leaders: queue.leaders,
            max_leaders: self.rules.max_leaders,
            max_batch: self.rules.max_batch,
        };
        let Some(pause) = queue.pace.next_leader(line, Instant::now()) else {
            return;
        };
        queue.leaders += 1;
        drop(queue);
        leader::start_in(pause, self.clone());
    }

    /// Takes the jobs of one owner that have gathered. Those that this node, at this distance, could not answer in time are refused instead.
    /// None: there is no job.
    pub fn take(self: &Arc<Self>, node: usize, rtt: Duration) -> Option<Taken<W>> {
        let mut queue = self.queue.lock();
        let now = Instant::now();
        let answered_at = now + queue.floor.of(node, now).unwrap_or(rtt);
        let first = queue.take_next(answered_at, self.rules.max_batch == 1)?;
        let mut bytes = W::bytes(&first.job);
        let mut taken = Taken {
            jobs: vec![first.job],
            replies: vec![first.reply],
        };
        let mut at = 0;
        while taken.jobs.len() < self.rules.max_batch && at < LOOK_AHEAD {
            let Some(next) = queue.in_time(at, answered_at) else {
                break;
            };
            let fits = bytes + W::bytes(&next.job) <= MAX_BATCH_BYTES;
            if !fits || W::owner(&next.job) != W::owner(&taken.jobs[0]) {
                at += 1;
                continue;
            }
            bytes += W::bytes(&next.job);
            if let Some(entry) = queue.remove(at) {
                taken.jobs.push(entry.job);
                taken.replies.push(entry.reply);
            }
        }
        queue.pace.took(taken.jobs.len(), Instant::now());
        self.call_a_leader(queue);
        self.batches.observe(taken.jobs.len() as f64);
        Some(taken)
    }

    pub fn waiting(&self) -> usize {
        self.queue.lock().len()
    }

    /// Records how long a statement took, on this primary if it is a write that a standby has confirmed.
    pub fn learn(&self, took: Duration, confirmed_on: Option<usize>) {
        let mut queue = self.queue.lock();
        queue.pace.learn(took);
        if let Some(primary) = confirmed_on {
            queue.floor.learn(primary, took, Instant::now());
        }
    }

    /// How long a leader that has just answered waits for more jobs to gather before it takes them.
    pub fn stay(&self) -> Duration {
        let (queue, most) = (self.queue.lock(), self.rules.max_batch);
        if most > 1 && queue.len() < most {
            queue.pace.stay(Instant::now())
        } else {
            Duration::ZERO
        }
    }

    /// Fails all jobs that are queued. None of them was sent.
    pub fn fail_all(&self, failure: &Failure) {
        let waiting = self.queue.lock().take_all();
        fail(
            waiting.into_iter().map(|entry| entry.reply).collect(),
            failure,
        );
    }

    /// Waits for it, unless writes are refused.
    pub async fn primary_for_writes(&self) -> Result<Candidate, WhyRefused> {
        let Context {
            databases, policy, ..
        } = &*self.context;
        databases.primary_for_writes(policy.write_deadline).await
    }

    pub fn candidate_now(&self) -> Option<Candidate> {
        let databases = &self.context.databases;
        match self.rules.target {
            Target::Reads(node) => databases.candidate(node),
            Target::ProvedReads => databases.primary_now(),
            Target::Writes => databases.primary_for_writes_now(),
        }
    }
}
