//! A long random run: one fault after the other under load, everything checked, and a table at the end.
//!
//! `cargo run --release --example chaos -- --minutes 10 --seed 42`
//!
//! Exit status 1 if a promise was broken or a fault did not heal. The harness is that of the tests (tests/service/faults).

#[path = "../../tests/service/faults/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod faults;
#[path = "../../tests/service/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
mod support;
mod table;

use clap::Parser;
use faults::Stage;
use faults::catalogue::{ALL, Fault};
use faults::history::History;
use faults::round::{self, Round};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::time::{Duration, Instant};
use table::Table;

#[derive(Parser)]
struct Args {
    /// How long new faults are begun
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The same seed gives the same order of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Between two requests of each of 18 clients: the slower they are, the more faults go into an hour
    #[arg(long, default_value_t = 5)]
    pace_ms: u64,
    /// Only faults whose name contains this, or one of several: "restart|swapped"
    #[arg(long, default_value = "", value_delimiter = '|')]
    only: Vec<String>,
}

fn main() {
    if std::env::var_os(support::launch::IS_THE_SERVICE).is_some() {
        // SAFETY: as in src/main.rs.
        unsafe { nix::libc::_exit(synapse_core::cli::main()) }
    }
    let args = Args::parse();
    let end = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    let mut table = Table::default();
    let mut violations = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(&args, end, &mut table, &mut violations)
    }));
    println!("\n{table}");
    if outcome.is_err() {
        violations.push("a fault did not heal: see above".to_owned());
    }
    violations
        .iter()
        .take(50)
        .for_each(|violation| println!("VIOLATION {violation}"));
    println!("seed {}: {} violations", args.seed, violations.len());
    support::shared::end();
    exit(i32::from(!violations.is_empty()));
}

/// A stage ends after so many faults, since everything that its clients saw is kept until then (20 MiB a fault).
const FAULTS_OF_A_STAGE: usize = 50;

fn run(args: &Args, end: Instant, table: &mut Table, violations: &mut Vec<String>) {
    let mut random = StdRng::seed_from_u64(args.seed);
    let chosen: Vec<_> = ALL
        .into_iter()
        .filter(|fault| args.only.iter().any(|part| fault.name.contains(part)))
        .collect();
    assert!(!chosen.is_empty(), "no fault is named so");
    let mut next = || chosen[random.random_range(0..chosen.len())];
    while Instant::now() < end {
        let faults = std::iter::repeat_with(&mut next).take(FAULTS_OF_A_STAGE);
        violations.extend(on_a_new_stage(args, faults, end, table));
    }
    violations.sort();
    violations.dedup();
}

/// Goes through the faults on one stage, and returns the broken promises.
fn on_a_new_stage(
    args: &Args,
    faults: impl Iterator<Item = &'static Fault>,
    end: Instant,
    table: &mut Table,
) -> Vec<String> {
    let mut stage = Stage::behind_proxies();
    stage.pace = Duration::from_millis(args.pace_ms);
    let mut all = History::default();
    let mut violations = Vec::new();
    for fault in faults.take_while(|_| Instant::now() < end) {
        eprintln!("{}", fault.name);
        let logged = stage.apps.iter().map(|app| app.log().len());
        let logged: Vec<usize> = logged.collect();
        let Round {
            mut history,
            violations: found,
        } = round::run(&stage, |stage, marker| (fault.run)(stage, marker));
        found
            .iter()
            .for_each(|violation| eprintln!("  VIOLATION {violation}"));
        let needless = if fault.fails_no_write {
            history.failed_writes()
        } else {
            Vec::new()
        };
        for reply in &needless {
            eprintln!("  needless: {reply:?}");
        }
        if !found.is_empty() || !needless.is_empty() {
            let logs = stage
                .apps
                .iter()
                .zip(logged)
                .map(|(app, from)| app.log()[from..].to_owned());
            logs.for_each(|log| eprintln!("{log}"));
        }
        table.add(fault, &history, found.len());
        violations.extend(found);
        // What the standbys held was compared with this history only.
        history.snapshots.clear();
        history.reads.clear();
        all.add(history);
    }
    // Everything is checked once more at the end: a later fault may have broken what an early one left intact.
    violations.extend(round::check(&stage, &all, "r"));
    violations
}
