//! One configured database. Its state owns its pool, and changes in one place.

use super::connection::DatabaseUrl;
use super::pool::Pool;
use super::probe::Facts;
use super::role::DbRole;
use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use scheduled_thread_pool::{OnPoolDropBehavior, ScheduledThreadPool};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub struct Node {
    pub name: String,
    pub region: Option<String>,
    pub address: String,
    pub url: DatabaseUrl,
    /// Threads that open connections: a few per node, so that a silent node starves no other.
    pub workers: Arc<ScheduledThreadPool>,
    /// Blocking threads that were given up because nobody answered them.
    pub abandoned: AtomicUsize,
    state: ArcSwap<State>,
    changing: Mutex<()>,
}

/// The cause before anything is known.
pub const NOT_PROBED: &str = "not probed yet";

#[derive(Clone)]
pub enum State {
    Up {
        pool: Arc<Pool>,
        facts: Facts,
        lag_ms: Option<u64>,
        sync_state: Option<String>,
        since: DateTime<Utc>,
    },
    Down {
        cause: String,
        attempts: u32,
        next_attempt: Option<Instant>,
        since: DateTime<Utc>,
    },
    /// It answers, and must not be used: it would take writes that nobody else sees, or its data are not ours.
    Fenced {
        cause: String,
        facts: Facts,
        since: DateTime<Utc>,
    },
}

impl State {
    pub fn down(cause: impl Into<String>) -> State {
        State::Down {
            cause: cause.into(),
            attempts: 0,
            next_attempt: None,
            since: Utc::now(),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            State::Up { .. } => "up",
            State::Down { .. } => "down",
            State::Fenced { .. } => "fenced",
        }
    }

    pub fn facts(&self) -> Option<&Facts> {
        match self {
            State::Up { facts, .. } | State::Fenced { facts, .. } => Some(facts),
            State::Down { .. } => None,
        }
    }

    pub fn role(&self) -> Option<DbRole> {
        self.facts().map(|facts| facts.role)
    }

    pub fn since(&self) -> DateTime<Utc> {
        match self {
            State::Up { since, .. } | State::Down { since, .. } | State::Fenced { since, .. } => {
                *since
            }
        }
    }

    pub fn cause(&self) -> Option<&str> {
        match self {
            State::Up { .. } => None,
            State::Down { cause, .. } | State::Fenced { cause, .. } => Some(cause),
        }
    }

    fn pool(&self) -> Option<&Arc<Pool>> {
        match self {
            State::Up { pool, .. } => Some(pool),
            _ => None,
        }
    }

    /// A change that an operator wants to read about: not a new lag, nor the next attempt.
    fn differs(&self, other: &State) -> bool {
        (self.name(), self.role()) != (other.name(), other.role())
            || self.cause() == Some(NOT_PROBED)
    }
}

impl Node {
    pub fn new(name: String, region: Option<String>, url: DatabaseUrl) -> Node {
        let workers = ScheduledThreadPool::builder()
            .num_threads(4)
            .thread_name_pattern("connect-{}")
            .on_drop_behavior(OnPoolDropBehavior::DiscardPendingScheduled)
            .build();
        Node {
            address: url.address(),
            name,
            region,
            url,
            workers: Arc::new(workers),
            abandoned: AtomicUsize::new(0),
            state: ArcSwap::from_pointee(State::down(NOT_PROBED)),
            changing: Mutex::new(()),
        }
    }

    pub fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// The one transition function. `next` sees the current state and says what follows, or None for no change.
    /// Returns whether anything changed. The pool that goes is retired and dropped outside the lock.
    pub fn transition(&self, next: impl FnOnce(&State) -> Option<State>) -> bool {
        let (old, new) = {
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            let old = self.state.load_full();
            let Some(next) = next(&old) else { return false };
            let new = Arc::new(next);
            self.state.store(new.clone());
            (old, new)
        };
        if old.differs(&new) {
            self.log_change(&old, &new);
        }
        if let Some(pool) = old.pool()
            && !new.pool().is_some_and(|kept| Arc::ptr_eq(kept, pool))
        {
            pool.retire();
        }
        true
    }

    /// A request, or the monitor, saw this pool fail. Only the first report changes anything.
    pub fn fail(&self, pool: &Arc<Pool>, cause: &str) -> bool {
        self.transition(|state| {
            state
                .pool()
                .is_some_and(|current| Arc::ptr_eq(current, pool))
                .then(|| State::down(cause))
        })
    }

    fn log_change(&self, old: &State, new: &State) {
        let role = new
            .role()
            .map_or("unknown".to_owned(), |role| role.to_string());
        let timeline = new.facts().and_then(|facts| facts.timeline);
        let level = if matches!(new, State::Up { .. }) {
            log::Level::Info
        } else {
            log::Level::Warn
        };
        log::log!(level, node = self.name.as_str(), address = self.address.as_str(), from = old.name(), to = new.name(),
            role = role.as_str(), timeline:? = timeline, cause = new.cause().unwrap_or("-"); "node changed state");
    }
}
