//! The dashboard in a real browser: each state of the service is produced for real and looked at.
//!
//! `tests/browser/run` installs what is needed and runs them; `tests/browser/run pictures` also takes the pictures of docs/dashboard.

#[path = "../service/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of the service"
)]
mod support;

mod access;
mod demonstration;
mod driver;
mod page;
mod states;
mod transactions;

pub use driver::Browser;

use access::is_accessible;
use std::path::Path;
use support::{App, Launch};

/// A browser takes the machine for itself now and then, and a database that is late is not down.
fn patient(launch: Launch) -> Launch {
    launch.set("database.probe_timeout_ms", 5000)
}

/// A browser that shows the dashboard, and is told of changes.
fn watch(app: &App) -> Browser {
    let browser = Browser::start();
    browser.open(&app.url("/dashboard"));
    browser.until_live();
    browser
}

/// Nothing was asked for elsewhere, and the browser has nothing to complain of.
#[track_caller]
fn is_clean(browser: &Browser) {
    let elsewhere = "performance.getEntriesByType('resource').map((of) => of.name).filter((of) => !of.startsWith(location.origin))";
    assert_eq!(browser.eval(elsewhere), serde_json::json!([]));
    let complaints = browser.complaints();
    // No icon is served, and while the service is being restarted there is no answer at all.
    let expected = [
        "favicon.ico",
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
    ];
    let is_expected = |it: &&String| expected.iter().any(|part| it.contains(part));
    let complaints: Vec<_> = complaints.iter().filter(|it| !is_expected(it)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Into docs/dashboard, where pictures were asked for.
fn take_picture(browser: &Browser, name: &str) {
    if !wants_pictures() {
        return;
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dashboard");
    std::fs::create_dir_all(&dir).unwrap();
    let picture = browser.picture();
    let bytes = picture.len();
    assert!(bytes <= 150 * 1024, "{name}: {bytes} bytes");
    std::fs::write(dir.join(name), picture).unwrap();
}

fn wants_pictures() -> bool {
    std::env::var_os("BROWSER_PICTURES").is_some()
}

/// In light and dark, at a desk and on a phone.
#[track_caller]
fn is_accessible_everywhere(browser: &Browser) {
    for scheme in ["dark", "light"] {
        browser.prefer(scheme);
        browser.phone();
        is_accessible(browser, &format!("{scheme}, on a phone"));
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        let overflow = browser.eval(overflow).as_i64().unwrap();
        assert!(
            overflow <= 0,
            "the page is {overflow} px too wide for a phone"
        );
        browser.desktop();
        is_accessible(browser, &format!("{scheme}, at a desk"));
    }
}
