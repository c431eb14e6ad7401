//! What befalls a cluster while clients write and read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::load::{History, Load};
use crate::service::Service;
use crate::wait_until;

/// So many writes are acknowledged before and after.
const WRITES: usize = 100;

pub struct Trial {
    /// Dropped before the cluster.
    hasty: Service,
    patient: Service,
    /// Key to transaction, of all that was written.
    acknowledged: BTreeMap<String, String>,
    cluster: Cluster,
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
        let trial = Trial {
            hasty: Service::start(&cluster, "hasty", &[]),
            patient: Service::start(&cluster, "patient", &patience),
            acknowledged: BTreeMap::new(),
            cluster,
        };
        trial.wait_until_mended();
        trial
    }

    pub fn switch_over(&mut self) -> Hasty {
        self.under_load("switchover", |trial, _| {
            let first = trial.cluster.leader();
            trial.cluster.run("switchover", &[]);
            trial.wait_until_another_leads(&first);
        })
    }

    pub fn maintain(&mut self) -> Hasty {
        self.under_load("maintenance", |trial, _| {
            trial.cluster.run("maintain", &[&trial.cluster.leader()]);
        })
    }

    pub fn lose_the_leader(&mut self) -> Hasty {
        self.under_load("loss", |trial, load| {
            let lost = trial.cluster.leader();
            trial.cluster.run("kill", &[&lost]);
            trial.wait_until_another_leads(&lost);
            load.wait_for_writes(WRITES);
            trial.cluster.run("revive", &[&lost]);
        })
    }

    /// It goes on when another one has long been promoted, and does not know it.
    pub fn freeze_the_leader(&mut self) -> Hasty {
        self.under_load("freeze", |trial, load| {
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
        self.under_load("freeze and reset", |trial, load| {
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
        self.under_load("freeze of the server alone", |trial, _| {
            let frozen = trial.cluster.leader();
            trial.cluster.run("freeze-server", &[&frozen]);
            std::thread::sleep(Duration::from_secs(20));
            trial.cluster.run("thaw", &[&frozen]);
        })
    }

    /// With both services; until the cluster is mended, and they follow it.
    fn under_load(&mut self, what: &str, event: impl FnOnce(&Trial, &Load)) -> Hasty {
        let name = what.replace(' ', "-");
        let load = Load::start(&name, &self.patient.url);
        let hasty = Load::start(&format!("{name}-hasty"), &self.hasty.url);
        load.wait_for_writes(WRITES);
        hasty.wait_for_writes(WRITES);
        let begun = Instant::now();
        event(self, &load);
        self.wait_until_mended();
        let mended = begun.elapsed();
        load.wait_for_writes(WRITES);
        let (patient, hasty) = (load.stop(), hasty.stop());
        println!("{what}, mended after {mended:.1?}\n  patient: {patient}\n  default: {hasty}");
        let none: [String; 0] = [];
        assert_eq!(patient.failed_writes, none, "{what}, patient");
        // A write may fail that had to wait for longer than the default deadline, but must say so truly, and its repetition finds it. No
        // read fails on a machine that has time: one that gets no turn within a second is refused.
        for history in [&patient, &hasty] {
            let failed = history.failed_writes.iter().chain(&history.failed_reads);
            let other = failed.filter(|answer| !answer.starts_with("503 "));
            assert_eq!(other.count(), 0, "{what}: {:?}", history.failed_reads);
            let few = history.failed_reads.len() * 100 <= history.reads;
            assert!(few, "{what}: {:?}", history.failed_reads);
        }
        self.acknowledged.extend(patient.acknowledged);
        self.acknowledged.extend(hasty.acknowledged.clone());
        Hasty(hasty)
    }

    fn wait_until_another_leads(&self, than: &str) {
        let begun = Instant::now();
        wait_until("another node leads", || {
            let leader = self.cluster.leader();
            !leader.is_empty() && leader != than
        });
        println!("another node leads after {:.1?}", begun.elapsed());
    }

    fn wait_until_mended(&self) {
        wait_until("the cluster is complete", || self.cluster.is_complete());
        for service in [&self.hasty, &self.patient] {
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
