//! The cluster, started again after any end of the run before.

#[cfg(target_os = "linux")]
use crate::support::processes_in;
use crate::support::{connect, has, home, note, options, pair, tell, tempdir, try_ask, wait_until};
use diesel::{RunQueryDsl, sql_query};
use private_postgres::{Cluster, Durability, Options, StopMode, User};
use std::fs;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::Command;

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
    drop(cluster);
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
    let mut connection = connect(&cluster.primary().url(User::Application));
    sql_query("CREATE TABLE kept AS SELECT 'kept' AS note")
        .execute(&mut connection)
        .unwrap();
    fs::write(Path::new(&dir).join("started"), "").unwrap();
    loop {
        std::thread::park();
    }
}

/// Not a test: it leaves servers that no signal ends but SIGKILL, and without a postmaster.
#[test]
fn child_that_leaves_frozen_servers() {
    let Some(dir) = std::env::var_os(ORPHAN_DIR) else {
        return;
    };
    let (primary, replica) = pair(Path::new(&dir));
    for server in [&primary, &replica] {
        server.freeze();
        server.kill_postmaster();
    }
    fs::write(Path::new(&dir).join("started"), "").unwrap();
    loop {
        std::thread::park();
    }
}

/// Runs one of these children until it has done its work, and kills it.
#[cfg(target_os = "linux")]
fn run_and_kill(mut program: Command, child: &str, dir: &Path) {
    let mut child = program
        .args(["--exact", &format!("restart::{child}"), "--nocapture"])
        .env(ORPHAN_DIR, dir)
        .spawn()
        .unwrap();
    wait_until("the child has done its work, or failed", || {
        dir.join("started").exists() || child.try_wait().unwrap().is_some()
    });
    let ran = processes_in(dir);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ran > 2, "only {ran} processes");
}

#[cfg(target_os = "linux")]
fn this() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// In a container root may not see where the processes of others work.
#[cfg(target_os = "linux")]
#[test]
fn leftovers_are_found_by_a_root_who_may_not_look_into_the_processes_of_others() {
    let dir = tempdir();
    run_and_kill(this(), "child_that_leaves_frozen_servers", dir.path());
    assert!(processes_in(dir.path()) > 2, "nothing was left");
    fs::remove_file(dir.path().join("started")).unwrap();
    let mut restricted = this();
    if nix::unistd::geteuid().is_root() {
        restricted = Command::new("setpriv");
        restricted
            .arg("--bounding-set=-sys_ptrace")
            .arg(this().get_program());
    }
    run_and_kill(restricted, "child_that_is_killed", dir.path());
    wait_until("nothing of it runs", || processes_in(dir.path()) == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_program_leaves_no_orphans_and_the_next_start_recovers() {
    let dir = tempdir();
    run_and_kill(this(), "child_that_is_killed", dir.path());
    wait_until("nothing of it runs", || processes_in(dir.path()) == 0);
    let cluster = Cluster::start(&options(dir.path(), 1)).unwrap();
    assert_eq!(
        try_ask(&cluster.nodes()[0].url, "SELECT note AS value FROM kept").unwrap(),
        "kept"
    );
    cluster.stop().unwrap();
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
    drop(cluster); // and with it the lock of the directory
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
