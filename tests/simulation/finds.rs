//! Defects of the production code that the simulator, or a reader, has found: the shortest schedule for each. It keeps the promises now,
//! and breaks one if the defect (the *door*, see mutant.rs) is planted back.

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
};

/// With the door planted, the schedule breaks the promise; without it, the same schedule keeps all of them.
fn is_found(mutant: Mutant, setup: &Setup, schedule: &[Planned], promise: &str) {
    let without = run(setup, schedule, None, true);
    assert_eq!(without.violation, None, "{:#?}", without.story);
    let violation = run(setup, schedule, Some(mutant), false).violation;
    let violation = violation.unwrap_or_default();
    assert!(violation.contains(promise), "{violation}");
}

/// When the service is started, the address of the primary leads to the writable primary of another cluster, while two standbys of ours
/// answer.
#[test]
fn a_service_that_is_started_beside_a_stranger_and_adopts_it_is_found() {
    let schedule = [
        asked(13_004, Asked::Create { key: 12 }),
        planned(13_292, Act::Stranger(Who::Primary)),
        planned(14_712, Act::RestartService { place: 0 }),
        planned(20_000, Act::Mend),
    ];
    let setup = Setup {
        mended_at: 20_000 * MS,
        ..SETUP
    };
    is_found(Mutant::AnyClusterWillDo, &setup, &schedule, "a stranger");
}

/// The address of a node leads to a stranger for a while. The attempts to open its pool reach the stranger, and fail; the probe's
/// connection, made before, is answered all the time. So nothing changes for the probe when the address leads back, and the next attempt is
/// seconds away.
#[test]
fn a_probe_that_stays_where_the_address_led_before_is_found() {
    let setup = Setup {
        seed: 261_220,
        nodes: 2,
        empty: true,
        mended_at: 24_000 * MS,
        ..SETUP
    };
    let at_us = |at, act| Planned { at, act };
    let (asked, place) = (Asked::Any, 0);
    let schedule = [
        at_us(0, Act::CutApart(Who::Node(0), Who::Node(1))),
        at_us(7_434_537, Act::Stranger(Who::Node(0))),
        at_us(7_937_352, Act::ClearNames),
        at_us(9_394_189, Act::Crash(Who::Node(0))),
        at_us(12_984_835, Act::AddressBack),
        at_us(17_097_716, Act::Ask { asked, place }),
        at_us(24_000_000, Act::Mend),
    ];
    let promise = "although the primary was well";
    is_found(Mutant::ProbesStay, &setup, &schedule, promise);
}

/// Door 10: a stranger that appears later does not stop the service, although with two nodes neither of the two clusters has more than half
/// of them.
#[test]
fn a_forgotten_cluster_is_found() {
    let setup = Setup {
        nodes: 2,
        synchronous: false,
        ..SETUP
    };
    let schedule = [
        planned(4_000, Act::Crash(Who::Node(1))),
        planned(5_000, Act::Stranger(Who::Node(1))),
        asked(12_000, Asked::Create { key: 1 }),
    ];
    let promise = "although the primary was well";
    is_found(Mutant::ForgetsTheCluster, &setup, &schedule, promise);
}

/// A primary whose schema has not been verified yet gets no writes. It may get reads; if its tables are missing, another node is asked.
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
    is_found(
        Mutant::UnpreparedPrimariesAnswer,
        &setup,
        &schedule,
        "internal error",
    );
}

/// Two promotions from one timeline get the same number. Node 4 is promoted by mistake, and recognised as an outcast while the commits of
/// the primary are confirmed. After a failover by the rule to the same number, standbys of the right primary do not count as followers of
/// node 4, which is not elected when the right primary dies.
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

/// Door 14: proofs for made-up tokens hang while no standby confirms them. They leave connections for reads, unless they count as reads
/// themselves.
#[test]
fn proofs_that_take_the_place_of_reads_are_found() {
    let setup = Setup {
        nodes: 2,
        mended_at: 12_000 * MS,
        ..SETUP
    };
    // The service does not reach the standby. The primary does not reach it either, and has not noticed that yet.
    let from = Who::Node(1);
    let mut schedule = vec![
        planned(3_000, Act::CutService { place: 0, from }),
        planned(7_000, Act::CutApart(Who::Node(0), from)),
    ];
    schedule.extend((0..10).map(|at| asked(7_005 + at, Asked::Forged)));
    schedule.extend((0..3).map(|at| asked(7_050 + at, Asked::Any)));
    is_found(
        Mutant::ProofsTakeThePlaceOfReads,
        &setup,
        &schedule,
        "a default read is answered",
    );
}

/// A node that was promoted by mistake and restarted as a standby shows its number to a service that is started afterwards. While nobody
/// follows the primary, that cannot be told from one that its standbys have left; it goes on when they are back.
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
    is_found(
        Mutant::ShownForEver,
        &setup,
        &schedule,
        "after all is mended",
    );
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
    is_found(
        Mutant::PromotedReplicasAnswer,
        &setup,
        &schedule,
        "a Session read shows",
    );
}

/// The migration reaches only node 4, which is promoted by mistake while the primary is dead, and whose schema is prepared. Node 4 dies
/// too, and the failover by the rule makes a timeline of the same number, without the migration.
#[test]
fn a_schema_that_is_ready_by_the_number_of_its_timeline_is_found() {
    let setup = Setup {
        nodes: 4,
        reporting: true,
        empty: true,
        ..SETUP
    };
    let (primary, mistaken) = (Who::Node(0), Who::Node(3));
    let schedule = [
        planned(0, Act::CutApart(primary, Who::Node(1))),
        planned(0, Act::CutApart(primary, Who::Node(2))),
        planned(4_000, Act::Crash(primary)),
        planned(5_000, Act::Mistake(3)),
        planned(8_000, Act::Failover),
        planned(9_500, Act::Crash(mistaken)),
        asked(12_000, Asked::Create { key: 1 }),
    ];
    let promise = "internal error";
    is_found(Mutant::PreparedByNumber, &setup, &schedule, promise);
}
