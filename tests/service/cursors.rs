//! Walking through a list page by page.

use crate::support::app::App;
use crate::support::{Answer, account, minimal, shared, with};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn make(app: &App, account: &str, count: usize) -> Vec<String> {
    let body = with(minimal(), "stellar_account", account);
    (0..count)
        .map(|_| app.create(&body).expect(201).id())
        .collect()
}

fn page(app: &App, path: &str) -> Answer {
    app.get_strong(path).expect(200)
}

fn ids(page: &Answer) -> Vec<String> {
    page.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

fn next_cursor(page: &Answer) -> Option<String> {
    let meta = &page.json()["meta"];
    let cursor = meta["next_cursor"].as_str().map(str::to_owned);
    assert_eq!(meta["has_more"], Value::Bool(cursor.is_some()), "{meta}");
    cursor
}

fn walk(app: &App, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = page(app, &next);
        found.extend(ids(&page));
        match next_cursor(&page) {
            Some(cursor) => next = format!("{path}&cursor={cursor}"),
            None => return found,
        }
    }
}

#[test]
fn a_walk_meets_every_row_once_in_both_orders_while_rows_are_added() {
    let it = shared();
    let account = account();
    let before = make(&it.app, &account, 40);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Not for ever: a walk towards the end must be able to reach it.
            for _ in 0..300 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                make(&it.other, &account, 1);
            }
        });
        for (order, limit) in [("asc", 7), ("desc", 7), ("asc", 1), ("desc", 3)] {
            let found = walk(
                &it.app,
                &format!("/transactions?stellar_account={account}&order={order}&limit={limit}"),
            );
            let unique: HashSet<&String> = found.iter().collect();
            assert_eq!(unique.len(), found.len(), "no row twice ({order}, {limit})");
            let old: Vec<&String> = found.iter().filter(|id| before.contains(id)).collect();
            let mut expected: Vec<&String> = before.iter().collect();
            if order == "desc" {
                expected.reverse();
            }
            assert_eq!(
                old, expected,
                "every row that was there, in order ({order}, {limit})"
            );
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
}

#[test]
fn a_link_leads_to_the_next_page_and_keeps_the_filters() {
    let it = shared();
    let account = account();
    let made = make(&it.app, &account, 5);
    let mut path = format!(
        "/transactions?stellar_account={account}&order=asc&limit=2&status=pending&min_amount=1"
    );
    let mut found = Vec::new();
    loop {
        let page = page(&it.app, &path);
        found.push(ids(&page));
        let link = page.header("Link").to_owned();
        let Some(cursor) = next_cursor(&page) else {
            assert_eq!(link, "");
            break;
        };
        let target = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""))
            .expect(&link)
            .to_owned();
        assert!(
            target.starts_with('/') && target.contains(&cursor),
            "{target}"
        );
        path = target;
    }
    assert_eq!(
        found,
        made.chunks(2).map(<[String]>::to_vec).collect::<Vec<_>>()
    );
}

#[test]
fn a_cursor_is_bound_to_filters_and_order() {
    let it = shared();
    let account = account();
    make(&it.app, &account, 3);
    let base = format!("/transactions?stellar_account={account}");
    let cursor = next_cursor(&page(
        &it.app,
        &format!("{base}&limit=1&order=asc&status=pending,failed"),
    ))
    .unwrap();
    let used = |path: String| it.app.get_strong(&format!("{path}&cursor={cursor}"));
    used(format!("{base}&order=asc&status=failed,pending&limit=2")).expect(200);
    let others = [
        format!("{base}&order=desc&status=pending,failed"),
        format!("{base}&status=pending,failed"),
        format!("{base}&order=asc"),
        format!("{base}&order=asc&status=pending,failed&asset_code=USDC"),
        "/transactions?order=asc&status=pending,failed".to_owned(),
    ];
    for other in others {
        used(other).problem(400, "invalid_cursor");
    }
}

#[test]
fn a_damaged_cursor_is_refused() {
    let it = shared();
    let account = account();
    make(&it.app, &account, 2);
    let base = format!("/transactions?stellar_account={account}&limit=1");
    let cursor = next_cursor(&page(&it.app, &base)).unwrap();
    for at in 0..cursor.len() {
        let other = if cursor.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let damaged = format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]);
        it.app
            .get(&format!("{base}&cursor={damaged}"))
            .problem(400, "invalid_cursor");
    }
    for odd in [
        "x",
        "%00",
        "....",
        &cursor[1..],
        &format!("{cursor}A"),
        &cursor.repeat(20),
    ] {
        let answer = it.app.get(&format!("{base}&cursor={odd}")).expect(400);
        assert!(
            answer.text.contains("invalid_cursor") || odd == "%00",
            "{odd}: {}",
            answer.text
        );
    }
}
