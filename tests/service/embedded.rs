//! The one command: a private PostgreSQL primary and replica, and the service on them.

use crate::support::room::Dir;
use crate::support::wait::{ms, s};
use crate::support::{App, Launch, eventually, holds_for, minimal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn launch(data: &Dir) -> Launch {
    let launch = Launch::bare();
    let bind = format!("127.0.0.1:{}", launch.port());
    let launch = launch.text("server.bind", &bind).set("server.drain_ms", 0);
    launch.set("embedded.enabled", true).text(
        "embedded.data_dir",
        data.path().join("data").to_str().unwrap(),
    )
}

fn start(data: &Dir) -> App {
    let app = launch(data).start();
    app.until_healthy(s(30));
    app
}

/// All processes that work in this directory: the servers do.
fn servers(data: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(data))
    })
    .map(Pid::from_raw)
    .collect()
}

#[test]
fn one_command_serves_and_says_how_to_go_on() {
    let data = Dir::new("embedded");
    let app = start(&data);
    app.create(&minimal()).expect(201);
    let banner = app.log();
    let dir = data.path().join("data");
    assert_eq!(app.get("/status").json()["embedded"], true);
    let parts = [
        &app.url(""),
        dir.to_str().unwrap(),
        "curl",
        "Ctrl-C",
        &app.url("/dashboard"),
        "cargo run -- demo",
        "not for production",
    ];
    for part in parts {
        assert!(banner.contains(part), "{part} in {banner}");
    }
    assert_eq!(
        banner
            .lines()
            .filter(|line| line.trim_start().starts_with("curl"))
            .count(),
        3
    );
    let mode = fs::metadata(dir.join("passwords"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "the passwords are their owner's");
}

#[test]
fn the_replica_serves_reads_and_commits_wait_for_it() {
    let data = Dir::new("embedded");
    let app = start(&data);
    eventually(s(10), "replication is synchronous", || {
        app.create(&minimal()).expect(201).header("X-Durability") == "replicated"
    });
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    eventually(s(5), "the replica serves", || {
        app.get(&path).expect(200).served_by() == "replica"
    });
}

#[test]
fn it_stops_cleanly_and_the_data_survive() {
    let data = Dir::new("embedded");
    let mut paths = Vec::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let app = start(&data);
        paths.push(format!(
            "/transactions/{}",
            app.create(&minimal()).expect(201).id()
        ));
        paths
            .iter()
            .for_each(|path| drop(app.get_strong(path).expect(200)));
        app.signal(signal);
        assert_eq!(app.until_exit(s(20)).code(), Some(0), "{}", app.log());
        assert_eq!(servers(data.path()), []);
    }
}

#[test]
fn killed_it_leaves_no_servers_behind_and_the_next_start_recovers() {
    let data = Dir::new("embedded");
    let app = start(&data);
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    app.signal(Signal::SIGKILL);
    app.until_exit(s(5));
    eventually(s(10), "no server is left", || {
        servers(data.path()).is_empty()
    });
    let app = start(&data);
    app.get_strong(&path).expect(200);
    app.create(&minimal()).expect(201);
}

#[test]
fn a_data_directory_in_use_is_told() {
    let data = Dir::new("embedded");
    let app = start(&data);
    let output = launch(&data).run(&[]).expect(1);
    assert_eq!(
        output
            .stderr
            .lines()
            .filter(|line| line.contains("using"))
            .count(),
        1,
        "{}",
        output.stderr
    );
    app.create(&minimal()).expect(201);
}

#[test]
fn without_binaries_the_place_that_was_named_is_told() {
    let data = Dir::new("embedded");
    let place = data.path().to_str().unwrap();
    let by_settings = launch(&data).text("embedded.bin_dir", place);
    let by_environment = launch(&data).env("PRIVATE_POSTGRES_BIN_DIR", place);
    for launch in [by_settings, by_environment] {
        let output = launch.run(&[]).expect(1);
        assert!(output.stderr.contains("initdb"), "{}", output.stderr);
    }
}

#[test]
fn when_the_primary_dies_the_replica_takes_over_and_no_request_fails() {
    use crate::support::load::{all_are, while_asking};
    let data = Dir::new("embedded");
    let app = start(&data);
    eventually(s(10), "replication is synchronous", || {
        app.create(&minimal()).expect(201).header("X-Durability") == "replicated"
    });
    let path = format!("/transactions/{}", app.create(&minimal()).expect(201).id());
    let mut written = Vec::new();
    let reads = while_asking(
        || app.get(&path),
        || {
            written = while_asking(
                || app.create(&minimal()),
                || {
                    let primary = data.path().join("data/primary");
                    servers(&primary).into_iter().for_each(|pid| {
                        let _ = kill(pid, Signal::SIGKILL);
                    });
                    eventually(s(8), "the replica took over", || {
                        app.get("/status").json()["timeline"] == 2
                    });
                    app.until_healthy(s(30));
                    holds_for(ms(300), "it stays healthy", || {
                        app.get("/health").status == 200
                    });
                },
            );
        },
    );
    all_are(&written, 201, s(8));
    all_are(&reads, 200, s(2));
    for write in written {
        app.get_strong(write.answer.header("Location")).expect(200);
    }
}
