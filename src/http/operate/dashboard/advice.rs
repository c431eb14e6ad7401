//! What an operator should do about a node.

use std::time::Duration;

use maud::{Markup, html};

use super::operation::{anchor_of, inline, remedy};
use super::snapshot::{Snapshot, is_late};
use crate::db::status::NodeStatus;

/// For each node that an operator should look at: what it is, why, and what to do.
pub fn advice(snapshot: &Snapshot) -> Markup {
    let troubled: Vec<&NodeStatus> = snapshot.troubled().collect();
    html! {
        @if !troubled.is_empty() {
            ul.advice {
                @for node in troubled { li { (of_node(node, snapshot.max_lag)) } }
            }
        }
    }
}

fn of_node(node: &NodeStatus, max_lag: Duration) -> Markup {
    let (name, state) = (&node.name, node.state);
    html! {
        strong { (name) }
        @if let Some(cause) = node.cause {
            " is " (state) " (" code { (cause.code()) } "): " (cause.sentence()) ". "
            @if let Some(remedy) = remedy(cause.code()) {
                span.do { "To do: " (inline(remedy)) ". " }
            }
            (manual("Causes"))
        } @else if is_late(node, max_lag) {
            " is late: by more than " (max_lag.as_millis()) " ms, so it serves default reads only where nothing better is up. "
            span.do { "To do: look at its load and at the network to its primary. " }
            (manual("What `/health` and `/status` say"))
        }
    }
}

/// A link to a section of the manual, which is in the repository as docs/operation.md.
pub fn manual(section: &str) -> Markup {
    let anchor = anchor_of(section).unwrap_or_default();
    html! {
        a.manual-link href={ "dashboard/operation#" (anchor) } { "docs/operation.md: " (section.replace('`', "")) }
    }
}
