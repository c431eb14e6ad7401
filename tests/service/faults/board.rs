//! What the clients tell each other.

use crate::support::Answer;
use crate::support::bodies::{account, minimal, with};
use parking_lot::Mutex;
use rand::seq::IteratorRandom;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const KEPT: usize = 1024;
const RECENT: usize = 64;

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
    pub at: Instant,
    /// By which instance.
    pub instance: usize,
    /// The transaction as it was then.
    pub body: Value,
}

impl Acknowledged {
    pub fn text(&self, field: &str) -> Option<&str> {
        self.body[field].as_str()
    }

    /// Under which it was created, if it was.
    pub fn key(&self) -> Option<&str> {
        self.body["metadata"]["key"].as_str()
    }
}

impl Board {
    /// The end of `run` is that of a UUID.
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

    /// The asset of all transactions of this load and of no other, by which they are searched for.
    pub fn asset(&self) -> String {
        self.run[self.run.len().saturating_sub(12)..].to_uppercase()
    }

    /// A transaction with an account of its own. It tells its key, so that who sees it can search for it.
    pub fn transaction(&self, marker: &str, key: Option<&str>) -> Value {
        let body = with(minimal(), "stellar_account", account());
        let body = with(body, "asset_code", self.asset());
        with(body, "metadata", json!({"marker": marker, "key": key}))
    }

    pub fn acknowledged(&self, answer: &Answer, instance: usize) {
        // The token of a batch names its first transaction.
        let body = answer.json();
        let first = body.pointer("/data/0").unwrap_or(&body);
        let version = first["version"].as_u64().unwrap_or(0);
        let of = Acknowledged {
            id: first["id"].as_str().unwrap_or_default().to_owned(),
            version,
            token: answer.token().to_owned(),
            at: Instant::now(),
            instance,
            body: first.clone(),
        };
        let mut versions = self.versions.lock();
        let latest = versions.entry(of.id.clone()).or_default();
        *latest = version.max(*latest);
        drop(versions);
        let mut recent = self.recent.lock();
        recent.truncate(KEPT - 1);
        recent.push_front(of);
    }

    /// Of what was acknowledged before this moment.
    pub fn latest_version(&self, id: &str) -> u64 {
        let versions = self.versions.lock();
        versions.get(id).copied().unwrap_or(0)
    }

    pub fn any_recent(&self) -> Option<Acknowledged> {
        let recent = self.recent.lock();
        recent.iter().take(RECENT).choose(&mut rand::rng()).cloned()
    }

    /// Acknowledged so long ago, or somewhat longer.
    pub fn any_older_than(&self, age: Duration) -> Option<Acknowledged> {
        let recent = self.recent.lock();
        let old = recent.iter().skip_while(|of| of.at.elapsed() <= age);
        old.take(RECENT).choose(&mut rand::rng()).cloned()
    }

    pub fn put_fresh(&self, created: Answer) {
        self.fresh.lock().push(created);
    }

    pub fn take_fresh(&self) -> Option<Answer> {
        self.fresh.lock().pop()
    }
}
