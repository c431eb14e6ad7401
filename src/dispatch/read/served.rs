//! The result of a read.

use chrono::{DateTime, Utc};

use super::super::Error;
use super::super::attempt::{Origin, Reply, no_answer};
use crate::ledger::ask::consistency::Consistency;

/// An answer, and where it is from.
#[derive(Debug)]
pub struct Served<A> {
    pub value: A,
    pub origin: Origin,
    /// What was read is settled up to this time, on its branch of the history. Each page has its own, since it can be from a node that is
    /// further behind. None: unknown.
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
    let answered = reply.map_err(|failure| no_answer(&failure))?;
    match answered.answer {
        Ok(value) => Ok(Served {
            value,
            origin: answered.origin,
            settled_until: answered.settled_until,
        }),
        Err(error) => Err(Error::Absent {
            error,
            origin: answered.origin,
            consistency: consistency.as_str(),
        }),
    }
}
