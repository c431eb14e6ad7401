//! Requests, counted by method, route and status.
//!
//! What a client sends must not make a new label: the routes are the patterns of the URL table, and methods and statuses are those that
//! are known here. So every cell is made at the start, and counting takes no lock.

use std::collections::HashMap;
use std::time::Duration;

use crate::http::METHODS;
use crate::http::answer::codes::{self, KINDS, Kind};
use crate::http::layers::UNANSWERED;
use crate::metrics::{Counter, Distribution, Histogram};

/// Statuses that belong to no code of a problem: the successes, and that of a request without an answer.
const OF_NO_PROBLEM: [u16; 5] = [200, 201, 202, 304, UNANSWERED];
/// Paths that are not in the URL table.
const UNMATCHED: &str = "unmatched";
/// Methods and statuses that are not known here.
const OTHER: &str = "other";

const DURATIONS_S: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Refusals that protect the service: with these codes it sheds load.
const SHED: [&Kind; 3] = [&codes::OVERLOADED, &codes::RATE_LIMITED, &codes::DRAINING];

pub struct RequestCounts {
    routes: Vec<&'static str>,
    by_pattern: HashMap<&'static str, usize>,
    statuses: Vec<u16>,
    /// For each route, one for each method.
    cells: Vec<Cell>,
    /// In the order of `SHED`.
    shed: [Counter; SHED.len()],
}

struct Cell {
    durations: Histogram,
    /// In the order of `statuses`, and one for all others.
    by_status: Vec<Counter>,
}

/// What was counted of one route and method.
#[derive(Debug)]
pub struct Counted {
    pub route: &'static str,
    pub method: &'static str,
    pub durations: Distribution,
    /// Those that occurred.
    pub by_status: Vec<(String, u64)>,
}

impl RequestCounts {
    pub fn of(patterns: impl IntoIterator<Item = &'static str>) -> RequestCounts {
        let mut routes = vec![UNMATCHED];
        routes.extend(patterns);
        let mut statuses = OF_NO_PROBLEM.to_vec();
        statuses.extend(KINDS.iter().map(|kind| kind.status));
        statuses.sort_unstable();
        statuses.dedup();
        let cell = || Cell {
            durations: Histogram::new(DURATIONS_S),
            by_status: (0..=statuses.len()).map(|_| Counter::default()).collect(),
        };
        let of_each_route = METHODS.len() + 1;
        RequestCounts {
            cells: (0..routes.len() * of_each_route).map(|_| cell()).collect(),
            by_pattern: routes.iter().copied().zip(0..).collect(),
            routes,
            statuses,
            shed: Default::default(),
        }
    }

    pub fn count(&self, method: &str, pattern: Option<&str>, status: u16, took: Duration) {
        let route = pattern.and_then(|pattern| self.by_pattern.get(pattern));
        let route = route.copied().unwrap_or_default();
        let known = METHODS.iter().position(|known| *known == method);
        let cell = &self.cells[route * (METHODS.len() + 1) + known.unwrap_or(METHODS.len())];
        let known = self.statuses.binary_search(&status);
        cell.by_status[known.unwrap_or(self.statuses.len())].add_one();
        cell.durations.observe(took.as_secs_f64());
    }

    pub fn refused(&self, code: &str) {
        if let Some(at) = SHED.iter().position(|kind| kind.code == code) {
            self.shed[at].add_one();
        }
    }

    pub fn shed(&self) -> Vec<(&'static str, u64)> {
        let reasons = SHED.iter().zip(&self.shed);
        reasons
            .map(|(kind, count)| (kind.code, count.value()))
            .collect()
    }

    /// Only routes and methods that have occurred.
    pub fn read(&self) -> Vec<Counted> {
        let methods = || METHODS.into_iter().chain([OTHER]);
        let labels = self
            .routes
            .iter()
            .flat_map(|route| methods().map(move |method| (*route, method)));
        let counted = labels.zip(&self.cells).map(|((route, method), cell)| {
            let statuses = self.statuses.iter().map(u16::to_string);
            let statuses = statuses.chain([OTHER.to_owned()]);
            let by_status = statuses.zip(cell.by_status.iter().map(Counter::value));
            Counted {
                route,
                method,
                durations: cell.durations.read(),
                by_status: by_status.filter(|(_, count)| *count > 0).collect(),
            }
        });
        counted
            .filter(|counted| !counted.by_status.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_shares_one_label() {
        let requests = RequestCounts::of(["/a/{id}", "/b"]);
        let count = |method: &str, pattern: Option<&str>, status: u16| {
            requests.count(method, pattern, status, Duration::from_millis(3));
        };
        count("GET", Some("/a/{id}"), 200);
        count("GET", Some("/a/{id}"), UNANSWERED);
        count("BREW", Some("/b"), 405);
        count("MELT", Some("/b"), 405);
        count("GET", None, 404);
        count("GET", Some("/c"), 418);
        let read = requests.read();
        let labels = read.iter().map(|counted| {
            let statuses = counted.by_status.iter().map(|(s, n)| format!("{s}:{n}"));
            let statuses: Vec<_> = statuses.collect();
            format!(
                "{} {} {}",
                counted.method,
                counted.route,
                statuses.join(" ")
            )
        });
        assert_eq!(
            labels.collect::<Vec<_>>(),
            [
                "GET unmatched 404:1 other:1",
                "GET /a/{id} 200:1 499:1",
                "other /b 405:2"
            ]
        );
        assert_eq!(read[2].durations.count(), 2);
    }
}
