//! A node that may be asked.

use super::Pool;
use super::conclusions::{Conclusions, Standbys};
use super::node::Seen;
use super::role::DbRole;
use chrono::{DateTime, Utc};
use std::sync::Arc;
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
    /// A commit waits for some standby, whether or not its word counts.
    pub commits_wait: bool,
    /// Each commit hangs until a standby is back.
    pub waits_for_standby: bool,
    /// Of a primary: its schema has not been looked at yet. It may lack tables, and what it cannot do is nobody's mistake.
    pub unprepared: bool,
    as_of: Option<Instant>,
    pub(super) of_the_history: bool,
    pub(super) timeline: i32,
}

impl Candidate {
    pub(super) fn of(
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
            commits_wait: facts.waits_for > 0,
            waits_for_standby: facts.waits_for_standby(),
            unprepared: facts.role == DbRole::Primary && facts.branch() != conclusions.prepared,
            as_of: seen.as_of,
            of_the_history: seen.is_of_the_history(),
            timeline: facts.timeline.unwrap_or(0),
        }
    }

    /// What it shows is of the history that writes go to: only then may it answer for a token.
    pub fn is_of_the_history(&self) -> bool {
        self.of_the_history
    }

    /// How old the state may be that it shows now, at most. None: nobody knows.
    pub fn staleness(&self) -> Option<Duration> {
        match self.role {
            DbRole::Primary => Some(Duration::ZERO),
            DbRole::Replica => self.as_of.map(|as_of| as_of.elapsed()),
        }
    }
}
