//! Three regions: the stage with one instance of the service in each, what befalls a region, and what an operator does about it.

pub mod drill;
pub mod headers;
pub mod population;
pub mod scenarios;

use super::Stage;
use crate::support::map::{Map, NODES};
use crate::support::wait::s;
use crate::support::webhook::SOURCES;
use crate::support::{App, Cluster, Launch, Region};
use std::time::{Duration, Instant};

/// What was acknowledged so long before a region is lost is looked for on the standbys, while writes are held.
const LATELY: Duration = s(5);

/// One promotion, as an orchestrator would report it.
#[derive(Clone, Copy, Debug)]
pub struct Promotion {
    pub node: usize,
    /// When the node accepted writes.
    pub at: Instant,
}

impl Stage {
    /// A primary and a standby in eu, a standby in us and in ap, an instance in each region, and the distances between them.
    pub fn in_regions() -> Stage {
        Stage::in_regions_with(|launch| launch)
    }

    pub fn in_regions_with(settings: impl Fn(Launch) -> Launch) -> Stage {
        let cluster = Cluster::in_regions();
        let apps: Vec<Launch> = Region::ALL
            .into_iter()
            .map(|region| settings(launch_in(region, &cluster)))
            .collect();
        Stage::with(cluster, Vec::new(), apps)
    }

    pub fn map(&self) -> &Map {
        self.cluster.map.as_ref().unwrap()
    }

    pub fn app_in(&self, region: Region) -> &App {
        &self.apps[region as usize]
    }

    pub fn nodes_in(&self, region: Region) -> Vec<usize> {
        (0..NODES.len())
            .filter(|&node| NODES[node].1 == region)
            .collect()
    }

    /// Databases and service, all at once.
    pub fn kill_region(&self, region: Region) {
        for node in self.nodes_in(region) {
            self.cluster.nodes[node].kill().unwrap();
        }
        self.app_in(region).kill();
    }

    /// The standbys of which one must have confirmed each commit of the primary.
    fn confirming(&self) -> Vec<usize> {
        let here = NODES[self.primary_index()].1;
        (0..NODES.len())
            .filter(|&node| NODES[node].1 != here)
            .collect()
    }

    /// Who sees these regions alone may promote only if all standbys are among them that can confirm a commit of the old primary: then
    /// one of them has every acknowledged write, and when all have left it, it can acknowledge nothing more, even if it lives.
    pub fn may_promote(&self, seen: &[Region]) -> bool {
        let confirming = self.confirming();
        confirming
            .iter()
            .all(|&node| seen.contains(&NODES[node].1) && self.cluster.nodes[node].is_running())
    }

    /// As an orchestrator does it that sees only these regions. The markers are those of the load: what it was told of its writes is held
    /// against the standbys at the moment at which they have left the old primary.
    #[track_caller]
    pub fn promote_by_quorum(&self, seen: &[Region], markers: &str) -> Promotion {
        assert!(self.may_promote(seen), "{seen:?} are no quorum");
        let confirming = self.confirming();
        let left = || self.look_at(confirming.iter().copied(), markers, Some(LATELY));
        let (at, others) = self.promote_among(&confirming, None, left);
        self.follow_the_primary(others);
        let node = self.primary_index();
        Promotion { node, at }
    }

    /// Its databases come back as replicas. They may have written what nobody has confirmed, which is rewound.
    pub fn rejoin(&self, region: Region) {
        for node in self.nodes_in(region) {
            self.rewind_and_rejoin(node);
        }
    }
}

pub fn launch_in(region: Region, cluster: &Cluster) -> Launch {
    let urls = cluster.urls_from(region);
    let node = |node: usize| {
        let (name, region) = NODES[node];
        let (url, region) = (&urls[node], region.name());
        format!("{{ url = \"{url}\", name = \"{name}\", region = \"{region}\" }}")
    };
    let replicas: Vec<String> = (1..NODES.len()).map(node).collect();
    Launch::on(urls.clone())
        .text("database.primary.name", NODES[0].0)
        .text("database.primary.region", NODES[0].1.name())
        .set("database.replicas", format!("[{}]", replicas.join(", ")))
        .set("callback.sources", SOURCES)
        // A connection to the other side of the world is made in five round trips.
        .set("database.probe_timeout_ms", 2000)
        // Longer than it takes to notice a loss and to promote, on a busy machine too.
        .set("database.write_deadline_ms", 20_000)
        .text("server.region", region.name())
        .text("durability.require", "region")
}
