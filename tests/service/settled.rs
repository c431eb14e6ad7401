//! Up to when a page of a list is settled.

use crate::support::bodies::ACCOUNT;
use crate::support::load::{all_are, while_all_ask};
use crate::support::wait::s;
use crate::support::{
    Answer, App, Cluster, account, ask, eventually, holds_for, key, minimal, sql, with,
};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use private_postgres::{Server, User};
use reqwest::Method;
use serde_json::{Value, json};

fn halt_replay(replica: &Server) {
    sql(replica, "SELECT pg_wal_replay_pause()");
    let version = ask(
        replica,
        "SELECT current_setting('server_version_num') AS value",
    );
    if version.parse::<u32>().unwrap() < 140_000 {
        return; // it cannot be asked whether it has; it does so before the next record
    }
    let state = "SELECT pg_get_wal_replay_pause_state() AS value";
    eventually(s(5), "it has halted", || ask(replica, state) == "paused");
}

/// As text: all times are told with six decimals and `Z`, so they sort as they are.
#[track_caller]
fn settled(page: &Answer) -> String {
    let until = page.header("X-Settled-Until").to_owned();
    assert!(until.len() == 27 && until.ends_with('Z'), "{page:?}");
    until
}

/// Not yet where the replica was not as far as the primary when both were asked for the first time.
fn says(page: &Answer) -> bool {
    page.headers.contains_key("X-Settled-Until")
}

fn rows(page: &Answer) -> Vec<Value> {
    page.json()["data"].as_array().unwrap().clone()
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

/// A session that stores a transaction and does not commit.
fn stranger(cluster: &Cluster) -> PgConnection {
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    stranger
        .batch_execute(&format!(
            "BEGIN;
             INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, actor, request_id)
             SELECT 'default', id, id, '{ACCOUNT}', 100.50, 'USDC', 'waits', 'api:test', 'test' FROM gen_random_uuid() AS id"
        ))
        .unwrap();
    stranger
}

#[test]
fn nothing_appears_before_the_time_up_to_which_a_page_says_it_is_settled() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let mut stranger = stranger(&cluster);
    let later = app.create(&minimal()).expect(201).text_at("/created_at");
    let pages = || {
        let path = "/transactions?order=asc";
        [app.get(path).expect(200), app.get_strong(path).expect(200)]
    };
    eventually(s(5), "the replica has the row that did not wait", || {
        let [eventual, strong] = pages();
        let has_it = eventual.served_by() == "replica" && !rows(&eventual).is_empty();
        has_it && says(&eventual) && says(&strong)
    });
    let mut told = Vec::new();
    holds_for(s(2), "neither is settled up to there", || {
        let settled = pages().each_ref().map(settled);
        told.extend(settled.clone());
        settled.iter().all(|settled| *settled < later)
    });
    stranger.batch_execute("COMMIT").unwrap();
    eventually(s(5), "both are settled", || {
        let pages = pages();
        let settled = pages.each_ref().map(settled);
        let both_rows = pages.iter().all(|page| rows(page).len() == 2);
        let is_settled = settled.iter().all(|settled| *settled > later);
        assert!(!is_settled || both_rows, "{pages:?}");
        is_settled
    });
    let [page, _] = pages();
    let waited = rows(&page)[0]["created_at"].as_str().unwrap().to_owned();
    assert!(waited < later, "it waited, and is the older one");
    assert!(told.iter().all(|told| *told <= waited), "{told:?} {waited}");
}

#[test]
fn a_session_that_has_only_read_and_idles_in_its_transaction_delays_nothing() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let mut reader = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    reader
        .batch_execute("BEGIN; SELECT FROM transactions LIMIT 1")
        .unwrap();
    let created = app.create(&minimal()).expect(201).text_at("/created_at");
    eventually(s(5), "both are settled beyond it", || {
        let path = "/transactions";
        let pages = [app.get(path).expect(200), app.get_strong(path).expect(200)];
        pages
            .iter()
            .all(|page| says(page) && settled(page) > created)
    });
    // Until it stores a row itself.
    reader
        .batch_execute("SELECT FROM transactions LIMIT 1 FOR UPDATE")
        .unwrap();
    let begun = app.create(&minimal()).expect(201).text_at("/created_at");
    holds_for(
        s(2),
        "it is not settled beyond what may be under way",
        || settled(&app.get_strong("/transactions").expect(200)) < begun,
    );
    reader.batch_execute("COMMIT").unwrap();
    eventually(s(5), "it is settled", || {
        settled(&app.get_strong("/transactions").expect(200)) > begun
    });
}

#[test]
fn a_replica_is_not_settled_beyond_what_it_has_replayed() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    let path = "/transactions?order=asc";
    eventually(s(5), "the replica has the first row", || {
        let page = app.get(path).expect(200);
        page.served_by() == "replica" && rows(&page).len() == 1 && says(&page)
    });
    halt_replay(cluster.replica());
    let missing = app.create(&minimal()).expect(201).text_at("/created_at");
    eventually(s(5), "the primary is settled beyond it", || {
        settled(&app.get_strong(path)) > missing
    });
    let page = app.get(path).expect(200);
    assert_eq!(
        (page.served_by(), rows(&page).len()),
        ("replica", 1),
        "{page:?}"
    );
    assert!(settled(&page) <= missing, "{page:?}");
    sql(cluster.replica(), "SELECT pg_wal_replay_resume()");
    eventually(s(5), "the replica is settled beyond it", || {
        let page = app.get(path).expect(200);
        page.served_by() == "replica" && settled(&page) > missing && rows(&page).len() == 2
    });
}

/// All rows from one time to another, when every page of them is settled: as a client reads who wants to miss none.
fn walk(app: &App, account: &str, from: &str, to: &str) -> Vec<String> {
    let query = format!(
        "/transactions?limit=10&order=asc&stellar_account={account}&from_date={from}&to_date={to}"
    );
    let mut ids = Vec::new();
    let mut next = Some(query.clone());
    while let Some(path) = next {
        let page = app.get(&path).expect(200);
        if settled(&page).as_str() < to {
            next = Some(path); // from a node that is further behind than the one that told `to`
            continue;
        }
        ids.extend(rows(&page).iter().map(id));
        let cursor = page.json()["meta"]["next_cursor"].clone();
        next = cursor
            .as_str()
            .map(|cursor| format!("{query}&cursor={cursor}"));
    }
    ids
}

#[test]
fn who_reads_up_to_the_settled_time_again_and_again_misses_no_row_of_many_writers() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let account = account();
    let body = with(minimal(), "stellar_account", account.as_str());
    let probe = format!("/transactions?limit=1&stellar_account={account}");
    let mut ids = Vec::new();
    eventually(s(10), "all nodes say up to when they are settled", || {
        (0..5).all(|_| says(&app.get(&probe)))
    });
    let mut from = settled(&app.get(&probe).expect(200));
    let created = while_all_ask(
        8,
        |_| app.create_keyed(&key(), &body),
        || {
            eventually(s(60), "many rows were read in many steps", || {
                let to = settled(&app.get(&probe).expect(200));
                if from < to {
                    ids.extend(walk(&app, &account, &from, &to));
                    from = to;
                }
                ids.len() > 500
            });
        },
    );
    all_are(&created, 201, s(10));
    let mut stored: Vec<(String, String)> = created
        .iter()
        .map(|asked| (asked.answer.text_at("/created_at"), asked.answer.id()))
        .filter(|(created_at, _)| *created_at < from)
        .collect();
    stored.sort();
    let mut stored: Vec<String> = stored.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), stored.len());
    ids.sort();
    stored.sort();
    assert_eq!(ids, stored);
}

/// Else a session could have taken the time of its row already, and not yet be seen as one with an open transaction.
#[test]
fn a_row_has_a_later_time_than_its_sql_transaction() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    sql(
        cluster.primary(),
        "ALTER TABLE transactions ADD COLUMN begun_at timestamptz DEFAULT now()",
    );
    app.create(&minimal()).expect(201);
    let items = json!({"transactions": [minimal(), minimal()]});
    app.send(
        Method::POST,
        "/transactions/batch",
        &[("Idempotency-Key", &key())],
        Some(&items),
    )
    .expect(201);
    let later = "SELECT count(*) FILTER (WHERE begun_at < created_at AND created_at = updated_at)::text AS value FROM transactions";
    assert_eq!(ask(cluster.primary(), later), "3");
}

#[test]
fn where_open_transactions_cannot_be_seen_nothing_is_said() {
    let cluster = Cluster::alone();
    for hide in [
        "REVOKE pg_monitor FROM synapse",
        "GRANT pg_monitor TO synapse; ALTER ROLE synapse SET track_activities = off",
    ] {
        sql(cluster.primary(), hide);
        let app = cluster.launch().healthy();
        let page = app.get("/transactions").expect(200);
        assert!(
            !page.headers.contains_key("X-Settled-Until"),
            "{hide}: {page:?}"
        );
    }
}
