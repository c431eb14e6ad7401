//! Delta debugging: parts of the schedule are left out as long as the same promise is still broken.

use super::engine::{Run, run};
use super::mutant::Mutant;
use super::schedule::{Act, Planned, Setup};

/// The shortest schedule that was found to break a promise, and its run.
pub fn shrink(setup: &Setup, schedule: &[Planned], mutant: Option<Mutant>) -> (Vec<Planned>, Run) {
    let mut left = schedule.to_vec();
    let sought = run(setup, schedule, mutant, false).violation.map(kind);
    let breaks = |schedule: &[Planned]| {
        let found = run(setup, schedule, mutant, false).violation;
        found.is_some() && found.map(kind) == sought
    };
    let mut part = left.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut is_shorter = false;
        while at < left.len() {
            let end = (at + part).min(left.len());
            let mut without = left.clone();
            without.drain(at..end);
            // The repair is no fault: without it nothing has to work again.
            let mends = left[at..end].iter().any(|planned| planned.act == Act::Mend);
            if !mends && breaks(&without) {
                (left, is_shorter) = (without, true);
            } else {
                at = end;
            }
        }
        if part == 1 && !is_shorter {
            break;
        }
        part = if part > 1 { part.div_ceil(2) } else { 1 };
    }
    let told = run(setup, &left, mutant, true);
    (left, told)
}

/// Which promise is broken, without the numbers in the text: otherwise one find could turn into another while it is shrunk.
fn kind(violation: String) -> String {
    violation.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// One line per event, with its time.
pub fn story(setup: &Setup, schedule: &[Planned], run: &Run) -> String {
    let mut text = format!("{setup:?}\n{} events:\n", schedule.len());
    for planned in schedule {
        text += &format!("{planned}\n");
    }
    text += "what followed:\n";
    for (at, line) in &run.story {
        text += &format!("{:9.3} s  {line}\n", *at as f64 / 1e6);
    }
    text
}
