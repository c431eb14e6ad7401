//! Those who change the status of transactions.

use super::clients::{Client, Patience, repeat};
use super::history::{Change, History};
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use serde_json::json;

pub fn send_change(client: &Client, change: &mut Change, patience: Patience) -> Option<Answer> {
    let if_match = change.if_match.clone();
    let body = json!({"status": change.to, "status_reason": change.reason})
        .to_string()
        .into_bytes();
    let request = |url: &str| {
        send(
            Method::PATCH,
            url,
            &[("If-Match", &if_match)],
            Some(body.clone()),
        )
    };
    let path = format!("/transactions/{}", change.id);
    repeat(client, &mut change.attempts, patience, request, &path)
}

/// Takes one transaction after the other through its life. It alone changes them, so each of its changes must succeed.
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
        let Some(mut stored) = board.take_fresh() else {
            continue;
        };
        let life = lives[rand::rng().random_range(0..lives.len())];
        for (from, &to) in (1..).zip(life) {
            let mut change = Change {
                id: stored.id(),
                from,
                if_match: stored.etag(),
                to,
                reason: board.marker(),
                refusable: None,
                attempts: Vec::new(),
            };
            let patience = Patience::of(rand::rng().random_range(0..10));
            let answer = send_change(client, &mut change, patience);
            history.changes.push(change);
            match answer {
                Some(answer) if !board.is_stopped() => stored = answer,
                _ => break,
            }
        }
    }
    history
}
