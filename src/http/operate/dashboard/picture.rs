//! The nodes as a picture: which follows which, how late it is, and which are set apart (fenced or down).

use maud::{Markup, html};

use super::snapshot::{Snapshot, is_late, is_primary};
use crate::db::cause::Cause;
use crate::db::status::NodeStatus;

// In units of the picture, which is drawn as wide as there is room.
const WIDTH: usize = 480;
const CARD: (usize, usize) = (174, 78);
const GAP: usize = 16;
const EDGE: usize = 2;
const RIGHT: usize = WIDTH - CARD.0 - EDGE;
/// The height of the heading above the nodes that are set apart.
const HEADING: usize = 30;
/// How many letters of a name fit on a card; the table has the whole name.
const LETTERS: usize = 18;

struct Placed<'n> {
    node: &'n NodeStatus,
    x: usize,
    y: usize,
}

pub fn picture(moment: &Snapshot) -> Markup {
    let (used, apart): (Vec<_>, Vec<_>) = moment.nodes.iter().partition(|node| node.state == "up");
    let (primaries, replicas): (Vec<_>, Vec<_>) = used.into_iter().partition(|n| is_primary(n));
    let rows = primaries.len().max(replicas.len()).max(1);
    let left = column(&primaries, EDGE, rows);
    let right = column(&replicas, RIGHT, rows);
    let below = height(rows) + EDGE;
    let apart = grid(&apart, below + HEADING);
    let bottom = apart.last().map(|placed| placed.y + CARD.1 + GAP);
    let bottom = bottom.unwrap_or(below);
    html! {
        svg.nodes viewBox={ "0 0 " (WIDTH) " " (bottom) } role="img" aria-labelledby="nodes-title nodes-desc" {
            title #nodes-title { "The nodes, and who follows whom" }
            desc #nodes-desc { (in_words(moment)) }
            @if primaries.is_empty() { (nobody(rows)) }
            @for replica in &right {
                @if let Some(primary) = left.first().filter(|_| follows(replica.node, moment)) {
                    (arrow(primary, replica))
                }
            }
            @for placed in left.iter().chain(&right) { (card(placed, moment)) }
            @if !apart.is_empty() {
                rect.apart x="1" y=(below) width=(WIDTH - 2) height=(bottom - below - 1) rx="10" {}
                text.heading x="16" y=(below + 21) { "Set apart: not used" }
                @for placed in &apart { (card(placed, moment)) }
            }
        }
    }
}

/// The height of this many cards above one another.
fn height(rows: usize) -> usize {
    rows * CARD.1 + rows.saturating_sub(1) * GAP + EDGE + GAP
}

/// Places nodes in a column, centred if the other column has more rows.
fn column<'n>(nodes: &[&'n NodeStatus], x: usize, rows: usize) -> Vec<Placed<'n>> {
    let free = (rows - nodes.len()) * (CARD.1 + GAP) / 2;
    let place = |(nth, node): (usize, &&'n NodeStatus)| Placed {
        node,
        x,
        y: EDGE + free + nth * (CARD.1 + GAP),
    };
    nodes.iter().enumerate().map(place).collect()
}

fn grid<'n>(nodes: &[&'n NodeStatus], top: usize) -> Vec<Placed<'n>> {
    let place = |(nth, node): (usize, &&'n NodeStatus)| Placed {
        node,
        x: 16 + nth % 2 * (WIDTH - 32 - CARD.0),
        y: top + nth / 2 * (CARD.1 + GAP),
    };
    nodes.iter().enumerate().map(place).collect()
}

fn follows(node: &NodeStatus, moment: &Snapshot) -> bool {
    moment.primary().is_some() && node.cause != Some(Cause::FollowsNobody)
}

/// Drawn in the place of the primary, if there is none.
fn nobody(rows: usize) -> Markup {
    let y = EDGE + (rows - 1) * (CARD.1 + GAP) / 2;
    html! {
        rect.nobody x=(EDGE) y=(y) width=(CARD.0) height=(CARD.1) rx="10" {}
        text.name x=(EDGE + CARD.0 / 2) y=(y + CARD.1 / 2 + 6) text-anchor="middle" { "no primary" }
    }
}

fn card(placed: &Placed, moment: &Snapshot) -> Markup {
    let Placed { node, x, y } = *placed;
    let role = node.role_name();
    let class = match node.state {
        "up" if is_primary(node) && moment.primary().is_none() => "rival",
        "up" if is_primary(node) => "primary",
        "up" => "replica",
        other => other,
    };
    let second = match (node.state, &node.region) {
        ("up", Some(region)) => format!("{role} · {}", short(region)),
        ("up", None) => role.to_owned(),
        (state, _) => format!("{state} · {role}"),
    };
    let third = match (node.cause, node.timeline) {
        (Some(cause), _) => cause.code().replace('_', " "),
        (None, Some(timeline)) => format!("timeline {timeline}"),
        (None, None) => String::new(),
    };
    html! {
        g.node.(class) {
            rect x=(x) y=(y) width=(CARD.0) height=(CARD.1) rx="10" {}
            rect.stripe x=(x) y=(y + 14) width="5" height=(CARD.1 - 28) {}
            text.name x=(x + 18) y=(y + 26) { (short(&node.name)) }
            text x=(x + 18) y=(y + 46) { (short(&second)) }
            text x=(x + 18) y=(y + 65) { (short(&third)) }
        }
    }
}

fn arrow(from: &Placed, to: &Placed) -> Markup {
    let node = to.node;
    let waited_for = node
        .sync_state
        .as_deref()
        .is_some_and(|state| ["sync", "quorum"].contains(&state));
    let (x1, y1) = (from.x + CARD.0 + 2, from.y + CARD.1 / 2);
    let (x2, y2) = (to.x - 12, to.y + CARD.1 / 2);
    let middle = usize::midpoint(x1, x2);
    let label_y = usize::midpoint(y1, y2);
    let lag = node.lag_ms.map_or("lag unknown".into(), delay);
    html! {
        g.arrow.waited-for[waited_for] {
            path.line d={ "M" (x1) " " (y1) " C" (middle) " " (y1) " " (middle) " " (y2) " " (x2) " " (y2) } {}
            path.head d={ "M" (x2 + 9) " " (y2) " l-11 -6 v12 z" } {}
            text x=(middle) y=(label_y - 8) text-anchor="middle" { (lag) }
            text x=(middle) y=(label_y + 20) text-anchor="middle" { (node.sync_state.as_deref().unwrap_or("")) }
        }
    }
}

/// A lag as people say it.
pub fn delay(ms: u64) -> String {
    match ms {
        0..=9_999 => format!("{ms} ms"),
        10_000..=599_999 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms / 60_000),
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    text.chars().take(LETTERS - 1).chain(['…']).collect()
}

/// The picture in words, for those who cannot see it.
fn in_words(moment: &Snapshot) -> String {
    let sentence = |node: &NodeStatus| {
        let (name, role) = (&node.name, node.role_name());
        let why = node
            .cause
            .map_or(String::new(), |cause| format!(": {cause}"));
        let late = match node.lag_ms {
            Some(lag_ms) if is_late(node, moment.max_lag) => {
                format!(", {} late, too late", delay(lag_ms))
            }
            Some(lag_ms) => format!(", {} late", delay(lag_ms)),
            None => String::new(),
        };
        match node.state {
            "up" => format!("{name} is up as {role}{late}{why}."),
            state => format!("{name} is {state} and not used{why}."),
        }
    };
    let nodes: Vec<String> = moment.nodes.iter().map(sentence).collect();
    let head = if moment.primary().is_some() {
        ""
    } else {
        "There is no one primary. "
    };
    format!("{head}{}", nodes.join(" "))
}
