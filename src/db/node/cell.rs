//! Keeps a node's state: it is replaced in one place, and nothing slow happens under the lock.

use super::super::RebuildSchedule;
use super::super::cause::{Cause, Trouble};
use super::super::pool::Pool;
use super::super::probe::Facts;
use super::super::role::DbRole;
use super::state::{Effect, Input, Moment, State};
use super::step::step;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;

pub type NodeState = State<Arc<Pool>>;

pub struct Cell {
    state: ArcSwap<NodeState>,
    changing: Mutex<()>,
}

/// A change of a node's state. The keeper writes its log line and carries out its effects: a request that reports a failure does neither.
pub struct Change {
    old: Arc<NodeState>,
    new: Arc<NodeState>,
    pub effects: Vec<Effect<Arc<Pool>>>,
}

impl Cell {
    pub fn new(state: NodeState) -> Cell {
        Cell {
            state: ArcSwap::from_pointee(state),
            changing: Mutex::new(()),
        }
    }

    pub fn state(&self) -> Arc<NodeState> {
        self.state.load_full()
    }

    pub fn apply(&self, input: Input<Arc<Pool>>, schedule: &RebuildSchedule) -> Change {
        let _changing = self.changing.lock();
        let old = self.state.load_full();
        let (new, effects) = step(&old, input, Moment::now(), schedule);
        let new = Arc::new(new);
        self.state.store(new.clone());
        Change { old, new, effects }
    }
}

impl Change {
    /// Writes the one log line of a change, if an operator wants to know of it: a new lag or another attempt is none.
    pub fn log(&self, name: &str, address: &str) {
        let (old, new) = (&self.old, &self.new);
        let first =
            matches!(&**old, State::Down { trouble, .. } if trouble.cause == Cause::NotProbed);
        let told = |state: &NodeState| (state.name(), state.role(), state.cause());
        let still_down = matches!((&**old, &**new), (State::Down { .. }, State::Down { .. }));
        if told(old) == told(new) || (still_down && !first) {
            return;
        }
        let level = match new.cause() {
            None => log::Level::Info,
            Some(_) => log::Level::Warn,
        };
        let role = new
            .role()
            .map_or("unknown".to_owned(), |role| role.to_string());
        let timeline = new.facts().and_then(|facts| facts.timeline);
        let cause = new.cause().map_or("-", Cause::code);
        let sentence = new.cause().map_or("-", Cause::sentence);
        let detail = new
            .trouble()
            .map_or(sentence, |trouble| trouble.detail.as_str());
        log::log!(level, node = name, address, from = old.name(), to = new.name(), role = role.as_str(),
            timeline:? = timeline, cause, detail; "node changed state");
    }
}

impl NodeState {
    /// A replica of another branch still answers default reads if nothing better is up, but is shown as fenced.
    pub fn name(&self) -> &'static str {
        match self {
            State::Down { .. } => "down",
            State::Up { seen, .. } if seen.is_on_another_branch() => "fenced",
            State::Up { .. } => "up",
            State::Fenced { .. } => "fenced",
        }
    }

    pub fn facts(&self) -> Option<&Facts> {
        match self {
            State::Up { seen, .. } => Some(&seen.facts),
            State::Fenced { facts, .. } => Some(facts),
            State::Down { .. } => None,
        }
    }

    pub fn role(&self) -> Option<DbRole> {
        self.facts().map(|facts| facts.role)
    }

    pub fn since(&self) -> Moment {
        match self {
            State::Up { since, .. } | State::Down { since, .. } | State::Fenced { since, .. } => {
                *since
            }
        }
    }

    pub fn cause(&self) -> Option<Cause> {
        match self {
            State::Up { seen, .. } => seen.caveat,
            State::Down { trouble, .. } | State::Fenced { trouble, .. } => Some(trouble.cause),
        }
    }

    fn trouble(&self) -> Option<&Trouble> {
        match self {
            State::Up { .. } => None,
            State::Down { trouble, .. } | State::Fenced { trouble, .. } => Some(trouble),
        }
    }
}
