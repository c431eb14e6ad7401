//! Asks one node, on a connection of its own. However long the node takes, nobody waits longer than a limit: the thread that asks can be
//! given up, and a new one with a new connection takes its place (see [`Threads`]).

use super::super::cause::Trouble;
use super::super::threads::{NoThread, Threads};
use super::super::url::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits, connect};
use super::{Heard, probe};
use diesel::PgConnection;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

/// How many probes may hang on one node at once.
pub const MAX_PROBES: usize = 5;

/// Told of each answer, with the generation of the thread that has it; false: nobody listens any more.
pub type Tell = Arc<dyn Fn(u64, Result<Heard, Trouble>) -> bool + Send + Sync>;

pub struct Prober {
    url: DatabaseUrl,
    timeout: Duration,
    tell: Tell,
    threads: Threads,
    thread: Option<Sender<()>>,
    generation: u64,
    /// When it was asked, and how long it may take to connect first.
    asked: Option<(Instant, Duration)>,
    connected: bool,
}

/// Whether one node is silent, or all of them.
///
/// For example, with `probe_timeout_ms` of 500: at t = 0 s a node is asked, and at t = 0.3 s another one. That one answers, so the first is
/// down at t = 0.5 s. If it did not answer either, it would more likely be this machine that is busy, or something that the nodes share,
/// and there would be no node to go to instead: the first has until t = 2 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Another node has answered a later question, or there is no other node.
    OfOne,
    /// No other node has answered a later question.
    OfAll,
}

/// How many times longer a node may be silent while all are.
const PATIENCE_WITH_ALL: u32 = 4;

impl Prober {
    pub fn new(url: DatabaseUrl, timeout: Duration, tell: Tell) -> Prober {
        Prober {
            url,
            timeout,
            tell,
            threads: Threads::at_most(MAX_PROBES),
            thread: None,
            generation: 0,
            asked: None,
            connected: false,
        }
    }

    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub fn asked_at(&self) -> Option<Instant> {
        self.asked.map(|(asked, _)| asked)
    }

    /// When its silence begins to count as a failure.
    pub fn overdue_at(&self, silence: Silence) -> Option<Instant> {
        let (asked, connecting) = self.asked?;
        Some(asked + connecting + self.patience(silence))
    }

    /// How long an answer may take, once it is connected.
    pub fn patience(&self, silence: Silence) -> Duration {
        match silence {
            Silence::OfOne => self.timeout,
            Silence::OfAll => self.timeout * PATIENCE_WITH_ALL,
        }
    }

    /// Asks the node. Err: too many of its threads hang; it can be asked again when the first of them ends.
    pub fn ask(&mut self, now: Instant) -> Result<(), NoThread> {
        let connecting = if self.connected {
            Duration::ZERO
        } else {
            CONNECT_TIMEOUT
        };
        let is_gone = |thread: &Sender<()>| thread.send(()).is_err();
        if self.thread.as_ref().is_none_or(is_gone) {
            self.generation += 1;
            let thread = self.start()?;
            let _ = thread.send(());
            self.thread = Some(thread);
        }
        self.asked = Some((now, connecting));
        Ok(())
    }

    fn start(&self) -> Result<Sender<()>, NoThread> {
        let (questions, queue) = mpsc::channel();
        let (tell, url) = (self.tell.clone(), self.url.clone());
        let (generation, timeout) = (self.generation, self.timeout);
        self.threads.start("probe", move || {
            answer(&queue, &url, timeout, |answer| tell(generation, answer));
        })?;
        Ok(questions)
    }

    /// Whether this answer is from the thread that is asked now, and not from one that was given up.
    pub fn answered(&mut self, generation: u64, ok: bool) -> bool {
        let current = generation == self.generation && self.thread.is_some();
        if current {
            (self.asked, self.connected) = (None, ok);
        }
        current
    }

    /// True once for each question that was not answered in time.
    pub fn give_up_overdue(&mut self, silence: Silence, now: Instant) -> bool {
        let overdue = self.overdue_at(silence).is_some_and(|at| at <= now);
        if overdue {
            self.hang_up();
        }
        overdue
    }

    /// The next question is asked on a new connection.
    pub fn hang_up(&mut self) {
        (self.asked, self.thread, self.connected) = (None, None, false);
    }
}

/// Answers questions until their sender is dropped, or nobody listens any more.
fn answer(
    questions: &Receiver<()>,
    url: &DatabaseUrl,
    timeout: Duration,
    tell: impl Fn(Result<Heard, Trouble>) -> bool,
) {
    let limit = timeout * PATIENCE_WITH_ALL;
    let session = SessionLimits::own_plans(limit, limit);
    let mut connection: Option<PgConnection> = None;
    while questions.recv().is_ok() {
        let asked = Instant::now();
        let open = match connection.take() {
            Some(open) => Ok(open),
            None => connect(url, &session),
        };
        let heard = open.and_then(|mut open| {
            let facts = probe(&mut open)?;
            connection = Some(open);
            Ok(Heard { facts, asked })
        });
        if !tell(heard.map_err(Trouble::from)) {
            return;
        }
    }
}
