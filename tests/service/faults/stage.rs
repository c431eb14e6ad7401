//! Two instances of the service on a primary with two standbys, replicating synchronously, or one instance in each of three regions
//! (`regions.rs`); and who the primary is now.

use super::snapshot::Snapshot;
use crate::support::map::NODES;
use crate::support::wait::{ms, s};
use crate::support::webhook::SOURCES;
use crate::support::{App, Cluster, Launch, Proxy, Region, eventually, minimal};
use parking_lot::Mutex;
use private_postgres::Server;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub struct Stage {
    /// Dropped before the cluster.
    pub apps: Vec<App>,
    /// Before each node, where the services go through proxies.
    pub proxies: Vec<Proxy>,
    pub cluster: Cluster,
    pub primary: AtomicUsize,
    /// Between two requests of one client: the load should break the service, not the machine.
    pub pace: Duration,
    /// Writes acknowledged to the clients.
    replicated: AtomicUsize,
    /// The same, that were said to be on the primary alone.
    local: AtomicUsize,
    pub reads: AtomicUsize,
    pub snapshots: Mutex<Vec<Snapshot>>,
    /// A time in which all replicas that run are on a branch that has ended, and the services know.
    pub old_branch: Excuse,
    pub reads_excused: Excuse,
    pub instance_excused: Vec<Excuse>,
}

impl Stage {
    pub fn new() -> Stage {
        let cluster = Cluster::with_replicas(2);
        let urls = cluster.urls();
        Stage::on(cluster, Vec::new(), &urls)
    }

    /// With a network that can break.
    pub fn behind_proxies() -> Stage {
        let cluster = Cluster::with_replicas(2);
        let (proxies, urls) = cluster.proxies();
        Stage::on(cluster, proxies, &urls)
    }

    fn on(cluster: Cluster, proxies: Vec<Proxy>, urls: &[String]) -> Stage {
        cluster.make_synchronous();
        let launch = || Launch::on(urls.to_vec()).set("callback.sources", SOURCES);
        let apps = [launch(), launch().with_its_log_in_a_pipe()];
        Stage::with(cluster, proxies, apps)
    }

    pub(super) fn with(
        cluster: Cluster,
        proxies: Vec<Proxy>,
        apps: impl IntoIterator<Item = Launch>,
    ) -> Stage {
        let apps: Vec<App> = apps.into_iter().map(Launch::start).collect();
        let stage = Stage {
            instance_excused: apps.iter().map(|_| Excuse::default()).collect(),
            apps,
            proxies,
            cluster,
            primary: AtomicUsize::new(0),
            pace: ms(5),
            replicated: AtomicUsize::new(0),
            local: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            snapshots: Mutex::default(),
            old_branch: Excuse::default(),
            reads_excused: Excuse::default(),
        };
        stage.until_healed();
        stage
    }

    pub fn primary_index(&self) -> usize {
        self.primary.load(Ordering::Acquire)
    }

    pub fn primary(&self) -> &Server {
        &self.cluster.nodes[self.primary_index()]
    }

    pub fn index_of(&self, server: &Server) -> usize {
        let mut nodes = self.cluster.nodes.iter();
        nodes.position(|node| node.port() == server.port()).unwrap()
    }

    /// Where there are several.
    pub fn region_of(&self, node: usize) -> Option<Region> {
        self.cluster.map.is_some().then(|| NODES[node].1)
    }

    pub fn standbys(&self) -> Vec<&Server> {
        let primary = self.primary_index();
        self.cluster
            .nodes
            .iter()
            .enumerate()
            .filter(|(node, _)| *node != primary)
            .map(|(_, server)| server)
            .collect()
    }

    /// The load goes on: so many more writes are acknowledged.
    #[track_caller]
    pub fn more_writes(&self, count: usize) {
        grows(&[&self.replicated, &self.local], count, "more writes");
    }

    #[track_caller]
    pub fn more_local_writes(&self, count: usize) {
        grows(&[&self.local], count, "more writes that are called local");
    }

    #[track_caller]
    pub fn more_replicated_writes(&self, count: usize) {
        let what = "more writes that are called replicated";
        grows(&[&self.replicated], count, what);
    }

    #[track_caller]
    pub fn more_reads(&self, count: usize) {
        grows(&[&self.reads], count, "more reads");
    }

    pub fn acknowledged(&self, replicated: bool) {
        let counter = if replicated {
            &self.replicated
        } else {
            &self.local
        };
        counter.fetch_add(1, Ordering::AcqRel);
    }

    /// What `/status` of an instance says of a node: its state and role.
    pub fn shown(&self, app: &App, node: usize) -> (String, String) {
        let status = app.get("/status").json();
        let text = |field: &str| {
            status["nodes"][node][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("state"), text("role"))
    }

    #[track_caller]
    pub fn until_fenced(&self, node: usize) {
        for app in &self.apps {
            eventually(s(10), "the old primary is fenced", || {
                self.shown(app, node).0 == "fenced"
            });
        }
    }

    /// Health, roles, a write and a read, on both instances.
    #[track_caller]
    pub fn until_healed(&self) {
        let nodes = self.cluster.nodes.len();
        self.cluster.until_streaming(self.primary(), nodes - 1);
        for app in &self.apps {
            app.until_healthy(s(15));
            let role = |node| {
                if node == self.primary_index() {
                    "primary"
                } else {
                    "replica"
                }
            };
            let is_right = |node| self.shown(app, node) == ("up".to_owned(), role(node).to_owned());
            eventually(s(5), "the roles are right", || (0..nodes).all(is_right));
            let mut written = app.create(&minimal()).expect(201);
            eventually(s(10), "writes are replicated", || {
                let replicated = written.is_replicated();
                if !replicated {
                    written = app.create(&minimal()).expect(201);
                }
                replicated
            });
            app.get_with(
                written.header("Location"),
                &[("X-Consistency-Token", written.token())],
            )
            .expect(200);
        }
    }
}

#[track_caller]
fn grows(counters: &[&AtomicUsize], by: usize, what: &str) {
    let now = || -> usize {
        counters
            .iter()
            .map(|counter| counter.load(Ordering::Acquire))
            .sum()
    };
    let before = now();
    eventually(s(20), what, || now() >= before + by);
}

/// A time in which something special holds, such as that requests may fail. Counts beginnings and ends, so an odd count means that it lasts.
#[derive(Default)]
pub struct Excuse(AtomicUsize);

impl Excuse {
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::AcqRel);
        let result = work();
        self.0.fetch_add(1, Ordering::AcqRel);
        result
    }

    pub fn now(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    pub fn is_on(&self) -> bool {
        !self.now().is_multiple_of(2)
    }

    /// Whether it lasted at any time since.
    pub fn since(&self, then: usize) -> bool {
        self.now() != then || !then.is_multiple_of(2)
    }

    /// Whether it lasted all the time since.
    pub fn throughout(&self, then: usize) -> bool {
        self.now() == then && !then.is_multiple_of(2)
    }
}
