//! Holds what the clients saw against what the database holds. Pure: every line it returns is a broken promise.

mod made_once;

use super::history::{Attempt, Change, History, Outcome, Reply, acknowledgements, outcome};
use super::truth::{Event, Row, Truth};
use super::{shown, words};
use made_once::{check_batch, check_callback, check_create, check_refusal};
use std::collections::HashMap;

pub fn violations(history: &History, truth: &Truth) -> Vec<String> {
    let index = Index::of(truth);
    let mut found = Vec::new();
    for create in &history.creates {
        let about = format!("create {}", create.marker);
        found.extend(
            answers(&create.attempts, create.refusable)
                .into_iter()
                .chain(check_create(create, &index))
                .chain(check_refusal(create, &index))
                .map(|what| format!("{about}: {what}")),
        );
    }
    for change in &history.changes {
        let about = format!(
            "change of {} from {} to {}",
            change.id, change.from, change.to
        );
        found.extend(
            answers(&change.attempts, change.refusable)
                .into_iter()
                .chain(check_change(change, &index))
                .map(|what| format!("{about}: {what}")),
        );
    }
    for batch in &history.batches {
        let answers = answers(&batch.attempts, None).into_iter();
        let checked = answers.chain(check_batch(batch, &index));
        found.extend(checked.map(|what| format!("batch {}: {what}", batch.marker)));
    }
    for callback in &history.callbacks {
        let answers = answers(&callback.attempts, None).into_iter();
        let checked = answers.chain(check_callback(callback, truth));
        found.extend(checked.map(|what| format!("callback {}: {what}", callback.marker)));
    }
    found.extend(shown::violations(history, truth));
    found.extend(words::violations(history));
    found.extend(truth.rows.iter().flat_map(|row| check_events(row, &index)));
    found
}

struct Index<'a> {
    truth: &'a Truth,
    by_marker: HashMap<&'a str, Vec<&'a Row>>,
    by_anchor: HashMap<&'a str, Vec<&'a Row>>,
}

impl<'a> Index<'a> {
    fn of(truth: &'a Truth) -> Index<'a> {
        let mut index = Index {
            truth,
            by_marker: HashMap::new(),
            by_anchor: HashMap::new(),
        };
        for row in &truth.rows {
            index.by_marker.entry(&row.marker).or_default().push(row);
            if let Some(anchor) = &row.anchor {
                index.by_anchor.entry(anchor).or_default().push(row);
            }
        }
        index
    }

    fn events(&self, id: &str) -> &'a [Event] {
        self.truth.events.get(id).map_or(&[], Vec::as_slice)
    }
}

/// What no client should ever be told.
fn answers(attempts: &[Attempt], refusable: Option<&str>) -> Vec<String> {
    let wrong = attempts.iter().filter_map(|attempt| {
        let what = match &attempt.reply {
            Reply::Rejected(refusal) if refusable == Some(refusal.code.as_str()) => return None,
            Reply::Rejected(refusal) => format!("answered {refusal:?}"),
            Reply::Lost {
                cause,
                excused: false,
            } => format!("gave no answer: {cause}"),
            _ => return None,
        };
        Some(format!("instance {} {what}", attempt.instance))
    });
    let is_refused = |attempt: &Attempt| matches!(attempt.reply, Reply::Rejected(_));
    let is_both = outcome(attempts) == Outcome::Acknowledged && attempts.iter().any(is_refused);
    let both = is_both.then(|| format!("both done and refused: {attempts:?}"));
    wrong.chain(both).collect()
}

fn check_change(change: &Change, index: &Index) -> Vec<String> {
    let all = index.events(&change.id);
    let made: Vec<_> = all
        .iter()
        .filter(|event| event.reason.as_deref() == Some(&change.reason))
        .collect();
    let mut found = Vec::new();
    match (outcome(&change.attempts), made.len()) {
        (Outcome::Acknowledged, 1) | (Outcome::NotApplied, 0) | (Outcome::Doubt, 0 | 1) => {}
        (outcome, count) => found.push(format!(
            "{outcome:?}, but {count} events: {:?}",
            change.attempts
        )),
    }
    if made
        .iter()
        .any(|event| event.version != change.from + 1 || event.status != change.to)
    {
        found.push(format!("made as {made:?}"));
    }
    for body in acknowledgements(&change.attempts) {
        if body["version"] != change.from + 1
            || body["status"] != change.to
            || body["status_reason"] != *change.reason
        {
            found.push(format!("acknowledged as {body}"));
        }
    }
    found.extend(check_refused_change(change, all));
    found
}

/// What was in its way is there: a later version, or a status from which it is not allowed.
fn check_refused_change(change: &Change, events: &[Event]) -> Option<String> {
    let refused = change
        .attempts
        .iter()
        .filter_map(|attempt| match &attempt.reply {
            Reply::Rejected(refusal) => Some(refusal.code.as_str()),
            _ => None,
        });
    let is_in_the_way = |code: &str, event: &Event| match code {
        // The time that it had.
        "invalid_parameter" => true,
        "precondition_failed" => event.version > change.from,
        _ => event.version == change.from && !is_allowed(&event.status, change.to),
    };
    let mut without = refused.filter(|code| !events.iter().any(|event| is_in_the_way(code, event)));
    let code = without.next()?;
    Some(format!(
        "refused with {code}, which nothing explains: {events:?}"
    ))
}

/// 1..n without gaps, each step allowed, and the row is as the last one left it.
fn check_events(row: &Row, index: &Index) -> Vec<String> {
    let events = index.events(&row.id);
    let mut found = Vec::new();
    let versions: Vec<u64> = events.iter().map(|event| event.version).collect();
    if versions != (1..=row.version).collect::<Vec<_>>() {
        found.push(format!(
            "transaction {} of version {} has the events {versions:?}",
            row.id, row.version
        ));
    }
    let begins_well = events
        .first()
        .is_some_and(|first| first.kind == "created" && first.status == "pending");
    let ends_well = events.last().is_some_and(|last| last.status == row.status);
    let steps_well = events.windows(2).all(|pair| is_step(&pair[0], &pair[1]));
    if !(begins_well && ends_well && steps_well) {
        found.push(format!(
            "transaction {} is {} after {events:?}",
            row.id, row.status
        ));
    }
    found
}

/// A callback tells of the anchor's own process, and leaves the status as it is.
fn is_step(from: &Event, to: &Event) -> bool {
    if to.kind == "callback" {
        return from.status == to.status;
    }
    is_allowed(&from.status, &to.status)
}

fn is_allowed(from: &str, to: &str) -> bool {
    match from {
        "pending" => ["processing", "completed", "failed"].contains(&to),
        "processing" => ["completed", "failed"].contains(&to),
        "failed" => to == "pending",
        _ => false,
    }
}
