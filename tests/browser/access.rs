//! Whether everybody can use the page, as far as a program can tell: axe-core, which tests/browser/run fetches.

use crate::Browser;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::LazyLock;

static AXE: LazyLock<String> = LazyLock::new(|| {
    let file = std::env::var_os("AXE_CORE").expect("AXE_CORE names axe.min.js: tests/browser/run");
    std::fs::read_to_string(PathBuf::from(file)).unwrap()
});

/// No violation of WCAG 2.0 and 2.1, A and AA.
#[track_caller]
pub fn is_accessible(browser: &Browser, how: &str) {
    if browser.eval("typeof axe") == "undefined" {
        browser.eval(&format!("{};0", *AXE));
    }
    let found = browser.eval(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then((found) => ({\
            passed: found.passes.length,\
            violations: found.violations.map((of) => ({rule: of.id, nodes: of.nodes.map((node) => node.html + ': ' + node.failureSummary)})),\
        }))",
    );
    assert_eq!(
        found["violations"],
        Value::Array(Vec::new()),
        "{how}: {found:#}"
    );
    assert!(found["passed"].as_u64() > Some(10), "{how}: {found}");
}
