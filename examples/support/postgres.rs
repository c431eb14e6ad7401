//! Queries to a server, and synchronous replication.

use super::{Outcome, wait_until};
use diesel::pg::PgConnection;
use diesel::sql_types::{Bool, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use private_postgres::{Server, User};

pub fn connect(server: &Server, user: User) -> Outcome<PgConnection> {
    Ok(PgConnection::establish(&server.url(user))?)
}

/// Starts the standby, and makes commits wait for it once it streams.
pub fn stream(primary: &Server, standby: &Server) -> Outcome<()> {
    standby.reload(&[("synchronous_standby_names", "")])?;
    standby.start()?;
    primary.reload(&[("synchronous_standby_names", "*")])?;
    let mut connection = connect(primary, User::Superuser)?;
    let question =
        "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') AS yes";
    wait_until("the standby is synchronous", || {
        Ok(is_true(&mut connection, question)?)
    })
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Asks a question with one boolean column, `yes`.
pub fn is_true(connection: &mut PgConnection, question: &str) -> diesel::QueryResult<bool> {
    sql_query(question)
        .get_result::<Answer>(connection)
        .map(|answer| answer.yes)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The text column `value` of every row.
pub fn values(connection: &mut PgConnection, question: &str) -> diesel::QueryResult<Vec<String>> {
    let lines: Vec<Line> = sql_query(question).load(connection)?;
    Ok(lines.into_iter().map(|line| line.value).collect())
}
