//! Proof that this primary had not been replaced when it was asked.

use diesel::prelude::*;

/// A commit record that a synchronous standby must acknowledge. `pg_logical_emit_message` writes one without touching a table; a SELECT
/// alone would be answered by a primary that was cut off long ago. With asynchronous replication it proves nothing, and costs one flush.
///
/// For example: at t = 0 s the primary is cut off and a standby promoted, at t = 1 s somebody writes there, and at t = 2 s a strong read
/// still reaches the old primary. Its SELECT shows the state of t = 0 s; this commit, asked for after it, hangs.
pub fn prove(connection: &mut PgConnection) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_logical_emit_message(true, 'synapse', '')").execute(connection)?;
    Ok(())
}
