//! Short questions to a server. Errors are texts, since only an operator reads them.

use diesel::pg::PgConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

pub(crate) fn connect(url: &str) -> Result<PgConnection, String> {
    let url = format!("{url}?connect_timeout=2&sslmode=disable&application_name=synapse-embedded");
    PgConnection::establish(&url).map_err(|error| error.to_string())
}

/// The `value` column (text) of every row.
pub(crate) fn values(connection: &mut PgConnection, question: &str) -> Result<Vec<String>, String> {
    let rows: Vec<Row> = sql_query(question)
        .load(connection)
        .map_err(|error| error.to_string())?;
    Ok(rows.into_iter().filter_map(|row| row.value).collect())
}

pub(crate) fn execute(connection: &mut PgConnection, statement: &str) -> Result<(), String> {
    sql_query(statement)
        .execute(connection)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// `values` on a connection of its own, within a time limit.
pub(crate) fn ask(
    url: &str,
    question: &'static str,
    limit: Duration,
) -> Result<Vec<String>, String> {
    within(limit, url, move |connection| values(connection, question))
}

/// `execute` on a connection of its own, within a time limit.
pub(crate) fn tell(url: &str, statement: &'static str, limit: Duration) -> Result<(), String> {
    within(limit, url, move |connection| execute(connection, statement))
}

/// Works on a thread of its own: a frozen server keeps its TCP connection, so no timeout of libpq ends a wait for it. A thread that is
/// given up ends when the server goes on or dies.
fn within<T: Send + 'static>(
    limit: Duration,
    url: &str,
    work: impl FnOnce(&mut PgConnection) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let url = url.to_owned();
    let (reply, answer) = sync_channel(1);
    // After the limit nobody receives the reply.
    let task =
        move || drop(reply.send(connect(&url).and_then(|mut connection| work(&mut connection))));
    let thread = thread::Builder::new()
        .name("postgres-question".into())
        .spawn(task);
    thread.map_err(|error| error.to_string())?;
    match answer.recv_timeout(limit) {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}
