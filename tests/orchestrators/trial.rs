//! What befalls a cluster while clients write and read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::load::{Board, History, Load};
use crate::service::Service;
use crate::wait_until;

/// So many writes are acknowledged before and after.
pub const WRITES: usize = 100;
/// The services of a cluster in one room.
const HASTY: usize = 0;
const PATIENT: usize = 1;

pub struct Trial {
    /// Dropped before the cluster.
    pub services: Vec<Service>,
    /// Key to transaction, of all that was written.
    acknowledged: BTreeMap<String, String>,
    pub cluster: Cluster,
}

/// What the clients of a service with default settings met.
pub struct Hasty(History);

impl Hasty {
    pub fn has_no_failure(&self, with: &str) {
        let failed = [&self.0.failed_writes[..], &self.0.failed_reads].concat();
        assert!(failed.is_empty(), "{with}: {failed:?}");
    }
}

impl Trial {
    /// With one service as it is by default, and one that holds writes for so many milliseconds.
    pub fn on(cluster: Cluster, deadline_ms: &str) -> Trial {
        let patience = [("SYNAPSE__DATABASE__WRITE_DEADLINE_MS", deadline_ms)];
        let services = vec![
            Service::start(&cluster, "hasty", &[]),
            Service::start(&cluster, "patient", &patience),
        ];
        Trial::of(cluster, services)
    }

    pub fn of(cluster: Cluster, services: Vec<Service>) -> Trial {
        let trial = Trial {
            services,
            acknowledged: BTreeMap::new(),
            cluster,
        };
        trial.wait_until_mended();
        trial
    }

    pub fn switch_over(&mut self) -> Hasty {
        self.in_one_room("switchover", |trial, _| {
            let first = trial.cluster.leader();
            trial.cluster.run("switchover", &[]);
            trial.wait_until_another_leads(&first);
        })
    }

    pub fn maintain(&mut self) -> Hasty {
        self.in_one_room("maintenance", |trial, _| {
            trial.cluster.run("maintain", &[&trial.cluster.leader()]);
        })
    }

    pub fn lose_the_leader(&mut self) -> Hasty {
        self.in_one_room("loss", |trial, load| {
            let lost = trial.cluster.leader();
            trial.cluster.run("kill", &[&lost]);
            trial.wait_until_another_leads(&lost);
            load.wait_for_writes(WRITES);
            trial.cluster.run("revive", &[&lost]);
        })
    }

    /// It goes on when another one has long been promoted, and does not know it.
    pub fn freeze_the_leader(&mut self) -> Hasty {
        self.in_one_room("freeze", |trial, load| {
            let frozen = trial.cluster.leader();
            trial.cluster.run("freeze", &[&frozen]);
            trial.wait_until_another_leads(&frozen);
            load.wait_for_writes(WRITES);
            trial.cluster.run("thaw", &[&frozen]);
            load.wait_for_writes(WRITES);
            trial.cluster.run("revive", &[&frozen]);
        })
    }

    /// As a watchdog does with it: it never goes on.
    pub fn freeze_and_reset_the_leader(&mut self) -> Hasty {
        self.in_one_room("freeze and reset", |trial, load| {
            let frozen = trial.cluster.leader();
            trial.cluster.run("freeze", &[&frozen]);
            trial.wait_until_another_leads(&frozen);
            load.wait_for_writes(WRITES);
            trial.cluster.run("kill", &[&frozen]);
            trial.cluster.run("revive", &[&frozen]);
        })
    }

    /// While its agent runs, and sees it.
    pub fn freeze_the_leaders_server(&mut self) -> Hasty {
        self.in_one_room("freeze of the server alone", |trial, _| {
            let frozen = trial.cluster.leader();
            trial.cluster.run("freeze-server", &[&frozen]);
            std::thread::sleep(Duration::from_secs(20));
            trial.cluster.run("thaw", &[&frozen]);
        })
    }

    /// With both services, of which the patient one fails no write.
    fn in_one_room(&mut self, what: &str, event: impl FnOnce(&Trial, &Load)) -> Hasty {
        let both = [HASTY, PATIENT];
        let mut told = self.under_load(what, &both, |trial, loads| event(trial, &loads[PATIENT]));
        let none: [String; 0] = [];
        assert_eq!(told[PATIENT].failed_writes, none, "{what}, patient");
        Hasty(told.swap_remove(HASTY))
    }

    /// With the clients of these services; until the cluster is mended, and all services follow it. What each of these clients was told.
    pub fn under_load(
        &mut self,
        what: &str,
        services: &[usize],
        event: impl FnOnce(&Trial, &[Load]),
    ) -> Vec<History> {
        let name = what.replace(' ', "-");
        let board = Board::default();
        let of = services.iter().map(|&service| &self.services[service]);
        let start = |service: &Service| {
            let keys = format!("{name}-{}", service.name);
            Load::start(&keys, &service.url, &board)
        };
        let loads: Vec<Load> = of.map(start).collect();
        loads.iter().for_each(|load| load.wait_for_writes(WRITES));
        let begun = Instant::now();
        event(self, &loads);
        self.wait_until_mended();
        println!("{what}, mended after {:.1?}", begun.elapsed());
        loads.iter().for_each(|load| load.wait_for_writes(WRITES));
        let told: Vec<History> = loads.into_iter().map(Load::stop).collect();
        for (history, &service) in told.iter().zip(services) {
            println!("  {}: {history}", self.services[service].name);
            failures_are_rare_and_true(what, history);
            self.acknowledged.extend(history.acknowledged.clone());
        }
        told
    }

    pub fn wait_until_another_leads(&self, than: &str) {
        let begun = Instant::now();
        wait_until("another node leads", || {
            let leader = self.cluster.leader();
            !leader.is_empty() && leader != than
        });
        println!("another node leads after {:.1?}", begun.elapsed());
    }

    fn wait_until_mended(&self) {
        wait_until("the cluster is complete", || self.cluster.is_complete());
        for service in &self.services {
            service.wait_until_follows(&self.cluster);
        }
    }

    /// Every write was repeated until it was acknowledged: there is nothing else to be found, nor anything twice.
    pub fn nothing_is_lost_or_doubled(self) {
        println!("{} transactions in all", self.acknowledged.len());
        let stored = self.cluster.stored();
        assert_eq!(stored, self.acknowledged, "stored, and acknowledged");
    }
}

/// A write may fail that had to wait for longer than its deadline, but must say so truly, and its repetition finds it. No read fails on a
/// machine that has time: one that gets no turn within a second is refused. None with a token is told that its write is not there.
fn failures_are_rare_and_true(what: &str, history: &History) {
    let failed = [&history.failed_reads, &history.failed_token_reads];
    let failed = history
        .failed_writes
        .iter()
        .chain(failed.into_iter().flatten());
    let other: Vec<_> = failed
        .filter(|answer| !answer.starts_with("503 "))
        .collect();
    assert!(other.is_empty(), "{what}: {other:?}");
    let few = history.failed_reads.len() * 100 <= history.reads;
    assert!(few, "{what}: {:?}", history.failed_reads);
}
