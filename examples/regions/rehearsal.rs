//! The report of a scenario, as that of a drill would be.

use crate::faults::history::{Reply, Seen};
use crate::report::longest_held;
use crate::scenario::Told;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The steps with their times, and what clients got between each step and the next.
pub fn of(told: &Told) -> String {
    let steps = &told.drill.steps;
    let Some((_, begun)) = steps.first() else {
        return format!("{}: nothing is done in it", told.scenario);
    };
    let mut text = format!(
        "{}: RPO {} lost acknowledged writes, RTO {} ms (the longest that a client waited for its write)\n",
        told.scenario,
        told.tally.lost,
        longest_held(&told.history).as_millis()
    );
    let ends = steps.iter().skip(1).map(|(_, at)| *at);
    let last = steps.last().map(|(_, at)| *at + Duration::from_secs(1));
    for ((what, from), until) in steps.iter().zip(ends.chain(last)) {
        let (acknowledged, gap) = writes(told, *from, until);
        let reads = answered_reads(told, *from, until);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:>9} ms  {what:<48} then {acknowledged} writes acknowledged, the longest time without one {} ms, {reads} reads",
            (*from - *begun).as_millis(),
            gap.as_millis()
        );
    }
    text
}

/// How many writes were acknowledged, and the longest time without one.
fn writes(told: &Told, from: Instant, until: Instant) -> (usize, Duration) {
    let done = told
        .history
        .attempts()
        .filter(|attempt| matches!(attempt.reply, Reply::Done { .. }));
    let mut ends: Vec<Instant> = done
        .map(|attempt| attempt.end)
        .filter(|end| (from..until).contains(end))
        .collect();
    let count = ends.len();
    ends.extend([from, until]);
    ends.sort();
    let gaps = ends.windows(2).map(|pair| pair[1] - pair[0]);
    (count, gaps.max().unwrap_or_default())
}

fn answered_reads(told: &Told, from: Instant, until: Instant) -> usize {
    let reads = told.history.reads.iter();
    let answered = reads.filter(|read| matches!(read.seen, Seen::Version(_)));
    answered
        .filter(|read| (from..until).contains(&read.end))
        .count()
}
