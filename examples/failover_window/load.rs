//! The clients: as many writers on the service as on the peer, and some readers on the service.

use crate::support::process::agent;
use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;

/// Between two requests of one client, so that the machine is not busy with the load alone.
const PACE: Duration = Duration::from_millis(10);
const READERS: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    Service,
    Peer,
    Reader,
}

/// A request, from its first attempt until it succeeded.
pub struct Request {
    pub client: Client,
    pub begun: Instant,
    pub ended: Instant,
    pub failures: u32,
}

/// The time from the promotion to the first write that ended after it. 5 ms are allowed for, since the watcher may notice the promotion a
/// moment after that write.
pub fn first_write(requests: &[Request], client: Client, promoted: Instant) -> Option<Duration> {
    let after = |request: &&Request| {
        request.client == client && request.ended + Duration::from_millis(5) > promoted
    };
    requests
        .iter()
        .filter(after)
        .map(|request| request.ended.saturating_duration_since(promoted))
        .min()
}

pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
    pub done: Receiver<Request>,
}

impl Load {
    pub fn start(writers: usize, url: &str, pool: Pool<ConnectionManager<PgConnection>>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let (send, done) = mpsc::channel();
        let mut threads = Vec::new();
        let mut spawn = |client, attempt: Box<dyn Fn(&str) -> bool + Send>| {
            let (stop, send, name) = (stop.clone(), send.clone(), threads.len());
            threads.push(thread::spawn(move || {
                repeat(client, name, &stop, &send, &*attempt)
            }));
        };
        for _ in 0..writers {
            let (agent, target) = (agent(), format!("{url}/transactions"));
            spawn(
                Client::Service,
                Box::new(move |key| post(&agent, &target, key)),
            );
            let pool = pool.clone();
            spawn(Client::Peer, Box::new(move |_| insert(&pool)));
        }
        for _ in 0..READERS {
            let (agent, target) = (agent(), format!("{url}/transactions?limit=5"));
            spawn(
                Client::Reader,
                Box::new(move |_| agent.get(&target).call().is_ok()),
            );
        }
        Load {
            stop,
            threads,
            done,
        }
    }

    pub fn stop(self) -> Vec<Request> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| eprintln!("a client panicked"))
        });
        self.done.try_iter().collect()
    }
}

fn repeat(
    client: Client,
    name: usize,
    stop: &AtomicBool,
    done: &Sender<Request>,
    attempt: &dyn Fn(&str) -> bool,
) {
    for number in 0.. {
        let (key, begun, mut failures) = (format!("window-{name}-{number}"), Instant::now(), 0);
        while !attempt(&key) {
            failures += 1;
            thread::sleep(PACE);
        }
        let _ = done.send(Request {
            client,
            begun,
            ended: Instant::now(),
            failures,
        });
        if stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(PACE);
    }
}

fn post(agent: &Agent, url: &str, key: &str) -> bool {
    let body = r#"{"stellar_account":"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ","amount":"1.50","asset_code":"USDC"}"#;
    agent
        .post(url)
        .header("Idempotency-Key", key)
        .content_type("application/json")
        .send(body)
        .is_ok()
}

fn insert(pool: &Pool<ConnectionManager<PgConnection>>) -> bool {
    let account = "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ";
    let statement =
        sql_query("INSERT INTO peer (account, amount, asset) VALUES ($1, 1.50, 'USDC')")
            .bind::<Text, _>(account);
    pool.get()
        .is_ok_and(|mut connection| statement.execute(&mut connection).is_ok())
}
