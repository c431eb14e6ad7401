//! The simulator as a test: a few hundred seeds that must hold, and each door that was closed planted back and found.

mod world;

use world::engine::run;
use world::schedule::plan;
use world::shrink::{shrink, story};

const SEEDS: u64 = 300;

#[test]
fn the_promises_hold_whatever_happens() {
    let mut acknowledged = 0;
    let mut failovers = 0;
    let mut steps = 0;
    let from: u64 = std::env::var("FROM")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    for seed in from..from + SEEDS {
        let (setup, schedule) = plan(seed);
        let found = run(&setup, &schedule, None, false);
        if let Some(violation) = found.violation {
            let (short, told) = shrink(&setup, &schedule, None);
            let story = story(&setup, &short, &told);
            panic!("seed {seed}: {violation}\n{story}");
        }
        acknowledged += found.acknowledged;
        failovers += found.failovers;
        steps += found.steps;
    }
    println!(
        "{SEEDS} seeds: {steps} steps, {acknowledged} writes acknowledged, {failovers} failovers"
    );
    assert!(acknowledged > 10 * SEEDS, "{acknowledged} writes");
    assert!(failovers > SEEDS / 5, "{failovers} failovers");
}
