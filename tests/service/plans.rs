//! What PostgreSQL does for the statements that the service sends, in the way it sends them: told by `auto_explain`.

use crate::support::wait::s;
use crate::support::webhook::SOURCES;
use crate::support::{
    App, Cluster, Launch, Webhook, account, eventually, full, key, minimal, sql, with,
};
use reqwest::Method;
use serde_json::json;
use std::fs;

/// Every statement of the service, several times: PostgreSQL may plan the first ones otherwise.
fn use_everything(app: &App) {
    let account = account();
    for _ in 0..7 {
        let (key, body) = (key(), with(full(), "stellar_account", account.as_str()));
        let created = app.create_keyed(&key, &body).expect(201);
        app.create_keyed(&key, &body).expect(201);
        app.create(&body).expect(200);
        app.create_keyed(&key, &minimal()).expect(422);
        let (id, path) = (created.id(), created.header("Location").to_owned());
        let changed = app
            .patch(&id, &created.etag(), &json!({"status": "failed"}))
            .expect(200);
        app.patch(&id, &created.etag(), &json!({"status": "completed"}))
            .expect(412);
        app.patch(&id, "*", &json!({"status": "pending"}))
            .expect(200);
        let batch = json!({"transactions": [full(), minimal(), full()]});
        let known = json!({"transactions": [minimal(), body]});
        for (key, batch, status) in [
            (&format!("{key}-batch"), &batch, 201),
            (&format!("{key}-batch"), &batch, 201),
            (&format!("{key}-other"), &known, 409),
            (&key, &batch, 422),
        ] {
            app.send(
                Method::POST,
                "/transactions/batch",
                &[("Idempotency-Key", key)],
                Some(batch),
            )
            .expect(status);
        }
        let told = full();
        for (id, state) in [
            ("a", "incomplete"),
            ("a", "incomplete"),
            ("b", "completed"),
            ("b", "completed"),
        ] {
            let body = with(told.clone(), "callback_status", state);
            let answer = Webhook::new(&format!("{key}-{id}"), &body).send(app);
            assert!([200, 201].contains(&answer.status), "{}", answer.text);
        }
        let anchor = created.text_at("/anchor_transaction_id");
        let tokens = format!("{},{}", created.token(), changed.token());
        let lists = [
            "".to_owned(),
            "status=failed&asset_code=USDC&min_amount=1&callback_type=deposit&from_date=2026-01-01"
                .to_owned(),
            format!("stellar_account={account}"),
            format!("anchor_transaction_id={anchor}"),
            format!("idempotency_key={key}"),
        ];
        let lists = lists.iter().flat_map(|query| {
            ["asc", "desc"].map(|order| format!("/transactions?{query}&order={order}"))
        });
        let others = [
            path.clone(),
            format!("{path}/events"),
            "/stats/status".to_owned(),
            "/stats/daily".to_owned(),
            "/stats/assets".to_owned(),
            format!("/export?stellar_account={account}"),
        ];
        for path in lists.chain(others) {
            // A strong read gives up after a second, which is not long where all processors are busy; here it is the plan that counts.
            eventually(s(30), "it is answered", || {
                let by_token = app.get_with(&path, &[("X-Consistency-Token", &tokens)]);
                by_token.status == 200 && app.get_strong(&path).status == 200
            });
        }
    }
}

/// The nodes of all plans that read one of the ledger's tables, each with the line after it, which says by what; since the log had this
/// length.
fn scans(cluster: &Cluster, since: usize) -> Vec<String> {
    let log = fs::read(cluster.primary().log_file()).unwrap();
    let log = String::from_utf8_lossy(&log[since..]).into_owned();
    let lines: Vec<&str> = log.lines().map(str::trim).collect();
    let pairs = lines.windows(2);
    let of_ours = |pair: &&[&str]| {
        let tables = [" on transaction", " on callback_receipts"];
        pair[0].contains("Scan") && tables.iter().any(|table| pair[0].contains(table))
    };
    pairs.filter(of_ours).map(|pair| pair.join(" ")).collect()
}

fn log_length(cluster: &Cluster) -> usize {
    usize::try_from(fs::metadata(cluster.primary().log_file()).unwrap().len()).unwrap()
}

#[track_caller]
fn are_by_index(scans: &[String]) {
    assert!(!scans.is_empty(), "auto_explain told nothing");
    let is_narrow = |scan: &&String| {
        scan.contains("Index") && scan.contains("Index Cond: ((owner = ") && scan.contains(" AND (")
    };
    let other: Vec<&String> = scans.iter().filter(|scan| !is_narrow(scan)).collect();
    assert!(
        other.is_empty(),
        "{} of {}: {other:#?}",
        other.len(),
        scans.len()
    );
    for index in [
        "transactions_pkey",
        "transactions_key_idx",
        "transactions_anchor_idx",
        "transactions_created_idx",
        "transactions_account_idx",
        "transaction_events_pkey",
        "transaction_events_write_key",
        "callback_receipts_pkey",
    ] {
        let used = |scan: &String| scan.contains(&format!("using {index} "));
        assert!(scans.iter().any(used), "nobody needs {index}: {scans:#?}");
    }
}

#[test]
fn every_statement_reads_by_index_on_an_empty_and_on_a_large_table_that_was_never_analysed() {
    let cluster = Cluster::alone();
    let explain = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
    ];
    cluster.primary().reload(&explain).unwrap();
    sql(
        cluster.primary(),
        "ALTER TABLE transactions SET (autovacuum_enabled = off); ALTER TABLE transaction_events SET (autovacuum_enabled = off);
         ALTER TABLE callback_receipts SET (autovacuum_enabled = off)",
    );
    // Statistics of all rows may take their time here.
    let launch = || -> Launch {
        let launch = cluster.launch().set("callback.sources", SOURCES);
        let launch = launch.set("database.write_deadline_ms", 30_000);
        launch.set("database.attempt_timeout_ms", 30_000)
    };
    let app = launch().healthy();
    let before = log_length(&cluster);
    use_everything(&app);
    are_by_index(&scans(&cluster, before));

    sql(
        cluster.primary(),
        "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, anchor_transaction_id, actor, request_id)
         SELECT 'default', id, id, rpad('G' || n, 56, 'A'), 1, 'USDC', 'large-' || n, 'api:test', 'test'
           FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 200000) n OFFSET 0) made",
    );
    let before = log_length(&cluster);
    use_everything(&app); // the connections, and the plans that they keep, are those of the empty table
    are_by_index(&scans(&cluster, before));
    drop(app);
    let before = log_length(&cluster);
    use_everything(&launch().healthy());
    are_by_index(&scans(&cluster, before));
}
