//! Clients that create several transactions at once.

use super::board::Board;
use super::clients::{Client, Patience, repeat};
use super::history::{Batch, History};
use crate::support::http::{Answer, send};
use crate::support::wait::pause;
use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};

fn new_batch(board: &Board) -> Batch {
    let marker = board.marker();
    let size = rand::rng().random_range(1..=8);
    let items: Vec<Value> = (0..size)
        .map(|_| board.transaction(&marker, Some(&marker)))
        .collect();
    Batch {
        body: json!({"transactions": items}),
        marker,
        size,
        attempts: Vec::new(),
    }
}

pub fn send_batch(client: &Client, batch: &mut Batch, patience: Patience) -> Option<Answer> {
    let headers = [("Idempotency-Key", batch.marker.as_str())];
    let body = batch.body.to_string().into_bytes();
    let request = |url: &str| send(Method::POST, url, &headers, Some(body.clone()));
    let path = "/transactions/batch";
    repeat(client, &mut batch.attempts, patience, request, path)
}

pub fn write(client: &Client) -> History {
    let board = client.board;
    let mut history = History::default();
    while !board.is_stopped() {
        let mut batch = new_batch(board);
        let luck = rand::rng().random_range(0..10);
        let patience = Patience::of(luck);
        let answered = send_batch(client, &mut batch, patience).is_some();
        if answered && luck == 1 {
            send_batch(client, &mut batch, Patience::Endless); // a replay
        }
        history.batches.push(batch);
        pause(client.stage.pace);
    }
    history
}
