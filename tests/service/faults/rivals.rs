//! Several clients that send one key at the same time, to different instances: the same request, or two that differ.

use super::board::Board;
use super::clients::{Client, Patience, send_create};
use super::history::{Create, History};
use crate::support::http::Answer;
use crate::support::wait::pause;
use rand::Rng;
use std::iter::zip;
use std::thread;

/// Each of these bodies under the same key.
fn new_creates(board: &Board, bodies: usize) -> Vec<Create> {
    let markers: Vec<String> = (0..bodies).map(|_| board.marker()).collect();
    let creates = markers.iter().map(|marker| Create {
        marker: marker.clone(),
        key: Some(markers[0].clone()),
        anchor: None,
        body: board.transaction(marker, Some(&markers[0])),
        refusable: Some("idempotency_key_reused"),
        attempts: Vec::new(),
    });
    creates.collect()
}

/// By so many clients at once, each with one of the bodies.
fn send_at_once(client: &Client, creates: &mut [Create], clients: usize) -> Option<Answer> {
    let (stage, board) = (client.stage, client.board);
    let first = client.instance();
    let bodies = creates.len();
    let sent: Vec<(Create, Option<Answer>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|rival| {
                let mut create = creates[rival % bodies].clone();
                let home = Some((first + rival) % stage.apps.len());
                scope.spawn(move || {
                    let client = Client { stage, board, home };
                    let patience = Patience::of(rand::rng().random_range(0..10));
                    let answer = send_create(&client, &mut create, patience);
                    (create, answer)
                })
            })
            .collect();
        let threads = threads.into_iter();
        threads.map(|thread| thread.join().unwrap()).collect()
    });
    let mut done = None;
    for (rival, (of_one, answer)) in zip(0.., sent) {
        creates[rival % bodies].attempts.extend(of_one.attempts);
        done = done.or(answer);
    }
    for create in creates {
        create.attempts.sort_by_key(|attempt| attempt.begun);
    }
    done
}

pub fn write(client: &Client) -> History {
    let mut history = History::default();
    while !client.board.is_stopped() {
        let bodies = rand::rng().random_range(1..=2);
        let mut creates = new_creates(client.board, bodies);
        let clients = rand::rng().random_range(2..=3);
        let done = send_at_once(client, &mut creates, clients);
        if let Some(created) = done {
            client.board.put_fresh(created);
        }
        history.creates.append(&mut creates);
        pause(client.stage.pace);
    }
    history
}
