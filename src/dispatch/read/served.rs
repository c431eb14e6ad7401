//! The result of a read.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::db::role::DbRole;

/// An answer, and where it is from.
#[derive(Debug)]
pub struct Served<A> {
    pub value: A,
    pub role: DbRole,
    pub region: Option<Arc<str>>,
    pub(super) lag_ms: Option<u64>,
    /// On the branch of the history that was read, every transaction that was created before this time is in this state already: no other
    /// one can appear later. Each page has its own such time, since it can be from a node that is further behind. None: unknown.
    pub settled_until: Option<DateTime<Utc>>,
}

impl<A> Served<A> {
    pub fn map<B>(self, change: impl FnOnce(A) -> B) -> Served<B> {
        Served {
            value: change(self.value),
            role: self.role,
            region: self.region,
            lag_ms: self.lag_ms,
            settled_until: self.settled_until,
        }
    }

    /// None from the primary, and where it is unknown.
    pub fn replica_lag_ms(&self) -> Option<u64> {
        self.lag_ms.filter(|_| self.role == DbRole::Replica)
    }
}
