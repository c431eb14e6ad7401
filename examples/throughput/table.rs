//! Prints the cells.

use crate::cell::Cell;
use crate::load::Measured;
use crate::peer;
use crate::side::{Side, Sides};
use crate::work::Work;
use std::collections::{BTreeMap, BTreeSet};

pub fn head() {
    println!(
        "{:<9}{:>5}  {:<6}{:>12}{:>19}{:>9}{:>9}{:>9}{:>9}{:>8}{:>7}",
        "work",
        "conns",
        "",
        "requests/s",
        "min–max",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "RSS MiB",
        "errors",
        "ratio"
    );
}

pub fn cell(cell: &Cell) {
    let (ours, plain) = (rates(&cell.ours), rates(&cell.plain));
    let of_plain = format!("{:.2}", ours.median / plain.median);
    println!(
        "{:<9}{:>5}  {}{of_plain:>7}",
        cell.work.to_string(),
        cell.connections,
        side("ours", &cell.ours)
    );
    let reference = match cell.work {
        Work::Duplicates => "none",
        _ => "plain",
    };
    println!("{:<16}{}", "", side(reference, &cell.plain));
    tell_batches(&cell.batches);
    tell_errors("ours", &cell.ours);
    tell_errors(reference, &cell.plain);
    if !cell.pgbench.is_empty() {
        let pgbench = Spread::of(cell.pgbench.clone());
        println!(
            "{:<16}pgbench, {} clients: {}/s ({}); ours is {:.2} of it",
            "",
            peer::CLIENTS,
            count(pgbench.median),
            pgbench.range(),
            ours.median / pgbench.median
        );
    }
}

fn side(name: &str, rounds: &[Measured]) -> String {
    let rate = rates(rounds);
    let median =
        |figure: fn(&Measured) -> f64| Spread::of(rounds.iter().map(figure).collect()).median;
    format!(
        "{name:<6}{:>12}{:>19}{:>9.2}{:>9.2}{:>9.0}{:>9.1}{:>8}",
        count(rate.median),
        rate.range(),
        median(|round| round.p50_ms),
        median(|round| round.p99_ms),
        median(|round| round.processor_us),
        median(|round| round.resident_mib),
        errors(rounds)
    )
}

/// Compares the same cells of our service, before and after.
pub fn compare(before: &[Cell], after: &[Cell], rows: u64) {
    println!("\nours with {rows} rows more, never analyzed, to ours before");
    for (before, after) in before.iter().zip(after) {
        let ratio = rates(&after.ours).median / rates(&before.ours).median;
        let verdict = if (0.8..=1.2).contains(&ratio) {
            "within ±20 %"
        } else {
            "not within ±20 %"
        };
        println!(
            "{:<9}{:>5}  {ratio:.2}, {verdict}",
            before.work.to_string(),
            before.connections
        );
    }
}

pub fn memory(sides: &Sides, cells: &[Cell]) {
    println!();
    let most = cells.iter().max_by_key(|cell| cell.connections);
    let Some(connections) = most.map(|cell| cell.connections) else {
        return;
    };
    let all = || cells.iter().filter(|cell| cell.connections == connections);
    let shown = |side: &Side, most: f64| {
        println!(
            "resident memory, {}: {:.1} MiB at rest, {most:.1} MiB with {connections} connections",
            side.name, side.resident_at_rest_mib
        );
    };
    let highest = |rounds: &[Measured]| {
        rounds
            .iter()
            .map(|round| round.resident_mib)
            .fold(0.0, f64::max)
    };
    shown(
        &sides.ours,
        all().map(|cell| highest(&cell.ours)).fold(0.0, f64::max),
    );
    shown(
        &sides.plain,
        all().map(|cell| highest(&cell.plain)).fold(0.0, f64::max),
    );
}

/// The number of failures in all cells.
pub fn failures(cells: &[Cell]) -> usize {
    let of = |cell: &Cell| errors(&cell.ours) + errors(&cell.plain);
    cells.iter().map(of).sum()
}

fn tell_batches(rounds: &[BTreeMap<String, f64>]) {
    let lanes: BTreeSet<&String> = rounds.iter().flat_map(BTreeMap::keys).collect();
    for lane in lanes {
        let sizes = rounds.iter().filter_map(|round| round.get(lane));
        let jobs = Spread::of(sizes.copied().collect()).median;
        println!("{:<16}lane {lane}: {jobs:.1} jobs a statement", "");
    }
}

/// Prints each kind of error.
fn tell_errors(name: &str, rounds: &[Measured]) {
    for (error, times) in rounds.iter().flat_map(|round| &round.errors) {
        println!("{:<16}{name} failed {times} times: {error}", "");
    }
}

fn errors(rounds: &[Measured]) -> usize {
    rounds.iter().flat_map(|round| round.errors.values()).sum()
}

fn rates(rounds: &[Measured]) -> Spread {
    Spread::of(rounds.iter().map(|round| round.per_second).collect())
}

pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut figures: Vec<f64>) -> Spread {
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        Spread {
            min: at(0),
            median: at(figures.len() / 2),
            max: at(figures.len().saturating_sub(1)),
        }
    }

    pub fn range(&self) -> String {
        format!("{}–{}", count(self.min), count(self.max))
    }
}

/// 12345.6 is "12,346".
pub fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}
