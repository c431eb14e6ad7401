//! One server, or a primary and a replica, whose owner is the test.

use crate::support::{
    PATIENCE, Row, ask, connect, has, home, note, pair, tempdir, try_ask, wait_until,
};
use diesel::{RunQueryDsl, sql_query};
use private_postgres::{Binaries, Durability, Error, Home, Server, StopMode, User};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn a_standby_streams_from_its_primary_and_refuses_writes() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    assert_eq!(
        ask(&primary, "SELECT pg_is_in_recovery()::text AS value"),
        "false"
    );
    assert_eq!(
        ask(&replica, "SELECT pg_is_in_recovery()::text AS value"),
        "true"
    );
    let refused = try_ask(
        &replica.url(User::Application),
        "INSERT INTO notes VALUES ('x') RETURNING note AS value",
    );
    assert!(refused.unwrap_err().contains("read-only"));
    let streams =
        "SELECT application_name AS value FROM pg_stat_replication WHERE state = 'streaming'";
    assert_eq!(
        ask(&primary, streams),
        "replica-1",
        "the application's user sees replication"
    );
}

#[test]
fn a_killed_server_recovers_with_all_its_data() {
    let dir = tempdir();
    let (primary, _replica) = pair(dir.path());
    note(&primary, "before the kill");
    primary.kill().unwrap();
    assert!(!primary.is_running());
    primary.start().unwrap();
    assert!(has(&primary, "before the kill"));
    primary.kill_postmaster();
    assert!(!primary.is_running());
    primary.start().unwrap();
    assert!(has(&primary, "before the kill"));
}

#[test]
fn a_frozen_server_answers_nothing_until_it_is_thawed() {
    let dir = tempdir();
    let (primary, _replica) = pair(dir.path());
    let mut open = connect(&primary.url(User::Application));
    primary.freeze();
    assert!(primary.is_running());
    let (reply, answer) = std::sync::mpsc::channel();
    let asking = std::thread::spawn(move || {
        let rows: Vec<Row> = sql_query("SELECT 'awake' AS value")
            .load(&mut open)
            .unwrap();
        reply.send(rows[0].value.clone()).unwrap();
    });
    assert!(
        answer.recv_timeout(Duration::from_millis(300)).is_err(),
        "a frozen server answered"
    );
    primary.thaw();
    assert_eq!(
        answer.recv_timeout(PATIENCE).unwrap().as_deref(),
        Some("awake")
    );
    asking.join().unwrap();
}

#[test]
fn a_frozen_server_can_be_stopped() {
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    server.start().unwrap();
    server.freeze();
    server.stop(StopMode::Fast).unwrap();
    assert!(!server.is_running());
}

#[test]
fn a_promoted_standby_takes_writes_and_the_old_primary_follows_it() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    primary.kill().unwrap();
    replica.promote().unwrap();
    note(&replica, "after the promotion");
    primary.rewind_to_follow(&replica).unwrap();
    primary.start().unwrap();
    wait_until("the old primary streams", || {
        has(&primary, "after the promotion")
    });
    assert_eq!(
        ask(&primary, "SELECT pg_is_in_recovery()::text AS value"),
        "true"
    );
}

#[test]
fn a_primary_that_ran_on_after_the_promotion_loses_its_fork() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    replica.promote().unwrap();
    note(&primary, "on the fork");
    note(&replica, "on the new timeline");
    primary.rewind_to_follow(&replica).unwrap();
    primary.start().unwrap();
    wait_until("the old primary streams", || {
        has(&primary, "on the new timeline")
    });
    assert!(!has(&primary, "on the fork"));
}

#[test]
fn a_standby_can_be_moved_to_another_source() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    let second = Server::standby_of(&primary, "replica-2").unwrap();
    second.start().unwrap();
    primary.stop(StopMode::Fast).unwrap();
    replica.promote().unwrap();
    second.follow(&replica).unwrap();
    note(&replica, "from the new primary");
    wait_until("the second standby follows", || {
        has(&second, "from the new primary")
    });
    let log = fs::read_to_string(second.log_file()).unwrap();
    assert!(log.contains("\"primary_conninfo\" changed to"), "{log}");
    let passwords = fs::read_to_string(dir.path().join("passwords")).unwrap();
    for line in passwords.lines() {
        let password = line.split(':').nth(1).unwrap();
        assert!(!log.contains(password), "a password is in the log");
    }
}

#[test]
fn settings_change_while_it_runs() {
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    server.start().unwrap();
    server.reload(&[("work_mem", "7MB")]).unwrap();
    wait_until("the setting is there", || {
        ask(&server, "SELECT current_setting('work_mem') AS value") == "7MB"
    });
    server.stop(StopMode::Immediate).unwrap();
    server.start().unwrap();
    assert_eq!(
        ask(&server, "SELECT current_setting('work_mem') AS value"),
        "7MB"
    );
}

#[test]
fn only_loopback_tcp_and_scram_are_open() {
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    server.start().unwrap();
    let setting = |name: &str| {
        ask(
            &server,
            &format!("SELECT current_setting('{name}') AS value"),
        )
    };
    assert_eq!(setting("listen_addresses"), "127.0.0.1");
    assert_eq!(setting("password_encryption"), "scram-sha-256");
    let superuser = server.url(User::Superuser);
    let value = |statement: &str| try_ask(&superuser, statement).unwrap();
    assert_eq!(
        value("SELECT current_setting('unix_socket_directories') AS value"),
        ""
    );
    assert_eq!(
        value("SELECT string_agg(DISTINCT auth_method, ',') AS value FROM pg_hba_file_rules"),
        "scram-sha-256"
    );
    let wrong = format!(
        "postgres://synapse:wrong@127.0.0.1:{}/synapse",
        server.port()
    );
    assert!(
        try_ask(&wrong, "SELECT 'x' AS value")
            .unwrap_err()
            .contains("password authentication failed")
    );
    assert!(
        !format!("{server:?}").contains(server.url(User::Superuser).split(':').nth(2).unwrap())
    );
    let log = fs::read_to_string(server.log_file()).unwrap();
    assert!(!log.contains("CREATE ROLE"), "passwords in the log");
}

#[test]
fn files_with_secrets_are_for_their_owner_only() {
    let dir = tempdir();
    let (_primary, replica) = pair(dir.path());
    for file in [
        dir.path().join("passwords"),
        replica.data_dir().join("synapse.conf"),
    ] {
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
    assert!(!dir.path().join("primary.pwfile").exists());
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let dir = tempdir();
    let home = home(dir.path());
    let server = Server::init(&home, "primary").unwrap();
    server.reload(&[("shared_buffers", "nonsense")]).unwrap();
    let error = server.start().unwrap_err().to_string();
    assert!(
        error.contains("invalid value for parameter \"shared_buffers\""),
        "{error}"
    );
    assert!(error.contains("primary.log"), "{error}");
}

#[test]
fn a_directory_serves_one_process_at_a_time() {
    let dir = tempdir();
    let first = home(dir.path());
    let binaries = Binaries::find(None, None, &dir.path().join("bin")).unwrap();
    let error = Home::open(dir.path(), binaries, Durability::Fast)
        .err()
        .unwrap();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(error.to_string().starts_with("another process is using "));
    drop(first);
    home(dir.path());
}
