//! What requests ask, and what they tell. None of it waits for a database, writes a line or closes a connection.

use super::cause::Trouble;
use super::conclusions::{Conclusions, Standbys, Writes};
use super::error::Error;
use super::keeper::Message;
use super::node::{Input, NodeState, Seen};
use super::options::Require;
use super::role::DbRole;
use super::{Abandoned, Databases, Pool, select};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A node to try, as it was when it was chosen.
#[derive(Clone)]
pub struct Candidate {
    pub node: usize,
    pub pool: Arc<Pool>,
    pub role: DbRole,
    pub lag_ms: Option<u64>,
    /// Whatever a statement that is sent to it now does not show will have begun at this time or later: who asks for the time at which
    /// rows were stored, up to here, misses none. None: nobody knows.
    pub settled_until: Option<DateTime<Utc>>,
    /// A commit waits for a standby, and a crash loses nothing.
    pub synchronous: bool,
    pub region: Option<Arc<str>>,
    /// How far it is.
    pub rtt: Duration,
    /// The standbys whose word counts for a commit of this primary; none where its commits wait for nobody.
    pub standbys: Arc<Standbys>,
    /// Each commit hangs until a standby is back.
    pub waits_for_standby: bool,
    /// Of a primary: its schema has not been looked at yet. It may lack tables, and what it cannot do is nobody's mistake.
    pub unprepared: bool,
    judged_at: Instant,
    of_the_history: bool,
    timeline: i32,
}

impl Candidate {
    fn of(
        node: usize,
        region: Option<Arc<str>>,
        pool: &Arc<Pool>,
        seen: &Seen,
        conclusions: &Conclusions,
    ) -> Candidate {
        let (facts, standbys) = (&seen.facts, &conclusions.standbys);
        Candidate {
            node,
            region,
            rtt: facts.rtt,
            pool: pool.clone(),
            role: facts.role,
            lag_ms: seen.lag_ms,
            settled_until: seen.settled_until,
            synchronous: facts.is_durable_with(&standbys.names),
            standbys: if facts.waits_for > 0 {
                standbys.clone()
            } else {
                Arc::default()
            },
            waits_for_standby: facts.waits_for_standby(),
            unprepared: facts.role == DbRole::Primary && facts.branch() != conclusions.prepared,
            judged_at: seen.judged_at,
            of_the_history: seen.is_of_the_history(),
            timeline: facts.timeline.unwrap_or(0),
        }
    }

    /// What it shows is of the history that writes go to: only then may it answer for a token.
    pub fn is_of_the_history(&self) -> bool {
        self.of_the_history
    }

    /// How old the state may be that it shows now, at most: it was `lag_ms` behind the primary when that was concluded, from an answer of the
    /// primary that had taken up to `rtt`. None: nobody knows.
    pub fn staleness(&self, primary_rtt: Duration) -> Option<Duration> {
        if self.role == DbRole::Primary {
            return Some(Duration::ZERO);
        }
        let lag = Duration::from_millis(self.lag_ms?);
        Some(lag + self.judged_at.elapsed() + primary_rtt)
    }
}

/// Two primaries claim to be the one: no write goes anywhere until one of them is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitBrain;

impl Databases {
    /// The nodes that a read may use, best first.
    pub fn read_candidates(&self) -> Vec<Candidate> {
        let shared = &self.shared;
        let states: Vec<_> = shared.nodes.iter().map(super::Node::state).collect();
        let views = states
            .iter()
            .enumerate()
            .filter_map(|(node, state)| match &**state {
                NodeState::Up { pool, seen, .. } => Some(select::View {
                    node,
                    role: seen.facts.role,
                    region: shared.nodes[node].region.as_deref(),
                    lag_ms: seen.lag_ms,
                    rtt: seen.facts.rtt,
                    in_use: pool.in_use(),
                    apart: seen.is_apart(),
                }),
                NodeState::Down { .. } | NodeState::Fenced { .. } => None,
            });
        let views: Vec<_> = views.collect();
        let (region, max_lag) = (
            shared.options.region.as_deref(),
            shared.options.max_replica_lag,
        );
        let order = select::order(&views, region, max_lag).into_iter();
        order.filter_map(|node| self.candidate(node)).collect()
    }

    /// Waits for a verified primary, holding neither thread nor connection, for as long as it takes.
    pub async fn primary(&self) -> Result<Candidate, SplitBrain> {
        let mut conclusions = self.shared.conclusions.subscribe();
        loop {
            if conclusions.borrow_and_update().writes == Writes::SplitBrain {
                return Err(SplitBrain);
            }
            if let Some(primary) = self.primary_now() {
                return Ok(primary);
            }
            if conclusions.changed().await.is_err() {
                // The sender lives as long as self.
                std::future::pending::<()>().await;
            }
        }
    }

    pub fn primary_now(&self) -> Option<Candidate> {
        // Not in the `match`: it would keep the lock, which `candidate` takes too.
        let writes = self.shared.conclusions.borrow().writes;
        match writes {
            Writes::To { node, .. } => self.candidate(node).filter(|c| c.role == DbRole::Primary),
            Writes::Held(_) | Writes::SplitBrain => None,
        }
    }

    /// The node, where it is up.
    pub fn candidate(&self, node: usize) -> Option<Candidate> {
        match &*self.shared.nodes[node].state() {
            NodeState::Up { pool, seen, .. } => {
                let region = self.shared.nodes[node].region.clone();
                let conclusions = self.shared.conclusions.borrow();
                Some(Candidate::of(node, region, pool, seen, &conclusions))
            }
            NodeState::Down { .. } | NodeState::Fenced { .. } => None,
        }
    }

    /// Whether some node is up, or was until so long ago.
    pub fn lost_within(&self, duration: Duration) -> bool {
        let states = self.shared.nodes.iter().map(super::Node::state);
        let recently = |state: &NodeState| state.since().at.elapsed() < duration;
        states
            .into_iter()
            .any(|state| matches!(*state, NodeState::Up { .. }) || recently(&state))
    }

    pub fn was_synchronous_within(&self, duration: Duration) -> bool {
        let last = self.shared.conclusions.borrow().synchronous_at;
        last.is_some_and(|last| last.elapsed() < duration)
    }

    pub fn max_replica_lag(&self) -> Duration {
        self.shared.options.max_replica_lag
    }

    /// Where a write must be before it counts.
    pub fn requires(&self) -> Require {
        self.shared.options.require
    }

    /// How old the news of a node may be.
    pub fn probe_interval(&self) -> Duration {
        self.shared.options.probe_interval
    }

    pub fn pool_size(&self) -> u32 {
        self.shared.options.pool_size
    }

    pub fn node_count(&self) -> usize {
        self.shared.nodes.len()
    }

    /// How many connections to the nodes there may be at once.
    pub fn max_connections(&self) -> usize {
        self.node_count() * super::node::max_connections(&self.shared.options)
    }

    /// Whether an answer of this node still counts: false once a higher timeline or another primary was seen, when the row may exist on
    /// a branch that is already history.
    pub fn is_current(&self, candidate: &Candidate) -> bool {
        let conclusions = self.shared.conclusions.borrow();
        let another = conclusions
            .elected
            .filter(|elected| *elected != candidate.node);
        let is_replaced = candidate.role == DbRole::Primary && another.is_some();
        let is_below = candidate.timeline < conclusions.timeline;
        !conclusions.contested && !is_below && !is_replaced && candidate.of_the_history
    }

    /// An attempt saw the node fail. Only the first report of a pool changes anything.
    pub fn report_failure(&self, candidate: &Candidate, error: &Error) {
        let (node, pool) = (candidate.node, candidate.pool.clone());
        let trouble = Trouble::from(error.clone());
        let cell = &self.shared.nodes[node].cell;
        let change = cell.apply(
            Input::Failed { pool, trouble },
            &self.shared.options.rebuild,
        );
        if !change.effects.is_empty() {
            self.tell(Message::Reported { node, change });
        }
    }

    /// No answer yet, and it is getting late: look at the node now.
    pub fn suspect(&self, candidate: &Candidate) {
        let node = candidate.node;
        self.tell(Message::Suspected { node });
    }

    /// A write was acknowledged. The first one after there was no primary ends the gap.
    pub fn acknowledged(&self) {
        let awaited = &self.shared.awaits_acknowledgement;
        if awaited.load(Ordering::Relaxed) && awaited.swap(false, Ordering::AcqRel) {
            self.tell(Message::Acknowledged { at: Instant::now() });
        }
    }

    /// False where too many blocking threads are stuck on this node already.
    pub fn may_start(&self, node: usize) -> bool {
        self.shared.nodes[node].given_up.has_room()
    }

    /// Counts a blocking thread that is given up, until it ends.
    pub fn abandoned(&self, candidate: &Candidate) -> Abandoned {
        self.shared.nodes[candidate.node].given_up.count()
    }
}
