//! `/stats/status`, `/stats/daily`, `/stats/assets`.

use crate::support::load::{all_are, at_once, while_asking};
use crate::support::wait::s;
use crate::support::{Answer, App, Cluster, eventually, minimal, shared, sql, with};
use reqwest::Method;
use serde_json::{Value, json};

const PATHS: [&str; 3] = ["/stats/status", "/stats/daily", "/stats/assets"];

fn data(answer: &Answer) -> Value {
    answer.json()["data"].clone()
}

#[track_caller]
fn now(app: &App, path: &str) -> Answer {
    app.get_strong(path).expect(200)
}

fn count(app: &App, path: &str) -> i64 {
    let rows = data(&now(app, path)).as_array().unwrap().clone();
    rows.iter().map(|row| row["count"].as_i64().unwrap()).sum()
}

/// Rows that nobody posted: of this owner and asset, made at this time.
fn rows(cluster: &Cluster, owner: &str, at: &str, asset_code: &str, amount: &str, count: usize) {
    sql(
        cluster.primary(),
        &format!(
            "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, idempotency_key, fingerprint, actor,
                                       request_id, created_at, updated_at)
             SELECT '{owner}', id, id, rpad('G', 56, 'A'), {amount}, '{asset_code}', 'stats-' || id, sha256('x'), 'api:test', 'test',
                    {at}, {at}
               FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {count})) made"
        ),
    );
}

#[test]
fn parameters_that_no_statistic_has_are_refused() {
    let app = &shared().app;
    for days in [
        "0",
        "367",
        "-1",
        "1.5",
        "x",
        "",
        "99999999999999999999",
        "07",
        "%00",
        "1&days=1",
    ] {
        let refused = app.get(&format!("/stats/daily?days={days}"));
        let refused = refused.problem(400, "invalid_parameter");
        assert!(refused.text.contains("days"), "{days}: {}", refused.text);
    }
    for path in PATHS {
        app.get(&format!("{path}?from_date=2026-01-01"))
            .problem(400, "unknown_parameter");
        app.get_with(path, &[("X-Consistency-Token", "made-up")])
            .problem(400, "invalid_consistency_token");
        app.get_with(path, &[("X-Read-Consistency", "weak")])
            .problem(400, "invalid_consistency_token");
        let refused = app.send(Method::POST, path, &[], Some(&json!({})));
        let allowed = refused.problem(405, "method_not_allowed");
        assert_eq!(allowed.header("Allow"), "GET, HEAD");
        assert_eq!(app.send(Method::HEAD, path, &[], None).expect(200).text, "");
    }
    app.get("/stats").problem(404, "not_found");
}

#[test]
fn statistics_of_nothing_have_every_status_and_every_day() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    rows(&cluster, "somebody-else", "now()", "USDC", "5", 3);
    let none = |status: &str| json!({"status": status, "count": 0});
    assert_eq!(
        now(&app, "/stats/status").json(),
        json!({"data": (["pending", "processing", "completed", "failed"].map(none))}),
        "another owner's are nobody's business"
    );
    let empty = json!({"data": [], "meta": {"truncated": false}});
    assert_eq!(now(&app, "/stats/assets").json(), empty);
    for (query, days) in [("", 30), ("?days=1", 1), ("?days=366", 366)] {
        let told = data(&now(&app, &format!("/stats/daily{query}")));
        let told = told.as_array().unwrap();
        assert_eq!(told.len(), days);
        assert!(told.is_sorted_by_key(|day| day["date"].as_str().unwrap().to_owned()));
        assert!(
            told.iter()
                .all(|day| day["count"] == 0 && day["assets"] == json!([]))
        );
    }
}

#[test]
fn transactions_are_counted_by_status_and_amounts_of_different_assets_never_added() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let eurc = with(minimal(), "asset_code", "EURC");
    for amount in ["922337203685.4775807", "0.0000001", "1.50"] {
        app.create(&with(eurc.clone(), "amount", amount))
            .expect(201);
    }
    let moved = app.create(&minimal()).expect(201);
    app.create(&minimal()).expect(201);
    let to = json!({"status": "completed"});
    app.patch(&moved.id(), &moved.etag(), &to).expect(200);
    assert_eq!(
        data(&now(&app, "/stats/status")),
        json!([{"status": "pending", "count": 4}, {"status": "processing", "count": 0},
               {"status": "completed", "count": 1}, {"status": "failed", "count": 0}])
    );
    let status = |status: &str, count: i64, total: &str| json!({"status": status, "count": count, "total_amount": total});
    let all_pending = "922337203686.9775808";
    assert_eq!(
        now(&app, "/stats/assets").json(),
        json!({"data": [
            {"asset_code": "EURC", "count": 3, "total_amount": all_pending, "statuses": [
                status("pending", 3, all_pending), status("processing", 0, "0"), status("completed", 0, "0"), status("failed", 0, "0")]},
            {"asset_code": "USDC", "count": 2, "total_amount": "201.00", "statuses": [
                status("pending", 1, "100.50"), status("processing", 0, "0"), status("completed", 1, "100.50"), status("failed", 0, "0")]},
        ], "meta": {"truncated": false}})
    );
    let today = data(&now(&app, "/stats/daily?days=1"))[0].clone();
    assert_eq!(
        (&today["count"], &today["assets"]),
        (
            &json!(5),
            &json!([{"asset_code": "EURC", "count": 3, "total_amount": all_pending},
                    {"asset_code": "USDC", "count": 2, "total_amount": "201.00"}])
        )
    );
}

#[test]
fn a_day_begins_at_midnight_utc_and_the_last_days_end_with_today() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    let today = "date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";
    let yesterday = format!("{today} - interval '1 microsecond'");
    rows(&cluster, "default", today, "USDC", "1", 1);
    rows(&cluster, "default", &yesterday, "USDC", "10", 2);
    let the_day_before = format!("{yesterday} - interval '1 day'");
    rows(&cluster, "default", &the_day_before, "USDC", "100", 4);
    rows(&cluster, "default", "'2001-01-01'", "USDC", "1000", 8);
    for (days, expected) in [(1, 1), (2, 3), (3, 7), (366, 7)] {
        let told = data(&now(&app, &format!("/stats/daily?days={days}")));
        let told = told.as_array().unwrap();
        let counts: Vec<i64> = told
            .iter()
            .map(|day| day["count"].as_i64().unwrap())
            .collect();
        assert_eq!(
            counts.iter().sum::<i64>(),
            expected,
            "{days} days: {counts:?}"
        );
        assert_eq!(counts.last(), Some(&1));
    }
    let three = data(&now(&app, "/stats/daily?days=3"));
    assert_eq!(three[1]["assets"][0]["total_amount"], "20");
    assert_eq!(count(&app, "/stats/status"), 15);
}

#[test]
fn of_a_thousand_and_more_assets_those_with_the_most_transactions_are_told() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    sql(
        cluster.primary(),
        "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, actor, request_id)
         SELECT 'default', id, id, rpad('G', 56, 'A'), 1, 'A' || n % 1001, 'assets-' || n, 'api:test', 'test'
           FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 2000) n OFFSET 0) made",
    );
    let told = now(&app, "/stats/assets").json();
    let (assets, truncated) = (told["data"].as_array().unwrap(), &told["meta"]["truncated"]);
    assert_eq!((assets.len(), truncated), (1000, &json!(true)));
    assert_eq!(
        assets.iter().filter(|asset| asset["count"] == 2).count(),
        999
    );
    let told = now(&app, "/stats/daily?days=1").json();
    assert_eq!(told["data"][0]["count"], 2000, "the day's count is of all");
    assert_eq!(told["data"][0]["assets"].as_array().unwrap().len(), 50);
    assert_eq!(told["meta"]["truncated"], true);
}

#[test]
fn a_statistic_is_as_fresh_as_was_asked_for() {
    let it = shared();
    for path in PATHS {
        let created = it.app.create(&minimal()).expect(201);
        let token = [("X-Consistency-Token", created.token())];
        let session = it.other.get_with(path, &token).expect(200);
        assert_eq!(session.header("X-Read-Consistency"), "session");
        let strong = now(&it.app, path);
        assert_eq!(
            (strong.header("X-Read-Consistency"), strong.served_by()),
            ("strong", "primary")
        );
        let default = it.app.get(path).expect(200);
        assert_eq!(default.header("X-Read-Consistency"), "eventual");
        assert_eq!(default.served_by(), "replica");
        assert_ne!(default.header("X-Replica-Lag-Ms"), "");
    }
}

/// The token stands for a write that is counted: no replica that has not seen it may answer.
#[test]
fn a_statistic_with_a_token_counts_what_the_token_names() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    for nth in 1..=20 {
        let created = app.create(&minimal()).expect(201);
        let token = [("X-Consistency-Token", created.token())];
        let told = data(&app.get_with("/stats/status", &token).expect(200));
        assert_eq!(told[0]["count"], nth);
    }
}

#[test]
fn statistics_go_on_without_a_primary_and_strong_ones_say_that_there_is_none() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
    eventually(s(5), "the replica counts it", || {
        data(&app.get("/stats/status").expect(200))[0]["count"] == 1
    });
    cluster.primary().kill().unwrap();
    let told = app.get("/stats/status").expect(200);
    assert_eq!(
        (told.served_by(), &data(&told)[0]["count"]),
        ("replica", &json!(1))
    );
    let strong = app.get_strong("/stats/status");
    strong.problem(503, "consistency_unavailable");
    cluster.replica().kill().unwrap();
    app.get("/stats/status").problem(503, "read_unavailable");
}

#[test]
fn a_statistic_that_takes_too_long_is_cancelled_and_says_so() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.attempt_timeout_ms", 50)
        .healthy();
    rows(&cluster, "default", "now()", "USDC", "1", 300_000);
    app.get("/stats/daily").problem(503, "overloaded");
    eventually(s(5), "no connection is in use", || {
        app.get("/status").json()["nodes"][0]["pool"]["in_use"] == 0
    });
    assert_eq!(app.get("/status").json()["nodes"][0]["state"], "up");
}

/// However many ask, they use one connection of a node, so the rest is left to the others; and each has its turn.
#[test]
fn a_crowd_that_asks_for_statistics_leaves_reads_and_writes_their_connections() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.pool_size", 3)
        .set("database.write_deadline_ms", 60_000)
        .set("database.attempt_timeout_ms", 60_000)
        .healthy();
    rows(&cluster, "default", "now()", "USDC", "1", 100_000);
    let path = app
        .create(&minimal())
        .expect(201)
        .header("Location")
        .to_owned();
    let beside = || {
        let read = app.get(&path).expect(200);
        app.create(&minimal()).expect(201);
        read
    };
    let mut crowd = Vec::new();
    let others = while_asking(beside, || {
        crowd = at_once(12, |at| app.get(PATHS[at % 3]));
    });
    all_are(&crowd, 200, s(90));
    all_are(&others, 200, s(10));
    assert!(others.len() > 3, "{}", others.len());
}
