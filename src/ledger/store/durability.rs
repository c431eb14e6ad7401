//! Whether a commit is on a standby.
//!
//! That a commit has waited proves less than it seems. PostgreSQL lets those who wait go when `synchronous_standby_names` is cleared; it
//! makes nobody wait before the checkpointer has read new settings (`sync_standbys_defined`, syncrep.c); with `'*'` it is content with
//! `pg_receivewal` or a logical subscriber; and with `remote_write` with what a standby has not flushed. So what is believed is a look
//! after the commit: a standby that is one of the configured nodes, and that the primary counts as synchronous, has flushed it.
//!
//! Flushed up to where? No session can ask for the position of its own commit, and the server's position after a wait of 80 ms has been
//! moved on by everybody else's commits, so that the look would wait for those too: twice the distance. Therefore a write that is
//! confirmed commits twice. For example, with the nearest standby 80 ms away:
//!
//! * t = 0 ms: the rows are committed with `synchronous_commit = off`, which waits for nothing, not even for the disk.
//! * t = 0.1 ms: the procedure `confirm_commits` notes how far the log has been written, which is a little further than that commit; then
//!   it commits an empty message, and this commit waits for the disk, which gets the rows with it (the log is flushed in its order), and
//!   as the server is told to.
//! * t = 81 ms: it looks. The standby that let it go has flushed what was noted. The client is answered.
//!
//! With `local` instead of `off` the rows would be flushed twice, once with each commit.
//!
//! Nobody is told of the rows before that. But a default read of the primary may show them, and if no standby ever gets them, a failover
//! takes back what it has shown, and within the first milliseconds a crash of the primary; a standby may do the same, since it shows
//! every commit before its primary does. A strong read, a replay
//! or a refusal that tells of them commits itself, later in the log, and waits. The first commit takes part in no wait, so it holds its
//! locks for a moment and not for 80 ms.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Array, Integer, Text as SqlText};

use super::statement::{Binds, Run, Statement, Text};

/// What a statement answered, and who has its commit.
#[derive(Debug)]
pub struct Committed<T> {
    pub value: T,
    pub copies: Copies,
}

/// Who has a commit, beside the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copies {
    /// The standbys that are known to have it, of those that count, by their `application_name`. There may be more; without any, the commit
    /// may be on the primary alone, which was not told to wait for one of these.
    On(Vec<String>),
    /// Its wait was cut short, or nothing came of the question. Whoever asks the same write again learns it.
    Unknown,
}

impl Copies {
    pub const NONE: Copies = Copies::On(Vec::new());

    /// The question has failed, in a session that lives.
    pub(super) fn unknown(error: &Error) -> Copies {
        log::warn!(error:%; "whether a commit is on a standby could not be asked");
        Copies::Unknown
    }
}

/// Of all that this session has committed. `standbys` are those that count, by the names under which the primary knows them; none where
/// this primary waits for nobody.
///
/// The commit is done, whatever becomes of the question, so a question that fails is no failure of the write. Err: the connection is lost,
/// which leaves everything open.
pub fn copies(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    if standbys.is_empty() {
        return Ok(Copies::NONE);
    }
    match confirm(connection, standbys) {
        Err(error) => not_asked(connection, error),
        copies => copies,
    }
}

/// After a question that failed. A connection that is lost says so at the next statement, if it has not yet.
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

/// Of all that was committed before, by whomever; the question is a commit itself, that a standby must acknowledge.
pub fn confirm(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    let asked = Instant::now();
    let (confirmed_by, limit_ms): (Vec<String>, i32) =
        Run(&Confirm { standbys }).get_result(connection)?;
    Ok(answered(confirmed_by, limit_ms, asked.elapsed()))
}

/// What the procedure `confirm_commits` has answered, after so long. `statement_timeout` ends the wait for a standby within a procedure, and
/// PostgreSQL calls that a success.
pub(super) fn answered(confirmed_by: Vec<String>, limit_ms: i32, took: Duration) -> Copies {
    let limit = u64::try_from(limit_ms).map(Duration::from_millis);
    // By another clock than the server's.
    let is_cut_short = limit.is_ok_and(|limit| !limit.is_zero() && took >= limit * 9 / 10);
    if confirmed_by.is_empty() && is_cut_short {
        return Copies::Unknown;
    }
    Copies::On(confirmed_by)
}

/// confirm.sql
struct Confirm<'s> {
    standbys: &'s [String],
}

impl Statement for Confirm<'_> {
    type Id = Confirm<'static>;
    type Columns = (Array<SqlText>, Integer);

    fn text(&self) -> &'static Text {
        static TEXT: LazyLock<Text> = LazyLock::new(|| Text::of(include_str!("confirm.sql")));
        &TEXT
    }

    fn bind<'b>(&'b self, binds: &mut Binds<'_, 'b>) -> QueryResult<()> {
        binds.bind::<Array<SqlText>, _>(self.standbys)
    }
}
