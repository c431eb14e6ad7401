//! Measures an export of all rows in both formats: rows a second, the service's memory before and at its highest, and the reads and creates
//! that are served meanwhile, compared with those without an export. Also how long statistics of so many rows take. Only our service.

use crate::pages;
use crate::stage::Stage;
use crate::support::Outcome;
use crate::support::process::{self, Process, agent};
use crate::table::Spread;
use crate::usage::resident_mib;
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;

/// How long the load without an export runs.
const ALONE: Duration = Duration::from_secs(5);
const FORMATS: [&str; 2] = ["csv", "jsonl"];
const CLIENTS: usize = 4;
const SAMPLE: Duration = Duration::from_millis(20);
const STATISTICS: [&str; 4] = [
    "/stats/status",
    "/stats/assets",
    "/stats/daily?days=30",
    "/stats/daily?days=366",
];
/// The median of so many requests is printed.
const REQUESTS: usize = 5;

/// Returns whether every export was complete.
pub fn run(stage: &Stage, rows: u64) -> Outcome<bool> {
    // Only the shape of accounts is checked, so that SQL can make them.
    let shape = ("SYNAPSE__API__STRKEY_CHECK".to_owned(), "shape".to_owned());
    let service = stage.service(process::ours()?, &[shape])?;
    service.wait_until_healthy()?;
    pages::fill(stage, 1, rows)?;
    stage.wait_for_standby()?;
    let mut whole = true;
    for format in FORMATS {
        let exported = export(&service, format)?;
        whole &= exported.rows == rows;
        println!("{format:>6} {exported}");
    }
    let pause = || {
        thread::sleep(ALONE);
        Ok(())
    };
    let ((), alone) = load(&service, pause)?;
    for format in FORMATS {
        let (exported, rate) = load(&service, || export(&service, format))?;
        whole &= exported.rows == rows;
        println!("{format:>6} {exported}, beside {rate:.0} requests/s (alone {alone:.0})");
    }
    statistics(&service)?;
    Ok(whole)
}

fn statistics(service: &Process) -> Outcome<()> {
    let agent = agent();
    for path in STATISTICS {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            agent
                .get(&format!("{}{path}", service.url()))
                .call()?
                .body_mut()
                .read_to_string()?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        println!("{:>9.0} ms {path}", Spread::of(times).median);
    }
    Ok(())
}

struct Exported {
    rows: u64,
    mib: f64,
    took: Duration,
    resident_before: f64,
    resident_most: f64,
}

impl std::fmt::Display for Exported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "it is shown without decimals")]
        let rate = self.rows as f64 / seconds;
        write!(
            f,
            "{} rows in {seconds:.1} s: {rate:.0} rows/s, {:.0} MiB; memory {:.0} MiB before, {:.0} MiB at most",
            self.rows, self.mib, self.resident_before, self.resident_most
        )
    }
}

/// Exports what was stored before the load began, so that each export has the same rows.
fn export(service: &Process, format: &str) -> Outcome<Exported> {
    let path = format!("/export?format={format}&to_date=2026-06-01");
    let begun = Instant::now();
    let resident_before = resident_mib(service.id())?;
    let done = AtomicBool::new(false);
    let (lines, bytes, resident_most) = thread::scope(|scope| -> Outcome<_> {
        let sampler = scope.spawn(|| {
            let mut most = resident_before;
            while !done.load(Ordering::Acquire) {
                most = resident_mib(service.id()).unwrap_or(0.0).max(most);
                thread::sleep(SAMPLE);
            }
            most
        });
        let read = read(&agent(), &format!("{}{path}", service.url()));
        done.store(true, Ordering::Release);
        let most = sampler.join().map_err(|_| "the sampler panicked")?;
        let (lines, bytes) = read?;
        Ok((lines, bytes, most))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "it is shown without decimals")]
    let mib = bytes as f64 / 1024.0 / 1024.0;
    Ok(Exported {
        rows: lines - u64::from(format == "csv"),
        mib,
        took: begun.elapsed(),
        resident_before,
        resident_most,
    })
}

fn read(agent: &Agent, url: &str) -> Outcome<(u64, u64)> {
    let mut response = agent.get(url).call()?;
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut body = BufReader::with_capacity(256 * 1024, body);
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let chunk = body.fill_buf()?;
        if chunk.is_empty() {
            return Ok((lines, bytes));
        }
        lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        let taken = chunk.len();
        bytes += taken as u64;
        body.consume(taken);
    }
}

/// Reads the newest page with some clients while `work` runs, and returns how many reads a second there were.
fn load<T>(service: &Process, work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, f64)> {
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let url = format!("{}/transactions?limit=1", service.url());
    let begun = Instant::now();
    let result = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let agent = agent();
                while !done.load(Ordering::Acquire) {
                    let answer = agent.get(&url).call();
                    let body = answer.map(|mut answer| answer.body_mut().read_to_string());
                    if body.is_ok_and(|body| body.is_ok()) {
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let result = work();
        done.store(true, Ordering::Release);
        result
    });
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is shown without decimals")]
    let rate = served.load(Ordering::Relaxed) as f64 / seconds;
    Ok((result?, rate))
}
