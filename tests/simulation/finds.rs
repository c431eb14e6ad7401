//! What the simulator has found in the production code and what stands there still: the shortest schedule of each, as a test that
//! expects the find. Whoever closes one turns its test round, and takes the excuse for it out of `world/truth.rs` or `world/watch.rs`.

use super::world::engine::run;
use super::world::mutant::Mutant;
use super::world::read::Consistency;
use super::world::requests::Asked;
use super::world::schedule::{Act, Planned, Setup, Who};

const MS: u64 = 1000;

fn planned(at_ms: u64, act: Act) -> Planned {
    Planned {
        at: at_ms * MS,
        act,
    }
}

fn asked(at_ms: u64, asked: Asked) -> Planned {
    let place = 0;
    planned(at_ms, Act::Ask { asked, place })
}

const SETUP: Setup = Setup {
    seed: 126,
    nodes: 3,
    places: 1,
    synchronous: true,
    reporting: false,
    empty: false,
    mended_at: 30_000 * MS,
    strict: true,
};

fn finds(setup: &Setup, schedule: &[Planned], promise: &str) {
    let found = run(setup, schedule, None, true);
    let violation = found.violation.unwrap_or_default();
    assert!(
        violation.contains(promise),
        "{violation}\n{:#?}",
        found.story
    );
}

/// A service that is started while the address of the primary leads to another cluster's writable primary takes that cluster for its own,
/// although two standbys answer which belong to another: a strong read then says 404 of a write that was acknowledged as replicated, and
/// new writes go to the stranger (`fence_strangers` in db/keeper/judge.rs looks at primaries only while the cluster is not known).
#[test]
fn a_service_that_is_started_beside_a_stranger_takes_it_for_its_cluster() {
    let consistency = Consistency::Strong;
    let schedule = [
        asked(13_004, Asked::Create { key: 12 }),
        planned(13_292, Act::Stranger(Who::Primary)),
        planned(14_712, Act::RestartService { place: 0 }),
        asked(
            15_920,
            Asked::Read {
                key: 12,
                consistency,
            },
        ),
    ];
    finds(&SETUP, &schedule, "a Strong read shows");
}

/// A primary whose schema has not been looked at yet gets no writes. It gets reads, and where its tables are missing another node is asked.
#[test]
fn a_primary_without_its_schema_that_answers_with_an_internal_error_is_found() {
    let setup = Setup {
        seed: 172,
        reporting: true,
        empty: true,
        mended_at: 14_000 * MS,
        ..SETUP
    };
    let schedule = [
        planned(0, Act::CutApart(Who::Node(0), Who::Node(1))),
        planned(9_254, Act::Failover),
        asked(13_712, Asked::Any),
    ];
    assert_eq!(run(&setup, &schedule, None, false).violation, None);
    let mutant = Some(Mutant::UnpreparedPrimariesAnswer);
    let violation = run(&setup, &schedule, mutant, false).violation;
    let violation = violation.unwrap_or_default();
    assert!(violation.contains("internal error"), "{violation}");
}

/// Two promotions from one timeline share a number. A mistaken one (node 4) is told apart while the primary is confirmed. After a failover by
/// the rule to the same number, whoever follows the right primary is no follower of the other one, which is not elected when the right one
/// dies.
#[test]
fn an_outcast_of_the_same_timeline_is_not_elected() {
    let setup = Setup {
        seed: 530,
        nodes: 4,
        places: 2,
        reporting: true,
        empty: true,
        mended_at: 16_000 * MS,
        ..SETUP
    };
    let consistency = Consistency::Strong;
    let read = |at_ms| {
        asked(
            at_ms,
            Asked::Read {
                key: 11,
                consistency,
            },
        )
    };
    let schedule = [
        planned(8_987, Act::Mistake(3)),
        asked(11_273, Asked::Create { key: 11 }),
        planned(11_953, Act::Failover),
        planned(12_620, Act::Crash(Who::Primary)),
        read(12_680),
        read(12_900),
        read(13_200),
    ];
    let found = run(&setup, &schedule, None, true);
    assert_eq!(found.violation, None, "{:#?}", found.story);
}

/// Door 14: proofs of made-up tokens that no standby confirms leave room for reads, unless they take their place.
#[test]
fn proofs_that_take_the_place_of_reads_are_found() {
    let setup = Setup {
        nodes: 2,
        mended_at: 12_000 * MS,
        ..SETUP
    };
    // The service does not reach the standby, and the primary has not noticed yet that it does not either.
    let from = Who::Node(1);
    let mut schedule = vec![
        planned(3_000, Act::CutService { place: 0, from }),
        planned(7_000, Act::CutApart(Who::Node(0), from)),
    ];
    schedule.extend((0..10).map(|at| asked(7_005 + at, Asked::Forged)));
    schedule.extend((0..3).map(|at| asked(7_050 + at, Asked::Any)));
    assert_eq!(run(&setup, &schedule, None, false).violation, None);
    let mutant = Some(Mutant::ProofsTakeThePlaceOfReads);
    let violation = run(&setup, &schedule, mutant, false).violation;
    let violation = violation.unwrap_or_default();
    assert!(
        violation.contains("a default read is answered"),
        "{violation}"
    );
}

/// A mistaken promotion that was restarted as a standby shows a number to a service that is started afterwards. While nobody follows the
/// primary, nobody can tell it from one that was left; it goes on when its standbys are back.
#[test]
fn a_number_that_was_only_shown_fences_a_followed_primary_where_it_counts_for_ever() {
    let setup = Setup {
        nodes: 4,
        reporting: true,
        mended_at: 15_000 * MS,
        ..SETUP
    };
    let schedule = [
        planned(5_000, Act::Mistake(3)),
        planned(7_000, Act::RestartAsStandby(3)),
        planned(8_000, Act::Crash(Who::Node(1))),
        planned(8_000, Act::Crash(Who::Node(2))),
        planned(10_000, Act::RestartService { place: 0 }),
        planned(15_000, Act::Mend),
    ];
    assert_eq!(run(&setup, &schedule, None, false).violation, None);
    let mutant = Some(Mutant::ShownForEver);
    let violation = run(&setup, &schedule, mutant, false).violation;
    let violation = violation.unwrap_or_default();
    assert!(violation.contains("after all is mended"), "{violation}");
}

/// The only replica that the service reaches is promoted by mistake, and a read with a token comes before the next probe.
#[test]
fn a_replica_that_was_promoted_a_moment_ago_and_answers_for_a_token_is_found() {
    let setup = Setup {
        reporting: true,
        ..SETUP
    };
    let consistency = Consistency::Session;
    let schedule = [
        asked(3_000, Asked::Create { key: 1 }),
        planned(
            5_000,
            Act::CutService {
                place: 0,
                from: Who::Node(1),
            },
        ),
        planned(8_000, Act::Mistake(2)),
        asked(
            8_001,
            Asked::Read {
                key: 1,
                consistency,
            },
        ),
    ];
    assert_eq!(run(&setup, &schedule, None, false).violation, None);
    let mutant = Some(Mutant::PromotedReplicasAnswer);
    let violation = run(&setup, &schedule, mutant, false).violation;
    let violation = violation.unwrap_or_default();
    assert!(violation.contains("a Session read shows"), "{violation}");
}
