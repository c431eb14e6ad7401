//! Runs the simulator for as long as it is told to, and looks for broken promises.
//!
//! `cargo run --release --example simulate -- --minutes 60 --seed 1`
//!
//! Exit status 1 if a promise was broken: the shortest schedule found that still breaks it is printed as a story.

#[path = "../../tests/simulation/world/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod world;

use clap::Parser;
use std::process::exit;
use std::time::{Duration, Instant};
use world::engine::run;
use world::mutant::Mutant;
use world::schedule::plan;
use world::shrink::{shrink, story};

#[derive(Parser)]
struct Args {
    /// How long new seeds are begun
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// The first seed; each one after it is the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds at most
    #[arg(long, default_value_t = u64::MAX)]
    seeds: u64,
    /// The door to plant back, by its place in the list of mutants, from 1
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=Mutant::ALL.len() as i64))]
    mutant: Option<u8>,
}

fn main() {
    let args = Args::parse();
    let mutant = args.mutant.map(|place| Mutant::ALL[usize::from(place) - 1]);
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(args.minutes * 60.0);
    let (mut seed, mut steps, mut acknowledged, mut failovers) = (args.seed, 0, 0, 0);
    while Instant::now() < end && seed - args.seed < args.seeds {
        let (setup, schedule) = plan(seed);
        let found = run(&setup, &schedule, mutant, false);
        steps += found.steps;
        acknowledged += found.acknowledged;
        failovers += found.failovers;
        if let Some(violation) = found.violation {
            println!("seed {seed}: {violation}");
            let (short, told) = shrink(&setup, &schedule, mutant);
            println!("{}", story(&setup, &short, &told));
            exit(1);
        }
        seed += 1;
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    println!(
        "seeds {} to {}: {steps} steps, {:.0} a minute; {acknowledged} writes acknowledged, {failovers} failovers; no promise broken",
        args.seed,
        seed - 1,
        steps as f64 / minutes
    );
}
