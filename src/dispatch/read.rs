//! A read: the best node first; a failure costs one attempt, and the next node is asked in the same request.

mod candidates;
mod lanes;
mod progress;
mod served;

pub(super) use lanes::ReadLanes;
pub use served::Served;
use served::served;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Failure, Reply, internal};
use super::rules::Patience;
use super::verdict::{self, NextRead};
use super::work::{Asked, Weight, Work};
use super::{Bounds, Dispatch, Error};
use crate::db::Candidate;
use crate::db::error::Error as DbError;
use crate::db::role::DbRole;
use crate::db::select;
use crate::ledger;
use crate::ledger::ask::consistency::Consistency;
use lanes::How;
use progress::ReadProgress;

/// How long a read looks for a node, and waits in a lane. Its statement may then take `attempt_timeout`.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a default read looks for a node if one is up, or was up a moment ago: all pools may have to be rebuilt at once. In a longer
/// outage it gives up after `PATIENCE`.
const OUTAGE_START_PATIENCE: Duration = Duration::from_secs(3);
/// How long a read waits in a lane if there is another node to ask. Not less, since that node has reads of its own to answer.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_millis(100);
/// How long a read waits before it looks again for a node that can serve.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a read waits before it asks a replica again that lacked a token's write; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// What follows when one node has been asked.
enum Step<A> {
    Done(Result<Served<A>, Error>),
    NextNode,
    /// The primary, if there is one and it has not been asked in this round; else the next node.
    Primary,
}

impl Dispatch {
    pub(super) async fn read<W, T>(
        &self,
        lanes: &ReadLanes<W>,
        owner: String,
        what: T,
        consistency: &Consistency,
        bounds: Bounds,
    ) -> Result<Served<W::Answer>, Error>
    where
        W: Work<Job = Asked<T>>,
    {
        let job = Arc::new(Asked {
            owner,
            what,
            tokens: consistency.tokens().to_vec(),
        });
        let mut progress = self.progress(W::WEIGHT, consistency, bounds);
        self.refuse_impossible_staleness(bounds)?;
        self.refuse_impossible_deadline(bounds, || {
            let candidates = self.candidates(consistency, W::ONE_HISTORY);
            candidates.into_iter().min_by_key(|node| node.rtt)
        })?;
        loop {
            (progress.absent, progress.busy) = (None, 0);
            let mut candidates = self.candidates(consistency, W::ONE_HISTORY);
            if let Some(max) = bounds.max_staleness {
                Self::retain_fresh(&mut candidates, max);
            }
            for at in 0..candidates.len() {
                let others = self.is_any_good_enough(&candidates[at + 1..]);
                match self
                    .ask(lanes, &job, &candidates[at], others, &mut progress)
                    .await
                {
                    Step::Done(result) => return result,
                    Step::NextNode => {}
                    Step::Primary => {
                        select::put_primary_first(&mut candidates[at + 1..], |node| node.role);
                    }
                }
            }
            // A replica said that it is absent. If there is a primary now, its answer decides, and the read goes on: in this round that
            // primary was too busy, or failed.
            if let Some(absent) = progress.absent.take()
                && self.context.databases.primary_now().is_none()
            {
                return Err(absent);
            }
            let all_busy = progress.busy > 0 && progress.busy == candidates.len();
            if all_busy || Instant::now() >= progress.deadline {
                return Err(progress.no_node());
            }
            progress.pause(PAUSE).await;
        }
    }

    fn progress<'c>(
        &self,
        weight: Weight,
        consistency: &'c Consistency,
        bounds: Bounds,
    ) -> ReadProgress<'c> {
        let attempt_timeout = self.context.policy.attempt_timeout;
        let is_blip = *consistency == Consistency::Eventual
            && self
                .context
                .databases
                .is_or_was_up_within(OUTAGE_START_PATIENCE);
        let to_find_a_node = if is_blip {
            OUTAGE_START_PATIENCE
        } else {
            PATIENCE
        };
        let patience = match weight {
            Weight::Light => to_find_a_node,
            Weight::Heavy => to_find_a_node + attempt_timeout,
        };
        let begun = Instant::now();
        let at_most = |patience| begun + bounds.deadline.map_or(patience, |own| own.min(patience));
        ReadProgress {
            consistency,
            max_staleness: bounds.max_staleness,
            deadline: at_most(patience),
            until: at_most(patience + attempt_timeout),
            absent: None,
            busy: 0,
            other_reason: false,
        }
    }

    async fn ask<W: Work>(
        &self,
        lanes: &ReadLanes<W>,
        job: &Arc<W::Job>,
        candidate: &Candidate,
        others: bool,
        progress: &mut ReadProgress<'_>,
    ) -> Step<W::Answer> {
        let queued_until = match W::WEIGHT {
            Weight::Light if others => Instant::now() + PATIENCE_WITH_OTHERS,
            Weight::Light => Instant::now() + PATIENCE,
            Weight::Heavy => progress.deadline,
        };
        let patience = Patience {
            queued_until,
            until: progress.until,
        };
        // A primary that was cut off does not know that it has been replaced. So where age matters, it has to prove by a commit that its
        // state is the latest one.
        let is_bounded = progress.max_staleness.is_some() && candidate.role == DbRole::Primary;
        let mut how = How {
            proven: progress.consistency.is_strong() || is_bounded,
            apart: false,
        };
        // Until when it is worth waiting here for a token's write: set when that is first found missing.
        let (mut worth_until, mut pause) = (None, FIRST_PAUSE);
        loop {
            let reply = lanes.ask(candidate.node, job.clone(), how, patience).await;
            let soon = || {
                let worth = || Instant::now() + self.worth_waiting(candidate, progress.until);
                Instant::now() + pause < *worth_until.get_or_insert_with(worth)
            };
            let must_be_current = how.proven || W::ONE_HISTORY || progress.bounds_age();
            let role = reply
                .as_ref()
                .map_or(candidate.role, |answered| answered.origin.role);
            let result = match &reply {
                Err(Failure::Database(DbError::Statement(_))) if candidate.unprepared => {
                    verdict::ReadResult::Unprepared
                }
                Ok(answered) if progress.is_too_old(answered) => verdict::ReadResult::Uncounted,
                reply => result_of(reply, must_be_current, soon),
            };
            match verdict::read(&result, role, how.proven) {
                NextRead::Prove => how.proven = true,
                NextRead::Apart => how.apart = true,
                NextRead::Wait => {
                    progress.pause(pause).await;
                    pause *= 2;
                }
                next => return self.step(next, reply, progress),
            }
        }
    }

    fn step<A>(&self, next: NextRead, reply: Reply<A>, progress: &mut ReadProgress) -> Step<A> {
        match next {
            NextRead::Answer => {
                self.read_retries.earn();
                return Step::Done(served(reply, progress.consistency));
            }
            NextRead::Remember => {
                let absent = served(reply, progress.consistency).err();
                progress.absent = absent.or(progress.absent.take());
                return Step::Primary;
            }
            NextRead::Primary => {
                progress.other_reason = true;
                return Step::Primary;
            }
            NextRead::Busy => progress.busy += 1,
            NextRead::TooSlow => return Step::Done(Err(Error::TooSlow)),
            NextRead::Internal => return Step::Done(Err(internal(&reply))),
            NextRead::Next { paid } if paid && !self.read_retries.take() => {
                return Step::Done(Err(progress.no_node()));
            }
            NextRead::Next { .. } | NextRead::Prove | NextRead::Apart | NextRead::Wait => {
                progress.other_reason = true;
            }
        }
        Step::NextNode
    }
}

fn result_of<A>(
    reply: &Reply<A>,
    must_be_current: bool,
    soon: impl FnOnce() -> bool,
) -> verdict::ReadResult<'_> {
    let answered = match reply {
        Ok(answered) => answered,
        Err(failure) => return verdict::ReadResult::Failed(failure),
    };
    match &answered.answer {
        _ if must_be_current && !answered.counts => verdict::ReadResult::Uncounted,
        Ok(_) => verdict::ReadResult::Found,
        Err(ledger::Error::TokenNotVisible) => {
            verdict::ReadResult::TokenNotVisible { soon: soon() }
        }
        Err(ledger::Error::Behind) => verdict::ReadResult::Behind,
        Err(_) => verdict::ReadResult::Absent,
    }
}
