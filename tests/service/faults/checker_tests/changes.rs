//! Changes that are refused: by a rival's, or because the step is not allowed.

use super::{Doctor, again, are_noticed_as, event, honest, refused};
use crate::faults::checker::violations;
use crate::faults::history::{Attempt, Change, History};
use crate::faults::truth::Truth;

const PASSED: &str = "precondition_failed";
const NOT_ALLOWED: &str = "invalid_status_transition";

fn change(history: &History, reason: &str, attempts: Vec<Attempt>) -> Change {
    Change {
        reason: reason.into(),
        attempts,
        ..history.changes[0].clone()
    }
}

/// Beside the change that was made, one of the same version, and one of what it made.
fn contest() -> (History, Truth) {
    let (mut history, truth) = honest();
    let other = vec![again(false), refused(412, PASSED)];
    let mut other = change(&history, "other", other);
    other.refusable = Some(PASSED);
    let mut further = change(&history, "further", vec![refused(409, NOT_ALLOWED)]);
    (further.from, further.to) = (2, "completed");
    further.refusable = Some(NOT_ALLOWED);
    history.changes.extend([other, further]);
    (history, truth)
}

const OTHER: usize = 1;
const FURTHER: usize = 2;

fn make(truth: &mut Truth, version: u64, status: &str, reason: &str) {
    let mut made = event(version, status);
    made.reason = Some(reason.into());
    truth.events.get_mut("1").unwrap().push(made);
    (truth.rows[0].version, truth.rows[0].status) = (version, status.into());
}

#[test]
fn an_honest_contest_passes() {
    let (history, truth) = contest();
    assert_eq!(violations(&history, &truth), Vec::<String>::new());
}

#[test]
fn a_change_that_is_made_though_it_was_not_applied_fails() {
    let table: [(&str, &str, Doctor); 9] = [
        (
            "a refused one is made too",
            "NotApplied, but 1 events",
            |_, truth| make(truth, 3, "pending", "other"),
        ),
        (
            "one with an outcome is made too",
            "NotApplied, but 1 events",
            |history, truth| {
                history.changes[OTHER].attempts = vec![again(true), again(true)];
                make(truth, 3, "pending", "other");
            },
        ),
        (
            "both are acknowledged",
            "Acknowledged, but 0 events",
            |history, _| history.changes[OTHER].attempts = history.changes[0].attempts.clone(),
        ),
        (
            "both are acknowledged as the same",
            "acknowledged as",
            |history, _| history.changes[OTHER].attempts = history.changes[0].attempts.clone(),
        ),
        (
            "one is made and refused",
            "both done and refused",
            |history, _| history.changes[0].attempts.push(refused(412, PASSED)),
        ),
        (
            "one that is alone is refused",
            "answered Refusal",
            |history, _| history.changes[OTHER].refusable = None,
        ),
        (
            "nothing was in its way",
            "which nothing explains",
            |history, _| history.changes[OTHER].from = 2,
        ),
        (
            "its step was allowed",
            "which nothing explains",
            |history, _| history.changes[FURTHER].to = "pending",
        ),
        (
            "a step that is not allowed is made",
            "NotApplied, but 1 events",
            |_, truth| make(truth, 3, "completed", "further"),
        ),
    ];
    are_noticed_as(contest, &table);
}
