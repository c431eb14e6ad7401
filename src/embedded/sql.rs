//! Short questions to a server, each bounded in time whatever the server does.

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

/// The `value` column (text) of every row. The error is text: it only ever goes to an operator.
pub(super) fn ask(url: &str, statement: &'static str, limit: Duration) -> Result<Vec<String>, String> {
    within(limit, url, move |connection| {
        let rows: Vec<Row> = sql_query(statement).load(connection)?;
        Ok(rows.into_iter().filter_map(|row| row.value).collect())
    })
}

pub(super) fn tell(url: &str, statement: &'static str, limit: Duration) -> Result<(), String> {
    within(limit, url, move |connection| sql_query(statement).execute(connection).map(drop))
}

/// On a thread of its own: a frozen server keeps its TCP alive, so no timeout of libpq ends a wait for it. The
/// abandoned thread ends when the server goes on or dies.
fn within<T: Send + 'static>(
    limit: Duration,
    url: &str,
    work: impl FnOnce(&mut PgConnection) -> diesel::QueryResult<T> + Send + 'static,
) -> Result<T, String> {
    let url = format!("{url}?connect_timeout=2&sslmode=disable&application_name=synapse-embedded");
    let (reply, answer) = sync_channel(1);
    let task = move || {
        let result = PgConnection::establish(&url)
            .map_err(|error| error.to_string())
            .and_then(|mut connection| work(&mut connection).map_err(|error| error.to_string()));
        // Nobody listens any more once the limit has passed.
        let _ = reply.send(result);
    };
    thread::Builder::new().name("postgres-question".into()).spawn(task).map_err(|error| error.to_string())?;
    match answer.recv_timeout(limit) {
        Ok(result) => result,
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}
