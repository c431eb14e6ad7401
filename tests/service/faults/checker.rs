//! Holds what the clients saw against what the database holds. Pure: every line it returns is a broken promise.

use super::history::{
    Attempt, Batch, Callback, Change, Create, History, Outcome, Reply, acknowledgements, outcome,
};
use super::truth::{Event, Row, Truth};
use super::{shown, words};
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

fn check_create(create: &Create, index: &Index) -> Vec<String> {
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
    let differ = |body: &&serde_json::Value| {
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

/// All of them or none, in the order in which they were sent.
fn check_batch(batch: &Batch, index: &Index) -> Vec<String> {
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
fn check_callback(callback: &Callback, truth: &Truth) -> Vec<String> {
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

/// Where nothing had been applied before, the first acknowledgement is no replay, and of this status.
fn told_of_itself(attempts: &[Attempt], expected: u16) -> Option<String> {
    let first = attempts
        .iter()
        .position(|attempt| matches!(attempt.reply, Reply::Done { .. }))?;
    let Reply::Done {
        status, replayed, ..
    } = attempts[first].reply
    else {
        return None;
    };
    let fresh = outcome(&attempts[..first]) == Outcome::NotApplied;
    (fresh && (replayed || status != expected))
        .then(|| format!("its own first attempt was answered {status}, replayed: {replayed}"))
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
    found
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
