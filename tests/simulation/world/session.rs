//! A statement on a server: what it does there, what it waits for, and what it answers.

use super::engine::{Event, Sim};
use super::mutant::Mutant;
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
    /// `token`: the create that the token names. `proven`: the read ends with a commit.
    Read {
        tx: u32,
        token: Option<u32>,
        proven: bool,
    },
    /// Looks at the schema, and runs the migration if that is missing.
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

/// Where a commit is known to be (ledger/store/durability.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    OnAStandby,
    Nowhere,
    Unknown,
}

#[derive(Clone, Debug)]
pub enum Answer {
    /// The transaction that is stored under the key.
    Stored {
        tx: u32,
        copies: Copies,
    },
    /// `tx`: None if there is no such transaction. `astray`: the state that was read is of another branch than the one that counts.
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
    /// False for an answer of a read on a primary. Answers that do not tell count as true.
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
    /// The server that its connection has reached, and when that server had started.
    pub server: usize,
    pub started: Time,
    pub pool: Option<usize>,
    pub order: Order,
    pub whose: Whose,
    pub sent: Time,
    /// The service has stopped waiting for it.
    pub given_up: bool,
    /// It is over: its thread and its connection are free.
    pub ended: bool,
    answer: Option<Answer>,
    /// Whether its commit has to be confirmed: as far as the instance knows, commits of this server wait for standbys.
    pub is_confirmed: bool,
    /// It has committed what it stores, and asks which standbys have the log up to here.
    confirms: Option<usize>,
}

/// A connection over a path that has been cut for so long is lost (`tcp_user_timeout`).
const CONNECTION_TIMEOUT: Time = 5 * SECOND;
const LOCK_TIMEOUT: Time = 50 * MS;
/// How often and how many times a confirmation looks at the standbys, for half a second as in `confirm_commits`.
const BETWEEN_LOOKS: Time = 10 * MS;
const LOOKS: u32 = 50;
const STATEMENT_TIMEOUT: Time = 2400 * MS;

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
            is_confirmed: false,
            confirms: None,
        }
    }

    fn trip(&self, who: usize) -> Time {
        self.chance
            .between(50, 2 * MS, "trip", who as u64, self.now)
    }

    /// A statement that is sent over a path that is cut arrives when the path is restored, if that is soon.
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
        self.sessions[id].answer = Some(Answer::Stored {
            tx: stored,
            copies: Copies::Nowhere,
        });
        if self.sessions[id].is_confirmed {
            return self.confirm(id, server, what);
        }
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

    /// The record is written, and sent to the standbys at once, which show it as soon as they have replayed it. This server shows it when
    /// the wait is over.
    fn commit(&mut self, id: usize, server: usize, what: What) {
        let at = self.write(server, what);
        let of = &mut self.servers[server];
        let waits = of.makes_wait();
        if waits {
            of.waiting.push(Waiting { at, session: id });
        }
        self.wake_standbys(server);
        if !waits {
            self.committed(id);
        }
    }

    fn write(&mut self, server: usize, what: What) -> usize {
        let record = self.record(what);
        let of = &mut self.servers[server];
        let at = of.log.len();
        of.log.push(record);
        if let What::Create { tx, key } = what {
            self.stored(server, tx, key);
        }
        at
    }

    /// Two commits: the first one stores the row, waits for nobody, and can be seen at once; the second one, of an empty message, waits.
    /// The connection may be lost between the two.
    fn confirm(&mut self, id: usize, server: usize, what: What) {
        let at = self.write(server, what);
        self.wake_standbys(server);
        self.sessions[id].confirms = Some(at + 1);
        let delay = self.trip(id);
        self.after(delay, Event::Confirm(id));
    }

    pub fn confirm_now(&mut self, id: usize) {
        let session = &self.sessions[id];
        if session.ended || session.confirms.is_none() {
            return;
        }
        let server = session.server;
        let of = &self.servers[server];
        if of.life == Life::Frozen {
            return self.after(BETWEEN_LOOKS, Event::Confirm(id));
        }
        if self.now < of.starved_until {
            return self.not_confirmed(id, DbError::Resources("out of memory".into()));
        }
        if !of.is_writable_primary() {
            return self.not_confirmed(id, DbError::ReadOnly);
        }
        self.after(STATEMENT_TIMEOUT, Event::CutShort(id));
        self.commit(id, server, What::Proof);
    }

    /// `statement_timeout` ends the wait of a commit within a procedure.
    pub fn cut_short(&mut self, id: usize) {
        let session = &self.sessions[id];
        if session.ended || session.confirms.is_none() {
            return;
        }
        let of = &mut self.servers[session.server];
        if of.life == Life::Frozen {
            return self.after(BETWEEN_LOOKS, Event::CutShort(id));
        }
        of.waiting.retain(|waiting| waiting.session != id);
        self.durable(id, Copies::Unknown);
    }

    /// The commit returns: it did not have to wait, or not any longer.
    pub fn committed(&mut self, id: usize) {
        if self.sessions[id].confirms.is_none() {
            return self.answer_stands(id);
        }
        let (session, looks) = (id, LOOKS);
        self.look(session, looks);
    }

    pub fn look(&mut self, id: usize, looks: u32) {
        let session = &self.sessions[id];
        let Some(position) = session.confirms.filter(|_| !session.ended) else {
            return;
        };
        let of = &self.servers[session.server];
        let is_confirmed = of.is_confirmed(position);
        if of.life == Life::Up && (is_confirmed || of.names.is_empty() || looks == 0) {
            let copies = if is_confirmed {
                Copies::OnAStandby
            } else {
                Copies::Nowhere
            };
            return self.durable(id, copies);
        }
        let is_up = of.life == Life::Up;
        let (session, looks) = (id, looks - u32::from(is_up));
        self.after(BETWEEN_LOOKS, Event::Look { session, looks });
    }

    fn not_confirmed(&mut self, id: usize, error: DbError) {
        if self.is(Mutant::ErrorAfterCommitIsNotApplied) {
            self.sessions[id].confirms = None;
            return self.answer(id, Answer::Failed(error));
        }
        self.durable(id, Copies::Unknown);
    }

    fn durable(&mut self, id: usize, known: Copies) {
        self.sessions[id].confirms = None;
        if let Some(Answer::Stored { copies, .. }) = &mut self.sessions[id].answer {
            *copies = known;
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

    /// The answer arrives at the service, or is lost on the way.
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

    /// Frees the thread and its connection.
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

    /// The service stops waiting for this thread (dispatch/watcher.rs).
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

    /// A server has died: its sessions end, and their clients are told.
    pub fn reset_sessions(&mut self, server: usize) {
        self.servers[server].waiting.clear();
        let backlog = std::mem::take(&mut self.servers[server].backlog);
        drop(backlog);
        for id in 0..self.sessions.len() {
            let session = &self.sessions[id];
            if session.server == server && !session.ended {
                self.sessions[id].confirms = None;
                self.answer(id, Answer::Failed(DbError::Lost("reset".into())));
            }
        }
    }
}
