//! Something breaks while statements carry many jobs at a time: each job is answered truly, and once.

use crate::faults::operator::cut_off;
use crate::support::load::{Asked, all_are, at_once, while_all_ask};
use crate::support::wait::{ms, s};
use crate::support::{
    Answer, App, Cluster, Launch, ask, ask_all, eventually, full, holds_for, sql,
};
use private_postgres::Server;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// For two leaders: what one statement does not take, the other does.
const CLIENTS: usize = 64;
/// The service knows the outcome by its deadline of 8 s, or says that it does not. The rest is the clients' own: they are many, and the
/// machine may have other things to do.
const KNOWN_WITHIN: std::time::Duration = s(20);

/// Two for commits, however long these take: more leaders would have fewer jobs each.
fn by_few_connections(launch: Launch) -> Launch {
    launch.set("database.pool_size", 3)
}

/// How many rows the largest statement has stored.
fn largest_batch(server: &Server) -> usize {
    let question = "SELECT coalesce(max(rows), 0)::text AS value
                      FROM (SELECT count(*) AS rows FROM transactions GROUP BY xmin::text) AS statements";
    ask(server, question).parse().unwrap()
}

/// Lets those that come meanwhile wait in their lane, so that the next statements are full, however fast the commits of this machine are
/// and however slow its clients.
fn hold_creates_up(server: &Server) {
    let held = "BEGIN; LOCK TABLE transactions IN SHARE MODE; SELECT pg_sleep(0.2); COMMIT";
    sql(server, held);
}

/// The creates of many clients, and how many were acknowledged.
struct Load<'a> {
    app: &'a App,
    acknowledged: AtomicUsize,
}

impl Load<'_> {
    fn on(app: &App) -> Load<'_> {
        Load {
            app,
            acknowledged: AtomicUsize::new(0),
        }
    }

    fn create(&self) -> Answer {
        let answer = self.app.create(&full());
        self.acknowledged
            .fetch_add(usize::from(answer.status == 201), Ordering::AcqRel);
        answer
    }

    /// So many clients create while `work` is done, which begins when many of them share a statement.
    fn run(&self, cluster: &Cluster, work: impl FnOnce()) -> Vec<Asked> {
        while_all_ask(
            CLIENTS,
            |_| self.create(),
            || {
                eventually(s(20), "many share a statement", || {
                    hold_creates_up(cluster.primary());
                    largest_batch(cluster.primary()) >= 16
                });
                work();
            },
        )
    }

    fn until_more_are_acknowledged(&self) {
        let before = self.acknowledged.load(Ordering::Acquire);
        eventually(s(30), "creates are acknowledged again", || {
            self.acknowledged.load(Ordering::Acquire) >= before + 2 * CLIENTS
        });
    }
}

/// Every create was acknowledged in time, as a first one, and is there; and nothing else is.
#[track_caller]
fn each_is_there_once(created: &[Asked], server: &Server) {
    all_are(created, 201, KNOWN_WITHIN);
    let is_replay = |asked: &&Asked| asked.answer.header("Idempotent-Replayed") != "false";
    assert_eq!(created.iter().filter(is_replay).count(), 0);
    let acknowledged: BTreeSet<String> = created.iter().map(|asked| asked.answer.id()).collect();
    let stored = ask_all(server, "SELECT id::text AS value FROM transactions");
    assert_eq!(
        (acknowledged.len(), stored.len()),
        (created.len(), created.len())
    );
    assert_eq!(acknowledged, stored.into_iter().collect());
}

/// Commits wait for the standby, so that it has what was acknowledged; it waits for nobody when it is promoted.
fn synchronous_pair() -> Cluster {
    let cluster = Cluster::pair();
    cluster.make_synchronous();
    cluster
        .replica()
        .reload(&[("synchronous_standby_names", "")])
        .unwrap();
    cluster
}

#[test]
fn a_primary_that_is_killed_under_full_batches_and_the_next_one_too_leave_each_create_once() {
    let cluster = synchronous_pair();
    let app = by_few_connections(cluster.launch()).healthy();
    let load = Load::on(&app);
    let created = load.run(&cluster, || {
        cluster.primary().kill().unwrap();
        cluster.replica().promote().unwrap();
        load.until_more_are_acknowledged();
        // A second blip within seconds.
        cluster.replica().kill().unwrap();
        cluster.replica().start().unwrap();
        load.until_more_are_acknowledged();
    });
    each_is_there_once(&created, cluster.replica());
}

#[test]
fn a_primary_that_is_frozen_under_full_batches_and_replaced_leaves_each_create_once() {
    let cluster = synchronous_pair();
    let app = by_few_connections(cluster.launch()).healthy();
    let load = Load::on(&app);
    let created = load.run(&cluster, || {
        cluster.primary().freeze();
        cut_off(cluster.replica());
        cluster.replica().promote().unwrap();
        load.until_more_are_acknowledged();
        cluster.primary().thaw();
        load.until_more_are_acknowledged();
    });
    each_is_there_once(&created, cluster.replica());
    eventually(s(5), "the old primary is fenced", || {
        app.get("/status").json()["nodes"][0]["state"] == "fenced"
    });
}

/// Few may wait, so there are few retries to spend: no more than four for each place.
#[test]
fn full_batches_whose_answers_are_swallowed_after_the_commit_leave_each_create_once() {
    let cluster = Cluster::alone();
    let (proxies, urls) = cluster.proxies();
    let app = by_few_connections(Launch::on(urls))
        .set("database.max_waiting", CLIENTS)
        .healthy();
    let load = Load::on(&app);
    let created = load.run(&cluster, || {
        for _ in 0..3 {
            proxies[0].cut_answers("anchor-tx-", 1);
            eventually(s(10), "an answer was swallowed", || {
                proxies[0].cuts_left() == 0
            });
            load.until_more_are_acknowledged();
        }
    });
    each_is_there_once(&created, cluster.primary());
}

#[test]
fn creates_that_wait_in_a_lane_when_its_primary_is_replaced_go_to_the_next_one_together() {
    let cluster = synchronous_pair();
    let app = cluster.launch().healthy();
    cluster.primary().kill().unwrap();
    eventually(s(10), "the loss is known", || {
        app.get("/status").json()["writes"] == "held"
    });
    let created = thread::scope(|scope| {
        let waiting = scope.spawn(|| at_once(CLIENTS, |_| app.create(&full())));
        holds_for(ms(300), "they are held", || !waiting.is_finished());
        cluster.replica().promote().unwrap();
        waiting.join().unwrap()
    });
    each_is_there_once(&created, cluster.replica());
    assert!(largest_batch(cluster.replica()) > 1);
}
