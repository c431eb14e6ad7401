//! `deploy/roles.sql`, run as it says, and a service that works with what it grants.

use super::file;
use crate::support::bodies::ACCOUNT;
use crate::support::wait::s;
use crate::support::webhook::SOURCES;
use crate::support::{
    Answer, App, Cluster, Launch, Webhook, cluster::program, eventually, full, holds_for, key,
    minimal, sql,
};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use nix::unistd::setsid;
use private_postgres::{Server, User};
use reqwest::Method;
use serde_json::json;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

const OWNER: &str = "payments_owner";
const APP: &str = "synapse_app";
const READER: &str = "synapse_reader";

/// Everybody's password is their name, here.
fn url(server: &Server, user: &str) -> String {
    let port = server.port();
    format!("postgres://{user}:{user}@127.0.0.1:{port}/payments")
}

/// A database that its owner has migrated, and the roles in it.
fn payments(replicas: usize) -> Cluster {
    let cluster = Cluster::with_replicas(replicas);
    let primary = cluster.primary();
    sql(
        primary,
        &format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER}'"),
    );
    sql(primary, &format!("CREATE DATABASE payments OWNER {OWNER}"));
    Launch::on([url(primary, OWNER)])
        .run(&["migrate"])
        .expect(0);
    run_roles(primary, &[], &format!("{APP}\n{APP}\n{READER}\n{READER}\n"));
    cluster
}

/// psql asks at the terminal for passwords. Where it has none, as in a session of its own, it reads what it is given.
fn run_roles(server: &Server, arguments: &[&str], typed: &str) {
    let superuser = server.url(User::Superuser).replace("/synapse", "/payments");
    let mut psql = program("psql");
    psql.args(["-X", "-d", &superuser, "-f"])
        .arg(file("deploy/roles.sql"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // SAFETY: setsid is a system call alone, as all between fork and exec must be.
    unsafe { psql.pre_exec(|| setsid().map(|_| ()).map_err(Into::into)) };
    let mut child = psql.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:#?}");
}

/// Of the role that may as little as the service needs.
fn launch(cluster: &Cluster) -> Launch {
    let urls = cluster.nodes.iter().map(|node| url(node, APP));
    Launch::on(urls)
        .set("database.migrate_on_start", false)
        .set("callback.sources", SOURCES)
}

fn batch(app: &App) -> Answer {
    let key = key();
    let headers = [("Idempotency-Key", key.as_str())];
    let body = json!({"transactions": [minimal(), full()]});
    app.send(Method::POST, "/transactions/batch", &headers, Some(&body))
}

fn callback(app: &App, anchor: &str, status: &str) -> Answer {
    let body = json!({"stellar_account": ACCOUNT, "amount": "1", "asset_code": "USDC",
                      "anchor_transaction_id": anchor, "callback_status": status});
    Webhook::new(&key(), &body).send(app)
}

#[test]
fn the_service_does_all_its_work_with_the_roles_of_the_file_and_replication_required() {
    let cluster = payments(1);
    cluster.make_durable();
    let both = "\"primary\", \"replica-1\"";
    cluster.make_synchronous_with(both);
    let setting = format!("ANY 1 ({both})");
    cluster.until_set(cluster.replica(), "synchronous_standby_names", &setting);
    run_roles(cluster.primary(), &["-v", "keep_passwords=1"], ""); // a second time changes nothing
    let launch = launch(&cluster).text("durability.require", "node");
    let checked = launch.run(&["check"]).expect(0);
    assert!(checked.stdout.contains("may be used"), "{checked:#?}");
    assert!(
        checked.stdout.contains("1 standbys streaming"),
        "{checked:#?}"
    );
    let app = launch.healthy();

    let (key, body) = (key(), full());
    let created = app.create_keyed(&key, &body).expect(201);
    assert_eq!(created.header("X-Durability"), "replicated");
    let replayed = app.create_keyed(&key, &body).expect(201);
    assert_eq!(replayed.id(), created.id());
    batch(&app).expect(201);
    let change = json!({"status": "processing", "status_reason": "picked up"});
    let changed = app
        .patch(&created.id(), &created.etag(), &change)
        .expect(200);
    app.patch(&created.id(), &created.etag(), &change)
        .expect(200);
    callback(&app, "anchor-1", "pending_external").expect(201);
    callback(&app, "anchor-1", "completed").expect(200);
    for consistency in ["eventual", "strong"] {
        for path in reads(&created.id()) {
            app.get_with(&path, &[("X-Read-Consistency", consistency)])
                .expect(200);
        }
    }
    let path = format!("/transactions/{}", created.id());
    app.get_with(&path, &[("X-Consistency-Token", changed.token())])
        .expect(200);

    cluster.primary().kill().unwrap();
    sql_as(cluster.replica(), APP, "SELECT pg_ls_waldir()").unwrap();
}

fn reads(id: &str) -> Vec<String> {
    let mut paths = ["", "/events"]
        .map(|end| format!("/transactions/{id}{end}"))
        .to_vec();
    let others = [
        "/transactions?limit=5&status=pending",
        "/transactions?anchor_transaction_id=anchor-1",
        "/export?format=csv",
        "/export?format=jsonl",
        "/stats/status",
        "/stats/assets",
        "/stats/daily?days=3",
    ];
    paths.extend(others.map(str::to_owned));
    paths
}

fn sql_as(server: &Server, user: &str, statement: &str) -> QueryResult<()> {
    let mut connection = PgConnection::establish(&url(server, user)).unwrap();
    connection.batch_execute(statement)
}

#[track_caller]
fn denied(server: &Server, user: &str, statement: &str) {
    let denied = sql_as(server, user, statement)
        .expect_err(statement)
        .to_string();
    assert!(
        ["permission denied", "must be owner"]
            .iter()
            .any(|why| denied.contains(why)),
        "{user}, {statement}: {denied}"
    );
}

#[test]
fn the_application_cannot_rewrite_history_and_the_reader_can_only_read() {
    let cluster = payments(0);
    let server = cluster.primary();
    for table in ["transactions", "transaction_events", "callback_receipts"] {
        let read = format!("SELECT count(*) FROM {table}");
        let remove = [
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("DROP TABLE {table}"),
        ];
        for user in [APP, READER] {
            sql_as(server, user, &read).unwrap();
            remove
                .iter()
                .for_each(|statement| denied(server, user, statement));
        }
        let insert = format!("INSERT INTO {table} (owner) VALUES ('shop')");
        denied(server, READER, &insert);
        let update = format!("UPDATE {table} SET owner = 'shop'");
        for user in [APP, READER] {
            denied(server, user, &update);
        }
    }
    let fixed = "id amount idempotency_key anchor_transaction_id actor created_at";
    for column in fixed.split(' ') {
        let rewrite = format!("UPDATE transactions SET {column} = NULL");
        denied(server, APP, &rewrite);
    }
    for user in [APP, READER] {
        denied(server, user, "CREATE TABLE public.mine ()");
        denied(server, user, "DELETE FROM __diesel_schema_migrations");
        denied(server, user, "SELECT pg_read_file('PG_VERSION')");
    }
    denied(server, READER, "SELECT pg_ls_waldir()");
    denied(server, READER, "UPDATE transactions SET status = 'failed'");
}

/// Without it, a service that is started in an outage may choose an old primary that a standby has left.
#[test]
fn a_role_that_may_not_list_the_files_of_a_standby_is_warned_of() {
    let cluster = payments(0);
    let warning = "GRANT EXECUTE ON FUNCTION pg_ls_waldir";
    let is_told = || {
        let checked = launch(&cluster).run(&["check"]).expect(0);
        checked.stdout.contains(warning)
    };
    assert!(!is_told());
    let revoke = "REVOKE EXECUTE ON FUNCTION pg_ls_waldir() FROM synapse_app";
    let superuser = cluster.primary().url(User::Superuser);
    let mut payments =
        PgConnection::establish(&superuser.replace("/synapse", "/payments")).unwrap();
    payments.batch_execute(revoke).unwrap();
    assert!(is_told());
    let app = launch(&cluster)
        .set("database.probe_interval_ms", 20)
        .healthy();
    let times = || app.log().matches(warning).count();
    eventually(s(5), "it is logged", || times() == 1);
    holds_for(s(1), "it is logged once", || times() == 1);
}

/// Found before the first request needs it.
#[test]
fn a_grant_that_is_missing_is_told_down_to_its_column() {
    let cluster = payments(0);
    let server = cluster.primary();
    let granted =
        "status, status_reason, callback_status, callback_at, version, write_id, updated_at";
    let told = |revoke: &str, expected: &str, grant: &str| {
        sql_as(server, OWNER, revoke).unwrap();
        // No migration on start grants anything.
        for migrate in [false, true] {
            let launch = launch(&cluster).set("database.migrate_on_start", migrate);
            let output = launch.run(&["check"]).expect(1);
            assert!(
                output.stdout.contains(&format!("missing: {expected}\n")),
                "{expected}: {output:#?}"
            );
        }
        sql_as(server, OWNER, grant).unwrap();
    };
    for column in granted.split(", ") {
        told(
            &format!("REVOKE UPDATE ({column}) ON transactions FROM {APP}"),
            &format!("UPDATE ({column}) on transactions"),
            &format!("GRANT UPDATE ({column}) ON transactions TO {APP}"),
        );
    }
    told(
        &format!("REVOKE UPDATE ({granted}) ON transactions FROM {APP}"),
        "UPDATE on transactions",
        &format!("GRANT UPDATE ({granted}) ON transactions TO {APP}"),
    );
    told(
        &format!(
            "REVOKE INSERT ON callback_receipts FROM {APP}; GRANT INSERT (owner, handle, fingerprint, transaction_id) ON callback_receipts TO {APP}"
        ),
        "INSERT (write_id) on callback_receipts",
        &format!("GRANT INSERT ON callback_receipts TO {APP}"),
    );
    told(
        &format!("REVOKE SELECT ON transaction_events FROM {APP}"),
        "SELECT on transaction_events",
        &format!("GRANT SELECT ON transaction_events TO {APP}"),
    );
    launch(&cluster).run(&["check"]).expect(0);
}
