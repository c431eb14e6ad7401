//! The life of a node, as data: one pure function says what follows from what happens.
//!
//! A node on a time line: t = 0 s it is up. t = 1 s its server dies; a request reports it, the node is down, its pool is retired, and an
//! attempt to rebuild it is due at t = 3 s (then after 4, 8, 16, 32, 32 … s). t = 1.3 s the server is back and answers a probe: the attempt
//! is made at once. t = 1.32 s the attempt has a new pool, and the node is up.

use super::super::RebuildSchedule;
use super::super::cause::{Cause, Trouble};
use super::super::probe::Facts;
use chrono::{DateTime, Utc};
use retry::delay::Exponential;
use std::time::{Duration, Instant};

/// A time by two clocks. Decisions use the monotonic one; the other one is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub at: Instant,
    pub wall: DateTime<Utc>,
}

impl Moment {
    pub fn now() -> Moment {
        Moment {
            at: Instant::now(),
            wall: Utc::now(),
        }
    }
}

/// `P` is the pool: shared, and equal only to itself.
#[derive(Clone, Debug, PartialEq)]
pub enum State<P> {
    Down {
        trouble: Trouble,
        since: Moment,
        /// Its probes are answered again since it went down.
        answering: bool,
        rebuild: Rebuild,
    },
    Up {
        pool: P,
        seen: Seen,
        since: Moment,
    },
    /// It answers, but must not be used: for example, it would take writes that no other node ever sees, or it belongs to another cluster.
    ///
    /// At t = 0 s the primary is cut off, and at t = 1 s a standby is promoted. At t = 60 s the old primary can be reached again, and would
    /// still take writes on its old timeline: it is fenced. At t = 90 s it has been restarted as a standby of the new one: its pool is
    /// opened again.
    Fenced {
        trouble: Trouble,
        facts: Facts,
        since: Moment,
    },
}

/// What a node last said of itself, and what that means in the light of what the other nodes say.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub facts: Facts,
    /// How far it is behind the primary (see [`PrimaryPositions::lag_ms`]). None: unknown.
    ///
    /// [`PrimaryPositions::lag_ms`]: super::super::decisions::PrimaryPositions::lag_ms
    pub lag_ms: Option<u64>,
    /// For a replica: it shows everything that the primary had at this time (see [`PrimaryPositions::as_of`]).
    ///
    /// [`PrimaryPositions::as_of`]: super::super::decisions::PrimaryPositions::as_of
    pub as_of: Option<Instant>,
    /// What it shows is settled up to this time (see [`PrimaryPositions::settled_until`]).
    ///
    /// [`PrimaryPositions::settled_until`]: super::super::decisions::PrimaryPositions::settled_until
    pub settled_until: Option<DateTime<Utc>>,
    pub sync_state: Option<String>,
    /// Why it cannot be used for everything, although it is up.
    pub caveat: Option<Cause>,
}

impl Seen {
    /// It shows the branch of the history that writes go to. A standby that follows nobody, although it could, does not count: it may be on
    /// another branch whose timeline has the same number.
    pub fn is_of_the_history(&self) -> bool {
        !self.is_on_another_branch() && self.caveat != Some(Cause::FollowsNobody)
    }

    /// It shows a branch of the history that is not the one that writes go to.
    pub fn is_on_another_branch(&self) -> bool {
        matches!(
            self.caveat,
            Some(Cause::LowerTimeline | Cause::PromotedApart)
        )
    }
}

/// How far the attempts to open a new pool have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuild {
    /// How many have failed in this outage.
    pub attempts: u32,
    pub next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    At(Instant),
    /// An attempt is under way, identified by the time at which it began. `again`: the node has answered meanwhile. So if this attempt
    /// fails, it began too early, and another one is made at once.
    Trying {
        since: Instant,
        again: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    Usable(Seen),
    Fenced(Trouble, Facts),
}

#[derive(Clone, Debug)]
pub enum Input<P> {
    /// A probe that was asked at this time was answered, and the answer was judged together with those of the other nodes.
    Answered {
        asked: Instant,
        judged: Judged,
    },
    /// A probe failed, or was not answered in time.
    Unanswered(Trouble),
    /// A request, or the keeper, saw this pool fail.
    Failed {
        pool: P,
        trouble: Trouble,
    },
    /// An attempt has a new pool.
    Rebuilt {
        pool: P,
        judged: Judged,
    },
    NotRebuilt {
        attempt: Instant,
        trouble: Trouble,
    },
    /// Time has passed.
    Time,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect<P> {
    /// Nobody may use this pool any more.
    Retire(P),
    /// Begin an attempt to open a new pool; the time identifies it.
    Attempt(Instant),
    /// Ask all nodes now: this failure may be the first sign of a failover.
    LookAround,
    /// Log that an attempt has failed. `known`: for the same reason as before.
    TellAttempt { attempts: u32, known: bool },
}

/// An attempt normally ends within the connect timeout; one that takes longer waits on a frozen server, and another is made beside it.
pub const ATTEMPT_PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait after this many failed attempts: 2 s, 4 s, 8 s, 16 s, 32 s, 32 s, … by default. Only the delays of `retry` are used:
/// its `Exponential` has no maximum, and its `retry()` sleeps without a way to interrupt it.
pub fn delay(schedule: &RebuildSchedule, failed_attempts: u32) -> Duration {
    let initial_ms = u64::try_from(schedule.initial.as_millis()).unwrap_or(u64::MAX);
    let mut delays = Exponential::from_millis_with_factor(initial_ms, schedule.factor);
    // By then the maximum has long been reached.
    let at = failed_attempts.min(64) as usize;
    delays
        .nth(at)
        .map_or(schedule.max, |delay| delay.min(schedule.max))
}

impl<P: Clone + PartialEq> State<P> {
    pub fn new(now: Moment, schedule: &RebuildSchedule) -> State<P> {
        State::down(Cause::NotProbed.into(), now, schedule)
    }

    /// When [`Input::Time`] will change something.
    pub fn due(&self) -> Option<Instant> {
        match self {
            State::Down { rebuild, .. } => Some(rebuild.due()),
            State::Up { .. } | State::Fenced { .. } => None,
        }
    }
}

impl<P> State<P> {
    pub(super) fn down(trouble: Trouble, now: Moment, schedule: &RebuildSchedule) -> State<P> {
        State::Down {
            trouble,
            since: now,
            answering: false,
            rebuild: Rebuild {
                attempts: 0,
                next: Next::At(now.at + delay(schedule, 0)),
            },
        }
    }

    /// Down, but it answers: an attempt is made at once.
    pub(super) fn reopening(cause: Cause, now: Moment) -> State<P> {
        State::Down {
            trouble: cause.into(),
            since: now,
            answering: true,
            rebuild: Rebuild::trying(0, now),
        }
    }

    pub(super) fn fenced(trouble: Trouble, facts: Facts, since: Moment) -> State<P> {
        State::Fenced {
            trouble,
            facts,
            since,
        }
    }
}

impl Rebuild {
    pub(super) fn due(&self) -> Instant {
        match self.next {
            Next::At(due) => due,
            Next::Trying { since, .. } => since + ATTEMPT_PATIENCE,
        }
    }

    pub(super) fn trying(attempts: u32, now: Moment) -> Rebuild {
        Rebuild {
            attempts,
            next: Next::Trying {
                since: now.at,
                again: false,
            },
        }
    }
}
