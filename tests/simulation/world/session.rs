//! A statement on a server: what it does there, what it waits for, and what it answers.

use super::engine::{Event, Sim};
use super::server::{Life, Waiting, What};
use super::time::{MS, SECOND, Time};
use synapse_core::db::error::Error as DbError;
use synapse_core::db::probe::Branch;
use synapse_core::decisions::Failure;

#[derive(Clone, Debug)]
pub enum Order {
    Create {
        tx: u32,
        key: u32,
    },
    /// `token`: the create of which a token speaks. `proven`: it ends with a commit.
    Read {
        tx: u32,
        token: Option<u32>,
        proven: bool,
    },
    /// A look at the schema, and the migration where that is missing.
    Migrate,
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    Write(usize),
    Read(usize),
    Attempt {
        node: usize,
        attempt: Time,
    },
    Preparation {
        node: usize,
        branch: Branch,
        pool: usize,
    },
}

#[derive(Clone, Debug)]
pub enum Answer {
    /// The transaction that stands under the handle.
    Stored {
        tx: u32,
        replicated: bool,
    },
    /// None: no such transaction. `astray`: the state that was read is of another branch than the one that counts.
    Read {
        tx: Option<u32>,
        astray: bool,
        in_recovery: bool,
    },
    TokenNotVisible {
        in_recovery: bool,
    },
    Ready,
    Failed(DbError),
}

impl Answer {
    /// Only what read with a token says no.
    pub fn in_recovery(&self) -> bool {
        match self {
            Answer::Read { in_recovery, .. } | Answer::TokenNotVisible { in_recovery } => {
                *in_recovery
            }
            Answer::Stored { .. } | Answer::Ready | Answer::Failed(_) => true,
        }
    }
}

pub struct Session {
    pub instance: usize,
    pub node: usize,
    /// Which server its connection has reached, and that server's start.
    pub server: usize,
    pub started: Time,
    pub pool: Option<usize>,
    pub order: Order,
    pub whose: Whose,
    pub sent: Time,
    /// The service does not wait for it any more.
    pub given_up: bool,
    /// Nothing will come of it any more: its thread and its connection are free.
    pub ended: bool,
    answer: Option<Answer>,
    /// It has committed, and looks at the standbys.
    looking: bool,
    /// What it told of the settings: synchronous, and new.
    told: (bool, bool),
}

/// The server's side of a connection that nobody hears of any more (`tcp_user_timeout`).
const CONNECTION_TIMEOUT: Time = 5 * SECOND;
const LOCK_TIMEOUT: Time = 50 * MS;
/// ledger/store/durability.rs.
const QUICK: Time = 10 * MS;
const BETWEEN_LOOKS: Time = 10 * MS;
const LOOKS: u32 = 100;
const NEW_SETTINGS: Time = 120 * SECOND;

impl Sim<'_> {
    pub fn send(&mut self, session: Session) -> usize {
        let at = self.sessions.len();
        self.sessions.push(session);
        let delay = self.trip(at);
        self.after(delay, Event::Arrive(at));
        at
    }

    pub fn session(
        &self,
        instance: usize,
        node: usize,
        server: usize,
        order: Order,
        whose: Whose,
    ) -> Session {
        Session {
            instance,
            node,
            server,
            started: self.servers[server].started,
            pool: None,
            order,
            whose,
            sent: self.now,
            given_up: false,
            ended: false,
            answer: None,
            looking: false,
            told: (false, false),
        }
    }

    fn trip(&self, who: usize) -> Time {
        self.chance
            .between(50, 2 * MS, "trip", who as u64, self.now)
    }

    /// What is sent over a path that is cut arrives when it heals, if that is soon.
    pub fn arrive(&mut self, id: usize) {
        let session = &self.sessions[id];
        let place = self.instances[session.instance].place;
        let (node, server, sent) = (session.node, session.server, session.sent);
        if session.ended {
            return;
        }
        if self.cut_off[place][node].is_some() {
            if self.now - sent > CONNECTION_TIMEOUT {
                return self.answer(id, Answer::Failed(DbError::Lost("timed out".into())));
            }
            return self.after(50 * MS, Event::Arrive(id));
        }
        if self.servers[server].started != self.sessions[id].started {
            return self.answer(id, Answer::Failed(DbError::Lost("reset".into())));
        }
        match self.servers[server].life {
            Life::Dead => self.answer(id, Answer::Failed(DbError::Lost("reset".into()))),
            Life::Frozen => self.servers[server].backlog.push(id),
            Life::Up => self.execute(id),
        }
    }

    fn execute(&mut self, id: usize) {
        let server = self.sessions[id].server;
        let of = &self.servers[server];
        self.sessions[id].told = (
            !of.names.is_empty(),
            of.loaded.is_some_and(|at| self.now < at + NEW_SETTINGS),
        );
        match self.sessions[id].order.clone() {
            Order::Create { tx, key } => self.insert(id, server, tx, key),
            Order::Read { tx, token, proven } => self.find(id, server, tx, token, proven),
            Order::Migrate => self.migrate(id, server),
        }
    }

    fn insert(&mut self, id: usize, server: usize, tx: u32, key: u32) {
        let of = &self.servers[server];
        if !of.is_writable_primary() {
            return self.answer(id, Answer::Failed(DbError::ReadOnly));
        }
        if !of.is_migrated() {
            let missing = "relation does not exist".to_owned();
            return self.answer(id, Answer::Failed(DbError::Statement(missing)));
        }
        let under_the_key = |at: usize| {
            let record = of.log[at].what;
            matches!(record, What::Create { key: of, .. } if of == key)
        };
        let is_locked = of.waiting.iter().any(|waiting| under_the_key(waiting.at));
        if is_locked {
            return self.after(LOCK_TIMEOUT, Event::LockTimeout(id));
        }
        let met = of.log.iter().find_map(|record| match record.what {
            What::Create { tx, key: of } if of == key => Some(tx),
            _ => None,
        });
        let (stored, what) = match met {
            Some(met) => (met, What::Proof),
            None => (tx, What::Create { tx, key }),
        };
        let replicated = false;
        self.sessions[id].answer = Some(Answer::Stored {
            tx: stored,
            replicated,
        });
        self.commit(id, server, what);
    }

    fn find(&mut self, id: usize, server: usize, tx: u32, token: Option<u32>, proven: bool) {
        let of = &self.servers[server];
        if !of.is_migrated() {
            let missing = "relation does not exist".to_owned();
            return self.answer(id, Answer::Failed(DbError::Statement(missing)));
        }
        let shows = |wanted: u32| {
            let is_it = |what| matches!(what, What::Create { tx, .. } if tx == wanted);
            of.visible().any(|record| is_it(record.what))
        };
        let astray = self.truth.is_astray(of, &self.servers);
        let in_recovery = !of.is_primary;
        let answer = match token {
            Some(token) if !shows(token) => Answer::TokenNotVisible { in_recovery },
            _ => Answer::Read {
                tx: Some(tx).filter(|tx| shows(*tx)),
                astray,
                in_recovery,
            },
        };
        if !proven {
            return self.answer(id, answer);
        }
        if !of.is_writable_primary() {
            return self.answer(id, Answer::Failed(DbError::ReadOnly));
        }
        self.sessions[id].answer = Some(answer);
        self.commit(id, server, What::Proof);
    }

    fn migrate(&mut self, id: usize, server: usize) {
        let of = &self.servers[server];
        if !of.is_writable_primary() {
            return self.answer(id, Answer::Failed(DbError::ReadOnly));
        }
        if of.is_migrated() {
            return self.answer(id, Answer::Ready);
        }
        let is_under_way = |waiting: &Waiting| of.log[waiting.at].what == What::Migration;
        if of.waiting.iter().any(is_under_way) {
            return self.after(LOCK_TIMEOUT, Event::Arrive(id)); // the advisory lock
        }
        self.sessions[id].answer = Some(Answer::Ready);
        self.commit(id, server, What::Migration);
    }

    /// The record is written, and goes to the standbys at once, where it is seen as soon as it is replayed. Here it is seen when the wait is over.
    fn commit(&mut self, id: usize, server: usize, what: What) {
        let record = self.record(what);
        let of = &mut self.servers[server];
        let at = of.log.len();
        of.log.push(record);
        if of.makes_wait() {
            of.waiting.push(Waiting { at, session: id });
        }
        let waits = of.makes_wait();
        if let What::Create { tx, key } = what {
            self.stored(server, tx, key);
        }
        self.wake_standbys(server);
        if !waits {
            self.committed(id);
        }
    }

    /// Whoever gave the command looks at the standbys next, where the wait itself proves nothing (ledger/store/durability.rs).
    pub fn committed(&mut self, id: usize) {
        let session = &self.sessions[id];
        let (synchronous, new_settings) = session.told;
        let is_certain = !new_settings && self.now - session.sent < QUICK;
        if !matches!(session.answer, Some(Answer::Stored { .. })) {
            return self.answer_stands(id);
        }
        if !synchronous || is_certain {
            return self.durable(id, synchronous);
        }
        let position = self.servers[session.server].log.len();
        let looks = LOOKS;
        let delay = self.trip(id);
        self.sessions[id].looking = true;
        let session = id;
        self.after(
            delay,
            Event::Look {
                session,
                position,
                looks,
            },
        );
    }

    pub fn look(&mut self, id: usize, position: usize, looks: u32) {
        let session = &self.sessions[id];
        if session.ended {
            return;
        }
        let of = &self.servers[session.server];
        if of.started != session.started || of.life == Life::Dead {
            return self.look_failed(id, DbError::Lost("reset".into()));
        }
        if of.life == Life::Frozen {
            return self.after(
                BETWEEN_LOOKS,
                Event::Look {
                    session: id,
                    position,
                    looks,
                },
            );
        }
        if self.now < of.starved_until {
            return self.look_failed(id, DbError::Resources("out of memory".into()));
        }
        if of.is_confirmed(position) || of.names.is_empty() || looks == 0 {
            let replicated = of.is_confirmed(position);
            return self.durable(id, replicated);
        }
        let looks = looks - 1;
        let session = id;
        self.after(
            BETWEEN_LOOKS,
            Event::Look {
                session,
                position,
                looks,
            },
        );
    }

    fn look_failed(&mut self, id: usize, error: DbError) {
        if self.is(super::mutant::Mutant::ErrorAfterCommitIsNotApplied) {
            return self.answer(id, Answer::Failed(error));
        }
        self.durable(id, false);
    }

    fn durable(&mut self, id: usize, is_replicated: bool) {
        if let Some(Answer::Stored { replicated, .. }) = &mut self.sessions[id].answer {
            *replicated = is_replicated;
        }
        self.answer_stands(id);
    }

    pub fn lock_timeout(&mut self, id: usize) {
        if !self.sessions[id].ended {
            self.answer(id, Answer::Failed(DbError::LockTimeout));
        }
    }

    fn answer(&mut self, id: usize, answer: Answer) {
        self.sessions[id].answer = Some(answer);
        self.answer_stands(id);
    }

    fn answer_stands(&mut self, id: usize) {
        if self.sessions[id].ended {
            return;
        }
        let delay = self.trip(id);
        self.after(delay, Event::Reply(id));
    }

    /// The answer comes to the service, or is lost on the way.
    pub fn replied(&mut self, id: usize) {
        let session = &mut self.sessions[id];
        let place = self.instances[session.instance].place;
        let is_cut = self.cut_off[place][session.node].is_some();
        if session.ended {
            return;
        }
        let mut answer = session.answer.take();
        if is_cut && !matches!(answer, Some(Answer::Failed(_))) {
            if self.now - session.sent < CONNECTION_TIMEOUT {
                session.answer = answer;
                return self.after(50 * MS, Event::Reply(id));
            }
            answer = Some(Answer::Failed(DbError::Lost("timed out".into())));
        }
        self.end(id);
        let session = &self.sessions[id];
        let is_heard = !session.given_up && self.instances[session.instance].is_alive;
        if let Some(answer) = answer.filter(|_| is_heard) {
            self.sort_out(id, answer);
        }
    }

    /// The thread and its connection are free.
    fn end(&mut self, id: usize) {
        self.sessions[id].ended = true;
        let (pool, instance) = (self.sessions[id].pool, self.sessions[id].instance);
        if let Some(pool) = pool {
            let purpose = self.purpose_of(&self.sessions[id].order);
            self.leave_pool(instance, pool, purpose);
        }
    }

    fn sort_out(&mut self, id: usize, answer: Answer) {
        let session = &self.sessions[id];
        let (instance, whose) = (session.instance, session.whose);
        match whose {
            Whose::Write(job) => self.write_answered(job, id, answer),
            Whose::Read(job) => self.read_answered(job, id, answer),
            Whose::Attempt { node, attempt } => {
                self.attempt_is_ready(instance, node, attempt, answer);
            }
            Whose::Preparation { node, branch, pool } => {
                self.prepared(instance, node, branch, pool, answer);
            }
        }
    }

    /// Nobody waits for this thread any more (dispatch/watcher.rs).
    pub fn give_up(&mut self, id: usize, failure: Failure) {
        let session = &mut self.sessions[id];
        if session.ended || session.given_up {
            return;
        }
        session.given_up = true;
        match session.whose {
            Whose::Write(job) => self.write_failed(job, &failure),
            Whose::Read(job) => self.read_failed(job, &failure),
            Whose::Attempt { .. } | Whose::Preparation { .. } => {}
        }
    }

    /// A server has died: its sessions are over, and their clients hear of it.
    pub fn reset_sessions(&mut self, server: usize) {
        self.servers[server].waiting.clear();
        let backlog = std::mem::take(&mut self.servers[server].backlog);
        drop(backlog);
        for id in 0..self.sessions.len() {
            let session = &self.sessions[id];
            if session.server == server && !session.ended && !session.looking {
                self.answer(id, Answer::Failed(DbError::Lost("reset".into())));
            }
        }
    }
}
