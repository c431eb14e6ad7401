//! Whether `synchronous_standby_names` makes commits wait for the standbys that `durability.require` asks for. Each node is judged as if it
//! were the primary, since any of them may become that, and its own setting counts from then on.

use super::asked::{Asked, Said};
use super::standby_names::{Waits, is_same};
use crate::db::{Require, Standby, Standbys};
use std::sync::Arc;

pub struct Durability<'n> {
    pub require: Require,
    /// The region of this service, where round trips are measured.
    pub here: Option<&'n str>,
    pub primary: usize,
    pub nodes: &'n [Asked<'n>],
}

/// What is to be said of a node's setting.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Enough,
    /// A commit can be confirmed by standbys that do not count: writes are refused, or acknowledged later than they need to be.
    Loose,
    /// No standby that counts confirms a commit: every write is refused.
    Never,
    /// The same, if this node is promoted because the primary or its region is lost.
    Lost,
}

impl Durability<'_> {
    /// Says of each node what its commits wait for, or would wait for. Returns the errors, of which only the primary can have one.
    pub fn check(&self) -> Vec<String> {
        let said = self.nodes.iter().map(|asked| asked.said.as_ref());
        let said = said.enumerate().filter_map(|(at, said)| Some((at, said?)));
        said.filter_map(|(at, said)| self.complaint(at, said))
            .collect()
    }

    fn complaint(&self, at: usize, said: &Said) -> Option<String> {
        let waits = self.waits(at, &said.setting);
        let verdict = self.verdict(at, &waits);
        let (name, is_primary) = (&self.nodes[at].node.name, at == self.primary);
        let who = match is_primary {
            true => format!("commits of {name} wait"),
            false => format!("if {name} is promoted, commits wait"),
        };
        let which = match verdict {
            Verdict::Enough => format!("is enough: {}", self.cost(at, &waits)),
            Verdict::Loose => "can be satisfied by standbys that are not known to count".into(),
            Verdict::Never => match waits.names.iter().find(|name| self.is_shared(at, name)) {
                Some(name) => format!(
                    "does not count, since more servers stream as \"{name}\" than nodes have this name: every write is refused"
                ),
                None => "no standby that counts ever satisfies: every write is refused".into(),
            },
            Verdict::Lost => format!(
                "nobody satisfies as long as {} is lost: every write is refused",
                self.lost_region(at).unwrap_or(self.primary_name())
            ),
        };
        let setting = &said.setting;
        let told = format!(
            "durability.require: {who} for synchronous_standby_names = '{setting}', which {which}"
        );
        match verdict {
            Verdict::Enough => say!("{told}"),
            _ if is_primary => return Some(format!("{told}; {}", self.advice(at))),
            // No error: an orchestrator may write the setting when it promotes, as Patroni does.
            _ => say!("warning: {told}; {}", self.advice(at)),
        }
        None
    }

    fn verdict(&self, at: usize, waits: &Waits) -> Verdict {
        let counting = self.counting(at);
        // A name that is nobody's may be that of a node which does not say one.
        let is_strange = |name: &String| self.by_name(name).is_none();
        let may_count = waits.names.iter().any(is_strange)
            && self.eligible(at).any(|other| other.name.is_none());
        if !waits.can_be_enough(&counting) && !may_count {
            Verdict::Never
        } else if !waits.is_enough(&counting) {
            Verdict::Loose
        } else if at != self.primary && self.needs_what_is_lost(at, waits) {
            Verdict::Lost
        } else {
            Verdict::Enough
        }
    }

    /// What commits wait for while this node is the primary.
    fn waits(&self, at: usize, setting: &str) -> Waits {
        let waits = Waits::parse(setting);
        match &self.nodes[at].name {
            Some(own) if self.others(at).all(|other| !other.is_named(own)) => waits.without(own),
            _ => waits,
        }
    }

    fn primary_name(&self) -> &str {
        &self.nodes[self.primary].node.name
    }

    fn others(&self, of: usize) -> impl Iterator<Item = &Asked<'_>> {
        let others = self.nodes.iter().enumerate();
        others
            .filter(move |(at, _)| *at != of)
            .map(|(_, other)| other)
    }

    pub fn by_name(&self, name: &str) -> Option<&Asked<'_>> {
        self.nodes.iter().find(|asked| asked.is_named(name))
    }

    /// More servers follow this node under this name than nodes have it, so whoever confirms under it may be none of them: it counts for
    /// none, as in `keeper/streams.rs`.
    fn is_shared(&self, at: usize, name: &str) -> bool {
        let followers = self.nodes[at].followers.iter();
        let streams = followers.filter(|other| is_same(other, name)).count();
        streams > self.others(at).filter(|other| other.is_named(name)).count()
    }

    /// The names of the standbys that count for a commit of this node.
    pub fn counting(&self, at: usize) -> Vec<String> {
        let known = self.others(at).filter_map(|other| {
            let name = other.name.clone()?;
            if self.is_shared(at, &name) {
                return None;
            }
            let region = other.node.region.as_deref().map(Arc::from);
            Some(Standby {
                name,
                region,
                survives: other.survives || !self.nodes[at].survives,
            })
        });
        let region = self.nodes[at].node.region.as_deref();
        Standbys::eligible(self.require, region, &known.collect::<Vec<_>>()).names
    }

    /// The nodes that count for a commit of this one, if they are known by names of their own.
    pub fn eligible(&self, at: usize) -> impl Iterator<Item = &Asked<'_>> {
        let region = &self.nodes[at].node.region;
        let everywhere = self.require != Require::Region;
        let others = self.others(at);
        others.filter(move |other| everywhere || other.node.region != *region)
    }

    /// The region whose loss may be why this node is promoted: that of the primary. None: it is only the primary that is lost.
    fn lost_region(&self, at: usize) -> Option<&str> {
        let region = self.nodes[self.primary].node.region.as_deref();
        let own = self.nodes[at].node.region.as_deref();
        region.filter(|_| self.require == Require::Region && own != region)
    }

    /// Without what is lost when this node is promoted, nobody would confirm its commits, although nodes are left that could.
    fn needs_what_is_lost(&self, at: usize, waits: &Waits) -> bool {
        let lost_region = self.lost_region(at);
        let is_lost = |other: &Asked| match lost_region {
            Some(region) => other.node.region.as_deref() == Some(region),
            None => other.node.name == self.primary_name(),
        };
        let is_left = |name: &&String| !self.by_name(name).is_some_and(is_lost);
        let left = waits.names.iter().filter(is_left).count();
        left < waits.count && self.eligible(at).any(|other| !is_lost(other))
    }
}

#[cfg(test)]
mod tests;
