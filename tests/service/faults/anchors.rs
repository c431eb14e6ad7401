//! Anchors: each tells of its transactions by callbacks, one after the other, and repeats each until it is heard.

use super::board::Board;
use super::clients::{Client, Patience, repeat};
use super::history::{Callback, History};
use crate::support::Webhook;
use crate::support::bodies::with;
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use serde_json::Value;

const STATES: [&str; 4] = ["incomplete", "pending_external", "completed", "refunded"];

pub fn send_callback(
    client: &Client,
    callback: &mut Callback,
    patience: Patience,
) -> Option<Answer> {
    let (id, body) = (callback.marker.clone(), callback.body.clone());
    // Signed anew each time, as senders do: a signature is good for five minutes.
    let request = |url: &str| {
        let signed = Webhook::new(&id, &body);
        let headers = signed.headers();
        send(Method::POST, url, &headers, Some(signed.body.clone()))
    };
    let attempts = &mut callback.attempts;
    repeat(client, attempts, patience, request, "/callback")
}

fn transaction(board: &Board) -> Value {
    let marker = board.marker();
    let body = board.transaction(&marker, None);
    with(body, "anchor_transaction_id", format!("anchor-{marker}"))
}

/// The first callback of a transaction makes it, and each later one a version.
pub fn tell(client: &Client) -> History {
    let board = client.board;
    let mut history = History::default();
    while !board.is_stopped() {
        let body = transaction(board);
        for (makes, state) in (1..).zip(STATES) {
            pause(client.stage.pace);
            let mut callback = Callback {
                marker: board.marker(),
                body: with(body.clone(), "callback_status", state),
                makes,
                attempts: Vec::new(),
            };
            let luck = rand::rng().random_range(0..10);
            let heard = send_callback(client, &mut callback, Patience::of(luck)).is_some();
            if heard && luck == 1 {
                send_callback(client, &mut callback, Patience::Endless); // a replay
            }
            history.callbacks.push(callback);
            if !heard || board.is_stopped() {
                break;
            }
        }
    }
    history
}
