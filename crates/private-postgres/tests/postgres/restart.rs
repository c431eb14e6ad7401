//! The cluster, started again after any end of the run before.

#[cfg(target_os = "linux")]
use crate::support::processes_in;
use crate::support::{connect, has, home, note, options, pair, tell, tempdir, try_ask, wait_until};
use diesel::{RunQueryDsl, sql_query};
use private_postgres::{Cluster, Durability, Options, StopMode};
use std::fs;
use std::path::Path;

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
#[test]
fn a_killed_program_leaves_no_orphans_and_the_next_start_recovers() {
    let dir = tempdir();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restart::child_that_is_killed", "--nocapture"])
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
