//! Three regions on one machine, and what happens to them: `cargo run --release --example regions`; `--help` tells what is measured and
//! how. The stage, its clients and the checker are those of the tests (tests/service/faults).

#![allow(
    clippy::disallowed_methods,
    reason = "support polls for its conditions"
)]

mod args;
mod bench;
#[path = "../../tests/service/faults/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod faults;
mod rehearsal;
mod report;
mod scenario;
#[path = "../../tests/service/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
mod support;

use args::Args;
use bench::Bench;
use clap::Parser;
use faults::Stage;
use faults::regions::scenarios::{ALL, Scenario};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use report::Report;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;

fn main() {
    if std::env::var_os(support::launch::IS_THE_SERVICE).is_some() {
        // SAFETY: as in src/main.rs.
        unsafe { nix::libc::_exit(synapse_core::cli::main()) }
    }
    let args = Args::parse();
    let mut report = Report::default();
    let healed = catch_unwind(AssertUnwindSafe(|| run(&args, &mut report)));
    println!("\n{report}");
    if healed.is_err() {
        println!("BROKEN something did not heal: see above");
    }
    support::shared::end();
    exit(i32::from(healed.is_err() || report.is_broken()));
}

fn run(args: &Args, report: &mut Report) {
    let stage = Stage::in_regions();
    println!("{}", bench::describe(&stage));
    if args.includes("steady") && !args.rehearse {
        let bench = Bench::start(&stage, args).unwrap();
        let is_whole = bench.run().unwrap();
        report.note_read_back(is_whole);
    }
    let mut random = StdRng::seed_from_u64(args.seed);
    for round in 1..=args.rounds {
        let mut scenarios: Vec<&Scenario> = ALL
            .iter()
            .filter(|scenario| args.includes(scenario.name))
            .collect();
        scenarios.shuffle(&mut random);
        for scenario in scenarios {
            eprintln!("round {round}: {}", scenario.name);
            let told = scenario::play(&stage, scenario, args);
            if args.rehearse {
                println!("{}", rehearsal::of(&told));
            }
            report.add(told);
        }
    }
}
