//! The thread that asks one node, bounded in time whatever the node does.
//!
//! libpq cannot time out a statement on a server that is frozen but whose kernel still acknowledges. So the asking is done by a thread
//! that can be given up, and a new one with a new connection takes its place.

use super::connection::{CONNECT_TIMEOUT, DatabaseUrl, SessionLimits, connect};
use super::event::Event;
use super::probe::{Facts, probe};
use diesel::PgConnection;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

const MAX_STUCK: usize = 4;

pub(super) struct Prober {
    node: usize,
    url: DatabaseUrl,
    timeout: Duration,
    events: Sender<Event>,
    /// Held by each thread while it lives: how many are stuck can be counted.
    alive: Arc<()>,
    thread: Option<Sender<()>>,
    generation: u64,
    /// When it was asked, and how long it may take.
    asked: Option<(Instant, Duration)>,
    connected: bool,
}

impl Prober {
    pub fn new(node: usize, url: DatabaseUrl, timeout: Duration, events: Sender<Event>) -> Prober {
        Prober {
            node,
            url,
            timeout,
            events,
            alive: Arc::new(()),
            thread: None,
            generation: 0,
            asked: None,
            connected: false,
        }
    }

    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    pub fn overdue_at(&self) -> Option<Instant> {
        self.asked.map(|(asked, patience)| asked + patience)
    }

    pub fn ask(&mut self, now: Instant) -> std::io::Result<()> {
        let connecting = if self.connected {
            Duration::ZERO
        } else {
            CONNECT_TIMEOUT
        };
        if self
            .thread
            .as_ref()
            .is_none_or(|thread| thread.send(()).is_err())
        {
            if Arc::strong_count(&self.alive) > MAX_STUCK {
                return Ok(()); // all of them wait for this node; the first to be freed makes room
            }
            self.generation += 1;
            let thread = self.spawn()?;
            let _ = thread.send(());
            self.thread = Some(thread);
        }
        self.asked = Some((now, self.timeout + connecting));
        Ok(())
    }

    fn spawn(&self) -> std::io::Result<Sender<()>> {
        let (questions, queue) = mpsc::channel();
        let (alive, events, url) = (self.alive.clone(), self.events.clone(), self.url.clone());
        let (node, generation, timeout) = (self.node, self.generation, self.timeout);
        std::thread::Builder::new()
            .name("probe".into())
            .spawn(move || {
                let _alive = alive;
                answer(&queue, &url, timeout, |result| {
                    events
                        .send(Event::Probed {
                            node,
                            generation,
                            result,
                        })
                        .is_ok()
                });
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
    pub fn give_up_overdue(&mut self, now: Instant) -> bool {
        let overdue = self.overdue_at().is_some_and(|at| at <= now);
        if overdue {
            (self.asked, self.thread, self.connected) = (None, None, false);
        }
        overdue
    }
}

fn answer(
    questions: &Receiver<()>,
    url: &DatabaseUrl,
    timeout: Duration,
    send: impl Fn(Result<Facts, String>) -> bool,
) {
    let session = SessionLimits {
        statement_timeout: timeout,
        lock_timeout: timeout,
        plans_by_index: false,
    };
    let mut connection: Option<PgConnection> = None;
    while questions.recv().is_ok() {
        let result = match connection.take() {
            Some(open) => Ok(open),
            None => connect(url, &session),
        };
        let facts = result.and_then(|mut open| {
            let facts = probe(&mut open)?;
            connection = Some(open);
            Ok(facts)
        });
        if !send(facts.map_err(|e| e.to_string())) {
            return;
        }
    }
}
