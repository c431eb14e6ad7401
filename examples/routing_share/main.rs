//! What the routing saves: which server executes which share of the statements, counted on the servers themselves (pg_stat_statements).
//!
//! `cargo run --release --example routing_share`
//!
//! A private primary and a standby with asynchronous replication. (With synchronous replication creates are calls of a procedure, and the
//! servers would not count their rows.) The same mix of requests is sent once to a service that knows both servers, and once to one that
//! knows the primary alone. Reads are `GET /transactions/{id}` with the default consistency; writes are creates. Statements of the service
//! itself (probes, and what is asked on a new connection) are counted apart.
#![allow(
    clippy::disallowed_methods,
    reason = "support polls for its conditions"
)]

mod counts;
#[path = "../support/mod.rs"]
mod support;

use clap::Parser;
use counts::Counts;
use private_postgres::{Binaries, Durability, Home, Server, User};
use rand::Rng;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use support::postgres::{connect, is_true, stream};
use support::process::{self, OURS, Process, agent};
use support::{Outcome, wait_until};

const SETTINGS: [(&str, &str); 1] = [("shared_preload_libraries", "pg_stat_statements")];
/// So many transactions exist before; reads choose among them.
const STOCK: u32 = 2000;

/// Counts on the servers which of them executes what share of the statements.
#[derive(Parser)]
#[command(name = "routing_share")]
struct Args {
    /// Requests of each measurement
    #[arg(long, default_value_t = 20_000)]
    requests: u32,
    /// Clients that ask at the same time
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Reads of a hundred requests, one measurement each
    #[arg(long, value_delimiter = ',', default_values_t = [80, 95], value_parser = clap::value_parser!(u32).range(0..=100))]
    reads: Vec<u32>,
}

fn main() -> ExitCode {
    // The service is this program again, so that what is measured is never an older build.
    if std::env::args().nth(1).is_some_and(|it| it == OURS) {
        std::process::exit(synapse_core::cli::main());
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("routing_share: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<()> {
    let dir = tempfile::Builder::new()
        .prefix("synapse-share-")
        .tempdir()?;
    let binaries = Binaries::find(None, None, &dir.path().join("bin"))?;
    let home = Home::open(dir.path(), binaries, Durability::Fast)?;
    let primary = Server::init(&home, "primary")?;
    primary.reload(&SETTINGS)?;
    primary.start()?;
    let standby = Server::standby_of(&primary, "replica-1")?;
    standby.reload(&SETTINGS)?;
    stream(&primary, &standby)?;
    primary.reload(&[("synchronous_standby_names", "")])?;
    counts::prepare(&primary, &standby)?;

    let urls = [&primary, &standby].map(|server| server.url(User::Application));
    let start = |databases: &[String]| -> Outcome<Process> {
        let service = Process::start(process::ours()?, databases, &[], dir.path())?;
        service.wait_until_healthy()?;
        Ok(service)
    };
    let ids = stock(&start(&urls)?.url())?;
    let mut waiting = connect(&standby, User::Superuser)?;
    let replayed = format!("SELECT count(*) >= {STOCK} AS yes FROM transactions");
    wait_until("the standby has the stock", || {
        Ok(is_true(&mut waiting, &replayed)?)
    })?;

    println!(
        "{} requests of {} clients each; statements and their time as the servers counted them",
        args.requests, args.clients
    );
    counts::head();
    for &reads in &args.reads {
        let measure = |databases: &[String]| -> Outcome<[Counts; 2]> {
            let service = start(databases)?;
            counts::reset(&primary, &standby)?;
            load(args, reads, &service.url(), &ids)?;
            Ok([Counts::of(&primary)?, Counts::of(&standby)?])
        };
        let routed = measure(&urls)?;
        let alone = measure(&urls[..1])?;
        counts::tell(reads, &routed, &alone);
    }
    Ok(())
}

fn stock(url: &str) -> Outcome<Vec<String>> {
    let agent = agent();
    (0..STOCK)
        .map(|number| {
            let created = create(&agent, url, &format!("stock-{number}"))?;
            let id = created["id"].as_str().ok_or("a create without an id")?;
            Ok(id.to_owned())
        })
        .collect()
}

fn create(agent: &ureq::Agent, url: &str, key: &str) -> Outcome<Value> {
    let body = json!({
        "stellar_account": "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ",
        "amount": "1.50",
        "asset_code": "USDC",
    });
    let post = agent.post(format!("{url}/transactions"));
    let post = post.header("Idempotency-Key", key);
    let mut answer = post
        .content_type("application/json")
        .send(body.to_string())?;
    Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
}

/// Sends so many requests. All must be answered with a 2xx.
fn load(args: &Args, reads: u32, url: &str, ids: &[String]) -> Outcome<()> {
    let next = AtomicU32::new(0);
    let run = rand::rng().random::<u32>();
    let work = || -> Result<(), String> {
        let agent = agent();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.requests {
                return Ok(());
            }
            let asked = if rand::rng().random_range(0..100) < reads {
                let id = &ids[rand::rng().random_range(0..ids.len())];
                let answer = agent.get(format!("{url}/transactions/{id}")).call();
                answer.map(drop).map_err(Into::into)
            } else {
                create(&agent, url, &format!("share-{run}-{number}")).map(drop)
            };
            asked.map_err(|error| error.to_string())?;
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..args.clients).map(|_| scope.spawn(work)).collect();
        let ends = clients.into_iter().map(|client| {
            client
                .join()
                .map_err(|_| "a client panicked")?
                .map_err(Into::into)
        });
        ends.collect()
    })
}
