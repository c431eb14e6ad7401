//! The Grafana dashboard asks for what there is, and shows all of it.

use super::expressions::Shown;
use super::text;
use crate::metrics::CONTRACT;
use crate::support::shared;
use serde_json::Value;
use std::collections::HashSet;

fn dashboard() -> Value {
    serde_json::from_str(&text("deploy/grafana/synapse-core.json")).unwrap()
}

/// Every object in the document.
fn objects(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.is_object().then_some(value);
    own.into_iter()
        .chain(inner.into_iter().flat_map(objects))
        .collect()
}

/// Expressions, each with what its legend refers to.
fn expressions(dashboard: &Value) -> Vec<(&str, &str)> {
    let expressions = objects(dashboard).into_iter().filter_map(|object| {
        let legend = object.get("legendFormat").or(object.get("titleFormat"));
        let legend = legend.and_then(Value::as_str).unwrap_or("");
        Some((object.get("expr")?.as_str().unwrap(), legend))
    });
    expressions.collect()
}

#[test]
fn every_metric_and_label_of_the_dashboard_is_shown() {
    let shown = Shown::by(&shared().app);
    let dashboard = dashboard();
    let mut missing: Vec<String> = Vec::new();
    for (expression, legend) in expressions(&dashboard) {
        missing.extend(shown.missing(expression, &[legend]));
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let Some(definition) = variable.get("definition") else {
            continue;
        };
        let inside = definition.as_str().unwrap().strip_prefix("label_values(");
        let inside = inside.and_then(|inside| inside.strip_suffix(')')).unwrap();
        let (metric, label) = inside.rsplit_once(", ").unwrap();
        missing.extend(shown.missing(metric, &[&format!("{{{{{label}}}}}")]));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_metric_of_the_contract_is_on_the_dashboard() {
    let dashboard = dashboard();
    let expressions = expressions(&dashboard);
    for (metric, _) in CONTRACT {
        let is_shown = expressions.iter().any(|(text, _)| text.contains(metric));
        assert!(is_shown, "{metric} is in no panel");
    }
}

/// So that it can be imported anywhere, and again.
#[test]
fn the_dashboard_is_bound_to_no_data_source_and_keeps_its_identifiers() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "synapse-core");
    assert!(dashboard.get("id").is_none(), "Grafana gives it");
    let sources = objects(&dashboard)
        .into_iter()
        .filter_map(|object| object.get("datasource"));
    assert!(
        sources
            .into_iter()
            .all(|source| source["uid"] == "${datasource}")
    );
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: HashSet<i64> = panels.iter().map(|p| p["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}
