//! The tables of the steady state. A figure is the median of the rounds.

use super::load::Measured;
use crate::support::Region;
use crate::support::map::NODES;
use std::fmt;
use std::time::Duration;

pub fn head_of_reads() {
    println!("\nreads by id, each region at its own instance");
    println!(
        "{:<8}{:>8}{:>12}{:>10}{:>10}{:>8}{:>8}{:>8}",
        "region", "clients", "a second", "p50 ms", "p99 ms", "failed", "cpu us", "MiB"
    );
}

pub fn reads(region: Region, clients: usize, rounds: &[Measured]) -> String {
    format!(
        "{:<8}{clients:>8}{:>12.0}{:>10.1}{:>10.1}{:>8}{:>8.0}{:>8.0}",
        region.name(),
        median(rounds, |round| round.per_second),
        median(rounds, |round| round.p50_ms),
        median(rounds, |round| round.p99_ms),
        failed(rounds),
        median(rounds, |round| round.processor_us),
        median(rounds, |round| round.resident_mib)
    )
}

pub fn head_of_losses(lost: Region) {
    println!(
        "\nreads by id in the other regions, in turn: all there, {0} silent (cut off), the databases of {0} dead; p99 without it as a share of \
         p99 with it, the median of the rounds",
        lost.name()
    );
    println!(
        "{:<8}{:>12}{:>12}{:>12}{:>16}{:>16}{:>8}",
        "region", "p99 ms", "silent", "dead", "silent / all", "dead / all", "failed"
    );
}

/// Reads of one region: with all others there, with one silent, and with it dead.
pub struct Losses {
    pub region: Region,
    pub rounds: Vec<[Measured; 3]>,
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p99 = |state: usize| median(&self.rounds, |round| round[state].p99_ms);
        let share =
            |state: usize| median(&self.rounds, |round| round[state].p99_ms / round[0].p99_ms);
        let failed: usize = self.rounds.iter().map(|round| failed(round)).sum();
        let region = self.region.name();
        write!(
            f,
            "{region:<8}{:>12.1}{:>12.1}{:>12.1}{:>16.2}{:>16.2}{failed:>8}",
            p99(0),
            p99(1),
            p99(2),
            share(1),
            share(2)
        )
    }
}

pub fn head_of_writes() {
    println!(
        "\ncreates; the floor is the round trip to the primary, and the one from there to the nearest other region, which must have it"
    );
    println!(
        "{:<8}{:>8}{:>10}{:>12}{:>10}{:>10}{:>8}{:>8}{:>8}{:>14}{:>12}{:>10}{:>10}{:>8}{:>8}",
        "region",
        "clients",
        "floor ms",
        "a second",
        "p50 ms",
        "p99 ms",
        "failed",
        "cpu us",
        "MiB",
        "target",
        "plain",
        "p50 ms",
        "p99 ms",
        "failed",
        "ratio"
    );
}

/// Creates of one region at one number of connections.
pub struct Line {
    pub region: Region,
    pub connections: usize,
    pub ours: Vec<Measured>,
    pub plain: Vec<Measured>,
}

impl Line {
    /// The time that a create takes at least: the way to the primary, and from there to the nearest other region.
    fn floor_ms(&self) -> f64 {
        let primary = NODES[0].1;
        let others = Region::ALL.into_iter().filter(|other| *other != primary);
        let nearest = others.map(|other| primary.round_trip_to(other)).min();
        let floor = self.region.round_trip_to(primary) + nearest.unwrap_or(Duration::ZERO);
        floor.as_secs_f64() * 1000.0
    }

    /// Whether p50 is within the floor and 10 ms, and p99 within twice the floor and 20 ms.
    fn target(&self) -> &'static str {
        let floor = self.floor_ms();
        let p50 = median(&self.ours, |round| round.p50_ms) <= floor + 10.0;
        let p99 = median(&self.ours, |round| round.p99_ms) <= 2.0 * floor + 20.0;
        match (p50, p99) {
            (true, true) => "met",
            (false, true) => "p50 missed",
            (true, false) => "p99 missed",
            (false, false) => "both missed",
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rounds: &[Measured]| median(rounds, |round| round.per_second);
        let (ours, plain) = (rate(&self.ours), rate(&self.plain));
        write!(
            f,
            "{:<8}{:>8}{:>10.0}{ours:>12.0}{:>10.1}{:>10.1}{:>8}{:>8.0}{:>8.0}{:>14}{plain:>12.0}{:>10.1}{:>10.1}{:>8}{:>8.1}",
            self.region.name(),
            self.connections,
            self.floor_ms(),
            median(&self.ours, |round| round.p50_ms),
            median(&self.ours, |round| round.p99_ms),
            failed(&self.ours),
            median(&self.ours, |round| round.processor_us),
            median(&self.ours, |round| round.resident_mib),
            self.target(),
            median(&self.plain, |round| round.p50_ms),
            median(&self.plain, |round| round.p99_ms),
            failed(&self.plain),
            ours / plain
        )?;
        let errors = self.ours.iter().flat_map(|round| &round.errors);
        for (error, times) in errors {
            write!(f, "\n        failed {times} times: {error}")?;
        }
        Ok(())
    }
}

fn median<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn failed(rounds: &[Measured]) -> usize {
    rounds.iter().flat_map(|round| round.errors.values()).sum()
}
