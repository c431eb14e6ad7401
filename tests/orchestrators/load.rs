//! Clients that create and read without a pause for breath, and remember what they were told.

use crate::service::agent;
use crate::wait_until;
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

const WRITERS: usize = 6;
const READERS: usize = 2;
const PACE: Duration = Duration::from_millis(20);
pub const BODY: &str = r#"{"stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ","amount":"1.50","asset_code":"USDC"}"#;

#[derive(Debug, Default)]
pub struct History {
    /// Key to transaction.
    pub acknowledged: BTreeMap<String, String>,
    /// Every answer that was not a success: status and body.
    pub failed_writes: Vec<String>,
    pub failed_reads: Vec<String>,
    pub reads: usize,
    /// Of those with a token.
    pub failed_token_reads: Vec<String>,
    pub token_reads: usize,
    /// What acknowledged writes said of where they are.
    pub durability: BTreeSet<String>,
    pub longest_write: Duration,
    pub longest_read: Duration,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (writes, failed) = (self.acknowledged.len(), self.failed_writes.len());
        write!(
            f,
            "{writes} writes, {failed} answers of failure, the longest {} ms; ",
            self.longest_write.as_millis()
        )?;
        let (failed, longest) = (self.failed_reads.len(), self.longest_read.as_millis());
        write!(
            f,
            "{} reads, {failed} failed, the longest {longest} ms; ",
            self.reads
        )?;
        let failed = self.failed_token_reads.len();
        write!(f, "{} with tokens, {failed} failed", self.token_reads)
    }
}

/// A transaction that was just acknowledged to some client, and its consistency token, for all others to read.
pub type Board = Arc<Mutex<Option<(String, String)>>>;

pub struct Load {
    stop: Arc<AtomicBool>,
    history: Arc<Mutex<History>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(name: &str, url: &str, board: &Board) -> Load {
        let (stop, history) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(History::default())),
        );
        let spawn = |number: usize| {
            let (stop, history) = (stop.clone(), history.clone());
            let client = Client {
                agent: agent(),
                url: url.to_owned(),
                history,
                board: Arc::clone(board),
            };
            let keys = format!("{name}-{number}");
            thread::spawn(move || {
                let requests = (0..).take_while(|_| !stop.load(Ordering::Relaxed));
                requests.for_each(|request| {
                    if number < WRITERS {
                        client.write(&format!("{keys}-{request}"))
                    } else {
                        client.read();
                        client.read_with_a_token();
                    }
                });
            })
        };
        let threads = (0..WRITERS + READERS).map(spawn).collect();
        Load {
            stop,
            history,
            threads,
        }
    }

    /// So many so far.
    pub fn acknowledged(&self) -> usize {
        self.history.lock().acknowledged.len()
    }

    /// So many more from now on.
    pub fn wait_for_writes(&self, count: usize) {
        let wanted = self.acknowledged() + count;
        wait_until("enough writes are acknowledged", || {
            self.acknowledged() >= wanted
        });
    }

    /// When what is under way has been acknowledged.
    pub fn stop(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        std::mem::take(&mut self.history.lock())
    }
}

struct Client {
    agent: Agent,
    url: String,
    history: Arc<Mutex<History>>,
    board: Board,
}

impl Client {
    /// Repeated until it is acknowledged.
    fn write(&self, key: &str) {
        let url = format!("{}/transactions", self.url);
        loop {
            let begun = Instant::now();
            let request = self
                .agent
                .post(&url)
                .header("Idempotency-Key", key)
                .content_type("application/json");
            let answer = said(request.send(BODY));
            let mut history = self.history.lock();
            history.longest_write = history.longest_write.max(begun.elapsed());
            match answer {
                Ok(Said { body, headers }) => {
                    let id = body["id"].as_str().unwrap().to_owned();
                    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
                    history.durability.insert(header("X-Durability"));
                    *self.board.lock() = Some((id.clone(), header("X-Consistency-Token")));
                    history.acknowledged.insert(key.to_owned(), id);
                    break;
                }
                Err(failure) => history.failed_writes.push(failure),
            }
            drop(history);
            thread::sleep(PACE);
        }
        thread::sleep(PACE);
    }

    fn read(&self) {
        let begun = Instant::now();
        let answer = said(
            self.agent
                .get(format!("{}/transactions?limit=5", self.url))
                .call(),
        );
        let mut history = self.history.lock();
        history.reads += 1;
        history.longest_read = history.longest_read.max(begun.elapsed());
        history.failed_reads.extend(answer.err());
        drop(history);
        thread::sleep(PACE);
    }

    /// Of the last write of all, which it must see, or fail.
    fn read_with_a_token(&self) {
        let Some((id, token)) = self.board.lock().clone() else {
            return;
        };
        let url = format!("{}/transactions/{id}", self.url);
        let request = self.agent.get(url).header("X-Consistency-Token", token);
        let answer = said(request.call());
        let mut history = self.history.lock();
        history.token_reads += 1;
        history.failed_token_reads.extend(answer.err());
    }
}

struct Said {
    body: Value,
    headers: HeaderMap,
}

/// A success; status and body of anything else.
fn said(answer: Result<Response<Body>, ureq::Error>) -> Result<Said, String> {
    let mut answer = answer.map_err(|error| format!("no answer: {error}"))?;
    let headers = answer.headers().clone();
    let (status, body) = (
        answer.status(),
        answer
            .body_mut()
            .read_to_string()
            .map_err(|error| error.to_string())?,
    );
    if status.is_success() {
        let read = serde_json::from_str(&body);
        read.map(|body| Said { body, headers })
            .map_err(|error| format!("{status}: {error}: {body}"))
    } else {
        Err(format!("{} {body}", status.as_u16()))
    }
}
