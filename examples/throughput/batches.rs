//! Rows a second through `POST /transactions/batch`. Only our service is measured, since the plain one has no such thing.

use crate::args::Args;
use crate::client::Client;
use crate::stage::Stage;
use crate::support::Outcome;
use crate::support::process;
use crate::table::{Spread, count};
use crate::usage;
use crate::work::{FIELDS, HANDLE};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};

/// Numbers the batches, so that no two have the same key.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Prints the table, and returns whether every acknowledged batch is there, complete and once.
pub fn run(stage: &Stage, args: &Args, runtime: &Runtime, rows: usize) -> Outcome<bool> {
    let service = stage.service(process::ours()?, &args.set)?;
    service.wait_until_healthy()?;
    let items = vec![format!("{FIELDS}}}"); rows].join(",");
    let body = Bytes::from(format!(r#"{{"transactions":[{items}]}}"#));
    println!(
        "batches of {rows} rows, {} bytes\n{:>5}{:>12}{:>19}{:>9}{:>9}",
        body.len(),
        "conns",
        "rows/s",
        "min–max",
        "p50 ms",
        "max ms"
    );
    let mut acknowledged = 0;
    for &connections in &args.connections {
        let (mut rates, mut all_ms) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            let load = load(service.address, &body, connections, args.time());
            let times = runtime.block_on(load)?;
            acknowledged += times.len();
            rates.push((times.len() * rows) as f64 / args.seconds);
            all_ms.extend(times.iter().map(|time| time.as_secs_f64() * 1000.0));
        }
        let (rate, ms) = (Spread::of(rates), Spread::of(all_ms));
        println!(
            "{connections:>5}{:>12}{:>19}{:>9.1}{:>9.1}",
            count(rate.median),
            rate.range(),
            ms.median,
            ms.max
        );
    }
    println!(
        "resident memory: {:.1} MiB",
        usage::resident_mib(service.id())?
    );
    read_back(stage, rows, acknowledged)
}

/// Returns how long each batch took.
async fn load(
    address: SocketAddr,
    body: &Bytes,
    connections: usize,
    time: Duration,
) -> Outcome<Vec<Duration>> {
    let until = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let client = Client::connect(address).await?;
        tasks.spawn(repeat(client, address, body.clone(), until));
    }
    let each: Result<Vec<_>, String> = tasks.join_all().await.into_iter().collect();
    Ok(each?.concat())
}

async fn repeat(
    mut client: Client,
    address: SocketAddr,
    body: Bytes,
    until: Instant,
) -> Result<Vec<Duration>, String> {
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let request = Request::builder()
            .method(Method::POST)
            .uri("/transactions/batch")
            .header(HOST, address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", format!("{HANDLE}batch-{number}"))
            .body(Full::new(body.clone()))
            .map_err(|error| error.to_string())?;
        match client.send(request).await? {
            (StatusCode::CREATED, _) => times.push(begun.elapsed()),
            (status, answer) => {
                return Err(format!("{status}: {}", String::from_utf8_lossy(&answer)));
            }
        }
    }
    Ok(times)
}

fn read_back(stage: &Stage, rows: usize, acknowledged: usize) -> Outcome<bool> {
    let question = format!(
        "SELECT count(*)::text AS value FROM transactions
          WHERE idempotency_key LIKE '{HANDLE}batch-%' GROUP BY idempotency_key"
    );
    let sizes = stage.ask(&question)?;
    let whole = sizes.iter().filter(|size| **size == rows.to_string());
    let whole = whole.count();
    println!(
        "read back: {acknowledged} acknowledged, {whole} present and whole, {} cut",
        sizes.len() - whole
    );
    Ok(whole == acknowledged && whole == sizes.len())
}
