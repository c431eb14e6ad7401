//! What befalls the regions. In each scenario the primary is in eu before and after it; `meanwhile` is what passes in its worst moment.

use super::drill::Drill;
use crate::faults::Stage;
use crate::faults::operator::until_its_own_is_replayed;
use crate::support::Region::{self, Ap, Eu, Us};
use crate::support::map::NODES;
use crate::support::wait::s;
use crate::support::{ask, eventually};

/// The node that is the primary before and after.
const HOME: usize = 0;
/// Acknowledged before the next step.
const SOME: usize = 20;

/// What passes in the worst moment.
pub type Meanwhile<'a> = &'a dyn Fn(&Stage);

pub struct Scenario {
    pub name: &'static str,
    pub run: fn(&Stage, &str, &mut Drill, Meanwhile),
}

pub const ALL: [Scenario; 5] = [
    Scenario {
        name: "steady",
        run: |stage, _, _, meanwhile| meanwhile(stage),
    },
    Scenario {
        name: "killed",
        run: a_region_is_killed,
    },
    Scenario {
        name: "cut-off",
        run: a_region_is_cut_off,
    },
    Scenario {
        name: "evacuation",
        run: a_region_is_evacuated,
    },
    Scenario {
        name: "two-lost",
        run: two_regions_are_lost,
    },
];

/// All of eu at once, at full load. It comes back as replicas, and then takes the primary over again, in order.
fn a_region_is_killed(stage: &Stage, markers: &str, drill: &mut Drill, meanwhile: Meanwhile) {
    stage.instance_excused[Eu as usize].during(|| {
        drill.step("eu is lost: databases and service");
        stage.kill_region(Eu);
        take_over(stage, &[Us, Ap], markers, drill);
        meanwhile(stage);
        come_back(stage, Eu, drill);
    });
    return_home(stage, drill);
}

/// eu sees itself and its own clients alone, and does not know that it was replaced.
fn a_region_is_cut_off(stage: &Stage, markers: &str, drill: &mut Drill, meanwhile: Meanwhile) {
    stage.map().cut_off(Eu);
    let cut = drill.step("eu is cut off");
    take_over(stage, &[Us, Ap], markers, drill);
    meanwhile(stage);
    drill.silent_since(Some(Eu), cut);
    drill.step("its cables are mended");
    stage.map().mend(Eu);
    let fenced = |node: usize| stage.shown(stage.app_in(Eu), node).0 == "fenced";
    eventually(s(60), "eu knows that it was replaced", || {
        stage.nodes_in(Eu).into_iter().all(fenced)
    });
    let known = drill.step("eu knows that it was replaced");
    stage.more_writes(SOME);
    stage.more_reads(SOME);
    drill.left_behind_since(Eu, known);
    stage.rejoin(Eu);
    drill.step("eu's databases are replicas");
    return_home(stage, drill);
}

/// The primary moves to us and back, by the steps of docs/failover.md for plain PostgreSQL.
fn a_region_is_evacuated(stage: &Stage, _: &str, drill: &mut Drill, meanwhile: Meanwhile) {
    drill.step("the primary in eu is stopped in order");
    let us = stage.nodes_in(Us)[0];
    drill.promotion = Some(stage.switch_over_to(us));
    drill.step("the primary is in us, eu follows it");
    stage.more_writes(SOME);
    meanwhile(stage);
    return_home(stage, drill);
}

/// eu and us. Nobody may promote in ap, which says so; when us is back, it is a quorum again.
fn two_regions_are_lost(stage: &Stage, markers: &str, drill: &mut Drill, meanwhile: Meanwhile) {
    stage.instance_excused[Eu as usize].during(|| {
        stage.instance_excused[Us as usize].during(|| {
            drill.step("eu and us are lost");
            stage.kill_region(Eu);
            stage.kill_region(Us);
            let lost = drill.step("ap is alone: no quorum, no promotion");
            assert!(!stage.may_promote(&[Ap]), "ap alone is no quorum");
            meanwhile(stage);
            drill.silent_since(None, lost);
            drill.step("us is back");
            for node in stage.nodes_in(Us) {
                let server = &stage.cluster.nodes[node];
                server.start().unwrap();
                until_its_own_is_replayed(server);
            }
            stage.app_in(Us).restart();
        });
        take_over(stage, &[Us, Ap], markers, drill);
        come_back(stage, Eu, drill);
    });
    return_home(stage, drill);
}

fn take_over(stage: &Stage, seen: &[Region], markers: &str, drill: &mut Drill) {
    drill.promotion = Some(stage.promote_by_quorum(seen, markers));
    drill.step("a quorum has promoted the furthest standby");
    stage.more_writes(SOME);
    drill.step("writes go on");
}

fn come_back(stage: &Stage, region: Region, drill: &mut Drill) {
    stage.rejoin(region);
    drill.step("its databases are replicas");
    stage.app_in(region).restart();
    stage.app_in(region).until_healthy(s(60));
    drill.step("its service is back");
}

/// The load goes on meanwhile.
fn return_home(stage: &Stage, drill: &mut Drill) {
    let others = NODES.len() - 1;
    stage.cluster.until_streaming(stage.primary(), others);
    let behind = "SELECT count(*)::text AS value FROM pg_stat_replication
                   WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1000000";
    eventually(s(60), "the standbys have caught up", || {
        ask(stage.primary(), behind) == "0"
    });
    if stage.primary_index() != HOME {
        stage.switch_over_to(HOME);
        drill.step("the primary is in eu again");
    }
}
