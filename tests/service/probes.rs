//! `/health`, `/live`, `/ready`, `/status`, `/errors`.

use crate::support::app::{HEALTHY, HEALTHY_ALONE};
use crate::support::wait::s;
use crate::support::{Cluster, eventually, shared};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CONTRACT: &str = "
400 malformed_json validation_failed unknown_field invalid_parameter unknown_parameter invalid_cursor invalid_id invalid_if_match
400 invalid_consistency_token idempotency_key_missing invalid_idempotency_key duplicate_in_batch
401 unauthorized invalid_signature signature_timestamp_out_of_range
403 forbidden
404 not_found transaction_not_found
405 method_not_allowed
413 payload_too_large
415 unsupported_media_type
409 anchor_transaction_conflict invalid_status_transition consistency_token_unknown idempotency_request_in_progress
412 precondition_failed
428 precondition_required
422 idempotency_key_reused
429 rate_limited
500 internal_error
503 primary_unavailable outcome_unknown read_unavailable consistency_unavailable overloaded draining durability_unavailable
503 split_brain callback_not_configured";

#[test]
fn health_is_exactly_what_the_contract_says() {
    let it = shared();
    let answer = it.app.get("/health").expect(200);
    assert_eq!(
        (answer.text.as_str(), answer.header("Content-Type")),
        (HEALTHY, "application/json")
    );
}

#[test]
fn a_replica_that_is_not_configured_is_null() {
    let cluster = Cluster::alone();
    let app = cluster.launch().healthy();
    assert_eq!(app.health(), HEALTHY_ALONE);
}

#[test]
fn health_tells_which_side_is_down() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    let unhealthy = |primary, replica| {
        format!(
            r#"{{"status":"unhealthy","version":"0.1.0","db_primary":"{primary}","db_replica":"{replica}"}}"#
        )
    };
    cluster.replica().kill().unwrap();
    eventually(s(3), "the replica is disconnected", || {
        app.health() == unhealthy("connected", "disconnected")
    });
    assert_eq!(app.get("/health").status, 503);
    cluster.primary().kill().unwrap();
    eventually(s(3), "both are disconnected", || {
        app.health() == unhealthy("disconnected", "disconnected")
    });
    cluster.replica().start().unwrap();
    eventually(s(5), "the replica is connected", || {
        app.health() == unhealthy("disconnected", "connected")
    });
    cluster.primary().start().unwrap();
    eventually(s(5), "all is well", || app.health() == HEALTHY);
}

#[test]
fn one_of_two_replicas_down_is_unhealthy() {
    let cluster = Cluster::with_replicas(2);
    let app = cluster.launch().healthy();
    cluster.nodes[2].kill().unwrap();
    eventually(s(3), "a replica is missing", || {
        app.get("/health").status == 503
    });
    assert_eq!(app.get("/health").json()["db_replica"], "disconnected");
    cluster.nodes[2].start().unwrap();
    app.until_healthy(s(5));
}

#[test]
fn a_service_is_alive_whatever_its_databases_are() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    assert_eq!(app.get("/live").expect(200).text, r#"{"status":"alive"}"#);
    assert_eq!(
        app.get("/ready").expect(200).text,
        r#"{"status":"ready","draining":false,"reads":true,"writes":true}"#
    );
    cluster.primary().kill().unwrap();
    let read_only = json!({"status": "ready", "draining": false, "reads": true, "writes": false});
    eventually(s(3), "ready for reads alone", || {
        app.get("/ready").expect(200).json() == read_only
    });
    cluster.replica().kill().unwrap();
    eventually(s(3), "not ready", || app.get("/ready").status == 503);
    let nothing =
        json!({"status": "not_ready", "draining": false, "reads": false, "writes": false});
    assert_eq!(app.get("/ready").json(), nothing);
    assert_eq!(app.get("/live").expect(200).text, r#"{"status":"alive"}"#);
    cluster.nodes.iter().for_each(|node| node.start().unwrap());
    eventually(s(5), "ready", || app.get("/ready").status == 200);
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn status_shows_every_node() {
    let cluster = Cluster::pair();
    let app = cluster
        .launch()
        .text("server.region", "eu-west-1")
        .text("database.primary.region", "eu-west-1")
        .healthy();
    let port = |node: usize| format!("127.0.0.1:{}", cluster.nodes[node].port());
    eventually(s(5), "the replica's sync state is known", || {
        app.get("/status").json()["nodes"][1]["sync_state"] == "async"
    });
    let status = app.get("/status").expect(200).json();
    assert_eq!(status["embedded"], false);
    assert_eq!(
        keys(&status),
        [
            "version",
            "region",
            "writes",
            "reads",
            "timeline",
            "nodes",
            "failovers",
            "embedded"
        ]
    );
    let whole = json!({"version": "0.1.0", "region": "eu-west-1", "writes": "available", "reads": "available", "timeline": 1});
    for (key, value) in whole.as_object().unwrap() {
        assert_eq!(&status[key], value, "{key}");
    }
    assert_eq!(status["failovers"], json!([]));
    let nodes = status["nodes"].as_array().unwrap();
    let expected = [
        ("node-1", json!("eu-west-1"), port(0), "primary"),
        ("node-2", json!(null), port(1), "replica"),
    ];
    assert_eq!(nodes.len(), 2);
    for (node, (name, region, address, role)) in nodes.iter().zip(expected) {
        let names = [
            "name",
            "region",
            "address",
            "state",
            "role",
            "timeline",
            "lag_ms",
            "sync_state",
            "rtt_ms",
            "pool",
            "since",
            "cause",
            "attempts",
            "next_attempt_in_ms",
        ];
        assert_eq!(keys(node), names);
        assert_eq!(
            (&node["name"], &node["region"], &node["address"]),
            (&json!(name), &region, &json!(address))
        );
        assert_eq!(
            (&node["state"], &node["role"], &node["timeline"]),
            (&json!("up"), &json!(role), &json!(1))
        );
        assert_eq!(
            (&node["pool"]["max"], &node["cause"], &node["attempts"]),
            (&json!(10), &json!(null), &json!(0))
        );
        assert!(
            node["rtt_ms"]
                .as_f64()
                .is_some_and(|rtt| rtt > 0.0 && rtt < 1000.0),
            "{node}"
        );
        assert!(
            node["lag_ms"].is_u64()
                && node["pool"]["open"].is_u64()
                && node["pool"]["in_use"].is_u64(),
            "{node}"
        );
    }
}

#[test]
fn status_tells_why_a_node_is_down_and_when_it_is_tried_again() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cluster.replica().kill().unwrap();
    let node = || app.get("/status").json()["nodes"][1].clone();
    eventually(s(3), "the node is down", || node()["state"] == "down");
    eventually(s(5), "it was tried", || {
        node()["attempts"].as_u64() >= Some(1) && node()["next_attempt_in_ms"].is_u64()
    });
    let down = node();
    assert!(
        down["cause"]
            .as_str()
            .is_some_and(|cause| !cause.is_empty()),
        "{down}"
    );
    assert!(down["next_attempt_in_ms"].as_u64() <= Some(4000), "{down}");
    assert_eq!(down["pool"]["in_use"], 0);
    cluster.replica().start().unwrap();
    eventually(s(3), "it is up", || {
        node()["state"] == "up" && node()["cause"].is_null() && node()["attempts"] == 0
    });
}

#[test]
fn status_tells_whether_writes_are_held() {
    let cluster = Cluster::pair();
    let app = cluster.launch().healthy();
    cluster.primary().kill().unwrap();
    eventually(s(3), "writes are held", || {
        app.get("/status").json()["writes"] == "held"
    });
    assert_eq!(app.get("/status").json()["reads"], "available");
    cluster.replica().kill().unwrap();
    eventually(s(3), "no reads", || {
        app.get("/status").json()["reads"] == "unavailable"
    });
    cluster.nodes.iter().for_each(|node| node.start().unwrap());
    eventually(s(5), "all available", || {
        let status = app.get("/status").json();
        status["writes"] == "available" && status["reads"] == "available"
    });
}

#[test]
fn every_error_code_is_listed() {
    let it = shared();
    let list = it.app.get("/errors").expect(200).json();
    let entries = list.as_array().or(list["data"].as_array()).unwrap().clone();
    let mut listed = BTreeMap::new();
    for entry in &entries {
        assert_eq!(
            keys(entry),
            ["code", "status", "type", "title", "retryable", "outcome"]
        );
        let code = entry["code"].as_str().unwrap();
        assert_eq!(
            entry["type"],
            format!("/problems/{}", code.replace('_', "-"))
        );
        let status = entry["status"].as_u64().unwrap();
        let retryable = matches!(status, 429 | 503) || code == "idempotency_request_in_progress";
        assert_eq!(entry["retryable"], retryable, "{code}");
        let may_be_applied = ["outcome_unknown", "internal_error"].contains(&code);
        assert_eq!(entry["outcome"] == "unknown", may_be_applied, "{entry}");
        listed.insert(code.to_owned(), status);
    }
    for line in CONTRACT.lines().filter(|line| !line.is_empty()) {
        let (status, codes) = line.split_once(' ').unwrap();
        for code in codes.split(' ') {
            assert_eq!(
                listed.get(code).map(u64::to_string).as_deref(),
                Some(status),
                "{code}"
            );
        }
    }
}
