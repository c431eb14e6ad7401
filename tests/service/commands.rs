//! The command line and the settings.

use crate::support::launch::Output;
use crate::support::wait::s;
use crate::support::{Cluster, Launch, ask, eventually, minimal, shared};
use private_postgres::User;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn bare(args: &[&str]) -> Output {
    Launch::bare().run(args)
}

#[test]
fn help_and_version_are_told() {
    let help = bare(&["--help"]).expect(0).stdout;
    for command in [
        "serve",
        "migrate",
        "check",
        "healthcheck",
        "completions",
        "man",
        "demo",
        "--config",
    ] {
        assert!(help.contains(command), "{command} in {help}");
    }
    assert_eq!(
        bare(&["--version"]).expect(0).stdout.trim(),
        "synapse-core 0.1.0"
    );
    for command in ["serve", "migrate", "check", "healthcheck", "key"] {
        bare(&[command, "--help"]).expect(0);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            bare(&["completions", shell])
                .expect(0)
                .stdout
                .contains("healthcheck")
        );
    }
}

/// Those that `--help` lists.
fn commands() -> Vec<String> {
    let help = bare(&["--help"]).expect(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manual_has_a_page_for_the_program_and_for_every_command() {
    let program = bare(&["man"]).expect(0).stdout;
    assert!(program.contains(".TH synapse-core 1"), "{program}");
    let commands = commands();
    assert!(commands.contains(&"demo".to_owned()), "{commands:?}");
    for command in commands {
        let name = format!("synapse\\-core\\-{command}(1)");
        assert!(program.contains(&name), "{name} in {program}");
        let page = bare(&["man", &command]).expect(0).stdout;
        assert!(
            page.contains(&format!(".TH synapse-core-{command} 1")),
            "{page}"
        );
        assert!(
            page.contains("synapse\\-core") && page.contains(".SH DESCRIPTION"),
            "{page}"
        );
    }
    let demo = bare(&["man", "demo"]).expect(0).stdout;
    assert!(
        demo.contains("kill\\-every") && demo.contains("config"),
        "{demo}"
    );
    let unknown = bare(&["man", "dance"]).expect(2);
    assert!(unknown.stderr.contains("dance"), "{}", unknown.stderr);
}

#[test]
fn what_is_typed_wrong_is_refused() {
    for args in [
        &["dance"][..],
        &["--loud"],
        &["serve", "now"],
        &["completions", "csh-"],
    ] {
        let output = bare(args).expect(2);
        assert!(
            output.stderr.contains(args.last().unwrap()),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn without_settings_and_url_it_refuses_in_one_line() {
    let output = bare(&[]).expect(2);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(
        output.stderr.contains("database.primary.url") && output.stderr.contains("DATABASE_URL"),
        "{}",
        output.stderr
    );
    assert_eq!(output.stdout, "");
}

#[test]
fn a_settings_file_that_was_named_must_be_there() {
    let output = bare(&["--config", "nowhere.toml"]).expect(2);
    assert!(output.stderr.contains("nowhere.toml"), "{}", output.stderr);
}

#[test]
fn every_problem_of_the_settings_is_named_and_no_secret() {
    let launch = Launch::on(["postgres://u:hunter2@h/d?nonsense=hunter2".to_owned()])
        .set("server.bind", "\"everywhere\"")
        .set("server.drain_ms", -1)
        .set("database.pool_size", 0)
        .set("database.write_deadline_ms", "\"soon\"")
        .set(
            "database.replicas",
            r#"[{ url = "postgres://u:hunter3@h:99999999/d?x=y" }, { region = "x" }]"#,
        )
        .set("database.rebuild.factor", "0.1")
        .set("colour", "\"red\"")
        .env("SYNAPSE__SERVER__SPEED", "fast")
        .env("SERVER_PORT", "70000");
    for command in ["serve", "check", "migrate"] {
        let output = launch.run(&[command]).expect(2);
        let named = [
            "server.bind",
            "server.drain_ms",
            "database.pool_size",
            "database.write_deadline_ms",
            "database.primary.url",
            "database.replicas[0].url",
            "database.replicas[1].url",
            "database.rebuild.factor",
            "colour",
            "server.speed",
            "SERVER_PORT",
        ];
        for name in named {
            let lines = output
                .stderr
                .lines()
                .filter(|line| line.contains(name))
                .count();
            assert_eq!(lines, 1, "{name} in {}", output.stderr);
        }
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(!said.contains("hunter"), "{said}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_without_its_secrets() {
    let launch = Launch::bare();
    fs::write(
        launch.dir().join("Settings.toml"),
        "[database.primary]\nurl = \"postgres://u:hunter2@h/d\npassword hunter2",
    )
    .unwrap();
    let output = launch.run(&[]).expect(2);
    assert!(
        !output.stderr.is_empty() && !output.stderr.contains("hunter2"),
        "{}",
        output.stderr
    );
}

#[test]
fn the_environment_alone_is_enough() {
    let it = shared();
    let urls = it.cluster.urls();
    let launch = Launch::bare();
    let port = launch.port().to_string();
    let app = launch
        .env("DATABASE_URL", &urls[0])
        .env("DATABASE_REPLICA_URL", &urls[1])
        .env("SERVER_PORT", &port)
        .healthy();
    app.create(&minimal()).expect(201);
    assert_eq!(
        app.get("/status").json()["nodes"].as_array().unwrap().len(),
        2
    );
}

/// Left out, it would have the service write to another database.
#[test]
fn a_variable_that_is_no_text_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synapse-core"));
    let url = OsStr::from_bytes(b"postgres://u:\xff@db/x");
    let ended = command.arg("check").env("DATABASE_URL", url).output();
    let ended = ended.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("DATABASE_URL: is not valid UTF-8"), "{said}");
}

#[test]
fn the_environment_wins_over_the_file_and_short_names_over_both() {
    let it = shared();
    let urls = it.cluster.urls();
    let launch = Launch::on(["postgres://file@127.0.0.1:1/none".to_owned()])
        .set("database.pool_size", 3)
        .set("server.bind", "\"127.0.0.1:1\"");
    let port = launch.port().to_string();
    let app = launch
        .env(
            "SYNAPSE__DATABASE__PRIMARY__URL",
            "postgres://environment@127.0.0.1:2/none",
        )
        .env("SYNAPSE__DATABASE__POOL_SIZE", "4")
        .env("SYNAPSE__SERVER__REGION", "mars-1")
        .env("DATABASE_URL", &urls[0])
        .env(
            "DATABASE_REPLICA_URL",
            &format!("{}   {}", urls[1], urls[1]),
        )
        .env("SERVER_PORT", &port)
        .start();
    eventually(s(5), "it writes", || {
        app.get("/ready").json()["writes"] == true
    });
    let status = app.get("/status").json();
    assert_eq!(
        (&status["region"], &status["nodes"][0]["pool"]["max"]),
        (&"mars-1".into(), &4.into())
    );
    assert_eq!(
        status["nodes"].as_array().unwrap().len(),
        3,
        "several replicas, separated by blanks"
    );
}

#[test]
fn settings_toml_of_the_working_directory_is_read() {
    let it = shared();
    let launch = Launch::bare();
    let text = format!(
        "[server]\nbind = '127.0.0.1:{}'\n[database.primary]\nurl = '{}'\n",
        launch.port(),
        it.cluster.urls()[0]
    );
    fs::write(launch.dir().join("Settings.toml"), text).unwrap();
    launch.healthy().create(&minimal()).expect(201);
}

#[test]
fn a_url_in_a_file_is_used_and_one_that_everybody_can_read_is_warned_of() {
    let it = shared();
    let launch = Launch::bare();
    let bind = format!("127.0.0.1:{}", launch.port());
    let launch = launch
        .text("server.bind", &bind)
        .text("database.primary.url_file", "primary-url");
    let file = launch.dir().join("primary-url");
    let output = launch.run(&["serve"]).expect(2);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("database.primary.url_file"));
    fs::write(&file, &it.cluster.urls()[0]).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let output = launch.run(&["check"]);
    assert!(output.stdout.contains("everybody"), "{}", output.stdout);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let output = launch.run(&["check"]);
    assert!(!output.stdout.contains("everybody"), "{}", output.stdout);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let app = launch.healthy();
    app.logs("can be read by everybody");
    app.create(&minimal()).expect(201);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let it = shared();
    let bind = format!("\"127.0.0.1:{}\"", it.app.port());
    let output = it
        .cluster
        .launch()
        .set("server.bind", &bind)
        .run(&["serve"])
        .expect(2);
    assert!(
        output.stderr.contains(bind.trim_matches('"')),
        "{}",
        output.stderr
    );
}

#[test]
fn migrate_brings_a_database_up_to_date() {
    let cluster = Cluster::alone();
    let launch = cluster.launch();
    assert!(
        launch
            .run(&["migrate"])
            .expect(0)
            .stdout
            .contains("nothing pending")
    );
    crate::support::sql(
        cluster.primary(),
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION synapse",
    );
    launch.run(&["migrate"]).expect(0);
    let tables = "SELECT count(*)::text AS value FROM information_schema.tables WHERE table_name = 'transactions'";
    assert_eq!(ask(cluster.primary(), tables), "1");
    cluster.primary().kill().unwrap();
    let output = launch.run(&["migrate"]).expect(1);
    assert!(
        !output.stderr.is_empty() && !output.stderr.contains(&password(&cluster)),
        "{}",
        output.stderr
    );
}

/// As a database of the first, never released version has it.
#[test]
fn a_schema_of_another_version_is_told_and_left_alone() {
    let cluster = Cluster::alone();
    crate::support::sql(
        cluster.primary(),
        "UPDATE __diesel_schema_migrations SET version = '20261123000001' WHERE version = '20261124000001'; ALTER TABLE transactions DROP COLUMN owner CASCADE",
    );
    let launch = cluster.launch();
    let output = launch.run(&["migrate"]).expect(1);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(
        output.stderr.contains("another version") && output.stderr.contains("20261123000001"),
        "{}",
        output.stderr
    );
    for migrate in [true, false] {
        let launch = cluster.launch().set("database.migrate_on_start", migrate);
        let app = launch.set("database.write_deadline_ms", 300).start();
        app.logs("another version");
        assert_eq!(
            app.get("/health").expect(503).json()["db_primary"],
            "disconnected"
        );
        app.create(&minimal()).problem(503, "primary_unavailable");
        app.get("/transactions").expect(503);
        assert_eq!(app.get("/live").status, 200);
    }
}

#[test]
fn a_schema_that_is_missing_is_told_where_it_may_not_be_made() {
    let cluster = Cluster::alone();
    crate::support::sql(
        cluster.primary(),
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION synapse",
    );
    let app = cluster
        .launch()
        .set("database.migrate_on_start", false)
        .start();
    app.logs("missing: migration");
    cluster.launch().run(&["migrate"]).expect(0);
    app.until_healthy(s(10));
    app.create(&minimal()).expect(201);
}

fn password(cluster: &Cluster) -> String {
    cluster
        .primary()
        .url(User::Application)
        .split([':', '@'])
        .nth(2)
        .unwrap()
        .to_owned()
}

#[test]
fn without_permission_to_migrate_on_start_it_only_serves() {
    let cluster = Cluster::alone();
    let app = cluster
        .launch()
        .set("database.migrate_on_start", false)
        .healthy();
    app.create(&minimal()).expect(201);
}

#[test]
fn check_tells_what_each_node_is() {
    let cluster = Cluster::pair();
    let launch = cluster.launch();
    let report = launch.run(&["check"]).expect(0).stdout;
    let line = |name: &str| {
        report
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {report}"))
    };
    for (name, role) in [("node-1", "primary"), ("node-2", "replica")] {
        let facts = [role, "PostgreSQL", "timeline 1", "no TLS"];
        assert!(
            facts.iter().all(|fact| line(name).contains(fact)),
            "{}",
            line(name)
        );
    }
    assert!(
        report.contains("asynchronous") && report.contains("warning"),
        "{report}"
    );
    cluster.replica().kill().unwrap();
    let output = launch.run(&["check"]).expect(1);
    assert!(output.stdout.contains("1 of 2"), "{output:?}");
    assert!(!format!("{output:?}{report}").contains(&password(&cluster)));
}

#[test]
fn healthcheck_asks_the_running_service() {
    let it = shared();
    let launch = it.cluster.launch();
    let nobody = launch.run(&["healthcheck"]).expect(1);
    assert!(!nobody.stderr.is_empty(), "it says why");
    for host in ["127.0.0.1", "0.0.0.0"] {
        let bind = format!("{host}:{}", it.app.port());
        it.cluster
            .launch()
            .text("server.bind", &bind)
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .run(&["healthcheck"])
            .expect(0);
    }
}

#[test]
fn no_secret_is_ever_logged() {
    let cluster = Cluster::pair();
    let app = cluster.launch().text("log.level", "trace").healthy();
    app.create(&minimal()).expect(201);
    cluster.primary().kill().unwrap();
    eventually(s(3), "the loss is known", || {
        app.get("/health").status == 503
    });
    cluster.primary().start().unwrap();
    app.until_healthy(s(3));
    assert!(!app.log().is_empty() && !app.log().contains(&password(&cluster)));
}
