//! The private cluster, with real PostgreSQL servers in temporary directories.
#![allow(clippy::disallowed_methods, reason = "conditions are polled")]

use diesel::pg::PgConnection;
use diesel::sql_types::{Nullable, Text};
use diesel::{Connection, QueryableByName, RunQueryDsl, sql_query};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use synapse_core::embedded::{
    Binaries, Cluster, Durability, Error, Home, Options, Server, StopMode, User,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
}

fn connect(url: &str) -> PgConnection {
    PgConnection::establish(&format!("{url}?connect_timeout=5")).unwrap()
}

fn try_ask(url: &str, statement: &str) -> Result<String, String> {
    let url = format!("{url}?connect_timeout=5");
    let mut connection = PgConnection::establish(&url).map_err(|error| error.to_string())?;
    let rows: Vec<Row> = sql_query(statement)
        .load(&mut connection)
        .map_err(|error| error.to_string())?;
    Ok(rows
        .into_iter()
        .next()
        .and_then(|row| row.value)
        .unwrap_or_default())
}

fn ask(server: &Server, statement: &str) -> String {
    try_ask(&server.url(User::Application), statement).unwrap()
}

fn tell(server: &Server, statement: &str) {
    sql_query(statement)
        .execute(&mut connect(&server.url(User::Application)))
        .unwrap();
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Memory where there is enough of it: ext4 is slow at creating files soon after many were deleted, which is all
/// that short-lived clusters do. Every parent can be entered by the account that PostgreSQL runs under.
fn tempdir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let roomy =
        |stat: nix::sys::statvfs::Statvfs| stat.blocks_available() * stat.fragment_size() > 4 << 30;
    let base = if nix::sys::statvfs::statvfs(memory).is_ok_and(roomy) {
        memory
    } else {
        Path::new("/tmp")
    };
    tempfile::Builder::new()
        .prefix("synapse-")
        .tempdir_in(base)
        .unwrap()
}

fn home(dir: &Path) -> Arc<Home> {
    let binaries = Binaries::find(None, None, &dir.join("bin")).unwrap();
    Home::open(dir, binaries, Durability::Fast).unwrap()
}

/// A primary with a table of one row, and a replica that has it.
fn pair(dir: &Path) -> (Server, Server) {
    let home = home(dir);
    let primary = Server::init(&home, "primary").unwrap();
    primary.start().unwrap();
    tell(&primary, "CREATE TABLE notes (note text PRIMARY KEY)");
    let replica = Server::standby_of(&primary, "replica-1").unwrap();
    replica.start().unwrap();
    note(&primary, "first");
    wait_until("the replica streams", || has(&replica, "first"));
    (primary, replica)
}

fn note(server: &Server, text: &str) {
    tell(server, &format!("INSERT INTO notes VALUES ('{text}')"));
}

fn has(server: &Server, text: &str) -> bool {
    let question = format!("SELECT note AS value FROM notes WHERE note = '{text}'");
    try_ask(&server.url(User::Application), &question).is_ok_and(|found| found == text)
}

fn options(dir: &Path, replicas: u8) -> Options {
    Options {
        data_dir: dir.to_owned(),
        replicas,
        bin_dir: None,
        durability: Durability::Fast,
        synchronous: true,
    }
}

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

#[test]
fn a_cluster_keeps_its_data_and_addresses_over_a_restart() {
    let dir = tempdir();
    let durable = Options {
        durability: Durability::Durable,
        ..options(dir.path(), 1)
    };
    let cluster = Cluster::start(&durable).unwrap();
    let nodes = cluster.nodes();
    assert_eq!(
        nodes
            .iter()
            .map(|node| node.name.as_str())
            .collect::<Vec<_>>(),
        ["primary", "replica-1"]
    );
    let mut connection = connect(&nodes[0].url);
    sql_query("CREATE TABLE notes (note text PRIMARY KEY)")
        .execute(&mut connection)
        .unwrap();
    sql_query("INSERT INTO notes VALUES ('kept')")
        .execute(&mut connection)
        .unwrap();
    drop(connection);
    cluster.stop().unwrap();
    let cluster = Cluster::start(&durable).unwrap();
    assert_eq!(cluster.nodes(), nodes);
    let kept = "SELECT note AS value FROM notes";
    assert_eq!(try_ask(&nodes[0].url, kept).unwrap(), "kept");
    wait_until("the replica has it", || {
        try_ask(&nodes[1].url, kept).is_ok_and(|value| value == "kept")
    });
    cluster.stop().unwrap();
}

const ORPHAN_DIR: &str = "SYNAPSE_TEST_ORPHAN_DIR";

/// Not a test: what `a_killed_program_leaves_no_orphans_…` runs in a process of its own.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(ORPHAN_DIR) else {
        return;
    };
    let cluster = Cluster::start(&options(Path::new(&dir), 1)).unwrap();
    let mut connection = connect(&cluster.nodes()[0].url);
    sql_query("CREATE TABLE notes AS SELECT 'kept' AS note")
        .execute(&mut connection)
        .unwrap();
    fs::write(Path::new(&dir).join("started"), "").unwrap();
    loop {
        std::thread::park();
    }
}

#[cfg(target_os = "linux")]
fn processes_in(dir: &Path) -> usize {
    let cwd = |entry: fs::DirEntry| fs::read_link(entry.path().join("cwd")).ok();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(cwd)
        .filter(|cwd| cwd.starts_with(dir))
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_program_leaves_no_orphans_and_the_next_start_recovers() {
    let dir = tempdir();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed", "--nocapture"])
        .env(ORPHAN_DIR, dir.path())
        .spawn()
        .unwrap();
    wait_until("the child has started its cluster", || {
        dir.path().join("started").exists()
    });
    assert!(processes_in(dir.path()) > 2);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("nothing of it runs", || processes_in(dir.path()) == 0);
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert_eq!(
        try_ask(&cluster.nodes()[0].url, "SELECT note AS value FROM notes").unwrap(),
        "kept"
    );
    cluster.stop().unwrap();
}

/// The supervised cluster: what its tests do to it is done to the processes only.
struct Healing {
    cluster: Cluster,
    _dir: TempDir,
}

impl Healing {
    fn start(replicas: u8) -> Self {
        let dir = tempdir();
        let cluster = Cluster::start(&options(dir.path(), replicas)).unwrap();
        tell(
            cluster.primary(),
            "CREATE TABLE notes (note text PRIMARY KEY)",
        );
        let healing = Self { cluster, _dir: dir };
        healing.wait_for_synchrony();
        healing
    }

    fn wait_for_synchrony(&self) {
        let names = "SELECT current_setting('synchronous_standby_names') AS value FROM pg_stat_replication WHERE sync_state = 'sync'";
        let url = || self.cluster.primary().url(User::Application);
        wait_until("replication is synchronous", || {
            try_ask(&url(), names).is_ok_and(|names| !names.is_empty())
        });
        // The supervisor trusts the replica a moment later, and says so nowhere else than in the log.
        wait_until("the supervisor trusts the replica", || {
            self.cluster.trusts_a_replica()
        });
    }

    fn server(&self, name: &str) -> &Server {
        self.cluster
            .servers()
            .find(|server| server.name() == name)
            .unwrap()
    }

    /// Kills the primary; returns how long it took until another accepted a write.
    fn lose_primary(&self, text: &str) -> Duration {
        let old = self.cluster.primary().name().to_owned();
        self.cluster.primary().kill_postmaster();
        let killed = Instant::now();
        wait_until("another is the primary", || {
            self.cluster.primary().name() != old
        });
        note(self.cluster.primary(), text);
        killed.elapsed()
    }
}

#[test]
fn when_the_primary_dies_a_replica_takes_over_with_all_acknowledged_writes() {
    let healing = Healing::start(1);
    for number in 0..50 {
        note(healing.cluster.primary(), &number.to_string());
    }
    let gap = healing.lose_primary("after");
    println!("from the kill to the first write: {gap:?}");
    let primary = healing.cluster.primary();
    assert_eq!(primary.name(), "replica-1");
    assert_eq!(
        ask(primary, "SELECT count(*)::text AS value FROM notes"),
        "51"
    );
    healing.wait_for_synchrony();
    let old = healing.server("primary");
    assert_eq!(
        ask(old, "SELECT pg_is_in_recovery()::text AS value"),
        "true"
    );
    assert!(has(old, "after"), "the old primary came back as a replica");
    healing.cluster.stop().unwrap();
}

#[test]
fn when_the_replica_dies_writes_go_on_and_it_comes_back() {
    let healing = Healing::start(1);
    healing.server("replica-1").kill().unwrap();
    let killed = Instant::now();
    note(healing.cluster.primary(), "without a replica");
    assert!(
        killed.elapsed() < Duration::from_secs(3),
        "a write waited {:?}",
        killed.elapsed()
    );
    healing.wait_for_synchrony();
    wait_until("the replica has it", || {
        has(healing.server("replica-1"), "without a replica")
    });
    assert_eq!(healing.cluster.primary().name(), "primary");
}

#[test]
fn it_survives_one_failover_after_another() {
    let healing = Healing::start(1);
    for round in 0..4 {
        healing.lose_primary(&format!("round {round}"));
        healing.wait_for_synchrony();
    }
    let primary = healing.cluster.primary();
    assert_eq!(primary.name(), "primary");
    assert_eq!(
        ask(primary, "SELECT count(*)::text AS value FROM notes"),
        "4"
    );
}

#[test]
fn with_two_replicas_the_other_one_follows_the_new_primary() {
    let healing = Healing::start(2);
    healing.lose_primary("one");
    for name in ["primary", "replica-1", "replica-2"] {
        wait_until(&format!("{name} has the write"), || {
            has(healing.server(name), "one")
        });
    }
    healing.wait_for_synchrony();
    healing.lose_primary("two");
    assert_eq!(
        ask(
            healing.cluster.primary(),
            "SELECT count(*)::text AS value FROM notes"
        ),
        "2"
    );
}

#[test]
fn without_a_trusted_replica_the_old_primary_is_restarted() {
    let healing = Healing::start(1);
    healing.server("replica-1").freeze();
    wait_until("the replica is not trusted any more", || {
        !healing.cluster.trusts_a_replica()
    });
    note(healing.cluster.primary(), "only on the primary");
    healing.cluster.primary().kill().unwrap();
    wait_until("the primary is back", || {
        has(healing.server("primary"), "only on the primary")
    });
    assert_eq!(healing.cluster.primary().name(), "primary");
    healing.server("replica-1").thaw();
    healing.wait_for_synchrony();
}

#[test]
fn both_dying_at_once_is_healed() {
    let healing = Healing::start(1);
    note(healing.cluster.primary(), "before");
    for server in healing.cluster.servers() {
        server.kill_postmaster();
    }
    healing.wait_for_synchrony();
    assert!(has(healing.cluster.primary(), "before"));
}

#[test]
fn it_can_be_stopped_in_the_middle_of_a_failover_and_started_again() {
    let dir = tempdir();
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    tell(
        cluster.primary(),
        "CREATE TABLE notes (note text PRIMARY KEY)",
    );
    wait_until("the supervisor trusts the replica", || {
        cluster.trusts_a_replica()
    });
    note(cluster.primary(), "acknowledged");
    for _ in 0..3 {
        cluster.primary().kill_postmaster();
    }
    cluster.stop().unwrap();
    #[cfg(target_os = "linux")]
    assert_eq!(processes_in(dir.path()), 0);
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert!(has(cluster.primary(), "acknowledged"));
    wait_until("the supervisor trusts the replica", || {
        cluster.trusts_a_replica()
    });
}

#[test]
fn after_a_restart_the_promoted_node_is_still_the_primary() {
    let dir = tempdir();
    let (primary, replica) = pair(dir.path());
    primary.stop(StopMode::Fast).unwrap();
    replica.promote().unwrap();
    note(&replica, "on the new timeline");
    drop((primary, replica));
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert_eq!(cluster.primary().name(), "replica-1");
    assert!(has(cluster.primary(), "on the new timeline"));
    wait_until("the old primary follows", || {
        cluster
            .servers()
            .all(|server| has(server, "on the new timeline"))
    });
}

#[test]
fn leftovers_of_a_run_that_died_are_no_obstacle() {
    let dir = tempdir();
    // Killed during initdb: passwords are there, the data directory has not got its name yet.
    fs::create_dir_all(dir.path().join("primary.new/base")).unwrap();
    fs::write(dir.path().join("primary.new/PG_VERSION"), "15\n").unwrap();
    drop(home(dir.path()));
    let (primary, replica) = pair(dir.path());
    // Killed at any time: pid files, half a copy, a replica with a hole.
    primary.kill().unwrap();
    replica.kill().unwrap();
    assert!(primary.data_dir().join("postmaster.pid").exists());
    fs::create_dir(dir.path().join("replica-1.new")).unwrap();
    fs::remove_file(replica.data_dir().join("global/pg_control")).unwrap();
    drop((primary, replica));
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    wait_until("both have the data", || {
        cluster.servers().all(|server| has(server, "first"))
    });
}

#[test]
fn a_directory_that_is_no_database_is_not_touched() {
    let dir = tempdir();
    fs::create_dir(dir.path().join("primary")).unwrap();
    fs::write(dir.path().join("primary/thesis.txt"), "years of work").unwrap();
    let error = Cluster::start(&options(dir.path(), 1)).err().unwrap();
    assert!(
        error.to_string().contains("exists but is not a database"),
        "{error}"
    );
    assert!(dir.path().join("primary/thesis.txt").exists());
}

/// Inserts numbers until told to stop, on whatever is the primary, and returns those that were acknowledged.
fn write_until(stop: &AtomicBool, cluster: &Cluster, writer: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let url = format!(
            "{}?connect_timeout=2",
            cluster.primary().url(User::Application)
        );
        let Ok(mut connection) = PgConnection::establish(&url) else {
            continue;
        };
        loop {
            number += 1;
            let text = format!("{writer}-{number}");
            if sql_query(format!("INSERT INTO notes VALUES ('{text}')"))
                .execute(&mut connection)
                .is_err()
            {
                break;
            }
            acknowledged.push(text);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    acknowledged
}

#[test]
fn no_acknowledged_write_is_lost_under_load() {
    let healing = Healing::start(1);
    let (stop, cluster) = (AtomicBool::new(false), &healing.cluster);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let stop = &stop;
        let writers: Vec<_> = (0..4)
            .map(|writer| scope.spawn(move || write_until(stop, cluster, writer)))
            .collect();
        for round in 0..4 {
            let old = cluster.primary().name().to_owned();
            match round % 2 {
                0 => cluster.primary().kill_postmaster(),
                _ => cluster.primary().kill().unwrap(),
            }
            wait_until("another is the primary", || cluster.primary().name() != old);
            wait_until("the supervisor trusts the replica", || {
                cluster.trusts_a_replica()
            });
        }
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let mut connection = connect(&cluster.primary().url(User::Application));
    let rows: Vec<Row> = sql_query("SELECT note AS value FROM notes")
        .load(&mut connection)
        .unwrap();
    let stored: HashSet<String> = rows.into_iter().filter_map(|row| row.value).collect();
    let lost: Vec<&String> = acknowledged
        .iter()
        .filter(|text| !stored.contains(*text))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged writes were lost: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert!(
        acknowledged.len() > 100,
        "only {} writes",
        acknowledged.len()
    );
}
