//! Whether a commit is on a standby.
//!
//! That a commit has waited proves less than it seems. PostgreSQL releases commits that wait when `synchronous_standby_names` is cleared;
//! no commit waits before the checkpointer has read new settings (`sync_standbys_defined`, syncrep.c); with `'*'`, `pg_receivewal` or a
//! logical subscriber is enough; and with `remote_write` the standby need not have flushed anything. So only what is seen after the commit
//! counts: a standby that is one of the configured nodes, and that the primary counts as synchronous, has flushed it.
//!
//! Flushed up to which position? No session can ask for that of its own commit, and after a wait of 80 ms the server's position includes
//! everybody else's commits: to wait for those too would take twice the distance. Therefore a write that is confirmed commits twice. For
//! example, with the nearest standby 80 ms away:
//!
//! * t = 0 ms: the rows are committed with `synchronous_commit = off`: this commit waits for nothing, not even for the disk.
//! * t = 0.1 ms: the procedure `confirm_commits` notes how far the log has been written, which is a little further than that commit. Then
//!   it commits an empty message. This commit waits for the disk, which receives the rows too since the log is flushed in its order, and
//!   for standbys as the server's settings say.
//! * t = 81 ms: it looks. The standby that has confirmed the second commit has flushed what was noted. The client is answered.
//!
//! With `local` instead of `off` the first commit would be flushed by itself, and a create would wait for the disk twice.
//!
//! No client is told of the rows before that. But a default read of the primary may show them earlier, and if no standby ever gets them, a
//! failover takes back what was shown; so does a crash of the primary within the milliseconds before the second commit is on its disk. The
//! same may happen to a read of a standby, since a standby shows every commit before its primary does. A strong read, a replay or a
//! refusal that tells of them commits itself, later in the log, and waits. The first commit waits for nobody, so it holds its locks for a
//! moment and not for 80 ms.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, Integer, Text as SqlText};

use super::statement::{Binds, Run, Statement, Text};

/// What a statement answered, and which standbys have its commit.
#[derive(Debug)]
pub struct Committed<T> {
    pub value: T,
    pub copies: Copies,
}

/// Which standbys have a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Those that are known to have it, of the standbys that count, by their `application_name`. There may be more. If there is none, the
    /// commit may be on the primary alone.
    On(Vec<String>),
    /// The wait was cut short, or the question failed. Whoever sends the same write again learns it.
    Unknown,
}

impl Copies {
    pub const NONE: Copies = Copies::On(Vec::new());

    /// Some standby that counts is known to have it.
    pub fn is_any(&self) -> bool {
        matches!(self, Copies::On(standbys) if !standbys.is_empty())
    }

    /// The question has failed, while the connection is alive.
    pub(super) fn unknown(error: &Error) -> Copies {
        log::warn!(error:%; "whether a commit is on a standby could not be asked");
        Copies::Unknown
    }
}

/// Which standbys have everything that this session has committed. `standbys` are those that count, by the names under which the primary
/// knows them; none where this primary waits for nobody.
///
/// The write is committed already, so a question that fails is no failure of the write. Err: the connection is lost, which leaves
/// everything open.
pub fn copies(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    if standbys.is_empty() {
        return Ok(Copies::NONE);
    }
    match confirm(connection, standbys) {
        Err(error) => not_asked(connection, error),
        copies => copies,
    }
}

/// A question has failed. If the connection is lost, the next statement fails too, so one is tried.
fn not_asked(connection: &mut PgConnection, error: Error) -> QueryResult<Copies> {
    if is_lost(&error) {
        return Err(error);
    }
    match diesel::sql_query("SELECT 1").execute(connection) {
        Err(lost) if is_lost(&lost) => Err(lost),
        _ => Ok(Copies::unknown(&error)),
    }
}

pub(super) fn is_lost(error: &Error) -> bool {
    use DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
    matches!(
        error,
        Error::DatabaseError(ClosedConnection | UnableToSendCommand, _)
    )
}

/// Which standbys have everything that was committed before, in any session. The question is a commit itself, which waits for standbys.
pub fn confirm(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    let asked = Instant::now();
    let (confirmed_by, limit_ms): (Vec<String>, i32) =
        Run(&Confirm { standbys }).get_result(connection)?;
    Ok(answered(confirmed_by, limit_ms, asked.elapsed()))
}

/// What the answer of the procedure `confirm_commits` means, which has taken this long. `statement_timeout` ends the wait for a standby
/// within a procedure, and PostgreSQL calls that a success.
pub(super) fn answered(confirmed_by: Vec<String>, limit_ms: i32, took: Duration) -> Copies {
    let limit = u64::try_from(limit_ms).map(Duration::from_millis);
    // A tenth is allowed for, since the server measures by its own clock.
    let is_cut_short = limit.is_ok_and(|limit| !limit.is_zero() && took >= limit * 9 / 10);
    // Also where some standbys have it: the wait may have been for more of them, and another one may be promoted.
    if is_cut_short {
        return Copies::Unknown;
    }
    Copies::On(confirmed_by)
}

/// confirm.sql
struct Confirm<'s> {
    standbys: &'s [String],
}

impl Statement for Confirm<'_> {
    type Columns = (Array<SqlText>, Integer);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("confirm.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlText>, _>(self.standbys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_was_cut_short_proves_nothing_even_where_some_standbys_have_the_commit() {
        let (soon, late) = (Duration::from_millis(80), Duration::from_millis(2390));
        let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for names in [&[][..], &["b"]] {
            assert_eq!(answered(by(names), 2400, soon), Copies::On(by(names)));
            assert_eq!(answered(by(names), 2400, late), Copies::Unknown);
            assert_eq!(
                answered(by(names), 0, late),
                Copies::On(by(names)),
                "no limit"
            );
        }
    }
}
