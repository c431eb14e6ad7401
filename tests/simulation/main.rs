//! The simulator as a test: a number of seeds must keep the promises, and each door (see world/mutant.rs) must be found when it is planted
//! back.
//!
//! For longer: `cargo run --release --example simulate -- --minutes 60 --seed 1`.

mod finds;
mod world;

use world::engine::run;
use world::mutant::Mutant;
use world::schedule::plan;
use world::shrink::{shrink, story};

const SEEDS: u64 = 60;
/// A planted door must be found within so many seeds, beginning with one that is known to be near.
const SEEDS_OF_A_MUTANT: u64 = 40;
/// The story of a planted door must have at most so many events.
const LONGEST_STORY: usize = 20;

#[test]
fn the_promises_hold_whatever_happens() {
    let (mut steps, mut acknowledged, mut failovers) = (0, 0, 0);
    for seed in 1..=SEEDS {
        let (setup, schedule) = plan(seed);
        let found = run(&setup, &schedule, None, false);
        if let Some(violation) = found.violation {
            let (short, told) = shrink(&setup, &schedule, None);
            let story = story(&setup, &short, &told);
            panic!("seed {seed}: {violation}\n{story}");
        }
        steps += found.steps;
        acknowledged += found.acknowledged;
        failovers += found.failovers;
    }
    println!("{steps} steps, {acknowledged} writes acknowledged, {failovers} failovers");
    assert!(acknowledged > 10 * SEEDS, "{acknowledged} writes");
    assert!(failovers > SEEDS / 10, "{failovers} failovers");
}

/// The same seed gives the same run; otherwise no story could be told again.
#[test]
fn a_seed_is_one_run() {
    let (setup, schedule) = plan(3);
    let [one, other] = [(), ()].map(|()| run(&setup, &schedule, None, true));
    assert_eq!(one.story, other.story);
    assert_eq!(one.steps, other.steps);
}

#[test]
fn no_door_is_told_twice() {
    let all = Mutant::ALL;
    let is_told_before = |at: usize| all[..at].contains(&all[at]);
    assert!(!(0..all.len()).any(is_told_before));
}

/// Plants a door. The simulator must find the promise that it breaks, and shrink it to a short story.
fn is_found(mutant: Mutant, from: u64, promise: &str) {
    for seed in from..from + SEEDS_OF_A_MUTANT {
        let (setup, schedule) = plan(seed);
        let found = run(&setup, &schedule, Some(mutant), false);
        let Some(violation) = found.violation.filter(|found| found.contains(promise)) else {
            continue;
        };
        let (short, told) = shrink(&setup, &schedule, Some(mutant));
        println!("seed {seed}: {violation}\n{}", story(&setup, &short, &told));
        assert!(short.len() <= LONGEST_STORY, "{} events", short.len());
        let without = run(&setup, &short, None, false).violation;
        assert_eq!(without, None, "the same schedule, without the door");
        return;
    }
    panic!("{mutant:?} is not found in {SEEDS_OF_A_MUTANT} seeds from {from} on");
}

#[test]
fn an_error_after_the_commit_that_counts_as_not_applied_is_found() {
    is_found(
        Mutant::ErrorAfterCommitIsNotApplied,
        279,
        "told to be not applied",
    );
}

#[test]
fn copies_that_nobody_knows_of_and_that_count_as_none_are_found() {
    is_found(
        Mutant::UnknownCopiesAreLocal,
        1,
        "whose commits wait for a standby",
    );
}

#[test]
fn a_highest_timeline_that_wins_is_found() {
    is_found(Mutant::HighestTimelineWins, 62, "by mistake is followed");
}

#[test]
fn a_dead_branch_that_serves_tokens_is_found() {
    is_found(Mutant::DeadBranchServesTokens, 96, "a Session read shows");
}

#[test]
fn a_connection_to_any_server_is_found() {
    is_found(Mutant::AnyServerWillDo, 33, "known to be dead");
}

#[test]
fn an_election_before_all_were_heard_is_found() {
    is_found(Mutant::ElectsBeforeAllWereHeard, 162, "known to be dead");
}

#[test]
fn a_schema_that_is_prepared_for_ever_is_found() {
    is_found(Mutant::PreparedForEver, 23, "internal error");
}

#[test]
fn a_write_that_is_sent_without_a_second_look_is_found() {
    is_found(Mutant::SendsWithoutASecondLook, 7, "is sent to node");
}

#[test]
fn a_control_file_that_is_believed_is_found() {
    is_found(Mutant::BelievesTheControlFile, 51, "known to be dead");
}

#[test]
fn a_number_that_is_taken_for_a_branch_is_found() {
    is_found(Mutant::NumbersAreBranches, 2380, "a number that is taken");
}
