//! Whether, and how, another configured node follows a primary.

use super::judge::Memory;
use super::look::Look;
use std::time::Instant;

/// How another configured node follows a primary, and when that was heard. Later variants are better evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Following {
    /// The primary says that a standby follows it, and that standby does not answer.
    Unheard(Instant),
    /// The standby itself says that it streams from it.
    Streams(Instant),
    /// The same, and the primary's commits wait for that standby.
    Confirms(Instant),
}

impl Following {
    pub fn heard(self) -> Instant {
        let (Following::Unheard(heard) | Following::Streams(heard) | Following::Confirms(heard)) =
            self;
        heard
    }
}

pub fn is_confirmed(following: Option<Following>) -> bool {
    matches!(following, Some(Following::Confirms(_)))
}

/// The best evidence that there is. A standby's own word counts; for one that does not answer, the primary's.
pub fn following(primary: &Look, looks: &[Look], memory: &Memory) -> Option<Following> {
    // Two branches may have the same number, so the primary must list this standby too, if its user may see that.
    let is_known = |look: &Look| {
        let name = look.facts.upstream_name.as_deref();
        !primary.facts.sees_replication
            || name.is_some_and(|name| primary.facts.standbys.contains_key(name))
    };
    let answering = looks
        .iter()
        .filter(|look| look.is_receiving() && look.timeline == primary.timeline && is_known(look));
    let answering = answering.map(|standby| {
        let name = standby.facts.upstream_name.as_deref();
        if name.is_some_and(|name| primary.facts.is_synchronous(name)) {
            Following::Confirms(standby.asked)
        } else {
            Following::Streams(standby.asked)
        }
    });
    let is_silent = |node: &usize| looks.iter().all(|look| look.node != *node);
    let silent = (0..memory.nodes.len())
        .filter(is_silent)
        .filter_map(|node| {
            let name = memory.nodes[node].upstream_name.as_ref()?;
            let is_there = primary.facts.standbys.contains_key(name);
            is_there.then_some(Following::Unheard(primary.asked))
        });
    answering.chain(silent).max()
}
