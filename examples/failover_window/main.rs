//! How long after a promotion is the first write acknowledged? Measured on a private primary and standby with synchronous replication, in
//! the same run and at the same promotions, for two clients with the same load:
//!
//! * the service, as a process of its own, with its default settings;
//! * a peer: r2d2 over Diesel, one libpq URL naming both hosts (`target_session_attrs=read-write`), repeating what fails.
//!
//! The peer inserts one row where the service inserts three. Its pool gives up a checkout after 2 s instead of 30, which also limits r2d2's
//! pause between attempts to connect to 1 s. Both are to the peer's advantage.
#![allow(
    clippy::disallowed_methods,
    reason = "conditions are polled, and the peer's pool is the peer's"
)]

mod load;
mod report;
#[path = "../support/mod.rs"]
mod support;

use clap::Parser;
use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::{RunQueryDsl, sql_query};
use load::{Client, Load, Request, first_write};
use private_postgres::{Binaries, Durability, Home, Server, StopMode, User};
use report::Report;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use support::Outcome;
use support::postgres::{connect, is_true, stream};
use support::process::{self, OURS, Process};

/// A client that has found no primary this long after the promotion counts as having found none.
const PATIENCE: Duration = Duration::from_secs(15);

/// Measures the time from the end of a promotion to the first acknowledged write, for the service and for a plain libpq pool.
///
/// Exit status 1 where a write or a read of the service failed.
#[derive(Parser)]
#[command(name = "failover_window")]
struct Args {
    /// Promotions to measure
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Threads that write to the service, and as many to the peer
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// A planned switchover: the primary is stopped in order instead of killed
    #[arg(long, conflicts_with = "freeze")]
    switchover: bool,
    /// The primary stops answering but keeps its connections (SIGSTOP), as a hanging machine does
    #[arg(long)]
    freeze: bool,
    /// How long there is no primary before the promotion begins, milliseconds [default: 1000, at a switchover 0]
    #[arg(long)]
    outage_ms: Option<u64>,
}

impl Args {
    fn outage(&self) -> Duration {
        Duration::from_millis(
            self.outage_ms
                .unwrap_or(if self.switchover { 0 } else { 1000 }),
        )
    }
}

fn main() -> ExitCode {
    // The service is this program again, so that what is measured is never an older build.
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == OURS)
    {
        std::process::exit(synapse_core::cli::main());
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failover_window: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<bool> {
    let dir = tempdir()?;
    let home = Home::open(
        dir.path(),
        Binaries::find(None, None, &dir.path().join("bin"))?,
        Durability::Fast,
    )?;
    let mut primary = Server::init(&home, "primary")?;
    primary.start()?;
    let mut standby = Server::standby_of(&primary, "replica-1")?;
    stream(&primary, &standby)?;
    sql_query(
        "CREATE TABLE peer (id bigserial PRIMARY KEY, account text, amount numeric, asset text)",
    )
    .execute(&mut connect(&primary, User::Application)?)?;
    let databases = [&primary, &standby].map(|server| server.url(User::Application));
    let service = Process::start(process::ours()?, &databases, &[], dir.path())?;
    service.wait_until_healthy()?;

    let load = Load::start(args.writers, &service.url(), peer_pool(&primary, &standby)?);
    let mut report = Report::default();
    for round in 1..=args.rounds {
        let seen = fail_over(args, &primary, &standby, &load)?;
        (primary, standby) = (standby, primary);
        standby.rebuild_to_follow(&primary)?;
        stream(&primary, &standby)?;
        service.wait_until_healthy()?;
        report.add(round, &seen);
    }
    let rest = load.stop();
    report.count(&rest);
    Ok(report.print(args))
}

/// What was observed at one promotion.
struct Seen {
    /// From the loss of the primary to the end of the promotion.
    outage: Duration,
    promoted: Instant,
    requests: Vec<Request>,
}

fn fail_over(args: &Args, primary: &Server, standby: &Server, load: &Load) -> Outcome<Seen> {
    thread::sleep(Duration::from_secs(1)); // load without disturbance
    let mut connection = connect(standby, User::Application)?;
    let lost = Instant::now();
    match (args.switchover, args.freeze) {
        (true, _) => primary.stop(StopMode::Fast)?,
        (_, true) => primary.freeze(),
        _ => primary.kill()?,
    }
    thread::sleep(args.outage());
    // There is no other standby: what the old primary still writes cannot be acknowledged.
    let watch = thread::spawn(move || end_of_promotion(&mut connection));
    standby.promote()?;
    let promoted = watch.join().map_err(|_| "the watcher panicked")??;
    let mut requests = Vec::new();
    let found = |requests: &[Request], client| first_write(requests, client, promoted).is_some();
    while promoted.elapsed() < PATIENCE
        && !(found(&requests, Client::Service) && found(&requests, Client::Peer))
    {
        thread::sleep(Duration::from_millis(10));
        requests.extend(load.done.try_iter());
    }
    Ok(Seen {
        outage: promoted - lost,
        promoted,
        requests,
    })
}

fn end_of_promotion(standby: &mut PgConnection) -> diesel::QueryResult<Instant> {
    while is_true(standby, "SELECT pg_is_in_recovery() AS yes")? {
        thread::sleep(Duration::from_micros(200));
    }
    Ok(Instant::now())
}

fn peer_pool(a: &Server, b: &Server) -> Outcome<Pool<ConnectionManager<PgConnection>>> {
    let url = url::Url::parse(&a.url(User::Application))?;
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let conninfo = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user={user} password={password} dbname=synapse target_session_attrs=read-write \
         connect_timeout=2",
        a.port(),
        b.port()
    );
    let builder = Pool::builder()
        .max_size(10)
        .connection_timeout(Duration::from_secs(2));
    Ok(builder.build(ConnectionManager::new(conninfo))?)
}

/// In memory if possible, since the disk is not what is measured.
fn tempdir() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    tempfile::Builder::new()
        .prefix("synapse-window-")
        .tempdir_in(base)
}
