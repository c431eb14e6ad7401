//! A model of dispatch/read.rs. The production code's table says what follows from an attempt.

use super::candidate::{ATTEMPT_TIMEOUT, Candidate, SUSPICION};
use super::engine::{Event, Sim};
use super::mutant::Mutant;
use super::session::{Answer, Order, Whose};
use super::time::{MS, SECOND, Time};
use synapse_core::db::decisions::State;
use synapse_core::db::error::Error as DbError;
use synapse_core::db::role::DbRole;
use synapse_core::db::select::put_primary_first;
use synapse_core::decisions::Failure;
use synapse_core::decisions::verdict::{self, NextRead};

const PATIENCE: Time = SECOND;
const BLIP_PATIENCE: Time = 3 * SECOND;
const IMPATIENCE: Time = 100 * MS;
const PAUSE: Time = 20 * MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    Eventual,
    /// With the token of the create that is read.
    Session,
    Strong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Sent(usize),
    Pausing,
    Done,
}

pub struct ReadJob {
    pub request: usize,
    pub instance: usize,
    pub tx: u32,
    pub token: Option<u32>,
    pub consistency: Consistency,
    pub begun: Time,
    deadline: Time,
    candidates: Vec<Candidate>,
    at: usize,
    proven: bool,
    is_absent: bool,
    busy: usize,
    other_reason: bool,
    queued_until: Time,
    /// How many times it has queued for a connection: the timeout of an earlier time is ignored.
    turn: u32,
    phase: Phase,
    asked: Option<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Found { astray: bool },
    Absent { by: DbRole, astray: bool },
    TokenUnknown,
    NoNode,
    Overloaded,
    Internal,
}

impl ReadJob {
    fn put_primary_next(&mut self) {
        put_primary_first(&mut self.candidates[self.at + 1..], |node| node.role);
    }
}

impl Sim<'_> {
    pub fn begin_read(
        &mut self,
        request: usize,
        instance: usize,
        (tx, token): (u32, Option<u32>),
        consistency: Consistency,
    ) {
        let is_blip = consistency == Consistency::Eventual && self.was_lost_recently(instance);
        let patience = if is_blip { BLIP_PATIENCE } else { PATIENCE };
        let job = self.reads.len();
        self.reads.push(ReadJob {
            request,
            instance,
            tx,
            token,
            consistency,
            begun: self.now,
            deadline: self.now + patience,
            candidates: Vec::new(),
            at: 0,
            proven: false,
            is_absent: false,
            busy: 0,
            other_reason: false,
            queued_until: 0,
            turn: 0,
            phase: Phase::Pausing,
            asked: None,
        });
        self.start_read(job);
    }

    fn was_lost_recently(&self, id: usize) -> bool {
        let nodes = self.instances[id].nodes.iter();
        let mut states = nodes.map(|node| &node.state);
        let recently = |at| self.now.saturating_sub(self.clock.time(at)) < BLIP_PATIENCE;
        states.any(|state| match state {
            State::Up { .. } => true,
            State::Down { since, .. } | State::Fenced { since, .. } => recently(since.at),
        })
    }

    /// Begins a new round.
    pub fn start_read(&mut self, job: usize) {
        let (id, consistency) = (self.reads[job].instance, self.reads[job].consistency);
        if !self.instances[id].is_alive {
            return;
        }
        let candidates = match consistency {
            Consistency::Strong => self.primary_now(id).into_iter().collect(),
            Consistency::Eventual => self.read_candidates(id),
            Consistency::Session => {
                let mut candidates = self.read_candidates(id);
                let any = self.is(Mutant::DeadBranchServesTokens);
                candidates.retain(|candidate| any || candidate.of_the_history);
                candidates
            }
        };
        let of = &mut self.reads[job];
        (of.candidates, of.at, of.busy, of.is_absent) = (candidates, 0, 0, false);
        self.ask_next(job);
    }

    fn ask_next(&mut self, job: usize) {
        let now = self.now;
        let of = &mut self.reads[job];
        if of.at < of.candidates.len() {
            of.proven = of.consistency == Consistency::Strong;
            return self.ask_here(job);
        }
        let all_busy = of.busy > 0 && of.busy == of.candidates.len();
        if of.is_absent {
            let (by, astray) = (DbRole::Replica, false);
            return self.finish_read(job, Shown::Absent { by, astray });
        }
        if all_busy || now >= of.deadline {
            let overloaded = of.busy > 0 && !of.other_reason;
            let shown = if overloaded {
                Shown::Overloaded
            } else {
                Shown::NoNode
            };
            return self.finish_read(job, shown);
        }
        of.phase = Phase::Pausing;
        self.after(PAUSE, Event::StartRead(job));
    }

    fn ask_here(&mut self, job: usize) {
        let now = self.now;
        let of = &mut self.reads[job];
        let others = of.at + 1 < of.candidates.len();
        let patience = if others { IMPATIENCE } else { PATIENCE };
        of.queued_until = (now + patience).min(of.deadline.max(now));
        of.turn += 1;
        of.phase = Phase::Waiting;
        let (read, turn) = (job, of.turn);
        let (queued_until, deadline) = (of.queued_until, of.deadline.max(now));
        self.at(queued_until, Event::ReadQueueTimeout { read, turn });
        self.at(deadline, Event::ReadQueueTimeout { read, turn });
        self.seek_connection(job);
    }

    pub fn seek_connection(&mut self, job: usize) {
        let of = &self.reads[job];
        let id = of.instance;
        if of.phase != Phase::Waiting || !self.instances[id].is_alive {
            return;
        }
        let candidate = if of.proven {
            self.primary_now(id)
        } else {
            self.candidate(id, of.candidates[of.at].node)
        };
        let (tx, token, proven) = (of.tx, of.token, of.proven);
        let Some(candidate) = candidate else {
            return self.read_failed(job, &Failure::NodeDown { sent: false });
        };
        let order = Order::Read { tx, token, proven };
        let purpose = self.purpose_of(&order);
        if !self.enter_pool(id, candidate.pool, purpose) {
            return self.instances[id].queued_reads.push_back(job);
        }
        self.reads[job].asked = Some(candidate);
        match self.connection(id, &candidate, order, Whose::Read(job)) {
            Ok(session) => {
                let session = self.send(session);
                self.reads[job].phase = Phase::Sent(session);
                let failure = Failure::NoAnswer;
                self.after(ATTEMPT_TIMEOUT, Event::GiveUp { session, failure });
                let instance = id;
                self.after(SUSPICION, Event::Suspected { instance, session });
            }
            Err(error) => {
                self.reads[job].phase = Phase::Pausing;
                self.leave_pool(id, candidate.pool, purpose);
                self.report_if_node_failure(id, &candidate, &error);
                self.read_failed(job, &Failure::Database(error));
            }
        }
    }

    pub fn read_queue_timeout(&mut self, job: usize, turn: u32) {
        let of = &self.reads[job];
        if of.turn != turn || !self.instances[of.instance].is_alive {
            return;
        }
        match of.phase {
            Phase::Waiting if self.now >= of.queued_until => {
                self.reads[job].phase = Phase::Pausing;
                self.read_failed(job, &Failure::OutOfTime { sent: false });
            }
            Phase::Sent(session) if self.now >= of.deadline => {
                self.sessions[session].given_up = true;
                self.read_failed(job, &Failure::OutOfTime { sent: true });
            }
            _ => {}
        }
    }

    pub fn read_answered(&mut self, job: usize, session: usize, answer: Answer) {
        let of = &self.reads[job];
        let Some(asked) = of.asked.filter(|_| of.phase == Phase::Sent(session)) else {
            return;
        };
        let (id, by) = (of.instance, asked.role);
        let must_be_current = of.proven || of.consistency != Consistency::Eventual;
        let serves_any = self.is(Mutant::DeadBranchServesTokens);
        let is_promoted = asked.role == DbRole::Replica && !answer.in_recovery();
        if is_promoted {
            self.look_at(id, asked.node);
        }
        let is_promoted = is_promoted && !self.is(Mutant::PromotedReplicasAnswer);
        let is_current = !is_promoted && self.is_current(id, &asked);
        let counts = !must_be_current || serves_any || is_current;
        let (came, shown) = match answer {
            Answer::Failed(error) => {
                self.report_if_node_failure(id, &asked, &error);
                let is_excused = asked.unprepared && !self.is(Mutant::UnpreparedPrimariesAnswer);
                if matches!(error, DbError::Statement(_)) && is_excused {
                    return self.read_came(job, &verdict::ReadResult::Unprepared, None);
                }
                return self.read_failed(job, &Failure::Database(error));
            }
            Answer::Read {
                tx: Some(_),
                astray,
                ..
            } => (verdict::ReadResult::Found, Shown::Found { astray }),
            Answer::Read {
                tx: None, astray, ..
            } => (verdict::ReadResult::Absent, Shown::Absent { by, astray }),
            // All nodes are near, so it is not worth waiting for one of them.
            Answer::TokenNotVisible { .. } => (
                verdict::ReadResult::TokenNotVisible { soon: false },
                Shown::TokenUnknown,
            ),
            Answer::Stored { .. } | Answer::Ready => return,
        };
        let came = if counts {
            came
        } else {
            verdict::ReadResult::Uncounted
        };
        self.read_came(job, &came, Some(shown));
    }

    pub fn read_failed(&mut self, job: usize, failure: &Failure) {
        self.read_came(job, &verdict::ReadResult::Failed(failure), None);
    }

    fn read_came(&mut self, job: usize, came: &verdict::ReadResult, shown: Option<Shown>) {
        let of = &mut self.reads[job];
        if of.phase == Phase::Done {
            return;
        }
        let candidate = of.candidates.get(of.at).map_or(DbRole::Primary, |c| c.role);
        let role = match came {
            verdict::ReadResult::Failed(_) => candidate,
            _ => of.asked.map_or(candidate, |asked| asked.role),
        };
        of.phase = Phase::Pausing;
        match verdict::read(came, role, of.proven) {
            NextRead::Answer => {
                return self.finish_read(job, shown.unwrap_or(Shown::Internal));
            }
            NextRead::Prove => {
                of.proven = true;
                return self.ask_here(job);
            }
            NextRead::Apart | NextRead::Wait => return self.ask_here(job),
            NextRead::Remember => {
                of.is_absent = true;
                of.put_primary_next();
            }
            NextRead::Primary => {
                of.other_reason = true;
                of.put_primary_next();
            }
            NextRead::Busy => of.busy += 1,
            NextRead::TooSlow => return self.finish_read(job, Shown::NoNode),
            NextRead::Internal => return self.finish_read(job, Shown::Internal),
            NextRead::Next { .. } => of.other_reason = true,
        }
        self.reads[job].at += 1;
        self.ask_next(job);
    }

    fn finish_read(&mut self, job: usize, shown: Shown) {
        self.reads[job].phase = Phase::Done;
        self.shown(job, shown);
    }
}
