//! The population: writers, status changers and readers that behave as docs/clients asks of a client.

use super::Stage;
use super::anchors::send_callback;
use super::batches::send_batch;
use super::history::{Attempt, Change, Create, History, Level, Outcome, Reply, outcome};
use super::readers::{STRONG, Wanted, ask};
use crate::support::bodies::{account, minimal, with};
use crate::support::http::{Answer, send};
use crate::support::wait::{ms, pause, s};
use rand::Rng;
use reqwest::Method;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LONGEST_BACKOFF_MS: u64 = 400;
/// After so long a write will never be answered.
const GIVE_UP: Duration = s(60);
const KEPT: usize = 64;

/// What the clients tell each other.
pub struct Board {
    /// Begins all markers of this load.
    pub run: String,
    pub stop: AtomicBool,
    next: AtomicUsize,
    /// Created, and nobody changes their status yet.
    fresh: Mutex<Vec<Answer>>,
    recent: Mutex<VecDeque<Acknowledged>>,
    /// The highest version of each transaction that was acknowledged.
    versions: Mutex<HashMap<String, u64>>,
}

#[derive(Clone)]
pub struct Acknowledged {
    pub id: String,
    pub version: u64,
    pub token: String,
    /// By which instance.
    pub instance: usize,
}

impl Board {
    pub fn new(run: &str) -> Board {
        Board {
            run: run.to_owned(),
            stop: AtomicBool::new(false),
            next: AtomicUsize::new(0),
            fresh: Mutex::default(),
            recent: Mutex::default(),
            versions: Mutex::default(),
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub fn marker(&self) -> String {
        format!("{}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn acknowledged(&self, answer: &Answer, instance: usize) {
        // The token of a batch names its first transaction.
        let body = answer.json();
        let first = body.pointer("/data/0").unwrap_or(&body);
        let version = first["version"].as_u64().unwrap_or(0);
        let of = Acknowledged {
            id: first["id"].as_str().unwrap_or_default().to_owned(),
            version,
            token: answer.token().to_owned(),
            instance,
        };
        let mut versions = self.versions.lock().unwrap();
        let latest = versions.entry(of.id.clone()).or_default();
        *latest = version.max(*latest);
        drop(versions);
        let mut recent = self.recent.lock().unwrap();
        recent.truncate(KEPT - 1);
        recent.push_front(of);
    }

    /// Of what was acknowledged before this moment.
    pub fn latest_version(&self, id: &str) -> u64 {
        let versions = self.versions.lock().unwrap();
        versions.get(id).copied().unwrap_or(0)
    }

    pub fn any_recent(&self) -> Option<Acknowledged> {
        let recent = self.recent.lock().unwrap();
        (!recent.is_empty()).then(|| recent[rand::rng().random_range(0..recent.len())].clone())
    }
}

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
            _ if patience == Patience::None || started.elapsed() > GIVE_UP => return None,
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

fn new_create(board: &Board) -> Create {
    let marker = board.marker();
    let anchor = format!("anchor-{marker}");
    let body = with(
        with(minimal(), "stellar_account", account()),
        "metadata",
        json!({"marker": marker}),
    );
    let (key, anchor) = match rand::rng().random_range(0..4) {
        0 => (None, Some(anchor)),
        1 => (Some(marker.clone()), Some(anchor)),
        _ => (Some(marker.clone()), None),
    };
    let body = anchor.iter().fold(body, |body, anchor| {
        with(body, "anchor_transaction_id", anchor.as_str())
    });
    Create {
        marker,
        key,
        anchor,
        body,
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
            board.fresh.lock().unwrap().push(answer);
        }
        history.creates.push(create);
        pause(client.stage.pace);
    }
    history
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
        let Some(mut stored) = board.fresh.lock().unwrap().pop() else {
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

/// What was given up in doubt is repeated until it is known, and some of the rest is asked for again.
pub fn resolve(client: &Client, history: &mut History) {
    let mut reads = Vec::new();
    for (i, create) in history.creates.iter_mut().enumerate() {
        let outcome = outcome(&create.attempts);
        let sampled = outcome == Outcome::Acknowledged && i % 16 == 0;
        if outcome == Outcome::Doubt || sampled {
            send_create(client, create, Patience::Endless);
        }
        if let Some(id) = create.id().filter(|_| sampled) {
            let wanted = Wanted {
                level: Level::Strong,
                floor: client.board.latest_version(id),
                token_of: None,
            };
            let path = format!("/transactions/{id}");
            reads.push(ask(client, wanted, &path, &[STRONG]));
        }
    }
    history.reads.append(&mut reads);
    for change in history
        .changes
        .iter_mut()
        .filter(|change| outcome(&change.attempts) == Outcome::Doubt)
    {
        send_change(client, change, Patience::Endless);
    }
    for batch in &mut history.batches {
        if outcome(&batch.attempts) == Outcome::Doubt {
            send_batch(client, batch, Patience::Endless);
        }
    }
    for (i, callback) in history.callbacks.iter_mut().enumerate() {
        // Those that were heard too: long after, each is still applied once.
        if outcome(&callback.attempts) == Outcome::Doubt || i % 16 == 0 {
            send_callback(client, callback, Patience::Endless);
        }
    }
}
