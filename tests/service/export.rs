//! `GET /export`: the whole of what was asked for, in a form that other programs read, or visibly not the whole.

use crate::faults::operator::cut_off;
use crate::support::bodies::ACCOUNT;
use crate::support::load::{all_are, while_all_ask, while_asking};
use crate::support::wait::s;
use crate::support::{
    Answer, App, Client, Cluster, Download, account, ask, eventually, full, key, minimal, shared,
    sql, with,
};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use private_postgres::User;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const STRONG: [(&str, &str); 1] = [("X-Read-Consistency", "strong")];

fn strong(app: &App, query: &str) -> Answer {
    app.get_with(&format!("/export?{query}"), &STRONG)
        .expect(200)
}

fn json_lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Each record by the names of its columns.
fn csv_rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn mine() -> (String, Value) {
    let account = account();
    let body = with(minimal(), "stellar_account", account.as_str());
    (account, body)
}

/// Rows that nobody posted, of about a kibibyte each, on the standbys too that follow.
fn fill(cluster: &Cluster, rows: usize) {
    sql(
        cluster.primary(),
        &format!(
            "INSERT INTO transactions (owner, id, write_id, stellar_account, amount, asset_code, metadata, anchor_transaction_id, actor,
                                       request_id, created_at, updated_at)
             SELECT 'default', id, id, '{ACCOUNT}', 1, 'USDC', json_build_object('filling', repeat('x', 1000)), 'fill-' || n, 'api:test',
                    'test', now() - n / 10 * interval '1 ms', now()
               FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, {rows}) n OFFSET 0) made"
        ),
    );
    let behind = "SELECT coalesce(max(pg_current_wal_lsn() - replay_lsn), 0)::text AS value FROM pg_stat_replication";
    eventually(s(30), "the standbys have them", || {
        ask(cluster.primary(), behind) == "0"
    });
}

#[test]
fn parameters_that_no_export_has_are_refused() {
    let app = &shared().app;
    for (query, code) in [
        ("format=xml", "invalid_parameter"),
        ("format=", "invalid_parameter"),
        ("format=csv&format=csv", "invalid_parameter"),
        ("end_marker=yes", "invalid_parameter"),
        ("status=open", "invalid_parameter"),
        ("order=up", "invalid_parameter"),
        ("min_amount=2&max_amount=1", "invalid_parameter"),
        (
            "from_date=2026-01-02&to_date=2026-01-01",
            "invalid_parameter",
        ),
        ("limit=5", "unknown_parameter"),
        ("cursor=x", "unknown_parameter"),
        ("colour=red", "unknown_parameter"),
    ] {
        let refused = app.get(&format!("/export?{query}")).problem(400, code);
        let name = query.split('=').next().unwrap();
        assert!(refused.text.contains(name), "{query}: {}", refused.text);
    }
    app.get_with("/export", &[("X-Consistency-Token", "made-up")])
        .problem(400, "invalid_consistency_token");
    let refused = app.send(Method::POST, "/export", &[], Some(&json!({})));
    let allowed = refused.problem(405, "method_not_allowed");
    assert_eq!(allowed.header("Allow"), "GET, HEAD");
}

#[test]
fn bounds_are_not_for_exports() {
    let app = &shared().app;
    for bound in [
        ("X-Max-Staleness-Ms", "500"),
        ("X-Deadline-Ms", "500"),
        ("X-Deadline-Ms", "soon"),
    ] {
        app.get_with("/export?format=csv", &[bound])
            .problem(400, "invalid_parameter");
    }
}

#[test]
fn json_lines_are_the_transactions_as_they_are_read_oldest_first() {
    let it = shared();
    let (account, body) = mine();
    let created: Vec<Value> = (0..3)
        .map(|_| it.app.create(&body).expect(201).json())
        .collect();
    let filter = format!("stellar_account={account}");
    let answer = strong(&it.app, &format!("format=jsonl&{filter}"));
    assert_eq!(json_lines(&answer.text), created);
    assert_eq!(answer.header("Content-Type"), "application/x-ndjson");
    let newest_first = strong(&it.other, &format!("format=jsonl&order=desc&{filter}"));
    let reversed: Vec<Value> = created.into_iter().rev().collect();
    assert_eq!(json_lines(&newest_first.text), reversed);
    let nothing = strong(&it.app, &format!("format=jsonl&asset_code=XLM&{filter}"));
    assert_eq!(nothing.text, "");
}

#[test]
fn csv_is_of_rfc_4180_with_a_line_of_names() {
    let it = shared();
    let account = account();
    let body = with(full(), "stellar_account", account.as_str());
    let quoted = it.app.create(&with(body, "memo", "a \"b\", c")).expect(201);
    let plain = with(minimal(), "stellar_account", account.as_str());
    let plain = it.app.create(&plain).expect(201);
    let answer = strong(&it.app, &format!("stellar_account={account}"));
    let (text, media_type) = (&answer.text, answer.header("Content-Type"));
    assert_eq!(media_type, "text/csv; charset=utf-8; header=present");
    assert!(
        answer
            .header("Content-Disposition")
            .starts_with("attachment; filename=\"transactions-2")
            && answer.header("Content-Disposition").ends_with("Z.csv\"")
    );
    let names = "id,stellar_account,amount,asset_code,callback_type,callback_status,anchor_transaction_id,memo,memo_type,metadata,\
                 status,status_reason,version,created_at,updated_at";
    assert!(text.starts_with(&format!("{names}\r\n")), "{text}");
    assert_eq!(text.matches("\r\n").count(), 3);
    assert!(text.contains(",\"a \"\"b\"\", c\","), "{text}");
    for (row, created) in csv_rows(text).iter().zip([quoted.json(), plain.json()]) {
        for (name, value) in created.as_object().unwrap() {
            let expected = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(row[name], expected, "{name}");
        }
    }
}

/// A spreadsheet would calculate them (OWASP, CSV injection). JSON lines have them as they are.
#[test]
fn no_cell_of_a_csv_begins_like_a_formula() {
    let it = shared();
    let account = account();
    for memo in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "a=1;=1+1"] {
        let anchor = format!("{memo} {}", key());
        let body = with(full(), "stellar_account", account.as_str());
        let body = with(with(body, "memo", memo), "anchor_transaction_id", anchor);
        let id = it.app.create(&body).expect(201).id();
        let failed = json!({"status": "failed", "status_reason": memo});
        it.app.patch(&id, "*", &failed).expect(200);
    }
    let filter = format!("stellar_account={account}");
    let rows = csv_rows(&strong(&it.app, &filter).text);
    for column in ["memo", "anchor_transaction_id", "status_reason"] {
        let cells: Vec<&str> = rows.iter().map(|row| &*row[column]).collect();
        let (formulas, harmless) = cells.split_at(5);
        assert!(
            formulas.iter().all(|cell| cell.starts_with('\'')),
            "{cells:?}"
        );
        let at_a_semicolon = &harmless[0];
        assert!(at_a_semicolon.starts_with("a=1;'=1+1"), "{cells:?}");
    }
    let exact = json_lines(&strong(&it.app, &format!("format=jsonl&{filter}")).text);
    assert_eq!(exact[0]["memo"], "=1+1");
}

#[test]
fn an_end_marker_says_how_many_rows_there_were() {
    let it = shared();
    let (account, body) = mine();
    for rows in 0..3 {
        let filter = format!("stellar_account={account}&end_marker=true");
        let csv = csv_rows(&strong(&it.app, &filter).text);
        assert_eq!(csv.len(), rows + 1);
        let marker = csv.last().unwrap();
        assert_eq!(marker["id"], "#end");
        assert_eq!(marker["stellar_account"], rows.to_string());
        let answer = strong(&it.app, &format!("format=jsonl&{filter}"));
        let lines = json_lines(&answer.text);
        let as_of = answer.header("X-Export-As-Of");
        assert_eq!(lines.len(), rows + 1);
        assert_eq!(
            lines.last().unwrap(),
            &json!({"end": true, "rows": rows, "as_of": as_of})
        );
        it.app.create(&body).expect(201);
    }
}

#[test]
fn the_head_of_an_export_is_that_of_its_whole() {
    let it = shared();
    let (account, body) = mine();
    it.app.create(&body).expect(201);
    let path = format!("/export?stellar_account={account}");
    let head = it.app.send(Method::HEAD, &path, &STRONG, None).expect(200);
    let whole = it.app.get_with(&path, &STRONG).expect(200);
    assert_eq!(head.text, "");
    for name in [
        "Content-Type",
        "X-Served-By",
        "X-Read-Consistency",
        "Cache-Control",
    ] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    assert_ne!(head.header("X-Export-As-Of"), "");
    for _ in 0..20 {
        it.app.send(Method::HEAD, &path, &STRONG, None).expect(200);
    }
}

#[test]
fn an_export_with_a_token_has_what_the_token_names_and_a_default_one_what_was_there_at_its_time() {
    let it = shared();
    let (account, body) = mine();
    let path = format!("/export?format=jsonl&stellar_account={account}");
    for count in 1..=3 {
        let created = it.app.create(&body).expect(201);
        let token = [("X-Consistency-Token", created.token())];
        let answer = it.other.get_with(&path, &token).expect(200);
        assert_eq!(answer.header("X-Read-Consistency"), "session");
        assert_eq!(json_lines(&answer.text).len(), count);
    }
    let answer = it.app.get(&path).expect(200);
    let (as_of, settled) = (
        answer.header("X-Export-As-Of"),
        answer.header("X-Settled-Until"),
    );
    assert_eq!(
        (answer.header("X-Read-Consistency"), as_of),
        ("eventual", settled)
    );
    let until = format!("{path}&to_date={as_of}");
    assert_eq!(
        it.app.get(&until).expect(200).text,
        answer.text,
        "it is repeatable"
    );
}

/// A row with an earlier time can still appear: whoever goes on from there later would miss it.
#[test]
fn an_export_ends_where_it_is_settled_and_a_strong_one_says_where_that_is() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let before = app.create(&minimal()).expect(201);
    eventually(s(5), "it is settled", || {
        app.get("/transactions")
            .expect(200)
            .header("X-Settled-Until")
            > before.text_at("/created_at").as_str()
    });
    let mut stranger = PgConnection::establish(&cluster.primary().url(User::Application)).unwrap();
    // It has a number, as one that has written does.
    stranger
        .batch_execute("BEGIN; SELECT txid_current()")
        .unwrap();
    let after = app.create(&minimal()).expect(201);
    let ids = |answer: &Answer| {
        json_lines(&answer.text)
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let settled = app.get("/export?format=jsonl").expect(200);
    assert_eq!(ids(&settled), [json!(before.id())]);
    let all = strong(&app, "format=jsonl");
    assert_eq!(ids(&all), [json!(before.id()), json!(after.id())]);
    assert!(all.header("X-Settled-Until") < all.header("X-Export-As-Of"));
    stranger.batch_execute("COMMIT").unwrap();
    eventually(s(5), "both are settled", || {
        ids(&app.get("/export?format=jsonl").expect(200)).len() == 2
    });
}

#[test]
fn a_long_export_is_whole_and_the_requests_beside_it_are_served() {
    let cluster = Cluster::pair();
    let app = cluster.launch().set("database.pool_size", 2).healthy();
    fill(&cluster, 20_000);
    let path = app
        .create(&minimal())
        .expect(201)
        .header("Location")
        .to_owned();
    let beside = || {
        app.create(&minimal()).expect(201);
        app.get_strong(&path).expect(200)
    };
    let mut exported = Vec::new();
    let others = while_asking(beside, || {
        for order in ["asc", "desc"] {
            let query = format!("format=jsonl&end_marker=true&order={order}&max_amount=1");
            exported.push(app.get(&format!("/export?{query}")).expect(200));
        }
    });
    all_are(&others, 200, s(10));
    let [mut asc, mut desc] = [0, 1].map(|nth| json_lines(&exported[nth].text));
    assert_eq!(asc.pop().unwrap()["rows"], 20_000);
    desc.pop();
    desc.reverse();
    assert!(asc == desc, "the same rows in both orders");
    let place = |row: &Value| (row["created_at"].to_string(), row["id"].to_string());
    assert!(asc.is_sorted_by(|a, b| place(a) < place(b)), "each once");
}

/// A page looks at 20,000 rows at most, and may hold none.
#[test]
fn pages_without_a_match_do_not_end_an_export() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    fill(&cluster, 45_000);
    sql(
        cluster.primary(),
        "UPDATE transactions SET asset_code = 'RARE' WHERE anchor_transaction_id IN ('fill-45000', 'fill-1')",
    );
    for order in ["asc", "desc"] {
        let answer = strong(&app, &format!("format=jsonl&asset_code=RARE&order={order}"));
        assert_eq!(json_lines(&answer.text).len(), 2, "{order}");
    }
}

#[test]
fn more_exports_of_an_owner_than_there_may_be_are_refused_until_others_end() {
    let cluster = Cluster::alone();
    let boss = Client::of("boss", "syn_boss", &["read", "admin"]);
    let app = cluster.launch().for_clients(&[boss]).healthy();
    fill(&cluster, 20_000);
    let bearer = boss.bearer();
    let of = |owner| {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("X-Owner", owner),
            STRONG[0],
        ];
        Download::start(app.port(), "/export?format=jsonl", &headers)
    };
    let mut under_way: Vec<Download> = (0..16).map(|_| of("default")).collect();
    assert!(under_way.iter().all(|export| export.status == 200));
    assert_eq!(of("default").status, 503, "one too many of this owner");
    assert_eq!(of("anna").status, 200, "another owner has its own places");
    let (text, complete) = under_way.pop().unwrap().read_whole();
    assert!(complete && json_lines(&text).len() == 20_000);
    eventually(s(5), "there is a place", || of("default").status == 200);
    drop(under_way);
    let mut again = Vec::new();
    eventually(s(120), "all places are free", || {
        again.extend(Some(of("default")).filter(|export| export.status == 200));
        again.len() == 16
    });
}

const ROWS: usize = 20_000;
/// Not what is created meanwhile.
const PATH: &str = "/export?format=jsonl&end_marker=true&max_amount=1";

/// Of a pair, slowly read: it is under way.
fn under_way(headers: &[(&str, &str)]) -> (Cluster, App, Download) {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    fill(&cluster, ROWS);
    let mut export = Download::start(app.port(), PATH, headers);
    assert_eq!(export.status, 200);
    assert!(export.read_up_to(100_000).len() < 1_000_000);
    (cluster, app, export)
}

/// False: it was cut.
#[track_caller]
fn is_whole(export: Download) -> bool {
    let (text, complete) = export.read_whole();
    if !complete {
        assert!(!text.contains("\"end\":true"), "it looks whole");
        return false;
    }
    let lines = json_lines(&text);
    let (marker, rows) = lines.split_last().unwrap();
    assert_eq!((&marker["rows"], rows.len()), (&json!(ROWS), ROWS));
    let place = |row: &Value| (row["created_at"].to_string(), row["id"].to_string());
    assert!(rows.is_sorted_by(|a, b| place(a) < place(b)), "each once");
    true
}

#[test]
fn an_export_survives_the_loss_of_the_replica_that_it_was_read_from() {
    let (cluster, _app, export) = under_way(&[]);
    assert_eq!(export.header("X-Served-By"), "replica");
    cluster.replica().kill().unwrap();
    assert!(is_whole(export));
}

#[test]
fn an_export_survives_a_failover_between_its_pages() {
    for headers in [&[][..], &STRONG] {
        let (cluster, _app, export) = under_way(headers);
        cluster.primary().kill().unwrap();
        cluster.replica().promote().unwrap();
        assert!(is_whole(export));
    }
}

/// Its first pages show rows that no longer exist: the rest must not be sent as if it were of the same history.
#[test]
fn an_export_whose_rows_are_lost_in_a_failover_is_cut() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cut_off(cluster.replica());
    fill(&cluster, ROWS);
    let mut export = Download::start(app.port(), PATH, &STRONG);
    assert_eq!(export.status, 200);
    export.read_up_to(100_000);
    cluster.primary().kill().unwrap();
    cluster.replica().promote().unwrap();
    assert!(!is_whole(export));
    app.logs("an export was cut");
}

/// With writes under way, whose last ones the next primary may not have.
fn a_failover_under_load(strong: bool) -> bool {
    let headers = if strong { &STRONG[..] } else { &[] };
    let (cluster, app, export) = under_way(headers);
    let mut whole = false;
    while_all_ask(
        4,
        |_| app.create(&minimal()),
        || {
            cluster.primary().kill().unwrap();
            cluster.replica().promote().unwrap();
            whole = is_whole(export);
        },
    );
    whole
}

#[test]
fn an_export_during_a_failover_under_load_is_whole_or_visibly_cut() {
    for strong in [false, true] {
        a_failover_under_load(strong);
    }
}

#[test]
#[ignore = "minutes: cargo test --test service fifty_exports -- --ignored --nocapture"]
fn fifty_exports_during_failovers_are_whole_or_visibly_cut() {
    let rounds = (0..50).map(|nth| a_failover_under_load(nth % 2 == 1));
    let whole = rounds.filter(|whole| *whole).count();
    println!("{whole} were whole, {} were cut", 50 - whole);
}
