//! The table of the results.

use crate::load::{Client, Request, first_write};
use crate::{Args, PATIENCE, Seen};
use std::time::Duration;

const TARGET_MS: f64 = 100.0;

#[derive(Default)]
pub struct Report {
    service: Figures,
    peer: Figures,
    reads: Figures,
}

#[derive(Default)]
struct Figures {
    /// Infinite if no write succeeded in time.
    windows_ms: Vec<f64>,
    requests: usize,
    failures: u32,
    longest: Duration,
}

impl Report {
    pub fn add(&mut self, round: usize, seen: &Seen) {
        self.count(&seen.requests);
        let ms = |client| {
            first_write(&seen.requests, client, seen.promoted)
                .map_or(f64::INFINITY, |window| window.as_secs_f64() * 1000.0)
        };
        let (service, peer) = (ms(Client::Service), ms(Client::Peer));
        self.service.windows_ms.push(service);
        self.peer.windows_ms.push(peer);
        let outage = seen.outage.as_millis();
        println!(
            "round {round}: no primary for {outage} ms, then the service {} ms, the peer {} ms",
            shown(service),
            shown(peer)
        );
    }

    pub fn count(&mut self, requests: &[Request]) {
        for request in requests {
            let figures = match request.client {
                Client::Service => &mut self.service,
                Client::Peer => &mut self.peer,
                Client::Reader => &mut self.reads,
            };
            figures.requests += 1;
            figures.failures += request.failures;
            figures.longest = figures.longest.max(request.ended - request.begun);
        }
    }

    /// Prints the table, and returns whether no request of the service failed.
    pub fn print(&mut self, args: &Args) -> bool {
        let how = match (args.switchover, args.freeze) {
            (true, _) => "stopped in order",
            (_, true) => "frozen",
            _ => "killed",
        };
        println!(
            "\n{} rounds, {} writers each, the primary {how}; milliseconds from the end of the promotion",
            args.rounds, args.writers
        );
        println!(
            "{:<16}{:>9}{:>9}{:>9}{:>10}{:>10}{:>13}",
            "", "min", "median", "max", "requests", "failed", "longest ms"
        );
        self.service.print("service writes");
        self.peer.print("peer writes");
        self.reads.print("service reads");
        let (service, peer) = (
            median(&self.service.windows_ms),
            median(&self.peer.windows_ms),
        );
        let (more, peer) = if peer.is_finite() {
            ("", peer)
        } else {
            ("more than ", PATIENCE.as_secs_f64() * 1000.0)
        };
        println!(
            "ratio of the medians, peer to service: {more}{:.1}",
            peer / service.max(0.1)
        );
        println!(
            "target, median of the service under {TARGET_MS} ms: {}",
            if service < TARGET_MS { "met" } else { "missed" }
        );
        self.service.failures + self.reads.failures == 0
    }
}

impl Figures {
    fn print(&mut self, name: &str) {
        self.windows_ms.sort_by(f64::total_cmp);
        let windows = match &self.windows_ms[..] {
            [] => format!("{:>9}{:>9}{:>9}", "-", "-", "-"),
            all => format!(
                "{:>9}{:>9}{:>9}",
                shown(all[0]),
                shown(median(all)),
                shown(all[all.len() - 1])
            ),
        };
        println!(
            "{name:<16}{windows}{:>10}{:>10}{:>13}",
            self.requests,
            self.failures,
            self.longest.as_millis()
        );
    }
}

fn shown(ms: f64) -> String {
    if ms.is_finite() {
        format!("{ms:.1}")
    } else {
        format!(">{}", PATIENCE.as_millis())
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
