//! `GET /transactions`: filters, order, parameters.

use crate::support::app::App;
use crate::support::{account, key, minimal, shared, with};
use serde_json::{Value, json};

/// The ids of one page, as of now.
#[track_caller]
fn ids(app: &App, query: &str) -> Vec<String> {
    let answer = app
        .get_strong(&format!("/transactions?limit=100&order=asc&{query}"))
        .expect(200)
        .json();
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

fn mine(account: &str) -> Value {
    with(minimal(), "stellar_account", account)
}

#[test]
fn each_filter_finds_what_it_names_and_nothing_else() {
    let it = shared();
    let account = account();
    let anchor = format!("list {}", key());
    let one = with(
        with(mine(&account), "callback_type", "deposit"),
        "anchor_transaction_id",
        anchor.as_str(),
    );
    let two = with(with(mine(&account), "asset_code", "EURC"), "amount", "7.5");
    let one = it.app.create(&one).expect(201).id();
    let two = it.app.create(&two).expect(201).id();
    it.app
        .patch(&two, &it.app.etag(&two), &json!({"status": "processing"}))
        .expect(200);
    let anchor = anchor.replace(' ', "%20");
    let (both, only_one, only_two) = (vec![one.clone(), two.clone()], vec![one], vec![two]);
    let table = [
        (String::new(), &both),
        ("asset_code=USDC".into(), &only_one),
        ("asset_code=EURC".into(), &only_two),
        ("callback_type=deposit".into(), &only_one),
        ("status=pending".into(), &only_one),
        ("status=processing,failed".into(), &only_two),
        ("status=pending,processing".into(), &both),
        (format!("anchor_transaction_id={anchor}"), &only_one),
        ("min_amount=7.5&max_amount=7.50".into(), &only_two),
        ("min_amount=7.5000001".into(), &only_one),
        ("max_amount=100.5".into(), &both),
        ("max_amount=100.4999999".into(), &only_two),
        (
            "asset_code=USDC&status=pending&min_amount=100".into(),
            &only_one,
        ),
    ];
    for (query, expected) in table {
        assert_eq!(
            &ids(&it.app, &format!("stellar_account={account}&{query}")),
            expected,
            "{query}"
        );
    }
    for nothing in [
        "status=completed",
        "asset_code=XLM",
        "callback_type=withdrawal",
        "min_amount=101",
    ] {
        assert!(
            ids(&it.app, &format!("stellar_account={account}&{nothing}")).is_empty(),
            "{nothing}"
        );
    }
}

#[test]
fn bounds_between_which_nothing_can_lie_are_told() {
    let it = shared();
    for (query, name) in [
        ("min_amount=9&max_amount=8", "min_amount"),
        ("from_date=2026-01-02&to_date=2026-01-01", "from_date"),
        (
            "from_date=2026-01-01&to_date=2026-01-01T00:00:00Z",
            "from_date",
        ),
    ] {
        let answer = it.app.get(&format!("/transactions?{query}"));
        let answer = answer.problem(400, "invalid_parameter");
        assert!(answer.text.contains(name), "{query}: {}", answer.text);
    }
    it.app
        .get("/transactions?min_amount=8&max_amount=8.0")
        .expect(200);
}

#[test]
fn thousands_of_parameters_are_refused_at_once() {
    let names: Vec<String> = (0..1000).map(|i| format!("p{i}=1")).collect();
    let query = names.join("&");
    let answer = shared().app.get(&format!("/transactions?{query}"));
    answer.problem(400, "invalid_parameter");
}

#[test]
fn dates_include_their_beginning_and_exclude_their_end() {
    let it = shared();
    let account = account();
    let created = it.app.create(&mine(&account)).expect(201);
    let (id, at) = (created.id(), created.text_at("/created_at"));
    let day = &at[..10];
    let is_found =
        |query: &str| ids(&it.app, &format!("stellar_account={account}&{query}")) == [id.clone()];
    for found in [
        format!("from_date={at}"),
        format!("from_date={day}"),
        "to_date=2999-01-01".into(),
        "from_date=2020-02-29".into(),
    ] {
        assert!(is_found(&found), "{found}");
    }
    let shifted = format!("from_date={}%2B00:00", &at[..26]);
    assert!(is_found(&shifted), "{shifted}");
    for missed in [
        format!("to_date={at}"),
        format!("to_date={day}"),
        "from_date=2999-01-01T00:00:00Z".into(),
    ] {
        assert!(!is_found(&missed), "{missed}");
    }
}

#[test]
fn a_key_finds_what_its_owner_made_with_it_at_once() {
    let it = shared();
    let key = key();
    let id = it.app.create_keyed(&key, &minimal()).expect(201).id();
    let answer = it
        .other
        .get(&format!("/transactions?idempotency_key={key}"))
        .expect(200);
    assert_eq!(answer.json()["data"][0]["id"], json!(id));
    assert_eq!(
        (answer.header("X-Read-Consistency"), answer.served_by()),
        ("strong", "primary")
    );
    let unknown = it
        .app
        .get(&format!(
            "/transactions?idempotency_key={}",
            crate::support::key()
        ))
        .expect(200)
        .json();
    assert_eq!(
        unknown,
        json!({"data": [], "meta": {"next_cursor": null, "has_more": false}})
    );
}

#[test]
fn rows_of_a_list_are_whole_transactions() {
    let it = shared();
    let account = account();
    let created = it.app.create(&mine(&account)).expect(201).json();
    let listed = it
        .app
        .get_strong(&format!("/transactions?stellar_account={account}"))
        .expect(200)
        .json();
    assert_eq!(
        listed,
        json!({"data": [created], "meta": {"next_cursor": null, "has_more": false}})
    );
}

#[test]
fn the_newest_come_first_unless_told_otherwise() {
    let it = shared();
    let account = account();
    let made: Vec<String> = (0..3)
        .map(|_| it.app.create(&mine(&account)).expect(201).id())
        .collect();
    let listed = |order: &str| {
        let answer = it
            .app
            .get_strong(&format!("/transactions?stellar_account={account}{order}"))
            .expect(200)
            .json();
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let backwards: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(listed(""), backwards);
    assert_eq!(listed("&order=desc"), backwards);
    assert_eq!(listed("&order=asc"), made);
}

#[test]
fn search_is_another_name_of_the_list() {
    let it = shared();
    let account = account();
    it.app.create(&mine(&account)).expect(201);
    let of = |path: &str| {
        it.app
            .get_strong(&format!("{path}?stellar_account={account}"))
            .expect(200)
            .json()
    };
    assert_eq!(of("/transactions/search"), of("/transactions"));
}

#[test]
fn a_page_has_twenty_five_rows_unless_told_otherwise() {
    let it = shared();
    let account = account();
    (0..27).for_each(|_| drop(it.app.create(&mine(&account)).expect(201)));
    let count = |limit: &str| {
        let answer = it
            .app
            .get_strong(&format!("/transactions?stellar_account={account}{limit}"))
            .expect(200)
            .json();
        (
            answer["data"].as_array().unwrap().len(),
            answer["meta"]["has_more"] == true,
        )
    };
    assert_eq!(count(""), (25, true));
    assert_eq!(count("&limit=1"), (1, true));
    assert_eq!(count("&limit=26"), (26, true));
    assert_eq!(count("&limit=27"), (27, false));
    assert_eq!(count("&limit=100"), (27, false));
}

#[test]
fn a_bad_parameter_is_named() {
    let it = shared();
    let bad = [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.0",
        "limit=+1",
        "order=up",
        "order=DESC",
        "status=done",
        "status=pending,,failed",
        "status=",
        "asset_code=usdc",
        "stellar_account=G",
        "callback_type=gift",
        "anchor_transaction_id=",
        "idempotency_key=a%20b",
        "min_amount=-1",
        "min_amount=1e5",
        "max_amount=x",
        "max_amount=1.12345678",
        "from_date=yesterday",
        "from_date=2026-02-30",
        "from_date=2026-11-23T10:00:00",
        "to_date=1",
        "limit=1&limit=1",
        "order=asc&order=desc",
        "asset_code=%ff",
        "asset_code=%0",
        "asset_code=US%00DC",
    ];
    for query in bad {
        let answer = it
            .app
            .get(&format!("/transactions?{query}"))
            .problem(400, "invalid_parameter");
        let name = query.split('=').next().unwrap();
        assert!(
            answer.text.contains(name),
            "{query} is not named in {}",
            answer.text
        );
    }
}
