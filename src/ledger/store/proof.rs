//! Proof that this primary had not been replaced when it was asked.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use std::time::{Duration, Instant};

use super::durability::{Copies, confirm};

/// Commits a record that a synchronous standby must acknowledge. `pg_logical_emit_message` writes one without touching a table; a SELECT
/// alone would be answered by a primary that was cut off long ago. With asynchronous replication it proves nothing, and costs one flush.
///
/// For example: at t = 0 s the primary is cut off and a standby promoted, at t = 1 s somebody writes there, and at t = 2 s a strong read
/// still reaches the old primary. Its SELECT shows the state of t = 0 s; but the commit that follows it hangs, so the read is not answered.
///
/// Returns the number of its SQL transaction.
pub fn prove(connection: &mut PgConnection) -> QueryResult<i64> {
    let proof = "SELECT pg_current_xact_id()::text::bigint AS xid, pg_logical_emit_message(true, 'synapse', '')";
    let Proof { xid } = diesel::sql_query(proof).get_result(connection)?;
    Ok(xid)
}

/// The same, and returns which of these standbys have acknowledged it. If none are given, none is asked for.
pub fn prove_to(connection: &mut PgConnection, standbys: &[String]) -> QueryResult<Copies> {
    if standbys.is_empty() {
        prove(connection)?;
        return Ok(Copies::NONE);
    }
    confirm(connection, standbys)
}

/// How long it may take until what was committed before a proof can be seen. With a session that keeps a transaction open it takes longer,
/// and that is not waited for.
const VISIBLE_WITHIN: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_millis(1);

#[derive(QueryableByName)]
struct Proof {
    #[diesel(sql_type = BigInt)]
    xid: i64,
}

#[derive(QueryableByName)]
struct Seen {
    #[diesel(sql_type = Bool)]
    all: bool,
}

/// The same, and then waits, for at most `VISIBLE_WITHIN`, until this session sees what was committed before.
///
/// For example: a create and a later proof wait for the same standby. (The create is from an instance that does not know yet that commits
/// wait, so it waits in its own commit.) PostgreSQL releases both at once, but the row can be seen only when the create's own process has
/// gone on, and the proof's may be first: a SELECT right after it would not find what a replica shows already.
#[expect(
    clippy::disallowed_methods,
    reason = "a blocking thread, within the bounds of its attempt"
)]
pub fn prove_and_see(connection: &mut PgConnection) -> QueryResult<()> {
    let xid = prove(connection)?;
    let until = Instant::now() + VISIBLE_WITHIN;
    let mut pause = FIRST_PAUSE;
    loop {
        let none_before =
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > $1 AS \"all\"";
        let question = diesel::sql_query(none_before).bind::<BigInt, _>(xid);
        let Seen { all } = question.get_result(connection)?;
        if all || Instant::now() + pause > until {
            return Ok(());
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
}
