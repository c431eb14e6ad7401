//! What one node says, as far as the branches of the history are told apart by it.

use super::super::probe::Facts;
use super::super::role::DbRole;
use super::following::{Following, is_confirmed};
use super::judge::Memory;
use std::time::Instant;

/// A node of this cluster that answers.
pub struct Look<'a> {
    pub node: usize,
    pub timeline: i32,
    pub asked: Instant,
    pub facts: &'a Facts,
}

impl Look<'_> {
    pub fn is_primary(&self) -> bool {
        self.facts.role == DbRole::Primary
    }

    pub fn is_receiving(&self) -> bool {
        self.facts.role == DbRole::Replica && self.facts.receiving
    }

    pub fn follows_nobody(&self) -> bool {
        self.facts.role == DbRole::Replica && !self.facts.receiving
    }

    /// It is the primary that writes went to last, still on the same timeline.
    pub fn is_writer(&self, memory: &Memory) -> bool {
        let is_same = memory.writer == Some(self.node) && memory.timeline == self.timeline;
        is_same && self.is_primary()
    }

    /// Writes have gone to another branch than this node's.
    pub fn is_superseded(&self, memory: &Memory) -> bool {
        self.timeline < memory.timeline || self.shares_a_number(memory)
    }

    /// Its commits hang, and the history goes on elsewhere: writes have gone to another branch, or another one is followed. Then it does
    /// not matter that a standby follows this one asynchronously, since it can acknowledge nothing.
    pub fn cannot_acknowledge(
        &self,
        following: Following,
        heights: &Heights,
        memory: &Memory,
    ) -> bool {
        let hangs = self.facts.waits_for_standby() && !is_confirmed(Some(following));
        hangs && (self.is_superseded(memory) || !heights.is_unfollowed)
    }

    /// Its timeline has the same number as the one that writes went to, but is another branch.
    pub fn shares_a_number(&self, memory: &Memory) -> bool {
        let is_another = memory.writer.is_some_and(|writer| writer != self.node);
        is_another && self.timeline == memory.timeline
    }
}

/// A node that answers, and how it is followed.
pub type Followed<'l, 'f> = (&'l Look<'f>, Option<Following>);

/// The highest timelines.
pub struct Heights {
    /// Of primaries, and standbys that stream.
    pub alive: i32,
    /// Of all nodes, also of standbys that stream from nobody.
    pub shown: i32,
    /// The same, or a higher one that is known from history files alone. It deposes only a primary that nobody follows.
    pub heard_of: i32,
    /// Nobody streams on the one that is alive.
    pub is_unfollowed: bool,
}

impl Heights {
    pub fn of(others: &[Followed], memory: &Memory) -> Heights {
        let looks = others.iter().map(|(look, _)| *look);
        let living = looks
            .clone()
            .filter(|look| look.is_primary() || look.is_receiving());
        let alive = living.map(|look| look.timeline).max().unwrap_or(0);
        let shown = looks.clone().map(|look| look.timeline).max();
        let shown = memory.shown.max(shown.unwrap_or(0));
        let heard_of = looks.clone().filter_map(|look| look.facts.heard_of).max();
        Heights {
            alive,
            shown,
            heard_of: heard_of.unwrap_or(0).max(shown),
            is_unfollowed: !others.iter().any(|(look, following)| {
                let is_followed = look.is_receiving() || following.is_some();
                is_followed && look.timeline == alive
            }),
        }
    }
}
