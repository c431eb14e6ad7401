//! How long a page of a list takes, with each filter and with pairs of filters, on a small and on a large table that was vacuumed and never
//! analyzed. Only our service.

use crate::stage::Stage;
use crate::support::Outcome;
use crate::support::process::{self, Process, agent};
use crate::table::Spread;
use std::time::Instant;
use ureq::Agent;

const SMALL: u64 = 10_000;
/// The median of so many requests is printed.
const REQUESTS: usize = 15;
/// A page may take this many times as long on the large table, except pages that look at a bounded number of rows and find too few.
const MAX_RATIO: f64 = 1.5;
/// A smaller difference is noise of the machine.
const MIN_DIFFERENCE_MS: f64 = 0.5;
const MAX_MS: f64 = 25.0;

/// Each filter with a value that many rows have. The last two look for rows that do not exist, so that a page looks at as many rows as it
/// may.
const FILTERS: [(&str, &str); 12] = [
    ("status", "pending"),
    ("asset_code", "A7"),
    (
        "stellar_account",
        "G7AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ),
    ("callback_type", "deposit"),
    ("anchor_transaction_id", "pages-77"),
    ("idempotency_key", "pages-77"),
    ("min_amount", "500"),
    ("max_amount", "500"),
    ("from_date", "2026-01-01T01:00:00Z"),
    ("to_date", "2026-01-01T02:00:00Z"),
    ("status", "failed"),
    ("asset_code", "NOBODY"),
];

struct Page {
    query: String,
    small_ms: f64,
    small_rows: usize,
}

/// Returns whether every page kept its limits.
pub fn run(stage: &Stage, rows: u64) -> Outcome<bool> {
    // Only the shape of accounts is checked, so that SQL can make them.
    let shape = ("SYNAPSE__API__STRKEY_CHECK".to_owned(), "shape".to_owned());
    let service = stage.service(process::ours()?, &[shape])?;
    service.wait_until_healthy()?;
    let agent = agent();
    fill(stage, 1, SMALL)?;
    let mut pages = Vec::new();
    for query in queries() {
        let (small_ms, small_rows) = time(&agent, &service, &query)?;
        pages.push(Page {
            query,
            small_ms,
            small_rows,
        });
    }
    fill(stage, SMALL + 1, rows)?;
    println!(
        "{:>9}{:>9}{:>7}{:>12}  page (ms, medians of {REQUESTS}; rows found)",
        SMALL, rows, "ratio", "rows"
    );
    let mut within = true;
    for page in pages {
        let (ms, found) = time(&agent, &service, &page.query)?;
        let ratio = ms / page.small_ms;
        let grows = ratio > MAX_RATIO && ms - page.small_ms > MIN_DIFFERENCE_MS;
        let by_handle = page.query.contains("anchor_") || page.query.contains("_key=");
        let bounded_scan = found < 25 && !by_handle;
        let too_slow = ms > MAX_MS || (grows && !bounded_scan);
        within &= !too_slow;
        let verdict = match (too_slow, grows) {
            (true, _) => " TOO SLOW",
            (false, true) => " bounded scan",
            (false, false) => "",
        };
        println!(
            "{:>9.2}{ms:>9.2}{ratio:>7.2}{:>12}  {}{verdict}",
            page.small_ms,
            format!("{} / {found}", page.small_rows),
            page.query
        );
    }
    Ok(within)
}

/// No filter, each filter, and each pair of different filters; in both orders if there is at most one filter.
fn queries() -> Vec<String> {
    let one = |(name, value): (&str, &str)| format!("{name}={value}");
    let mut queries = vec!["order=desc".to_owned(), "order=asc".to_owned()];
    for (at, first) in FILTERS.into_iter().enumerate() {
        queries.push(one(first));
        queries.push(format!("{}&order=asc", one(first)));
        let others = FILTERS[at + 1..].iter().filter(|other| other.0 != first.0);
        queries.extend(others.map(|other| format!("{}&{}", one(first), one(*other))));
    }
    queries
}

fn time(agent: &Agent, service: &Process, query: &str) -> Outcome<(f64, usize)> {
    let url = format!("{}/transactions?{query}", service.url());
    let (mut times, mut rows) = (Vec::new(), 0);
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        let body = agent.get(&url).call()?.body_mut().read_to_string()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        rows = body.matches("\"id\":").count();
    }
    Ok((Spread::of(times).median, rows))
}

/// Stores one row for each second from the first of January on, with 1000 accounts, 20 assets, and amounts from 1 to 1000; every tenth row
/// has the type deposit.
pub fn fill(stage: &Stage, from: u64, to: u64) -> Outcome<()> {
    stage.execute(&format!(
        "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, callback_type, anchor_transaction_id,
                                   idempotency_key, fingerprint, actor, request_id, status, created_at, updated_at)
         SELECT 'default', id, id, rpad('G' || n % 1000, 56, 'A'), 1 + n % 1000, 'A' || n % 20,
                CASE WHEN n % 10 = 0 THEN 'deposit' END, 'pages-' || n, 'pages-' || n, decode(repeat('ab', 32), 'hex'),
                'api:pages', 'pages', CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'completed' END, at, at
           FROM (SELECT n, gen_random_uuid() AS id, timestamptz '2026-01-01T00:00:00Z' + n * interval '1 second' AS at
                   FROM generate_series({from}, {to}) AS n) AS made"
    ))?;
    // The table is vacuumed as by autovacuum (since PostgreSQL 13 also if it only grows), but has no statistics.
    stage.execute("VACUUM transactions")
}
