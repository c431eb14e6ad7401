//! What has a handle is made once, and every answer tells of it truly.

use super::Index;
use crate::faults::history::{
    Attempt, Batch, Callback, Create, Outcome, Reply, acknowledgements, outcome,
};
use crate::faults::truth::Truth;
use serde_json::Value;

pub(super) fn check_create(create: &Create, index: &Index) -> Vec<String> {
    let rows = index
        .by_marker
        .get(create.marker.as_str())
        .map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    match (outcome(&create.attempts), rows.len()) {
        (Outcome::Acknowledged, 1) | (Outcome::NotApplied, 0) | (Outcome::Doubt, 0 | 1) => {}
        (outcome, count) => found.push(format!(
            "{outcome:?}, but {count} rows: {:?}",
            create.attempts
        )),
    }
    let Some(id) = create.id() else { return found };
    if rows.iter().any(|row| row.id != id) {
        found.push(format!("acknowledged as {id}, stored as {rows:?}"));
    }
    if let Some(key) = &create.key
        && index.truth.keys.get(key).is_none_or(|ids| *ids != [id])
    {
        found.push(format!(
            "its key stands for {:?}, not for {id}",
            index.truth.keys.get(key)
        ));
    }
    if let Some(anchor) = &create.anchor {
        let ids: Vec<&str> = index
            .by_anchor
            .get(anchor.as_str())
            .into_iter()
            .flatten()
            .map(|row| row.id.as_str())
            .collect();
        if ids != [id] {
            found.push(format!("its anchor id stands for {ids:?}, not for {id}"));
        }
    }
    let bodies: Vec<_> = acknowledgements(&create.attempts).collect();
    let differ = |body: &&Value| {
        if create.key.is_some() {
            *body != bodies[0]
        } else {
            body["id"] != bodies[0]["id"]
        }
    };
    if let Some(other) = bodies.iter().find(|body| differ(body)) {
        found.push(format!("two answers: {} and {other}", bodies[0]));
    }
    found.extend(told_of_itself(&create.attempts, 201));
    found
}

/// Whoever was refused was told what its key stands for: one other transaction.
pub(super) fn check_refusal(create: &Create, index: &Index) -> Vec<String> {
    let mut found = Vec::new();
    for attempt in &create.attempts {
        let Reply::Rejected(refusal) = &attempt.reply else {
            continue;
        };
        let told: Vec<&str> = refusal.body["transaction_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let stored = create
            .key
            .as_ref()
            .and_then(|key| index.truth.keys.get(key));
        if told.len() != 1 || stored.is_none_or(|stored| *stored != told) {
            found.push(format!(
                "refused for {told:?}, its key stands for {stored:?}"
            ));
        }
    }
    found
}

/// All of them or none, in the order in which they were sent.
pub(super) fn check_batch(batch: &Batch, index: &Index) -> Vec<String> {
    let rows = index.by_marker.get(batch.marker.as_str());
    let count = rows.map_or(0, Vec::len);
    let mut found = Vec::new();
    match outcome(&batch.attempts) {
        Outcome::Acknowledged if count == batch.size => {}
        Outcome::NotApplied if count == 0 => {}
        Outcome::Doubt if count == 0 || count == batch.size => {}
        outcome => {
            let (size, attempts) = (batch.size, &batch.attempts);
            found.push(format!(
                "{outcome:?}, but {count} of {size} rows: {attempts:?}"
            ));
        }
    }
    let stored = index.truth.keys.get(&batch.marker);
    for body in acknowledgements(&batch.attempts) {
        let data = body["data"].as_array().into_iter().flatten();
        let ids: Vec<&str> = data.filter_map(|item| item["id"].as_str()).collect();
        if stored.is_none_or(|stored| *stored != ids) {
            found.push(format!("acknowledged as {ids:?}, stored as {stored:?}"));
        }
    }
    found.extend(told_of_itself(&batch.attempts, 201));
    found
}

/// Applied once, as the version that it makes, and told so each time.
pub(super) fn check_callback(callback: &Callback, truth: &Truth) -> Vec<String> {
    let applied = truth.callbacks.get(&callback.marker);
    let applied = applied.map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    match (outcome(&callback.attempts), applied) {
        (Outcome::Acknowledged | Outcome::Doubt, [(_, version)]) if *version == callback.makes => {}
        (Outcome::NotApplied | Outcome::Doubt, []) => {}
        (outcome, applied) => {
            let (makes, attempts) = (callback.makes, &callback.attempts);
            found.push(format!(
                "{outcome:?}, makes version {makes}, but made {applied:?}: {attempts:?}"
            ));
        }
    }
    for body in acknowledgements(&callback.attempts) {
        let is_right = applied.iter().all(|(id, _)| body["id"] == **id)
            && body["version"] == callback.makes
            && body["callback_status"] == callback.body["callback_status"];
        if !is_right {
            found.push(format!("acknowledged as {body}"));
        }
    }
    let status = if callback.makes == 1 { 201 } else { 200 };
    found.extend(told_of_itself(&callback.attempts, status));
    found
}

/// Of all answers to one request at most one is no replay, and it is of this status: that of the attempt which made it. It may be lost,
/// and of several who ask at once any may be answered first; but where everybody knows what became of his attempt, one made it.
fn told_of_itself(attempts: &[Attempt], expected: u16) -> Option<String> {
    let is_done = |attempt: &&Attempt| matches!(attempt.reply, Reply::Done { .. });
    let first = attempts.iter().filter(is_done).map(|done| done.end).min()?;
    let (mut fresh, mut is_known) = (Vec::new(), true);
    for attempt in attempts {
        match attempt.reply {
            Reply::Done {
                status,
                replayed: false,
                ..
            } => fresh.push((status, attempt.begun)),
            Reply::Done { .. } => {}
            _ => is_known &= attempt.changed_nothing() || attempt.begun > first,
        }
    }
    let is_right = match fresh[..] {
        [] => !is_known,
        // What was answered before it was sent cannot have been made by it.
        [(status, begun)] => status == expected && begun <= first,
        _ => false,
    };
    (!is_right).then(|| format!("called new with (status, when) {fresh:?}: {attempts:?}"))
}
