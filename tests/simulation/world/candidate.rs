//! A model of db/requests.rs: what requests ask of the conclusions, and how they get a connection.

use super::engine::Sim;
use super::mutant::Mutant;
use super::server::Life;
use super::session::{Order, Session, Whose};
use super::time::{SECOND, Time};
use std::time::Duration;
use synapse_core::db::Use;
use synapse_core::db::decisions::{State, Writes};
use synapse_core::db::error::Error as DbError;
use synapse_core::db::role::DbRole;
use synapse_core::db::select::{View, order};

/// `Policy::attempt_timeout`, and `SUSPICION` of dispatch/watcher.rs.
pub const ATTEMPT_TIMEOUT: Time = 3 * SECOND;
pub const SUSPICION: Time = SECOND / 5;
const MAX_REPLICA_LAG: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub node: usize,
    pub pool: usize,
    pub role: DbRole,
    pub unprepared: bool,
    /// Its commits waited for standbys when it was probed last.
    pub commits_wait: bool,
    pub of_the_history: bool,
    pub timeline: i32,
}

impl Sim<'_> {
    pub fn candidate(&self, id: usize, node: usize) -> Option<Candidate> {
        match &self.instances[id].nodes[node].state {
            State::Up { pool, seen, .. } => Some(Candidate {
                node,
                pool: *pool,
                role: seen.facts.role,
                unprepared: (seen.facts.branch())
                    .is_some_and(|branch| !self.is_prepared(id, branch)),
                commits_wait: seen.facts.waits_for > 0,
                of_the_history: seen.is_of_the_history(),
                timeline: seen.facts.timeline.unwrap_or(0),
            }),
            State::Down { .. } | State::Fenced { .. } => None,
        }
    }

    pub fn primary_now(&self, id: usize) -> Option<Candidate> {
        match self.instances[id].conclusions.writes {
            Writes::To { node, .. } => self
                .candidate(id, node)
                .filter(|c| c.role == DbRole::Primary),
            Writes::Held(_) | Writes::SplitBrain => None,
        }
    }

    pub fn read_candidates(&self, id: usize) -> Vec<Candidate> {
        let instance = &self.instances[id];
        let nodes = instance.nodes.iter().enumerate();
        let views = nodes.filter_map(|(node, watched)| match &watched.state {
            State::Up { pool, seen, .. } => Some(View {
                node,
                role: seen.facts.role,
                region: None,
                lag_ms: seen.lag_ms,
                rtt: seen.facts.rtt,
                in_use: instance.pools[*pool].in_use(),
                on_another_branch: seen.is_on_another_branch(),
            }),
            State::Down { .. } | State::Fenced { .. } => None,
        });
        let views: Vec<_> = views.collect();
        let nodes = order(&views, None, MAX_REPLICA_LAG).into_iter();
        nodes.filter_map(|node| self.candidate(id, node)).collect()
    }

    pub fn is_current(&self, id: usize, candidate: &Candidate) -> bool {
        let conclusions = &self.instances[id].conclusions;
        let another = conclusions
            .elected
            .filter(|elected| *elected != candidate.node);
        let is_replaced = candidate.role == DbRole::Primary && another.is_some();
        let is_below = candidate.timeline < conclusions.timeline;
        !conclusions.contested && !is_below && !is_replaced && candidate.of_the_history
    }

    pub fn purpose_of(&self, order: &Order) -> Use {
        match order {
            Order::Read { proven: true, .. } if !self.is(Mutant::ProofsTakeThePlaceOfReads) => {
                Use::Commit
            }
            Order::Read { .. } => Use::Read,
            Order::Create { .. } | Order::Migrate => Use::Commit,
        }
    }

    /// Mostly an open connection; now and then a new one, to the server that the address leads to now.
    pub fn connection(
        &mut self,
        id: usize,
        candidate: &Candidate,
        order: Order,
        whose: Whose,
    ) -> Result<Session, DbError> {
        let (node, pool) = (candidate.node, candidate.pool);
        let of = &self.instances[id].pools[pool];
        let (mut server, mut started) = (of.server, of.started);
        let who = (id * 64 + pool) as u64;
        if self.chance.once_in(4, "new connection", who, self.now) {
            let reached = self.addresses[node];
            let there = &self.servers[reached];
            let place = self.instances[id].place;
            if there.life != Life::Up || self.cut_off[place][node].is_some() {
                return Err(DbError::Unreachable("nobody there".into()));
            }
            if there.identity() != of.identity && !self.is(Mutant::AnyServerWillDo) {
                self.instances[id].pools[pool].has_strayed = true;
                return Err(DbError::AnotherServer);
            }
            (server, started) = (reached, there.started);
        }
        let mut session = self.session(id, node, server, order, whose);
        (session.pool, session.started) = (Some(pool), started);
        session.is_confirmed = candidate.commits_wait;
        Ok(session)
    }

    /// If getting a connection or a statement has failed in a way that shows that the node has failed, that is reported.
    pub fn report_if_node_failure(&mut self, id: usize, candidate: &Candidate, error: &DbError) {
        if error.is_node_failure() {
            let trouble = error.clone().into();
            self.report(id, candidate.node, candidate.pool, trouble);
        }
    }
}
