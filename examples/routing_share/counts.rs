//! The statements that the servers have counted.

use crate::support::Outcome;
use crate::support::postgres::connect;
use diesel::sql_types::{BigInt, Double};
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use private_postgres::{Server, User};

/// The counts of one server since they were last reset.
#[derive(QueryableByName)]
pub struct Counts {
    /// Statements of requests, which are those that name the table of transactions.
    #[diesel(sql_type = BigInt)]
    statements: i64,
    #[diesel(sql_type = Double)]
    ms: f64,
    /// Transactions that these read or stored: a statement may carry several requests.
    #[diesel(sql_type = BigInt)]
    transactions: i64,
    /// All other statements of the service: probes, and what is asked on a new connection.
    #[diesel(sql_type = BigInt)]
    own: i64,
}

/// Creates the extension on the primary, from which the standby gets it.
pub fn prepare(primary: &Server, standby: &Server) -> Outcome<()> {
    sql_query("CREATE EXTENSION pg_stat_statements")
        .execute(&mut connect(primary, User::Superuser)?)?;
    let mut standby = connect(standby, User::Superuser)?;
    let there =
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements') AS yes";
    crate::support::wait_until("the standby has the extension", || {
        Ok(crate::support::postgres::is_true(&mut standby, there)?)
    })
}

pub fn reset(primary: &Server, standby: &Server) -> Outcome<()> {
    for server in [primary, standby] {
        let reset = sql_query("SELECT pg_stat_statements_reset()");
        reset.execute(&mut connect(server, User::Superuser)?)?;
    }
    Ok(())
}

impl Counts {
    pub fn of(server: &Server) -> Outcome<Counts> {
        let question = sql_query(
            "SELECT coalesce(sum(calls) FILTER (WHERE is_work), 0)::bigint AS statements,
                    coalesce(sum(total_exec_time) FILTER (WHERE is_work), 0)::float8 AS ms,
                    coalesce(sum(rows) FILTER (WHERE is_work), 0)::bigint AS transactions,
                    coalesce(sum(calls) FILTER (WHERE NOT is_work), 0)::bigint AS own
               FROM (SELECT calls, total_exec_time, rows, query, query ~ '\\mtransactions\\M' AS is_work
                       FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid
                      WHERE rolname = 'synapse') counted",
        );
        Ok(question.get_result(&mut connect(server, User::Superuser)?)?)
    }
}

pub fn head() {
    println!(
        "{:<7}{:<21}{:<9}{:>12}{:>8}{:>9}{:>8}{:>14}{:>6}",
        "mix",
        "service knows",
        "server",
        "statements",
        "share",
        "time ms",
        "share",
        "transactions",
        "own"
    );
}

pub fn tell(reads: u32, routed: &[Counts; 2], alone: &[Counts; 2]) {
    let mix = format!("{reads}:{}", 100 - reads);
    for (knows, counts) in [("primary and replica", routed), ("primary", alone)] {
        let sums = (
            counts.iter().map(|it| it.statements).sum::<i64>(),
            counts.iter().map(|it| it.ms).sum::<f64>(),
        );
        for (server, count) in ["primary", "replica"].iter().zip(counts) {
            println!(
                "{mix:<7}{knows:<21}{server:<9}{:>12}{:>6.0} %{:>9.0}{:>6.0} %{:>14}{:>6}",
                count.statements,
                100.0 * count.statements as f64 / sums.0 as f64,
                count.ms,
                100.0 * count.ms / sums.1,
                count.transactions,
                count.own,
            );
        }
    }
    let change = |routed: f64, alone: f64| 100.0 * (routed / alone - 1.0);
    let of = |count: fn(&Counts) -> f64| change(count(&routed[0]), count(&alone[0]));
    println!(
        "{mix}: on the primary {:+.0} % transactions, {:+.0} % statements, {:+.0} % of their time\n",
        of(|it| it.transactions as f64),
        of(|it| it.statements as f64),
        of(|it| it.ms)
    );
}
