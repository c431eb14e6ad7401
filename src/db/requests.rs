//! What requests ask about the nodes, and what they report. None of it blocks a thread or closes a connection.

use super::candidate::Candidate;
use super::cause::Trouble;
use super::conclusions::{Conclusions, Writes};
use super::error::Error;
use super::keeper::Message;
use super::node::{Input, NodeState};
use super::options::Require;
use super::replication::Replication;
use super::role::DbRole;
use super::status::WhyRefused;
use super::{Databases, GivenUpThread, Use, select, share};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

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
                    on_another_branch: seen.is_on_another_branch(),
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

    /// Not merely better than no answer, as a replica is that lags too much, or that shows a branch of the history that has ended.
    pub fn is_good_enough(&self, candidate: &Candidate) -> bool {
        let max_lag = self.shared.options.max_replica_lag;
        candidate.is_of_the_history()
            && !select::is_stale(candidate.role, candidate.lag_ms, max_lag)
    }

    /// Waits for a verified primary that may be written to, holding neither thread nor connection, for as long as it takes. Where replication
    /// is required, it may be missing for so long after a failover (see [`Databases::replication`]).
    pub async fn primary_for_writes(&self, patience: Duration) -> Result<Candidate, WhyRefused> {
        let mut conclusions = self.shared.conclusions.subscribe();
        loop {
            if conclusions.borrow_and_update().writes == Writes::SplitBrain {
                return Err(WhyRefused::SplitBrain);
            }
            if let Some(primary) = self.primary_for_writes_now() {
                return Ok(primary);
            }
            if self.replication(patience) == Replication::Missing {
                return Err(WhyRefused::NotReplicated);
            }
            if conclusions.changed().await.is_err() {
                // The sender lives as long as self.
                std::future::pending::<()>().await;
            }
        }
    }

    pub fn primary_now(&self) -> Option<Candidate> {
        // Copied before the `match`, which would hold the lock while `candidate` takes it again.
        let writes = self.shared.conclusions.borrow().writes;
        match writes {
            Writes::To { node, .. } => self.candidate(node).filter(|c| c.role == DbRole::Primary),
            Writes::Held(_) | Writes::SplitBrain => None,
        }
    }

    /// Where replication is required, a primary that does not replicate is not written to: after a failover it may be alone for a moment.
    pub fn primary_for_writes_now(&self) -> Option<Candidate> {
        let primary = self.primary_now()?;
        (self.requires() == Require::None || primary.durable).then_some(primary)
    }

    /// The node, if it is up.
    pub fn candidate(&self, node: usize) -> Option<Candidate> {
        match &*self.shared.nodes[node].state() {
            NodeState::Up { pool, seen, .. } => {
                let region = self.shared.nodes[node].region.clone();
                let conclusions = self.shared.conclusions.borrow();
                let mut candidate = Candidate::of(node, region, pool, seen, &conclusions);
                self.limit_by_evidence(&mut candidate, &conclusions);
                Some(candidate)
            }
            NodeState::Down { .. } | NodeState::Fenced { .. } => None,
        }
    }

    /// Where commits wait for a standby, a confirmation is the evidence that the primary has not been replaced. What a node shows is known to
    /// be as fresh as the last one, and not fresher ([`Confirmed`]). While there are none, since the primary waits for its standbys in vain,
    /// what the nodes show may have been out of date since the last one; where they are required, its lag says so.
    ///
    /// [`Confirmed`]: super::confirmed::Confirmed
    fn limit_by_evidence(&self, candidate: &mut Candidate, conclusions: &Conclusions) {
        let confirmed = &self.shared.confirmed;
        let is_required = self.requires() != Require::None;
        if is_required || conclusions.commits_wait {
            candidate.as_of = candidate.as_of.min(confirmed.last());
        }
        if !is_required {
            return;
        }
        let durable = conclusions.durable;
        let hung_at = |primary| self.shared.hung_commit.met_at(primary);
        let hung_at = conclusions.elected.and_then(hung_at);
        let hangs = hung_at.is_some() && confirmed.last() < hung_at;
        if hangs || durable.is_none_or(|durable| !durable.still) {
            let seen = durable.filter(|durable| !durable.still);
            let confirmed = confirmed.last_or_start();
            let last = seen.map_or(confirmed, |durable| durable.at.max(confirmed));
            let unproven_ms = u64::try_from(last.elapsed().as_millis()).unwrap_or(u64::MAX);
            candidate.lag_ms = candidate.lag_ms.map(|lag| lag.max(unproven_ms));
        }
    }

    /// Whether some node is up, or has changed its state within this time: it was up before that, or the service has just been started.
    pub fn is_or_was_up_within(&self, duration: Duration) -> bool {
        let states = self.shared.nodes.iter().map(super::Node::state);
        let recently = |state: &NodeState| state.since().at.elapsed() < duration;
        states
            .into_iter()
            .any(|state| matches!(*state, NodeState::Up { .. }) || recently(&state))
    }

    pub fn max_replica_lag(&self) -> Duration {
        self.shared.options.max_replica_lag
    }

    /// Where a commit must be, beside the primary's disk, before it counts.
    pub fn requires(&self) -> Require {
        self.shared.options.require
    }

    /// How long a statement waits for a lock that another session holds.
    pub fn lock_timeout(&self) -> Duration {
        self.shared.options.lock_timeout
    }

    /// How often a node is probed as a rule, and so how old what is known of it may be.
    pub fn probe_interval(&self) -> Duration {
        self.shared.options.probe_interval
    }

    pub fn pool_size(&self) -> u32 {
        self.shared.options.pool_size
    }

    pub fn node_count(&self) -> usize {
        self.shared.nodes.len()
    }

    /// How many leaders, each with a connection and a thread, there may be at once.
    pub fn max_leaders(&self) -> usize {
        self.node_count() * super::node::max_leaders(&self.shared.options)
    }

    /// How many connections to the nodes there may be at once.
    pub fn max_connections(&self) -> usize {
        self.node_count() * super::node::max_connections(&self.shared.options)
    }

    /// Whether an answer of this node still counts. False once a higher timeline or another primary has been seen: what it tells of may
    /// then exist only on a branch that has ended. False also while it is open which branch counts.
    pub fn is_current(&self, candidate: &Candidate) -> bool {
        let conclusions = self.shared.conclusions.borrow();
        let another = conclusions
            .elected
            .filter(|elected| *elected != candidate.node);
        let is_replaced = candidate.role == DbRole::Primary && another.is_some();
        let is_below = candidate.timeline < conclusions.timeline;
        !conclusions.contested && !is_below && !is_replaced && candidate.of_the_history
    }

    /// An attempt saw the node fail. Only the first report about a pool changes anything.
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

    /// A statement was refused for want of disk or memory. The node stays up, since other statements may need neither.
    pub fn has_no_room(&self, candidate: &Candidate, is_write: bool, error: &Error) {
        if self.shared.lack.refused(candidate.node, is_write) {
            let node = self.shared.nodes[candidate.node].name.as_str();
            log::error!(node, detail:% = error; "the server has no room for what it is asked");
        }
    }

    /// A commit was confirmed by a standby that counts, of a statement that was begun then.
    pub fn confirmed(&self, begun: Instant) {
        self.shared.confirmed.note(begun);
    }

    /// A commit on this node waited for a standby until it was given up, or its wait was cut short.
    pub fn commit_hung(&self, candidate: &Candidate) {
        self.shared.hung_commit.met_on(candidate.node);
    }

    /// Has the node probed now: an answer takes long, or shows that the node was promoted.
    pub fn suspect(&self, candidate: &Candidate) {
        let node = candidate.node;
        self.tell(Message::Suspected { node });
    }

    /// A write was acknowledged. The first one after a time without a primary ends that gap.
    pub fn acknowledged(&self) {
        self.shared.hung_commit.is_over();
        let awaited = &self.shared.awaits_acknowledgement;
        if awaited.load(Ordering::Relaxed) && awaited.swap(false, Ordering::AcqRel) {
            self.tell(Message::Acknowledged { at: Instant::now() });
        }
    }

    /// False if too many blocking threads are stuck on this node. Commits stop earlier than reads: those that run now may all come to hang,
    /// waiting for a lost standby, and there must be room for reads even then.
    pub fn may_start(&self, node: usize, purpose: Use) -> bool {
        let room = self.shared.nodes[node].given_up.room();
        match purpose {
            Use::Read => room > 0,
            Use::Commit => room > share(self.pool_size()),
        }
    }

    /// Counts a blocking thread that was given up, until it ends.
    pub fn count_given_up(&self, candidate: &Candidate) -> GivenUpThread {
        self.shared.nodes[candidate.node].given_up.count()
    }
}
