//! A model of dispatch/write.rs and leader.rs, for one job at a time. The production code's table says what follows from an attempt.

use super::candidate::{ATTEMPT_TIMEOUT, Candidate, SUSPICION};
use super::engine::{Event, Sim};
use super::mutant::Mutant;
use super::session::{Answer, Copies, Order, Whose};
use super::time::{MS, SECOND, Time};
use synapse_core::db::Use;
use synapse_core::db::decisions::Writes;
use synapse_core::db::status::WhyRefused;
use synapse_core::decisions::Failure;
use synapse_core::decisions::verdict::{self, Doubt, NextWrite, Refusal};

pub const WRITE_DEADLINE: Time = 8 * SECOND;
const IN_PROGRESS_PATIENCE: Time = 2 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for a primary, or for a connection. Nothing has been sent.
    Waiting,
    /// It has been admitted to the pool, and gets a connection.
    Connecting,
    Sent(usize),
    Pausing,
    Done,
}

pub struct WriteJob {
    pub request: usize,
    pub instance: usize,
    pub tx: u32,
    pub key: u32,
    pub begun: Time,
    deadline: Time,
    doubt: Doubt,
    waits_for_lock_since: Option<Time>,
    pauses: u32,
    phase: Phase,
    candidate: Option<Candidate>,
}

/// The answer that a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Created { tx: u32, replicated: bool },
    NotApplied,
    Unknown,
    InProgress,
    Internal,
}

impl Sim<'_> {
    pub fn begin_write(&mut self, request: usize, instance: usize, tx: u32, key: u32) {
        let job = self.writes.len();
        self.writes.push(WriteJob {
            request,
            instance,
            tx,
            key,
            begun: self.now,
            deadline: self.now + WRITE_DEADLINE,
            doubt: Doubt::None,
            waits_for_lock_since: None,
            pauses: 0,
            phase: Phase::Waiting,
            candidate: None,
        });
        self.after(WRITE_DEADLINE, Event::WriteDeadline(job));
        self.seek_primary(job);
    }

    pub fn start_write(&mut self, job: usize) {
        if self.writes[job].phase == Phase::Pausing {
            self.seek_primary(job);
        }
    }

    pub fn seek_primary(&mut self, job: usize) {
        let (id, phase) = (self.writes[job].instance, self.writes[job].phase);
        if phase == Phase::Done || !self.instances[id].is_alive {
            return;
        }
        self.writes[job].phase = Phase::Waiting;
        if self.instances[id].conclusions.writes == Writes::SplitBrain {
            return self.write_failed(job, &Failure::WritesRefused(WhyRefused::SplitBrain));
        }
        let entered = self
            .primary_now(id)
            .filter(|c| self.enter_pool(id, c.pool, Use::Commit));
        let Some(candidate) = entered else {
            return self.instances[id].queued_writes.push_back(job);
        };
        self.writes[job].phase = Phase::Connecting;
        self.writes[job].candidate = Some(candidate);
        let slow = self
            .chance
            .once_in(10, "slow connection", job as u64, self.now);
        let most = if slow { 900 * MS } else { 100 };
        let delay = self
            .chance
            .between(1, most, "connection", job as u64, self.now);
        self.after(delay, Event::WriteConnected(job));
    }

    pub fn write_connected(&mut self, job: usize) {
        let of = &self.writes[job];
        let (id, tx, key) = (of.instance, of.tx, of.key);
        let Some(candidate) = of.candidate else {
            return;
        };
        if of.phase != Phase::Connecting {
            return self.leave_pool(id, candidate.pool, Use::Commit);
        }
        let is_still = self
            .primary_now(id)
            .filter(|now| now.pool == candidate.pool);
        if is_still.is_none() && !self.is(Mutant::SendsWithoutASecondLook) {
            self.leave_pool(id, candidate.pool, Use::Commit);
            return self.seek_primary(job);
        }
        if is_still.is_none() {
            self.violated(format!(
                "a write is sent to node {}, of which the service knows that it is not the primary",
                candidate.node + 1
            ));
        }
        let candidate = is_still.unwrap_or(candidate);
        self.writes[job].candidate = Some(candidate);
        let order = Order::Create { tx, key };
        match self.connection(id, &candidate, order, Whose::Write(job)) {
            Ok(session) => {
                let session = self.send(session);
                self.writes[job].phase = Phase::Sent(session);
                let failure = Failure::NoAnswer;
                self.after(ATTEMPT_TIMEOUT, Event::GiveUp { session, failure });
                let instance = id;
                self.after(SUSPICION, Event::Suspected { instance, session });
            }
            Err(error) => {
                // As in production, no job leaves the queue before there is a connection: it just tries again.
                self.writes[job].phase = Phase::Pausing;
                self.leave_pool(id, candidate.pool, Use::Commit);
                self.report_if_node_failure(id, &candidate, &error);
                self.after(MS, Event::StartWrite(job));
            }
        }
    }

    pub fn write_answered(&mut self, job: usize, session: usize, answer: Answer) {
        let of = &self.writes[job];
        let (id, candidate) = (of.instance, of.candidate);
        let Some(candidate) = candidate.filter(|_| of.phase == Phase::Sent(session)) else {
            return;
        };
        match answer {
            Answer::Stored { tx, copies } => {
                let is_known = copies != Copies::Unknown || self.is(Mutant::UnknownCopiesAreLocal);
                let came = if self.is_current(id, &candidate) && is_known {
                    verdict::WriteResult::Answered { lasting: true }
                } else {
                    verdict::WriteResult::Uncounted { accepted: true }
                };
                let replicated = copies == Copies::OnAStandby;
                if matches!(came, verdict::WriteResult::Answered { .. }) && !replicated {
                    self.check_local(session);
                }
                self.write_came(job, &came, Some(Told::Created { tx, replicated }));
            }
            Answer::Failed(error) => {
                self.report_if_node_failure(id, &candidate, &error);
                self.write_failed(job, &Failure::Database(error));
            }
            Answer::Read { .. } | Answer::TokenNotVisible { .. } | Answer::Ready => {}
        }
    }

    pub fn write_failed(&mut self, job: usize, failure: &Failure) {
        self.write_came(job, &verdict::WriteResult::Failed(failure), None);
    }

    fn write_came(&mut self, job: usize, came: &verdict::WriteResult, told: Option<Told>) {
        let now = self.now;
        let of = &mut self.writes[job];
        if of.phase == Phase::Done {
            return;
        }
        let (next, doubt) = verdict::write(came, of.doubt);
        of.doubt = doubt;
        let out_of_time = match doubt {
            Doubt::None => Told::NotApplied,
            Doubt::Sent => Told::Unknown,
        };
        match next {
            NextWrite::Answer => return self.finish_write(job, told.unwrap_or(Told::Internal)),
            NextWrite::Refuse(refusal) => return self.finish_write(job, refused(refusal)),
            NextWrite::AfterLock => {
                let since = *of.waits_for_lock_since.get_or_insert(now);
                if doubt == Doubt::None && now - since >= IN_PROGRESS_PATIENCE {
                    return self.finish_write(job, Told::InProgress);
                }
                of.pauses = 0;
            }
            NextWrite::Apart | NextWrite::Again { .. } => {}
        }
        if now >= of.deadline {
            return self.finish_write(job, out_of_time);
        }
        of.phase = Phase::Pausing;
        let cap = MS << of.pauses.min(6);
        of.pauses += 1;
        let pause = self.chance.between(1, cap, "pause", job as u64, now);
        self.after(pause, Event::StartWrite(job));
    }

    pub fn write_deadline(&mut self, job: usize) {
        let id = self.writes[job].instance;
        if !self.instances[id].is_alive {
            return;
        }
        match self.writes[job].phase {
            Phase::Done => {}
            Phase::Sent(session) => {
                self.sessions[session].given_up = true;
                self.write_failed(job, &Failure::OutOfTime { sent: true });
            }
            Phase::Waiting | Phase::Connecting | Phase::Pausing => {
                self.write_failed(job, &Failure::OutOfTime { sent: false });
            }
        }
    }

    fn finish_write(&mut self, job: usize, told: Told) {
        self.writes[job].phase = Phase::Done;
        self.told(job, told);
    }
}

fn refused(refusal: Refusal) -> Told {
    match refusal {
        Refusal::Overloaded | Refusal::OutOfTime | Refusal::Writes(_) => Told::NotApplied,
        Refusal::OutcomeUnknown => Told::Unknown,
        Refusal::Internal => Told::Internal,
    }
}
