//! The picture of nodes in regions: a frame for each region, with all its nodes, whatever their state. The primary is on the left, so that
//! the arrows to its replicas cross from frame to frame.

use maud::html;

use super::picture::{CARD, Drawing, EDGE, GAP, HEADING, WIDTH, column, nobody, short};
use super::snapshot::{Snapshot, is_primary};
use crate::db::status::NodeStatus;

/// How many letters of a title fit into a frame; the description has the whole title.
const LETTERS: usize = 48;

/// The regions of the nodes, in the order of the settings. None: nodes without one.
pub fn of(snapshot: &Snapshot) -> Vec<Option<&str>> {
    let mut regions = Vec::new();
    for node in &snapshot.nodes {
        let region = node.region.as_deref();
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    regions
}

pub fn nodes_in<'s>(
    region: Option<&str>,
    snapshot: &'s Snapshot,
) -> impl Iterator<Item = &'s NodeStatus> {
    let nodes = snapshot.nodes.iter();
    nodes.filter(move |node| node.region.as_deref() == region)
}

/// What a region is called, and whether this instance is there too.
pub fn title(region: Option<&str>, snapshot: &Snapshot) -> String {
    match region {
        None => "no region".into(),
        Some(region) if snapshot.region.as_deref() == Some(region) => {
            format!("{region} (this instance)")
        }
        Some(region) => region.into(),
    }
}

pub fn drawing<'s>(snapshot: &'s Snapshot, regions: &[Option<&str>]) -> Drawing<'s> {
    let banner = (WIDTH - 2 * EDGE, HEADING);
    let without_primary = !snapshot.nodes.iter().any(is_primary);
    let mut top = match without_primary {
        true => EDGE + banner.1 + GAP,
        false => EDGE,
    };
    let (mut cards, mut frames) = (Vec::new(), Vec::new());
    for region in regions {
        let nodes = nodes_in(*region, snapshot);
        let (primaries, others): (Vec<_>, Vec<_>) = nodes.partition(|node| is_primary(node));
        let rows = primaries.len().max(others.len());
        cards.extend(column(&primaries, (GAP, top + HEADING), rows));
        let right = WIDTH - GAP - CARD.0;
        cards.extend(column(&others, (right, top + HEADING), rows));
        let height = HEADING + rows * (CARD.1 + GAP);
        frames.push((title(*region, snapshot), top, height));
        top += height + GAP;
    }
    let backdrop = html! {
        @if without_primary { (nobody(EDGE, banner)) }
        @for (title, top, height) in &frames {
            rect.region x=(EDGE) y=(top) width=(WIDTH - 2 * EDGE) height=(height) rx="10" {}
            text.heading x=(GAP) y=(top + 21) { (short(title, LETTERS)) }
        }
    };
    Drawing {
        backdrop,
        cards,
        height: top - GAP + EDGE,
    }
}
