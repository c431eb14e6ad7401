//! Databases that are there but cannot be used: a clear line, a true health answer, and it heals.

use crate::support::app::App;
use crate::support::wait::s;
use crate::support::{Cluster, ask, eventually, minimal, sql};
use private_postgres::{Server, StopMode, User};

/// Nothing works yet, and it says why.
#[track_caller]
fn is_unhealthy_because(app: &App, reason: &str) {
    assert_eq!(
        app.get("/health").expect(503).json()["db_primary"],
        "disconnected"
    );
    app.create(&minimal()).problem(503, "primary_unavailable");
    eventually(s(5), reason, || app.log().to_lowercase().contains(reason));
    assert_eq!(app.get("/live").status, 200);
}

#[track_caller]
fn heals(app: &App) {
    app.until_healthy(s(3));
    app.create(&minimal()).expect(201);
}

fn start(cluster: &Cluster) -> App {
    cluster
        .launch()
        .set("database.write_deadline_ms", 500)
        .start()
}

/// For statements that cannot run in the database they are about.
fn sql_elsewhere(server: &Server, statements: &[&str]) {
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, PgConnection};
    let url = server.url(User::Superuser).replace("/synapse", "/postgres");
    let mut connection = PgConnection::establish(&url).unwrap();
    statements
        .iter()
        .for_each(|statement| connection.batch_execute(statement).unwrap());
}

#[test]
fn a_missing_database_is_told_and_waited_for() {
    let cluster = Cluster::alone();
    sql_elsewhere(
        cluster.primary(),
        &["ALTER DATABASE synapse RENAME TO elsewhere"],
    );
    let app = start(&cluster);
    is_unhealthy_because(&app, "does not exist");
    sql_elsewhere(
        cluster.primary(),
        &["ALTER DATABASE elsewhere RENAME TO synapse"],
    );
    heals(&app);
}

#[test]
fn a_wrong_password_is_told_and_waited_for() {
    let cluster = Cluster::alone();
    let url = cluster.primary().url(User::Application);
    let password = url.split([':', '@']).nth(2).unwrap();
    sql(cluster.primary(), "ALTER ROLE synapse PASSWORD 'another'");
    let app = start(&cluster);
    is_unhealthy_because(&app, "password authentication failed");
    sql(
        cluster.primary(),
        &format!("ALTER ROLE synapse PASSWORD '{password}'"),
    );
    heals(&app);
    assert!(!app.log().contains(password));
}

#[test]
fn a_read_only_database_is_told_and_waited_for() {
    let cluster = Cluster::alone();
    cluster
        .primary()
        .reload(&[("default_transaction_read_only", "on")])
        .unwrap();
    let read_only = "SELECT current_setting('default_transaction_read_only') AS value";
    eventually(s(5), "it is read-only", || {
        ask(cluster.primary(), read_only) == "on"
    });
    let app = start(&cluster);
    is_unhealthy_because(&app, "read-only");
    cluster
        .primary()
        .reload(&[("default_transaction_read_only", "off")])
        .unwrap();
    heals(&app);
}

#[test]
fn a_database_that_becomes_read_only_takes_no_writes_until_it_is_writable_again() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.write_deadline_ms", 500)
        .healthy();
    cluster
        .primary()
        .reload(&[("default_transaction_read_only", "on")])
        .unwrap();
    eventually(s(5), "writes are refused", || {
        app.create(&minimal()).status == 503
    });
    app.create(&minimal()).problem(503, "primary_unavailable");
    assert_eq!(app.get("/transactions").status, 200, "reads go on");
    cluster
        .primary()
        .reload(&[("default_transaction_read_only", "off")])
        .unwrap();
    heals(&app);
}

#[test]
fn an_empty_database_is_migrated() {
    let cluster = Cluster::alone();
    let fresh = [
        "DROP DATABASE synapse",
        "CREATE DATABASE synapse OWNER synapse",
    ];
    sql_elsewhere(cluster.primary(), &fresh);
    let app = cluster.launch().healthy();
    app.create(&minimal()).expect(201);
}

#[test]
fn a_database_without_the_schema_is_told_where_it_may_not_be_migrated() {
    let cluster = Cluster::alone();
    sql_elsewhere(
        cluster.primary(),
        &["DROP DATABASE synapse", "CREATE DATABASE synapse"],
    );
    // As it is since PostgreSQL 15.
    sql(
        cluster.primary(),
        "REVOKE CREATE ON SCHEMA public FROM public",
    );
    let app = start(&cluster);
    is_unhealthy_because(&app, "permission denied");
    sql(
        cluster.primary(),
        "GRANT CREATE ON SCHEMA public TO synapse",
    );
    app.until_healthy(s(40));
    app.create(&minimal()).expect(201);
}

#[test]
fn a_database_of_another_encoding_than_utf_8_is_told_and_left_alone() {
    let cluster = Cluster::alone();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let create = format!(
            "CREATE DATABASE synapse OWNER synapse \
             ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        );
        let fresh = ["DROP DATABASE synapse WITH (FORCE)", &create];
        sql_elsewhere(cluster.primary(), &fresh);
        let output = cluster.launch().run(&["migrate"]).expect(1);
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        for migrate in [true, false] {
            let launch = cluster.launch().set("database.migrate_on_start", migrate);
            let checked = launch.run(&["check"]).expect(1);
            for said in [&output.stderr, &checked.stdout] {
                let tells = said.contains(encoding) && said.contains("ENCODING 'UTF8'");
                assert!(tells, "{said}");
            }
            let app = launch.set("database.write_deadline_ms", 500).start();
            is_unhealthy_because(&app, "encoding 'utf8'");
        }
        let tables = "SELECT count(*)::text AS value FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(ask(cluster.primary(), tables), "0");
    }
}

#[test]
fn services_that_start_together_migrate_once() {
    let cluster = Cluster::alone();
    sql_elsewhere(
        cluster.primary(),
        &[
            "DROP DATABASE synapse",
            "CREATE DATABASE synapse OWNER synapse",
        ],
    );
    let apps: Vec<App> = (0..3).map(|_| cluster.launch().start()).collect();
    for app in &apps {
        app.until_healthy(s(10));
        app.create(&minimal()).expect(201);
    }
}

#[test]
fn one_server_named_twice_is_told_and_the_rest_works() {
    let cluster = Cluster::alone();
    let url = cluster.primary().url(User::Application);
    let app = crate::support::Launch::on([url.clone(), url]).start();
    eventually(s(5), "it writes", || {
        app.get("/ready").json()["writes"] == true
    });
    app.create(&minimal()).expect(201);
    assert_eq!(
        app.get("/health").expect(503).json()["db_replica"],
        "disconnected"
    );
    assert_eq!(app.get("/status").json()["nodes"][1]["state"], "fenced");
    app.logs("same server");
}

/// A standby of nobody: it only has to be one.
fn follow_itself(cluster: &Cluster) {
    cluster.primary().stop(StopMode::Fast).unwrap();
    cluster.primary().follow(cluster.primary()).unwrap();
    cluster.primary().start().unwrap();
}

#[test]
fn a_replica_of_another_cluster_is_told_and_never_read() {
    let (cluster, stranger) = (Cluster::alone(), Cluster::unrelated());
    follow_itself(&stranger);
    let urls = [
        cluster.primary().url(User::Application),
        stranger.primary().url(User::Application),
    ];
    let app = crate::support::Launch::on(urls).start();
    eventually(s(5), "it writes", || {
        app.get("/ready").json()["writes"] == true
    });
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    (0..20).for_each(|_| assert_eq!(app.get(&path).expect(200).served_by(), "primary"));
    assert_eq!(app.get("/status").json()["nodes"][1]["state"], "fenced");
    app.logs("another cluster");
}
