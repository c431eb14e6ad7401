//! The result of a read.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::Error;
use super::super::attempt::Reply;
use crate::db::role::DbRole;
use crate::ledger::ask::consistency::Consistency;

/// The node that answered a read, as it was then.
#[derive(Clone, Debug)]
pub struct Origin {
    /// `primary` or `replica`.
    pub served_by: &'static str,
    pub region: Option<Arc<str>>,
    /// From a replica; from a primary if it is not known that it still is one, and the answer may be too old therefore. None: nothing is
    /// missing, or it is unknown.
    pub lag_ms: Option<u64>,
}

/// An answer, and where it is from.
#[derive(Debug)]
pub struct Served<A> {
    pub value: A,
    pub origin: Origin,
    /// On the branch of the history that was read, every transaction that was created before this time is in this state already: no other
    /// one can appear later. Each page has its own such time, since it can be from a node that is further behind. None: unknown.
    pub settled_until: Option<DateTime<Utc>>,
}

impl<A> Served<A> {
    pub fn map<B>(self, change: impl FnOnce(A) -> B) -> Served<B> {
        Served {
            value: change(self.value),
            origin: self.origin,
            settled_until: self.settled_until,
        }
    }
}

/// Err: what was asked for is not there, which is told with the node that says so, as any answer is.
pub(super) fn served<A>(reply: Reply<A>, consistency: &Consistency) -> Result<Served<A>, Error> {
    let answered =
        reply.map_err(|failure| Error::Internal(format!("an answer that is none: {failure:?}")))?;
    let origin = Origin {
        served_by: answered.role.as_str(),
        region: answered.region,
        lag_ms: answered
            .lag_ms
            .filter(|lag| answered.role == DbRole::Replica || *lag > 0),
    };
    match answered.answer {
        Ok(value) => Ok(Served {
            value,
            origin,
            settled_until: answered.settled_until,
        }),
        Err(error) => Err(Error::Absent {
            error,
            origin,
            consistency: consistency.as_str(),
        }),
    }
}
