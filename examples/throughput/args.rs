//! The command line.

use crate::work::Work;
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures requests per second of the service, beside a plain service and beside PostgreSQL's own pgbench.
///
/// Starts a private PostgreSQL (fsync on), this service with its default settings, and a plain one (axum and sqlx: one pool a
/// database, one query a request, one table, no idempotency keys), each as a process of its own. A cell of the table is one kind of
/// request at one number of connections, each with one request in flight; the services take turns in it. A read-back ends the run.
///
/// Exit status 1 where a request failed, or an acknowledged create is missing or doubled.
#[derive(Parser)]
#[command(name = "throughput")]
pub struct Args {
    /// Numbers of connections to measure
    #[arg(long, value_delimiter = ',', default_value = "1,32,128")]
    pub connections: Vec<usize>,
    /// Seconds of measuring, each round of a cell
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Seconds of the same load before, not counted
    #[arg(long, default_value_t = 0.5)]
    pub warm_up: f64,
    /// How often each service has its turn in each cell
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// What is asked for
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "create,natural,get,mix"
    )]
    pub only: Vec<Work>,
    /// Commits wait for a streaming standby, from which the plain service also reads
    #[arg(long)]
    pub synchronous: bool,
    /// Round trip between the services and the primary; pgbench has no part in it
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub distance_ms: u64,
    /// Measure twice: on a small table, and after so many rows were inserted that are never analyzed
    #[arg(long, value_name = "ROWS")]
    pub prefill: Option<u64>,
    /// A setting of our service, as an environment variable, for instance SYNAPSE__LOG__LEVEL=warn; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Rows a second through batches of so many rows instead
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["prefill", "only"])]
    pub batches: Option<usize>,
    /// How long a page of a list takes with 10,000 and with so many rows, by filter, instead; nothing is analyzed
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["prefill", "only", "connections", "batches"])]
    pub pages: Option<u64>,
    /// An export of so many rows instead: its speed, the service's memory, and what is served beside it
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["prefill", "only", "connections", "batches", "pages"])]
    pub export: Option<u64>,
    /// No services: what a leading text owner costs an insert, against a small integer (pgbench alone)
    #[arg(long, conflicts_with_all = ["prefill", "set", "only", "connections"])]
    pub owner_cost: bool,
    /// The schema whose cost is measured [default: up.sql of the migration that creates the ledger]
    #[arg(long, value_name = "FILE", requires = "owner_cost")]
    pub schema: Option<PathBuf>,
}

impl Args {
    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn distance(&self) -> Option<Duration> {
        (self.distance_ms > 0).then(|| Duration::from_millis(self.distance_ms))
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it must have the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
