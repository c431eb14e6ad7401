//! What people come for: the primary is killed under a load, and nothing is lost.

use crate::support::room::Dir;
use crate::support::wait::s;
use crate::support::{Launch, eventually, minimal};
use crate::{Browser, is_accessible_everywhere, is_clean, watch};

fn number(browser: &Browser, id: &str) -> u64 {
    let text = browser.text(&format!("#load-{id}"));
    text.trim_end_matches(" ms").parse().unwrap_or(u64::MAX)
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn the_primary_is_killed_under_a_load_and_nothing_is_lost_or_doubled() {
    let data = Dir::new("browser");
    let launch = Launch::bare();
    let bind = format!("127.0.0.1:{}", launch.port());
    let place = data.path().join("data");
    let app = launch
        .text("server.bind", &bind)
        .set("server.drain_ms", 0)
        .set("embedded.enabled", true)
        .text("embedded.data_dir", place.to_str().unwrap())
        .start();
    app.until_healthy(s(30));
    eventually(s(10), "replication is synchronous", || {
        app.create(&minimal()).expect(201).header("X-Durability") == "replicated"
    });
    let browser = watch(&app);
    is_accessible_everywhere(&browser);
    browser.click("#load");
    let acknowledged = || number(&browser, "acknowledged");
    eventually(s(20), "the load runs", || {
        let count = acknowledged();
        count != u64::MAX && count > 100
    });
    browser.click("#kill");
    browser.until_text("#failovers", s(20), "node-1 → node-2");
    let before = acknowledged();
    eventually(s(20), "the load goes on", || acknowledged() > before + 100);
    is_accessible_everywhere(&browser);
    browser.click("#load");
    browser.until_text(
        "#demonstration-said",
        s(30),
        "0 are lost, and 0 are doubled.",
    );
    let counters = ["lost", "doubled", "failed"].map(|id| number(&browser, id));
    assert_eq!(counters, [0, 0, 0]);
    assert!(number(&browser, "longest") < 8000);
    browser.until_text("#load", s(5), "Start the load");
    // The page counts as the databases do.
    let (transactions, expected) = (app.get_strong("/stats/status").json(), acknowledged());
    let rows = transactions["data"].as_array().unwrap().iter();
    let stored: u64 = rows.map(|row| row["count"].as_u64().unwrap()).sum();
    assert!(
        stored > expected,
        "{stored} of which {expected} are the page's"
    );
    is_clean(&browser);
}
