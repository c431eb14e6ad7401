//! Every alert asks for what there is, and says what to do.

use super::expressions::Shown;
use super::{file, text};
use crate::support::shared;
use std::io::ErrorKind;
use std::process::Command;

const RULES: &str = "deploy/prometheus/alerts.yaml";
const RUNBOOK: &str = "docs/runbook.md";

/// An alert as it stands in the file, which is regular enough to be read by line; promtool reads it as what it is.
#[derive(Default)]
struct Alert {
    name: String,
    expression: String,
    /// Its other lines.
    rest: String,
}

fn alerts() -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut in_expression = false;
    for line in text(RULES).lines() {
        let content = line.trim();
        if let Some(name) = content.strip_prefix("- alert: ") {
            let name = name.to_owned();
            alerts.push(Alert {
                name,
                ..Alert::default()
            });
        }
        let Some(alert) = alerts.last_mut() else {
            continue;
        };
        let is_deeper = line.starts_with("          ");
        if let Some(expression) = content.strip_prefix("expr: ") {
            in_expression = expression == "|";
            alert.expression = expression.trim_start_matches('|').to_owned();
        } else if in_expression && is_deeper {
            alert.expression += content;
            alert.expression += " ";
        } else if !content.starts_with('#') {
            in_expression = false;
            alert.rest += content;
            alert.rest += "\n";
        }
    }
    assert!(alerts.len() > 10, "this test would pass without looking");
    alerts
}

#[test]
fn every_metric_and_label_of_the_alerts_is_shown() {
    let shown = Shown::by(&shared().app);
    for alert in alerts() {
        let missing = shown.missing(&alert.expression, &[&alert.rest]);
        assert!(missing.is_empty(), "{}: {missing:?}", alert.name);
        assert!(!alert.expression.is_empty(), "{}", alert.name);
    }
}

#[test]
fn every_alert_has_its_entry_in_the_runbook_and_every_entry_its_alert() {
    let alerts = alerts();
    let runbook = text(RUNBOOK);
    let entries: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let names: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(entries, names);
    for alert in &alerts {
        let link = format!("runbook_url: {RUNBOOK}#{}\n", alert.name.to_lowercase());
        assert!(alert.rest.contains(&link), "{}", alert.name);
    }
}

/// Where promtool is installed (Debian: prometheus).
#[test]
fn promtool_accepts_the_rules_and_their_tests() {
    for (kind, name) in [("check", "alerts.yaml"), ("test", "alerts_test.yaml")] {
        let output = Command::new("promtool")
            .args([kind, "rules", name])
            .current_dir(file("deploy/prometheus"))
            .output();
        match output {
            Ok(output) => assert!(output.status.success(), "{output:#?}"),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return eprintln!("promtool is not installed: the alert rules were not tried");
            }
            Err(error) => panic!("promtool: {error}"),
        }
    }
}
