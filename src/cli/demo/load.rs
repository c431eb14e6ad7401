//! The clients: some write, and some read.

use super::checker::{Acknowledged, Findings, Row};
use super::request::{Client, Request};
use super::stage::{Stage, Written, count};
use rand::Rng;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Each client waits between two requests, at random up to this, so that the machine is not busy with the load alone.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);
/// One of so many writes is a replay of an earlier one.
const REPLAYS: u32 = 8;

pub fn write(stage: &Stage) {
    let client = Client::new(stage);
    while !stage.stop.ends_within(pause()) {
        let old = stage.any_held();
        match old.filter(|_| rand::rng().random_range(0..REPLAYS) == 0) {
            Some(old) => replay(&client, old),
            None => create(&client),
        }
    }
}

pub fn read(stage: &Stage) {
    let client = Client::new(stage);
    while !stage.stop.ends_within(pause()) {
        if let Some(written) = stage.any_recent() {
            read_with_token(&client, &written);
        }
    }
}

fn pause() -> Duration {
    rand::rng().random_range(Duration::ZERO..=LONGEST_PAUSE)
}

fn create(client: &Client) {
    let stage = client.stage;
    let number = stage.next_number();
    let begun = Instant::now();
    let answer = match client.ask(&Request::create(stage, number)) {
        Ok(answer) => answer,
        Err(cause) => return stage.failed(cause),
    };
    stage.wrote_in(begun.elapsed());
    let row = Row::of(&answer.json(), &stage.run).filter(|_| answer.status == 201);
    let Some(row) = row else {
        return stage.failed(answer.quoted());
    };
    if !row.as_sent || row.number != number {
        stage.found(wrong(number));
    }
    let of = Acknowledged {
        number,
        id: row.id,
        created_at: row.created_at,
    };
    stage.acknowledged(Written {
        of,
        token: answer.token,
    });
}

/// Repeats an acknowledged create, which must give the first answer again. If the row was lost, the service would store a new one, and not
/// call it a replay.
fn replay(client: &Client, old: Acknowledged) {
    let stage = client.stage;
    let answer = match client.ask(&Request::create(stage, old.number)) {
        Ok(answer) => answer,
        Err(cause) => return stage.failed(cause),
    };
    if answer.status != 201 {
        return stage.failed(answer.quoted());
    }
    count(&stage.tally.replays);
    let told = Row::of(&answer.json(), &stage.run);
    let is_first = told.is_some_and(|row| row.id == old.id && row.as_sent);
    match (answer.is_replay, is_first) {
        (true, true) => {}
        (false, _) => stage.found(lost(old.number)),
        (true, false) => stage.found(wrong(old.number)),
    }
}

fn read_with_token(client: &Client, written: &Written) {
    let (stage, of) = (client.stage, written.of);
    let request = Request::read(format!("/transactions/{}", of.id)).with_token(&written.token);
    let answer = match client.ask(&request) {
        Ok(answer) => answer,
        Err(cause) => return stage.failed(cause),
    };
    count(&stage.tally.reads);
    match answer.status {
        200 => {
            let row = Row::of(&answer.json(), &stage.run);
            if !row.is_some_and(|row| row.id == of.id && row.as_sent) {
                stage.found(wrong(of.number));
            }
        }
        // The write that the token names is not shown.
        404 => count(&stage.tally.stale),
        // The primary does not know the write that the token names.
        409 => stage.found(lost(of.number)),
        _ => stage.failed(answer.quoted()),
    }
}

fn lost(number: u64) -> Findings {
    Findings {
        lost: BTreeSet::from([number]),
        ..Findings::default()
    }
}

fn wrong(number: u64) -> Findings {
    Findings {
        wrong: BTreeSet::from([number]),
        ..Findings::default()
    }
}
