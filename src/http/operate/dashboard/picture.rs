//! The nodes as a picture: which follows which, how late it is, and which are not used (fenced or down). Where the nodes are in regions,
//! each region is a frame; otherwise those that are not used are set apart.

use maud::{Markup, html};

use super::regions;
use super::snapshot::{Snapshot, is_late, is_primary};
use crate::db::cause::Cause;
use crate::db::status::NodeStatus;

// In units of the picture, which is drawn as wide as there is room.
pub const WIDTH: usize = 480;
pub const CARD: (usize, usize) = (174, 78);
pub const GAP: usize = 16;
pub const EDGE: usize = 2;
const RIGHT: usize = WIDTH - CARD.0 - EDGE;
/// The height of a heading above the nodes that belong together.
pub const HEADING: usize = 30;
/// How many letters of a name fit on a card; the table has the whole name.
const LETTERS: usize = 18;

pub struct Placed<'n> {
    node: &'n NodeStatus,
    x: usize,
    y: usize,
}

pub struct Drawing<'n> {
    pub backdrop: Markup,
    pub cards: Vec<Placed<'n>>,
    pub height: usize,
}

pub fn picture(snapshot: &Snapshot) -> Markup {
    let drawing = match regions::of(snapshot).as_slice() {
        [None] => drawing(snapshot),
        all => regions::drawing(snapshot, all),
    };
    let primary = snapshot.primary().and_then(|primary| {
        let mut cards = drawing.cards.iter();
        cards.find(|card| card.node.name == primary.name)
    });
    html! {
        svg.nodes viewBox={ "0 0 " (WIDTH) " " (drawing.height) } role="img" aria-labelledby="nodes-title nodes-desc" {
            title #nodes-title { "The nodes, and who follows whom" }
            desc #nodes-desc { (in_words(snapshot)) }
            (drawing.backdrop)
            @if let Some(primary) = primary {
                @for card in drawing.cards.iter().filter(|card| follows(card.node)) { (arrow(primary, card)) }
            }
            @for placed in &drawing.cards { (card(placed, snapshot)) }
        }
    }
}

/// The primary on the left, those that follow it on the right, and below them those that are not used.
fn drawing(snapshot: &Snapshot) -> Drawing<'_> {
    let (used, apart): (Vec<_>, Vec<_>) =
        snapshot.nodes.iter().partition(|node| node.state == "up");
    let (primaries, replicas): (Vec<_>, Vec<_>) = used.into_iter().partition(|n| is_primary(n));
    let rows = primaries.len().max(replicas.len()).max(1);
    let below = height(rows) + EDGE;
    let apart = grid(&apart, below + HEADING);
    let bottom = apart.last().map(|placed| placed.y + CARD.1 + GAP);
    let height = bottom.unwrap_or(below);
    let middle = EDGE + (rows - 1) * (CARD.1 + GAP) / 2;
    let backdrop = html! {
        @if primaries.is_empty() { (nobody(middle, CARD)) }
        @if !apart.is_empty() {
            rect.apart x="1" y=(below) width=(WIDTH - 2) height=(height - below - 1) rx="10" {}
            text.heading x="16" y=(below + 21) { "Set apart: not used" }
        }
    };
    let mut cards = column(&primaries, (EDGE, EDGE), rows);
    cards.extend(column(&replicas, (RIGHT, EDGE), rows));
    cards.extend(apart);
    Drawing {
        backdrop,
        cards,
        height,
    }
}

/// The height of this many cards above one another.
fn height(rows: usize) -> usize {
    rows * CARD.1 + rows.saturating_sub(1) * GAP + EDGE + GAP
}

/// Places nodes in a column that begins here, centred if the other column has more rows.
pub fn column<'n>(
    nodes: &[&'n NodeStatus],
    (x, top): (usize, usize),
    rows: usize,
) -> Vec<Placed<'n>> {
    let free = (rows - nodes.len()) * (CARD.1 + GAP) / 2;
    let place = |(nth, node): (usize, &&'n NodeStatus)| Placed {
        node,
        x,
        y: top + free + nth * (CARD.1 + GAP),
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

fn follows(node: &NodeStatus) -> bool {
    node.state == "up" && !is_primary(node) && node.cause != Some(Cause::FollowsNobody)
}

/// Drawn in the place of the primary, if there is none.
pub fn nobody(y: usize, (width, height): (usize, usize)) -> Markup {
    html! {
        rect.nobody x=(EDGE) y=(y) width=(width) height=(height) rx="10" {}
        text.name x=(EDGE + width / 2) y=(y + height / 2 + 6) text-anchor="middle" { "no primary" }
    }
}

fn card(placed: &Placed, snapshot: &Snapshot) -> Markup {
    let Placed { node, x, y } = *placed;
    let role = node.role_name();
    let class = match node.state {
        "up" if is_primary(node) && snapshot.primary().is_none() => "rival",
        "up" if is_primary(node) => "primary",
        "up" => "replica",
        other => other,
    };
    let second = match node.state {
        "up" => role.to_owned(),
        state => format!("{state} · {role}"),
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
            text.name x=(x + 18) y=(y + 26) { (short(&node.name, LETTERS)) }
            text x=(x + 18) y=(y + 46) { (short(&second, LETTERS)) }
            text x=(x + 18) y=(y + 65) { (short(&third, LETTERS)) }
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

pub fn short(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters - 1).chain(['…']).collect()
}

/// The picture in words, for those who cannot see it.
fn in_words(snapshot: &Snapshot) -> String {
    let sentence = |node: &NodeStatus| {
        let (name, role) = (&node.name, node.role_name());
        let why = node
            .cause
            .map_or(String::new(), |cause| format!(": {cause}"));
        let late = match node.lag_ms {
            Some(lag_ms) if is_late(node, snapshot.max_lag) => {
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
    let regions = regions::of(snapshot);
    let of_region = |region: &Option<&str>| {
        let nodes = regions::nodes_in(*region, snapshot);
        let sentences = nodes.map(sentence).collect::<Vec<_>>().join(" ");
        match regions[..] {
            [None] => sentences,
            _ => format!("{}: {sentences}", regions::title(*region, snapshot)),
        }
    };
    let head = if snapshot.primary().is_some() {
        ""
    } else {
        "There is no one primary. "
    };
    let all: Vec<String> = regions.iter().map(of_region).collect();
    format!("{head}{}", all.join(" "))
}
