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
    /// How far a replica is behind; for a primary, how long ago it was last confirmed that it still is one. None: unknown.
    pub lag_ms: Option<u64>,
    /// What it shows is settled up to this time. None: unknown.
    pub settled_until: Option<DateTime<Utc>>,
    /// Its commits wait until a standby that counts has flushed them, and a crash of its server loses none.
    pub durable: bool,
    pub region: Option<Arc<str>>,
    /// The round trip to it.
    pub rtt: Duration,
    /// The standbys that count as a second copy of this primary's commits; none where its commits wait for nobody.
    pub standbys: Arc<Standbys>,
    /// A commit waits for some standby, whether or not that is one of these.
    pub commits_wait: bool,
    /// Too few standbys are connected: each commit hangs until one is back.
    pub waits_for_standby: bool,
    /// A primary whose schema has not been verified yet. It may lack tables, so a statement that fails there is no bug of the service.
    pub unprepared: bool,
    /// See [`Seen::as_of`].
    pub(super) as_of: Option<Instant>,
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
            durable: facts.is_durable_with(&standbys.names),
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

    /// It shows the branch of the history that writes go to: only then may it answer a read with a token.
    pub fn is_of_the_history(&self) -> bool {
        self.of_the_history
    }

    /// The state that it shows now is at most this old. None: unknown.
    pub fn staleness(&self) -> Option<Duration> {
        match self.role {
            DbRole::Primary => Some(Duration::ZERO),
            DbRole::Replica => self.as_of.map(|as_of| as_of.elapsed()),
        }
    }
}
