//! The supervised cluster: what is done to its processes is healed.

use crate::support::{Row, ask, connect, has, note, options, tell, tempdir, try_ask, wait_until};
use diesel::pg::PgConnection;
use diesel::{Connection, RunQueryDsl, sql_query};
use private_postgres::{Cluster, Server, User};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
