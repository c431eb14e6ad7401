//! `synapse-core status`: what operators see in a terminal.

use crate::support::client::TENANT;
use crate::support::{Launch, shared};
use std::fs;

#[test]
fn the_status_of_a_service_is_a_table_without_colour_in_a_pipe() {
    let app = &shared().app;
    let launch = Launch::bare().env("SYNAPSE_KEY", TENANT.key);
    let table = launch
        .run(&["status", "--url", &app.url("")])
        .expect(0)
        .stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("synapse-core 0.1.0"), "{table}");
    assert_eq!(lines[1], "writes available, reads available");
    assert!(
        lines[3].starts_with("NODE    ROLE     STATE  TIMELINE  LAG"),
        "{table}"
    );
    assert!(lines[4].starts_with("node-1  primary  up     1"), "{table}");
    assert!(lines[5].starts_with("node-2  replica  up     1"), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
}

#[test]
fn without_an_address_it_is_the_service_of_the_settings_that_is_asked() {
    let app = &shared().app;
    let launch = Launch::bare().env("SYNAPSE_KEY", TENANT.key);
    let url = app.url("");
    let (_, port) = url.trim_end_matches('/').rsplit_once(':').unwrap();
    let table = launch.env("SERVER_PORT", port).run(&["status"]).expect(0);
    assert!(table.stdout.contains("node-1"), "{}", table.stdout);
    let wrong = Launch::bare()
        .env("SERVER_PORT", "many")
        .run(&["status"])
        .expect(2);
    assert!(wrong.stderr.contains("SERVER_PORT"), "{}", wrong.stderr);
}

#[test]
fn the_key_may_stand_in_a_file() {
    let app = &shared().app;
    let launch = Launch::bare();
    let file = launch.dir().join("key");
    fs::write(&file, format!("{}\n", TENANT.key)).unwrap();
    let arguments = [
        "status",
        "--url",
        &app.url("/"),
        "--key-file",
        file.to_str().unwrap(),
    ];
    assert!(launch.run(&arguments).expect(0).stdout.contains("node-1"));
    let missing = launch.run(&["status", "--key-file", "/nowhere"]).expect(1);
    assert!(
        missing.stderr.contains("cannot read /nowhere"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_wrong_key_and_a_service_that_is_not_there_are_one_line_and_exit_1() {
    let app = &shared().app;
    let launch = Launch::bare().env("SYNAPSE_KEY", "syn_wrong");
    let wrong = launch.run(&["status", "--url", &app.url("")]).expect(1);
    assert!(
        wrong.stderr.contains("refuses the key") && wrong.stderr.lines().count() == 1,
        "{}",
        wrong.stderr
    );
    assert!(!wrong.stderr.contains("syn_wrong"), "{}", wrong.stderr);
    let nobody = launch
        .run(&["status", "--url", "http://127.0.0.1:1"])
        .expect(1);
    assert!(
        nobody.stderr.contains("does not answer") && nobody.stderr.lines().count() == 1,
        "{}",
        nobody.stderr
    );
    let other = launch
        .run(&["status", "--url", &app.url("/live?x=")])
        .expect(1);
    assert!(other.stderr.contains("answers 400"), "{}", other.stderr);
}
