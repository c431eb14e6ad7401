//! The population: it behaves as docs/clients asks of a client. Here are the writers, and what all who write have in common.

use super::Stage;
use super::board::Board;
use super::history::{Attempt, Create, History, Outcome, Reply, outcome};
use crate::support::bodies::with;
use crate::support::http::{Answer, send};
use crate::support::wait::{ms, pause, s};
use rand::Rng;
use reqwest::Method;
use std::time::{Duration, Instant};

const LONGEST_BACKOFF_MS: u64 = 400;
/// After so long a write will never be answered.
const GIVE_UP: Duration = s(60);

/// One of the population: whom it belongs to, and whom it asks.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub stage: &'a Stage,
    pub board: &'a Board,
    /// The instance that it asks as long as that is not known to be down. None: any.
    pub home: Option<usize>,
}

impl Client<'_> {
    pub fn instance(&self) -> usize {
        let instances = self.stage.apps.len();
        let Some(home) = self.home else {
            return rand::rng().random_range(0..instances);
        };
        let mut nearest = (0..instances).map(|further| (home + further) % instances);
        let is_up = |instance: &usize| !self.stage.instance_excused[*instance].is_on();
        nearest.find(is_up).unwrap_or(home)
    }

    fn next_instance(&self, after: usize) -> usize {
        match self.home {
            Some(_) => self.instance(),
            None => (after + 1) % self.stage.apps.len(),
        }
    }
}

/// When a client stops repeating without an acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    Endless,
    /// It asks for something else as soon as it knows that nothing was applied.
    UntilNotApplied,
    /// It takes the first answer for the last, whatever that is.
    None,
}

impl Patience {
    /// One of ten has none.
    pub fn of(luck: u32) -> Patience {
        if luck == 0 {
            Patience::None
        } else {
            Patience::Endless
        }
    }

    fn is_at_its_end(self, attempts: &[Attempt]) -> bool {
        match self {
            Patience::Endless => false,
            Patience::UntilNotApplied => outcome(attempts) == Outcome::NotApplied,
            Patience::None => true,
        }
    }
}

/// Sends the identical request until it is done, to its own instance or to all in turn.
pub fn repeat(
    client: &Client,
    attempts: &mut Vec<Attempt>,
    patience: Patience,
    request: impl Fn(&str) -> reqwest::Result<Answer>,
    path: &str,
) -> Option<Answer> {
    let Client { stage, board, .. } = client;
    let (started, mut cap_ms) = (Instant::now(), 10);
    let mut instance = client.instance();
    loop {
        let begun = Instant::now();
        let excuse = stage.instance_excused[instance].now();
        let answer = request(&stage.apps[instance].url(path));
        let reply = match &answer {
            Ok(answer) => Reply::of(answer),
            Err(error) => Reply::Lost {
                cause: format!("{error:?}"),
                excused: stage.instance_excused[instance].since(excuse),
            },
        };
        attempts.push(Attempt {
            instance,
            begun,
            end: Instant::now(),
            reply,
        });
        match (&attempts.last()?.reply, answer) {
            (Reply::Done { .. }, Ok(answer)) => {
                stage.acknowledged(answer.is_replicated());
                board.acknowledged(&answer, instance);
                return Some(answer);
            }
            (Reply::Rejected(_), _) => return None,
            _ if started.elapsed() > GIVE_UP || patience.is_at_its_end(attempts) => return None,
            _ => pause(ms(rand::rng().random_range(0..=cap_ms))),
        }
        cap_ms = LONGEST_BACKOFF_MS.min(cap_ms * 2);
        instance = client.next_instance(instance);
    }
}

pub fn send_create(client: &Client, create: &mut Create, patience: Patience) -> Option<Answer> {
    let key = create.key.clone();
    let headers: Vec<_> = key
        .iter()
        .map(|key| ("Idempotency-Key", key.as_str()))
        .collect();
    let body = create.body.to_string().into_bytes();
    let request = |url: &str| send(Method::POST, url, &headers, Some(body.clone()));
    let path = "/transactions";
    repeat(client, &mut create.attempts, patience, request, path)
}

fn new_create(board: &Board) -> Create {
    let marker = board.marker();
    let anchor = format!("anchor-{marker}");
    let (key, anchor) = match rand::rng().random_range(0..4) {
        0 => (None, Some(anchor)),
        1 => (Some(marker.clone()), Some(anchor)),
        _ => (Some(marker.clone()), None),
    };
    let body = board.transaction(&marker, key.as_deref());
    let body = anchor.iter().fold(body, |body, anchor| {
        with(body, "anchor_transaction_id", anchor.as_str())
    });
    Create {
        marker,
        key,
        anchor,
        body,
        refusable: None,
        attempts: Vec::new(),
    }
}

pub fn write(client: &Client) -> History {
    let board = client.board;
    let mut history = History::default();
    while !board.is_stopped() {
        let mut create = new_create(board);
        let luck = rand::rng().random_range(0..10);
        if let Some(answer) = send_create(client, &mut create, Patience::of(luck)) {
            if luck == 1 {
                send_create(client, &mut create, Patience::Endless); // a replay
            }
            board.put_fresh(answer);
        }
        history.creates.push(create);
        pause(client.stage.pace);
    }
    history
}
