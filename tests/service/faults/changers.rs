//! Those who change the status of transactions.

use super::clients::{Client, Patience, repeat};
use super::history::{Attempt, Change, History};
use crate::support::http::{Answer, send};
use crate::support::wait::{ms, pause};
use rand::Rng;
use reqwest::Method;
use serde_json::json;
use std::thread;

pub fn send_change(client: &Client, change: &mut Change, patience: Patience) -> Option<Answer> {
    // Whoever asks again until it is done has time.
    let deadline = change.deadline.filter(|_| patience == Patience::None);
    let deadline = deadline.map(|deadline| deadline.as_millis().to_string());
    let deadline = deadline.iter().map(|ms| ("X-Deadline-Ms", ms.as_str()));
    let if_match = ("If-Match", change.if_match.as_str());
    let headers: Vec<_> = deadline.chain([if_match]).collect();
    let body = json!({"status": change.to, "status_reason": change.reason})
        .to_string()
        .into_bytes();
    let request = |url: &str| send(Method::PATCH, url, &headers, Some(body.clone()));
    let path = format!("/transactions/{}", change.id);
    repeat(client, &mut change.attempts, patience, request, &path)
}

/// A step of a life: from the transaction as it was seen last.
fn new_change(client: &Client, seen: &Answer, to: &'static str) -> Change {
    Change {
        id: seen.id(),
        from: seen.json()["version"].as_u64().unwrap_or(0),
        if_match: seen.etag(),
        to,
        reason: client.board.marker(),
        refusable: None,
        deadline: None,
        attempts: Vec::new(),
    }
}

/// Whenever it is told that nothing was applied, it thinks of another reason: the one before must never be found. Every second time it
/// is in a hurry, so that it is told so in each failover, and leaves what is in doubt as it is. Returns what it made.
fn step(client: &Client, seen: &Answer, to: &'static str, history: &mut History) -> Option<Answer> {
    let is_hasty = rand::rng().random();
    let patience = if is_hasty {
        Patience::None
    } else {
        Patience::UntilNotApplied
    };
    loop {
        let mut change = new_change(client, seen, to);
        if is_hasty {
            change.deadline = Some(ms(rand::rng().random_range(50..200)));
            // So far may the primary be away that there is no need to try.
            change.refusable = Some("invalid_parameter");
        }
        let answer = send_change(client, &mut change, patience);
        let is_not_applied = change.attempts.iter().all(Attempt::changed_nothing);
        history.changes.push(change);
        if !is_not_applied || client.board.is_stopped() {
            return answer;
        }
        pause(ms(rand::rng().random_range(0..=100)));
    }
}

/// Two make the same step at the same time, at different instances and for reasons of their own: one of them may.
fn compete(
    client: &Client,
    seen: &Answer,
    to: &'static str,
    history: &mut History,
) -> Option<Answer> {
    let (stage, board) = (client.stage, client.board);
    let first = client.instance();
    let sent: Vec<(Change, Option<Answer>)> = thread::scope(|scope| {
        let threads = [0, 1].map(|rival| {
            let home = Some((first + rival) % stage.apps.len());
            scope.spawn(move || {
                let client = Client { stage, board, home };
                let mut change = new_change(&client, seen, to);
                change.refusable = Some("precondition_failed");
                let patience = Patience::of(rand::rng().random_range(0..10));
                let answer = send_change(&client, &mut change, patience);
                (change, answer)
            })
        });
        threads.map(|thread| thread.join().unwrap()).into()
    });
    let (changes, answers): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    history.changes.extend(changes);
    answers.into_iter().flatten().next()
}

/// What is completed stays so.
fn try_to_undo(client: &Client, seen: &Answer, history: &mut History) {
    let mut change = new_change(client, seen, "pending");
    change.refusable = Some("invalid_status_transition");
    send_change(client, &mut change, Patience::Endless);
    history.changes.push(change);
}

/// Takes one transaction after the other through its life. Nobody else changes them, so each step that it makes alone must succeed.
pub fn change(client: &Client) -> History {
    let board = client.board;
    let mut history = History::default();
    let lives: [&[&'static str]; 3] = [
        &["processing", "completed"],
        &["failed", "pending", "processing", "failed"],
        &["completed"],
    ];
    while !board.is_stopped() {
        pause(client.stage.pace);
        let Some(created) = board.take_fresh() else {
            continue;
        };
        let life = lives[rand::rng().random_range(0..lives.len())];
        let last = life.iter().try_fold(created, |seen, &to| {
            let is_contested = rand::rng().random_range(0..4) == 0;
            let make = if is_contested { compete } else { step };
            let made = make(client, &seen, to, &mut history);
            made.filter(|_| !board.is_stopped())
        });
        if let Some(completed) = last.filter(|last| last.json()["status"] == "completed") {
            try_to_undo(client, &completed, &mut history);
        }
    }
    history
}
