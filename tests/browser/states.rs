//! The states of the service, each produced by what really causes it.

use crate::support::wait::{holds_within, s};
use crate::support::{App, Cluster, Launch, eventually, minimal};
use crate::{
    Browser, is_accessible_everywhere, is_clean, patient, take_picture, wants_pictures, watch,
};
use private_postgres::{StopMode, User};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const WORD: &str = ".word";

/// A load while `work` goes on.
fn under_load(app: &App, work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let id = app.create(&minimal());
                    app.get("/transactions?limit=5");
                    app.get("/transactions/0199f6a2-7c1e-7d3a-9b6f-3f0c5a1e2b44");
                    drop(id);
                }
            });
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Release);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Long enough for the charts of a picture to show something; a test only needs their beginning.
fn for_a_while(browser: &Browser) {
    let time = if wants_pictures() { s(75) } else { s(4) };
    holds_within(time, || {
        browser.until_text("#figures", s(10), "/s");
        false
    });
}

/// With two replicas, one of which each commit waits for, and regions.
fn three_nodes() -> (Cluster, App) {
    let cluster = Cluster::with_replicas(2);
    cluster.make_synchronous();
    let urls = cluster.urls();
    let replica = |url: &str, region: &str| format!("{{ url = {url:?}, region = {region:?} }}");
    let (one, other) = (
        replica(&urls[1], "eu-central-1"),
        replica(&urls[2], "us-east-1"),
    );
    let app = patient(cluster.launch())
        .text("server.region", "eu-central-1")
        .text("database.primary.region", "eu-central-1")
        .set("database.replicas", format!("[{one}, {other}]"))
        .healthy();
    (cluster, app)
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn healthy_and_then_a_failover_and_then_a_fenced_node() {
    let (cluster, app) = three_nodes();
    let browser = watch(&app);
    under_load(&app, || {
        for_a_while(&browser);
        browser.until_text(WORD, s(5), "healthy");
        browser.until_text("#picture", s(5), "node-2 is up as replica");
        eventually(s(10), "arrows from the primary to both", || {
            browser.eval("document.querySelectorAll('#picture .arrow').length") == 2
        });
        is_accessible_everywhere(&browser);
        take_picture(&browser, "healthy.png");
        browser.phone();
        take_picture(&browser, "phone.png");
        browser.desktop();
        cluster.primary().kill().unwrap();
        browser.until_text(WORD, s(5), "writes held");
        let held = "[...document.querySelectorAll('#figures div')].find((of) => of.textContent.startsWith('Writes held')).lastChild.textContent";
        eventually(s(5), "held writes are counted", || {
            browser.eval(held) != "0"
        });
        browser.until_text("#headline .advice", s(5), "start PostgreSQL");
        browser.until_text("#picture", s(5), "no primary");
        take_picture(&browser, "failover.png");
        fail_over(&cluster);
        browser.until_text(WORD, s(10), "degraded");
        browser.until_text("#failovers", s(10), "node-1 → node-");
    });
    browser.until_text("#failovers", s(5), "write gap");
    is_accessible_everywhere(&browser);
    // It comes back as what it was, and must not be used.
    cluster.primary().start().unwrap();
    browser.until_text("#picture", s(20), "node-1 is fenced and not used");
    browser.until_text("#headline .advice", s(5), "lower_timeline");
    let heading = "eu-central-1 (this instance)";
    browser.until_text("#picture .heading", s(5), heading);
    is_accessible_everywhere(&browser);
    is_clean(&browser);
}

/// The standby that has the most is promoted, and the other follows it.
fn fail_over(cluster: &Cluster) {
    let position = "SELECT (pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::bigint::text AS value";
    let position = |node: usize| -> u64 {
        crate::support::ask(&cluster.nodes[node], position)
            .parse()
            .unwrap()
    };
    let (next, other) = if position(1) >= position(2) {
        (1, 2)
    } else {
        (2, 1)
    };
    cluster.nodes[next].promote().unwrap();
    cluster.nodes[other].follow(&cluster.nodes[next]).unwrap();
    cluster.nodes[other].stop(StopMode::Fast).unwrap();
    cluster.nodes[other].start().unwrap();
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn split_brain() {
    let (one, other) = (Cluster::alone(), Cluster::twin());
    let urls = [&one, &other].map(|cluster| cluster.primary().url(User::Application));
    let app = patient(Launch::on(urls)).start();
    let browser = watch(&app);
    browser.until_text(WORD, s(10), "split brain");
    browser.until_text("#headline .do", s(1), "Stop the wrong one");
    assert_eq!(browser.text("title"), "split brain: synapse-core");
    browser.until_text("#figures", s(1), "Writesrefused");
    eventually(s(5), "two rivals, and no arrow", || {
        let rivals = browser.eval("document.querySelectorAll('#picture .rival').length");
        let arrows = browser.eval("document.querySelectorAll('#picture .arrow').length");
        rivals == 2 && arrows == 0
    });
    is_accessible_everywhere(&browser);
    take_picture(&browser, "split-brain.png");
    other.primary().stop(StopMode::Fast).unwrap();
    browser.until_text(WORD, s(10), "degraded");
    is_clean(&browser);
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn all_down_and_back_again() {
    let cluster = Cluster::pair();
    let app = patient(cluster.launch()).healthy();
    let browser = watch(&app);
    browser.until_text(WORD, s(5), "healthy");
    cluster
        .nodes
        .iter()
        .for_each(|node| node.stop(StopMode::Fast).unwrap());
    browser.until_text(WORD, s(10), "down");
    browser.until_text("#figures", s(5), "Readsunavailable");
    browser.until_text("#tables", s(10), "attempts, next in");
    is_accessible_everywhere(&browser);
    take_picture(&browser, "down.png");
    cluster.nodes.iter().for_each(|node| node.start().unwrap());
    browser.until_text(WORD, Duration::from_secs(30), "healthy");
    is_clean(&browser);
}
