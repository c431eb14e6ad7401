//! Which cluster is ours, if the nodes belong to several: because of a mistake in the settings, a host name that moved, or a server that
//! was set up anew.
//!
//! The system identifier of more than half of the configured nodes is ours, for good. As long as fewer have answered, the one that all of
//! these have is presumed. If they disagree, and none has more than half, the one of the first node (`database.primary`) is presumed, if it
//! is writable and no node of another cluster is; otherwise nobody is elected. All nodes of other clusters are strangers then: they are
//! fenced, and keep no other node from serving.
//!
//! An example: three nodes, and the URL of the first one is mistyped, so that it leads to another cluster's primary. At t = 0 s the service
//! is started, at t = 0.02 s all have answered: two of three are of one cluster, the first one is fenced (`other_cluster`), and nobody is
//! written to, since the right primary is not in the list. If only the first one were up, its cluster would be presumed to be ours, for
//! want of other evidence, until the other two answer: then theirs counts.

use super::super::cause::{Cause, Trouble};
use super::super::probe::Heard;
use super::judge::Standing;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cluster {
    #[default]
    Unknown,
    /// All nodes that answer are of it, or the first one is, and alone is writable; or this was so when a node of it was elected.
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

    /// The cluster that was presumed before was the wrong one: nothing that is remembered of it means anything for this one.
    pub fn replaces(self, before: Cluster) -> bool {
        before.system_id().is_some() && self.system_id() != before.system_id()
    }

    /// What is known once the usable nodes have shown these identifiers. `is_bound`: a node of it has been elected. `anchor`: the one to
    /// presume if they disagree.
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

/// Fences every node that is not of our cluster; if that is not known, all of them.
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
