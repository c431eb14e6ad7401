//! A write: the same job is sent again and again while its outcome is in doubt, until it is known or the deadline has passed.

mod progress;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Durability, Reply, internal, no_answer};
use super::lane::Pair;
use super::rules::Patience;
use super::verdict::{self, Doubt, NextWrite, Refusal};
use super::work::Work;
use super::{Bounds, Dispatch, Error};
use crate::db::status::WhyRefused;
use crate::ledger;
use progress::WriteProgress;

/// How long a create waits for an earlier one with the same handle that has not finished.
const IN_PROGRESS_PATIENCE: Duration = Duration::from_secs(2);

/// The result of a write, and which servers have it.
#[derive(Debug)]
pub struct Written<A> {
    pub value: A,
    pub durability: Durability,
    /// The primary's region.
    pub region: Option<Arc<str>>,
}

impl Dispatch {
    pub(super) async fn write<W: Work>(
        &self,
        lanes: &Pair<W>,
        job: W::Job,
        bounds: Bounds,
    ) -> Result<Written<W::Answer>, Error> {
        self.refuse_impossible_deadline(bounds, || self.context.databases.primary_now())?;
        let deadline = bounds
            .deadline
            .unwrap_or(self.context.policy.write_deadline);
        let mut progress = WriteProgress {
            deadline: Instant::now() + deadline,
            doubt: Doubt::None,
            failure: None,
            apart: false,
            waits_for_lock_since: None,
            pauses: 0,
        };
        let end = self.until_known(lanes, Arc::new(job), &mut progress).await;
        if progress.doubt == Doubt::Sent {
            self.counts.doubt_ended(&end);
        }
        if matches!(end, Err(Error::OutcomeUnknown)) {
            let failure = progress.failure;
            log::warn!(failure:?; "the outcome of a write is not known");
        }
        end
    }

    async fn until_known<W: Work>(
        &self,
        lanes: &Pair<W>,
        job: Arc<W::Job>,
        progress: &mut WriteProgress,
    ) -> Result<Written<W::Answer>, Error> {
        loop {
            let lane = lanes.lane(progress.apart);
            let reply = lane
                .ask(job.clone(), Patience::until(progress.deadline))
                .await;
            let (next, doubt) = verdict::write(&result_of::<W>(&reply), progress.doubt);
            progress.doubt = doubt;
            if let Err(failure) = &reply {
                progress.failure = Some(failure.clone());
            }
            match next {
                NextWrite::Answer => return self.written(reply),
                NextWrite::Refuse(refusal) => return Err(self.refused(refusal, &reply)),
                NextWrite::Apart => progress.apart = true,
                NextWrite::AfterLock => self.after_lock(W::LOCK_MEANS_IN_PROGRESS, progress)?,
                NextWrite::Again { paid } if !paid || self.write_retries.take() => {}
                NextWrite::Again { .. } => self.wait_for_retry(progress).await?,
            }
            if next != NextWrite::AfterLock {
                progress.waits_for_lock_since = None;
            }
            if Instant::now() >= progress.deadline {
                return Err(self.out_of_time(progress.doubt));
            }
            if next != NextWrite::Apart {
                progress.pause().await;
            }
        }
    }

    /// The retry budget is spent. A write in doubt waits until the successes of others have earned a retry, since only another attempt can
    /// tell what became of it. Any other write ends here.
    async fn wait_for_retry(&self, progress: &mut WriteProgress) -> Result<(), Error> {
        while progress.doubt == Doubt::Sent && Instant::now() < progress.deadline {
            progress.pause().await;
            if self.write_retries.take() {
                return Ok(());
            }
        }
        Err(self.out_of_time(progress.doubt))
    }

    fn written<A>(&self, reply: Reply<A>) -> Result<Written<A>, Error> {
        let answered = reply.map_err(|failure| no_answer(&failure))?;
        self.write_retries.earn();
        self.context.databases.acknowledged();
        let written = Written {
            value: answered.answer?,
            durability: answered.durability,
            region: answered.origin.region,
        };
        if written.durability == Durability::Local {
            self.counts.unreplicated.add_one();
        }
        Ok(written)
    }

    fn refused<A>(&self, refusal: Refusal, reply: &Reply<A>) -> Error {
        match refusal {
            Refusal::Overloaded => Error::Overloaded,
            Refusal::OutOfTime => self.out_of_time(Doubt::None),
            Refusal::OutcomeUnknown => Error::OutcomeUnknown,
            Refusal::Writes(WhyRefused::SplitBrain) => Error::SplitBrain,
            Refusal::Writes(WhyRefused::NotReplicated) => Error::DurabilityUnavailable,
            Refusal::Writes(WhyRefused::NoRoom) => Error::NoRoom,
            Refusal::Internal => internal(reply),
        }
    }

    /// Keeps the write waiting for a lock. The server gives up after a short time, so that one job does not delay those that share its
    /// statement; the write itself is sent again. Not in the last moment before the deadline: an attempt that is cut off by it leaves a
    /// doubt, where it is known of all attempts so far that they were not applied.
    fn after_lock(
        &self,
        lock_means_in_progress: bool,
        progress: &mut WriteProgress,
    ) -> Result<(), Error> {
        let since = *progress
            .waits_for_lock_since
            .get_or_insert_with(Instant::now);
        let databases = &self.context.databases;
        let rtt = databases.primary_now().map(|node| node.rtt);
        // Twice, as an attempt takes longer than its wait where the machine is busy.
        let another = databases.lock_timeout() * 2 + rtt.unwrap_or_default();
        let is_last = Instant::now() + another >= progress.deadline;
        let in_progress = lock_means_in_progress && progress.doubt == Doubt::None;
        if in_progress && (is_last || since.elapsed() >= IN_PROGRESS_PATIENCE) {
            return Err(Error::InProgress);
        }
        if is_last {
            return Err(self.out_of_time(progress.doubt));
        }
        progress.pauses = 0;
        Ok(())
    }

    fn out_of_time(&self, doubt: Doubt) -> Error {
        let databases = &self.context.databases;
        match doubt {
            Doubt::Sent => Error::OutcomeUnknown,
            // There is a primary: it waited for its turn, or for a lock that another session holds.
            Doubt::None if databases.primary_for_writes_now().is_some() => Error::Overloaded,
            Doubt::None if databases.primary_now().is_some() => Error::DurabilityUnavailable,
            Doubt::None => Error::PrimaryUnavailable,
        }
    }
}

fn result_of<'r, W: Work>(reply: &'r Reply<W::Answer>) -> verdict::WriteResult<'r> {
    let answered = match reply {
        Ok(answered) => answered,
        Err(failure) => return verdict::WriteResult::Failed(failure),
    };
    match &answered.answer {
        Err(ledger::Error::LostRace) => verdict::WriteResult::Raced,
        answer if answered.counts => verdict::WriteResult::Answered {
            lasting: match answer {
                Ok(answer) => W::is_lasting(answer),
                Err(error) => error.is_lasting(),
            },
        },
        // A success that is not lasting tells of no write of this request, so it leaves nothing to be in doubt of.
        answer => verdict::WriteResult::Uncounted {
            accepted: answer.as_ref().is_ok_and(W::is_lasting),
        },
    }
}
