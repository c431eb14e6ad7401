//! What follows from the result of an attempt: two pure tables, one for writes and one for reads.

use super::attempt::Failure;
use crate::db::error::Error as DbError;
use crate::db::role::DbRole;
use crate::db::status::WhyRefused;

/// Whether an earlier attempt of the same write may have been applied, without an answer that says so.
///
/// At t = 0 s a create is sent, at t = 1 s its connection breaks: the row may be there or not, and from now on no answer may say that
/// nothing happened. At t = 2 s the same create is sent to the next primary. It finds its own id, or stores it: the doubt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    None,
    /// One was sent, and its outcome is not known.
    Sent,
}

/// The result of an attempt of a write.
#[derive(Clone, Debug)]
pub enum WriteResult<'f> {
    /// Done, or refused by the ledger. `lasting`: nothing that an earlier attempt may still do can make this answer wrong. False where what was
    /// asked for is there already by another write, or is refused as things stand now: an earlier attempt that still hangs somewhere may be
    /// applied once that has changed.
    Answered {
        lasting: bool,
    },
    /// A row was in its way that is gone again ([`crate::ledger::Error::LostRace`]).
    Raced,
    /// An answer that does not count: another primary had been seen by then, or a standby must have the write and none is known to.
    Uncounted {
        accepted: bool,
    },
    Failed(&'f Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextWrite {
    /// The client gets this answer.
    Answer,
    /// The same job is sent again. `paid`: it takes a retry from the budget, since something failed, and more attempts could make that
    /// worse. A job that only waited takes none.
    Again {
        paid: bool,
    },
    /// It is sent again, in a statement of its own.
    Apart,
    /// It is sent again: another session holds a lock that it needs.
    AfterLock,
    Refuse(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Overloaded,
    /// The deadline has passed, and nothing was ever sent.
    OutOfTime,
    OutcomeUnknown,
    Writes(WhyRefused),
    Internal,
}

/// What follows, and the doubt from now on.
pub fn write(result: &WriteResult, doubt: Doubt) -> (NextWrite, Doubt) {
    use NextWrite::{AfterLock, Again, Answer, Apart, Refuse};
    use Refusal::{Internal, OutOfTime, OutcomeUnknown, Overloaded, Writes};
    let (free, paid) = (Again { paid: false }, Again { paid: true });
    let is_in_doubt = doubt == Doubt::Sent;
    // What was said of this attempt tells nothing about an earlier one: the client is told that the outcome is unknown, or another is made.
    let end = |refusal| match doubt {
        Doubt::None => (Refuse(refusal), doubt),
        Doubt::Sent => (Refuse(OutcomeUnknown), doubt),
    };
    let end_unless_in_doubt = |refusal, again| match doubt {
        Doubt::None => (Refuse(refusal), doubt),
        Doubt::Sent => (again, doubt),
    };
    let failure = match result {
        WriteResult::Answered { lasting: false } if is_in_doubt => return (free, doubt),
        WriteResult::Answered { .. } => return (Answer, doubt),
        WriteResult::Raced | WriteResult::Uncounted { accepted: false } => return (free, doubt),
        WriteResult::Uncounted { accepted: true } => return (free, Doubt::Sent),
        WriteResult::Failed(failure) => failure,
    };
    match failure {
        Failure::Full => end_unless_in_doubt(Overloaded, free),
        Failure::OutOfTime { sent: false } => end(OutOfTime),
        Failure::OutOfTime { sent: true } => (Refuse(OutcomeUnknown), Doubt::Sent),
        Failure::NodeDown { sent: false } => (free, doubt),
        Failure::NodeDown { sent: true } | Failure::NoAnswer => (paid, Doubt::Sent),
        Failure::WritesRefused(why) => end_unless_in_doubt(Writes(*why), free),
        Failure::Apart => (Apart, doubt),
        Failure::Panicked => end(Internal),
        Failure::Database(error) => match error {
            DbError::Lost(_) => (paid, Doubt::Sent),
            DbError::LockTimeout => (AfterLock, doubt),
            DbError::Busy => (free, doubt),
            DbError::Statement(_) => end_unless_in_doubt(Internal, paid),
            // More attempts would change nothing, and would take the retries that a failover needs.
            DbError::Resources(_) => end_unless_in_doubt(Writes(WhyRefused::NoRoom), paid),
            DbError::Unreachable(_)
            | DbError::AnotherServer
            | DbError::ReadOnly
            | DbError::StalePlans
            | DbError::Conflict(_)
            | DbError::Cancelled(_) => (paid, doubt),
        },
    }
}

/// The result of an attempt of a read.
#[derive(Clone, Debug)]
pub enum ReadResult<'f> {
    Found,
    /// What was asked for is not there.
    Absent,
    /// The node does not show a write that a token names. `soon`: it may well show it before another node could answer.
    TokenNotVisible {
        soon: bool,
    },
    /// This node has not reached the point of the history at which the page before was read.
    Behind,
    /// An answer of a node that is no longer what it was judged to be.
    Uncounted,
    /// The statement failed on a primary whose schema has not been verified yet.
    Unprepared,
    Failed(&'f Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRead {
    Answer,
    /// It is absent on this replica. This is kept, and the primary is asked next, which decides, if there is one.
    Remember,
    /// This replica has not replayed what the read needs. The primary, which has it, is asked next.
    Primary,
    /// The same primary again: it must prove its answer by a commit before that counts.
    Prove,
    /// The same node again, in a statement of its own.
    Apart,
    /// The same node again, in a moment.
    Wait,
    /// The next node. `paid` by the retry budget, as for writes.
    Next {
        paid: bool,
    },
    /// The next node: this one is too busy.
    Busy,
    TooSlow,
    Internal,
}

/// What follows. `proven`: the primary was asked to prove its answer by a commit.
pub fn read(result: &ReadResult, role: DbRole, proven: bool) -> NextRead {
    use NextRead::{Answer, Apart, Busy, Internal, Next, Primary, Prove, Remember, TooSlow, Wait};
    match (result, role) {
        (ReadResult::Found, _) => Answer,
        // A replica that has not replayed it yet says the same as one of a database where it never existed.
        (ReadResult::Absent, DbRole::Replica) => Remember,
        (ReadResult::Absent, DbRole::Primary) => Answer,
        (ReadResult::TokenNotVisible { soon: true }, DbRole::Replica) => Wait,
        (ReadResult::TokenNotVisible { soon: false } | ReadResult::Behind, DbRole::Replica) => {
            Primary
        }
        (ReadResult::TokenNotVisible { .. }, DbRole::Primary) if proven => Answer,
        (ReadResult::TokenNotVisible { .. }, DbRole::Primary) => Prove,
        (ReadResult::Behind, DbRole::Primary) | (ReadResult::Uncounted, _) => Next { paid: false },
        (ReadResult::Unprepared, _) => Next { paid: true },
        (ReadResult::Failed(failure), role) => match failure {
            Failure::Full => Busy,
            // This is no sign of overload: no standby may confirm a proof, and others wait in line behind it.
            Failure::OutOfTime { sent: false } if !proven => Busy,
            Failure::OutOfTime { .. } => Next { paid: false },
            Failure::NodeDown { .. } | Failure::NoAnswer | Failure::WritesRefused(_) => {
                Next { paid: false }
            }
            Failure::Panicked => Internal,
            Failure::Apart => Apart,
            Failure::Database(error) => match (error, role) {
                (DbError::Busy, _) => Busy,
                (DbError::LockTimeout, _) => Next { paid: false },
                (DbError::Cancelled(_), _) => TooSlow,
                (DbError::Statement(_), DbRole::Primary) => Internal,
                // The replica may not have replayed the latest migration, so another node may succeed.
                (DbError::Statement(_), DbRole::Replica) => Next { paid: true },
                (
                    DbError::Unreachable(_)
                    | DbError::AnotherServer
                    | DbError::Lost(_)
                    | DbError::ReadOnly
                    | DbError::StalePlans
                    | DbError::Conflict(_)
                    | DbError::Resources(_),
                    _,
                ) => Next { paid: true },
            },
        },
    }
}

#[cfg(test)]
mod tests;
