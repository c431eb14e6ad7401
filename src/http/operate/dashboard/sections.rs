//! The sections of the page that change while one looks at it.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};

use super::advice::{advice, manual};
use super::charts::charts;
use super::picture::{delay, picture};
use super::snapshot::{Snapshot, is_late, is_primary};
use super::state::State;
use crate::db::status::{Failover, NodeStatus};
use crate::dispatch::LaneStatus;
use crate::http::operate::status;

pub struct Section {
    /// The id of its element on the page, and the name of its events.
    pub id: &'static str,
    pub render: fn(&Snapshot) -> Markup,
}

/// In the order of the page.
pub const SECTIONS: [Section; 7] = [
    section("clock", clock),
    section("headline", headline),
    section("figures", figures),
    section("picture", picture),
    section("failovers", failovers),
    section("charts", charts),
    section("tables", tables),
];

const fn section(id: &'static str, render: fn(&Snapshot) -> Markup) -> Section {
    Section { id, render }
}

fn clock(snapshot: &Snapshot) -> Markup {
    html! { (time(snapshot.at, "%H:%M:%S UTC")) }
}

fn headline(snapshot: &Snapshot) -> Markup {
    let told = snapshot.state.told();
    html! {
        div.state.(told.class) {
            (sign(snapshot.state))
            div {
                div role="status" {
                    h1.word { (told.word) }
                    p.sentence {
                        (told.sentence)
                        @if snapshot.draining { " This instance is stopping." }
                    }
                }
                p.do { (told.what_to_do) " " (manual(told.section)) }
                (advice(snapshot))
            }
        }
    }
}

/// A shape for each state, since not everybody can tell the colours apart.
fn sign(state: State) -> Markup {
    let shape = match state {
        State::Healthy => "M14 25l7 7 14-16",
        State::Degraded => "M24 13v14M24 33v2",
        State::WritesHeld => "M19 15v18M29 15v18",
        State::NotReplicated | State::NoRoom => "M13 24h22",
        State::SplitBrain => "M24 35V24M24 24L15 14M24 24L33 14",
        State::Down => "M16 16l16 16M32 16L16 32",
    };
    html! {
        svg.sign viewBox="0 0 48 48" aria-hidden="true" {
            circle cx="24" cy="24" r="22" {}
            path d=(shape) {}
        }
    }
}

fn figures(snapshot: &Snapshot) -> Markup {
    let last = snapshot.points.back();
    let requests = last.map_or(0.0, |point| point.answers.iter().sum());
    let milliseconds = |value: Option<f64>| value.map_or("–".into(), |ms| format!("{ms:.1} ms"));
    let timeline = snapshot
        .timeline
        .map_or("–".into(), |timeline| timeline.to_string());
    let reads = if snapshot.reads {
        "available"
    } else {
        "unavailable"
    };
    let writes = status::word(snapshot.writes);
    let facts = [
        ("Writes", writes.to_owned(), writes != "available"),
        ("Reads", reads.to_owned(), !snapshot.reads),
        ("Writes held", snapshot.held.to_string(), snapshot.held > 0),
        ("Requests", format!("{requests:.0}/s"), false),
        (
            "Latency p99",
            milliseconds(last.and_then(|point| point.p99_ms)),
            false,
        ),
        ("Timeline", timeline, false),
        ("Failovers", snapshot.failover_count.to_string(), false),
    ];
    html! {
        dl.figures {
            @for (name, value, bad) in &facts {
                div.bad[*bad] { dt { (name) } dd { (value) } }
            }
        }
    }
}

fn failovers(snapshot: &Snapshot) -> Markup {
    html! {
        @if snapshot.failovers.is_empty() {
            p.none { "None since this instance was started." }
        } @else {
            ol.failovers reversed { @for failover in &snapshot.failovers { (failover_of(failover)) } }
        }
    }
}

/// One failover. The gap is drawn on a logarithmic scale, from 10 ms to 100 s.
fn failover_of(failover: &Failover) -> Markup {
    let gap_ms = u64::try_from(failover.write_gap.as_millis()).unwrap_or(u64::MAX);
    let decades = (failover.write_gap.as_secs_f64() * 1e3).max(10.0).log10() - 1.0;
    let width = (decades / 4.0).clamp(0.02, 1.0) * 200.0;
    html! {
        li {
            p { (time(failover.at, "%d %b %H:%M:%S UTC")) }
            p { strong { (failover.from) " → " (failover.to) } ", timeline " (failover.timeline) }
            p {
                svg.gap viewBox="0 0 200 8" aria-hidden="true" {
                    rect.all width="200" height="8" rx="4" {}
                    rect.part width=(format!("{width:.0}")) height="8" rx="4" {}
                }
                " write gap " b { (delay(gap_ms)) }
            }
            p { code { (failover.reason.code()) } ": " (failover.reason.sentence()) ". " (manual("Causes")) }
        }
    }
}

fn tables(snapshot: &Snapshot) -> Markup {
    html! {
        (scrolled("Nodes", html! {
            table {
                caption { "Nodes" }
                thead { tr {
                    @for name in ["Node", "State", "Role", "Region", "Address", "Timeline", "Lag", "Sync", "Round trip", "Connections", "Since"] {
                        th scope="col" { (name) }
                    }
                } }
                tbody { @for node in &snapshot.nodes { (node_row(node, snapshot)) } }
            }
        }))
        (scrolled("Lanes", html! {
            table {
                caption { "Lanes: work that waits for its turn" }
                thead { tr {
                    @for name in ["Lane", "Waiting", "Statements", "Jobs a statement", "Sizes: 1, 2, 4, … 64"] {
                        th scope="col" { (name) }
                    }
                } }
                tbody { @for lane in &snapshot.lanes { (lane_row(lane, snapshot)) } }
            }
        }))
    }
}

/// A table that can be scrolled within its own frame on a narrow screen, by keyboard too.
fn scrolled(name: &str, table: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(name) { (table) } }
}

fn node_row(node: &NodeStatus, snapshot: &Snapshot) -> Markup {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    let pool = node.pool;
    let next = node.next_attempt_in.map(|next| next.as_secs());
    html! {
        tr {
            th scope="row" { (node.name) }
            td {
                span.badge.(node.state) { (node.state) }
                @if let Some(cause) = node.cause { " " code { (cause.code()) } }
                @if let Some(next) = next { br; small { (node.attempts) " attempts, next in " (next) " s" } }
            }
            td { (node.role_name()) }
            td { (or_dash(node.region.clone())) }
            td { (node.address) }
            td { (or_dash(node.timeline.map(|it| it.to_string()))) }
            td.late[is_late(node, snapshot.max_lag)] { (or_dash(node.lag_ms.filter(|_| !is_primary(node)).map(delay))) }
            td { (or_dash(node.sync_state.clone())) }
            td { (or_dash(node.rtt.map(|rtt| format!("{:.1} ms", rtt.as_secs_f64() * 1e3)))) }
            td { (bar(pool.in_use, pool.max as usize)) " " (pool.in_use) " of " (pool.max) ", " (pool.open) " open" }
            td { (time(node.since, "%d %b %H:%M:%S")) }
        }
    }
}

fn lane_row(lane: &LaneStatus, snapshot: &Snapshot) -> Markup {
    let sizes = lane.batches.buckets();
    let statements = lane.batches.count();
    let mean = if statements == 0 {
        "–".to_owned()
    } else {
        format!("{:.1}", lane.batches.sum / statements as f64)
    };
    let highest = sizes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let waits = lane.holds && snapshot.held > 0 && lane.waiting > 0;
    html! {
        tr {
            th scope="row" { code { (lane.name) } }
            td { (lane.waiting) @if waits { " " span.badge.held { "held" } } }
            td { (statements) }
            td { (mean) }
            td {
                svg.sizes viewBox="0 0 80 20" aria-hidden="true" {
                    @for (nth, (_, count)) in sizes.iter().enumerate() {
                        @let height = if *count == 0 { 1 } else { 2 + 18 * count / highest };
                        rect x=(nth * 10) y=(20 - height) width="8" height=(height) {}
                    }
                }
            }
        }
    }
}

fn bar(part: usize, all: usize) -> Markup {
    let width = 60 * part.min(all) / all.max(1);
    html! {
        svg.bar viewBox="0 0 60 8" aria-hidden="true" {
            rect.all width="60" height="8" rx="4" {}
            rect.part width=(width) height="8" rx="4" {}
        }
    }
}

fn time(at: DateTime<Utc>, format: &str) -> Markup {
    let whole = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    html! { time datetime=(whole) { (at.format(format)) } }
}
