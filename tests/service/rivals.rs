//! Two instances are asked for the same handles at the same time.

use crate::support::load::{Asked, all_answer, while_all_ask};
use crate::support::wait::s;
use crate::support::{Answer, App, Cluster, ask, eventually, minimal, sql, with};
use rand::random_range;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

const CLIENTS: usize = 64;
const ROWS: usize = 1000;
/// So far apart are the handles that are asked for at the same time.
const WINDOW: u32 = 48;

/// A cluster that finds a deadlock before a lock's waiters give up: by default it would be the other way round, and none would ever be
/// counted. And each row takes a while, so that statements are under way beside each other for longer than they would be.
fn quick_to_find_deadlocks() -> (Cluster, [App; 2]) {
    let cluster = Cluster::alone();
    cluster
        .primary()
        .reload(&[("deadlock_timeout", "5ms")])
        .unwrap();
    sql(
        cluster.primary(),
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';
         CREATE TRIGGER slowly BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION slowly()",
    );
    // One for commits, so that what many ask for gathers in one statement.
    let app = || cluster.launch().set("database.pool_size", 2).healthy();
    let apps = [app(), app()];
    (cluster, apps)
}

fn number_of(cluster: &Cluster, what: &str) -> usize {
    ask(
        cluster.primary(),
        &format!("SELECT ({what})::text AS value"),
    )
    .parse()
    .unwrap()
}

fn deadlocks(cluster: &Cluster) -> usize {
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    number_of(cluster, counted)
}

/// Creates of all clients, each with handles at random out of a window that moves on.
fn contend(
    cluster: &Cluster,
    apps: &[App; 2],
    create: impl Fn(&App, u32) -> Answer + Sync,
) -> Vec<Asked> {
    let next = AtomicU32::new(0);
    let created = while_all_ask(
        CLIENTS,
        |client| create(&apps[client % 2], next.fetch_add(1, Ordering::Relaxed)),
        || {
            eventually(s(90), "there are many rows", || {
                number_of(cluster, "SELECT count(*) FROM transactions") >= ROWS
            });
        },
    );
    let log = fs::read(cluster.primary().log_file()).unwrap();
    eprintln!(
        "{} creates, {} deadlocks, {} lock timeouts, the slowest took {:?}",
        created.len(),
        deadlocks(cluster),
        String::from_utf8_lossy(&log)
            .matches("canceling statement due to lock timeout")
            .count(),
        created.iter().map(|asked| asked.took).max()
    );
    created
}

fn near(number: u32) -> u32 {
    number + random_range(0..WINDOW)
}

#[test]
fn two_instances_that_are_asked_for_the_same_transactions_never_deadlock() {
    let (cluster, apps) = quick_to_find_deadlocks();
    let created = contend(&cluster, &apps, |app, number| {
        let handle = near(number);
        let body = with(minimal(), "anchor_transaction_id", format!("a-{handle}"));
        match random_range(0..3) {
            // Under a key of its own: the same transaction, as by a client that makes a new key for a repeat.
            0 => app.create(&body),
            1 => app.create_with(&[], &body),
            // The same request again, elsewhere; the keys are in the other order than the anchor ids.
            _ => app.create_keyed(&format!("k-{}", u32::MAX - handle), &body),
        }
    });
    all_answer(&created, &[200, 201]);
    let known = created.iter().filter(|asked| asked.answer.status == 200);
    assert!(known.count() > 100, "they meet");
    assert_eq!(deadlocks(&cluster), 0);
}

/// Which no order of locks can serve: each statement may hold what the other one waits for.
#[test]
fn two_instances_that_are_asked_for_the_same_keys_with_other_anchor_ids_answer_all_the_same() {
    let (cluster, apps) = quick_to_find_deadlocks();
    let created = contend(&cluster, &apps, |app, number| {
        let anchor = format!("a-{}", near(number));
        let body = with(minimal(), "anchor_transaction_id", anchor);
        app.create_keyed(&format!("k-{}", near(number)), &body)
    });
    all_answer(&created, &[200, 201, 422]);
    let refused = created.iter().filter(|asked| asked.answer.status == 422);
    assert!(refused.count() > 100, "they meet");
}
