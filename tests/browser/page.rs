//! The page itself: without scripts, by keyboard, and when the service goes away.

use crate::support::wait::s;
use crate::support::{Cluster, eventually};
use crate::{Browser, is_accessible, is_clean, patient, watch};
use serde_json::Value;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn without_scripts_it_shows_all_and_asks_again_by_itself() {
    let cluster = Cluster::pair();
    let app = patient(cluster.launch()).healthy();
    let browser = Browser::start();
    browser.without_scripts();
    browser.open(&app.url("/dashboard"));
    let page = browser.source();
    assert!(page.contains(">healthy</h1>"), "{page}");
    for part in ["node-1", "node-2", "Lanes", "Again every 5 s."] {
        assert!(page.contains(part), "{part}");
    }
    cluster.primary().kill().unwrap();
    eventually(s(15), "it has asked again", || {
        browser.source().contains(">writes held</h1>")
    });
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn the_keyboard_reaches_all_and_keeps_its_place_while_the_page_changes() {
    let cluster = Cluster::pair();
    let app = patient(cluster.launch()).healthy();
    let browser = watch(&app);
    let focus =
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent";
    browser.press(TAB);
    assert_eq!(browser.eval(focus), "Skip to the content");
    browser.press(ENTER);
    assert_eq!(browser.eval("location.hash"), "#main");
    let mut reached = Vec::new();
    while reached.last() != Some(&Value::from("Nodes")) {
        assert!(reached.len() < 20, "{reached:?}");
        browser.press(TAB);
        reached.push(browser.eval(focus));
    }
    // Within an element that is sent again when it changes.
    let clock = browser.text("#clock");
    cluster.primary().kill().unwrap();
    browser.until_text(".word", s(5), "writes held");
    eventually(s(5), "time goes on", || browser.text("#clock") != clock);
    assert_eq!(browser.eval(focus), "Nodes");
    is_clean(&browser);
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn a_service_that_is_restarted_is_found_again() {
    let cluster = Cluster::alone();
    let app = patient(cluster.launch()).start();
    let browser = watch(&app);
    app.signal(nix::sys::signal::Signal::SIGKILL);
    browser.until_text("#connection", s(10), "not live");
    app.kill_and_restart();
    browser.until_live();
    is_clean(&browser);
}

#[test]
#[ignore = "needs Chromium: tests/browser/run"]
fn the_manual_is_there_and_its_sections_are_found() {
    let cluster = Cluster::alone();
    let app = patient(cluster.launch()).start();
    let browser = watch(&app);
    browser.click("#headline .manual-link");
    eventually(s(5), "the manual", || browser.text("h1") == "Operation");
    let target = browser.eval("document.querySelector(location.hash).textContent");
    assert_eq!(target, "What /health and /status say");
    is_accessible(&browser, "the manual");
    is_clean(&browser);
}
