//! Which cluster is ours, where the nodes are of several: by a mistake in the settings, a name that moved, a server set up anew.
//!
//! The system identifier of more than half of the configured nodes is ours, for good. As long as fewer have answered, the one that all who
//! answer have is presumed. Where they disagree, and none has more than half, that of `database.primary` is, if no other cluster's node is
//! writable; else nobody is elected. Everybody else is a stranger then, and stops nobody.
//!
//! An example: three nodes, and the URL of the first one is mistyped, so that it leads to another cluster's primary. At t = 0 s the service
//! is started, at t = 0.02 s all have answered: two of three are of one cluster, the first one is fenced (`other_cluster`), and nobody is
//! written to, since the right primary is not in the list. Were only the first one up, it would be presumed to be ours, there being no other
//! evidence, until the other two answer: then theirs counts.

use super::super::cause::{Cause, Trouble};
use super::super::probe::Heard;
use super::judge::Standing;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    #[default]
    Unknown,
    /// All who answer are of it, or the first node alone is writable; or it was so when one of them was elected.
    Presumed(i64),
    /// More than half of the configured nodes are of it.
    Known(i64),
}

impl Cluster {
    pub fn is_known(self) -> bool {
        matches!(self, Cluster::Known(_))
    }

    pub fn system_id(self) -> Option<i64> {
        match self {
            Cluster::Unknown => None,
            Cluster::Presumed(id) | Cluster::Known(id) => Some(id),
        }
    }

    /// What was presumed was wrong: nothing that is remembered of the other cluster means anything for this one.
    pub fn replaces(self, before: Cluster) -> bool {
        before.system_id().is_some() && self.system_id() != before.system_id()
    }

    /// With what the nodes say that can be of use at all. `is_bound`: somebody of it was elected. `anchor`: the one to presume, where they
    /// disagree.
    fn learn(
        self,
        nodes: usize,
        system_ids: &[i64],
        is_bound: bool,
        anchor: Option<i64>,
    ) -> Cluster {
        let has_most = |id: &&i64| {
            let same = system_ids.iter().filter(|other| other == id);
            same.count() * 2 > nodes
        };
        let first = system_ids.first().copied();
        let is_unanimous = |id: &i64| system_ids.iter().all(|other| other == id);
        match (self, system_ids.iter().find(has_most)) {
            (Cluster::Known(_), _) => self,
            (_, Some(most)) => Cluster::Known(*most),
            (Cluster::Presumed(_), None) if is_bound || system_ids.is_empty() => self,
            (_, None) => first
                .filter(is_unanimous)
                .or(anchor)
                .map_or(Cluster::Unknown, Cluster::Presumed),
        }
    }
}

/// Fences whoever is not of our cluster, and everybody where that is not known.
pub fn fence_strangers(
    nodes: &[Option<&Heard>],
    cluster: &mut Cluster,
    is_bound: bool,
    standings: &mut [Standing],
) {
    let usable = |(heard, standing): (&Option<&Heard>, &Standing)| {
        let heard = heard.filter(|_| *standing == Standing::Usable(None))?;
        Some(heard.facts.server.system_id)
    };
    let heard: Vec<_> = nodes.iter().zip(&*standings).map(usable).collect();
    let system_ids: Vec<i64> = heard.iter().flatten().copied().collect();
    let anchor = the_only_writable_one(nodes, &heard);
    *cluster = cluster.learn(nodes.len(), &system_ids, is_bound, anchor);
    for (standing, id) in standings.iter_mut().zip(heard) {
        let cause = match (id, &*cluster) {
            (None, _) => continue,
            (Some(_), Cluster::Unknown) => Cause::SeveralClusters,
            (Some(id), Cluster::Presumed(ours) | Cluster::Known(ours)) if id != *ours => {
                Cause::OtherCluster
            }
            (Some(_), _) => continue,
        };
        let detail = format!("{cause}: {}", id.unwrap_or_default());
        *standing = Standing::Fenced(Trouble::new(cause, detail));
    }
}

/// The cluster of the first node in the settings, if that is writable, and no node of another cluster is.
fn the_only_writable_one(nodes: &[Option<&Heard>], usable: &[Option<i64>]) -> Option<i64> {
    let first = *usable.first()?;
    let is_writable = |heard: &Option<&Heard>| heard.is_some_and(|h| h.facts.is_writable_primary());
    let mut writable = nodes
        .iter()
        .zip(usable)
        .filter(|(heard, _)| is_writable(heard));
    let is_first = nodes.first().is_some_and(is_writable);
    first.filter(|_| is_first && writable.all(|(_, id)| *id == first))
}
