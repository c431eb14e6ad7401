//! One round of one cell: a number of connections send the same kind of request for a while.

use super::client::Client;
use super::support::Outcome;
use super::usage;
use super::work::{Ask, Requests, Work};
use bytes::Bytes;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// The pause after a failed request: a service that is down must not be asked a million times.
const PAUSE: Duration = Duration::from_millis(10);
/// Clients start at turns that are far apart, so that those of a mix do not all write at once, nor read the same rows.
const APART: usize = 97;

/// The service that is measured.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub address: SocketAddr,
    pub process: u32,
    pub requests: &'a Requests,
}

#[derive(Clone, Copy)]
pub struct Times {
    /// Requests of this time are not counted.
    pub warm_up: Duration,
    pub measure: Duration,
}

/// The result of one round of one service.
pub struct Measured {
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Processor time of the service's process per request.
    pub processor_us: f64,
    /// Measured while the connections are open.
    pub resident_mib: f64,
    /// Includes errors of the warm-up.
    pub errors: BTreeMap<String, usize>,
    pub acknowledged: Vec<Ask>,
}

#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// What one client saw, or all of them together.
#[derive(Default)]
struct Seen {
    /// How long requests took that had the expected answer, within the window.
    micros: Vec<u32>,
    acknowledged: Vec<Ask>,
    errors: BTreeMap<String, usize>,
}

pub async fn run(
    target: Target<'_>,
    work: Work,
    connections: usize,
    times: Times,
) -> Outcome<Measured> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Client::connect(target.address).await?);
    }
    let from = Instant::now() + times.warm_up;
    let to = from + times.measure;
    let requests = Arc::new(target.requests.clone());
    let mut tasks = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let (requests, first) = (requests.clone(), number * APART);
        tasks.spawn(repeat(client, requests, work, first, Window { from, to }));
    }
    sleep_until(from).await;
    let before = usage::processor_time(target.process)?;
    sleep_until(to).await;
    let processor = usage::processor_time(target.process)?.saturating_sub(before);
    let resident_mib = usage::resident_mib(target.process)?;
    let mut all = Seen::default();
    for seen in tasks.join_all().await {
        all.add(seen);
    }
    Ok(all.measured(times.measure, processor, resident_mib))
}

async fn repeat(
    mut client: Client,
    requests: Arc<Requests>,
    work: Work,
    first: usize,
    window: Window,
) -> Seen {
    let mut seen = Seen::default();
    for turn in first.. {
        let begun = Instant::now();
        if begun >= window.to {
            break;
        }
        match ask(&mut client, &requests, work, turn).await {
            Ok((ask, _)) => {
                let ended = Instant::now();
                if window.from <= ended && ended < window.to {
                    let micros = (ended - begun).as_micros();
                    seen.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
                }
                if ask != Ask::Get {
                    seen.acknowledged.push(ask);
                }
            }
            Err(error) => {
                *seen.errors.entry(error).or_default() += 1;
                sleep(PAUSE).await;
            }
        }
    }
    seen
}

/// Sends one request. Any answer but the expected one is an error.
async fn ask(
    client: &mut Client,
    requests: &Requests,
    work: Work,
    turn: usize,
) -> Result<(Ask, Bytes), String> {
    let next = requests.next(work, turn);
    let (ask, request) = next.map_err(|error| format!("no request can be made: {error}"))?;
    let (status, body) = client.send(request).await?;
    if status == ask.expects() {
        Ok((ask, body))
    } else {
        let start: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        Err(format!("{status}: {start}"))
    }
}

/// Creates so many rows, over several connections, since each create takes long over a distance. Returns their numbers and their ids.
pub async fn create(target: Target<'_>, rows: usize) -> Outcome<(Vec<Ask>, Vec<String>)> {
    const CLIENTS: usize = 20;
    let parts = (0..CLIENTS).map(|first| create_some(target, (first..rows).step_by(CLIENTS)));
    let (mut acknowledged, mut ids) = (Vec::new(), Vec::new());
    for part in try_join_all(parts).await? {
        acknowledged.extend(part.0);
        ids.extend(part.1);
    }
    Ok((acknowledged, ids))
}

async fn create_some(
    target: Target<'_>,
    turns: impl Iterator<Item = usize>,
) -> Outcome<(Vec<Ask>, Vec<String>)> {
    let mut client = Client::connect(target.address).await?;
    let (mut acknowledged, mut ids) = (Vec::new(), Vec::new());
    for turn in turns {
        let (made, body) = ask(&mut client, target.requests, Work::Create, turn).await?;
        let row: serde_json::Value = serde_json::from_slice(&body)?;
        let id = row["id"].as_str().ok_or("a created row has no id")?;
        acknowledged.push(made);
        ids.push(id.to_owned());
    }
    Ok((acknowledged, ids))
}

/// Whether a row can be read.
pub async fn is_readable(target: Target<'_>, turn: usize) -> Outcome<bool> {
    let mut client = Client::connect(target.address).await?;
    Ok(ask(&mut client, target.requests, Work::Get, turn)
        .await
        .is_ok())
}

impl Seen {
    fn add(&mut self, other: Seen) {
        self.micros.extend(other.micros);
        self.acknowledged.extend(other.acknowledged);
        for (error, times) in other.errors {
            *self.errors.entry(error).or_default() += times;
        }
    }

    fn measured(mut self, time: Duration, processor: Duration, resident_mib: f64) -> Measured {
        self.micros.sort_unstable();
        let requests = self.micros.len() as f64;
        Measured {
            per_second: requests / time.as_secs_f64(),
            p50_ms: self.percentile_ms(50),
            p99_ms: self.percentile_ms(99),
            processor_us: processor.as_secs_f64() * 1e6 / requests,
            resident_mib,
            errors: self.errors,
            acknowledged: self.acknowledged,
        }
    }

    /// Only for sorted times.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let place = self.micros.len() * percent / 100;
        let micros = self.micros.get(place).or(self.micros.last());
        micros.map_or(f64::NAN, |micros| f64::from(*micros) / 1000.0)
    }
}
