//! A page looks at a bounded number of rows, however few of them match.

use crate::support::wait::{ms, s};
use crate::support::{App, Cluster, account, ask, eventually, sql};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Rows of the same account, one a second, every tenth of them in another asset; straight into the table, which is never analysed.
fn fill(cluster: &Cluster, account: &str, rows: usize) {
    sql(
        cluster.primary(),
        &format!(
            "ALTER TABLE transactions SET (autovacuum_enabled = off);
             INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, created_at,
                                       updated_at, actor, request_id)
             SELECT 'default', id, id, '{account}', 1, CASE WHEN n % 10 = 0 THEN 'EURC' ELSE 'USDC' END, 'anchor-' || n, at, at,
                    'api:test', 'test'
               FROM generate_series(1, {rows}) n,
                    LATERAL (SELECT gen_random_uuid() AS id, now() - n * interval '1 second' AS at) made"
        ),
    );
}

struct Walk {
    found: usize,
    pages: usize,
    longest: Duration,
}

fn walk(app: &App, query: &str) -> Walk {
    let mut walk = Walk {
        found: 0,
        pages: 0,
        longest: Duration::ZERO,
    };
    let mut next = format!("/transactions?limit=100&{query}");
    loop {
        let start = Instant::now();
        let page: Value = app.get_strong(&next).expect(200).json();
        walk.longest = walk.longest.max(start.elapsed());
        walk.pages += 1;
        walk.found += page["data"].as_array().unwrap().len();
        match page["meta"]["next_cursor"].as_str() {
            Some(cursor) => next = format!("/transactions?limit=100&{query}&cursor={cursor}"),
            None => return walk,
        }
    }
}

#[test]
fn a_filter_that_matches_nothing_costs_a_bounded_look_and_says_that_there_may_be_more() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    fill(&cluster, &account(), 50_000);
    for order in ["asc", "desc"] {
        let page = app
            .get_strong(&format!("/transactions?status=completed&order={order}"))
            .expect(200)
            .json();
        assert_eq!(page["data"], serde_json::json!([]));
        assert_eq!(
            page["meta"]["has_more"], true,
            "20,000 rows were looked at, and there are more"
        );
        let walk = walk(&app, &format!("status=completed&order={order}"));
        assert_eq!((walk.found, walk.pages), (0, 3), "{order}");
    }
}

#[test]
fn a_walk_through_bounded_looks_meets_every_match_once() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let account = account();
    fill(&cluster, &account, 45_000);
    for query in [
        "asset_code=EURC&min_amount=1".to_owned(),
        format!("stellar_account={account}&asset_code=EURC&order=asc"),
    ] {
        assert_eq!(walk(&app, &query).found, 4500, "{query}");
    }
    let page = app
        .get_strong("/transactions?anchor_transaction_id=anchor-44999")
        .expect(200)
        .json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["meta"]["has_more"], false);
}

/// Not a measurement: a search that read the whole table, or sorted it, would take seconds here.
#[test]
fn no_page_of_a_large_table_is_slow() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let account = account();
    fill(&cluster, &account, 200_000);
    for query in [
        "",
        "asset_code=XLM",
        "status=failed,completed",
        "min_amount=5",
        "callback_type=deposit",
        "order=asc&max_amount=0.5",
    ] {
        let within = |query: &str| {
            let start = Instant::now();
            app.get_strong(&format!("/transactions?{query}"))
                .expect(200);
            start.elapsed()
        };
        eventually(s(10), query, || within(query) < ms(500));
    }
}

/// The bound that lies at the far end of the order is entered by the index, not walked to.
#[test]
fn a_page_of_long_ago_reads_as_little_as_one_of_today() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    fill(&cluster, &account(), 200_000);
    let blocks = || -> u64 {
        let read =
            "SELECT (idx_blks_read + idx_blks_hit)::text AS value FROM pg_statio_user_indexes
                     WHERE indexrelname = 'transactions_created_idx'";
        ask(cluster.primary(), read).parse().unwrap()
    };
    let day = |days: i64| {
        (chrono::Utc::now() - chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ")
    };
    for query in [
        format!("order=desc&to_date={}", day(2)),
        format!("order=asc&from_date={}", day(1)),
    ] {
        let before = blocks();
        let page = app
            .get_strong(&format!("/transactions?{query}"))
            .expect(200);
        assert_eq!(page.json()["data"].as_array().unwrap().len(), 25);
        eventually(s(20), "the server has counted it", || {
            // Before PostgreSQL 15 a session that is idle tells nothing of what it has done.
            app.get_strong("/transactions/0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44");
            blocks() > before
        });
        let read = blocks() - before;
        assert!(read < 100, "{query}: {read} blocks of the index");
    }
}
