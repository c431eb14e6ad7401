//! Three regions: what a session, a write and a read are promised when one of them is lost, cut off, left in order, or comes back.

use crate::faults::Stage;
use crate::faults::history::{Level, Read, Seen};
use crate::faults::regions::drill::Drill;
use crate::faults::regions::headers;
use crate::faults::regions::population::Crowd;
use crate::faults::regions::scenarios::{ALL, Meanwhile};
use crate::faults::round::{Round, run_among};
use crate::support::Region::{self, Ap, Eu, Us};
use crate::support::wait::s;
use crate::support::{eventually, minimal};

/// The scenario under a small load breaks no promise. What the clients saw, and what was done.
#[track_caller]
fn survives(stage: &Stage, name: &str, meanwhile: Meanwhile) -> (Round, Drill) {
    let scenario = ALL.iter().find(|scenario| scenario.name == name).unwrap();
    let mut drill = Drill::default();
    let round = run_among(stage, &Crowd::SMALL.groups(), |stage, markers| {
        (scenario.run)(stage, markers, &mut drill, meanwhile);
    });
    let mut found = round.violations.clone();
    found.extend(drill.violations(&round.history));
    assert!(
        found.is_empty(),
        "{} violations, the first: {:#?}",
        found.len(),
        &found[..found.len().min(5)]
    );
    (round, drill)
}

/// Reads in one region with a token that another one made, and that were answered.
fn with_tokens_of(history: &[Read], here: Region, other: Region) -> usize {
    history
        .iter()
        .filter(|read| read.level == Level::Token && matches!(read.seen, Seen::Version(_)))
        .filter(|read| read.instance == here as usize && read.token_of == Some(other as usize))
        .count()
}

#[test]
fn a_token_made_in_eu_is_never_stale_in_ap_through_the_loss_of_eu() {
    let stage = Stage::in_regions();
    let (round, drill) = survives(&stage, "killed", &|stage| stage.more_reads(50));
    let reads = &round.history.reads;
    assert!(with_tokens_of(reads, Ap, Eu) > 0 && with_tokens_of(reads, Us, Ap) > 0);
    let first = drill.first_write_after_the_promotion(&round.history);
    assert!(first.is_some(), "writes went on");
}

/// Its service is even started anew meanwhile, and knows of nothing but its own region.
#[test]
#[ignore = "takes a minute: cargo test --test service regions:: -- --ignored"]
fn a_region_that_is_cut_off_acknowledges_nothing_and_comes_back_as_replicas() {
    let stage = Stage::in_regions();
    survives(&stage, "cut-off", &|stage| {
        stage.instance_excused[Eu as usize].during(|| stage.app_in(Eu).kill_and_restart());
        let eu = stage.app_in(Eu);
        eventually(s(20), "it takes its own region for the primary's", || {
            stage.shown(eu, 0).1 == "primary"
        });
        let id = stage.app_in(Us).create(&minimal()).expect(201).id();
        eu.create(&minimal()).problem(503, "durability_unavailable");
        let strong = [("X-Read-Consistency", "strong")];
        eu.get_with("/transactions?limit=1", &strong)
            .problem(503, "consistency_unavailable");
        let bounded = [("X-Max-Staleness-Ms", "60000")];
        eu.get_with("/transactions?limit=1", &bounded)
            .problem(503, "consistency_unavailable");
        // A default read is answered by its own region, and cannot know of what happens elsewhere.
        let default = eu.get("/transactions?limit=1").expect(200);
        assert_eq!(default.served_in(), "eu");
        let lag_ms: u64 = default.header("X-Replica-Lag-Ms").parse().unwrap();
        assert!(lag_ms > 0, "nobody confirms that it is up to date");
        eu.get(&format!("/transactions/{id}"))
            .problem(404, "transaction_not_found");
        stage.more_reads(50);
    });
}

#[test]
fn an_evacuation_fails_no_write_and_no_read() {
    let stage = Stage::in_regions();
    let (round, _) = survives(&stage, "evacuation", &|stage| stage.more_reads(50));
    let failed = round.history.failed_writes();
    assert!(
        failed.is_empty(),
        "{} failed: {:?}",
        failed.len(),
        failed[0]
    );
}

#[test]
#[ignore = "takes a minute: cargo test --test service regions:: -- --ignored"]
fn where_two_regions_are_lost_the_third_refuses_until_one_is_back() {
    let stage = Stage::in_regions();
    survives(&stage, "two-lost", &|stage| {
        let ap = stage.app_in(Ap);
        ap.create(&minimal()).problem(503, "primary_unavailable");
        let read = ap.get("/transactions?limit=1").expect(200);
        assert_eq!((read.served_in(), read.served_by()), ("ap", "replica"));
        stage.more_reads(50);
    });
}

/// Counted and not timed: as long as a local node is there, no read waits for a region that is not.
#[test]
fn a_dead_or_silent_remote_region_takes_no_part_in_local_reads() {
    let stage = Stage::in_regions();
    let path = format!(
        "/transactions/{}",
        stage.app_in(Us).create(&minimal()).expect(201).id()
    );
    let us = stage.app_in(Us);
    eventually(s(10), "the local node has it", || {
        us.get(&path).served_in() == "us"
    });
    let all_are_local = || {
        for _ in 0..100 {
            let answer = us.get(&path).expect(200);
            assert_eq!((answer.served_in(), answer.served_by()), ("us", "replica"));
        }
    };
    stage.map().cut_off(Ap);
    all_are_local();
    stage.map().mend(Ap);
    stage.kill_region(Ap);
    all_are_local();
}

/// Each answer names the region of the server whose log has the statement.
#[test]
#[ignore = "takes a minute: cargo test --test service regions:: -- --ignored"]
fn answers_name_the_region_that_served_them() {
    let stage = Stage::in_regions();
    let told = headers::against_the_servers(&stage, 20);
    assert_eq!(told.answers, 2 * 20 * stage.apps.len());
    assert!(told.wrong.is_empty(), "{:#?}", told.wrong);
}
