//! One Patroni cluster over three regions, with an instance of the service and clients in each: the steps of docs/regions.md, and what
//! befalls a region.

use std::fmt::Write;
use std::thread;

use crate::cluster::{Cluster, directory};
use crate::load::History;
use crate::map::{NODES, Region};
use crate::network::Network;
use crate::service::{Service, agent};
use crate::trial::{Trial, WRITES};
use crate::wait_until;

pub struct Regions {
    /// Dropped before the network.
    trial: Trial,
    network: Network,
}

impl Regions {
    /// The primary is in eu.
    pub fn start() -> Regions {
        let dir = directory();
        let network = Network::lay(dir.path());
        let cluster = Cluster::start_in(dir, "patroni-regions");
        assert!(cluster.names.iter().eq(NODES.iter().map(|(name, _)| name)));
        let home = NODES[0].0;
        if cluster.leader() != home {
            cluster.run("switchover", &[home]);
            wait_until("the leader is in eu", || cluster.leader() == home);
        }
        let services = Region::ALL.map(|region| service_in(region, &cluster, &network));
        let trial = Trial::of(cluster, services.into());
        Regions { trial, network }
    }

    /// The primary moves to this node, in order: no write fails.
    pub fn evacuate_to(&mut self, node: &str) {
        let what = format!("evacuation to {node}");
        let all = Region::ALL.map(|region| region as usize);
        let told = self.trial.under_load(&what, &all, |trial, _| {
            let first = trial.cluster.leader();
            trial.cluster.run("switchover", &[node]);
            trial.wait_until_another_leads(&first);
        });
        assert_eq!(self.trial.cluster.leader(), node);
        told.iter()
            .for_each(|history| fails_no_write(&what, history));
    }

    /// Its databases, its etcd and its service, all at once. Patroni finds another leader by itself.
    pub fn lose(&mut self, lost: Region) {
        let what = format!("loss of {}", lost.name());
        let others = Region::ALL.into_iter().filter(|region| *region != lost);
        let others: Vec<usize> = others.map(|region| region as usize).collect();
        let told = self.trial.under_load(&what, &others, |trial, loads| {
            let service = &trial.services[lost as usize];
            let leader = trial.cluster.leader();
            thread::scope(|scope| {
                scope.spawn(|| service.kill());
                for name in programs_of(lost) {
                    scope.spawn(move || trial.cluster.run("kill", &[&name]));
                }
            });
            trial.wait_until_another_leads(&leader);
            loads.iter().for_each(|load| load.wait_for_writes(WRITES));
            for name in programs_of(lost) {
                trial.cluster.run("revive", &[&name]);
            }
            service.start_again();
        });
        told.iter()
            .for_each(|history| fails_no_write(&what, history));
    }

    /// It sees itself and its clients alone. They are acknowledged nothing until it is back, and their default reads go on.
    pub fn cut_off(&mut self, region: Region) {
        let what = format!("{} cut off", region.name());
        let all = Region::ALL.map(|region| region as usize);
        let network = &self.network;
        let told = self.trial.under_load(&what, &all, |trial, loads| {
            let leader = trial.cluster.leader();
            network.cut_off(region);
            trial.wait_until_another_leads(&leader);
            let here = &loads[region as usize];
            let acknowledged = here.acknowledged();
            let elsewhere = loads.iter().filter(|load| !std::ptr::eq(*load, here));
            elsewhere.for_each(|load| load.wait_for_writes(WRITES));
            acknowledges_nothing(&trial.services[region as usize]);
            assert_eq!(here.acknowledged(), acknowledged, "nobody confirms");
            network.mend(region);
        });
        for (service, history) in told.iter().enumerate() {
            is_in_two_regions(&what, history);
            if service != region as usize {
                fails_no_write(&what, history);
            }
        }
    }

    pub fn nothing_is_lost_or_doubled(self) {
        self.trial.nothing_is_lost_or_doubled();
    }
}

fn fails_no_write(what: &str, history: &History) {
    let none: [String; 0] = [];
    assert_eq!(history.failed_writes, none, "{what}");
    is_in_two_regions(what, history);
}

fn is_in_two_regions(what: &str, history: &History) {
    for told in &history.durability {
        let is_so = told.starts_with("replicated; regions=") && told.contains(',');
        assert!(is_so, "{what}: {told}");
    }
}

fn acknowledges_nothing(service: &Service) {
    let request = agent()
        .post(format!("{}/transactions", service.url))
        .header("Idempotency-Key", "asked-where-nobody-confirms")
        .header("X-Deadline-Ms", "3000")
        .content_type("application/json");
    assert_eq!(request.send(crate::load::BODY).unwrap().status(), 503);
    let read = agent().get(format!("{}/transactions?limit=1", service.url));
    let read = read.call().unwrap();
    assert_eq!(read.status(), 200, "a default read goes on");
    assert_eq!(read.headers()["X-Served-By-Region"], service.name.as_str());
}

/// Its nodes and its etcd.
fn programs_of(region: Region) -> Vec<String> {
    let nodes = NODES.iter().filter(|(_, at)| *at == region);
    let nodes = nodes.map(|(name, _)| (*name).to_owned());
    nodes.chain([format!("etcd-{}", region.name())]).collect()
}

fn service_in(region: Region, cluster: &Cluster, network: &Network) -> Service {
    let mut settings = format!(
        "[server]\nregion = \"{}\"\n\
         [durability]\nrequire = \"region\"\n\
         [database]\nwrite_deadline_ms = 60000\nprobe_timeout_ms = 2000\nattempt_timeout_ms = 3000\n",
        region.name()
    );
    for (node, (name, at)) in NODES.into_iter().enumerate() {
        let section = ["[database.primary]", "[[database.replicas]]"][node.min(1)];
        let url = network.url_from(region, node, &cluster.urls[node]);
        let at = at.name();
        let of_it = format!("{section}\nname = \"{name}\"\nregion = \"{at}\"\nurl = \"{url}\"\n");
        settings.write_str(&of_it).unwrap();
    }
    let dir = cluster.dir.path();
    let file = dir.join(format!("{}.toml", region.name()));
    std::fs::write(&file, settings).unwrap();
    Service::configured(dir, region.name(), |command| {
        command.arg("--config").arg(file);
    })
}
