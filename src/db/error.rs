//! What went wrong on a node. Only [`Error::Lost`] leaves open whether the statement was applied. This is the one place that classifies
//! driver errors for `dispatch`; the statements of the ledger only look whether a certain constraint was violated, and whether the
//! connection was lost.

use super::cause::{Cause, Trouble};
use super::unreachable::cause_of;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be had: nothing was sent.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The address leads to another server than the one that the pool is for: nothing was sent.
    #[error("the address leads to another server than before")]
    AnotherServer,
    /// Connections could be had, but all of them are in use, and no more can be opened.
    #[error("all connections are in use")]
    Busy,
    /// The connection died, or nobody answered in time, after the statement may have been sent.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The server does not take writes: it is a standby, or was made read-only.
    #[error("the server is read-only")]
    ReadOnly,
    /// A statement of this session was prepared before a migration, and does not fit any more: rolled back. Other sessions of the pool may
    /// have such statements too.
    #[error("statements of this pool are older than a migration")]
    StalePlans,
    /// Serialization failure, deadlock, or a conflict with recovery on a standby: rolled back.
    #[error("rolled back by a conflict: {0}")]
    Conflict(String),
    /// `lock_timeout` passed while another session held the row or the key: rolled back.
    #[error("gave up waiting for a lock")]
    LockTimeout,
    /// `statement_timeout` or an operator cancelled the statement: rolled back.
    #[error("statement cancelled: {0}")]
    Cancelled(String),
    /// No disk, no memory: rolled back, and no fault of the statement.
    #[error("the server lacks resources: {0}")]
    Resources(String),
    /// Anything else the database says (a bug or a broken schema: rolled back), or an answer of it that Diesel cannot read.
    #[error("{0}")]
    Statement(String),
}

impl Error {
    /// The node itself failed: its pool is retired and it is probed at once. A busy node is not a failed one.
    pub fn is_node_failure(&self) -> bool {
        matches!(
            self,
            Error::Unreachable(_)
                | Error::AnotherServer
                | Error::Lost(_)
                | Error::ReadOnly
                | Error::StalePlans
        )
    }

    /// The cause that `/status` shows. The error's text goes to the log.
    pub fn cause(&self) -> Cause {
        match self {
            Error::Unreachable(message) => cause_of(message),
            Error::AnotherServer => Cause::AnotherServer,
            Error::ReadOnly => Cause::ReadOnly,
            Error::StalePlans => Cause::StalePlans,
            Error::Lost(_) => Cause::ConnectionLost,
            Error::Cancelled(_) => Cause::NoAnswer,
            Error::Busy
            | Error::Conflict(_)
            | Error::LockTimeout
            | Error::Resources(_)
            | Error::Statement(_) => Cause::ProbeFailed,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::new(error.cause(), error.to_string())
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, info) = &error else {
            return match error {
                DieselError::BrokenTransactionManager => {
                    Error::Lost("broken SQL transaction".into())
                }
                other => Error::Statement(other.to_string()),
            };
        };
        let message = info.message();
        match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Error::Lost(first_line(message))
            }
            DatabaseErrorKind::ReadOnlyTransaction => Error::ReadOnly,
            DatabaseErrorKind::SerializationFailure => Error::Conflict(first_line(message)),
            DatabaseErrorKind::Unknown => {
                unknown_kind(message).unwrap_or_else(|| Error::Statement(error.to_string()))
            }
            _ => Error::Statement(error.to_string()),
        }
    }
}

/// Diesel has no SQLSTATE accessor: these codes come as `Unknown`, and the message is the last resort. The texts are PostgreSQL's own
/// (src/backend/tcop/postgres.c, lmgr/proc.c) where the server's `lc_messages` is C or English, which `check` verifies: a session may not
/// set it unless it is a superuser's. On another server such an error is reported as an internal one, still with the right outcome.
fn unknown_kind(message: &str) -> Option<Error> {
    let starts = |prefix: &str| message.starts_with(prefix);
    if starts("terminating connection")
        || starts("the database system is")
        || starts("server closed the connection")
    {
        return Some(Error::Lost(first_line(message))); // 57P01, 57P02, 57P03
    }
    if starts("cached plan must not change result type") {
        return Some(Error::StalePlans); // 0A000
    }
    let lacks = [
        "could not extend",
        "could not write",
        "could not fsync",
        "out of memory",
        "out of shared memory",
        "No space left",
    ];
    if lacks.iter().any(|text| message.contains(text)) {
        return Some(Error::Resources(first_line(message))); // class 53, 58030
    }
    if starts("canceling statement due to lock timeout") {
        return Some(Error::LockTimeout); // 55P03
    }
    if starts("deadlock detected") || starts("canceling statement due to conflict with recovery") {
        return Some(Error::Conflict(first_line(message))); // 40P01
    }
    if starts("canceling statement due to") {
        return Some(Error::Cancelled(first_line(message))); // 57014
    }
    if starts("cannot set transaction read-write mode")
        || starts("cannot assign TransactionIds during recovery")
    {
        return Some(Error::ReadOnly); // 0A000, XX000 on a standby
    }
    None
}

/// libpq's messages run over several lines; a log line is one.
pub(super) fn first_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(kind: DatabaseErrorKind, message: &str) -> Error {
        DieselError::DatabaseError(kind, Box::new(message.to_owned())).into()
    }

    #[test]
    fn a_lost_connection_is_the_only_one_that_leaves_a_doubt() {
        use DatabaseErrorKind as Kind;
        let table: [(Kind, &str, bool, bool); 9] = [
            (
                Kind::ClosedConnection,
                "server closed the connection unexpectedly",
                true,
                true,
            ),
            (
                Kind::UnableToSendCommand,
                "no connection to the server",
                true,
                true,
            ),
            (
                Kind::Unknown,
                "terminating connection due to administrator command",
                true,
                true,
            ),
            (
                Kind::ReadOnlyTransaction,
                "cannot execute INSERT in a read-only transaction",
                false,
                true,
            ),
            (
                Kind::Unknown,
                "canceling statement due to lock timeout",
                false,
                false,
            ),
            (
                Kind::Unknown,
                "canceling statement due to statement timeout",
                false,
                false,
            ),
            (
                Kind::Unknown,
                "canceling statement due to conflict with recovery",
                false,
                false,
            ),
            (
                Kind::SerializationFailure,
                "could not serialize access",
                false,
                false,
            ),
            (
                Kind::CheckViolation,
                "violates check constraint",
                false,
                false,
            ),
        ];
        for (kind, message, doubt, node_failure) in table {
            let error = classified(kind, message);
            assert_eq!(
                (matches!(error, Error::Lost(_)), error.is_node_failure()),
                (doubt, node_failure),
                "{message}"
            );
        }
    }
}
