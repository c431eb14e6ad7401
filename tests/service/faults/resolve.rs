//! When all is over: what was given up in doubt is repeated until it is known, and some of the rest is asked for again.

use super::anchors::send_callback;
use super::batches::send_batch;
use super::changers::send_change;
use super::clients::{Client, Patience, send_create};
use super::history::{Batch, Callback, Change, Create, History, Outcome, Read, outcome};
use super::questions::Question;
use super::readers::ask_strongly;

/// Of so many writes one.
const SAMPLED: usize = 16;

pub fn resolve(client: &Client, history: &mut History) {
    let mut reads = Vec::new();
    for (i, create) in history.creates.iter_mut().enumerate() {
        let is_sampled = i % SAMPLED == 0;
        reads.extend(resolve_create(client, create, is_sampled));
    }
    for change in &mut history.changes {
        reads.extend(resolve_change(client, change));
    }
    for batch in &mut history.batches {
        reads.extend(resolve_batch(client, batch));
    }
    for (i, callback) in history.callbacks.iter_mut().enumerate() {
        resolve_callback(client, callback, i % SAMPLED == 0);
    }
    history.reads.append(&mut reads);
}

fn resolve_create(client: &Client, create: &mut Create, is_sampled: bool) -> Vec<Read> {
    let outcome = outcome(&create.attempts);
    let is_asked_again = outcome == Outcome::Acknowledged && is_sampled;
    if outcome == Outcome::Doubt || is_asked_again {
        send_create(client, create, Patience::Endless);
    }
    let key = create.key.as_deref();
    let questions = match create.id() {
        Some(id) if is_asked_again => {
            let by_key = key.map(|key| Question::key(id, key));
            let by_id = [Question::one(id), Question::history(id)];
            by_id.into_iter().chain(by_key).collect()
        }
        Some(_) => Vec::new(),
        // What was not applied has left its key as it was.
        None => Vec::from_iter(key.map(|key| Question::key("", key))),
    };
    let reads = questions.into_iter();
    reads
        .map(|question| ask_strongly(client, question))
        .collect()
}

/// What was not applied is looked for in the history.
fn resolve_change(client: &Client, change: &mut Change) -> Option<Read> {
    if outcome(&change.attempts) == Outcome::Doubt {
        send_change(client, change, Patience::Endless);
    }
    let is_not_there = outcome(&change.attempts) == Outcome::NotApplied;
    is_not_there.then(|| ask_strongly(client, Question::history(&change.id)))
}

/// All of a batch is found by its key.
fn resolve_batch(client: &Client, batch: &mut Batch) -> Option<Read> {
    if outcome(&batch.attempts) != Outcome::Doubt {
        return None;
    }
    let id = send_batch(client, batch, Patience::Endless)?.text_at("/data/0/id");
    Some(ask_strongly(client, Question::key(&id, &batch.marker)))
}

fn resolve_callback(client: &Client, callback: &mut Callback, is_sampled: bool) {
    // Those that were heard too: long after, each is still applied once.
    if outcome(&callback.attempts) == Outcome::Doubt || is_sampled {
        send_callback(client, callback, Patience::Endless);
    }
}
