//! `GET /transactions/{id}/events`, page by page.

use crate::support::{key, minimal, shared};
use serde_json::{Value, json};

/// A transaction that has failed and been taken up again, so often that it has this version.
fn with_versions(count: usize) -> String {
    let it = shared();
    let mut stored = it.app.create(&minimal()).expect(201);
    for version in 2..=count {
        let status = if version % 2 == 0 {
            "failed"
        } else {
            "pending"
        };
        let body = json!({"status": status, "status_reason": format!("version {version}")});
        stored = it
            .app
            .patch(&stored.id(), &stored.etag(), &body)
            .expect(200);
    }
    stored.id()
}

fn versions(page: &Value) -> Vec<u64> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|event| event["version"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_history_comes_in_pages_without_gaps() {
    let it = shared();
    let id = with_versions(8);
    let path = format!("/transactions/{id}/events");
    let whole = it.app.get_strong(&path).expect(200).json();
    assert_eq!(versions(&whole), (1..=8).collect::<Vec<_>>());
    assert_eq!(
        whole["meta"],
        json!({"next_cursor": null, "has_more": false})
    );
    let (mut next, mut pages) = (format!("{path}?limit=3"), Vec::new());
    loop {
        let page = it.app.get_strong(&next).expect(200);
        pages.push(versions(&page.json()));
        let Some(cursor) = page.json()["meta"]["next_cursor"]
            .as_str()
            .map(str::to_owned)
        else {
            assert_eq!(page.header("Link"), "");
            break;
        };
        next = format!("{path}?limit=3&cursor={cursor}");
        assert!(
            page.header("Link").contains(&cursor),
            "{}",
            page.header("Link")
        );
    }
    assert_eq!(pages, [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8]]);
}

#[test]
fn a_cursor_of_one_history_is_not_one_of_another() {
    let it = shared();
    let (one, other) = (with_versions(3), with_versions(3));
    let page = it
        .app
        .get_strong(&format!("/transactions/{one}/events?limit=1"))
        .expect(200);
    let cursor = page.text_at("/meta/next_cursor");
    let of = |id: &str, cursor: &str| {
        it.app
            .get_strong(&format!("/transactions/{id}/events?cursor={cursor}"))
    };
    of(&one, &cursor).expect(200);
    of(&other, &cursor).problem(400, "invalid_cursor");
    of(&one, &key()).problem(400, "invalid_cursor");
    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=101", "invalid_parameter"),
        ("order=asc", "unknown_parameter"),
    ] {
        it.app
            .get_strong(&format!("/transactions/{one}/events?{query}"))
            .problem(400, code);
    }
}
