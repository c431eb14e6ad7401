//! How many requests a second? `cargo run --release --example throughput`; `--help` tells what is measured and how.

#![allow(clippy::disallowed_methods, reason = "conditions are polled")]

mod args;
mod batches;
mod cell;
mod client;
#[path = "../../tests/service/support/distance.rs"]
#[allow(dead_code, reason = "shared with the tests, which also cut it")]
mod distance;
mod export;
mod flush;
mod lanes;
mod load;
mod owner_cost;
mod pages;
mod peer;
mod pgbench;
mod plain;
mod prefill;
mod read_back;
mod side;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod usage;
mod work;

use args::Args;
use cell::Bench;
use clap::Parser;
use peer::Peer;
use side::Sides;
use stage::Stage;
use std::process::ExitCode;
use support::Outcome;
use support::process::OURS;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(OURS) {
        std::process::exit(synapse_core::cli::main());
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome<bool> {
    let stage = Stage::start(args)?;
    println!("{}", stage.describe()?);
    if args.owner_cost {
        owner_cost::run(&stage, args)?;
        return Ok(true);
    }
    if let Some(rows) = args.pages {
        return pages::run(&stage, rows);
    }
    if let Some(rows) = args.export {
        return export::run(&stage, rows);
    }
    for (name, value) in &args.set {
        println!("ours with {name}={value}");
    }
    // With one thread, which leaves the processors to the services.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(rows) = args.batches {
        return batches::run(&stage, args, &runtime, rows);
    }
    let mut sides = Sides::start(&stage, args, &runtime)?;
    let bench = Bench {
        args,
        runtime: &runtime,
        peer: peer(&stage, args)?,
    };
    let mut cells = bench.measure_all(&mut sides)?;
    if let Some(rows) = args.prefill {
        prefill::run(&stage, rows)?;
        println!("\nwith {rows} rows more, never analyzed");
        let after = bench.measure_all(&mut sides)?;
        table::compare(&cells, &after, rows);
        cells.extend(after);
    }
    table::memory(&sides, &cells);
    let failures = table::failures(&cells);
    println!("{failures} requests failed");
    Ok(
        read_back::check(|question| stage.ask(question), &sides.ours.acknowledged)?
            && failures == 0,
    )
}

/// None over a distance: pgbench connects its clients one after the other within the time that is measured, and little of that would be
/// left.
fn peer(stage: &Stage, args: &Args) -> Outcome<Option<Peer>> {
    match args.distance() {
        None => Peer::beside(stage),
        Some(_) => Ok(None),
    }
}
